#!/bin/sh
# Fills a folder with all that benchmarks on a CUDA device need there beside the torch wheel: no Rust, no checkout, no network.
# Frames that were measured in the folder stay. usage: scripts/bench-pack.sh FOLDER
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

fail() { printf 'bench-pack: %s\n' "$1" >&2; exit 2; }

[ -e "$folder/run.sh" ] || [ -z "$(ls -A "$folder")" ] || fail "$folder holds other things: give a new folder"
command -v strip >/dev/null 2>&1 || fail "no strip found: install binutils"
cargo test --locked --workspace --bench speed --no-run
# The program that this build made or found made.
speed=$(cargo test --locked --workspace --bench speed --no-run --message-format=json 2>/dev/null \
    | sed -n 's/.*"name":"speed".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -x "$speed" ] || fail "the build made no program 'speed'"

# Debug information is most of it, and machines are lent with little room.
strip -o "$folder/speed.tmp" "$speed"
mv "$folder/speed.tmp" "$folder/speed"
mkdir -p "$folder/tiny" "$folder/peers"
cp data/tiny/* "$folder/tiny/"
cp benches/peers/*.py "$folder/peers/"
cp scripts/bench-run.sh "$folder/run.sh"
rm -f "$folder/commit"
if commit=$(git rev-parse HEAD 2>/dev/null); then
    [ -z "$(git status --porcelain --untracked-files=no)" ] || commit=$commit-dirty
    printf '%s\n' "$commit" > "$folder/commit"
fi
printf 'bench-pack: %s (%s): copy it to the machine and start run.sh there\n' "$folder" "$(du -sh "$folder" | cut -f 1)" >&2
