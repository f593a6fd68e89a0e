"""Event tables that no reader makes: whatever the numbers, the engine answers and its state stays whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from remaptrace.abi import kinds as ev
from remaptrace.engine.look.invariants import violations
from remaptrace.engine.run.driver import replay
from remaptrace.errors import ReplayError
from remaptrace.machine.machine import Machine
from remaptrace.trace.events import Trace, TraceBuilder
from tests.engine.stepwise import steps

MACHINES = {
    "new": Machine.load(),
    "old": Machine.load("i386", "linux-2.6.21"),
    "rfp": Machine.load("i386", "linux-2.6.21-rfp"),
}
AT = 0x10000000
ODD = [0, 1, 2, 3, 7, 4095, 4096, 8192, 1 << 31, 1 << 32, (1 << 47) - 4096, 1 << 47, (1 << 63) - 1]
VALUES = st.one_of(
    st.sampled_from(ODD),
    st.sampled_from([-v for v in ODD] + [-(1 << 63)]),
    st.integers(0, 40).map(lambda page: AT + page * 4096),
    st.integers(0, 16).map(lambda pages: pages * 4096),
    st.integers(0, 64),
)
CALLS = [
    ev.K_MMAP, ev.K_MUNMAP, ev.K_MPROTECT, ev.K_MREMAP, ev.K_BRK, ev.K_MADVISE, ev.K_MLOCK, ev.K_MLOCK2,
    ev.K_MUNLOCK, ev.K_MLOCKALL, ev.K_MUNLOCKALL, ev.K_MSYNC, ev.K_MINCORE, ev.K_REMAP_FILE_PAGES, ev.K_MSEAL,
    ev.K_SHMGET, ev.K_SHMAT, ev.K_SHMDT, ev.K_SHMCTL, ev.K_MBIND, ev.K_PKEY_MPROTECT, ev.K_PROCESS_MADVISE,
    ev.K_CLOSE, ev.K_DUP, ev.K_FTRUNCATE, ev.K_FALLOCATE, ev.K_PREAD, ev.K_PWRITE, ev.K_SEAL, ev.K_CLOSE_RANGE,
    ev.K_READ, ev.K_WRITE, ev.K_EXECUTE, ev.K_FAULT, ev.K_SIGNAL, ev.K_PERSONALITY, ev.K_SETRLIMIT, ev.K_SETUID,
    ev.K_PRCTL, ev.K_RECLAIM, ev.K_WRITEBACK, ev.K_FORK_WAIT,
]  # fmt: skip
USUAL = st.sampled_from(
    [
        (ev.K_MMAP, (AT, 16 * 4096, 3, 0x32, -1, 0)),
        (ev.K_MMAP, (AT + 0x10000, 4 * 4096, 3, 0x11, 3, 4096)),
        (ev.K_MMAP, (0, 8192, 3, 0x102, -1, 0)),
        (ev.K_WRITE, (AT, 1, 4, 0)),
        (ev.K_READ, (AT + 0x10000, -1, 4, 0)),
    ]
)
EVENTS = st.lists(st.one_of(USUAL, st.tuples(st.sampled_from(CALLS), st.tuples(*[VALUES] * 6))), max_size=30)


def table(rows: list[tuple[int, tuple[int, ...]]], recorded: bool) -> Trace:
    """A trace of one process with a file of eight pages as descriptor 3."""
    b = TraceBuilder()
    task = b.task(1, 1)
    b.event(ev.K_MAKEFILE, task, (3, 8, 1, 0, 0))
    for kind, args in rows:
        wild_touch = kind in (ev.K_READ, ev.K_WRITE, ev.K_EXECUTE) and abs(args[2]) > 64
        b.event(kind, task, (*args[:2], 1, 0) if wild_touch else args, ret=args[0] if recorded else None)
    return b.finish(recorded=recorded)


@pytest.mark.parametrize("machine", MACHINES)
@settings(max_examples=60)
@given(rows=EVENTS, recorded=st.booleans())
@example(rows=[(ev.K_MLOCK, (0, 1, 0, 0, 0, 0)), (ev.K_FAULT, (4096, 0, 0, 0, 0, 0))], recorded=True)
@example(rows=[(ev.K_DUP, (1 << 31, 0, 0, 0, 0, 0)), (ev.K_CLOSE, (0,) * 6)], recorded=True)
def test_any_numbers_leave_a_whole_state(
    machine: str, rows: list[tuple[int, tuple[int, ...]]], recorded: bool
) -> None:
    for event, m in steps(table(rows, recorded), MACHINES[machine]):
        assert violations(m) == [], rows[: event + 1]


@pytest.mark.parametrize(
    ("kind", "column", "what"),
    [
        (ev.K_FORK, "a0", "task"),
        (ev.K_OPEN, "a0", "string"),
        (ev.K_KNOWN_FD, "a1", "string"),
        (ev.K_INIT_VMA, "a4", "string"),
        (ev.K_INIT_VMA, "a5", "string"),
        (ev.K_SYSCTL, "a0", "rule"),
        (ev.K_MUNMAP, "task", "task"),
    ],
)
@pytest.mark.parametrize("value", [-1, 1 << 20])
def test_rows_that_do_not_exist_are_refused(kind: int, column: str, what: str, value: int) -> None:
    b = TraceBuilder()
    b.event(kind, b.task(1, 1), (0,) * 6)
    trace = b.finish()
    trace.columns[column] = np.array([value])
    with pytest.raises(ReplayError, match=f"RT603.*{what}"):
        replay(trace, MACHINES["new"])
