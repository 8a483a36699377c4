"""Looks for different gold answers that the grader calls equal.

    python scripts/grader_pairs.py ../shared/data target/debug/grade [--pairs 300000] [--seed 1] [--all]

Draws pairs of gold answers with different texts from problems of one subject of MATH (train and test), one subfield
of OlympiadBench, GSM8K, and AIME, lets `grade --answers` judge them, and asks sympy about every pair that it calls equal. sympy reads the
answers through math-verify's parser (0.9.0). Prints the pairs on which sympy disagrees, and counts. Some of them are
meant to be equal: what MEANT says with its reasons, and the identities of IDENTITIES, which are evaluated with 60
digits. Exit code 1 if there is any other.
"""

import argparse
import collections
import json
import pathlib
import random
import re
import subprocess
import sys

import mpmath
import sympy
from math_verify import parse

mpmath.mp.dps = 60
# True identities that sympy does not see, because the parser drops the sign of degrees: the difference of the sides.
IDENTITIES = {
    frozenset(["\\tan 15^\\circ", "2-\\sqrt{3}"]): mpmath.tan(15 * mpmath.pi / 180) - (2 - mpmath.sqrt(3)),
}

WORDS = {"four": "4"}
# Pairs that are equal by a rule of docs/grading.md although sympy calls them different: those whose texts, without
# blanks, dollar signs and what says nothing about a value (`units`, \text around a number, a number as a word), are
# the same once this is taken away, too.
MEANT = [
    ("a word about a number that the parser does not read", r"$^"),
    ("a percent sign that only one of them has: the question asks for percent", r"\\?%"),
    ("a bare list beside a point: `1, 2` may stand for (1, 2)", r"^\(|\)$"),
]

args = argparse.ArgumentParser()
args.add_argument("data", type=pathlib.Path)
args.add_argument("grade")
args.add_argument("--pairs", type=int, default=300_000)
args.add_argument("--seed", type=int, default=1)
args.add_argument("--all", action="store_true", help="also print the pairs that sympy cannot tell, and the undecided")
args = args.parse_args()


def lines(name):
    with open(args.data / name, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


groups = collections.defaultdict(set)
for name in ["math/train.jsonl", "math/test.jsonl"]:
    for row in lines(name):
        groups[row["type"]].add(row["answer"])
with open(args.data / "olympiadbench/OE_TO_maths_en_COMP.json", encoding="utf-8") as file:
    for row in json.load(file):
        groups["olympiad " + str(row.get("subfield"))].add(",".join(row["final_answer"]))
for name in ["gsm8k/test.jsonl", "gsm8k/train.jsonl"]:
    for row in lines(name):
        groups["gsm8k"].add(row["answer"].split("####")[-1].strip())
for name in ["aime2024/test_qwq.jsonl", "aime2025/test_qwq.jsonl"]:
    for row in lines(name):
        groups["aime"].add(str(row["answer"]))
groups = {name: sorted(answers) for name, answers in groups.items() if len(answers) > 1}

rng = random.Random(args.seed)
names = list(groups)
weights = [len(groups[name]) for name in names]
pairs = set()
while len(pairs) < args.pairs:
    name = rng.choices(names, weights)[0]
    pairs.add(tuple(sorted(rng.sample(groups[name], 2))))
pairs = sorted(pairs)
text = "".join(json.dumps({"gold": a, "pred": b}) + "\n" for a, b in pairs)
run = subprocess.run(
    [args.grade, "--in", "-", "--answers"], input=text, capture_output=True, text=True, check=True
)
graded = [json.loads(line) for line in run.stdout.splitlines()]
equal = [(row["gold"], row["pred"]) for row in graded if row["correct"]]


def read(text):
    found = parse(text if "$" in text else f"${text}$", raise_on_error=False)
    return found[0] if found else None


def same(a, b):
    """True, False, or None where sympy cannot tell."""
    a, b = read(a), read(b)
    if a is None or b is None or isinstance(a, str) or isinstance(b, str):
        return None
    if a == b:
        return True
    try:
        return bool(sympy.simplify(a - b) == 0)
    except Exception:  # sets, relations, matrices of different shapes
        return None


def reason(a, b):
    """Why a pair is equal although sympy says that it is not; None if there is no reason."""
    texts = [re.sub(r"\\text\{\s*units\}|[\s$]", "", text) for text in (a, b)]
    texts = [re.sub(r"\\(?:text|mbox)\{(\w+)\}", lambda m: WORDS.get(m[1], m[1]), text) for text in texts]
    for why, taken in MEANT:
        if len({re.sub(taken, "", text) for text in texts}) == 1:
            return why
    key = frozenset(text.replace(" ", "").replace("\\tan15", "\\tan 15") for text in (a, b))
    if key in IDENTITIES and abs(IDENTITIES[key]) < mpmath.mpf(10) ** -50:
        return "an identity, to 50 digits"
    return None


counts = collections.Counter()
wrong, meant, untold = [], [], []
for a, b in equal:
    verdict = same(a, b)
    counts[verdict] += 1
    if verdict is None:
        untold.append((a, b))
    if verdict is False:
        why = reason(a, b)
        if why:
            meant.append((a, b, why))
        else:
            wrong.append((a, b))
undecided = sum(row["verdict"] == "undecided" for row in graded)
print(f"{len(pairs)} pairs of different texts, {len(equal)} called equal, {undecided} undecided")
print(f"sympy {sympy.__version__}: equal {counts[True]}, different {counts[False]}, cannot tell {counts[None]}")
for a, b, why in meant:
    print(f"  meant to be equal, {why}:", json.dumps([a, b], ensure_ascii=False))
for a, b in wrong:
    print("  different for sympy:", json.dumps([a, b], ensure_ascii=False))
if args.all:
    for a, b in untold:
        print("  sympy cannot tell:", json.dumps([a, b], ensure_ascii=False))
    for row in graded:
        if row["verdict"] == "undecided":
            print("  undecided:", json.dumps([row["gold"], row["pred"]], ensure_ascii=False))
sys.exit(bool(wrong))
