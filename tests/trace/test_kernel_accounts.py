"""Kernel text: lines in = records + counted words of the recorder + named lines + known noise."""

from __future__ import annotations

import gzip
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from remaptrace.trace.stacks import StackLines
from remaptrace.trace.tracepoints.ftrace import _FtraceText
from remaptrace.trace.tracepoints.perf import _PerfText
from remaptrace.trace.tracepoints.perftrace import _PerfTrace

from .test_strace_accounts import mutated

DATA = Path(__file__).parent / "data"
LINES = 10_000
"""A million lines of each form were read once with nothing unaccounted for."""

NOISE = {
    "ftrace": re.compile(rb"\s*\Z|#|.*task_rename: "),  # a name stands in front of the next line anyway
    "perf": re.compile(rb"\s*\Z|#|.*task_rename: "),
    "perf-trace": re.compile(rb"#|.*\[k\b"),
}


def seeds(form: str) -> list[bytes]:
    folder = DATA / "kernel-text"
    names = {"ftrace": "ftrace-*.gz", "perf": "perf-*.gz", "perf-trace": "perf-perf-trace*.gz"}
    found: list[bytes] = []
    for path in sorted(folder.glob(names[form])):
        if form == "perf" and path.name.startswith("perf-perf-trace"):
            continue
        found += gzip.decompress(path.read_bytes()).split(b"\n")[:150]
    if form == "perf":
        found += gzip.decompress((DATA / "sweep/perf-side-band/perf.txt.gz").read_bytes()).split(b"\n")[:200]
    if form == "perf-trace":
        found += gzip.decompress((DATA / "sweep/call-graph.perf-trace.gz").read_bytes()).split(b"\n")[:150]
        found += (DATA / "sweep/faults-only.perf-trace").read_bytes().split(b"\n")
        found += (DATA / "sweep/summary.perf-trace").read_bytes().split(b"\n")
    return found


def state_of(reader: _FtraceText | _PerfText | _PerfTrace) -> tuple[object, ...]:
    if isinstance(reader, _FtraceText):
        return len(reader.rows), len(reader._skipped), sum(reader.words.other.values()), len(reader._notes)
    if isinstance(reader, _PerfText):
        kept = reader.mappings
        return (
            *(len(reader.rows), len(reader._skipped), sum(reader.words.other.values())),
            *(len(reader._software), len(reader._without_address), reader.stacks.lines, len(reader._facts)),
            *(kept.passed, kept.taken, len(kept.execs), len(reader._ends), reader.kernel_faults),
        )
    return (
        *(len(reader._rows), len(reader._skipped), sum(reader._other.values()), len(reader._software)),
        *(reader._without_address, reader._summary, reader._lost, reader._stacks.lines, reader.kernel_faults),
    )


def account(form: str, count: int, seed: int = 11) -> Counter[str]:
    """Read `count` mutated lines one by one; AssertionError at the first that leaves no trace and is no noise."""
    chance, pool = random.Random(seed), seeds(form)
    reader = {
        "ftrace": lambda: _FtraceText(b"", 0),
        "perf": lambda: _PerfText(b"", 0),
        "perf-trace": lambda: _PerfTrace(b"", 0, StackLines()),
    }[form]()
    seen: Counter[str] = Counter()
    for number in range(1, count + 1):
        line = mutated(chance.choice(pool), pool, chance)
        before = state_of(reader)
        reader.line(line, number, 0)
        if state_of(reader) != before:
            seen["accounted"] += 1
        else:
            assert NOISE[form].match(line), line
            seen["noise"] += 1
    return seen


@pytest.mark.parametrize("form", ["ftrace", "perf", "perf-trace"])
def test_every_mutated_line_leaves_a_record_a_count_or_its_name(form: str) -> None:
    seen = account(form, LINES)
    assert seen.total() == LINES
    assert seen["accounted"] > LINES * 0.8
