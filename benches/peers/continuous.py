"""transformers' continuous batching (`generate_batch`): paged cache, requests join and leave."""

import common

work = common.read_work()
import torch
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(
    work["model"], dtype=work["torch_dtype"], attn_implementation="paged|sdpa"
)
model = model.to(work["device"]).eval()
config = common.generation_config(work)
config.num_return_sequences = 1
config.eos_token_id = work["eos"] or -1
config.num_blocks = 1024
config.max_batch_tokens = 512
prompts = [sequence for sequence in work["sequences"] for _ in range(work["samples"])]


def run():
    with torch.inference_mode():
        out = model.generate_batch(inputs=prompts, generation_config=config, progress_bar=False)
    return common.generated([result.generated_tokens for result in out.values()], work)


common.serve(run)
