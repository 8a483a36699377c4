"""An event file from TensorBoard's own writer, and a check of a run's file by its own reader.

    python tests/golden/tensorboard.py make  > tests/golden/events.out.tfevents.golden      (tensorboard 2.21)
    python tests/golden/tensorboard.py check results/tiny-grpo      # compares events with steps.jsonl
"""
import json
import pathlib
import sys

sys.path.pop(0)  # the folder of this script: statistics.py there would stand for Python's own

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter


def make(out):
    def event(wall_time, step, values):
        summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=t, simple_value=v) for t, v in values])
        return event_pb2.Event(wall_time=wall_time, step=step, summary=summary)

    writer = RecordWriter(out)
    events = [
        event_pb2.Event(wall_time=1_700_000_000.25, file_version="brain.Event:2"),
        event(1_700_000_001.5, 0, [("reward", 0.25), ("loss", -1.5)]),
        event(1_700_000_002.5, 1, [("reward", 0.5)]),
        event(1_700_000_003.5, 300, [("clip_ratio/low_mean", 1e-7)]),
    ]
    for one in events:
        writer.write(one.SerializeToString())
    writer.flush()


def check(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(run), size_guidance={"scalars": 0})
    accumulator.Reload()
    rows = [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]
    compared = 0
    for tag in rows[0]:
        if tag == "step":
            continue
        scalars = accumulator.Scalars(tag)
        assert [s.step for s in scalars] == [row["step"] for row in rows], tag
        for scalar, row in zip(scalars, rows):
            assert abs(scalar.value - row[tag]) <= 1e-6 * max(1, abs(row[tag])), (tag, scalar, row[tag])
            compared += 1
    print(f"{compared} values of {len(rows)} steps are equal; tags: {', '.join(accumulator.Tags()['scalars'])}")


if sys.argv[1] == "make":
    make(sys.stdout.buffer)
else:
    check(pathlib.Path(sys.argv[2]))
