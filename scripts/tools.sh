#!/usr/bin/env bash
# Installs the tools of make check into .tools/bin, by version. They are not in
# go.mod, so that none of their modules can change ours.
set -euo pipefail
cd "$(dirname "$0")/.."

install() {
  local stamp=".tools/bin/.${1//[\/@]/_}"
  [[ -e $stamp ]] && return
  # A version's own go.mod decides what it is built from.
  (cd / && GOBIN="$OLDPWD/.tools/bin" GOFLAGS= go install "$1")
  : >"$stamp"
}

mkdir -p .tools/bin
install mvdan.cc/gofumpt@v0.9.2
install honnef.co/go/tools/cmd/staticcheck@v0.7.0
