service "try" {
  version  = lowr("A") # ERROR: Unknown function
  base     = lower() # ERROR: Wrong number of arguments
  summary  = replace("a", "", "b") # ERROR: Text is empty
  client   = join(",", "a") # ERROR: Not a list
  connect  = lower(5) # ERROR: Not a text
  packages = split("", "a b") # ERROR: Text is empty
}
