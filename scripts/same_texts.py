"""Compares two runs of `traces` text by text: same_texts.py RUN RUN MOST; fails if more than MOST verdicts differ."""
import json
import sys


def read(run):
    rows = {}
    for name in ("traces.jsonl", "wrong.jsonl"):
        with open(f"{run}/{name}", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                rows[row["problem"], row["sample"]] = (row["messages"][-1]["content"], row["verdict"])
    return rows


a, b = read(sys.argv[1]), read(sys.argv[2])
if not a or a.keys() != b.keys():
    sys.exit(f"the runs have {len(a)} and {len(b)} answers, not to the same problems")
same = sum(a[key][0] == b[key][0] for key in a)
verdicts = sum(a[key][1] != b[key][1] for key in a)
right = [sum(v == "correct" for _, v in run.values()) for run in (a, b)]
print(f"greedy: {same} of {len(a)} texts identical, {verdicts} verdicts differ; correct {right[0]} and {right[1]}")
sys.exit(verdicts > int(sys.argv[3]))
