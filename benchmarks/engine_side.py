"""Workloads on the simulated kernel: the compiled loop alone is timed, as the C loop is on the real one.

Both sides count processor time of their thread, so that what else runs meanwhile is in neither.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from remaptrace.abi.rows import RC_WORDS, RS_WORDS
from remaptrace.engine import arena
from remaptrace.engine.run.driver import CHUNK
from remaptrace.engine.run.engines import load_engine
from remaptrace.engine.run.setup import set_up
from remaptrace.machine.machine import Machine
from remaptrace.trace.events import COLUMNS, TASK_DTYPE, Trace

from .workloads import Workload


def trace_of(rows: np.ndarray[Any, np.dtype[np.int64]]) -> Trace:
    """A trace of one task that does `rows` (kind, a0..a5)."""
    n = len(rows)
    columns: dict[str, Any] = {name: np.zeros(n, dtype=np.int64) for name in COLUMNS}
    columns["kind"] = rows[:, 0].copy()
    for i in range(6):
        columns[f"a{i}"] = rows[:, i + 1].copy()
    columns["line"] = np.zeros(n, dtype=np.int64)
    columns["source"] = np.zeros(n, dtype=np.int32)
    return Trace(columns, np.array([(1, 1, 0, -1)], dtype=TASK_DTYPE), recorded=False)


def nanoseconds(workload: Workload, machine: Machine | None = None, *, compiled: bool = True) -> float:
    """Nanoseconds of the timed rows for one call: the fastest round of a run on a fresh machine.

    Rows go through the loop in chunks, with one buffer of results, as a replay does it.
    """
    return _run(workload, machine or Machine.load(), compiled) / workload.calls


def _run(workload: Workload, machine: Machine, compiled: bool) -> int:
    trace = trace_of(workload.rows)
    loop = load_engine(compiled)
    rows = trace.rows(0, len(trace))
    m = arena.new_arena(machine.rules, machine.archwords, compiled=compiled)
    set_up(memoryview(m) if compiled else m, trace, False)
    results: Any = np.ones(CHUNK * RS_WORDS, dtype=np.int64)
    counts: Any = np.ones(RC_WORDS, dtype=np.int64)  # not asked for
    chunks = _chunks(rows, 0, workload.setup, compiled)
    rs = (results, counts) if compiled else (memoryview(results), memoryview(counts))
    _drive(loop, m, chunks, rs)
    chunks = _chunks(rows, workload.setup, len(trace), compiled)
    best = 1 << 62
    for _ in range(workload.rounds):
        began = time.thread_time_ns()
        _drive(loop, m, chunks, rs)
        best = min(best, time.thread_time_ns() - began)
    return best


def _chunks(rows: Any, first: int, last: int, compiled: bool) -> list[tuple[int, int, Any]]:
    """(first event, events, their words) of each chunk."""
    parts = [(at, min(CHUNK, last - at)) for at in range(first, last, CHUNK)]
    flat = [(at, n, rows[at : at + n].reshape(-1)) for at, n in parts]
    return flat if compiled else [(at, n, memoryview(words)) for at, n, words in flat]


def _drive(loop: Any, m: Any, chunks: list[tuple[int, int, Any]], rs: tuple[Any, Any]) -> None:
    for at, n, words in chunks:
        if loop(m, words, *rs, 0, at, 0, n) != n:
            raise RuntimeError(f"the loop stopped in the chunk of row {at}")
