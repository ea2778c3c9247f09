recipe  = "mqtt"
version = 1

output {
  compatibility          = 1
  buildkit               = "v0.34.2"
  buildkit_compatibility = 30
  compression            = "gzip"
}

input "go_module" "m" {
  module  = "Not A Module" # ERROR: Wrong value
  version = "latest"       # ERROR: Wrong value
  sum     = "h1:short"     # ERROR: Wrong value
  packages = ["./cmd", "-exec=x"] # ERROR: Not a package of the module
  modules = [
    "example.com/b v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "example.com/a v1.0.0/go.mod h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", # ERROR: Modules are not sorted
    "example.com/c v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",        # ERROR: Not a module
    "example.com/../d v1.0.0/go.mod h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", # ERROR: Not a module
  ]
  size   = 1
  sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}

input "go_module" "n" {
  module   = "example.com/n"
  version  = "v1.0.0"
  packages = "./cmd" # ERROR: Wrong value
  sum      = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  modules = [
    7, # ERROR: Wrong value
  ]
  size   = 1
  sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}
