test "a release" {
  image      = "registry.example/tails/mqtt:2.7.9-r0"
  expect     = "trusted"
  privileges = ["cap.SYS_CHROOT"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
  rebuild "example-a" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
  rebuild "example-b" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
}

test "one organisation, twice" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  reasons = ["too-few-rebuilds"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
  rebuild "example-a" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
  rebuild "example-a" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
}

test "a release that no log has" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  reasons = ["not-logged", "other-signer"]
  signature "stranger" {
    listed      = true
    timestamped = true
  }
  rebuild "example-a" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
  rebuild "example-b" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
}

test "a timestamp of another signature alone" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  reasons = ["other-signer"]
  signature "stranger" {
    listed = true
    logged = true
  }
  signature "stranger" {
    logged      = true
    timestamped = true
  }
}

test "a rebuild that no log has" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  reasons = ["too-few-rebuilds", "rebuild-not-counted"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
  rebuild "example-a" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
  rebuild "example-b" {
    outcome     = "reproduced"
    timestamped = true
  }
}

test "a rebuild by another job of the same project" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  reasons = ["too-few-rebuilds", "rebuild-not-counted"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
  rebuild "example-a" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
  rebuild "example-b" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
    extensions = {
      deployment-environment = "staging"
    }
  }
}

test "one says no" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  reasons = ["rebuilt-different"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
  rebuild "example-a" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
  rebuild "example-b" {
    outcome     = "different"
    logged      = true
    timestamped = true
  }
}

test "a key of one, the builder of the other" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  reasons = ["too-few-rebuilds", "rebuild-not-counted"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
  rebuild "example-a" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
  rebuild "example-a" {
    outcome     = "reproduced"
    builder     = "https://b.rebuild.example/v1"
    logged      = true
    timestamped = true
  }
}

test "a base" {
  image  = "registry.example/tails/alpine-3.24:3.24.2-r0"
  expect = "trusted"
  size   = "4MiB"
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
  rebuild "example-a" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
  rebuild "example-b" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
}

test "a base with a privilege" {
  image      = "registry.example/tails/alpine-3.24:3.24.2-r0"
  expect     = "refused"
  privileges = ["cap.SYS_CHROOT"]
  reasons    = ["privilege-not-allowed"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
}

test "a base that gets no fixes any more" {
  image          = "registry.example/tails/alpine-3.19:3.19.4-r0"
  expect         = "refused"
  end_of_support = "2025-11-01"
  reasons        = ["support-ended"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
}

test "another registry" {
  image   = "docker.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  reasons = ["no-scope"]
  signature "stranger" {}
}

test "a folder below" {
  image   = "registry.example/tails/mirror/mqtt:2.7.9-r0"
  expect  = "refused"
  reasons = ["no-scope"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
}

test "the same registry, written in another way" {
  image   = "REGISTRY.example:443/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  target  = "absent"
  reasons = ["foreign-refused"]
  signature "stranger" {}
}

test "nobody's" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  target  = "absent"
  reasons = ["unsigned-refused", "not-listed"]
}

test "a tag that was moved" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  target  = "other"
  reasons = ["other-digest"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
}

test "an older release" {
  image       = "registry.example/tails/mqtt:2.7.8-r0"
  expect      = "refused"
  rolled_back = true
  reasons     = ["rolled-back"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
}

test "a trust root that has expired" {
  image      = "registry.example/tails/mqtt:2.7.9-r0"
  expect     = "refused"
  trust_root = "expired"
  reasons    = ["trust-root-expired"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
}

test "a release that asks for three rebuilds itself" {
  image              = "registry.example/tails/mqtt:2.7.9-r0"
  expect             = "refused"
  minimum_rebuilders = 3
  reasons            = ["too-few-rebuilds"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
  rebuild "example-a" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
  rebuild "example-b" {
    outcome     = "reproduced"
    logged      = true
    timestamped = true
  }
}

test "one that is too large for RAM" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  size    = "65MiB"
  reasons = ["too-large"]
  signature "stranger" {
    listed      = true
    logged      = true
    timestamped = true
  }
}
