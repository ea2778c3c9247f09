service "try" {
  version  = [for x in ["1"] : x] # ERROR: Expression is not data
  base     = ["alpine"][0] # ERROR: Expression is not data
  packages = [["a"]] # ERROR: Wrong type
  summary  = "${["a"]}" # ERROR: Wrong type
  client   = "a ${["b"]}" # ERROR: Not a text
}
