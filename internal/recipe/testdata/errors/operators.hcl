service "try" {
  version = "1" + "2" # ERROR: Operators are not part of recipes
  release = -1 # ERROR: Operators are not part of recipes
  epoch   = "${"1E9999999"+0}" # ERROR: Operators are not part of recipes
  base    = true ? "a" : "b" # ERROR: Operators are not part of recipes
  client  = var.x[*] # ERROR: Operators are not part of recipes
  summary = "%{ if true }a%{ endif }" # ERROR: Directives are not part of recipes # ERROR: Directives are not part of recipes
}
