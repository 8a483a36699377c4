#!/bin/sh
# Measures on this machine's CUDA device with nothing but the torch wheel: in the folder that scripts/bench-pack.sh fills.
# First what the device computes is compared with the CPU; if it is not the same to rounding, nothing else is measured. What is
# measured already stays when the run ends early.
#
#   DEVICE=cuda:0    cuda, cuda:N or cpu
#   ONLY=TEXT        only cases whose model or name contains this
#   OUT=DIR          where frames are written, or added to (default: results/ in the folder)
#   THREADS=N        threads of each program on the CPU (default: all)
#   PYTHON=python3   where torch is, and transformers, trl and vLLM for the peers if they are installed
#   LIBTORCH=DIR     libtorch 2.11 elsewhere
set -eu
here=$(cd "$(dirname "$0")" && pwd)
device=${DEVICE:-cuda}
out=${OUT:-$here/results}
python=${PYTHON:-python3}
version=2.11

fail() { printf 'run.sh: %s\n' "$1" >&2; exit 2; }

if [ -z "${LIBTORCH:-}" ]; then
    LIBTORCH=$("$python" -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])' 2>/dev/null) \
        || fail "$python has no torch: pip install torch==$version.0, or set PYTHON or LIBTORCH"
fi
[ -e "$LIBTORCH/lib/libtorch_cpu.so" ] || fail "$LIBTORCH has no lib/libtorch_cpu.so: point LIBTORCH at a libtorch $version folder"
found=$(sed -n "s/^__version__ = '\(.*\)'/\1/p" "$LIBTORCH/version.py" 2>/dev/null || true)
[ -n "$found" ] || found=$(cat "$LIBTORCH/build-version" 2>/dev/null || true)
case "$found" in
    "$version"*) ;;
    *) fail "$LIBTORCH is version '${found:-unknown}', this program needs $version" ;;
esac
export LD_LIBRARY_PATH="$LIBTORCH/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

set -- --device "$device" --tiny "$here/tiny" --scripts "$here/peers" --threads "${THREADS:-$(nproc)}"
[ ! -e "$here/commit" ] || set -- "$@" --commit "$(cat "$here/commit")"
kind=cpu
if [ "$device" != cpu ]; then
    kind=gpu
    index=${device#cuda}
    index=${index#:}
    gpu=$(nvidia-smi --id="${index:-0}" --query-gpu=name --format=csv,noheader 2>/dev/null || true)
    set -- "$@" --machine "$gpu"
fi
mkdir -p "$out" || fail "cannot write to $out"
"$here/speed" "$@" --agree --out "$out/agreement-$kind.jsonl"
if "$python" -c 'import transformers' 2>/dev/null; then
    set -- "$@" --peers "$(command -v "$python")"
else
    printf 'run.sh: %s has no transformers: only howard is measured\n' "$python" >&2
fi
[ -z "${ONLY:-}" ] || set -- "$@" --only "$ONLY"
"$here/speed" "$@" --out "$out/$kind.jsonl"
printf 'run.sh: frames are in %s: copy them to benches/results and run `make bench-page`\n' "$out" >&2
