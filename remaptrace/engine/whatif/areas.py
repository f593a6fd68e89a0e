"""Areas of one address space as they were asked for: find, cut, put in, take out.

Addresses are bytes. Cutting is O(log n) and touches only what is cut.
"""

from __future__ import annotations

from ..areas.vmaset import cut_vma, find_vma, insert_vma, last_vma, link_vma, remove_vma
from ..jit import kernel, wrap
from ..state import MM_CACHE, MM_FIRST, V_END, V_NEXT, V_PREV, V_START, Mem, kalloc, kfree
from .words import A_BORN, A_EMPTIED, A_FLAGS, A_OFFSET, A_PROT, A_TOKEN, A_WORDS


@kernel
def new_area(m: Mem, start: int, end: int, prot: int, flags: int, token: int, offset: int, born: int) -> int:
    """An area that is not yet in an address space; 0: the arena is full."""
    area = kalloc(m, A_WORDS)
    if area != 0:
        m[area + V_START] = start
        m[area + V_END] = end
        m[area + A_PROT] = prot
        m[area + A_FLAGS] = flags
        m[area + A_TOKEN] = token
        m[area + A_OFFSET] = offset
        m[area + A_BORN] = born
    return area


@kernel
def copied(m: Mem, area: int) -> int:
    """A copy of `area` that is in no address space; 0: the arena is full."""
    copy = kalloc(m, A_WORDS)
    if copy != 0:
        m[copy + V_START] = m[area + V_START]
        m[copy + V_END] = m[area + V_END]
        m[copy + A_FLAGS] = m[area + A_FLAGS]
        m[copy + A_OFFSET] = m[area + A_OFFSET]
        for i in range(A_EMPTIED, A_WORDS):
            m[copy + i] = m[area + i]
    return copy


@kernel
def private_anonymous(m: Mem, area: int) -> int:
    """1 for memory without a file that only this process sees."""
    return 1 if m[area + A_TOKEN] == 0 and m[area + A_FLAGS] & 1 == 0 else 0


@kernel
def area_at(m: Mem, space: int, addr: int) -> int:
    """The area that holds `addr`, 0: none."""
    area = find_vma(m, space, addr)
    return area if area != 0 and m[area + V_START] <= addr else 0


@kernel
def first_in(m: Mem, space: int, start: int, end: int) -> int:
    """The first area with a byte in [start, end), 0: none; those behind it follow by V_NEXT."""
    if end <= start:
        return 0
    area = find_vma(m, space, start)
    return area if area != 0 and m[area + V_START] < end else 0


@kernel
def _split(m: Mem, space: int, area: int, addr: int) -> int:
    """Make `addr`, inside of `area`, a boundary; the area above it, 0: the arena is full."""
    upper = copied(m, area)
    if upper == 0:
        return 0
    m[upper + A_OFFSET] = wrap(m[upper + A_OFFSET] + addr - m[upper + V_START])
    if cut_vma(m, space, area, upper, addr, 0) < 0:
        return 0
    return upper


@kernel
def _cut(m: Mem, space: int, area: int, start: int, end: int) -> int:
    """Split what reaches beyond [start, end), in which `area` is the first with a byte; the first area inside."""
    if m[area + V_START] < start:
        area = _split(m, space, area, start)
        if area == 0:
            return 0
    last = area
    while m[last + V_END] < end:
        after = m[last + V_NEXT]
        if after == 0 or m[after + V_START] >= end:
            break
        last = after
    if m[last + V_END] > end:
        _split(m, space, last, end)
    m[space + MM_CACHE] = area  # it is often asked for again
    return area


@kernel
def cut(m: Mem, space: int, start: int, end: int) -> int:
    """Split what reaches beyond [start, end); the first area inside, 0: none."""
    area = first_in(m, space, start, end)
    return _cut(m, space, area, start, end) if area != 0 else 0


@kernel
def take_out(m: Mem, space: int, start: int, end: int) -> int:
    """Unmap [start, end); if that has a byte, the first area behind it, 0: none."""
    area = find_vma(m, space, start)
    if area == 0 or m[area + V_START] >= end or end <= start:
        return area
    area = _cut(m, space, area, start, end)
    while area != 0 and m[area + V_START] < end:
        after = remove_vma(m, space, area)
        kfree(m, area, A_WORDS)
        area = after
    return area


@kernel
def put_in(m: Mem, space: int, area: int) -> int:
    """Map `area`, over whatever is there; -1 if it has no byte, or the arena is full: it is freed then."""
    if area == 0:
        return -1
    if m[area + V_END] <= m[area + V_START]:
        kfree(m, area, A_WORDS)
        return -1
    after = take_out(m, space, m[area + V_START], m[area + V_END])
    before = m[after + V_PREV] if after != 0 else last_vma(m, space)
    return link_vma(m, space, area, before, after)


@kernel
def covered_from(m: Mem, space: int, start: int, end: int) -> int:
    """Where the first hole in [start, end) begins; `end` if there is none."""
    area = first_in(m, space, start, end)
    while area != 0 and m[area + V_START] <= start < end:
        start = m[area + V_END]
        area = m[area + V_NEXT]
    return min(start, end)


@kernel
def copy_all(m: Mem, space: int, child: int) -> int:
    """Give `child` a copy of every area of `space`."""
    area = m[space + MM_FIRST]
    while area != 0:
        copy = copied(m, area)
        if copy == 0:
            return -1
        insert_vma(m, child, copy)
        area = m[area + V_NEXT]
    return 0
