#!/bin/sh
# Makes notebooks/data again, from what `make ablation` left in results/ablation.
# Usage: scripts/notebooks-data.sh BIN (the folder of the programs).
set -eu
bin=$1
runs=results/notebooks
[ -e results/ablation/hard/DONE ] || { printf 'notebooks-data: results/ablation is missing or not finished: make ablation\n' >&2; exit 2; }

# evaluate NAME MODEL
evaluate() {
    "$bin/eval" --model "$2" --benchmark mini --limit 40 --samples 16 --temperature 1 --max-tokens 256 --out "$runs/$1" >/dev/null
}

rm -rf "$runs"
evaluate tiny data/tiny
evaluate tiny-grpo results/ablation/hard/model
"$bin/examples/notebook_data" results/ablation notebooks/data
for name in tiny tiny-grpo; do
    cp "$runs/$name/records.parquet" "notebooks/data/$name.parquet"
done
