"""Random Qwen3 checkpoints and what transformers computes with them.

    python tests/golden/qwen3.py            writes tests/golden/qwen3/*

Needs torch and transformers; their versions are written into reference.json.
"""
import json
import pathlib
import shutil

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import Qwen3Config, Qwen3ForCausalLM

HERE = pathlib.Path(__file__).parent / "qwen3"

# name, shape, how it is written. All differ from hidden / heads = head_dim.
CASES = {
    "tied_one_kv_head": (dict(num_attention_heads=4, num_key_value_heads=1, head_dim=12, tie_word_embeddings=True), "old"),
    "untied_two_kv_heads": (dict(num_attention_heads=4, num_key_value_heads=2, head_dim=16, tie_word_embeddings=False), "sharded"),
    "untied_all_kv_heads": (dict(num_attention_heads=2, num_key_value_heads=2, head_dim=8, tie_word_embeddings=False), "new"),
    "tied_large_theta": (dict(num_attention_heads=6, num_key_value_heads=3, head_dim=10, tie_word_embeddings=True, rope_theta=5e6), "new"),
}


def config(shape):
    theta = shape.get("rope_theta", 1e4)
    shape = {k: v for k, v in shape.items() if k != "rope_theta"}
    return Qwen3Config(
        vocab_size=120, hidden_size=32, intermediate_size=40, num_hidden_layers=2, max_position_embeddings=256,
        rms_norm_eps=1e-6, rope_parameters={"rope_type": "default", "rope_theta": theta}, eos_token_id=3, **shape,
    )


def build(name):
    shape, _ = CASES[name]
    torch.manual_seed(sum(map(ord, name)))
    model = Qwen3ForCausalLM(config(shape)).float().eval()
    with torch.no_grad():
        for key, p in model.named_parameters():
            # Far from the identity, so that a missing norm or a swapped head cannot hide.
            p.copy_(1 + 0.3 * torch.randn_like(p) if "norm" in key else 0.25 * torch.randn_like(p))
    return model


def write(name, model):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    style = CASES[name][1]
    raw = model.config.to_dict()
    theta = raw["rope_parameters"]["rope_theta"]
    keep = ["architectures", "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
            "num_attention_heads", "num_key_value_heads", "head_dim", "rms_norm_eps", "tie_word_embeddings",
            "max_position_embeddings", "hidden_act", "attention_bias", "use_sliding_window", "eos_token_id"]
    out = {k: raw[k] for k in keep if k in raw}
    out["architectures"] = ["Qwen3ForCausalLM"]
    if style == "old":
        out |= {"rope_theta": theta, "rope_scaling": None}
    else:
        out |= {"rope_parameters": {"rope_type": "default", "rope_theta": theta}}
    (folder / "config.json").write_text(json.dumps(out, indent=1) + "\n")
    tensors = {k: v.detach().clone().contiguous() for k, v in model.state_dict().items()}
    if out["tie_word_embeddings"]:
        tensors.pop("lm_head.weight", None)
    if style != "sharded":
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        return
    half = len(tensors) // 2
    parts = [dict(list(tensors.items())[:half]), dict(list(tensors.items())[half:])]
    index = {}
    for i, part in enumerate(parts, 1):
        file = f"model-{i:05}-of-00002.safetensors"
        save_file(part, folder / file, {"format": "pt"})
        index |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}, indent=1) + "\n")


def tokenizer(folder):
    """100 words for a model of 120 ids: the vocabulary is larger than the tokenizer."""
    words = {f"w{i}": i for i in range(100)}
    made = Tokenizer(WordLevel(words, unk_token="w0"))
    made.pre_tokenizer = Whitespace()
    made.save(str(folder / "tokenizer.json"))
    text = "w5 w99 w17 w17 unknown w42"
    return text, made.encode(text).ids


def score(model, ids):
    logits = model(torch.tensor([ids])).logits[0, :-1].float()
    return logits.log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]


def reference():
    for name in CASES:
        model = build(name)
        write(name, model)
        generator = torch.Generator().manual_seed(7)
        rows = [torch.randint(0, 120, (n,), generator=generator).tolist() for n in (2, 5, 17, 33)]
        text = None
        if name == "tied_large_theta":
            text, ids = tokenizer(HERE / name)
            rows.append(ids)
        scores = [score(model, ids) for ids in rows]
        loss = -torch.cat(scores).mean()
        loss.backward()
        grads = {k: p.grad.clone() for k, p in model.named_parameters()}
        save_file(grads, HERE / name / "gradients.safetensors")
        bf16 = model.bfloat16()
        with torch.no_grad():
            low = [score(bf16, ids).tolist() for ids in rows]
        (HERE / name / "reference.json").write_text(json.dumps({
            "torch": torch.__version__, "transformers": transformers.__version__, "ids": rows,
            "logprobs": [s.tolist() for s in scores], "logprobs_bfloat16": low, "loss": loss.item(),
            "text_of_last": text,
        }) + "\n")


reference()
