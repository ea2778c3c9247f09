trust_root "tails" {
  organisation = "tails"
  root         = "tails.root.json"
  sources      = ["https://trust.example/tails", "http://abc.onion/trust", "/media/stick/trust", "trust"]
}

sigstore "tails" {
  trusted_root = "tails.trusted_root.json"
}

signer "onionshare" {
  organisation = "onionshare"
  key "2025" {
    public = <<-EOT
      -----BEGIN PUBLIC KEY-----
      MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEF5+xtpI1pQehbWHQLCeln8sGh36s
      N0fjyucyDWtZNhULDzaFZ5nwEoicEncJbJQgwzIJBrgICOOh+YyQ5/RsDw==
      -----END PUBLIC KEY-----
    EOT
  }
  key "2026" {
    public = <<-EOT
      -----BEGIN PUBLIC KEY-----
      MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAES3v19Cxkp+T7kh332Cm+hJqrSAdg
      gxlkiy8V8cJHWTucO0/8NImnPhA3kO4eEuUvqXj9qRDCg7uGUm4kAJ0xNg==
      -----END PUBLIC KEY-----
    EOT
  }
  identity "ci" {
    sigstore = "tails"
    issuer   = "https://gitlab.example.org"
    subject  = "https://gitlab.example.org/onionshare/images//.gitlab-ci.yml@refs/heads/main"
  }
}

rebuilder "riseup" {
  organisation = "riseup"
  builder      = "https://rebuild.example/v1"
  statements   = ["https://rebuild.example/statements", "oci:registry.example:5000/riseup/statements", "/media/stick/statements", "statements"]
  unreachable  = "warn"
  key "2026" {
    public = <<-EOT
      -----BEGIN PUBLIC KEY-----
      MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfQN3Zt2SwTAfXSOOy7gwwb0ybuQY
      wE85dHaCKG+NTBUcbgYpWV6BD51K8Vu3vUEDyFv8KdRiKvTUqERcGkJHMQ==
      -----END PUBLIC KEY-----
    EOT
  }
}

rebuilder "debian" {
  organisation = "debian"
  builder      = "urn:debian"
  key "2026" {
    public = <<-EOT
      -----BEGIN PUBLIC KEY-----
      MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElz4G/RoE1K01R23TM91uswy1+aNn
      2nzfw5GGzkqakv2OdWjYBBt1z28N5F9SkqJR7FmShvNwEP3KjBGYwf3ytQ==
      -----END PUBLIC KEY-----
    EOT
  }
}

rebuilder "guardian" {
  organisation = "guardian"
  builder      = "urn:guardian"
  identity "ci" {
    sigstore = "tails"
    issuer   = "https://gitlab.example.org"
    subject  = "https://gitlab.example.org/guardian/rebuilds//.gitlab-ci.yml@refs/heads/main"
    extensions = {
      deployment-environment = "rebuild"
      source-repository-ref  = "refs/heads/main"
    }
  }
}

rebuilder "own" {
  organisation = "tails"
  builder      = "https://tails.example/v1"
  key "2026" {
    public = <<-EOT
      -----BEGIN PUBLIC KEY-----
      MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8pDpWIXiBPp5HZQYG0CFOgKyVFQX
      bet64MYe2Oki6ISZA5yS0WBn+xB0fDFPspp8IAGLR+p6c4++f4JXMKuSrw==
      -----END PUBLIC KEY-----
    EOT
  }
}

scope "registry.example/services/*" {
  trust_root       = "tails"
  signers          = ["onionshare"]
  foreign          = "warn"
  unsigned         = "ask"
  transparency_log = "optional"
  timestamp        = "optional"
  end_of_support   = "warn"
  size             = "64MiB"
  rebuilders {
    minimum       = 1
    organisations = ["debian", "riseup"]
    different     = "warn"
    maximum_age   = 90
    committed     = true
  }
  privileges {
    highest_tier = 2
    allowed      = ["cap.SYS_CHROOT", "dev./dev/net/tun", "mount.ro /media"]
  }
}

scope "**" {
  trust_root = "tails"
  sigstore   = "tails"
}
