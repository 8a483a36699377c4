"""Losses of policy-gradient training and their derivatives by autograd.

    python tests/golden/losses.py > tests/golden/losses.json

Written from the papers' formulas with torch operations and automatic differentiation, in float64. TRL's own losses are in
trl_losses.py.
"""
import json
import sys

sys.path.pop(0)  # the folder of this script: statistics.py there would stand for Python's own

import torch

D = torch.float64
LENGTHS = [4, 7, 1, 5]


def case(spread):
    rows = []
    for i, n in enumerate(LENGTHS):
        old = -torch.rand(n, dtype=D) * 3 - 0.05
        rows.append({
            "logprobs": (old + spread * torch.randn(n, dtype=D)).clamp(max=-1e-3),
            "old": old,
            "sampler": old + 0.1 * spread * torch.randn(n, dtype=D),
            "reference": old + 0.5 * torch.randn(n, dtype=D),
            "advantage": [1.25, -0.75, 0.5, -1.0][i],
        })
    return rows


def clipped(ratio, a, low, high, dual=0.0):
    loss = -torch.min(ratio * a, ratio.clamp(1 - low, 1 + high) * a)
    if dual and a < 0:
        loss = torch.min(loss, torch.full_like(loss, -dual * a))
    return loss


def surrogate(kind, l, row):
    a, old, q = row["advantage"], row["old"], row["sampler"]
    ratio = (l - old).exp()
    if kind["kind"] == "cross_entropy":
        return -a * l
    if kind["kind"] == "importance_sampling":
        return -(l - q).exp() * a
    if kind["kind"] == "ppo":
        return clipped(ratio, a, kind["clip_low"], kind["clip_high"], kind["dual_clip"])
    if kind["kind"] in ("dr_grpo", "dapo"):
        return clipped(ratio, a, kind["clip_low"], kind["clip_high"])
    if kind["kind"] == "gspo":
        return clipped((l - old).mean().exp().expand_as(l), a, kind["clip_low"], kind["clip_high"])
    if kind["kind"] == "cispo":
        return -ratio.clamp(max=kind["max_ratio"]).detach() * a * l
    raise ValueError(kind)


def kl(estimator, d):
    return {"k1": d, "k2": d * d / 2, "k3": (-d).exp() + d - 1}[estimator]


def correction(objective, difference):
    cap, mode = objective["correction_cap"], objective.get("correction", "token_truncate")
    w = difference.sum().exp() if mode.startswith("sequence") else difference.exp()
    return w.clamp(max=cap) if mode.endswith("truncate") else torch.where(w > cap, torch.zeros_like(w), w)


CLIP = {"clip_low": 0.2, "clip_high": 0.28}
OBJECTIVES = [
    {"loss": {"kind": "cross_entropy"}},
    {"loss": {"kind": "importance_sampling"}},
    {"loss": {"kind": "ppo", "dual_clip": 0.0, **CLIP}},
    {"loss": {"kind": "ppo", "dual_clip": 1.5, **CLIP}},
    {"loss": {"kind": "ppo", "dual_clip": 0.0, **CLIP}, "correction_cap": 1.02},
    {"loss": {"kind": "dapo", **CLIP}, "correction_cap": 1.02, "correction": "token_mask"},
    {"loss": {"kind": "dapo", **CLIP}, "correction_cap": 1.02, "correction": "sequence_truncate"},
    {"loss": {"kind": "dapo", **CLIP}, "correction_cap": 1.02, "correction": "sequence_mask"},
    {"loss": {"kind": "dr_grpo", **CLIP}},
    {"loss": {"kind": "dapo", **CLIP}},
    {"loss": {"kind": "gspo", "clip_low": 0.05, "clip_high": 0.06}},
    {"loss": {"kind": "cispo", "max_ratio": 1.3}},
    {"loss": {"kind": "dapo", **CLIP}, "kl_coefficient": 0.04, "kl_estimator": "k1"},
    {"loss": {"kind": "dapo", **CLIP}, "kl_coefficient": 0.04, "kl_estimator": "k2"},
    {"loss": {"kind": "importance_sampling"}, "kl_coefficient": 0.04, "kl_estimator": "k3"},
]
WEIGHTS = [1.0, 0.5, 2.0, 0.25]


def tokens(objective, l, row):
    """What each token of a row adds to the loss, before weight and denominator."""
    loss = surrogate(objective["loss"], l, row)
    if objective.get("correction_cap"):
        loss = loss * correction(objective, row["old"] - row["sampler"])
    if objective.get("kl_coefficient"):
        loss = loss + objective["kl_coefficient"] * kl(objective["kl_estimator"], l - row["reference"])
    return loss


def evaluate(objective, rows):
    out = []
    for row, weight in zip(rows, WEIGHTS):
        l = row["logprobs"].clone().requires_grad_(True)
        total = (tokens(objective, l, row) * weight).sum()
        total.backward()
        out.append({"loss": total.item(), "slopes": l.grad.tolist()})
    return out


def main():
    torch.manual_seed(5)
    cases = []
    for spread in (0.0, 0.05, 0.5):
        rows = case(spread)
        for objective in OBJECTIVES:
            cases.append({
                "objective": objective, "expected": evaluate(objective, rows), "weights": WEIGHTS,
                "rows": [{k: v.tolist() if torch.is_tensor(v) else v for k, v in r.items()} for r in rows]})
    print(json.dumps({"torch": torch.__version__, "cases": cases}))


if __name__ == "__main__":
    main()
