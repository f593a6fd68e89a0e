"""Reading ftrace text: `trace`, `trace_pipe` and `trace-cmd report`, with whatever options were set.

A line is `COMM-TID [(TGID)] [CPU] [FLAGS] TIME: EVENT`; the latency format, the forms without irq
info or without any context, and notices of lost events are understood. What the raw option leaves
(numbers of events, no arguments) is skipped and said so.
"""

from __future__ import annotations

import re

import numpy as np

from .callplan import CallNames
from .events import Skipped, Trace
from .eventtext import EventText
from .kernelevents import assemble
from .kernelrecords import (
    OP_EXEC,
    OP_FORK,
    OP_LOST,
    OP_NEWTASK,
    R_A0,
    R_OP,
    R_TID,
    RECORD_WORDS,
    KernelText,
    span,
)

_HEAD = re.compile(
    rb" *(?P<comm>.{1,16}?)-(?P<tid>\d+) +(?:\( *(?P<tgid>\d+|-+)\) +)?\[\d+\] +"
    rb"(?:[^\s:]{4,8} +)?(?P<time>\d+(?:\.\d+)?): +"
)
_LATENCY = re.compile(rb" *(?P<comm>.{1,8}?)-(?P<tid>\d+) +\d+[^\s:]{4,8} +(?P<time>\d+)us[ !#+*@$]?: +")
_RAW = re.compile(rb"\d+ \d+ \d+ type: \d+")
_LOST = re.compile(rb"CPU:\d+ \[LOST(?: (\d+))? EVENTS\]")
_WRITTEN = re.compile(rb"# entries-in-buffer/entries-written: (\d+)/(\d+)")
_BARE = re.compile(
    rb"(?:sys_\w+(?:\(| -> )|page_fault_user: |sched_process_\w+: |signal_deliver: |task_newtask: )"
)
_KNOWN = (b"sys_", b"page_fault_user", b"sched_process_", b"signal_deliver", b"task_newtask")


def looks_like_ftrace(head: bytes) -> bool:
    """True if `head`, the first bytes of a file, begins an ftrace text."""
    lines = [line for line in head.split(b"\n")[:40] if line.strip()]
    if any(line.startswith(b"# tracer:") for line in lines[:3]):
        return True
    lines = [line for line in lines if not line.startswith(b"#")][:10]
    for line in lines:
        found = _HEAD.match(line) or _LATENCY.match(line)
        if found and line.startswith(_KNOWN, found.end()):
            return True
        if _RAW.match(line) or _LOST.match(line) or _BARE.match(line):
            return True
    return False


def read_ftrace(data: bytes, *, name: str, source: int = 0) -> Trace:
    """The trace of an ftrace text. Lines that cannot be read are in `skipped`."""
    return assemble(ftrace_records(data, source), name=name, fmt="ftrace", source=source)


def ftrace_records(data: bytes, source: int = 0) -> KernelText:
    """The records of an ftrace text, line by line."""
    calls = CallNames()
    words = EventText(calls, "x86_64")
    rows: list[tuple[int, ...]] = []
    skipped: list[Skipped] = []
    notes: list[str] = []
    raw = bare = ticks = lost_lines = 0
    start = 0
    for line_number, line in enumerate(data.split(b"\n"), 1):
        offset, start = start, start + len(line) + 1
        head = _HEAD.match(line)
        if head is not None:
            time = head["time"]
            if b"." not in time:
                ticks += 1
                nanoseconds = 0
            else:
                whole, fraction = time.split(b".")
                nanoseconds = int(whole) * 1_000_000_000 + int(fraction.ljust(9, b"0")[:9])
        else:
            head = _LATENCY.match(line)
            if head is not None:
                nanoseconds = int(head["time"]) * 1000
        if head is not None:
            body = words.read(line, head.end(), offset)
            if body is None:
                skipped.append(_skip(source, line_number, head.end(), line))
            elif body[0]:
                tgid = int(head.groupdict().get("tgid") or 0) if b"(" in line[: head.end()] else 0
                comm = span(offset + head.start("comm"), offset + head.end("comm"))
                rows.append((body[0], int(head["tid"]), tgid, nanoseconds, *body[1:], line_number, comm))
            continue
        if not line.strip() or line.startswith(b"#"):
            written = _WRITTEN.match(line)
            if written and int(written[1]) < int(written[2]):
                notes.append(
                    f"the recorder lost {int(written[2]) - int(written[1])} events: its buffer was full"
                )
            continue
        lost = _LOST.match(line)
        if lost:
            lost_lines += 1
            rows.append((OP_LOST, -1, 0, -1, 0, int(lost[1] or 0), 0, 0, 0, 0, 0, line_number, 0))
        elif _RAW.match(line):
            raw += 1
        elif _BARE.match(line):
            bare += 1
            body = words.read(line, 0, offset)
            if body is None:
                skipped.append(_skip(source, line_number, 0, line))
            elif body[0]:
                rows.append((body[0], 0, 0, -1, *body[1:], line_number, 0))
        else:
            skipped.append(_skip(source, line_number, 0, line))
    records = np.array(rows, dtype=np.int64).reshape(len(rows), RECORD_WORDS).T.copy()
    if lost_lines:
        notes.append(f"the recorder lost events at {lost_lines} places; calls across them are left out")
    if ticks:
        notes.append("times are ticks of the trace clock, not seconds; they were left out")
    if raw:
        notes.append(
            f"{raw} lines of the raw option name an event by number and print no arguments: nothing to read"
        )
    if bare:
        records = without_tasks(records, notes)
    if words.other:
        notes.append(
            "events of no interest: " + ", ".join(f"{n} x {c}" for n, c in sorted(words.other.items()))
        )
    return KernelText(data, records, calls, skipped=skipped, notes=notes, has_times=not ticks and not bare)


def without_tasks(records: np.ndarray, notes: list[str]) -> np.ndarray:
    """Records of a form that prints no task: one task until the first fork, then nobody can tell."""
    ops = records[R_OP]
    forks = np.flatnonzero((ops == OP_FORK) | (ops == OP_NEWTASK))
    end = int(forks[0]) if len(forks) else records.shape[1]
    execs = np.flatnonzero(ops == OP_EXEC)
    kept = records[:, :end].copy()
    kept[R_TID] = records[R_A0, execs[0]] if len(execs) else 1
    note = "this form does not print the task of an event"
    if end < records.shape[1]:
        note += f"; {records.shape[1] - end} events from the first fork on were left out"
    notes.append(note)
    return kept


def _skip(source: int, line_number: int, column: int, line: bytes) -> Skipped:
    text = line[:200].decode("utf-8", "replace")
    return Skipped(source, line_number, column + 1, "RT320", text, "COMM-TID [CPU] TIME: EVENT")
