"""Gradients of every policy-gradient loss through a whole Qwen3 model, by transformers and autograd, in fp32.

    python tests/golden/grpo.py        writes tests/golden/grpo/*     (torch 2.11, transformers 5)

The losses are those of losses.py, written from the papers; here they are functions of a model's weights.
"""
import importlib.util
import json
import pathlib
import sys

sys.path.pop(0)  # the folder of this script: statistics.py there would stand for Python's own

import torch
import transformers
from safetensors.torch import save_file
from transformers import Qwen3Config, Qwen3ForCausalLM

HERE = pathlib.Path(__file__).parent
FOLDER = HERE / "grpo"
spec = importlib.util.spec_from_file_location("losses", HERE / "losses.py")
losses = importlib.util.module_from_spec(spec)
spec.loader.exec_module(losses)

torch.manual_seed(11)
config = Qwen3Config(
    vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
    head_dim=8, max_position_embeddings=64, rms_norm_eps=1e-6, tie_word_embeddings=True, eos_token_id=3,
    rope_parameters={"rope_type": "default", "rope_theta": 1e4})
model = Qwen3ForCausalLM(config).float().eval()
with torch.no_grad():
    for key, p in model.named_parameters():
        p.copy_(1 + 0.3 * torch.randn_like(p) if "norm" in key else 0.3 * torch.randn_like(p))

PROMPT, LENGTHS, ADVANTAGES, MAX_TOKENS = 3, [6, 11, 1, 8], [0.75, -0.25, 1.5, -1.0], 16
rows = []
for n, advantage in zip(LENGTHS, ADVANTAGES):
    ids = torch.randint(0, 40, (PROMPT + n,))
    rows.append({"ids": ids, "advantage": advantage})


def logprobs(ids):
    scores = model(ids[None]).logits[0, :-1].log_softmax(-1)
    return scores.gather(1, ids[1:, None])[:, 0][PROMPT - 1:]


with torch.no_grad():
    for row in rows:
        l = logprobs(row["ids"])
        # The weights have moved since: some ratios are beyond every bound.
        row["old"] = l + 0.25 * torch.randn_like(l)
        row["sampler"] = row["old"] + 0.05 * torch.randn_like(l)
        row["reference"] = l + 0.5 * torch.randn_like(l)

DEFAULT = {"cross_entropy": "sum", "importance_sampling": "sum", "ppo": "completions", "gspo": "completions",
           "dr_grpo": "constant", "dapo": "tokens", "cispo": "tokens"}
tensors, cases = {}, []
for index, objective in enumerate(losses.OBJECTIVES):
    model.zero_grad()
    normalisation = DEFAULT[objective["loss"]["kind"]]
    denominator = {"sum": 1.0, "tokens": float(sum(LENGTHS)), "completions": float(len(rows)),
                   "constant": float(len(rows) * MAX_TOKENS)}[normalisation]
    weights = [1 / n if normalisation == "completions" else 1.0 for n in LENGTHS]
    total = 0.0
    for row, weight in zip(rows, weights):
        total = total + (losses.tokens(objective, logprobs(row["ids"]), row) * weight).sum() / denominator
    total.backward()
    for name, p in model.named_parameters():
        tensors[f"{index}/{name}"] = p.grad.clone()
    cases.append({"objective": objective, "weights": weights, "denominator": denominator, "loss": total.item()})

FOLDER.mkdir(exist_ok=True)
raw = config.to_dict()
keep = ["model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "head_dim", "rms_norm_eps", "tie_word_embeddings", "max_position_embeddings", "hidden_act",
        "attention_bias", "use_sliding_window", "eos_token_id", "rope_parameters"]
out = {k: raw[k] for k in keep if k in raw} | {"architectures": ["Qwen3ForCausalLM"]}
(FOLDER / "config.json").write_text(json.dumps(out, indent=1) + "\n")
weights = {k: v.detach().clone().contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
save_file(weights, FOLDER / "model.safetensors", {"format": "pt"})
save_file(tensors, FOLDER / "gradients.safetensors")
rows = [{k: v.tolist() if torch.is_tensor(v) else v for k, v in row.items()} for row in rows]
(FOLDER / "reference.json").write_text(json.dumps({
    "torch": torch.__version__, "transformers": transformers.__version__, "prompt": PROMPT, "rows": rows, "cases": cases,
}) + "\n")
