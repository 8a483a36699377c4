"""From the start of Python to the first token with transformers."""

import sys

import common

common.say({"ready": True})
sys.stdin.readline()
work = common.read_work()
import torch

model = common.load(work)
ids, mask = common.padded(work["sequences"], work["device"], left=True)
config = common.generation_config(work)
model.generation_config = config
with torch.inference_mode():
    model.generate(input_ids=ids, attention_mask=mask, generation_config=config)
common.say({"seconds": 0.0, "tokens": 1})
sys.stdin.readline()
common.end()
