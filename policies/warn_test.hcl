test "a release of ours" {
  image      = "registry.example/tails/mqtt:2.7.9-r0"
  expect     = "trusted"
  reasons    = ["vouched", "rebuilt"]
  privileges = ["cap.SYS_CHROOT"]
  rebuild "example" {
    outcome = "reproduced"
  }
}

test "ours, and nobody rebuilt it" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  reasons = ["too-few-rebuilds"]
}

test "ours, and a stranger rebuilt it" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  reasons = ["too-few-rebuilds", "rebuild-not-counted"]
  rebuild "stranger" {
    outcome = "reproduced"
  }
}

test "ours, and it can't be reproduced" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  reasons = ["rebuilt-different"]
  rebuild "example" {
    outcome = "different"
  }
}

test "a stranger's, where ours are" {
  image   = "registry.example/tails/mqtt:2.7.9-r0"
  expect  = "refused"
  target  = "absent"
  reasons = ["not-listed", "foreign-refused"]
  signature "stranger" {}
}

test "ours under another name is still listed" {
  image  = "mirror.example/mqtt:2.7.9-r0"
  expect = "trusted"
}

test "a stranger's" {
  image   = "docker.example/someone/app:1"
  expect  = "foreign"
  target  = "absent"
  reasons = ["not-listed", "foreign-signer"]
  signature "stranger" {}
}

test "a stranger's that asks for the host" {
  image      = "docker.example/someone/app:1"
  expect     = "refused"
  target     = "absent"
  privileges = ["net.host"]
  reasons    = ["privilege-not-allowed"]
  signature "stranger" {}
}

test "nobody's" {
  image          = "docker.example/someone/app:1"
  expect         = "unsigned"
  target         = "absent"
  end_of_support = "unknown"
  reasons        = ["not-listed", "support-unknown"]
}

test "a stranger's that a rebuilder of ours found out" {
  image   = "docker.example/someone/app:1"
  expect  = "refused"
  target  = "absent"
  reasons = ["rebuilt-different"]
  signature "stranger" {}
  rebuild "example" {
    outcome = "different"
  }
}

test "while the trust root can't be asked" {
  image      = "docker.example/someone/app:1"
  expect     = "refused"
  trust_root = "failed"
  target     = "absent"
  reasons    = ["trust-root-failed"]
  signature "stranger" {}
}

test "revoked" {
  image   = "docker.example/someone/app:1"
  expect  = "refused"
  revoked = "its key was stolen"
  reasons = ["revoked"]
}
