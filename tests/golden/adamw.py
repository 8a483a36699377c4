"""torch.optim.AdamW over 20 steps: python tests/golden/adamw.py > tests/golden/adamw.json

Gradients are a fixed function of step and parameter, so that the test needs no model. Needs torch."""
import json

import torch

cases = []
for decay, clip in ((0.0, 0.0), (0.1, 0.0), (0.0, 0.5), (0.01, 1.0)):
    torch.manual_seed(0)
    shapes = [(3, 2), (4,)]
    params = [torch.randn(s) for s in shapes]
    start = [p.flatten().tolist() for p in params]
    for p in params:
        p.requires_grad_(True)
    optimizer = torch.optim.AdamW(params, lr=1e-2, betas=(0.9, 0.95), eps=1e-8, weight_decay=decay)
    grads, values, norms = [], [], []
    for step in range(20):
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * (1 - step / 20)
        step_grads = [torch.randn(s) for s in shapes]
        grads.append([g.flatten().tolist() for g in step_grads])
        for p, g in zip(params, step_grads):
            p.grad = g.clone()
        if clip:
            norms.append(torch.nn.utils.clip_grad_norm_(params, clip).item())
        optimizer.step()
        values.append([p.detach().flatten().tolist() for p in params])
    cases.append({"weight_decay": decay, "max_grad_norm": clip, "start": start, "shapes": shapes, "grads": grads,
                  "values": values, "norms": norms})
print(json.dumps({"torch": torch.__version__, "cases": cases}))
