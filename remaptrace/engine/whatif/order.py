"""The pass `merge-order`, see `rewrite.mergeorder`: changes of protection are held back and joined."""

from __future__ import annotations

from ...abi.kinds import (
    K_CLOSE,
    K_DUP,
    K_EXECUTE,
    K_FAULT,
    K_KNOWN_FD,
    K_MPROTECT,
    K_OPEN,
    K_PREAD,
    K_PWRITE,
    K_READ,
    K_SIGNAL,
    K_UNMODELLED,
)
from ...abi.rows import E_ARGS, E_FLAGS, E_KIND, E_RET, E_TASK
from ..jit import kernel
from ..state import Mem, kalloc, kfree
from .areas import covered_from
from .output import call
from .words import (
    C_SAVED,
    PAGE,
    S_HELD,
    S_HELD_COUNT,
    S_HELD_NEXT,
    S_HELD_PREV,
    S_HELD_PROT,
    S_HELD_ROOM,
    S_HELD_TASK,
    W_COUNTS,
    W_EVENT,
    W_HELD,
    W_LAST_HELD,
    W_NHELD,
    end_of,
    failed,
)

_FIRST_ROOM = 8


@kernel
def _begin(m: Mem, space: int, task: int, prot: int) -> int:
    """Begin to hold back calls of `space`, which goes to the end of the list."""
    m[space + S_HELD_TASK] = task
    m[space + S_HELD_PROT] = prot
    m[space + S_HELD_NEXT] = 0
    m[space + S_HELD_PREV] = m[W_LAST_HELD]
    if m[W_LAST_HELD] != 0:
        m[m[W_LAST_HELD] + S_HELD_NEXT] = space
    else:
        m[W_HELD] = space
    m[W_LAST_HELD] = space
    return 0


@kernel
def _grow(m: Mem, space: int) -> int:
    """Room for one more triple; -1: the arena is full."""
    room = m[space + S_HELD_ROOM]
    if m[space + S_HELD_COUNT] < room:
        return 0
    wanted = max(2 * room, _FIRST_ROOM)
    more = kalloc(m, 3 * wanted)
    if more == 0:
        return -1
    old = m[space + S_HELD]
    for i in range(3 * m[space + S_HELD_COUNT]):
        m[more + i] = m[old + i]
    if old != 0:
        kfree(m, old, 3 * room)
    m[space + S_HELD] = more
    m[space + S_HELD_ROOM] = wanted
    return 0


@kernel
def _before(m: Mem, a: int, b: int) -> int:
    """1 if the triple at `a` comes before that at `b`: by start, end, event."""
    for i in range(3):
        if m[a + i] != m[b + i]:
            return 1 if m[a + i] < m[b + i] else 0
    return 0


@kernel
def _swap(m: Mem, a: int, b: int) -> int:
    for i in range(3):
        word = m[a + i]
        m[a + i] = m[b + i]
        m[b + i] = word
    return 0


@kernel
def _sink(m: Mem, at: int, first: int, count: int) -> int:
    """Let triple `first` of a heap of `count` sink to its place, the greatest on top."""
    i = first
    while 2 * i + 1 < count:
        child = 2 * i + 1
        if child + 1 < count and _before(m, at + 3 * child, at + 3 * child + 3):
            child += 1
        if _before(m, at + 3 * i, at + 3 * child) == 0:
            return 0
        _swap(m, at + 3 * i, at + 3 * child)
        i = child
    return 0


@kernel
def _sort(m: Mem, at: int, count: int) -> int:
    """Sort `count` triples from `at` on; those in order already cost one look."""
    i = 1
    while i < count and _before(m, at + 3 * i, at + 3 * i - 3) == 0:
        i += 1
    if i >= count:
        return 0
    i = count >> 1
    while i > 0:
        i -= 1
        _sink(m, at, i, count)
    i = count
    while i > 1:
        i -= 1
        _swap(m, at, at + 3 * i)
        _sink(m, at, 0, i)
    return 0


@kernel
def flush(m: Mem, origin: Mem, changed: Mem, space: int) -> int:
    """Write the held changes of an address space, neighbours joined, by address."""
    count = m[space + S_HELD_COUNT]
    if count == 0:
        return 0
    at = m[space + S_HELD]
    _sort(m, at, count)
    i = 0
    while i < count:
        start = m[at + 3 * i]
        end = m[at + 3 * i + 1]
        event = m[at + 3 * i + 2]
        i += 1
        while i < count and m[at + 3 * i] <= end:
            end = max(end, m[at + 3 * i + 1])
            event = max(event, m[at + 3 * i + 2])
            m[W_COUNTS + C_SAVED] += 1
            i += 1
        call(
            m,
            origin,
            changed,
            event,
            m[space + S_HELD_TASK],
            K_MPROTECT,
            start,
            end - start,
            m[space + S_HELD_PROT],
        )
    m[space + S_HELD_COUNT] = 0
    m[W_NHELD] -= count
    before = m[space + S_HELD_PREV]
    after = m[space + S_HELD_NEXT]
    if before != 0:
        m[before + S_HELD_NEXT] = after
    else:
        m[W_HELD] = after
    if after != 0:
        m[after + S_HELD_PREV] = before
    else:
        m[W_LAST_HELD] = before
    return 0


@kernel
def hold(m: Mem, origin: Mem, changed: Mem, ev: Mem, row: int, space: int) -> int:
    """1 if the event is a change of protection that was held back."""
    start = ev[row + E_ARGS]
    size = ev[row + E_ARGS + 1]
    if (
        ev[row + E_KIND] != K_MPROTECT
        or failed(ev[row + E_FLAGS], ev[row + E_RET])
        or start & (PAGE - 1)
        or size == 0
    ):
        return 0
    end = end_of(start, size)
    if end <= start or covered_from(m, space, start, end) < end:
        return 0
    task = ev[row + E_TASK]
    prot = ev[row + E_ARGS + 2]
    if m[space + S_HELD_COUNT] != 0 and (m[space + S_HELD_PROT] != prot or m[space + S_HELD_TASK] != task):
        flush(m, origin, changed, space)
    if _grow(m, space) < 0:
        return 0
    if m[space + S_HELD_COUNT] == 0:
        _begin(m, space, task, prot)
    at = m[space + S_HELD] + 3 * m[space + S_HELD_COUNT]
    m[at] = start
    m[at + 1] = end
    m[at + 2] = m[W_EVENT]
    m[space + S_HELD_COUNT] += 1
    m[W_NHELD] += 1
    return 1


@kernel
def _touches(m: Mem, space: int, start: int, end: int) -> int:
    """1 if a held change concerns a byte of [start, end)."""
    at = m[space + S_HELD]
    for i in range(m[space + S_HELD_COUNT]):
        if m[at + 3 * i] < end and start < m[at + 3 * i + 1]:
            return 1
    return 0


@kernel
def _sees(m: Mem, ev: Mem, row: int, space: int) -> int:
    """1 if the event could see that changes of its address space are missing."""
    kind = ev[row + E_KIND]
    start = ev[row + E_ARGS]
    if kind == K_FAULT:
        return _touches(m, space, start, start + 1)
    if K_READ <= kind <= K_EXECUTE:
        return _touches(m, space, start, end_of(start, PAGE * min(max(ev[row + E_ARGS + 2], 1), 1 << 48)))
    if kind in (K_SIGNAL, K_UNMODELLED, K_KNOWN_FD, K_OPEN, K_CLOSE, K_DUP, K_PREAD, K_PWRITE):
        return 0
    return 1


@kernel
def release(m: Mem, origin: Mem, changed: Mem, ev: Mem, row: int, space: int) -> int:
    """Write what the event could see the lack of."""
    if m[space + S_HELD_COUNT] != 0 and _sees(m, ev, row, space):
        flush(m, origin, changed, space)
    return 0
