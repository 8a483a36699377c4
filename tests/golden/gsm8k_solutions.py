"""Paired comparisons of OpenAI's published GSM8K model solutions by their own labels, with statsmodels:
python tests/golden/gsm8k_solutions.py example_model_solutions.jsonl > tests/golden/gsm8k_solutions.json"""
import itertools
import json
import sys

import statsmodels
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

MODELS = ["6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"]
rows = [json.loads(line) for line in open(sys.argv[1])]
right = {m: [r[m]["is_correct"] for r in rows] for m in MODELS}
single = []
for m in MODELS:
    lo, hi = proportion_confint(sum(right[m]), len(rows), method="wilson")
    single.append({"model": m, "correct": sum(right[m]), "n": len(rows), "lo": lo, "hi": hi})
pairs = []
for a, b in itertools.combinations(MODELS, 2):
    only_a = sum(x and not y for x, y in zip(right[a], right[b]))
    only_b = sum(y and not x for x, y in zip(right[a], right[b]))
    p = float(mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue)
    pairs.append({"a": b, "b": a, "only_a": only_b, "only_b": only_a, "p": p})
for pair, holm in zip(pairs, multipletests([p["p"] for p in pairs], method="holm")[1]):
    pair["holm"] = float(holm)
print(json.dumps({"statsmodels": statsmodels.__version__, "models": single, "pairs": pairs}, indent=1))
