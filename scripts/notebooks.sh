#!/bin/sh
# Notebooks: installs what they need into .notebooks/ (once), then opens, executes or renders them.
#   notebooks.sh install | lab | test [NOTEBOOK...] | render [NOTEBOOK...] | selftest
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
evcxr_version=0.22.0
# Versions that were tried; nbclient executes, jupyterlab is for people.
headless="nbclient==0.10.4 nbformat==5.10.4 jupyter-client==8.6.3"
lab="jupyterlab==4.6.6"

fail() { printf 'notebooks: %s\n' "$1" >&2; exit 2; }

command -v cargo >/dev/null 2>&1 || fail "no cargo found: install Rust from https://rustup.rs"
command -v python3 >/dev/null 2>&1 || fail "no python3 found: it runs the notebooks (Debian: apt-get install python3 python3-venv)"
command -v flock >/dev/null 2>&1 || fail "no flock found: kernels take turns with it (Debian: apt-get install util-linux)"

install_kernel() {
    have=$(cat .notebooks/evcxr/version 2>/dev/null || true)
    [ "$have" = "$evcxr_version" ] && [ -x .notebooks/evcxr/bin/evcxr_jupyter ] && return 0
    printf 'notebooks: building evcxr_jupyter %s, once (about 6 minutes on 2 cores) ...\n' "$evcxr_version" >&2
    # Little optimisation: it parses cells, and most of it is rust-analyzer, which takes three times as long to build in full.
    CARGO_TARGET_DIR="$root/.notebooks/build" CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64 \
        cargo install --quiet --locked --force --root .notebooks/evcxr --version "$evcxr_version" evcxr_jupyter \
        || fail "evcxr_jupyter could not be built: see the message above"
    rm -rf .notebooks/build
    printf '%s\n' "$evcxr_version" > .notebooks/evcxr/version
}

install_python() { # what is wanted, as pip writes it
    [ "$(cat .notebooks/venv/packages 2>/dev/null || true)" = "$*" ] && return 0
    case "$(cat .notebooks/venv/packages 2>/dev/null || true)" in "$* "*) return 0 ;; esac
    if command -v uv >/dev/null 2>&1; then
        [ -x .notebooks/venv/bin/python ] || uv venv --quiet .notebooks/venv || fail "uv could not make .notebooks/venv"
        # shellcheck disable=SC2086
        uv pip install --quiet --python .notebooks/venv/bin/python $* || fail "uv could not install: $*"
    else
        [ -x .notebooks/venv/bin/python ] || python3 -m venv .notebooks/venv \
            || fail "python3 has no venv: install it (Debian: apt-get install python3-venv) or install uv"
        # shellcheck disable=SC2086
        .notebooks/venv/bin/python -m pip install --quiet --disable-pip-version-check $* || fail "pip could not install: $*"
    fi
    printf '%s\n' "$*" > .notebooks/venv/packages
}

# The kernelspec names this checkout, so it stays in this checkout: nothing is written to the user's folders.
spec() {
    kernels="$root/target/notebooks/jupyter/kernels/howard"
    mkdir -p "$kernels"
    cat > "$kernels/kernel.json" <<EOF
{
  "argv": ["$root/notebooks/kernel/start", "--control_file", "{connection_file}"],
  "display_name": "Rust (howard)",
  "language": "rust",
  "interrupt_mode": "message"
}
EOF
    export JUPYTER_PATH="$root/target/notebooks/jupyter"
}

what=${1:-help}
[ $# -eq 0 ] || shift
case "$what" in
    install) install_kernel; install_python $headless ;;
    lab)
        install_kernel; install_python $headless $lab; spec
        cd notebooks
        exec "$root/.notebooks/venv/bin/python" -m jupyterlab "$@" ;;
    test | render | selftest)
        install_kernel; install_python $headless; spec
        exec .notebooks/venv/bin/python scripts/notebooks.py "$what" "$@" ;;
    *) sed -n '2,3s/^# *//p' "$0" >&2; exit 2 ;;
esac
