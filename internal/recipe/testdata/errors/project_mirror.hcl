mirror "https://example.org/alpine" {
  locations = [] # ERROR: List is empty
}
mirror "https://example.org/alpine/" { # ERROR: Name is there twice
  locations = ["../mirror", "../mirror"] # ERROR: Location is there twice
}
mirror "dl-cdn" { # ERROR: Not a URL
  locations = ["ftp://example.org/"] # ERROR: Not a URL
}
mirror "https://example.net" { # ERROR: Missing locations
  location = "" # ERROR: Unknown attribute
}
