"""Log-probabilities of given sequences with transformers: batches of 32 of similar length, padded on the right."""

import common

work = common.read_work()
import torch

model = common.load(work)
order = sorted(range(len(work["sequences"])), key=lambda i: len(work["sequences"][i]))
batches = [[work["sequences"][i] for i in order[at : at + 32]] for at in range(0, len(order), 32)]


def run():
    tokens = 0
    with torch.inference_mode():
        for batch in batches:
            ids, mask = common.padded(batch, work["device"], left=False)
            logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
            logprobs = logits.log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
            rows = [row[: len(s) - 1] for row, s in zip(logprobs.cpu().tolist(), batch)]
            tokens += sum(map(len, rows))
    return tokens


common.serve(run)
