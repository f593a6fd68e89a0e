"""The replay loop: events in, result rows out. The only compiled function that Python calls for a run."""

from __future__ import annotations

from ...result.outcomes import OUT_LIVELOCK, OUT_NONE
from ...trace.events import (
    COLUMNS,
    EVF_HAS_RET,
    EVF_INJECTED,
    EVF_OBSERVE,
    K_DUMP,
    K_EXECUTE,
    K_FAULT,
    K_MARK,
    K_READ,
    K_SIGNAL,
    K_UNMODELLED,
)
from ..areas.vmaset import look_ahead
from ..jit import COMPILED, entry, kernel, wrap
from ..state import (
    G_EVENT,
    G_EVFLAGS,
    G_HAS_RET,
    G_MAJFLT,
    G_MINFLT,
    G_NEXT_RELOCATION,
    G_NEXT_RETSOURCE,
    G_REC_RET,
    G_RSFLAGS,
    G_STUCK,
    G_VALUE,
    G_WHY,
    H_ERROR,
    MM_COUNT,
    MM_DATA,
    MM_LOCKED,
    MM_STACK,
    MM_TOTAL,
    T_ALIVE,
    T_MM,
    Mem,
)
from ..tasks.process import ALIVE, task_of
from .access import recorded_fault, signal_fits, touch
from .dispatch import RSF_UNMODELLED, system_call
from .pressure import stop_after

EV_WORDS = len(COLUMNS)
_MANY = 2_000 if COMPILED else 1 << 62
"""Areas from which looking ahead pays: fewer stay in the processor's caches. Plain Python has nothing to fetch."""
RS_WORDS = 12  # result.result.RS_*: ret, outcome, minor, major, count, total, data, stack, locked, value, ...
RSF_DIVERGED = 2
RSF_DEAD = 8


@kernel
def _relocate(m: Mem, ev: Mem, row: int, event: int) -> int:
    """Add what earlier events returned to the arguments that refer to them (scenarios)."""
    r = m[G_NEXT_RELOCATION]
    while m[r] == event:
        ev[row + 2 + m[r + 1]] = wrap(m[m[r + 2] + 1] + m[r + 3])
        r += 4
    m[G_NEXT_RELOCATION] = r
    return 0


@kernel
def _clear(m: Mem, event: int, flags: int, ret: int) -> int:
    """Forget the event before."""
    m[G_EVENT] = event
    m[G_EVFLAGS] = flags
    m[G_HAS_RET] = flags & EVF_HAS_RET
    m[G_REC_RET] = ret
    m[G_MINFLT] = 0
    m[G_MAJFLT] = 0
    m[G_VALUE] = -1
    m[G_RSFLAGS] = 0
    m[G_WHY] = 0
    m[G_STUCK] = 0
    return 0


@kernel
def _one(m: Mem, ev: Mem, row: int, rs: Mem, out: int, task: int) -> int:
    """Replay the event in `ev[row..]` of a live task; fills ret and outcome of the result row."""
    kind = ev[row]
    a0 = ev[row + 2]
    a1 = ev[row + 3]
    a2 = ev[row + 4]
    a3 = ev[row + 5]
    outcome = OUT_NONE
    ret = 0
    if K_READ <= kind <= K_EXECUTE:
        outcome = touch(m, task, kind - K_READ, a0, a1, a2, a3)
        stop_after(m, task, outcome)
    elif kind == K_FAULT:
        outcome = recorded_fault(m, task, a0, a1)
    elif kind == K_SIGNAL:
        outcome = signal_fits(m, task, a0, a1, a2)
    elif kind == K_MARK or K_DUMP <= kind <= K_DUMP + 3 or m[G_EVFLAGS] & EVF_INJECTED:
        ret = m[G_REC_RET]
    elif kind == K_UNMODELLED:
        ret = m[G_REC_RET]
        m[G_RSFLAGS] |= RSF_UNMODELLED
    else:
        ret = system_call(m, task, kind, a0, a1, a2, a3, ev[row + 6], ev[row + 7])
        if m[G_STUCK] != 0:
            outcome = OUT_LIVELOCK
            stop_after(m, task, outcome)
        if m[G_HAS_RET] != 0 and ret != m[G_REC_RET]:
            m[G_RSFLAGS] |= RSF_DIVERGED
    rs[out] = ret
    rs[out + 1] = outcome
    return 0


@kernel
def _fill(m: Mem, rs: Mem, out: int, task: int) -> int:
    """The rest of the result row: faults, counters of the task's address space, flags."""
    rs[out + 2] = m[G_MINFLT]
    rs[out + 3] = m[G_MAJFLT]
    mm = m[task + T_MM]
    rs[out + 4] = -1
    if mm != 0:
        rs[out + 4] = m[mm + MM_COUNT]
        rs[out + 5] = m[mm + MM_TOTAL]
        rs[out + 6] = m[mm + MM_DATA]
        rs[out + 7] = m[mm + MM_STACK]
        rs[out + 8] = m[mm + MM_LOCKED]
    rs[out + 9] = m[G_VALUE]
    rs[out + 10] = m[G_RSFLAGS]
    rs[out + 11] = m[G_WHY]
    return 0


@entry
def replay(m: Mem, ev: Mem, rs: Mem, base: int, first: int, last: int) -> int:
    """Replay rows first..last-1 of `ev` (flat, EV_WORDS a row; row 0 is event `base` of the trace).

    Fills the rows of `rs` (flat, zeroed, RS_WORDS a row) and returns the next row: `last`, or earlier, behind
    an event with EVF_OBSERVE or behind one that set H_ERROR.
    """
    for i in range(first, last):
        row = i * EV_WORDS
        out = i * RS_WORDS
        event = base + i
        if m[m[G_NEXT_RELOCATION]] == event:
            _relocate(m, ev, row, event)
        flags = ev[row + 9]
        _clear(m, event, flags, ev[row + 8])
        task = task_of(m, ev[row + 1])
        mm = m[task + T_MM]
        if mm != 0 and m[mm + MM_COUNT] >= _MANY:
            soon = min(i + 1, last - 1) * EV_WORDS
            far = min(i + 3, last - 1) * EV_WORDS
            look_ahead(m, mm, ev[soon + 2], ev[far + 2])
        if m[task + T_ALIVE] == ALIVE:
            _one(m, ev, row, rs, out, task)
        else:
            rs[out] = ev[row + 8]
            m[G_RSFLAGS] = RSF_DEAD
        _fill(m, rs, out, task)
        s = m[G_NEXT_RETSOURCE]
        if m[s] == event:
            m[s + 1] = rs[out]
            m[G_NEXT_RETSOURCE] = s + 2
        if m[H_ERROR] != 0 or flags & EVF_OBSERVE:
            return i + 1
    return last
