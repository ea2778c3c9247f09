#!/usr/bin/env bash
# The main job, once, on real recipes: build twice, compare, sign, verify. The
# digests must be those that this repository records, so this is an independent
# reproduction on your machine.
set -euo pipefail
cd "$(dirname "$0")/.."

recipes=(alpine-3.19 mqtt)
work=.demo
say() { printf '\n== %s\n' "$*"; }

run=()
store=()
if ! bin/tailsbuild doctor >/dev/null 2>&1 && [[ $(id -u) != 0 ]]; then
  command -v sudo >/dev/null || { bin/tailsbuild doctor; exit 5; }
  echo "demo: this user can't make namespaces, so root has to build; sudo may ask for your password" >&2
  run=(sudo --preserve-env=GOPROXY,GOSUMDB,GONOSUMDB,GOFLAGS,TAILSBUILD_PASSWORD env "PATH=$PATH")
  store=(--store "$work/store")
  trap 'sudo chown -R "$(id -u):$(id -g)" "$work" dist 2>/dev/null || true' EXIT
fi

# A key for this demo alone; nobody should trust what it signs.
export TAILSBUILD_PASSWORD=
mkdir -p "$work"
rm -f "$work/throw-away.key" "$work/throw-away.pub"
say "a throw-away key"
bin/tailsbuild key new --out "$work/throw-away"

say "two builds of each: ${recipes[*]}"
"${run[@]}" bin/tailsbuild build "${recipes[@]}" --key "$work/throw-away.key" "${store[@]}" --output dist

for name in "${recipes[@]}"; do
  say "dist/$name, verified again from its files alone"
  bin/tailsbuild verify "dist/$name" --key "$work/throw-away.pub"
done

cat <<EOF

The releases are dist/${recipes[0]} and dist/${recipes[1]}: OCI layouts, to copy anywhere.
Next:
  bin/tailsbuild plan mqtt                        what both builders were given
  \$EDITOR recipes/mqtt/recipe.hcl                 change something, then
  bin/tailsbuild build mqtt                       see whether it is still reproducible
EOF
