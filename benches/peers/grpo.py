"""One step of TRL's GRPOTrainer: sample with transformers, reward, update. The reward needs no answer: whether the sum of
the completion's ids is even."""

import tempfile

import common

work = common.read_work()
import trainer as shared
from datasets import Dataset
from transformers import AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

tokenizer = AutoTokenizer.from_pretrained(work["model"])
prompts = [tokenizer.decode(ids) for ids in work["sequences"]]
for text, ids in zip(prompts, work["sequences"]):
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == ids, text
seen = {"tokens": 0}


def reward(completion_ids, prompts, **kwargs):
    lengths = [len(tokenizer(p, add_special_tokens=False)["input_ids"]) for p in prompts]
    seen["tokens"] = sum(lengths) + sum(map(len, completion_ids))
    return [float(sum(ids) % 2 == 0) for ids in completion_ids]


batch = len(prompts) * work["samples"]
args = GRPOConfig(
    **shared.settings(work, tempfile.mkdtemp()), per_device_train_batch_size=batch, learning_rate=1e-6,
    num_generations=work["samples"], max_completion_length=work["max_tokens"],
    temperature=1.0, top_k=0, top_p=1.0, beta=0.0, epsilon=0.2, num_iterations=1, loss_type="grpo",
    use_vllm=False, shuffle_dataset=False, mask_truncated_completions=False,
    generation_kwargs={"eos_token_id": work["eos"], "pad_token_id": 0},
)
trainer = GRPOTrainer(
    model=common.load(work).train(), args=args, reward_funcs=reward,
    train_dataset=Dataset.from_list([{"prompt": text} for text in prompts]), processing_class=tokenizer,
    callbacks=[shared.Steps(lambda: seen["tokens"])],
)
trainer.train()
