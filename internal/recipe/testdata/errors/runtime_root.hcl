service "try" {
  version = "1"
  base    = "alpine-3.19"
  runtime {
    user       = "root" # WARNING: Service runs as root
    entrypoint = [] # ERROR: List is empty
  }
}
