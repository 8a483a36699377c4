#!/bin/sh
# Puts libtorch into .libtorch/site: the PyPI wheel torch==2.11.0 with its NVIDIA wheels (one wheel for CPU and CUDA).
# Idempotent; an interrupted run starts over. With LIBTORCH set, checks that folder and installs nothing.
set -eu
cd "$(dirname "$0")/.."
version=2.11.0
need_kib=7000000

fail() { printf 'setup: %s\n' "$1" >&2; exit 2; }

command -v cargo >/dev/null 2>&1 || fail "no cargo found: install Rust from https://rustup.rs"
command -v c++ >/dev/null 2>&1 || command -v g++ >/dev/null 2>&1 || fail "no C++ compiler found: install g++ (Debian: apt-get install g++)"

if [ -n "${LIBTORCH:-}" ]; then
    [ -e "$LIBTORCH/lib/libtorch_cpu.so" ] || fail "LIBTORCH=$LIBTORCH has no lib/libtorch_cpu.so: point it at a libtorch $version folder, or unset it"
    found=$(cat "$LIBTORCH/build-version" 2>/dev/null || sed -n "s/^__version__ = '\(.*\)'/\1/p" "$LIBTORCH/version.py" 2>/dev/null || true)
    case "$found" in
        "$version"*) ;;
        *) fail "LIBTORCH=$LIBTORCH is version '${found:-unknown}', howard needs $version: point LIBTORCH elsewhere, or unset it" ;;
    esac
    exit 0
fi

[ "$(cat .libtorch/DONE 2>/dev/null || true)" = "$version" ] && exit 0

[ "$(uname -s)-$(uname -m)" = "Linux-x86_64" ] || fail "the wheel is fetched for Linux on x86-64 only: set LIBTORCH to a libtorch $version folder"
command -v python3 >/dev/null 2>&1 || fail "no python3 found: it is needed once, to fetch libtorch (Debian: apt-get install python3 python3-venv)"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "$(python3 --version) is too old for the torch $version wheel: Python 3.10 or newer is needed"
mkdir -p .libtorch 2>/dev/null || fail "cannot write to $(pwd)"
free_kib=$(df -Pk .libtorch | awk 'NR==2 {print $4}')
[ "$free_kib" -ge "$need_kib" ] || fail "$(pwd) has $((free_kib / 1024)) MiB free, libtorch needs $((need_kib / 1024)) MiB: free some space, or set LIBTORCH"

printf 'setup: fetching libtorch %s (about 2.5 GB to download, 4.5 GB on disk) ...\n' "$version" >&2
rm -rf .libtorch/site .libtorch/partial
if command -v uv >/dev/null 2>&1; then
    uv pip install --quiet --python python3 --target .libtorch/partial "torch==$version" \
        || fail "uv could not fetch torch==$version: see its message above (is there a network?)"
else
    [ -x .libtorch/venv/bin/pip ] || python3 -m venv .libtorch/venv >/dev/null 2>&1 \
        || { rm -rf .libtorch/venv; fail "python3 has no venv: install it (Debian: apt-get install python3-venv) or install uv"; }
    .libtorch/venv/bin/pip install --quiet --disable-pip-version-check --no-compile --target .libtorch/partial "torch==$version" \
        || fail "pip could not fetch torch==$version: see its message above (is there a network?)"
fi
[ -e .libtorch/partial/torch/lib/libtorch_cpu.so ] || fail "the torch wheel has no libtorch_cpu.so: remove .libtorch and try again"
mv .libtorch/partial .libtorch/site
printf '%s\n' "$version" > .libtorch/DONE
