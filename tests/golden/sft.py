"""What PyTorch computes of supervised training: gradients, adapters, rates, low precision.

    python tests/golden/sft.py            writes tests/golden/sft/*

Needs torch, transformers and peft; their versions are written into reference.json. The models are those that qwen3.py made.
"""
import json
import pathlib
import shutil
import sys

del sys.path[0]  # statistics.py beside this file would hide Python's own

import peft
import torch
import transformers
from safetensors.torch import save_file
from transformers import Qwen3ForCausalLM

GOLDEN = pathlib.Path(__file__).parent
HERE = GOLDEN / "sft"
MODELS = ["tied_one_kv_head", "untied_two_kv_heads"]
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def load(name, dtype):
    return Qwen3ForCausalLM.from_pretrained(GOLDEN / "qwen3" / name, dtype=dtype, attn_implementation="eager")


def batch():
    """Seven conversations of 2 to 40 tokens; some parts are trained, one not at all."""
    generator = torch.Generator().manual_seed(11)
    rows = []
    for length in (2, 7, 7, 16, 23, 31, 40):
        ids = torch.randint(0, 120, (length,), generator=generator).tolist()
        mask = (torch.rand(length, generator=generator) < 0.6).int().tolist()
        mask[-1] = 1
        rows.append({"ids": ids, "mask": mask})
    rows[1]["mask"] = [0] * 7
    return rows


def losses(model, rows):
    """-log p of the trained tokens of each conversation that has some, one conversation at a time."""
    found = []
    for row in rows:
        wanted = torch.tensor(row["mask"][1:]).bool()
        if wanted.any():
            logits = model(torch.tensor([row["ids"]])).logits[0, :-1]
            logps = logits.log_softmax(-1).gather(1, torch.tensor(row["ids"][1:])[:, None])[:, 0]
            found.append(-logps[wanted])
    return found


def weigh(found, weighting):
    if weighting == "token_mean":
        return torch.cat(found).mean()
    return torch.stack([nll.mean() for nll in found]).mean()


def adapter(name, dtype):
    """A PEFT adapter whose B is not zero, so that A has a gradient."""
    config = peft.LoraConfig(r=4, lora_alpha=6, lora_dropout=0.0, target_modules=TARGETS, task_type="CAUSAL_LM")
    torch.manual_seed(5)
    model = peft.get_peft_model(load(name, torch.float32), config)
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "lora_B" in key:
                p.copy_(0.1 * torch.randn_like(p))
    return model.to(dtype)


def gradients(rows, out):
    for name in MODELS:
        for lora in (False, True):
            for weighting in ("token_mean", "example_mean"):
                # In float64, so that all that is compared is our rounding.
                model = adapter(name, torch.float64) if lora else load(name, torch.float64)
                loss = weigh(losses(model, rows), weighting)
                loss.backward()
                grads = {
                    key.replace(".default", ""): p.grad.float().clone()
                    for key, p in model.named_parameters()
                    if p.grad is not None
                }
                case = f"{name}.{'lora' if lora else 'full'}.{weighting}"
                save_file(grads, HERE / f"{case}.safetensors")
                out["losses"][case] = loss.item()


def adapters(rows, out):
    """Log-probabilities of every token under an adapter that PEFT saved, and under the model it was merged into."""
    for name in MODELS:
        model = adapter(name, torch.float32)
        folder = HERE / f"{name}.adapter"
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        config = json.loads((folder / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = name
        config["target_modules"] = sorted(config["target_modules"])
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")
        with torch.no_grad():
            score = lambda m: [
                m(torch.tensor([row["ids"]])).logits[0, :-1].log_softmax(-1)
                .gather(1, torch.tensor(row["ids"][1:])[:, None])[:, 0].tolist()
                for row in rows
            ]
            out["adapters"][name] = {"logprobs": score(model)}
            out["adapters"][name]["merged"] = score(model.merge_and_unload())


def rates(out):
    """Factors on the learning rate over 20 steps, with and without warm-up."""
    for kind in ("constant", "linear", "cosine"):
        for warmup in (0, 5):
            p = torch.nn.Parameter(torch.zeros(1))
            optimizer = torch.optim.SGD([p], lr=1.0)
            name = "constant_with_warmup" if kind == "constant" else kind
            schedule = transformers.get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=20)
            factors = []
            for _ in range(20):
                factors.append(schedule.get_last_lr()[0])
                optimizer.step()
                schedule.step()
            out["rates"][f"{kind}.{warmup}"] = factors


def mixed(rows, out):
    """20 steps of AdamW on fp32 weights whose bf16 copies compute the gradients; and of fp32 throughout."""
    name = "untied_two_kv_heads"
    for dtype in (torch.float32, torch.bfloat16):
        model = load(name, torch.float32)
        masters = [p.detach().clone().requires_grad_(True) for p in model.parameters()]
        model = model.to(dtype)
        optimizer = torch.optim.AdamW(masters, lr=1e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0)
        found = []
        for step in range(20):
            with torch.no_grad():
                for p, master in zip(model.parameters(), masters, strict=True):
                    p.copy_(master)
            model.zero_grad()
            nlls = []
            for row in rows:
                wanted = torch.tensor(row["mask"][1:]).bool()
                if wanted.any():
                    logits = model(torch.tensor([row["ids"]])).logits[0, :-1].float()
                    logps = logits.log_softmax(-1).gather(1, torch.tensor(row["ids"][1:])[:, None])[:, 0]
                    nlls.append(-logps[wanted])
            loss = torch.cat(nlls).mean()
            loss.backward()
            for p, master in zip(model.parameters(), masters, strict=True):
                master.grad = p.grad.float()
            norm = torch.nn.utils.clip_grad_norm_(masters, 1.0).item()
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 * (1 - step / 20)
            optimizer.step()
            found.append({"loss": loss.item(), "grad_norm": norm})
        out["steps"][str(dtype).removeprefix("torch.")] = found


def main():
    HERE.mkdir(exist_ok=True)
    rows = batch()
    out = {
        "torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__,
        "rows": rows, "losses": {}, "adapters": {}, "rates": {}, "steps": {},
    }
    gradients(rows, out)
    adapters(rows, out)
    rates(out)
    mixed(rows, out)
    (HERE / "reference.json").write_text(json.dumps(out) + "\n")


main()
