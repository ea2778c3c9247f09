#!/usr/bin/env bash
# Gets what building and testing tailsbuild needs and this machine lacks: runc,
# crun, uidmap (to build without root), git, make and certificates from the
# distribution, Go 1.26.8 into .tools/, and the Go modules. Where no test may be
# skipped (TAILSBUILD_REQUIRE_ALL), also podman, docker, a token in software, a C
# compiler, jq, QEMU for aarch64 and what writes the formats that comparisons know.
# It asks for root only if a package is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

export PATH="$PWD/.tools/go/bin:$PATH:/usr/local/go/bin:/usr/sbin:/sbin"

go_version=1.26.8
declare -A go_sums=(
  [amd64]=h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=
  [arm64]=h1:sYL/O6MqS68ML0kjsQ36WoYIpJqkw60TxizWUYUKQMc=
)

# What the kernel is told of QEMU, with the flag F: build steps have a root of their own.
emulator=/usr/lib/binfmt.d/qemu-aarch64.conf

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 5; }

# packages prints those of the named packages whose program, or file, is missing.
missing_packages() {
  command -v runc >/dev/null || echo runc
  command -v crun >/dev/null || echo crun
  command -v newuidmap >/dev/null || echo uidmap
  command -v git >/dev/null || echo git
  command -v make >/dev/null || echo make
  # What tests need that may be skipped elsewhere.
  if [[ -n ${TAILSBUILD_REQUIRE_ALL:-} ]]; then
    command -v podman >/dev/null || echo podman
    command -v dockerd >/dev/null || echo docker.io
    command -v softhsm2-util >/dev/null || echo softhsm2
    command -v jq >/dev/null || echo jq
    [[ $(uname -m) != x86_64 || -e $emulator ]] || echo qemu-user-static
    command -v gcc >/dev/null || printf '%s
' gcc libc6-dev
    # What makes the files that comparisons take apart.
    local program
    for program in python3 sqlite3 openssl zip zstd bzip2 xz:xz-utils msgfmt:gettext cpio ssh-keygen:openssh-client \
      diffoscope:diffoscope-minimal; do
      command -v "${program%:*}" >/dev/null || echo "${program#*:}"
    done
    [[ -e /usr/share/i18n/locales/de_DE ]] || echo locales
  fi
  [[ -e /etc/ssl/certs/ca-certificates.crt || -e /etc/pki/tls/certs/ca-bundle.crt || -e /etc/ssl/cert.pem ]] || echo ca-certificates
}

install_packages() {
  command -v apt-get >/dev/null || die "please install with your package manager, then run make setup again: $*"
  local root=()
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null || die "please install as root: apt-get install $*"
    root=(sudo)
  fi
  say "installing $* from the distribution${root:+ (sudo may ask for your password)}"
  "${root[@]}" apt-get update -q
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# register_emulator does what systemd does with that file, where there is no systemd.
register_emulator() {
  local misc=/proc/sys/fs/binfmt_misc
  [[ -e $emulator && $(id -u) == 0 && ! -e $misc/qemu-aarch64 ]] || return 0
  [[ -e $misc/register ]] || mount -t binfmt_misc binfmt_misc "$misc"
  say "registering QEMU for aarch64"
  cat "$emulator" >"$misc/register"
}

# go_works reports whether the go command takes this module: it is new enough, or
# can switch to a toolchain that is.
go_works() { command -v go >/dev/null && go list -m >/dev/null 2>&1; }

install_go() {
  local arch sum module json dir
  case $(uname -m) in
    x86_64) arch=amd64 ;;
    aarch64) arch=arm64 ;;
    *) die "no Go toolchain is pinned for $(uname -m): please install Go $go_version" ;;
  esac
  sum=${go_sums[$arch]}
  module=golang.org/toolchain@v0.0.1-go$go_version.linux-$arch
  command -v go >/dev/null || install_packages golang-go
  say "getting Go $go_version into .tools/go"
  # An older go command can fetch a newer toolchain, but not read our go.mod.
  json=$(cd / && GOTOOLCHAIN=local GOFLAGS=-mod=mod go mod download -json "$module") ||
    die "$module: $json"
  grep -qF "\"Sum\": \"$sum\"" <<<"$json" || die "$module: its sum is not $sum: $json"
  dir=$(sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p' <<<"$json")
  [[ -d $dir ]] || die "$module: no folder in $json"
  rm -rf .tools/go.new .tools/go
  mkdir -p .tools
  cp -r "$dir" .tools/go.new
  chmod -R u+w .tools/go.new
  chmod +x .tools/go.new/bin/* .tools/go.new/pkg/tool/*/* # modules have no exec bits
  mv .tools/go.new .tools/go
  hash -r # the shell remembers where the older go is
  go_works || die "Go $go_version does not work: $(go list -m 2>&1)"
}

missing=$(missing_packages)
# shellcheck disable=SC2086 # one word each
[[ -z $missing ]] || install_packages $missing
[[ -z ${TAILSBUILD_REQUIRE_ALL:-} ]] || register_emulator
go_works || install_go
say "$(go version), $(runc --version | head -n 1), $(crun --version | head -n 1)"
go mod download
