"""Accesses added before a process ends: of a page at each end of its areas, see `rewrite.equivalence`."""

from __future__ import annotations

from ...abi.kinds import K_EXECUTE, K_READ
from ..jit import kernel
from ..state import MM_FIRST, V_END, V_NEXT, V_START, Mem
from .output import call
from .words import PAGE, W_AREAS

_TOP = 1 << 47


@kernel
def _candidates(m: Mem, space: int) -> int:
    """Areas that may be probed."""
    count = 0
    area = m[space + MM_FIRST]
    while area != 0:
        if 0 <= m[area + V_START] < _TOP:
            count += 1
        area = m[area + V_NEXT]
    return count


@kernel
def _probe_page(m: Mem, origin: Mem, changed: Mem, event: int, task: int, addr: int) -> int:
    for kind in range(K_READ, K_EXECUTE + 1):
        call(m, origin, changed, event, task, kind, addr, -1, 0)
    return 0


@kernel
def probe(m: Mem, origin: Mem, changed: Mem, event: int, task: int, space: int) -> int:
    """Read, write and execute the first and last page of every area, of some, evenly, if there are very many."""
    count = _candidates(m, space)
    if count == 0:
        return 0
    step = 1
    while step * m[W_AREAS] < count:
        step += 1
    left_out = step - 1  # since the last that was probed
    area = m[space + MM_FIRST]
    while area != 0:
        start = m[area + V_START]
        if 0 <= start < _TOP:
            left_out += 1
            if left_out == step:
                left_out = 0
                _probe_page(m, origin, changed, event, task, start)
                if m[area + V_END] - PAGE != start:
                    _probe_page(m, origin, changed, event, task, m[area + V_END] - PAGE)
        area = m[area + V_NEXT]
    return 0
