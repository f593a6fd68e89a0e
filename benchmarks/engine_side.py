"""Workloads on the simulated kernel: the compiled loop alone is timed, as the C loop is on the real one."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from remaptrace.engine import arena
from remaptrace.engine.driver import load_engine
from remaptrace.engine.setup import set_up
from remaptrace.machine.machine import Machine
from remaptrace.trace.events import COLUMNS, TASK_DTYPE, Trace

from .workloads import Workload

RS_WORDS = 12


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
    """Nanoseconds of the timed rows for one call, fastest of the workload's rounds."""
    machine = machine or Machine.load()
    trace = trace_of(workload.rows)
    loop = load_engine(compiled)
    rows = trace.rows(0, len(trace))
    m = arena.new_arena(machine.rules, machine.archwords, compiled=compiled)
    set_up(memoryview(m) if compiled else m, trace, False)
    ev: Any = rows.reshape(-1)
    rs: Any = np.zeros(len(trace) * RS_WORDS, dtype=np.int64)
    if not compiled:
        ev, rs = memoryview(ev), memoryview(rs)
    loop(m, ev, rs, 0, 0, workload.setup)
    best = float("inf")
    for _ in range(workload.rounds):
        began = time.perf_counter_ns()
        done = loop(m, ev, rs, 0, workload.setup, len(trace))
        best = min(best, time.perf_counter_ns() - began)
        if done != len(trace):
            raise RuntimeError(f"{workload.name}: the loop stopped at row {done}")
    return best / workload.calls
