"""Reading and replaying whole logs: lines, steps and events per second, seconds, memory, bytes per event."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import strace_by_re
from .logs import usual
from .spent import folder, in_turn, tool
from .table import Row

_TRACES = Path(__file__).parent.parent / "traces"


def _best(function: Callable[[], object], times: int = 3) -> float:
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        function()
        spent.append(time.perf_counter() - began)
    return min(spent)


def strace_text() -> Iterator[Row]:
    """The strace reader on one and two threads, against one regular expression a line."""
    from remaptrace.trace.strace.door import read_strace

    data = usual().read_bytes()
    lines = data.count(b"\n")
    part = data[: data.rfind(b"\n", 0, len(data) // 10) + 1]
    by_expression = part.count(b"\n") / _best(lambda: strace_by_re.read(part), 2)
    read_strace(data, name="warm")
    one = lines / _best(lambda: read_strace(data, name="big", threads=1), 5)
    two = lines / _best(lambda: read_strace(data, name="big", threads=2), 5)
    group = "strace text (-f -ttt -T -y, resumed calls)"
    yield Row(group, "one thread", one / 1e6, 2.5, unit="M lines/s")
    yield Row(group, "one thread against re", one / by_expression, 12)
    yield Row(group, "two threads", two / 1e6, 4, unit="M lines/s")
    yield Row(group, "two threads against re", two / by_expression, 18)


def kernel_text() -> Iterator[Row]:
    """The ftrace and perf script readers on recorded text, repeated."""
    from remaptrace.machinecode.ready import warm
    from remaptrace.trace.tracepoints.ftrace import read_ftrace
    from remaptrace.trace.tracepoints.perf import read_perf

    warm()
    for recorder, reader in (("ftrace", read_ftrace), ("perf", read_perf)):
        for name, times in (("efence-500", 50), ("uml-small", 1)):
            recorded = _TRACES / name / f"{recorder}.txt.gz"
            if not recorded.exists():
                continue
            data = gzip.decompress(recorded.read_bytes()) * times
            rate = data.count(b"\n") / _best(lambda r=reader, d=data: r(d, name="big"))
            yield Row("kernel text", f"{recorder}, {name} x {times}", rate / 1e6, 1.5, unit="M lines/s")


def yaml_steps() -> Iterator[Row]:
    """Scenario steps in canonical flow form, and in a form that only a YAML library reads."""
    from remaptrace.trace.scenario.read import read_scenario

    head = "name: big\narch: x86_64\npage_size: 4096\nsteps:\n"
    flow = "- mmap: {{addr: {0:#x}, length: 8192, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}}\n"
    block = (
        "- mmap:\n    addr: {0:#x}\n    length: 8192\n    prot: rw\n    flags:\n    - private\n    - fixed\n"
        "    - anonymous\n    fd: -1\n    offset: 0\n"
    )
    for name, form, steps, bound in (
        ("canonical flow form", flow, 100_000, 150_000),
        ("any form", block, 20_000, 20_000),
    ):
        text = (head + "".join(form.format(0x100000000000 + 0x4000 * i) for i in range(steps))).encode()
        rate = steps / _best(lambda t=text: read_scenario(t, name="big"))
        yield Row("YAML", name, rate, bound, unit="steps/s")


def end_to_end() -> Iterator[Row]:
    """`run` of the million-line log with its report."""
    run = in_turn({"run": tool("run", usual())})["run"]
    group = "a 1,000,000-line strace log, end to end"
    yield Row(group, "run, warm", run.wall, 1.5, at_least=False, unit="s")
    yield Row(group, "memory at the peak", run.resident / (1 << 20), 400, at_least=False, unit="MiB")


def columns() -> Iterator[Row]:
    """The column file of the parsed log: size, opening; replay of ten million events from it."""
    from remaptrace.trace.stored import columnfile
    from remaptrace.trace.strace.door import read_strace

    trace = read_strace(usual().read_bytes(), name="big")
    path = folder() / "big.rtcols"
    columnfile.write_columns(trace, path)
    group = "column file"
    yield Row(group, "bytes an event", path.stat().st_size / len(trace), 52, at_least=False, unit="B")
    opened = _best(lambda: columnfile.open_columns(path))
    text = _best(lambda: read_strace(usual().read_bytes(), name="big"))
    yield Row(group, "opening, with checksum and proof, against reading the text", opened / text, 0.25, at_least=False,
              detail=f"{1000 * opened:.0f} / {1000 * text:.0f} ms")  # fmt: skip


def replay_ten_million() -> tuple[int, float, int]:
    """Events, seconds, bytes of memory that the replay of ten million events took beyond their table.

    Run in a process of its own: what another benchmark needed before would hide it.
    """
    import numpy as np

    from remaptrace.engine.run.driver import replay
    from remaptrace.machine.machine import Machine

    from .engine_side import trace_of
    from .workloads import random_mix

    rows = random_mix(1_000_000).rows
    trace = trace_of(np.concatenate([rows] * 10)[:10_000_000])
    replay(trace_of(rows[:100]), Machine.load(), engine="compiled")
    before = _peak_from_now()
    began = time.perf_counter()
    replay(trace, Machine.load())
    spent = time.perf_counter() - began
    return len(trace), spent, _peak() - before


def _peak_from_now() -> int:
    """Let the peak be what is resident now (a 5 in clear_refs does it); that, in bytes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _peak()


def _peak() -> int:
    """Bytes resident at this process's peak; getrusage would count those of the process that started it, too."""
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024


def ten_million() -> Iterator[Row]:
    """Ten million events: rate, and memory beyond the mapped file."""
    program = "from benchmarks.throughput import replay_ten_million as r; print(*r())"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    events, spent, grown = map(float, done.stdout.split())
    group = "10,000,000 events"
    yield Row(group, "rate", events / spent / 1e6, 0.7, unit="M ev/s")
    yield Row(group, "memory beyond the table", grown / events, 150, at_least=False, unit="B/event")


PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "strace": strace_text,
    "kernel-text": kernel_text,
    "yaml": yaml_steps,
    "end-to-end": end_to_end,
    "columns": columns,
    "ten-million": ten_million,
}
