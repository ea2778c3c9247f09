service "try" {
  version  = "" # ERROR: Text is empty
  summary  = "  " # ERROR: Text is empty
  base     = "alpine-3.19"
  client   = null # ERROR: Value is null
  packages = "openssh" # ERROR: Not a list
  labels   = ["a"] # ERROR: Wrong type
}
