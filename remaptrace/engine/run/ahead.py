"""Looking ahead among many address spaces: what the next calls need is fetched while the present one is replayed.

`vmaset.look_ahead` looks ahead in one address space that has many areas. Among thousands of address spaces with few
areas each, every call waits for a chain: the task, its address space, the root of its areas, a leaf, an area, the areas
beside it. Each link is asked for some calls before the next one is followed. Nothing is noted: what is there when the
call comes counts.
"""

from __future__ import annotations

from ...abi.rows import E_ARGS, E_TASK, EV_WORDS
from ..areas.areatree import N_LEVEL, N_REFS, N_WORDS, leaf_for, slot_near
from ..areas.vmaset import LINE
from ..jit import COMPILED, apart, kernel, prefetch
from ..state import G_TASKS, MM_SET, MM_WORDS, T_MM, T_PROC, T_WORDS, V_NEXT, V_PREV, V_WORDS, Mem

MANY_SPACES = 200 if COMPILED else 1 << 62
"""Address spaces from which it pays: fewer stay in the processor's caches. Plain Python has nothing to fetch."""
_NEXT, _AREA, _LEAF, _ROOT, _SPACE, _TASK = 1, 2, 3, 5, 7, 9
"""Calls ahead of which each is fetched."""


@kernel
def _fetch(m: Mem, first: int, words: int) -> int:
    for i in range(first, first + words, LINE):
        prefetch(m, i)
    return 0


@kernel
def _space(m: Mem, ev: Mem, row: int) -> int:
    """The address space of the task of event `row`, 0: none."""
    return m[m[m[G_TASKS] + ev[row + E_TASK]] + T_MM]


@kernel
def _root(m: Mem, ev: Mem, row: int) -> int:
    """The root of the areas of that address space, 0: none."""
    mm = _space(m, ev, row)
    return m[mm + MM_SET] if mm != 0 else 0


@kernel
def _area(m: Mem, root: int, addr: int) -> int:
    """The area at `addr`, or near it."""
    leaf = leaf_for(m, root, addr)
    return m[leaf + N_REFS + slot_near(m, leaf, addr)]


@apart
def fetch_ahead(m: Mem, ev: Mem, now: int, last: int) -> int:
    """Fetch a link of each of the chains that the calls behind row `now` of `ev` will follow; rows end at `last`."""
    row = min(now + _AREA, last - 1) * EV_WORDS
    root = _root(m, ev, row)
    if root != 0:
        _fetch(m, _area(m, root, ev[row + E_ARGS]), V_WORDS)
    row = min(now + _NEXT, last - 1) * EV_WORDS
    root = _root(m, ev, row)
    if root != 0:
        area = _area(m, root, ev[row + E_ARGS])
        prefetch(m, m[area + V_NEXT])
        prefetch(m, m[area + V_PREV])
    row = min(now + _LEAF, last - 1) * EV_WORDS
    root = _root(m, ev, row)
    if root != 0 and m[root + N_LEVEL] != 0:
        _fetch(m, leaf_for(m, root, ev[row + E_ARGS]), N_WORDS)
    root = _root(m, ev, min(now + _ROOT, last - 1) * EV_WORDS)
    if root != 0:
        _fetch(m, root, N_WORDS)
    task = m[m[G_TASKS] + ev[min(now + _SPACE, last - 1) * EV_WORDS + E_TASK]]
    _fetch(m, m[task + T_MM], MM_WORDS)
    prefetch(m, m[task + T_PROC])
    _fetch(m, m[m[G_TASKS] + ev[min(now + _TASK, last - 1) * EV_WORDS + E_TASK]], T_WORDS)
    return 0
