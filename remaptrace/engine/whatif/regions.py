"""What happens to the memory of each mmap call: the first pass of `guards` and `rfp-guards`, which both read it."""

from __future__ import annotations

from ...abi.kinds import (
    K_EXECUTE,
    K_FAULT,
    K_MADVISE,
    K_MPROTECT,
    K_PKEY_MPROTECT,
    K_READ,
    K_WRITE,
)
from ...abi.mman import ADVICE, PROT_WRITE
from ...abi.rows import E_ARGS, E_KIND
from ...abi.signals import PF_FETCH, PF_WRITE
from ..jit import kernel
from ..state import V_END, V_NEXT, V_START, Mem, kalloc
from .areas import cut, first_in, private_anonymous
from .words import (
    A_BORN,
    A_CLOSED,
    A_FULL,
    A_PROT,
    A_REGION,
    A_SHOWN,
    P_FIND,
    P_GUARDS,
    P_RFP_GUARDS,
    PAGE,
    R_END,
    R_LARGEST,
    R_OPEN_END,
    R_OPEN_PROT,
    R_OPEN_START,
    R_PROTS,
    R_START,
    R_TOUCHED,
    R_WORDS,
    REOPENED,
    W_EVENT,
    W_NREOPENED,
    W_PASS,
    W_REGIONS,
    W_SEES_WRITES,
    end_of,
)

_DONTNEED = ADVICE["dontneed"]


@kernel
def _fills(m: Mem, prot: int) -> int:
    """1 if memory must be taken as written as soon as it can be: the trace has no accesses."""
    return 1 if prot & PROT_WRITE and m[W_SEES_WRITES] == 0 else 0


@kernel
def begin_region(m: Mem, area: int) -> int:
    """New private anonymous memory becomes a region, or part of the region of its event."""
    what = m[W_PASS]
    event = m[W_EVENT]
    if what not in (P_FIND, P_GUARDS, P_RFP_GUARDS) or private_anonymous(m, area) == 0:
        return 0
    if m[area + A_REGION] != 0 or m[area + A_BORN] != event:
        return 0
    region = m[m[W_REGIONS] + event]
    if what != P_FIND:
        m[area + A_REGION] = region
        m[area + A_SHOWN] = m[area + A_PROT]
        return 0
    start = m[area + V_START]
    end = m[area + V_END]
    if region == 0:
        region = kalloc(m, R_WORDS)
        if region == 0:
            return 0
        m[m[W_REGIONS] + event] = region
        m[region + R_START] = start
        m[region + R_END] = end
    m[region + R_START] = min(m[region + R_START], start)
    m[region + R_END] = max(m[region + R_END], end)
    if m[area + A_PROT] != 0:
        m[region + R_PROTS] |= 1 << m[area + A_PROT]
    m[area + A_REGION] = region
    m[area + A_FULL] = _fills(m, m[area + A_PROT])
    m[area + A_CLOSED] = -1
    return 0


@kernel
def _close(m: Mem, area: int) -> int:
    """All access is taken from `area`."""
    region = m[area + A_REGION]
    if m[area + A_PROT] != 0:
        m[area + A_CLOSED] = m[W_EVENT]
        m[region + R_LARGEST] = max(m[region + R_LARGEST], m[area + V_END] - m[area + V_START])
    return 0


@kernel
def _open(m: Mem, area: int, start: int, end: int, prot: int) -> int:
    """mprotect of [start, end) allows something in `area`."""
    region = m[area + A_REGION]
    m[region + R_PROTS] |= 1 << prot
    if m[area + A_PROT] == 0:
        closed = m[area + A_CLOSED]
        if m[area + A_FULL] and closed >= 0 and m[m[W_REGIONS] + closed] == 0:
            m[m[W_REGIONS] + closed] = REOPENED
            m[W_NREOPENED] += 1
        if m[region + R_OPEN_PROT] == 0:
            m[region + R_OPEN_START] = start
            m[region + R_OPEN_END] = end
            m[region + R_OPEN_PROT] = prot
    m[area + A_FULL] = m[area + A_FULL] | _fills(m, prot)
    m[area + A_CLOSED] = -1
    return 0


@kernel
def _protect(m: Mem, space: int, start: int, end: int, prot: int) -> int:
    area = cut(m, space, start, end)
    while area != 0 and m[area + V_START] < end:
        if m[area + A_REGION] != 0:
            if prot == 0:
                _close(m, area)
            else:
                _open(m, area, start, end, prot)
        area = m[area + V_NEXT]
    return 0


@kernel
def _emptied(m: Mem, space: int, start: int, end: int) -> int:
    area = cut(m, space, start, end)
    while area != 0 and m[area + V_START] < end:
        if m[area + A_REGION] != 0:
            m[area + A_FULL] = _fills(m, m[area + A_PROT])
        area = m[area + V_NEXT]
    return 0


@kernel
def _accessed(m: Mem, space: int, addr: int, pages: int) -> int:
    """An access to a region of which nothing was opened yet."""
    start = addr & -PAGE
    end = end_of(start, PAGE * pages)
    area = first_in(m, space, start, end)
    while area != 0 and m[area + V_START] < end:
        region = m[area + A_REGION]
        if region != 0 and m[area + A_PROT] == 0 and m[region + R_OPEN_PROT] == 0:
            m[region + R_TOUCHED] = 1
        area = m[area + V_NEXT]
    return 0


@kernel
def _written(m: Mem, space: int, addr: int, pages: int) -> int:
    """A write fills the pages that allow it."""
    start = addr & -PAGE
    end = end_of(start, PAGE * pages)
    area = first_in(m, space, start, end)
    while area != 0 and m[area + V_START] < end:
        if m[area + A_REGION] != 0 and m[area + A_FULL] == 0 and m[area + A_PROT] & PROT_WRITE:
            area = cut(m, space, max(start, m[area + V_START]), min(end, m[area + V_END]))
            m[area + A_FULL] = 1
        area = m[area + V_NEXT]
    return 0


@kernel
def look_at(m: Mem, ev: Mem, row: int, space: int) -> int:
    """What a call or access that was not refused tells of regions; before it is applied."""
    kind = ev[row + E_KIND]
    a0 = ev[row + E_ARGS]
    a1 = ev[row + E_ARGS + 1]
    a2 = ev[row + E_ARGS + 2]
    if kind in (K_MPROTECT, K_PKEY_MPROTECT):
        _protect(m, space, a0, end_of(a0, a1), a2 & 7)
    elif kind == K_MADVISE:
        if a2 == _DONTNEED:
            _emptied(m, space, a0, end_of(a0, a1))
    elif kind == K_FAULT:
        _accessed(m, space, a0, 1)
        if a1 & PF_WRITE and a1 & PF_FETCH == 0:
            _written(m, space, a0, 1)
    elif K_READ <= kind <= K_EXECUTE:
        pages = min(max(a2, 1), 1 << 48)
        _accessed(m, space, a0, pages)
        if kind == K_WRITE:
            _written(m, space, a0, pages)
    return 0
