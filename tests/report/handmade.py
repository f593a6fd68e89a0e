"""A small Trace and Result made by hand, for tests of reports: no engine involved."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from remaptrace.abi import kinds as ev
from remaptrace.abi.outcomes import OUT_ACCERR, OUT_MAPERR, OUT_NONE, OUT_OK
from remaptrace.machine.machine import Machine
from remaptrace.result.agreement import CheckOutcome, Disagreement, Tally
from remaptrace.result.result import ProtectionRange, Protections, Result, Snapshot, VmaRow
from remaptrace.trace.events import Skipped, Trace, TraceBuilder

ENOMEM = -12


def trace(name: str = "window") -> Trace:
    """Two processes: the first maps 40 pages one by one and touches them, the second forks off and ends."""
    b = TraceBuilder()
    first = b.task(100, 100, "linux.uml")
    child = b.task(101, 101, "", parent=first)
    line = 0

    def add(kind: int, task: int, args: tuple[int, ...], ret: int | None = None, flags: int = 0) -> None:
        nonlocal line
        line += 1
        b.event(kind, task, args, ret, flags, line, time=1_000_000_000 + line * 1_000_000)

    b.event(ev.K_EXEC, first, (b.string("/usr/bin/linux.uml"), 0), 0, line=1)
    for i in range(40):
        add(ev.K_MMAP, first, (0x40000000 + i * 0x1000, 4096, 3, 0x11, 3, i * 8192), 0x40000000 + i * 0x1000)
    add(ev.K_MMAP, first, (0, 1 << 46, 3, 0x22, -1, 0), ENOMEM)
    add(ev.K_FORK, first, (child, 0), 101)
    for i in range(40):
        add(ev.K_WRITE, first, (0x40000000 + i * 0x1000, -1, 1, 0))
    add(ev.K_WRITE, first, (0x50000000, -1, 1, 0))
    add(ev.K_READ, child, (0x40001000, -1, 1, 0))
    add(ev.K_MUNMAP, child, (0x40000000, 40 * 4096), 0)
    add(ev.K_EXIT, child, (0, 1))
    made = b.finish(name=name, format="ftrace", sources=[f"traces/{name}/ftrace.txt.gz"], recorded=True)
    made.unmodelled.update({"io_uring_setup": 1, "keyctl": 3})
    made.skipped.append(Skipped(0, 17, 1, "RT301", "garbage", "an event of ftrace"))
    return made


def result(made: Trace | None = None, kernel: str = "linux-6.18", **changes: Any) -> Result:
    """What a kernel might answer; `changes` replaces whole columns."""
    made = trace() if made is None else made
    n = len(made)
    kinds = made.columns["kind"]
    columns: dict[str, Any] = {
        "ret": made.columns["ret"].copy(),
        "outcome": np.where(np.isin(kinds, (ev.K_READ, ev.K_WRITE)), OUT_OK, OUT_NONE).astype(np.uint8),
        "minor": np.zeros(n, dtype=np.int32),
        "major": np.zeros(n, dtype=np.int32),
        "map_count": np.full(n, -1, dtype=np.int32),
        "value": np.full(n, -1, dtype=np.int16),
        "flags": np.zeros(n, dtype=np.uint8),
        "why": np.zeros(n, dtype=np.uint8),
    }
    count = defaultdict(int, {0: 20, 1: 60})
    for i in range(n):
        task = int(made.columns["task"][i])
        if kinds[i] == ev.K_MMAP and columns["ret"][i] > 0:
            count[task] += 1
        if kinds[i] == ev.K_MUNMAP:
            count[task] -= 40
        columns["map_count"][i] = count[task]
    columns["minor"][kinds == ev.K_WRITE] = 1
    hole = made.columns["a0"] == 0x50000000
    columns["outcome"][hole] = OUT_MAPERR
    columns["minor"][hole] = 0
    columns["outcome"][kinds == ev.K_READ] = OUT_ACCERR
    columns.update(changes)
    totals = {"page_tables": 14, "page_table_bytes": 14 * 4096, "vmas_peak": 60, "vma_bytes": 60 * 192}
    return Result(made, Machine.load("x86_64", kernel), columns, (), {}, totals)


def peak(made: Trace) -> Snapshot:
    """The first process with its 40 pages mapped."""
    rows = [
        VmaRow(0x40000000 + i * 0x1000, 0x40001000 + i * 0x1000, "rw-s", i * 8192, "/mem", 0, "rd wr sh", 7)
        for i in range(40)
    ]
    rows.append(VmaRow(0x7FFF00000000, 0x7FFF00021000, "rw-p", 0, None, 0, "rd wr gd ac", name="[stack]"))
    event = int(np.flatnonzero(made.columns["kind"] == ev.K_FORK)[0]) - 1
    odd = ProtectionRange(0x40000000, 0x40004000, "rw-s", "r--", "pte")
    resident = [{"rss": 1}] * len(rows)
    facts = {"areas": 60, "page_tables": 13, "resident": resident}
    return Snapshot(
        event, 0, tuple(rows), "peak", facts=facts, protections=Protections({"rw-s": 36, "r--s": 4}, (odd,))
    )


def agreement(agrees: bool = True) -> CheckOutcome:
    """A comparison with a recording."""
    found = ()
    if not agrees:
        found = (
            Disagreement(
                "map_count",
                17,
                100,
                "traces/window/ftrace.txt.gz",
                18,
                "mmap(0x40010000, 4096, rw, shared|fixed, 3, 131072)",
                "37",
                "36",
            ),
        )
    return CheckOutcome(
        "window",
        "traces/window",
        "set",
        {"answers": Tally(43, 43), "map_counts": Tally(43 if agrees else 42, 43), "map_files": Tally(1, 1)},
        found,
        skipped=1,
        seconds=0.25,
        arch="x86_64",
        kernel="linux-6.18",
    )
