recipe  = "mqtt"
version = 1
epoch   = 3 # ERROR: Unsupported argument

output { # ERROR: Missing required argument
  compatibility          = 1
  buildkit               = "0.34" # ERROR: Wrong value
  buildkit_compatibility = "x"    # ERROR: Wrong value
}

inputs "a" "b" { # ERROR: Unsupported block type
}

input "deb" "b" { # ERROR: Unknown kind of input
}

input "http" "a/b" { # ERROR: Not a name
  url    = "ftp://example.com/" # ERROR: Wrong value
  size   = 8589934593           # ERROR: Input is too large
  sha256 = "AAAAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" # ERROR: Wrong value
}

input "http" "c" {
  url     = "https://user@example.com/" # ERROR: Wrong value
  size    = true                        # ERROR: Wrong value
  sha256  = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  diff_id = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" # ERROR: Unsupported argument
}

image "riscv64" { # ERROR: Unknown architecture
  plan   = "md5:00" # ERROR: Wrong value
  digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}
