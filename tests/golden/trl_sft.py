"""The loss curve of TRL's SFTTrainer, all weights and adapters, on the shipped tiny model and a small set of conversations.

    python tests/golden/trl_sft.py            writes tests/golden/trl_sft/*

Needs torch, transformers, trl and peft; their versions are written into reference.json. The order of the data is that of the
file, in each of the two epochs. The mask comes from TRL: its assistant-only loss needs marks in the chat template, which are
added here around what the assistant says and its end token.
"""
import json
import pathlib
import random
import shutil
import sys

del sys.path[0]  # statistics.py beside this file would hide Python's own

import peft
import torch
import transformers
import trl
from datasets import Dataset
from torch.utils.data import SequentialSampler
from transformers import AutoModelForCausalLM, AutoTokenizer

GOLDEN = pathlib.Path(__file__).parent
HERE = GOLDEN / "trl_sft"
TINY = GOLDEN.parent.parent / "data" / "tiny"
TEMPLATE = """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.role == 'assistant' %}
        {%- generation %}{{- message.content + '<|im_end|>' }}{%- endgeneration %}
        {{- '\\n' }}
    {%- else %}
        {{- message.content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def conversations():
    """40 conversations of one or two questions, some with a system message."""
    draw = random.Random(3)
    rows = []
    for index in range(40):
        messages = []
        if index % 5 == 0:
            messages.append({"role": "system", "content": "Answer with one number in a box."})
        for _ in range(1 + index % 2):
            numbers = [draw.randint(2, 99) for _ in range(draw.randint(2, 5))]
            steps, total = [], numbers[0]
            for number in numbers[1:]:
                steps.append(f"{total}+{number}={total + number}")
                total += number
            messages.append({"role": "user", "content": "Add " + ", ".join(map(str, numbers)) + "."})
            messages.append({"role": "assistant", "content": "; ".join(steps) + f". \\boxed{{{total}}}"})
        rows.append({"messages": messages})
    return rows


class InOrder(trl.SFTTrainer):
    """Takes the data in the order of the file and remembers each step's loss unrounded."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.losses, self.tokens = [], []

    def _get_train_sampler(self, train_dataset=None):
        return SequentialSampler(train_dataset or self.train_dataset)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        self.tokens.append(int((inputs["labels"][:, 1:] != -100).sum()))
        out = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        self.losses.append((out[0] if return_outputs else out).item())
        return out


def train(rows, adapter, out):
    model = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    tokenizer.chat_template = TEMPLATE
    if adapter:
        config = peft.LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
        torch.manual_seed(1)
        model = peft.get_peft_model(model, config)
        folder = HERE / "adapter"
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        saved = json.loads((folder / "adapter_config.json").read_text())
        saved |= {"base_model_name_or_path": "data/tiny", "target_modules": sorted(saved["target_modules"])}
        (folder / "adapter_config.json").write_text(json.dumps(saved, indent=1) + "\n")
    args = trl.SFTConfig(
        output_dir=str(HERE / "unused"), max_steps=20, per_device_train_batch_size=4, gradient_accumulation_steps=1,
        learning_rate=5e-3 if adapter else 1e-3, lr_scheduler_type="linear", warmup_steps=0, optim="adamw_torch",
        adam_beta1=0.9, adam_beta2=0.95, adam_epsilon=1e-8, weight_decay=0.0, max_grad_norm=1.0, logging_steps=1,
        save_strategy="no", report_to="none", assistant_only_loss=True, max_length=2048, packing=False, bf16=False,
        use_cpu=True, gradient_checkpointing=False, dataloader_pin_memory=False, disable_tqdm=True, seed=0,
    )
    trainer = InOrder(model=model, args=args, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    trainer.train()
    history = [row for row in trainer.state.log_history if "grad_norm" in row]
    out["adapter" if adapter else "full"] = {
        "losses": trainer.losses,
        "loss_tokens": trainer.tokens,
        "grad_norms": [float(row["grad_norm"]) for row in history],
        "learning_rates": [row["learning_rate"] for row in history],
    }


def main():
    HERE.mkdir(exist_ok=True)
    rows = conversations()
    (HERE / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = {
        "torch": torch.__version__, "transformers": transformers.__version__, "trl": trl.__version__, "peft": peft.__version__,
    }
    train(rows, False, out)
    train(rows, True, out)
    shutil.rmtree(HERE / "unused", ignore_errors=True)
    (HERE / "reference.json").write_text(json.dumps(out, indent=1) + "\n")


main()
