"""What is held against an input: two readers alike, an answer or an error of ours, a whole state, two engines alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from remaptrace.engine.look.invariants import violations
from remaptrace.engine.run.driver import replay, walk
from remaptrace.engine.run.engines import is_compiled
from remaptrace.errors import InputError, RemapTraceError
from remaptrace.machine.machine import Machine
from remaptrace.trace.events import Trace
from remaptrace.trace.tracepoints.records import OP_EXIT, R_CALL, R_OP, KernelText, text_of

MOST_EVENTS = 400
"""Events of an input that are replayed: many small inputs find more than few large ones."""

LONG = 0.2
"""Seconds of the compiled engine behind which an input is not interpreted as well: 150 times as long is no finding."""

MACHINES = (
    ("x86_64", "linux-6.18"),
    ("x86_64", "linux-6.1"),
    ("arm64-16k", "linux-6.18"),
    ("arm64-64k", "linux-6.12"),
    ("i386", "linux-2.6.20"),
    ("i386", "linux-2.6.21-rfp"),
    ("s390x", "linux-6.18"),
)


class Finding(Exception):
    """An input that did what no input may do."""


def machine(number: int) -> Machine:
    """One of the machines on which inputs are replayed."""
    arch, kernel = MACHINES[number % len(MACHINES)]
    return Machine.load(arch, kernel)


def refused(read: Callable[[], Any]) -> Any:
    """What `read` gives, or the error of ours as text; a finding for a defect of ours."""
    try:
        return read()
    except RemapTraceError as error:
        if error.exit_status == 70:
            raise Finding(f"exit 70: {error}") from error
        return str(error)


def same_records(a: KernelText | str, b: KernelText | str) -> None:
    """Finding unless two readers of a kernel's text found the same, whatever numbers they gave its names."""
    if _records(a) != _records(b):
        raise Finding("readers differ in records")


def _records(text: KernelText | str) -> Any:
    if isinstance(text, str):
        return text
    rows = []
    for row in text.records.T.tolist():
        call = text.calls.names[row[R_CALL]] if row[R_OP] <= OP_EXIT else ""
        rows.append((*row[:R_CALL], call, *row[R_CALL + 1 : -1], text_of(text.data, row[-1])))
    return rows, text.skipped, text.notes, text.has_times, text.arch


def same_traces(a: Trace | str, b: Trace | str) -> None:
    """Finding unless both readers gave the same events, tasks, strings and skipped lines, or the same error."""
    if isinstance(a, str) or isinstance(b, str):
        if a != b:
            raise Finding(f"one reader refuses: {a!r:.200} | {b!r:.200}")
        return
    if set(a.columns) != set(b.columns):
        raise Finding(f"columns {set(a.columns) ^ set(b.columns)}")
    for name, column in a.columns.items():
        if not np.array_equal(column, b.columns[name]):
            raise Finding(f"readers differ in column {name}")
    if not np.array_equal(a.tasks, b.tasks):
        raise Finding("readers differ in tasks")
    for field in ("strings", "skipped", "unmodelled", "ignored", "notes"):
        if getattr(a, field) != getattr(b, field):
            raise Finding(f"readers differ in {field}")


def replayed(trace: Trace, number: int, every: bool = False) -> None:
    """Replay on machine `number`: an answer with a whole state, or a refusal; both engines alike.

    `every`: the state is proved behind every event, not only behind the last.
    """
    if len(trace) > MOST_EVENTS:
        return
    on = machine(number)
    last: Any = None

    compiled: Any = None
    if is_compiled():
        began = time.process_time()
        compiled = refused(lambda: replay(trace, on, engine="compiled", counters=True))
        if time.process_time() - began > LONG:
            return

    def steps() -> Iterator[Any]:
        for event, m, _, _ in walk(trace, on):
            if every:
                _whole(m, event)
            yield m

    def go() -> bool:
        nonlocal last
        for m in steps():
            last = m
        return True

    plain = refused(go)
    if plain is True and last is not None:
        _whole(last, len(trace) - 1)
    if compiled is None:
        return
    interpreted = refused(lambda: replay(trace, on, engine="interpreted", counters=True))
    if isinstance(interpreted, str) or isinstance(compiled, str):
        if interpreted != compiled:
            raise Finding(f"engines differ: {interpreted!r:.150} | {compiled!r:.150}")
        return
    for name, column in interpreted.columns.items():
        if not np.array_equal(column, compiled.columns[name]):
            raise Finding(f"engines differ in {name}")


def _whole(m: Any, event: int) -> None:
    found = violations(m)
    if found:
        raise Finding(f"state broken behind event {event}: {found[0]}")


def refusal_has_a_place(read: Callable[[], Any]) -> Any:
    """As `refused`; an InputError names its file."""
    try:
        return read()
    except InputError as error:
        if not error.path:
            raise Finding(f"refused without a file: {error}") from error
        return str(error)
    except RemapTraceError as error:
        if error.exit_status == 70:
            raise Finding(f"exit 70: {error}") from error
        return str(error)
