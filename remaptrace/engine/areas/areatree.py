"""The B+-tree under the VMA set: nodes, splitting, bounds on the free space between areas.

Leaves hold up to FAN VMAs in address order: their start addresses, their indices in the arena and
the free space below each (to the end of the VMA before it, or to address 0). Inner nodes hold,
for each child, its first start address, its index and an *upper bound* of the free space below
any VMA in it. Bounds are raised at once when space is freed and never lowered by a change; a
search that visits a child in vain lowers its bound to the truth. So a change costs one descent,
and a search looks at few nodes that do not help. Places without an entry have the key NO_KEY, which lets
a whole node be compared with a key at once (`jit.rank`).

Sizes, addresses and gaps are bytes. The structure is the engine's own and says nothing about what
the kernel's tree (red-black until 6.0, maple since 6.1) costs.
"""

from __future__ import annotations

from ..jit import NO_KEY, RANK_WIDTH, apart, kernel, rank
from ..state import (
    MM_LEAF,
    MM_LEAF_2,
    MM_SET,
    V_CHUNK,
    Mem,
    kalloc,
    kfree,
)

FAN = RANK_WIDTH  # entries of a node: header and three columns fill 64 words
N_COUNT = 0
N_UP = 1  # parent, 0: the root
N_LEVEL = 2  # 0: entries are VMAs, else nodes of the level below
N_BOUND = 3  # the bound that the parent has for this node
N_KEYS = 4
N_REFS = N_KEYS + FAN
N_GAPS = N_REFS + FAN
N_WORDS = N_GAPS + FAN


@kernel
def slot_of(m: Mem, node: int, key: int) -> int:
    """The last entry of `node` whose key is <= `key`; -1 if there is none."""
    return rank(m, node + N_KEYS, m[node + N_COUNT], key) - 1


@kernel
def leaf_for(m: Mem, root: int, key: int) -> int:
    """The leaf where a VMA that starts at `key` is or belongs."""
    node = root
    for _ in range(m[root + N_LEVEL]):
        node = m[node + N_REFS + max(slot_of(m, node, key), 0)]
    return node


@kernel
def raise_bounds(m: Mem, node: int, gap: int) -> int:
    """Make the bounds of `node` and above at least `gap`. The parents must know `node`'s first key."""
    key = m[node + N_KEYS]
    while m[node + N_BOUND] < gap:
        m[node + N_BOUND] = gap
        node = m[node + N_UP]
        if node == 0:
            return 0
        m[node + N_GAPS + slot_of(m, node, key)] = gap
    return 0


@kernel
def change_first_key(m: Mem, node: int, old: int, new: int) -> int:
    """Tell the parents of `node` that its first key went from `old` to `new`."""
    up = m[node + N_UP]
    while up != 0:
        i = slot_of(m, up, old)
        m[up + N_KEYS + i] = new
        if i > 0:
            return 0
        up = m[up + N_UP]
    return 0


@kernel
def greatest_gap(m: Mem, node: int) -> int:
    """The greatest entry of the gap column of `node`."""
    best = 0
    for i in range(node + N_GAPS, node + N_GAPS + m[node + N_COUNT]):
        best = max(best, m[i])
    return best


@kernel
def _adopt(m: Mem, node: int, first: int) -> int:
    """Point the entries of `node` from number `first` on back at it."""
    word = V_CHUNK if m[node + N_LEVEL] == 0 else N_UP
    for i in range(node + N_REFS + first, node + N_REFS + m[node + N_COUNT]):
        m[m[i] + word] = node
    return 0


# One column a loop, word by word: wider moves are fewer instructions and slower, since the processor cannot load across
# words that it has just stored one by one.


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
def node_new(m: Mem, level: int) -> int:
    """A node without entries; 0: the arena is full."""
    node = kalloc(m, N_WORDS)
    if node != 0:
        m[node + N_LEVEL] = level
        for i in range(node + N_KEYS, node + N_KEYS + RANK_WIDTH):
            m[i] = NO_KEY
    return node


@kernel
def put_entry(m: Mem, node: int, at: int, key: int, ref: int, gap: int) -> int:
    """Put an entry at position `at` of a node that has room."""
    count = m[node + N_COUNT]
    _open_gap(m, node + N_KEYS + at, node + N_KEYS + count)
    _open_gap(m, node + N_REFS + at, node + N_REFS + count)
    _open_gap(m, node + N_GAPS + at, node + N_GAPS + count)
    m[node + N_KEYS + at] = key
    m[node + N_REFS + at] = ref
    m[node + N_GAPS + at] = gap
    m[node + N_COUNT] = count + 1
    m[ref + (V_CHUNK if m[node + N_LEVEL] == 0 else N_UP)] = node
    return 0


@kernel
def _split(m: Mem, node: int, at: int) -> int:
    """Split a full node in which an entry is to go to `at`; the new right node, 0: arena full.

    At either edge nothing is moved but what must be, so runs that grow in one direction leave full
    nodes behind.
    """
    right = node_new(m, m[node + N_LEVEL])
    if right == 0:
        return 0
    keep = FAN >> 1
    if at == FAN:
        keep = FAN
    elif at == 0:
        keep = 0
    m[right + N_UP] = m[node + N_UP]
    moved = FAN - keep
    for i in range(moved):
        m[right + N_KEYS + i] = m[node + N_KEYS + keep + i]
        m[node + N_KEYS + keep + i] = NO_KEY
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
    root = node_new(m, m[node + N_LEVEL] + 1)
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
def insert_entry(m: Mem, mm: int, leaf: int, at: int, key: int, ref: int, gap: int) -> int:
    """Insert an entry at position `at` of `leaf`, splitting upwards as needed; 0, or -1: arena full."""
    if at == 0 or m[leaf + N_COUNT] == FAN:
        return _insert_anywhere(m, mm, leaf, at, key, ref, gap)
    put_entry(m, leaf, at, key, ref, gap)
    raise_bounds(m, leaf, gap)
    return 0


@apart
def _insert_anywhere(m: Mem, mm: int, leaf: int, at: int, key: int, ref: int, gap: int) -> int:
    """`insert_entry` in front of all others, or into a leaf without room, too."""
    node = leaf
    while True:
        room = FAN - m[node + N_COUNT]
        if room == 0 and m[node + N_UP] == 0 and _grow_root(m, mm, node) < 0:
            return -1
        if at == 0:
            change_first_key(m, node, m[node + N_KEYS], key)
        if room != 0:
            put_entry(m, node, at, key, ref, gap)
            raise_bounds(m, node, gap)
            return 0
        right = _split(m, node, at)
        if right == 0:
            return -1
        keep = m[node + N_COUNT]
        if at <= keep < FAN:
            put_entry(m, node, at, key, ref, gap)
            raise_bounds(m, node, gap)
        else:
            put_entry(m, right, at - keep, key, ref, gap)
        key = m[right + N_KEYS]
        ref = right
        gap = greatest_gap(m, right)
        m[right + N_BOUND] = gap
        node = m[node + N_UP]
        at = slot_of(m, node, key) + 1


@kernel
def _forget(m: Mem, mm: int, node: int) -> int:
    """Nothing is to be looked for in `node` any more, see vmaset.look_ahead."""
    if m[mm + MM_LEAF] == node:
        m[mm + MM_LEAF] = 0
    if m[mm + MM_LEAF_2] == node:
        m[mm + MM_LEAF_2] = 0
    return 0


@kernel
def _drop_entry(m: Mem, node: int, at: int) -> int:
    """Take entry `at` out of `node`; how many are left."""
    count = m[node + N_COUNT] - 1
    _close_gap(m, node + N_KEYS + at, node + N_KEYS + count)
    m[node + N_KEYS + count] = NO_KEY
    _close_gap(m, node + N_REFS + at, node + N_REFS + count)
    _close_gap(m, node + N_GAPS + at, node + N_GAPS + count)
    m[node + N_COUNT] = count
    return count


@kernel
def remove_entry(m: Mem, mm: int, leaf: int, at: int) -> int:
    """Take entry `at` out of `leaf`; empty nodes go, an only child becomes root."""
    if at == 0:
        return _remove_first(m, mm, leaf)
    _drop_entry(m, leaf, at)
    return 0


@apart
def _remove_first(m: Mem, mm: int, leaf: int) -> int:
    """`remove_entry` of the first entry of `leaf`, which may be its last."""
    node = leaf
    at = 0
    key = m[node + N_KEYS]
    while True:
        count = _drop_entry(m, node, at)
        if count > 0:
            if at == 0:
                change_first_key(m, node, key, m[node + N_KEYS])
            break
        up = m[node + N_UP]
        _forget(m, mm, node)
        kfree(m, node, N_WORDS)
        if up == 0:
            m[mm + MM_SET] = 0
            return 0
        node = up
        at = slot_of(m, node, key)
    root = m[mm + MM_SET]
    while m[root + N_LEVEL] > 0 and m[root + N_COUNT] == 1:
        child = m[root + N_REFS]
        kfree(m, root, N_WORDS)
        m[child + N_UP] = 0
        m[mm + MM_SET] = child
        root = child
    return 0
