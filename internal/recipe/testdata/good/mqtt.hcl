service "mqtt" {
  version = "2.7.9"
  base    = "alpine-${var.alpine}"
  source "go_module" "mochi" {
    module  = "github.com/mochi-mqtt/server/v2"
    version = "v${self.version}"
  }
  toolchain "go" { version = "1.26.8" }
  build {
    run = "cd $SRC_mochi && go build -trimpath -buildvcs=false -o $OUT/usr/bin/mqtt ./cmd"
  }
}
