service "try" {
  version = "1"
  base    = "alpine-3.19"
  source "go_module" "a" {
    module  = "example.org/App Name" # ERROR: Not a module path
    version = "1.2.3" # ERROR: Not a module version
  }
  source "go_module" "b" {
    module  = "example.org/app"
    version = "v2.0.0" # ERROR: Module and version don't fit
  }
  source "go_module" "c" {
    module  = "example.org/app/v2"
    version = "v2.0" # ERROR: Not a module version
  }
  source "go_module" "d" {
    module  = "example.org/app"
    version = "v1.0.0"
    packages = [
      "./cmd",
      "./cmd/...",
      "cmd", # ERROR: Not a package of the module
      "./../x", # ERROR: Not a package of the module
    ]
  }
  toolchain "go" {
    version = "1.26" # ERROR: Not a Go release
  }
  toolchain "rust" { # ERROR: Unknown toolchain
    version = "go1.26.8" # ERROR: Not a Go release
  }
  build {
    run = "true"
  }
}
