"""The test of the test, and what kernels promise: run by `make notebooks-test`.

A deliberately broken notebook must fail, whichever way it is broken; statics are shared between cells; gradients are on again
after a panic; a cell that is interrupted leaves files whole.
"""

import os
import tempfile
import time
from pathlib import Path

import nbformat
from jupyter_client.manager import start_new_kernel
from nbformat.v4 import new_code_cell, new_notebook

import notebooks

RESULTS = ':dep howard = { package = "howard-notebook", path = "kernel" }\nuse howard::prelude::*;'
TENSORS = ':dep howard = { package = "howard-notebook-torch", path = "kernel/torch" }\nuse howard::prelude::*;'

# What is broken, the cell that breaks, what the message must say.
BROKEN = [
    ("a panic", 'let none: Option<u32> = None; none.expect("there is no number");', "panicked"),
    ("an Err at a question mark", 'Err::<(), Error>(Error::data("frame", "holds no rows"))?;', "frame: holds no rows"),
    ("an Err as the value of a cell", 'Results::read(&["data/none.parquet"])', "data/none.parquet"),
    ("a wrong path", 'let results = Results::read(&["data/none.parquet"])?;', "data/none.parquet"),
    ("a compile error", "let number: u32 = results_that_nobody_made;", "cannot find value"),
    ("debug text", "Some(1)", "shows debug text"),
    ("a process that dies", "std::process::abort();", "terminated"),
]


def broken_notebooks_fail():
    """One notebook per way to break, each must raise Failed with the right words; the whole one must pass."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.ipynb"
        nbformat.write(new_notebook(cells=[new_code_cell(RESULTS), new_code_cell("1 + 1")]), path)
        notebooks.execute(path)
        for what, cell, words in BROKEN:
            path = Path(folder) / "broken.ipynb"
            cells = [new_code_cell(RESULTS), new_code_cell(cell), new_code_cell('println!("on it goes");')]
            nbformat.write(new_notebook(cells=cells), path)
            try:
                notebooks.execute(path)
            except notebooks.Failed as error:
                if words not in str(error):
                    yield f"{what} was found, but the message is: {error}"
            else:
                yield f"{what} passed"


class Kernel:
    """A kernel to talk to, cell by cell."""

    def __enter__(self):
        self.manager, self.client = start_new_kernel(
            kernel_name="howard", startup_timeout=1200, cwd=str(notebooks.SOURCES)
        )
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def send(self, code):
        return self.client.execute(code)

    def finish(self, sent, timeout=600):
        """All text of a cell: streams, values and errors."""
        text = []
        while True:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "stream":
                text.append(content["text"])
            elif kind == "execute_result":
                text.append(content["data"].get("text/plain", ""))
            elif kind == "error":
                text.append("ERROR " + content["evalue"])
            elif kind == "status" and content["execution_state"] == "idle":
                return "\n".join(text)

    def run(self, code):
        return self.finish(self.send(code))


def statics_are_shared():
    with Kernel() as kernel:
        kernel.run(RESULTS)
        # A function of the library lies at one address in all cells only where they link one copy of it.
        places = {kernel.run('format!("{:p}", howard::bench::find as *const ())') for _ in range(3)}
        if len(places) != 1 or "0x" not in str(places):
            yield f"cells have copies of the library of their own: {sorted(places)}"
        # polars starts its threads when first used: once, whichever cell uses it.
        threads = 'std::fs::read_dir("/proc/self/task").unwrap().count()'
        kernel.run('let results = Results::read(&["data/tiny.parquet"])?;')
        counts = []
        for name in ("run", "verdict", "benchmark"):
            kernel.run(f'results.frame()?.sort(["{name}"], Default::default()).unwrap().height()')
            counts.append(kernel.run(threads))
        if len(set(counts)) != 1 or not counts[0].isdigit():
            yield f"threads after cells that use polars: {counts}"


def gradients_survive_a_panic():
    with Kernel() as kernel:
        kernel.run(TENSORS)
        if (said := kernel.run("gradients_on()")) != "true":
            yield f"gradients are off in a new kernel: {said}"
        kernel.run("let kept = 7u32;")
        said = kernel.run('without_gradients(&|| { assert!(!gradients_on()); panic!("on purpose") });')
        if (later := kernel.run("gradients_on()")) != "true":
            yield f"after a panic without gradients they stay off: {later} (the panic: {said})"
        if (said := kernel.run("kept")) != "7":
            yield f"a variable was lost in a panic: {said}"


def interrupted_cells_leave_files_whole():
    with tempfile.TemporaryDirectory() as folder, Kernel() as kernel:
        path = Path(folder) / "records.parquet"
        kernel.run(RESULTS)
        kernel.run('let results = Results::read(&["data/tiny.parquet"])?;')
        writing = f'loop {{ howard::frame::write_records(results.records(), std::path::Path::new("{path}"))?; }}'
        sent = kernel.send(writing)
        until = time.monotonic() + 120
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1.0)
        kernel.manager.interrupt_kernel()
        kernel.finish(sent)
        if not path.exists():
            yield "the cell was interrupted before it wrote anything"
            return
        kernel.run(RESULTS)
        said = kernel.run(f'Results::read(&["{path}"])?.records().len()')
        wanted = kernel.run('Results::read(&["data/tiny.parquet"])?.records().len()')
        if said != wanted:
            yield f"the file that was being written holds {said} records instead of {wanted}"
        rest = [name for name in os.listdir(folder) if name != path.name and not name.endswith(".tmp")]
        if rest:
            yield f"an interrupted cell left {rest}"


CHECKS = [
    ("broken notebooks fail", broken_notebooks_fail),
    ("statics are shared between cells", statics_are_shared),
    ("gradients are on after a panic", gradients_survive_a_panic),
    ("an interrupted cell leaves files whole", interrupted_cells_leave_files_whole),
]


def run():
    failures = []
    for name, check in CHECKS:
        started = time.monotonic()
        found = list(check())
        print(f"{'FAILED' if found else 'ok':7} {name} ({time.monotonic() - started:.1f} s)", flush=True)
        for problem in found:
            print(f"        {problem}", flush=True)
        failures += found
    return failures
