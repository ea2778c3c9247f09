service "try" {
  version = "1"
  base    = "alpine-3.19"
  runtime {
    user       = "root" # WARNING: Service runs as root
    entrypoint = ["/bin/app"]
    volume "/" { # ERROR: Volume is the whole image
    }
    volume "/srv/../etc" { # ERROR: Path is not absolute and clean
    }
    volume "/srv/app" {
      persistent = "yes" # ERROR: Not true or false
    }
    volume "/srv/app" { # ERROR: Name is there twice
      persistent = true
    }
    volume "/dev/shm" { # ERROR: Path is not part of an image
    }
  }
}
