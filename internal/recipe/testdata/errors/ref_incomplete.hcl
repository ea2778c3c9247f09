service "try" {
  version  = "1"
  base     = "alpine-3.19"
  summary  = "${var}" # ERROR: Reference is not one name
  client   = "${self.version.major}" # ERROR: Reference is not one name
  connect  = "${self["version"]}" # ERROR: Reference is not one name
  homepage = "${arch.x}" # ERROR: Reference is not one name
  license  = self.packages # ERROR: Unknown attribute of the recipe
}
