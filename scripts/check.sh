#!/usr/bin/env bash
# What must hold before tests are worth running: format, vet, staticcheck, tidy
# modules, generated docs, and the repository's own rules.
set -euo pipefail
cd "$(dirname "$0")/.."

status=0
check() {
  local name=$1 out
  shift
  if out=$("$@" 2>&1); then
    printf 'check: %s ok\n' "$name"
  else
    printf 'check: %s:\n%s\n' "$name" "$out" >&2
    status=1
  fi
}

formatted() {
  local files
  files=$(git ls-files -z '*.go' | xargs -0 .tools/bin/gofumpt -l)
  [[ -z $files ]] || { printf 'run .tools/bin/gofumpt -w %s\n' "${files//$'\n'/ }"; return 1; }
}

# The modules beside the product's follow what it imports.
modules() {
  local module
  for module in $(git ls-files '*/go.mod'); do
    (cd "$(dirname "$module")" && go list -deps -test ./... >/dev/null) || return 1
  done
}

check format formatted
check vet go vet ./...
check vet go vet -tags kubernetes ./internal/cli
check staticcheck .tools/bin/staticcheck ./...
check tidy go mod tidy -diff
check modules modules
check rules go test -count=1 ./internal/archtest
check docs go test -count=1 -run '^TestDocs$' ./internal/cli
exit $status
