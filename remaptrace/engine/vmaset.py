"""The VMA set of an address space: a B+-tree of VMAs with bounds on the free space between them.

Leaves hold up to FAN VMAs in address order: their start addresses, their indices in the arena and
the free space below each (to the end of the VMA before it, or to address 0). Inner nodes hold,
for each child, its first start address, its index and an *upper bound* of the free space below
any VMA in it. Bounds are raised at once when space is freed and never lowered by a change; a
search that visits a child in vain lowers its bound to the truth. So a change costs one descent,
and a search looks at few nodes that do not help.

Sizes, addresses and gaps are bytes. The structure is the engine's own and says nothing about what
the kernel's tree (red-black until 6.0, maple since 6.1) costs.
"""

from __future__ import annotations

from ..machine.archwords import A_PAGE_SHIFT
from ..machine.rules import R_STACK_GUARD_GAP
from .jit import kernel
from .state import (
    H_ARCH,
    H_RULES,
    MM_CACHE,
    MM_COUNT,
    MM_FIRST,
    MM_PEAK,
    MM_SET,
    V_CHUNK,
    V_END,
    V_FLAGS,
    V_NEXT,
    V_PREV,
    V_START,
    Mem,
    kalloc,
    kfree,
)
from .vmflags import VM_GROWSDOWN

FAN = 84  # entries of a node: header and three columns fill 256 words
N_COUNT = 0
N_UP = 1  # parent, 0: the root
N_LEAF = 2  # 1: entries are VMAs
N_BOUND = 3  # the bound that the parent has for this node
N_KEYS = 4
N_REFS = N_KEYS + FAN
N_GAPS = N_REFS + FAN
N_WORDS = N_GAPS + FAN


@kernel
def _slot(m: Mem, node: int, key: int) -> int:
    """The last entry of `node` whose key is <= `key`; -1 if there is none."""
    base = node + N_KEYS
    at = base
    left = m[node + N_COUNT]
    while left > 1:  # no branch on the comparison: its outcome cannot be predicted
        half = left >> 1
        at += half if m[at + half] <= key else 0
        left -= half
    return at - base if m[at] <= key else -1


@kernel
def _leaf_for(m: Mem, root: int, key: int) -> int:
    """The leaf where a VMA that starts at `key` is or belongs."""
    node = root
    while m[node + N_LEAF] == 0:
        i = _slot(m, node, key)
        i = max(i, 0)
        node = m[node + N_REFS + i]
    return node


@kernel
def find_vma(m: Mem, mm: int, addr: int) -> int:
    """The lowest VMA with end > addr, 0 if there is none (find_vma of the kernel)."""
    v = m[mm + MM_CACHE]
    if v != 0 and m[v + V_START] <= addr < m[v + V_END]:
        return v
    root = m[mm + MM_SET]
    if root == 0:
        return 0
    leaf = _leaf_for(m, root, addr)
    i = _slot(m, leaf, addr)
    if i < 0:  # below every VMA: inner keys are exact
        return m[leaf + N_REFS]
    v = m[leaf + N_REFS + i]
    if m[v + V_END] > addr:
        m[mm + MM_CACHE] = v
        return v
    return m[v + V_NEXT]


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
    leaf = _leaf_for(m, root, addr - 1)
    i = _slot(m, leaf, addr - 1)
    if i < 0:
        return 0
    return m[leaf + N_REFS + i]


@kernel
def last_vma(m: Mem, mm: int) -> int:
    """The VMA with the highest addresses, or 0."""
    node = m[mm + MM_SET]
    if node == 0:
        return 0
    while m[node + N_LEAF] == 0:
        node = m[node + N_REFS + m[node + N_COUNT] - 1]
    return m[node + N_REFS + m[node + N_COUNT] - 1]


@kernel
def _raise_bounds(m: Mem, node: int, gap: int) -> int:
    """Make the bounds of `node` and above at least `gap`. The parents must know `node`'s first key."""
    key = m[node + N_KEYS]
    while m[node + N_BOUND] < gap:
        m[node + N_BOUND] = gap
        node = m[node + N_UP]
        if node == 0:
            return 0
        m[node + N_GAPS + _slot(m, node, key)] = gap
    return 0


@kernel
def _set_gap(m: Mem, v: int, gap: int) -> int:
    """Store the free space below VMA `v`."""
    leaf = m[v + V_CHUNK]
    m[leaf + N_GAPS + _slot(m, leaf, m[v + V_START])] = gap
    return _raise_bounds(m, leaf, gap)


@kernel
def _change_first_key(m: Mem, node: int, old: int, new: int) -> int:
    """Tell the parents of `node` that its first key went from `old` to `new`."""
    up = m[node + N_UP]
    while up != 0:
        i = _slot(m, up, old)
        m[up + N_KEYS + i] = new
        if i > 0:
            return 0
        up = m[up + N_UP]
    return 0


@kernel
def _greatest_gap(m: Mem, node: int) -> int:
    """The greatest entry of the gap column of `node`."""
    best = 0
    for i in range(node + N_GAPS, node + N_GAPS + m[node + N_COUNT]):
        best = max(best, m[i])
    return best


@kernel
def _adopt(m: Mem, node: int, first: int) -> int:
    """Point the entries of `node` from number `first` on back at it."""
    word = V_CHUNK if m[node + N_LEAF] == 1 else N_UP
    for i in range(node + N_REFS + first, node + N_REFS + m[node + N_COUNT]):
        m[m[i] + word] = node
    return 0


# One column a loop: the compiler then sees a memmove.


@kernel
def _open_gap(m: Mem, first: int, end: int) -> int:
    """Move words first..end-1 up by one."""
    i = end
    while i > first:
        m[i] = m[i - 1]
        i -= 1
    return 0


@kernel
def _close_gap(m: Mem, first: int, end: int) -> int:
    """Move words first+1..end down by one."""
    for i in range(first, end):
        m[i] = m[i + 1]
    return 0


@kernel
def _put(m: Mem, node: int, at: int, key: int, ref: int, gap: int) -> int:
    """Put an entry at position `at` of a node that has room."""
    count = m[node + N_COUNT]
    _open_gap(m, node + N_KEYS + at, node + N_KEYS + count)
    _open_gap(m, node + N_REFS + at, node + N_REFS + count)
    _open_gap(m, node + N_GAPS + at, node + N_GAPS + count)
    m[node + N_KEYS + at] = key
    m[node + N_REFS + at] = ref
    m[node + N_GAPS + at] = gap
    m[node + N_COUNT] = count + 1
    m[ref + (V_CHUNK if m[node + N_LEAF] == 1 else N_UP)] = node
    return 0


@kernel
def _split(m: Mem, node: int, at: int) -> int:
    """Split a full node in which an entry is to go to `at`; the new right node, 0: arena full.

    At either edge nothing is moved but what must be, so runs that grow in one direction leave full
    nodes behind.
    """
    right = kalloc(m, N_WORDS)
    if right == 0:
        return 0
    keep = FAN >> 1
    if at == FAN:
        keep = FAN
    elif at == 0:
        keep = 0
    m[right + N_LEAF] = m[node + N_LEAF]
    m[right + N_UP] = m[node + N_UP]
    moved = FAN - keep
    for i in range(moved):
        m[right + N_KEYS + i] = m[node + N_KEYS + keep + i]
        m[right + N_REFS + i] = m[node + N_REFS + keep + i]
        m[right + N_GAPS + i] = m[node + N_GAPS + keep + i]
    m[right + N_COUNT] = moved
    m[right + N_BOUND] = m[node + N_BOUND]
    m[node + N_COUNT] = keep
    _adopt(m, right, 0)
    return right


@kernel
def _grow_root(m: Mem, mm: int, node: int) -> int:
    """Put a new root above `node`, the root so far; 0, or -1 if the arena is full."""
    root = kalloc(m, N_WORDS)
    if root == 0:
        return -1
    m[root + N_COUNT] = 1
    m[root + N_KEYS] = m[node + N_KEYS]
    m[root + N_REFS] = node
    m[root + N_GAPS] = m[node + N_BOUND]
    m[root + N_BOUND] = m[node + N_BOUND]
    m[node + N_UP] = root
    m[mm + MM_SET] = root
    return 0


@kernel
def _insert_entry(m: Mem, mm: int, leaf: int, at: int, key: int, ref: int, gap: int) -> int:
    """Insert an entry at position `at` of `leaf`, splitting upwards as needed; 0, or -1: arena full."""
    node = leaf
    while True:
        room = FAN - m[node + N_COUNT]
        if room == 0 and m[node + N_UP] == 0 and _grow_root(m, mm, node) < 0:
            return -1
        if at == 0:
            _change_first_key(m, node, m[node + N_KEYS], key)
        if room != 0:
            _put(m, node, at, key, ref, gap)
            _raise_bounds(m, node, gap)
            return 0
        right = _split(m, node, at)
        if right == 0:
            return -1
        keep = m[node + N_COUNT]
        if at <= keep < FAN:
            _put(m, node, at, key, ref, gap)
            _raise_bounds(m, node, gap)
        else:
            _put(m, right, at - keep, key, ref, gap)
        key = m[right + N_KEYS]
        ref = right
        gap = _greatest_gap(m, right)
        m[right + N_BOUND] = gap
        node = m[node + N_UP]
        at = _slot(m, node, key) + 1


@kernel
def _remove_entry(m: Mem, mm: int, leaf: int, at: int) -> int:
    """Take entry `at` out of `leaf`; empty nodes go, an only child becomes root."""
    node = leaf
    key = m[node + N_KEYS + at]
    while True:
        count = m[node + N_COUNT] - 1
        _close_gap(m, node + N_KEYS + at, node + N_KEYS + count)
        _close_gap(m, node + N_REFS + at, node + N_REFS + count)
        _close_gap(m, node + N_GAPS + at, node + N_GAPS + count)
        m[node + N_COUNT] = count
        if count > 0:
            if at == 0:
                _change_first_key(m, node, key, m[node + N_KEYS])
            break
        up = m[node + N_UP]
        kfree(m, node, N_WORDS)
        if up == 0:
            m[mm + MM_SET] = 0
            return 0
        node = up
        at = _slot(m, node, key)
    root = m[mm + MM_SET]
    while m[root + N_LEAF] == 0 and m[root + N_COUNT] == 1:
        child = m[root + N_REFS]
        kfree(m, root, N_WORDS)
        m[child + N_UP] = 0
        m[mm + MM_SET] = child
        root = child
    return 0


@kernel
def _link_first(m: Mem, mm: int, vma: int) -> int:
    """Link the only VMA; 0, or -1 if the arena is full."""
    root = kalloc(m, N_WORDS)
    if root == 0:
        return -1
    m[root + N_LEAF] = 1
    m[mm + MM_SET] = root
    m[mm + MM_FIRST] = vma
    m[vma + V_PREV] = 0
    m[vma + V_NEXT] = 0
    _put(m, root, 0, m[vma + V_START], vma, m[vma + V_START])
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
    leaf = 0
    if before != 0:
        leaf = m[before + V_CHUNK]
        at = _slot(m, leaf, start) + 1
        gap = start - m[before + V_END]
        m[before + V_NEXT] = vma
    else:
        m[mm + MM_FIRST] = vma
    if after != 0:
        m[after + V_PREV] = vma
        home = m[after + V_CHUNK]
        if leaf == 0:
            leaf = home
        m[home + N_GAPS + (at if home == leaf else 0)] = m[after + V_START] - m[vma + V_END]
    return _insert_entry(m, mm, leaf, at, start, vma, gap)


@kernel
def link_vma(m: Mem, mm: int, vma: int, before: int, after: int) -> int:
    """`insert_vma` where the neighbours are known (0: none on that side)."""
    if before == 0 and after == 0:
        error = _link_first(m, mm, vma)
    else:
        error = _link_between(m, mm, vma, before, after)
    count = m[mm + MM_COUNT] + 1
    m[mm + MM_COUNT] = count
    if count > m[mm + MM_PEAK]:
        m[mm + MM_PEAK] = count
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
    leaf = m[vma + V_CHUNK]
    at = _slot(m, leaf, m[vma + V_START])
    last = m[leaf + N_COUNT] - 1
    _remove_entry(m, mm, leaf, at)
    low = 0
    if before != 0:
        m[before + V_NEXT] = after
        low = m[before + V_END]
    else:
        m[mm + MM_FIRST] = after
    if after != 0:
        m[after + V_PREV] = before
        if at < last:
            m[leaf + N_GAPS + at] = m[after + V_START] - low
            _raise_bounds(m, leaf, m[after + V_START] - low)
        else:
            _set_gap(m, after, m[after + V_START] - low)
    m[vma + V_CHUNK] = 0
    m[vma + V_NEXT] = 0
    m[vma + V_PREV] = 0
    m[mm + MM_COUNT] -= 1
    if m[mm + MM_CACHE] == vma:
        m[mm + MM_CACHE] = 0
    return after


@kernel
def set_bounds(m: Mem, mm: int, vma: int, start: int, end: int) -> int:
    """Move the boundaries of a linked VMA without passing a neighbour. Does not touch V_PGOFF."""
    old = m[vma + V_START]
    if start != old:
        leaf = m[vma + V_CHUNK]
        i = _slot(m, leaf, old)
        m[leaf + N_KEYS + i] = start
        if i == 0:
            _change_first_key(m, leaf, old, start)
        m[vma + V_START] = start
        before = m[vma + V_PREV]
        gap = start - (m[before + V_END] if before != 0 else 0)
        m[leaf + N_GAPS + i] = gap
        _raise_bounds(m, leaf, gap)
    if end != m[vma + V_END]:
        m[vma + V_END] = end
        after = m[vma + V_NEXT]
        if after != 0:
            _set_gap(m, after, m[after + V_START] - end)
    return 0


@kernel
def vm_start_gap(m: Mem, vma: int) -> int:
    """Where the space that `vma` keeps free begins: its start, less the guard gap if GROWSDOWN."""
    start = m[vma + V_START]
    if m[vma + V_FLAGS] & VM_GROWSDOWN:
        start -= m[H_RULES + R_STACK_GUARD_GAP] << m[H_ARCH + A_PAGE_SHIFT]
        start = max(start, 0)
    return start


@kernel
def _gap_bottom(m: Mem, vma: int, low: int) -> int:
    """Where the free space below `vma` begins, not below `low`."""
    before = m[vma + V_PREV]
    bottom = m[before + V_END] if before != 0 else 0
    return max(bottom, low)


@kernel
def _fit_low(m: Mem, vma: int, low: int, high: int, length: int) -> int:
    """Lowest place for `length` in the gap below `vma`, inside [low, high); -1: none."""
    top = vm_start_gap(m, vma)
    top = min(top, high)
    bottom = _gap_bottom(m, vma, low)
    if top - bottom >= length:
        return bottom
    return -1


@kernel
def _lower_leaf_with_gap(m: Mem, node: int, key: int, length: int) -> int:
    """The nearest leaf below the one with first key `key` whose bound allows `length`; 0: none.

    `node` is that leaf; climbs until an entry on the left may help, then descends on the right.
    """
    while True:
        up = m[node + N_UP]
        if up == 0:
            return 0
        i = _slot(m, up, key) - 1
        while i >= 0 and m[up + N_GAPS + i] < length:
            i -= 1
        node = up
        if i < 0:
            key = m[up + N_KEYS]
            continue
        while True:
            child = m[node + N_REFS + i]
            if m[child + N_LEAF] == 1:
                return child
            j = m[child + N_COUNT] - 1
            while j >= 0 and m[child + N_GAPS + j] < length:
                j -= 1
            if j < 0:  # the bound was too high: lower it, go on from here
                m[child + N_BOUND] = m[node + N_GAPS + i] = _greatest_gap(m, child)
                key = m[child + N_KEYS]
                node = child
                break
            node = child
            i = j


@kernel
def _upper_leaf_with_gap(m: Mem, node: int, key: int, length: int) -> int:
    """The nearest leaf above the one with first key `key` whose bound allows `length`; 0: none."""
    while True:
        up = m[node + N_UP]
        if up == 0:
            return 0
        i = _slot(m, up, key) + 1
        count = m[up + N_COUNT]
        while i < count and m[up + N_GAPS + i] < length:
            i += 1
        node = up
        if i >= count:
            key = m[up + N_KEYS]
            continue
        while True:
            child = m[node + N_REFS + i]
            if m[child + N_LEAF] == 1:
                return child
            j = 0
            count = m[child + N_COUNT]
            while j < count and m[child + N_GAPS + j] < length:
                j += 1
            if j >= count:
                m[child + N_BOUND] = m[node + N_GAPS + i] = _greatest_gap(m, child)
                key = m[child + N_KEYS]
                node = child
                break
            node = child
            i = j


@kernel
def _lower_bound_of(m: Mem, leaf: int) -> int:
    """Lower the parent's bound of a leaf to the truth."""
    up = m[leaf + N_UP]
    if up != 0:
        bound = _greatest_gap(m, leaf)
        m[leaf + N_BOUND] = bound
        m[up + N_GAPS + _slot(m, up, m[leaf + N_KEYS])] = bound
    return 0


@kernel
def highest_gap(m: Mem, mm: int, low: int, high: int, length: int) -> int:
    """The highest address where `length` free bytes lie inside [low, high); -1 if there is none.

    A gap that would do but for the guard gap of the GROWSDOWN VMA above it lowers `high` to where that
    guard gap begins, for all that follows (unmapped_area_topdown starts again with that limit; linux-6.x
    1.3). No best fit: the first gap from above wins.
    """
    if length <= 0 or high - low < length:
        return -1
    vma = find_vma(m, mm, high - 1)
    if vma == 0:
        before = last_vma(m, mm)
        bottom = m[before + V_END] if before != 0 else 0
        bottom = max(bottom, low)
        if high - bottom >= length:
            return high - length
        if before == 0:
            return -1
        vma = before
    leaf = m[vma + V_CHUNK]
    i = _slot(m, leaf, m[vma + V_START])
    whole = 0
    while True:
        while i >= 0:
            if m[leaf + N_GAPS + i] >= length:
                vma = m[leaf + N_REFS + i]
                bottom = _gap_bottom(m, vma, low)
                top = min(m[vma + V_START], high)
                if top - bottom >= length:
                    high = min(top, vm_start_gap(m, vma))
                    if high - bottom >= length:
                        return high - length
            i -= 1
        if m[leaf + N_KEYS] - length < low:
            return -1
        if whole == 1:
            _lower_bound_of(m, leaf)
        leaf = _lower_leaf_with_gap(m, leaf, m[leaf + N_KEYS], length)
        if leaf == 0:
            return -1
        i = m[leaf + N_COUNT] - 1
        whole = 1


@kernel
def lowest_gap(m: Mem, mm: int, low: int, high: int, length: int) -> int:
    """The lowest address where `length` free bytes lie inside [low, high); -1 if there is none."""
    if length <= 0 or high - low < length:
        return -1
    vma = find_vma(m, mm, low)
    if vma != 0:
        leaf = m[vma + V_CHUNK]
        i = _slot(m, leaf, m[vma + V_START])
        whole = 0
        while leaf != 0:
            count = m[leaf + N_COUNT]
            while i < count:
                if m[leaf + N_GAPS + i] >= length:
                    found = _fit_low(m, m[leaf + N_REFS + i], low, high, length)
                    if found >= 0:
                        return found
                i += 1
            if m[leaf + N_KEYS + count - 1] >= high:
                return -1
            if whole == 1:
                _lower_bound_of(m, leaf)
            leaf = _upper_leaf_with_gap(m, leaf, m[leaf + N_KEYS], length)
            i = 0
            whole = 1
    before = last_vma(m, mm)
    bottom = m[before + V_END] if before != 0 else 0
    bottom = max(bottom, low)
    if high - bottom >= length:
        return bottom
    return -1
