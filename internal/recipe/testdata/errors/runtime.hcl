service "try" {
  version = "1"
  base    = "alpine-3.19"
  user "app" {
    uid = 1000
  }
  runtime {
    user        = "ap" # ERROR: Unknown user
    entrypoint  = ["sshd", "-D"] # ERROR: Program is not an absolute path
    working_dir = "." # ERROR: Path is not absolute and clean
    stop_signal = "TERM" # ERROR: Unknown signal
    env         = { "1A" = "b" } # ERROR: Variable name is not allowed
  }
}
