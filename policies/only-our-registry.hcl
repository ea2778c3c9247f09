# Only images from one registry, that one trust root lists and two organisations
# have rebuilt. There is no way around it: what this file doesn't allow is refused.
#
# Replace the names, paths and keys by yours.

trust_root "tails" {
  organisation = "tails"
  root         = "/usr/share/tailsbuild/tails.root.json"
  sources      = ["https://trust.example/tails"]
}

rebuilder "example-a" {
  organisation = "example-a"
  builder      = "https://a.rebuild.example/v1"
  key "2026" {
    public = <<-EOT
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE03nfFvNlCCNA4NhMIu8kHO60LXkr
    VPXiyKMQYbCBMbk1h7UqCrXxvG3dq4jEv82yG/QJ9CVmvuD8b0shpmFsRg==
    -----END PUBLIC KEY-----
    EOT
  }
}

rebuilder "example-b" {
  organisation = "example-b"
  builder      = "https://b.rebuild.example/v1"
  key "2026" {
    public = <<-EOT
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElMZ1VoK65yb8hhSDaiS2G7F7nI+l
    Ut2FH9tGE9nbKc9ipbtFaOwBStR31t523/ARHmGxHM+hDiE4jVDcLuJFgw==
    -----END PUBLIC KEY-----
    EOT
  }
}

# Bases are built upon, and never run by themselves: they have no privileges.
scope "registry.example/tails/alpine-*" {
  trust_root       = "tails"
  transparency_log = "optional"
  timestamp        = "optional"
  size             = "8MiB"
  rebuilders {
    minimum = 2
  }
}

scope "registry.example/tails/*" {
  trust_root       = "tails"
  transparency_log = "optional"
  timestamp        = "optional"
  size             = "64MiB"
  rebuilders {
    minimum = 2
  }
  privileges {
    highest_tier = 2
    allowed      = ["cap.NET_BIND_SERVICE", "cap.SYS_CHROOT", "dev./dev/net/tun"]
  }
}
