"""Does PEFT load the adapter that howard trained, and transformers the model that howard merged, and do they compute the same?

    python tests/golden/check_adapter.py BASE ADAPTER MERGED TEXTS.jsonl SCORED.jsonl

SCORED is what `logprobs --model MERGED --in TEXTS` wrote."""
import json
import sys

del sys.path[0]  # statistics.py beside this file would hide Python's own

import peft
import torch
import transformers
from transformers import AutoModelForCausalLM

base, adapter, merged, texts, scored = sys.argv[1:6]
load = lambda folder: AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
plain, whole = load(base), load(merged)
adapted = peft.PeftModel.from_pretrained(load(base), adapter).eval()
apart = {"PEFT's adapter against howard's merged model": 0.0, "transformers against howard, merged": 0.0,
         "logits of PEFT against transformers, merged": 0.0}
effect = 0.0
with torch.no_grad():
    for text, line in zip(open(texts), open(scored), strict=True):
        row = json.loads(line)
        ids = torch.tensor([row["ids"]])
        ours = torch.tensor(row["logprobs"][1:])
        logits = {name: model(ids).logits[0] for name, model in (("plain", plain), ("peft", adapted), ("merged", whole))}
        logps = {name: x[:-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0] for name, x in logits.items()}
        found = [(logps["peft"] - ours), (logps["merged"] - ours), (logits["peft"] - logits["merged"])]
        for name, difference in zip(apart, found, strict=True):
            apart[name] = max(apart[name], difference.abs().max().item())
        effect = max(effect, (logps["peft"] - logps["plain"]).abs().max().item())
for name, worst in apart.items():
    print(f"{name}: largest difference {worst:.1e}")
print(f"the adapter changes log-probabilities by up to {effect:.2f} (peft {peft.__version__}, transformers "
      f"{transformers.__version__}, torch {torch.__version__})")
sys.exit(max(apart.values()) > 1e-4 or effect < 0.01)
