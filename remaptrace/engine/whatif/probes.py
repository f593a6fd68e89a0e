"""Accesses to be tried before a process ends: of a page at each end of its areas, see `rewrite.equivalence`.

Each is a row of an event; in place of what it returns stands the event in front of which it is.
"""

from __future__ import annotations

from ...abi.kinds import EVF_MADE, K_EXECUTE, K_READ
from ...abi.rows import E_ARGS, E_FLAGS, E_KIND, E_RET, E_TASK, EV_WORDS
from ..jit import kernel
from ..state import MM_FIRST, V_END, V_NEXT, V_START, Mem
from .follow import leave
from .words import (
    PAGE,
    S_SEEN,
    W_AREAS,
    W_EVENT,
    W_GONE,
    W_NTASKS,
    W_PROBE_ROOM,
    W_PROBED,
    task_space,
)

_TOP = 1 << 47
_A_PAGE = K_EXECUTE - K_READ + 1


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
def _probe_page(m: Mem, probes: Mem, event: int, task: int, addr: int) -> int:
    for kind in range(K_READ, K_EXECUTE + 1):
        at = m[W_PROBED] * EV_WORDS
        m[W_PROBED] += 1
        for i in range(EV_WORDS):
            probes[at + i] = 0
        probes[at + E_KIND] = kind
        probes[at + E_TASK] = task
        probes[at + E_ARGS] = addr
        probes[at + E_ARGS + 1] = -1
        probes[at + E_RET] = event
        probes[at + E_FLAGS] = EVF_MADE
    return 0


@kernel
def _probe(m: Mem, probes: Mem, event: int, task: int, space: int) -> int:
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
                _probe_page(m, probes, event, task, start)
                if m[area + V_END] - PAGE != start:
                    _probe_page(m, probes, event, task, m[area + V_END] - PAGE)
        area = m[area + V_NEXT]
    return 0


@kernel
def lack_room(m: Mem) -> int:
    """1 if probes of one more address space may not have room."""
    return 1 if m[W_AREAS] != 0 and m[W_PROBED] + _A_PAGE * 2 * m[W_AREAS] > m[W_PROBE_ROOM] else 0


@kernel
def ends(m: Mem, probes: Mem, task: int, whole: int) -> int:
    """`task` ends, with its process if `whole` is not 0: probe what ends with it."""
    space = task_space(m, task)
    left = leave(m, task)
    m[m[W_GONE] + task] = 1
    if m[W_AREAS] != 0 and left >= 0 and (left == 0 or whole != 0):
        _probe(m, probes, m[W_EVENT], task, space)
    return 0


@kernel
def probe_all(m: Mem, probes: Mem) -> int:
    """Behind the last event: probe what is alive; 1: there is no room."""
    if m[W_AREAS] == 0:
        return 0
    for task in range(m[W_NTASKS]):
        space = task_space(m, task)
        if space != 0 and m[m[W_GONE] + task] == 0 and m[space + S_SEEN] == 0:
            if lack_room(m):
                return 1
            m[space + S_SEEN] = 1
            _probe(m, probes, m[W_EVENT] + 1, task, space)
    return 0
