"""vLLM's engine on the same prompts, where it is installed (CUDA). In one process, so that its memory can be asked for; its
peak is what it reserves, which `gpu_memory_utilization` decides."""

import os

import common

work = common.read_work()
os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
try:
    from vllm import LLM, SamplingParams
except ImportError:
    common.say({"error": "vLLM is not installed"})
    raise SystemExit(1)

llm = LLM(model=work["model"], dtype=work["dtype"], max_num_seqs=work["slots"], gpu_memory_utilization=0.6)
params = SamplingParams(
    n=work["samples"], temperature=1.0, max_tokens=work["max_tokens"], ignore_eos=True,
    stop_token_ids=work["eos"], detokenize=False,
)
prompts = [{"prompt_token_ids": ids} for ids in work["sequences"]]


def run():
    found = llm.generate(prompts, params, use_tqdm=False)
    return sum(len(output.token_ids) for request in found for output in request.outputs)


common.serve(run)
