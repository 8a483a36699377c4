#!/bin/sh
# The study's ablation in miniature: trains every row, evaluates it, writes the table.
# Usage: scripts/ablation.sh BIN (the folder of the programs). What is finished is skipped, what was killed goes on.
set -eu
bin=$1
configs=configs/tiny/ablation
runs=results/ablation
mkdir -p "$runs"

# train PROGRAM NAME
train() {
    echo "ablation: $2"
    "$bin/$1" --config "$configs/$2.toml" --out "$runs/$2" >/dev/null
}

# evaluate NAME MODEL
evaluate() {
    "$bin/eval" --model "$2" --benchmark mini --benchmark mini-hard --max-tokens 256 --out "$runs/eval/$1" >/dev/null
}

evaluate baseline data/tiny
train sft sft
evaluate sft "$runs/sft/model"
for name in hard direct_rl sft_then_rl continued full hard_seed2 hard_seed3; do
    train grpo "$name"
    evaluate "$name" "$runs/$name/model"
done
train grpo lora
[ -e "$runs/lora/merged/config.json" ] ||
    "$bin/merge" --model data/tiny --adapter "$runs/lora/adapter" --out "$runs/lora/merged" >/dev/null
evaluate lora "$runs/lora/merged"

"$bin/report" ablation "$configs/report.toml" --out reports/miniature
