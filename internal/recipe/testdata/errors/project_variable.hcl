variable "alpine" {
  default = "3.${arch}" # ERROR: Nothing to refer to
}
variable "alpine" { # ERROR: Name is there twice
  default = 3.20 # ERROR: Not a text
}
variable "Alpine-Branch" { # ERROR: Missing default # ERROR: Name is not allowed
}
service "x" { # ERROR: Unknown block
}
jobs = 2 # ERROR: Unknown attribute
