# Only images from one registry, that one trust root lists and two organisations
# have rebuilt, one with a key and one as a job of a GitLab instance. Signatures and
# rebuilds count only when a transparency log has them, for all to see, and a
# timestamp authority says when they were made. There is no way around it: what this
# file doesn't allow is refused.
#
# Replace the names, paths and keys by yours. containerd can be told of all this; what
# podman and Kubernetes need beside it is in docs/enforce.md.

trust_root "tails" {
  organisation = "tails"
  root         = "/usr/share/tailsbuild/tails.root.json"
  sources      = ["https://trust.example/tails"]
}

sigstore "tails" {
  trusted_root = "/usr/share/tailsbuild/tails.trusted_root.json"
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

# It is not enough that a job of this file signed on the main branch: any job of it
# could. The one that rebuilds is deployed to an environment of its own, which GitLab
# can protect.
rebuilder "example-b" {
  organisation = "example-b"
  builder      = "https://b.rebuild.example/v1"
  identity "ci" {
    sigstore = "tails"
    issuer   = "https://gitlab.example"
    subject  = "https://gitlab.example/example-b/rebuilds//.gitlab-ci.yml@refs/heads/main"
    extensions = {
      deployment-environment = "rebuild"
      runner-environment     = "self-hosted"
    }
  }
}

# Bases are built upon, and never run by themselves: they have no privileges.
scope "registry.example/tails/alpine-*" {
  trust_root = "tails"
  sigstore   = "tails"
  size       = "8MiB"
  rebuilders {
    minimum = 2
  }
}

scope "registry.example/tails/*" {
  trust_root = "tails"
  sigstore   = "tails"
  size       = "64MiB"
  rebuilders {
    minimum = 2
  }
  privileges {
    highest_tier = 2
    allowed      = ["cap.NET_BIND_SERVICE", "cap.SYS_CHROOT", "dev./dev/net/tun"]
  }
}
