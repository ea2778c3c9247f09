service "try" {
  version = "1"
  base    = "alpine-3.19"
  privilege "capability" "SYS_CHROOT" { # ERROR: Missing reason
  }
  privilege "capability" "CAP_NET_ADMIN" { # ERROR: Unknown capability
    reason = "routes"
  }
  privilege "capability" "ALL" { # ERROR: Privilege is everything at once
    reason = "all of them"
  }
  privilege "capabilty" "KILL" { # ERROR: Unknown kind of privilege
    reason = "kills"
  }
  privilege "privileged" "true" { # ERROR: Privilege is everything at once
    reason = "easier"
  }
  privilege "device" "/dev/../etc/shadow" { # ERROR: Not a device
    reason = "reads"
  }
  privilege "device" "/dev/net/tun" {
    reason = " " # ERROR: Text is empty
  }
  privilege "mount" "/media" { # ERROR: Not a mount
    reason = "reads"
  }
  privilege "network" "internet" { # ERROR: Unknown privilege
    reason = "talks"
  }
  privilege "sysctl" "ip_forward" { # ERROR: Unknown privilege
    reason = "forwards"
  }
  privilege "namespace" "pid" {
    reason = "sees processes"
  }
  privilege "namespace" "pid" { # ERROR: Privilege is there twice
    reason = "sees them again"
  }
}
