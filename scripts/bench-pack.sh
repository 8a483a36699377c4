#!/bin/sh
# Fills a folder with all that benchmarks on a CUDA device need there beside the torch wheel: no Rust, no checkout, no network.
# usage: scripts/bench-pack.sh FOLDER
set -eu
cd "$(dirname "$0")/.."
folder=$1

fail() { printf 'bench-pack: %s\n' "$1" >&2; exit 2; }

cargo test --locked --workspace --bench speed --no-run
# The program that this build made or found made.
speed=$(cargo test --locked --workspace --bench speed --no-run --message-format=json 2>/dev/null \
    | sed -n 's/.*"name":"speed".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -x "$speed" ] || fail "the build made no program 'speed'"

rm -rf "$folder.tmp"
mkdir -p "$folder.tmp/tiny" "$folder.tmp/peers"
# Debug information is most of it, and machines are lent with little room.
strip -o "$folder.tmp/speed" "$speed" || fail "no strip found: install binutils"
cp data/tiny/* "$folder.tmp/tiny/"
cp benches/peers/*.py "$folder.tmp/peers/"
cp scripts/bench-run.sh "$folder.tmp/run.sh"
git rev-parse HEAD > "$folder.tmp/commit" 2>/dev/null || rm -f "$folder.tmp/commit"
rm -rf "$folder"
mv "$folder.tmp" "$folder"
printf 'bench-pack: %s (%s): copy it to the machine and start run.sh there\n' "$folder" "$(du -sh "$folder" | cut -f 1)" >&2
