"""What the TRL peers share: a callback that waits for `go` before a step and reports after it."""

import time

import common
from transformers import TrainerCallback

# Each step is one `go`; the trainer is stopped from outside.
STEPS = 10_000


class Steps(TrainerCallback):
    def __init__(self, tokens):
        self.tokens = tokens

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == 0:
            common.say({"ready": True})
        if not common.wait():
            common.end()
        self.start = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        seconds = time.perf_counter() - self.start
        common.say({"seconds": seconds, "tokens": self.tokens()})


def settings(work, out):
    """As TRL has them, but in fp32 where the work is, without logs, checkpoints and recomputation."""
    return dict(
        output_dir=out, max_steps=STEPS, logging_strategy="no", save_strategy="no", report_to="none",
        bf16=work["dtype"] == "bfloat16", use_cpu=work["device"] == "cpu", gradient_checkpointing=False,
        dataloader_num_workers=0, lr_scheduler_type="constant", disable_tqdm=True,
        max_grad_norm=1.0, weight_decay=0.0,
    )
