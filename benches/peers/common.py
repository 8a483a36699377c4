"""What the peers share: the work file, and the protocol of benches/speed/measure.rs.

A peer prints one JSON line when it is ready, one for each line `go` on its standard input, and one at the end.
"""

import json
import os
import sys
import time


def read_work():
    with open(sys.argv[1]) as file:
        work = json.load(file)
    import torch

    torch.set_num_threads(work["threads"])
    work["torch_dtype"] = getattr(torch, work["dtype"])
    return work


def say(value):
    print(json.dumps(value), flush=True)


def peak_mb():
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def wait():
    """Whether there is one more run to do."""
    return sys.stdin.readline().strip() == "go"


def serve(run):
    """Answers every `go` with the seconds and tokens of `run`."""
    say({"ready": True})
    while wait():
        start = time.perf_counter()
        tokens = run()
        say({"seconds": time.perf_counter() - start, "tokens": tokens})
    end()


def end():
    torch = sys.modules.get("torch")
    device = read_work()["device"]
    if device != "cpu" and torch is not None:
        say({"peak_mb": torch.cuda.max_memory_reserved(device) / 2**20})
    else:
        say({"peak_mb": peak_mb()})
    # Not the interpreter's slow way out.
    os._exit(0)


def load(work):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(work["model"], dtype=work["torch_dtype"])
    return model.to(work["device"]).eval()


def padded(sequences, device, left):
    """Ids and attention mask, padded with 0 on one side."""
    import torch

    longest = max(map(len, sequences))
    ids = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        place = slice(longest - len(sequence), None) if left else slice(0, len(sequence))
        ids[row, place] = torch.tensor(sequence)
        mask[row, place] = 1
    return ids.to(device), mask.to(device)


def generation_config(work):
    from transformers import GenerationConfig

    return GenerationConfig(
        do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=work["max_tokens"],
        eos_token_id=work["eos"] or None, pad_token_id=0, num_return_sequences=work["samples"],
    )


def generated(rows, work):
    """Tokens up to the first end token, which counts."""
    ends, total = set(work["eos"]), 0
    for row in rows:
        for token in row:
            total += 1
            if token in ends:
                break
    return total
