service "try" {
  version = "1"
  base    = "alpine-3.19"
  summary = "see ${self.homepage}" # ERROR: Attribute is not set
}
