"""Times math-verify on the cases that `cargo bench --bench grading -- --cases FILE` wrote, one thread.

    python benches/peers/grading.py cases.jsonl [--out results.jsonl] [--limit N]

Needs math-verify (measured with 0.9.0). Prints its speed, how many cases it judges as labelled, and every case that
it gets right and we get wrong.
"""

import argparse
import importlib.metadata
import json
import logging
import os
import time

from math_verify import parse, verify

logging.disable(logging.CRITICAL)

parser = argparse.ArgumentParser()
parser.add_argument("cases")
parser.add_argument("--out")
parser.add_argument("--limit", type=int)
args = parser.parse_args()


def wrapped(text):
    """Bare answers need delimiters to be seen as LaTeX."""
    return text if "$" in text or "\\boxed" in text else f"${text}$"


with open(args.cases, encoding="utf-8") as file:
    cases = [json.loads(line) for line in file][: args.limit]
times, right, timeouts, better, worse = [], 0, 0, [], []
for case in cases:
    start = time.perf_counter()
    try:
        equal = bool(verify(parse(wrapped(case["gold"])), parse(wrapped(case["pred"]))))
    except Exception as error:  # math-verify's own time limit raises
        equal = False
        timeouts += "imeout" in type(error).__name__
    seconds = time.perf_counter() - start
    timeouts += seconds > 4.9
    times.append(seconds)
    good = equal == case["expected"]
    right += good
    if good and case["ours"] != case["expected"]:
        better.append(case)
    if not good and case["ours"] == case["expected"]:
        worse.append(case)

ordered = sorted(times)
at = lambda share: 1e6 * ordered[round((len(ordered) - 1) * share)]
result = {
    "tool": "math-verify/" + importlib.metadata.version("math-verify"),
    "threads": 1,
    "cases": len(cases),
    "right": right,
    "cases_per_s": round(len(cases) / sum(times), 1),
    "p50_us": round(at(0.5), 1),
    "p99_us": round(at(0.99), 1),
    "max_us": round(at(1.0), 1),
    "timeouts": timeouts,
}
print(json.dumps(result))
print(f"right where we are wrong: {len(better)}; wrong where we are right: {len(worse)}")
for case in better:
    print("  only math-verify is right:", json.dumps(case, ensure_ascii=False))
if args.out:
    others = []
    if os.path.exists(args.out):
        with open(args.out, encoding="utf-8") as file:
            others = [line for line in file if not json.loads(line)["tool"].startswith("math-verify")]
    with open(args.out, "w", encoding="utf-8") as file:
        file.writelines(others + [json.dumps(result) + "\n"])
