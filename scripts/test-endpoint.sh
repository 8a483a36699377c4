#!/bin/sh
# Runs eval and traces against `transformers serve`, a server that we did not write, holding the tiny model, and compares
# with local evaluation. Needs a Python 3.10 or newer; transformers goes into an environment of its own under .libtorch/,
# torch is the one that set-up installed.
set -eu
cd "$(dirname "$0")/.."
bin="$1"
port="${HOWARD_TEST_PORT:-8931}"
env=.libtorch/serve
out=results/test-endpoint
site="${LIBTORCH:-$PWD/.libtorch/site/torch}/.."
mkdir -p .libtorch
if [ ! -x "$env/bin/transformers" ]; then
    python3 -m venv "$env"
    # transformers[serving] without torch, which is here already and has 2.5 GB.
    "$env/bin/python" -m pip install --quiet 'transformers==5.24.0' fastapi uvicorn pydantic openai
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
    if [ "$tries" -gt 90 ] || ! kill -0 "$server" 2>/dev/null; then
        echo "test-endpoint: the server did not start, see $out/serve.log" >&2
        exit 2
    fi
    sleep 2
done
url="http://localhost:$port/v1"
ask="--benchmark mini-math-500 --limit 100 --max-tokens 200"
"$bin/eval" --endpoint "$url" --model "$model" $ask --temperature 0 --set endpoint.concurrency=4 --out "$out/served"
"$bin/eval" --model "$model" $ask --temperature 0 --out "$out/local"
"$bin/traces" --endpoint "$url" --model "$model" --benchmark mini-math-500 --limit 20 --samples 2 \
    --set sampling.max_tokens=200 --set endpoint.concurrency=4 --out "$out/traces"
test -s "$out/traces/traces.jsonl" && test -s "$out/traces/wrong.jsonl"
"$bin/report" eval "$out/served" "$out/local" --out "$out/report" > "$out/table.txt"
cat "$out/table.txt"
# Greedy: equal but for ties, so at most 2 of 100 may differ.
awk '$1 == "served" { s = $5 } $1 == "local" { l = $5 }
     END { d = s - l; if (d < 0) d = -d; print "difference " d " of 100"; exit (s == "" || d > 2) }' "$out/table.txt"
