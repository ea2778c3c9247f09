#!/usr/bin/env bash
# Rebuilds recipes from their sealed inputs alone: seals what each is built from,
# then builds it twice from that, with no network, no mirror, no recipes and an empty
# store, and prints whether the digest is the one that the recipe's lock records.
#
#   scripts/rebuild-all.sh [RECIPE...]      the default is all recipes
#
# TAILSBUILD is the program (bin/tailsbuild), STORE and MIRROR what sealing reads
# inputs from, if not the default. It needs root, for a network and mounts of its own.
set -euo pipefail
here=$(dirname "$(dirname "$(readlink -f "$0")")")

die() { printf 'rebuild: error: %s\n' "$*" >&2; exit 5; }
[[ $(id -u) == 0 ]] || die "only root can take the network away: sudo make rebuild"

tailsbuild=$(command -v "${TAILSBUILD:-$here/bin/tailsbuild}") || die "no tailsbuild: make build"
tailsbuild=$(readlink -f "$(dirname "$tailsbuild")")/$(basename "$tailsbuild")
from=(--recipes "$here/recipes" ${STORE:+--store "$STORE"} ${MIRROR:+--mirror "$MIRROR"})

recipes=("$@")
if [[ $# == 0 ]]; then
  for recipe in "$here"/recipes/*/recipe.hcl; do
    recipes+=("$(basename "$(dirname "$recipe")")")
  done
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/rebuild.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/alone"

# A chroot can't have mounts of its own. There the builds are told of no mirror, but
# could find it.
isolation=(--net --mount)
hide=("$here/../shared/mirror" "${MIRROR:-}")
if ! unshare "${isolation[@]}" true 2>/dev/null; then
  printf 'rebuild: warning: this is a chroot, so the mirror is not hidden\n' >&2
  isolation=(--net) hide=("" "")
fi

# alone runs a command where nothing can be had but what is in $work.
alone() {
  # shellcheck disable=SC2016 # the inner shell's
  unshare "${isolation[@]}" -- sh -euc '
    cd "$1"
    for mirror in "$2" "$3"; do
      [ ! -d "$mirror" ] || mount -t tmpfs -o ro none "$mirror"
    done
    shift 3
    exec "$@"' sh "$work/alone" "${hide[@]}" env GOPROXY=off "$@"
}

status=0
row() { printf '%-16s  %-71s  %-10s  %7s\n' "$@"; }
row recipe digest reproduced seconds
for recipe in "${recipes[@]}"; do
  # Not of an image: the one to be built doesn't exist yet.
  "$tailsbuild" archive "$recipe" --detached --output "$work/sealed" "${from[@]}" --progress quiet >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; die "$recipe can't be sealed"; }

  start=$(date +%s)
  result=yes
  alone "$tailsbuild" build "$recipe" --sealed "$work/sealed" --offline \
    --store "$work/store" --output "$work/out" --progress quiet >"$work/log" 2>&1 || result=no
  digest=$(sed -n 's/^  build A *//p' "$work/log")
  grep -q '^  recorded   reproduced' "$work/log" || result=no
  row "$recipe" "${digest:--}" "$result" $(($(date +%s) - start))
  if [[ $result == no ]]; then
    status=1
    cat "$work/log" >&2
  fi
  rm -rf "$work/sealed" "$work/store" "$work/out" "$work/alone"/*
done
exit $status
