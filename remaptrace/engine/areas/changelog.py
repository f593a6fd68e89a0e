"""The log of changes of areas: with it any event can be shown without replaying, and without snapshots.

Whoever links, unlinks, resizes or relabels an area notes where it begins; behind the event, what begins there now is
written down (`close_event`). So a row is a statement, not an operation: "behind this event an area begins at this
address, and this is all of it", or "none does". Rows of one event and address say the same; the last holds.

The log lies above the heap, where only a replay that was asked for it has set room aside; Python takes the rows out
whenever the loop returns. Without it a change costs one comparison.
"""

from __future__ import annotations

from ..jit import kernel
from ..state import (
    G_EVENT,
    G_LOG,
    G_LOG_END,
    G_LOG_EVENT,
    G_LOG_FULL,
    G_LOG_LOST,
    H_LIMIT,
    H_TOP,
    I_BORN,
    I_ID,
    I_KIND,
    I_NAME,
    I_SHMID,
    I_TYPE,
    MM_BRK,
    MM_ID,
    MM_LOG_BRK,
    MM_LOG_GONE,
    MM_LOG_STACK,
    MM_LOG_START_BRK,
    MM_SET,
    MM_STACK_PTR,
    MM_START_BRK,
    N_ATTRIBUTES,
    O_ID,
    O_INODE,
    T_LOGGED,
    T_MM,
    V_ATTRIBUTES,
    V_AV,
    V_AVMULTI,
    V_BORN,
    V_END,
    V_FILE,
    V_FLAGS,
    V_HOME,
    V_INODE,
    V_MARK,
    V_MM,
    V_NAME,
    V_PGOFF,
    V_START,
    Mem,
)
from .areatree import N_REFS, leaf_for, slot_near

LOG_VOID, LOG_AREA, LOG_TASK, LOG_LAYOUT, LOG_GONE = 0, 1, 2, 3, 4

# Every row: the event, LOG_*, the address space (MM_ID, 0: none).
L_EVENT, L_KIND, L_SPACE = 0, 1, 2
# LOG_AREA: what begins at L_START (bytes); L_END 0: no area does.
L_START, L_END, L_FLAGS, L_PGOFF, L_AV, L_AVMULTI, L_BORN, L_MARK = 3, 4, 5, 6, 7, 8, 9, 10
L_NAME, L_OPENED = 11, 12  # L_OPENED: O_ID, 0: no file
L_INODE, L_INAME, L_ITYPE, L_IKIND, L_IBORN, L_ISHMID = 13, 14, 15, 16, 17, 18  # L_INODE: I_ID, 0: no object
L_ATTRIBUTES = 19  # N_ATTRIBUTES of them
# LOG_TASK: the task with row L_START of the trace lives in the address space from now on.
# LOG_LAYOUT: start_brk, brk and initial stack pointer of the address space, which give [heap] and [stack] their names.
L_START_BRK, L_BRK, L_STACK = 3, 4, 5
LOG_WORDS = L_ATTRIBUTES + N_ATTRIBUTES

_SHARE = 8  # the log gets this part of the heap ...
_MOST = 1 << 26  # ... and at most so many words
_RECENT = 4 * LOG_WORDS


def log_open(m: Mem) -> int:
    """Set room aside for a log; the number of its words. Before the first event."""
    words = min((m[H_LIMIT] - m[H_TOP]) // _SHARE, _MOST)
    m[H_LIMIT] -= words
    m[G_LOG] = m[H_LIMIT]
    m[G_LOG_EVENT] = m[H_LIMIT]
    m[G_LOG_END] = m[H_LIMIT] + words
    m[G_LOG_FULL] = m[H_LIMIT] + words // 2
    return words


@kernel
def _row(m: Mem, kind: int, space: int, start: int) -> int:
    """A new row; 0 if there is no room."""
    at = m[G_LOG]
    if at + LOG_WORDS > m[G_LOG_END]:
        m[G_LOG_LOST] += 1
        return 0
    m[at + L_EVENT] = m[G_EVENT]
    m[at + L_KIND] = kind
    m[at + L_SPACE] = space
    m[at + L_START] = start
    m[G_LOG] = at + LOG_WORDS
    return at


@kernel
def note(m: Mem, mm: int, start: int) -> int:
    """What begins at `start` of `mm` may have changed."""
    if m[G_LOG] == 0 or m[mm + MM_LOG_GONE] != 0:
        return 0
    at = m[G_LOG] - LOG_WORDS
    last = max(m[G_LOG_EVENT], at - _RECENT)
    while at >= last:
        if m[at + L_START] == start and m[at + L_SPACE] == mm and m[at + L_KIND] == LOG_AREA:
            return 0
        at -= LOG_WORDS
    _row(m, LOG_AREA, mm, start)
    return 0


@kernel
def note_vma(m: Mem, vma: int) -> int:
    """A word of `vma` changed that is no boundary; nothing to note while it is not linked."""
    if m[G_LOG] != 0 and m[vma + V_HOME] != 0:
        note(m, m[vma + V_MM], m[vma + V_START])
    return 0


@kernel
def note_gone(m: Mem, mm: int) -> int:
    """`mm` is about to be torn down: what it was is of no use any more."""
    if m[G_LOG] == 0:
        return 0
    m[mm + MM_LOG_GONE] = 1
    at = m[G_LOG_EVENT]
    while at < m[G_LOG]:
        if m[at + L_KIND] == LOG_AREA and m[at + L_SPACE] == mm:
            m[at + L_KIND] = LOG_VOID
        at += LOG_WORDS
    _row(m, LOG_GONE, m[mm + MM_ID], 0)
    return 0


@kernel
def _state(m: Mem, at: int) -> int:
    """Write into the row at `at` which area begins at its address; without touching the caches of lookups."""
    mm = m[at + L_SPACE]
    start = m[at + L_START]
    m[at + L_SPACE] = m[mm + MM_ID]
    m[at + L_END] = 0
    root = m[mm + MM_SET]
    if root == 0:
        return 0
    leaf = leaf_for(m, root, start)
    vma = m[leaf + N_REFS + slot_near(m, leaf, start)]
    if m[vma + V_START] != start:
        return 0
    m[at + L_END] = m[vma + V_END]
    m[at + L_FLAGS] = m[vma + V_FLAGS]
    m[at + L_PGOFF] = m[vma + V_PGOFF]
    m[at + L_AV] = m[vma + V_AV]
    m[at + L_AVMULTI] = m[vma + V_AVMULTI]
    m[at + L_BORN] = m[vma + V_BORN]
    m[at + L_MARK] = m[vma + V_MARK]
    m[at + L_NAME] = m[vma + V_NAME]
    for i in range(N_ATTRIBUTES):
        m[at + L_ATTRIBUTES + i] = m[vma + V_ATTRIBUTES + i]
    inode = m[vma + V_INODE]
    m[at + L_OPENED] = 0
    if m[vma + V_FILE] != 0:
        m[at + L_OPENED] = m[m[vma + V_FILE] + O_ID]
        inode = m[m[vma + V_FILE] + O_INODE]
    m[at + L_INODE] = 0
    if inode != 0:
        m[at + L_INODE] = m[inode + I_ID]
        m[at + L_INAME] = m[inode + I_NAME]
        m[at + L_ITYPE] = m[inode + I_TYPE]
        m[at + L_IKIND] = m[inode + I_KIND]
        m[at + L_IBORN] = m[inode + I_BORN]
        m[at + L_ISHMID] = m[inode + I_SHMID]
    return 0


@kernel
def _layout(m: Mem, mm: int) -> int:
    """A row where heap and stack of `mm` are, if the log does not say so."""
    if (
        m[mm + MM_START_BRK] == m[mm + MM_LOG_START_BRK]
        and m[mm + MM_BRK] == m[mm + MM_LOG_BRK]
        and m[mm + MM_STACK_PTR] == m[mm + MM_LOG_STACK]
    ):
        return 0
    m[mm + MM_LOG_START_BRK] = m[mm + MM_START_BRK]
    m[mm + MM_LOG_BRK] = m[mm + MM_BRK]
    m[mm + MM_LOG_STACK] = m[mm + MM_STACK_PTR]
    at = _row(m, LOG_LAYOUT, m[mm + MM_ID], 0)
    if at != 0:
        m[at + L_START_BRK] = m[mm + MM_START_BRK]
        m[at + L_BRK] = m[mm + MM_BRK]
        m[at + L_STACK] = m[mm + MM_STACK_PTR]
    return 0


@kernel
def close_event(m: Mem, task: int, number: int) -> int:
    """Complete the rows of the event that ends; `number` is the row of its `task` in the trace.

    1 if the log should be read before the next event.
    """
    at = m[G_LOG_EVENT]
    while at < m[G_LOG]:
        if m[at + L_KIND] == LOG_AREA:
            _state(m, at)
        at += LOG_WORDS
    mm = m[task + T_MM]
    space = m[mm + MM_ID] if mm != 0 else 0
    if mm != 0:
        _layout(m, mm)
    if m[task + T_LOGGED] != space:
        m[task + T_LOGGED] = space
        _row(m, LOG_TASK, space, number)
    m[G_LOG_EVENT] = m[G_LOG]
    return 1 if m[G_LOG] > m[G_LOG_FULL] else 0
