"""transformers' `generate` on a batch of prompts, padded on the left."""

import common

work = common.read_work()
import torch

model = common.load(work)
ids, mask = common.padded(work["sequences"], work["device"], left=True)
config = common.generation_config(work)
model.generation_config = config


def run():
    with torch.inference_mode():
        out = model.generate(input_ids=ids, attention_mask=mask, generation_config=config)
    return common.generated(out[:, ids.shape[1]:].tolist(), work)


common.serve(run)
