"""Parquet files as the hub has them, with rows of our own: written by pyarrow, read by howard (tests/data.rs).

openr1.parquet has the columns and types of open-r1/OpenR1-Math-220k (its dataset card, configuration "default"), nested
ones included; sums.parquet is a user's own file in three row groups, with a nullable number and with columns of types that are not asked for.

Run: python tests/golden/parquet.py   (pyarrow 26.0.1)
"""
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

here = pathlib.Path(__file__).parent / "parquet"
texts, flags = pa.list_(pa.string()), pa.list_(pa.bool_())
message = pa.struct([("content", pa.string()), ("role", pa.string())])
schema = pa.schema([
    ("problem", pa.string()), ("solution", pa.string()), ("answer", pa.string()), ("problem_type", pa.string()),
    ("question_type", pa.string()), ("source", pa.string()), ("uuid", pa.string()), ("is_reasoning_complete", flags),
    ("generations", texts), ("correctness_math_verify", flags), ("correctness_llama", flags),
    ("finish_reasons", texts), ("correctness_count", pa.int64()), ("messages", pa.list_(message)),
])


def row(n, answer, generations, verified, complete, source="olympiads"):
    problem = f"What is {n} plus {n}?"
    return {
        "problem": problem, "solution": f"{n} + {n} = {2 * n}.", "answer": answer, "problem_type": "Algebra",
        "question_type": "math-word-problem", "source": source, "uuid": f"0000-{n}", "is_reasoning_complete": complete,
        "generations": generations, "correctness_math_verify": verified, "correctness_llama": None,
        "finish_reasons": None if n % 2 else ["stop"] * len(generations), "correctness_count": sum(verified),
        "messages": [{"content": problem, "role": "user"}, {"content": generations[0], "role": "assistant"}],
    }


rows = [
    # Two solutions are right: the shorter is taken.
    row(1, "2", ["<think>\none and one\n</think>\n\nSo $\\boxed{2}$", "<think>\n</think>\n\n\\boxed{2}"], [True, True], [True, True]),
    # The shorter one is not complete.
    row(2, "$4$", ["<think>\ntwo and two\n</think>\n\n\\boxed{4}", "\\boxed{4}"], [True, True], [True, False], "amc_aime"),
    # Verified by its publisher, wrong here.
    row(3, "6", ["\\boxed{7}", "no"], [True, False], [True, True]),
    row(4, "8", ["\\boxed{9}", "no"], [False, False], [True, True]),
    # Too long.
    row(5, "10", ["<think>\n" + "5 and 5. " * 1000 + "\n</think>\n\n\\boxed{10}"], [True], [True]),
    # A proof: no answer.
    row(6, "", ["q.e.d."], [True], [True]),
    row(1, "2", ["the same again \\boxed{2}"], [True], [True]),
]
pq.write_table(pa.Table.from_pylist(rows, schema=schema), here / "openr1.parquet", compression="zstd")

numbers = range(1, 41)
sums = pa.table({
    "question": [f"What is {n} plus {n}?" for n in numbers],
    "gold": pa.array([f"so #### {2 * n}" for n in numbers], pa.large_string()),
    "difficulty": pa.array([1 + n % 5 if n % 10 else None for n in numbers], pa.int32()),
    "small": pa.array([n % 5 for n in numbers], pa.int8()),
    "kind": pa.array([["odd", "even"][n % 2] for n in numbers]).dictionary_encode(),
    "when": pa.array([0 for _ in numbers], pa.timestamp("us")),
})
pq.write_table(sums, here / "sums.parquet", compression="snappy", row_group_size=16)
