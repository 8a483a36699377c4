"""Executes the notebooks headless and fails on what a person would call a failure.

    notebooks.py test [NOTEBOOK...]      execute; non-zero if a cell fails, panics or says anything unexpected on stderr
    notebooks.py render [NOTEBOOK...]    the same, then write the executed copies to docs/notebooks/
    notebooks.py selftest                the test of the test, and what kernels promise (see scripts/notebooks_selftest.py)

evcxr reports a panic, and an `Err` at a `?`, as success with text on stderr. So every line on stderr is a failure here unless
it is allowed below.
"""

import json
import re
import sys
import time
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbclient.util import ensure_async

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "notebooks"
EXECUTED = ROOT / "target" / "notebooks" / "executed"
RENDERED = ROOT / "docs" / "notebooks"
# Lines of stderr that are no failure: cargo's account of what it builds, in the first cell after a change.
ALLOWED = re.compile(r"^\s*(Compiling|Downloading|Downloaded|Updating|Locking|Blocking|Finished|Adding|Building)\b")
ANSI = re.compile(r"\x1b\[[0-9;]*m")


# What a value looks like that has no form for people: evcxr then prints Rust's debug text.
DEBUG = re.compile(r"(Ok|Err|Some|None)\b|[A-Z]\w* \{ \w+:|\[\w+ \{")


class Failed(Exception):
    """A notebook that does not do what it should; the text says where."""


def first_line(text):
    lines = [line.strip() for line in ANSI.sub("", text).splitlines() if line.strip()]
    return lines[0] if lines else "no message"


def check_cell(name, number, cell):
    """Refuses errors, and lines on stderr that are not allowed."""
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            raise Failed(f"{name}, cell {number}: {first_line(output.evalue)}")
        if output.output_type == "execute_result" and DEBUG.match(output.data.get("text/plain", "")):
            raise Failed(f"{name}, cell {number} shows debug text: {first_line(output.data['text/plain'])[:80]}")
        if output.output_type == "stream" and output.name == "stderr":
            for line in ANSI.sub("", output.text).splitlines():
                if line.strip() and not ALLOWED.match(line):
                    raise Failed(f"{name}, cell {number} wrote to stderr: {line.strip()}")


def listen(client):
    """Everything the kernel says on stderr, in one list. nbclient drops lines that come after the reply to their cell."""
    heard, channel = [], client.kc.iopub_channel
    receive = channel.get_msg

    async def get_msg(*args, **kwargs):
        message = await ensure_async(receive(*args, **kwargs))
        if message["header"]["msg_type"] == "stream" and message["content"]["name"] == "stderr":
            heard.extend(ANSI.sub("", message["content"]["text"]).splitlines())
        return message

    channel.get_msg = get_msg
    return heard


def check_heard(name, number, heard):
    """Refuses a line on stderr that belongs to this cell or an earlier one."""
    for line in heard:
        if line.strip() and not ALLOWED.match(line):
            raise Failed(f"{name}, cell {number} or before wrote to stderr: {line.strip()}")


def execute(path, cell_timeout=600):
    """The executed notebook and the seconds of each code cell; raises Failed at the first cell that fails."""
    name = path.name
    notebook = nbformat.read(path, as_version=4)
    seconds = []
    client = NotebookClient(
        notebook,
        timeout=cell_timeout,
        startup_timeout=1200,
        kernel_name="howard",
        resources={"metadata": {"path": str(SOURCES)}},
        allow_errors=True,
        # stderr of a panic arrives on its own stream: give it time before the next cell.
        iopub_timeout=10,
    )
    try:
        with client.setup_kernel():
            heard = listen(client)
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type != "code":
                    continue
                number = len(seconds) + 1
                started = time.monotonic()
                client.execute_cell(cell, index)
                seconds.append(time.monotonic() - started)
                check_cell(name, number, cell)
                check_heard(name, number, heard)
            # A line of stderr can be later than the reply to its cell: a last, silent cell flushes it.
            flush = nbformat.v4.new_code_cell("()")
            notebook.cells.append(flush)
            client.execute_cell(flush, len(notebook.cells) - 1)
            notebook.cells.pop()
            check_cell(name, "after the last", flush)
            check_heard(name, "after the last", heard)
    except (CellExecutionError, DeadKernelError, TimeoutError, RuntimeError) as error:
        raise Failed(f"{name}, cell {len(seconds) + 1}: {first_line(str(error))}") from error
    except NoSuchKernel as error:
        raise Failed("there is no kernel 'howard': run this through scripts/notebooks.sh") from error
    return notebook, seconds


def named(names):
    paths = [SOURCES / Path(name).name for name in names] or sorted(SOURCES.glob("*.ipynb"))
    for path in paths:
        if not path.exists():
            sys.exit(f"notebooks: {path.name}: there is no such notebook in notebooks/")
    return paths


def plain(notebook):
    """The executed copy without what changes from run to run."""
    for cell in notebook.cells:
        cell.metadata = {}
        kept = []
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                continue
            output.pop("transient", None)
            # Streams arrive line by line: one output for a reader.
            if kept and output.output_type == "stream" and kept[-1].output_type == "stream":
                kept[-1].text += output.text
            else:
                kept.append(output)
        if cell.cell_type == "code":
            cell.outputs = kept
    number = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            number += 1
            cell.execution_count = number
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = number
    notebook.metadata = {
        "kernelspec": {"display_name": "Rust (howard)", "language": "rust", "name": "howard"},
        "language_info": {"file_extension": ".rs", "mimetype": "text/rust", "name": "Rust"},
    }
    return notebook


def median(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0


def run(names, render):
    EXECUTED.mkdir(parents=True, exist_ok=True)
    failures, times = [], {}
    for path in named(names):
        started = time.monotonic()
        try:
            notebook, seconds = execute(path)
        except Failed as error:
            failures.append(str(error))
            print(f"FAILED  {error}", flush=True)
            continue
        total = time.monotonic() - started
        times[path.stem] = {"total": total, "first": seconds[0], "median": median(seconds[1:])}
        print(
            f"ok      {path.name}: {total:.1f} s, first cell {seconds[0]:.1f} s, "
            f"later cells {median(seconds[1:]):.1f} s (median), {max(seconds[1:], default=0):.1f} s (slowest)",
            flush=True,
        )
        nbformat.write(plain(notebook), EXECUTED / path.name)
        if render:
            RENDERED.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, RENDERED / path.name)
    (EXECUTED / "times.json").write_text(json.dumps(times, indent=1))
    return failures


def main():
    what, names = sys.argv[1], sys.argv[2:]
    if what == "selftest":
        import notebooks_selftest

        failures = notebooks_selftest.run()
    else:
        failures = run(names, what == "render")
    if failures:
        print(f"notebooks: {len(failures)} failed", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
