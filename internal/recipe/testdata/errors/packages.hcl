service "try" {
  version = "1"
  base    = "alpine-3.19"
  packages = [
    "openssh",
    "--allow-untrusted", # ERROR: Not a package
    "openssh>=", # ERROR: Not a package
  ]
}
