"""The passes `guards` and `rfp-guards`, see `rewrite.guards`."""

from __future__ import annotations

from ...abi.kinds import K_MADVISE, K_MMAP, K_REMAP_FILE_PAGES
from ...abi.mman import ADVICE, MAP_NONBLOCK, RFP_CHGPROT
from ...abi.rows import E_ARGS, E_KIND, E_TASK
from ..jit import kernel
from ..state import V_END, V_NEXT, V_START, Mem
from .areas import cut, first_in
from .output import call, emit
from .words import (
    A_OFFSET,
    A_PROT,
    A_REGION,
    A_SHOWN,
    A_STATE,
    C_LIFTED,
    C_SET,
    M_MARKED,
    M_OPEN,
    M_PENDING,
    P_RFP_GUARDS,
    PAGE_SHIFT,
    R_END,
    R_LARGEST,
    R_OPEN_END,
    R_OPEN_PROT,
    R_OPEN_START,
    R_PROTS,
    R_START,
    R_TOUCHED,
    REOPENED,
    W_COUNTS,
    W_EVENT,
    W_PASS,
    W_REGIONS,
    end_of,
)

LIMIT = 1 << 20
"""Bytes up to which memory without access counts as a guard, not as a reservation."""

_INSTALL, _REMOVE = ADVICE["guard_install"], ADVICE["guard_remove"]
_CHGPROT = RFP_CHGPROT | MAP_NONBLOCK
_NOTHING, _PROTECT, _SET, _LIFT = 0, 1, 2, 3


@kernel
def _takes(m: Mem, region: int) -> int:
    """1 if the region may have markers at all."""
    if region == 0:
        return 0
    if m[W_PASS] != P_RFP_GUARDS:
        return 1
    prots = m[region + R_PROTS]
    return 1 if prots != 0 and prots & (prots - 1) == 0 and m[region + R_LARGEST] <= LIMIT else 0


@kernel
def _guard_sized(m: Mem, region: int) -> int:
    """1 if opening it leaves something without access, and no more than guards have."""
    if m[region + R_OPEN_PROT] == 0 or m[region + R_TOUCHED] != 0:
        return 0
    start = m[region + R_START]
    end = m[region + R_END]
    inside = max(0, min(m[region + R_OPEN_END], end) - max(m[region + R_OPEN_START], start))
    return 1 if inside > 0 and 0 < end - start - inside <= LIMIT else 0


@kernel
def opens_later(m: Mem, ev: Mem, row: int) -> int:
    """The region that an mmap without access begins, if it is to be mapped as it will be; 0: it stays as it is."""
    if ev[row + E_KIND] != K_MMAP or ev[row + E_ARGS + 2] & 7:
        return 0
    region = m[m[W_REGIONS] + m[W_EVENT]]
    return region if region != 0 and _guard_sized(m, region) and _takes(m, region) else 0


@kernel
def map_open(m: Mem, origin: Mem, changed: Mem, ev: Mem, row: int, region: int) -> int:
    """The mmap with the protection that the greater part of its memory gets."""
    at = emit(m, origin, changed, ev, row, m[W_EVENT])
    changed[at + E_ARGS + 2] = m[region + R_OPEN_PROT]
    return 0


@kernel
def mark_pending(m: Mem, space: int, region: int) -> int:
    """The areas of a region mapped that way: what is not opened gets a marker at the first opening."""
    end = m[region + R_END]
    area = cut(m, space, m[region + R_START], end)
    while area != 0 and m[area + V_START] < end:
        m[area + A_REGION] = region
        m[area + A_SHOWN] = m[region + R_OPEN_PROT]
        m[area + A_STATE] = M_PENDING
        area = m[area + V_NEXT]
    return 0


@kernel
def _write(
    m: Mem,
    origin: Mem,
    changed: Mem,
    ev: Mem,
    row: int,
    what: int,
    low: int,
    high: int,
    offset: int,
    prot: int,
) -> int:
    """One call on [low, high)."""
    event = m[W_EVENT]
    task = ev[row + E_TASK]
    if what == _PROTECT:
        at = emit(m, origin, changed, ev, row, event)
        changed[at + E_ARGS] = low
        changed[at + E_ARGS + 1] = high - low
        return 0
    m[W_COUNTS + (C_SET if what == _SET else C_LIFTED)] += 1
    if m[W_PASS] == P_RFP_GUARDS:
        shown = 0 if what == _SET else prot
        at = call(m, origin, changed, event, task, K_REMAP_FILE_PAGES, low, high - low, shown)
        changed[at + E_ARGS + 3] = offset >> PAGE_SHIFT
        changed[at + E_ARGS + 4] = _CHGPROT
    else:
        call(
            m, origin, changed, event, task, K_MADVISE, low, high - low, _INSTALL if what == _SET else _REMOVE
        )
    return 0


@kernel
def _settle_region(
    m: Mem, origin: Mem, changed: Mem, ev: Mem, row: int, space: int, region: int, start: int, end: int
) -> int:
    """Set the markers of what the first opening of `region`, [start, end), leaves without access."""
    last = m[region + R_END]
    area = first_in(m, space, m[region + R_START], last)
    while area != 0 and m[area + V_START] < last:
        if m[area + V_END] <= start or end <= m[area + V_START]:
            if m[area + A_REGION] == region and m[area + A_STATE] == M_PENDING:
                low = m[area + V_START]
                _write(m, origin, changed, ev, row, _SET, low, m[area + V_END], m[area + A_OFFSET], 0)
                m[area + A_STATE] = M_MARKED
        area = m[area + V_NEXT]
    return 0


@kernel
def _settle(m: Mem, origin: Mem, changed: Mem, ev: Mem, row: int, space: int, start: int, end: int) -> int:
    """The same for every region with a part in [start, end)."""
    before = 0
    area = cut(m, space, start, end)
    while area != 0 and m[area + V_START] < end:
        region = m[area + A_REGION]
        if region != before and m[area + A_STATE] == M_PENDING:
            _settle_region(m, origin, changed, ev, row, space, region, start, end)
            before = region
        area = m[area + V_NEXT]
    return 0


@kernel
def _becomes(m: Mem, area: int, prot: int) -> int:
    """What an mprotect becomes for one area."""
    region = m[area + A_REGION]
    state = m[area + A_STATE]
    shown = m[area + A_SHOWN]
    if _takes(m, region) == 0:
        return _PROTECT
    if prot == 0:
        if state != M_OPEN:
            return _NOTHING if state == M_MARKED else _SET
        if shown == 0 or m[area + V_END] - m[area + V_START] > LIMIT:
            return _PROTECT
        if m[W_PASS] != P_RFP_GUARDS and m[m[W_REGIONS] + m[W_EVENT]] == REOPENED:
            return _PROTECT
        return _SET
    if shown == prot:
        if state == M_MARKED:
            return _LIFT
        if state == M_PENDING:
            return _NOTHING
    return _PROTECT


@kernel
def _mark(m: Mem, area: int, prot: int, what: int) -> int:
    """What the area is after that."""
    if m[area + A_REGION] == 0:
        return 0
    if what == _SET:
        m[area + A_STATE] = M_MARKED
    elif what != _NOTHING or prot != 0:
        m[area + A_SHOWN] = prot
        m[area + A_STATE] = M_OPEN
    return 0


@kernel
def _shown_after(m: Mem, area: int, prot: int, what: int) -> int:
    """The protection of its VMA after that."""
    if what == _SET or (what == _NOTHING and prot == 0):
        return m[area + A_SHOWN]
    return prot


@kernel
def _changes(m: Mem, space: int, start: int, end: int, prot: int) -> int:
    """1 if anything of an mprotect of [start, end) is written otherwise than it was."""
    area = first_in(m, space, start, end)
    while area != 0 and m[area + V_START] < end:
        what = _becomes(m, area, prot)
        if what != _PROTECT:
            return 1
        if m[area + A_REGION] != 0 and _shown_after(m, area, prot, what) != m[area + A_PROT]:
            return 1
        area = m[area + V_NEXT]
    return 0


@kernel
def protect(m: Mem, origin: Mem, changed: Mem, ev: Mem, row: int, space: int) -> int:
    """Write what an mprotect becomes, pieces that run on in one call; 0: it stays as it is."""
    start = ev[row + E_ARGS]
    end = end_of(start, ev[row + E_ARGS + 1])
    prot = ev[row + E_ARGS + 2] & 7
    _settle(m, origin, changed, ev, row, space, start, end)
    writes = _changes(m, space, start, end, prot)
    last = _NOTHING
    low = 0
    high = 0
    offset = 0
    area = first_in(m, space, start, end)
    while area != 0 and m[area + V_START] < end:
        what = _becomes(m, area, prot)
        begins = m[area + V_START]
        if what != _NOTHING and writes:
            lifted = 1 if what == _PROTECT and m[area + A_STATE] == M_MARKED else 0
            for step in range(1 - lifted, 2):
                now = _LIFT if step == 0 else what
                if last != _NOTHING and (now != last or high != begins):
                    _write(m, origin, changed, ev, row, last, low, high, offset, prot)
                    last = _NOTHING
                if last == _NOTHING:
                    last = now
                    low = begins
                    offset = m[area + A_OFFSET]
                high = m[area + V_END]
        _mark(m, area, prot, what)
        area = m[area + V_NEXT]
    if last != _NOTHING:
        _write(m, origin, changed, ev, row, last, low, high, offset, prot)
    return writes
