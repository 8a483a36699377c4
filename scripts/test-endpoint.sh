#!/bin/sh
# Runs eval and traces against `transformers serve`, a server that we did not write, holding the tiny model, and compares
# with the same model on this machine: greedy answers text by text, sampled ones by their accuracy. Needs a Python 3.10 or
# newer; transformers goes into an environment of its own under .libtorch/ (once), torch is the one that set-up installed.
set -eu
cd "$(dirname "$0")/.."
bin="$1"
port="${HOWARD_TEST_PORT:-8931}"
env=.libtorch/serve
out=results/test-endpoint
version=5.24.0
site="${LIBTORCH:-$PWD/.libtorch/site/torch}/.."

fail() { printf 'test-endpoint: %s\n' "$1" >&2; exit 2; }

[ -e "$site/torch/__init__.py" ] || fail "$site/torch is libtorch without Python: unset LIBTORCH and run make setup"
if [ "$(cat "$env/DONE" 2>/dev/null || true)" != "$version" ]; then
    command -v python3 >/dev/null 2>&1 || fail "no python3 found (Debian: apt-get install python3 python3-venv)"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "$(python3 --version) is too old: Python 3.10 or newer is needed"
    printf 'test-endpoint: installing transformers %s into %s ...\n' "$version" "$env" >&2
    mkdir -p .libtorch
    rm -rf "$env"
    python3 -m venv "$env" || fail "python3 has no venv: install it (Debian: apt-get install python3-venv)"
    # transformers[serving] without torch, which is here already and has 2.5 GB (accelerate would bring it again).
    pip="$env/bin/python -m pip install --quiet --disable-pip-version-check"
    { $pip "transformers==$version" fastapi uvicorn starlette pydantic openai rich psutil && $pip --no-deps "accelerate==1.15.0"; } \
        || fail "pip could not fetch transformers==$version: see its message above (is there a network?)"
    printf '%s\n' "$version" > "$env/DONE"
fi
if "$env/bin/python" -c "import socket as s; s.create_connection(('localhost', $port), 2)" 2>/dev/null; then
    fail "port $port is in use: choose another with HOWARD_TEST_PORT"
fi
rm -rf "$out"
mkdir -p "$out"
model="$PWD/data/tiny"
PYTHONPATH="$site" HF_HUB_OFFLINE=1 "$env/bin/transformers" serve "$model" --device cpu --dtype float32 --port "$port" \
    > "$out/serve.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT INT TERM
tries=0
until "$env/bin/python" -c "import urllib.request as u; u.urlopen('http://localhost:$port/health', timeout=2)" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -gt 150 ] || ! kill -0 "$server" 2>/dev/null; then
        tail -n 3 "$out/serve.log" >&2
        fail "the server did not start, see $out/serve.log"
    fi
    sleep 2
done

served="--endpoint http://localhost:$port/v1 --model $model --set endpoint.concurrency=4"
ask="--benchmark mini-math-500 --limit 100"
greedy="--set sampling.temperature=0 --set sampling.max_tokens=200"
"$bin/traces" $served $ask $greedy --out "$out/greedy-served"
"$bin/traces" --model "$model" $ask $greedy --out "$out/greedy-local"
"$bin/eval" $served $ask --temperature 0.7 --max-tokens 200 --out "$out/served"
"$bin/eval" --model "$model" $ask --temperature 0.7 --max-tokens 200 --out "$out/local"
"$bin/report" eval "$out/served" "$out/local" --out "$out/report" > "$out/table.txt"
cat "$out/table.txt"

# Greedy: equal but for ties, so at most 2 verdicts of 100 may differ.
"$env/bin/python" scripts/same_texts.py "$out/greedy-served" "$out/greedy-local" 2
# Sampled: within 3.3 standard errors of the difference (1 in 1,000 by chance).
awk '$1 == "served" { s = $5 } $1 == "local" { l = $5 }
     END { d = s - l; if (d < 0) d = -d; most = 3.3 * sqrt((s * (100 - s) + l * (100 - l)) / 100)
           printf "sampled: served %.1f %%, local %.1f %%, difference %.1f, allowed %.1f\n", s, l, d, most
           exit (s == "" || l == "" || d > most) }' "$out/table.txt"
