"""The pass `dontneed`, see `rewrite.dontneed`: what would cut a hole into private memory is emptied instead."""

from __future__ import annotations

from ...abi.kinds import K_MADVISE, K_MUNMAP
from ...abi.mman import ADVICE
from ...abi.rows import E_ARGS, E_FLAGS, E_KIND, E_RET, E_TASK
from ..jit import kernel
from ..state import V_END, V_NEXT, V_PREV, V_START, Mem
from .areas import area_at, covered_from, cut, first_in, private_anonymous, take_out
from .output import call, keep
from .words import A_EMPTIED, A_FLAGS, A_PROT, C_EMPTIED, PAGE, W_COUNTS, W_EVENT, end_of, failed

_DONTNEED = ADVICE["dontneed"]


@kernel
def _alike(m: Mem, a: int, b: int) -> int:
    """1 for private memory without a file that the kernel may keep as one area."""
    if private_anonymous(m, a) == 0 or private_anonymous(m, b) == 0:
        return 0
    return 1 if m[a + A_PROT] == m[b + A_PROT] and m[a + A_FLAGS] == m[b + A_FLAGS] else 0


@kernel
def _enclosed(m: Mem, space: int, start: int, end: int) -> int:
    """1 if [start, end) is all mapped, of one kind, and continued on both sides."""
    below = area_at(m, space, start - 1)
    above = area_at(m, space, end)
    if below == 0 or above == 0 or _alike(m, above, below) == 0 or covered_from(m, space, start, end) < end:
        return 0
    area = first_in(m, space, start, end)
    while area != 0 and m[area + V_START] < end:
        if _alike(m, area, below) == 0:
            return 0
        area = m[area + V_NEXT]
    return 1


@kernel
def _low_end(m: Mem, space: int, start: int) -> int:
    """Where the emptied memory that touches `start` from below begins; `start` if there is none."""
    area = area_at(m, space, start - 1)
    while area != 0 and m[area + V_END] >= start and m[area + A_EMPTIED] != 0:
        start = m[area + V_START]
        area = m[area + V_PREV]
    return start


@kernel
def _high_end(m: Mem, space: int, end: int) -> int:
    """The same above `end`."""
    area = area_at(m, space, end)
    while area != 0 and m[area + V_START] <= end and m[area + A_EMPTIED] != 0:
        end = m[area + V_END]
        area = m[area + V_NEXT]
    return end


@kernel
def unmap(m: Mem, origin: Mem, changed: Mem, ev: Mem, row: int, space: int) -> int:
    """Write what stands for an unmapping, and apply it; 0: the event is none, or failed."""
    start = ev[row + E_ARGS]
    size = ev[row + E_ARGS + 1]
    if (
        ev[row + E_KIND] != K_MUNMAP
        or failed(ev[row + E_FLAGS], ev[row + E_RET])
        or start & (PAGE - 1)
        or size <= 0
    ):
        return 0
    end = end_of(start, size)
    event = m[W_EVENT]
    task = ev[row + E_TASK]
    if _enclosed(m, space, start, end):
        area = cut(m, space, start, end)
        while area != 0 and m[area + V_START] < end:
            m[area + A_EMPTIED] = 1
            area = m[area + V_NEXT]
        call(m, origin, changed, event, task, K_MADVISE, start, end - start, _DONTNEED)
        m[W_COUNTS + C_EMPTIED] += 1
        return 1
    low = _low_end(m, space, start)
    high = _high_end(m, space, end)
    if low == start and high == end:
        keep(m, origin, event)
    else:
        call(m, origin, changed, event, task, K_MUNMAP, low, high - low, 0)
    take_out(m, space, low, high)
    return 1
