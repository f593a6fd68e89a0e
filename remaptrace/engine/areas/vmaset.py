"""The VMA set of an address space: find, link, remove, move a boundary.

Areas stand in a B+-tree (`areatree`) and are linked to their neighbours; the space below each is
known to the tree, which makes searches for free space fast (`gaps`). Each function costs one
descent or less. Addresses are bytes.
"""

from __future__ import annotations

from ..jit import kernel, prefetch, ult
from ..state import (
    MM_CACHE,
    MM_COUNT,
    MM_FIRST,
    MM_HERE,
    MM_LEAF,
    MM_LEAF_2,
    MM_LEAF_3,
    MM_NEAR,
    MM_NEAR_2,
    MM_PEAK,
    MM_SET,
    V_END,
    V_HOME,
    V_NEXT,
    V_PREV,
    V_START,
    V_WORDS,
    Mem,
)
from .areatree import (
    N_BOUND,
    N_COUNT,
    N_KEYS,
    N_LEVEL,
    N_REFS,
    N_WORDS,
    change_gap,
    change_key,
    change_vma,
    home_node,
    insert_entry,
    leaf_for,
    node_new,
    place_at,
    put_entry,
    raise_bounds,
    remove_entry,
    slot_at,
    slot_near,
)
from .changelog import note

LINE = 8  # words that come into the processor's caches together
LOOK_NEAR, LOOK_FAR = 2, 5
"""Calls ahead of which an area, and the leaf where it stands, is looked for: as many as `mm` has words for."""


@kernel
def find_vma(m: Mem, mm: int, addr: int) -> int:
    """The lowest VMA with end > addr, 0 if there is none (find_vma of the kernel)."""
    v = m[mm + MM_HERE]
    if v != 0 and m[v + V_START] <= addr:
        if addr < m[v + V_END]:
            return v
        after = m[v + V_NEXT]
        if after == 0 or addr < m[after + V_START]:
            return after
    v = m[mm + MM_CACHE]
    if v != 0 and m[v + V_START] <= addr < m[v + V_END]:
        return v
    root = m[mm + MM_SET]
    if root == 0:
        return 0
    leaf = leaf_for(m, root, addr)
    v = m[leaf + N_REFS + slot_near(m, leaf, addr)]
    if m[v + V_START] > addr:  # below every VMA: inner keys are exact
        return v
    if m[v + V_END] > addr:
        m[mm + MM_CACHE] = v
        return v
    return m[v + V_NEXT]


@kernel
def _fetch_leaf(m: Mem, root: int, addr: int) -> int:
    """The leaf where the area near `addr` stands; the processor is asked to fetch it."""
    leaf = leaf_for(m, root, addr)
    for i in range(leaf, leaf + N_WORDS, LINE):
        prefetch(m, i)
    return leaf


@kernel
def look_ahead(m: Mem, mm: int, addr: int, far: int) -> int:
    """Note the VMA near `addr`, where the next call but one begins, and let the processor fetch it meanwhile.

    A replay knows what comes next. `far` is where the call begins that comes LOOK_FAR calls later: its leaf is
    fetched now and looked into when that call is LOOK_NEAR calls ahead; the neighbours of its area are fetched one
    call later. What is noted is only a place to begin with: `find_vma` looks whether it fits.
    """
    v = m[mm + MM_NEAR_2]
    leaf = m[mm + MM_LEAF]
    root = m[mm + MM_SET]
    m[mm + MM_HERE] = m[mm + MM_NEAR]
    if root == 0:
        return 0
    m[mm + MM_NEAR] = v
    m[mm + MM_LEAF] = m[mm + MM_LEAF_2]
    m[mm + MM_LEAF_2] = m[mm + MM_LEAF_3]
    m[mm + MM_LEAF_3] = _fetch_leaf(m, root, far)
    if v != 0:
        if (
            ult(addr - m[v + V_START], m[v + V_END] - m[v + V_START]) != 0
        ):  # one branch, of which one way is usual
            return 0
        prefetch(m, m[v + V_NEXT])
        prefetch(m, m[v + V_PREV])
    if leaf == 0:
        leaf = leaf_for(m, root, addr)
    v = m[leaf + N_REFS + slot_near(m, leaf, addr)]
    m[mm + MM_NEAR_2] = v
    for i in range(v, v + V_WORDS, LINE):
        prefetch(m, i)
    return 0


@kernel
def find_exact(m: Mem, mm: int, addr: int) -> int:
    """The VMA that holds `addr`, or 0 (vma_lookup)."""
    v = find_vma(m, mm, addr)
    if v != 0 and m[v + V_START] <= addr:
        return v
    return 0


@kernel
def find_before(m: Mem, mm: int, addr: int) -> int:
    """The highest VMA with start < addr, or 0."""
    root = m[mm + MM_SET]
    if root == 0:
        return 0
    leaf = leaf_for(m, root, addr - 1)
    slot = slot_near(m, leaf, addr - 1)
    if m[leaf + N_KEYS + slot] >= addr:
        return 0
    return m[leaf + N_REFS + slot]


@kernel
def last_vma(m: Mem, mm: int) -> int:
    """The VMA with the highest addresses, or 0."""
    node = m[mm + MM_SET]
    if node == 0:
        return 0
    while m[node + N_LEVEL] > 0:
        node = m[node + N_REFS + slot_at(m, node, m[node + N_COUNT] - 1)]
    return m[node + N_REFS + slot_at(m, node, m[node + N_COUNT] - 1)]


@kernel
def _set_gap(m: Mem, v: int, gap: int) -> int:
    """Store the free space below VMA `v`."""
    return raise_bounds(m, change_gap(m, v, gap), gap)


@kernel
def _link_first(m: Mem, mm: int, vma: int) -> int:
    """Link the only VMA; 0, or -1 if the arena is full."""
    root = node_new(m, 0)
    if root == 0:
        return -1
    m[mm + MM_SET] = root
    m[mm + MM_FIRST] = vma
    m[vma + V_PREV] = 0
    m[vma + V_NEXT] = 0
    put_entry(m, root, 0, m[vma + V_START], vma, m[vma + V_START])
    m[root + N_BOUND] = m[vma + V_START]
    return 0


@kernel
def _link_between(m: Mem, mm: int, vma: int, before: int, after: int) -> int:
    """Link `vma` between its neighbours, of which one may be 0; 0, or -1 if the arena is full."""
    start = m[vma + V_START]
    m[vma + V_PREV] = before
    m[vma + V_NEXT] = after
    at = 0
    gap = start
    home = 0
    if before != 0:
        home = m[before + V_HOME]
        at = place_at(m, home) + 1
        gap = start - m[before + V_END]
        m[before + V_NEXT] = vma
    else:
        m[mm + MM_FIRST] = vma
    if after != 0:
        m[after + V_PREV] = vma
        if home == 0:
            home = m[after + V_HOME]
        change_gap(m, after, m[after + V_START] - m[vma + V_END])
    return insert_entry(m, mm, home_node(home), at, start, vma, gap)


@kernel
def _one_more(m: Mem, mm: int) -> int:
    """Count an area that was linked."""
    count = m[mm + MM_COUNT] + 1
    m[mm + MM_COUNT] = count
    if count > m[mm + MM_PEAK]:
        m[mm + MM_PEAK] = count
    return 0


@kernel
def _one_less(m: Mem, mm: int, vma: int) -> int:
    """Count an area that was unlinked; whoever remembers it forgets it."""
    m[vma + V_HOME] = 0
    m[vma + V_NEXT] = 0
    m[vma + V_PREV] = 0
    m[mm + MM_COUNT] -= 1
    cache = m[mm + MM_CACHE]
    here = m[mm + MM_HERE]
    near = m[mm + MM_NEAR]
    then = m[mm + MM_NEAR_2]
    m[mm + MM_CACHE] = (
        0 if cache == vma else cache
    )  # stores, not branches: which of them it is nobody can foretell
    m[mm + MM_HERE] = 0 if here == vma else here
    m[mm + MM_NEAR] = 0 if near == vma else near
    m[mm + MM_NEAR_2] = 0 if then == vma else then
    return 0


@kernel
def link_vma(m: Mem, mm: int, vma: int, before: int, after: int) -> int:
    """`insert_vma` where the neighbours are known (0: none on that side)."""
    if before == 0 and after == 0:
        error = _link_first(m, mm, vma)
    else:
        error = _link_between(m, mm, vma, before, after)
    _one_more(m, mm)
    note(m, mm, m[vma + V_START])
    return error


@kernel
def insert_vma(m: Mem, mm: int, vma: int) -> int:
    """Link a VMA that overlaps no other; counts it in MM_COUNT. 0, or -1 if the arena is full."""
    before = find_before(m, mm, m[vma + V_START])
    after = m[before + V_NEXT] if before != 0 else m[mm + MM_FIRST]
    return link_vma(m, mm, vma, before, after)


@kernel
def remove_vma(m: Mem, mm: int, vma: int) -> int:
    """Unlink a VMA; it is not freed. Returns the VMA behind it or 0."""
    before = m[vma + V_PREV]
    after = m[vma + V_NEXT]
    remove_entry(m, mm, m[vma + V_HOME])
    low = 0
    if before != 0:
        m[before + V_NEXT] = after
        low = m[before + V_END]
    else:
        m[mm + MM_FIRST] = after
    if after != 0:
        m[after + V_PREV] = before
        _set_gap(m, after, m[after + V_START] - low)
    note(m, mm, m[vma + V_START])
    _one_less(m, mm, vma)
    return after


@kernel
def cut_vma(m: Mem, mm: int, vma: int, new: int, addr: int, new_below: int) -> int:
    """Cut `vma` at `addr`: `new`, an unlinked copy of it, becomes what lies below (new_below 1) or above (0).

    0, or -1 if the arena is full. No space becomes free or used, so only one entry is new. Does not touch V_PGOFF.
    """
    note(m, mm, m[vma + V_START])
    note(m, mm, addr)
    home = m[vma + V_HOME]
    if new_below == 1:
        low = new
        high = vma
        change_vma(m, vma, new)
        before = m[vma + V_PREV]
        m[new + V_PREV] = before
        if before != 0:
            m[before + V_NEXT] = new
        else:
            m[mm + MM_FIRST] = new
    else:
        low = vma
        high = new
        after = m[vma + V_NEXT]
        m[new + V_NEXT] = after
        if after != 0:
            m[after + V_PREV] = new
    m[low + V_END] = addr
    m[low + V_NEXT] = high
    m[high + V_START] = addr
    m[high + V_PREV] = low
    _one_more(m, mm)
    return insert_entry(m, mm, home_node(home), place_at(m, home) + 1, addr, high, 0)


@kernel
def join_vmas(m: Mem, mm: int, low: int, high: int, keep: int) -> int:
    """Two neighbours and what lies between them become one area, `keep`; the other is unlinked, not freed. Returns 0.

    Does not touch V_PGOFF.
    """
    note(m, mm, m[high + V_START])
    note(m, mm, m[low + V_START])
    remove_entry(m, mm, m[high + V_HOME])
    if keep == low:
        after = m[high + V_NEXT]
        m[low + V_END] = m[high + V_END]
        m[low + V_NEXT] = after
        if after != 0:
            m[after + V_PREV] = low
        _one_less(m, mm, high)
        return 0
    change_vma(m, low, high)
    before = m[low + V_PREV]
    m[high + V_START] = m[low + V_START]
    m[high + V_PREV] = before
    if before != 0:
        m[before + V_NEXT] = high
    else:
        m[mm + MM_FIRST] = high
    _one_less(m, mm, low)
    return 0


@kernel
def move_boundary(m: Mem, mm: int, low: int, high: int, addr: int) -> int:
    """Let `high` begin and `low`, which it adjoins, end at `addr`. Does not touch V_PGOFF. Returns 0."""
    old = m[high + V_START]
    note(m, mm, m[low + V_START])
    note(m, mm, old)
    note(m, mm, addr)
    change_key(m, high, addr)
    m[high + V_START] = addr
    m[low + V_END] = addr
    return 0


@kernel
def set_bounds(m: Mem, mm: int, vma: int, start: int, end: int) -> int:
    """Move the boundaries of a linked VMA without passing a neighbour. Does not touch V_PGOFF."""
    old = m[vma + V_START]
    note(m, mm, old)
    if start != old:
        note(m, mm, start)
        change_key(m, vma, start)
        m[vma + V_START] = start
        before = m[vma + V_PREV]
        gap = start - (m[before + V_END] if before != 0 else 0)
        _set_gap(m, vma, gap)
    if end != m[vma + V_END]:
        m[vma + V_END] = end
        after = m[vma + V_NEXT]
        if after != 0:
            _set_gap(m, after, m[after + V_START] - end)
    return 0
