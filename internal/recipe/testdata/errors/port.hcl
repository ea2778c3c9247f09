service "try" {
  version = "1"
  base    = "alpine-3.19"
  runtime {
    user       = "root" # WARNING: Service runs as root
    entrypoint = ["/bin/app"]
    port "a" {
      number = 80
      onion  = 80
    }
    port "b" {
      number = 80 # ERROR: Port is there twice
      onion  = 80 # ERROR: Port is there twice
    }
    port "c" {
      number   = 80
      protocol = "udp"
      onion    = 81 # ERROR: Onion services have no UDP
    }
    port "a" { # ERROR: Name is there twice
      number   = 65536 # ERROR: Number is out of range
      protocol = "sctp" # ERROR: Unknown protocol
      onion    = 0 # ERROR: Number is out of range
    }
    port "Web" { # ERROR: Name is not allowed
      number = 81
    }
  }
}
