# Everyone who signs can be run, with a warning when the signature is not ours, and
# what nobody signed only after a person accepted it twice. Tails' own images have
# stricter rules, so that a person learns what a missing warning is worth.
#
# Replace the names, paths and keys by yours. containerd can be told of all this; what
# podman and Kubernetes need beside it is in docs/enforce.md.

trust_root "tails" {
  organisation = "tails"
  root         = "/usr/share/tailsbuild/tails.root.json"
  sources      = ["https://trust.example/tails"]
}

rebuilder "example" {
  organisation = "example"
  builder      = "https://rebuild.example/v1"
  key "2026" {
    public = <<-EOT
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmATCm4YXiIi/SNDIdqUtL0tlHkuE
    N8o6QrSvrlBp3p1OhhsqyX/grPqrCCw9uhpjZD8bZR55d024L/rUi3+y+g==
    -----END PUBLIC KEY-----
    EOT
  }
}

scope "registry.example/tails/**" {
  trust_root       = "tails"
  transparency_log = "optional"
  timestamp        = "optional"
  end_of_support   = "warn"
  size             = "64MiB"
  rebuilders {
    minimum = 1
  }
  privileges {
    highest_tier = 2
    allowed = [
      "cap.NET_BIND_SERVICE", "cap.SYS_CHROOT", "rootfs.rw",
      "dev./dev/net/tun", "net.outbound",
    ]
  }
}

# Everything else. Nothing here is asked to be small or to be rebuilt, but it gets
# no privileges that a person isn't asked for, and none that equal root.
scope "**" {
  trust_root       = "tails"
  foreign          = "warn"
  unsigned         = "ask"
  transparency_log = "optional"
  timestamp        = "optional"
  end_of_support   = "warn"
  privileges {
    highest_tier = 1
  }
}
