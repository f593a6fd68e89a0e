"""The first calls of many programs, looked for at once, are those that each looks for alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remaptrace.abi import kinds as ev
from remaptrace.trace.events import TASK_DTYPE, Trace
from remaptrace.trace.recorded import loader

KINDS = (ev.K_BRK, ev.K_OPEN, ev.K_CLOSE, ev.K_MMAP, ev.K_MPROTECT, ev.K_EXEC, ev.K_EXIT, ev.K_MUNMAP)
EVENTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 5), st.integers(0, 3), st.integers(-1, 4)), max_size=60
)


def trace_of(events: list[tuple[int, int, int, int]], pids: list[int]) -> Trace:
    columns = {name: np.zeros(len(events), dtype=np.int64) for name in ("a1", "a2", "a3", "a4", "a5")}
    columns["a2"][:] = 1
    for at, name in enumerate(("kind", "task", "a0", "ret")):
        columns[name] = np.array([event[at] for event in events], dtype=np.int64)
    tasks = np.zeros(len(pids), dtype=TASK_DTYPE)
    tasks["pid"] = pids
    strings = ["", "/etc/ld.so.cache", "/usr/lib/libc.so.6", "/srv/x"]
    return Trace(columns=columns, tasks=tasks, strings=strings, sources=["x"], recorded=True)


@given(EVENTS, st.lists(st.integers(7, 9), min_size=6, max_size=6), st.integers(1, 9), st.integers(1, 30))
def test_all_at_once(
    events: list[tuple[int, int, int, int]], pids: list[int], scanned: int, together: int
) -> None:
    trace = trace_of(events, pids)
    starts = [(at + 1, event[1]) for at, event in enumerate(events) if event[0] == ev.K_EXEC]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader, "_SCANNED", scanned)
        patch.setattr(loader, "_TOGETHER", together)
        assert list(loader.first_calls_of_all(trace, starts)) == [
            loader.first_calls(trace, *start) for start in starts
        ]
        assert list(loader._sorted_once(trace, starts) if starts else ()) == [
            loader.first_calls(trace, *start) for start in starts
        ]
