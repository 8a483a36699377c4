"""One optimizer step of TRL's SFTTrainer on a batch of tokenised conversations, loss on the answers only."""

import tempfile

import common

work = common.read_work()
import trainer as shared
from datasets import Dataset
from transformers import AutoTokenizer
from trl import SFTConfig, SFTTrainer

rows = [
    {"input_ids": ids, "completion_mask": mask} for ids, mask in zip(work["sequences"], work["masks"])
]
args = SFTConfig(
    **shared.settings(work, tempfile.mkdtemp()), per_device_train_batch_size=len(rows), learning_rate=2e-4,
    completion_only_loss=True, max_length=None, packing=False,
)
tokens = sum(len(row["input_ids"]) for row in rows)
trainer = SFTTrainer(
    model=common.load(work).train(), args=args, train_dataset=Dataset.from_list(rows * 4),
    processing_class=AutoTokenizer.from_pretrained(work["model"]),
    callbacks=[shared.Steps(lambda: tokens)],
)
trainer.train()
