"""Peak memory of a training step in PyTorch, for benches/memory.rs: the same shape, tokens and AdamW.

    python benches/peers/memory.py

Needs torch, transformers and peft. Each way runs in a process of its own; what is measured is the largest resident set (VmHWM)
from before the first of two steps on."""
import os
import subprocess
import sys

WAYS = ["libraries alone", "plain", "gradient checkpointing", "adapters, plain", "adapters, gradient checkpointing"]


def measure(way):
    import peft
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    resident = lambda key: int(next(line for line in open("/proc/self/status") if line.startswith(key)).split()[1]) * 1024
    if way == "libraries alone":
        print(resident("VmRSS:"))
        return
    torch.manual_seed(1)
    model = Qwen3ForCausalLM(Qwen3Config(
        vocab_size=32768, hidden_size=512, intermediate_size=1536, num_hidden_layers=8, num_attention_heads=8,
        num_key_value_heads=4, head_dim=64, tie_word_embeddings=True, max_position_embeddings=4096, use_cache=False,
    ))
    if "checkpointing" in way:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if "adapters" in way:
        targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        model = peft.get_peft_model(model, peft.LoraConfig(r=16, lora_alpha=16, target_modules=targets))
    model.train()
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-4, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    ids = torch.tensor([[(i * 7919 + t * 104729) % 32768 for t in range(512)] for i in range(4)])
    open("/proc/self/clear_refs", "w").write("5")
    for _ in range(2):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    print(resident("VmHWM:"))


def main():
    if len(sys.argv) > 1:
        measure(sys.argv[1])
        return
    env = os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    print("| PyTorch | measured, MiB |\n|---|---:|")
    for way in WAYS:
        out = subprocess.run([sys.executable, __file__, way], env=env, capture_output=True, text=True)
        print(f"| {way} | {int(out.stdout) / 2**20:.0f} |" if out.returncode == 0 else f"| {way} | {out.stderr[-300:]} |")


main()
