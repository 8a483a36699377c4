"""Does transformers load what howard saved, and compute the same?

    python tests/golden/check_saved.py MODEL TEXTS.jsonl SCORED.jsonl

SCORED is what `logprobs --model MODEL --in TEXTS` wrote."""
import json
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, texts, scored = sys.argv[1:4]
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
worst, rows = 0.0, 0
with torch.no_grad():
    for text, line in zip(open(texts), open(scored), strict=True):
        text, row = json.loads(text)["text"], json.loads(line)
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == row["ids"], f"other ids for {text!r}"
        ids = torch.tensor([row["ids"]])
        theirs = model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
        worst = max(worst, (theirs - torch.tensor(row["logprobs"][1:])).abs().max().item())
        rows += 1
print(f"{folder}: {rows} texts, same ids, largest difference of log-probabilities {worst:.1e} "
      f"(transformers {transformers.__version__}, torch {torch.__version__})")
sys.exit(worst > 1e-4)
