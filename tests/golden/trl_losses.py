"""What TRL's own GRPOTrainer computes: losses with their derivatives, and advantages from rewards.

    python tests/golden/trl_losses.py > tests/golden/trl_losses.json      (torch 2.11, trl 1.16.0, transformers 5)

A real trainer on the shipped tiny model runs its real `_compute_loss` and `_generate_and_score_completions`; only the
log-probabilities are ours (`_get_per_token_logps_and_entropies` returns them), so that both sides start from the same ones.
`use_bias_correction_kl` is off: with it TRL multiplies the KL term by the ratio, which howard does not.
"""
import json
import sys
import tempfile

sys.path.pop(0)  # the folder of this script: statistics.py there would stand for Python's own

import torch
import trl
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

torch.manual_seed(7)
LENGTHS = [4, 9, 2, 6]
ADVANTAGES = [1.25, -0.75, 0.5, -1.0]
MAX = 12
MODEL = "data/tiny"

rows = []
for n, advantage in zip(LENGTHS, ADVANTAGES):
    old = -torch.rand(n) * 3 - 0.05
    rows.append({
        "old": old,
        "logprobs": (old + 0.3 * torch.randn(n)).clamp(max=-1e-3),
        "sampler": old + 0.2 * torch.randn(n),
        "reference": old + 0.5 * torch.randn(n),
        "advantage": advantage,
    })


def padded(key, width):
    return torch.stack([torch.nn.functional.pad(r[key], (0, width - len(r[key]))) for r in rows])


def trainer(rewards=None, **settings):
    settings = dict(
        output_dir=tempfile.mkdtemp(), use_cpu=True, report_to=[], per_device_train_batch_size=4, num_generations=4,
        max_completion_length=MAX, use_bias_correction_kl=False, bf16=False, gradient_checkpointing=False) | settings
    made = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32),
        processing_class=AutoTokenizer.from_pretrained(MODEL),
        reward_funcs=lambda completions, **_: list(rewards or [0.0] * len(completions)),
        args=GRPOConfig(**settings),
        train_dataset=Dataset.from_dict({"prompt": ["1+1", "2+2"]}),
    )
    made.current_gradient_accumulation_steps = 1
    made.model.train()
    return made


def loss(settings, correction=None):
    made = trainer(**settings)
    width = max(LENGTHS)
    l = padded("logprobs", width).requires_grad_(True)
    mask = torch.tensor([[1] * n + [0] * (width - n) for n in LENGTHS])
    made._get_per_token_logps_and_entropies = lambda *a, **k: (l, torch.zeros_like(l), None)
    inputs = {
        "prompt_ids": torch.zeros(4, 1, dtype=torch.long), "prompt_mask": torch.ones(4, 1, dtype=torch.long),
        "completion_ids": torch.zeros(4, width, dtype=torch.long), "completion_mask": mask,
        "advantages": torch.tensor(ADVANTAGES), "old_per_token_logps": padded("old", width),
        "ref_per_token_logps": padded("reference", width), "num_items_in_batch": mask.sum(),
    }
    if correction:
        # The lines of _generate_and_score_completions that need no vLLM.
        mode, cap = correction
        difference = (padded("old", width) - padded("sampler", width)) * mask
        if mode.startswith("sequence"):
            difference = difference.sum(-1, keepdim=True)
        ratio = difference.exp()
        ratio = ratio.clamp(max=cap) if mode.endswith("truncate") else ratio.masked_fill(ratio > cap, 0.0)
        inputs["importance_sampling_ratio"] = ratio
        made.use_vllm, made.vllm_importance_sampling_correction = True, True
    value = made._compute_loss(made.model, inputs)
    value.backward()
    return value.item(), [g[:n].tolist() for g, n in zip(l.grad, LENGTHS)]


CLIP = {"clip_low": 0.2, "clip_high": 0.28}
EPS = {"epsilon": 0.2, "epsilon_high": 0.28}
PPO = {"kind": "ppo", "dual_clip": 0.0, **CLIP}
CASES = [
    ({"loss_type": "grpo", **EPS}, {"loss": PPO}, None),
    ({"loss_type": "grpo", **EPS, "delta": 1.4}, {"loss": {**PPO, "dual_clip": 1.4}}, None),
    ({"loss_type": "grpo", **EPS, "beta": 0.1},
     {"loss": PPO, "kl_coefficient": 0.1, "kl_estimator": "k3"}, None),
    ({"loss_type": "bnpo", **EPS}, {"loss": PPO, "normalisation": "tokens"}, None),
    ({"loss_type": "dr_grpo", **EPS}, {"loss": {"kind": "dr_grpo", **CLIP}}, None),
    ({"loss_type": "dapo", **EPS}, {"loss": {"kind": "dapo", **CLIP}}, None),
    ({"loss_type": "dapo", **EPS, "beta": 0.1},
     {"loss": {"kind": "dapo", **CLIP}, "kl_coefficient": 0.1, "kl_estimator": "k3"}, None),
    ({"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon": 0.03, "epsilon_high": 0.04},
     {"loss": {"kind": "gspo", "clip_low": 0.03, "clip_high": 0.04}}, None),
    ({"loss_type": "cispo", "epsilon_high": 1.3}, {"loss": {"kind": "cispo", "max_ratio": 1.3}}, None),
] + [
    ({"loss_type": "dapo", **EPS},
     {"loss": {"kind": "dapo", **CLIP}, "correction_cap": 1.1, "correction": mode}, (mode, 1.1))
    for mode in ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask")
]
cases = []
for settings, objective, correction in CASES:
    value, slopes = loss(settings, correction)
    name = settings | ({"correction": correction[0]} if correction else {})
    cases.append({"trl": name, "objective": objective, "loss": value, "slopes": slopes})


def advantages(rewards, scale):
    made = trainer(rewards, scale_rewards=scale, max_completion_length=2)
    inputs = [{"prompt": "1+1"}] * 4
    return {"rewards": rewards, "advantages": made._generate_and_score_completions(inputs)["advantages"].tolist()}


REWARDS = [[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.5], [0.9, -0.1, 0.4, 1.0]]
json.dump({
    "trl": trl.__version__, "torch": torch.__version__, "max_completion_length": MAX,
    "rows": [{k: v.tolist() if torch.is_tensor(v) else v for k, v in r.items()} for r in rows], "cases": cases,
    "standardised": [advantages(r, "group") for r in REWARDS],
    "centred": [advantages(r, "none") for r in REWARDS],
}, sys.stdout)
