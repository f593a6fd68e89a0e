"""The replay loop: events in, result rows out. The only compiled function that Python calls for a run."""

from __future__ import annotations

from ...abi.errnos import ERRNO_NOT_SHOWN
from ...abi.kinds import (
    EVF_HAS_RET,
    EVF_INJECTED,
    EVF_OBSERVE,
    K_DUMP,
    K_EXECUTE,
    K_FAULT,
    K_HUGEPAGES,
    K_MARK,
    K_OPEN,
    K_READ,
    K_SIGNAL,
    K_UNMODELLED,
)
from ...abi.outcomes import OUT_LIVELOCK, OUT_NONE
from ...abi.rows import (
    E_ARGS,
    E_FLAGS,
    E_KIND,
    E_RET,
    E_TASK,
    EV_WORDS,
    MOST_FAULTS,
    RC_DATA,
    RC_LOCKED,
    RC_STACK,
    RC_TOTAL,
    RC_WORDS,
    RS_FAULTS,
    RS_REST,
    RS_RET,
    RS_STATE,
    RS_WORDS,
    RSF_DEAD,
    RSF_DIVERGED,
    RSF_UNMODELLED,
)
from ..areas.changelog import close_event
from ..areas.vmaset import LOOK_FAR, LOOK_NEAR, look_ahead
from ..belief.refusal import REFUSE, loosen, note_answer, note_not_shown, settle, tighten
from ..jit import COMPILED, entry, kernel, wrap
from ..marks import ALIVE
from ..state import (
    G_EVENT,
    G_EVFLAGS,
    G_FOLLOW,
    G_HAS_RET,
    G_LOG,
    G_MAJFLT,
    G_MINFLT,
    G_NEXT_RELOCATION,
    G_NEXT_RETSOURCE,
    G_REC_RET,
    G_RSFLAGS,
    G_SPACES,
    G_STUCK,
    G_TAKE,
    G_TIGHTENED,
    G_TIGHTENED_BY,
    G_UFFD_CLOSED,
    G_VALUE,
    G_WHY,
    H_ERROR,
    MM_COUNT,
    MM_DATA,
    MM_HUGETLB,
    MM_LOCKED,
    MM_RSS,
    MM_STACK,
    MM_TOTAL,
    T_ALIVE,
    T_MM,
    Mem,
)
from ..tasks.process import task_of
from ..uffd.register import uffd_release
from ..why import NOT_MINE
from .access import recorded_fault, signal_fits, touch
from .ahead import MANY_SPACES, fetch_ahead
from .dispatch import other_call
from .memorycalls import memory_call
from .pressure import stop_after

_MANY = 2_000 if COMPILED else 1 << 62
"""Areas from which looking ahead pays: fewer stay in the processor's caches. Plain Python has nothing to fetch."""


@kernel
def _relocate(m: Mem, ev: Mem, row: int, event: int) -> int:
    """Add what earlier events returned to the arguments that refer to them (scenarios)."""
    r = m[G_NEXT_RELOCATION]
    while m[r] == event:
        ev[row + E_ARGS + m[r + 1]] = wrap(m[m[r + 2] + 1] + m[r + 3])
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
def _call(m: Mem, ev: Mem, row: int, task: int, kind: int) -> int:
    """The answer to the system call in `ev[row..]`, with what the recording says of it."""
    a0 = ev[row + E_ARGS]
    a1 = ev[row + E_ARGS + 1]
    a2 = ev[row + E_ARGS + 2]
    a3 = ev[row + E_ARGS + 3]
    if note_answer(m, task, kind, a0) != 0 and tighten(m, task, kind, a0, a1, a2) == REFUSE:
        ret = m[G_TIGHTENED_BY]
    elif kind < K_OPEN:
        ret = memory_call(m, ev, row, task, kind, a0, a1, a2, a3)
    else:
        ret = other_call(m, task, kind, a0, a1, a2, a3, ev[row + E_ARGS + 4], ev[row + E_ARGS + 5])
    if m[G_UFFD_CLOSED] != 0:
        uffd_release(m)
    if ret == NOT_MINE:
        m[G_RSFLAGS] |= RSF_UNMODELLED
        ret = m[G_REC_RET]
    if m[G_TIGHTENED] != 0:
        loosen(m, task)
    if ret < 0 and m[G_FOLLOW] != 0:
        note_not_shown(m, task, ret)
    if m[G_TAKE] != 0:
        ret = settle(m, task, kind, ret)
        m[G_TAKE] = 0
    if m[G_HAS_RET] != 0 and ret != m[G_REC_RET]:
        if m[G_REC_RET] != -ERRNO_NOT_SHOWN or ret >= 0 or ret < -ERRNO_NOT_SHOWN:
            m[G_RSFLAGS] |= RSF_DIVERGED
    return ret


@kernel
def _one(m: Mem, ev: Mem, row: int, rs: Mem, out: int, task: int) -> int:
    """Replay the event in `ev[row..]` of a live task: its outcome; fills ret of the result row."""
    kind = ev[row + E_KIND]
    a0 = ev[row + E_ARGS]
    a1 = ev[row + E_ARGS + 1]
    a2 = ev[row + E_ARGS + 2]
    a3 = ev[row + E_ARGS + 3]
    outcome = OUT_NONE
    ret = 0
    calls = 1
    if kind >= K_OPEN or m[G_EVFLAGS] & EVF_INJECTED:  # else a call on memory, as most are
        calls = 0
        if K_READ <= kind <= K_EXECUTE:
            outcome = touch(m, task, kind - K_READ, a0, a1, a2, a3)
            stop_after(m, task, outcome)
        elif kind == K_FAULT:
            outcome = recorded_fault(m, task, a0, a1)
        elif kind == K_SIGNAL:
            outcome = signal_fits(m, task, a0, a1, a2)
        elif kind in (K_MARK, K_HUGEPAGES) or K_DUMP <= kind <= K_DUMP + 3 or m[G_EVFLAGS] & EVF_INJECTED:
            ret = m[G_REC_RET]
        elif kind == K_UNMODELLED:
            ret = m[G_REC_RET]
            m[G_RSFLAGS] |= RSF_UNMODELLED
        else:
            calls = 1
    if calls == 1:
        ret = _call(m, ev, row, task, kind)
    if m[G_STUCK] != 0:
        outcome = OUT_LIVELOCK
        stop_after(m, task, outcome)
    rs[out + RS_RET] = ret
    return outcome


@kernel
def _fill(m: Mem, rs: Mem, out: int, task: int, outcome: int) -> int:
    """The rest of the result row: faults, flags, counters of the task's address space."""
    mm = m[task + T_MM]
    count = -1
    present = 0
    if mm != 0:
        count = m[mm + MM_COUNT]
        present = m[mm + MM_RSS] - m[mm + MM_HUGETLB]
    faults = 0
    if m[G_MINFLT] != 0 or m[G_MAJFLT] != 0:
        faults = min(m[G_MINFLT], MOST_FAULTS) | min(m[G_MAJFLT], MOST_FAULTS) << 32
    rs[out + RS_FAULTS] = faults
    rs[out + RS_STATE] = (
        count & 0xFFFF_FFFF | (m[G_VALUE] & 0xFFFF) << 32 | m[G_RSFLAGS] << 48 | outcome << 56
    )
    rs[out + RS_REST] = m[G_WHY] | present << 8
    return 0


@kernel
def _count(m: Mem, rc: Mem, out: int, task: int) -> int:
    """A row of counters of the task's address space."""
    mm = m[task + T_MM]
    rc[out + RC_TOTAL] = m[mm + MM_TOTAL] if mm != 0 else 0
    rc[out + RC_DATA] = m[mm + MM_DATA] if mm != 0 else 0
    rc[out + RC_STACK] = m[mm + MM_STACK] if mm != 0 else 0
    rc[out + RC_LOCKED] = m[mm + MM_LOCKED] if mm != 0 else 0
    return 0


@entry
def replay(m: Mem, ev: Mem, rs: Mem, rc: Mem, counted: int, base: int, first: int, last: int) -> int:
    """Replay rows first..last-1 of `ev` (flat, EV_WORDS a row; row 0 is event `base` of the trace).

    Fills the rows of `rs` (flat, RS_WORDS a row) and, if `counted` is 1, those of `rc` (flat, RC_WORDS a row); returns
    the next row: `last`, or earlier, behind an event with EVF_OBSERVE, behind one that set H_ERROR, or where the log of
    changes should be read.
    """
    for i in range(first, last):
        row = i * EV_WORDS
        out = i * RS_WORDS
        event = base + i
        if m[m[G_NEXT_RELOCATION]] == event:
            _relocate(m, ev, row, event)
        flags = ev[row + E_FLAGS]
        _clear(m, event, flags, ev[row + E_RET])
        task = task_of(m, ev[row + E_TASK])
        mm = m[task + T_MM]
        if m[G_SPACES] >= MANY_SPACES:
            fetch_ahead(m, ev, i, last)
        if mm != 0 and m[mm + MM_COUNT] >= _MANY:
            soon = min(i + LOOK_NEAR, last - 1) * EV_WORDS
            far = min(i + LOOK_FAR, last - 1) * EV_WORDS
            look_ahead(m, mm, ev[soon + E_ARGS], ev[far + E_ARGS])
        outcome = OUT_NONE
        if m[task + T_ALIVE] == ALIVE:
            outcome = _one(m, ev, row, rs, out, task)
        else:
            rs[out + RS_RET] = ev[row + E_RET]
            m[G_RSFLAGS] = RSF_DEAD
        _fill(m, rs, out, task, outcome)
        if counted != 0:
            _count(m, rc, i * RC_WORDS, task)
        s = m[G_NEXT_RETSOURCE]
        if m[s] == event:
            m[s + 1] = rs[out + RS_RET]
            m[G_NEXT_RETSOURCE] = s + 2
        full = close_event(m, task, ev[row + E_TASK]) if m[G_LOG] != 0 else 0
        if m[H_ERROR] != 0 or flags & EVF_OBSERVE or full != 0:
            return i + 1
    return last
