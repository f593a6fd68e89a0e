"""The B+-tree under the VMA set: nodes, splitting, bounds on the free space between areas.

Leaves hold up to FAN VMAs: their start addresses, their indices in the arena and
the free space below each (to the end of the VMA before it, or to address 0). Inner nodes hold,
for each child, its first start address, its index and an *upper bound* of the free space below
any VMA in it. Bounds are raised at once when space is freed and never lowered by a change; a
search that visits a child in vain lowers its bound to the truth. So a change costs one descent,
and a search looks at few nodes that do not help.

An entry stays in the slot that it was put into, which what it stands for knows (V_HOME, N_HOME); which slots are
used, in the order of their keys, says one word (N_ORDER). So nothing is moved when an entry comes or goes, and only
searches compare keys. How many keys are <= another is the same number in any order, and places without an entry have
the key NO_KEY: a whole node is compared with a key at once (`jit.nearest`).

Sizes, addresses and gaps are bytes. The structure is the engine's own and says nothing about what
the kernel's tree (red-black until 6.0, maple since 6.1) costs.
"""

from __future__ import annotations

from ..jit import IN_LINE, NO_KEY, RANK_WIDTH, apart, kernel, nearest, place_in, wrap
from ..state import (
    MM_LEAF,
    MM_LEAF_2,
    MM_LEAF_3,
    MM_SET,
    V_HOME,
    Mem,
    kalloc,
    kfree,
)

FAN = RANK_WIDTH  # entries of a node: as many as N_ORDER has places
N_COUNT = 0
N_HOME = 1  # where its parent has it, see `home_in`, 0: the root
N_LEVEL = 2  # 0: entries are VMAs, else nodes of the level below
N_BOUND = 3  # the bound that the parent has for this node
N_ORDER = (
    4  # four bits a place: the slots of its entries by key, lowest first, and behind these the free slots
)
N_KEYS = 8
N_REFS = N_KEYS + FAN
N_GAPS = N_REFS + FAN  # of a free slot 0
N_WORDS = N_GAPS + FAN


@kernel
def slot_at(m: Mem, node: int, place: int) -> int:
    """The slot of the entry of `node` that has `place` entries with lower keys."""
    return (m[node + N_ORDER] >> (place << 2)) & 15


@kernel
def home_in(node: int, slot: int) -> int:
    """What the child or VMA in `slot` of `node` keeps of where it is; the node is `home_node` of it."""
    return node << 4 | slot


@kernel
def home_node(home: int) -> int:
    """The node of a home; 0 of none."""
    return home >> 4


@kernel
def home_slot(home: int) -> int:
    """The slot of a home."""
    return home & 15


@kernel
def place_at(m: Mem, home: int) -> int:
    """How many entries are in front of the one at `home`."""
    return place_in(m[(home >> 4) + N_ORDER], home & 15)


@kernel
def slot_near(m: Mem, node: int, key: int) -> int:
    """The slot of the last entry of `node` whose key is <= `key`, or of the first entry."""
    return nearest(m, node + N_KEYS, m[node + N_ORDER], key)


@kernel
def first_key(m: Mem, node: int) -> int:
    """The lowest key of `node`."""
    return m[node + N_KEYS + slot_at(m, node, 0)]


@kernel
def leaf_for(m: Mem, root: int, key: int) -> int:
    """The leaf where a VMA that starts at `key` is or belongs."""
    node = root
    for _ in range(m[root + N_LEVEL]):
        node = m[node + N_REFS + nearest(m, node + N_KEYS, m[node + N_ORDER], key)]
    return node


@kernel
def raise_bounds(m: Mem, node: int, gap: int) -> int:
    """Make the bounds of `node` and above at least `gap`."""
    while m[node + N_BOUND] < gap:
        m[node + N_BOUND] = gap
        home = m[node + N_HOME]
        if home == 0:
            return 0
        node = home_node(home)
        m[node + N_GAPS + home_slot(home)] = gap
    return 0


@kernel
def change_first_key(m: Mem, node: int, new: int) -> int:
    """Tell the parents of `node` that its first key is `new`."""
    home = m[node + N_HOME]
    while home != 0:
        node = home_node(home)
        m[node + N_KEYS + home_slot(home)] = new
        if home_slot(home) != slot_at(m, node, 0):
            return 0
        home = m[node + N_HOME]
    return 0


@kernel
def change_key(m: Mem, vma: int, new: int) -> int:
    """Tell the tree that `vma` begins at `new`, without passing a neighbour."""
    home = m[vma + V_HOME]
    leaf = home_node(home)
    m[leaf + N_KEYS + home_slot(home)] = new
    if home_slot(home) == slot_at(m, leaf, 0):
        change_first_key(m, leaf, new)
    return 0


@kernel
def change_gap(m: Mem, vma: int, gap: int) -> int:
    """Store the free space below `vma`; the bounds above it are not raised. Gives the leaf."""
    home = m[vma + V_HOME]
    leaf = home >> 4
    m[leaf + N_GAPS + (home & 15)] = gap
    return leaf


@kernel
def change_vma(m: Mem, vma: int, new: int) -> int:
    """Let `new` stand where `vma` does."""
    home = m[vma + V_HOME]
    m[home_node(home) + N_REFS + home_slot(home)] = new
    m[new + V_HOME] = home
    return 0


@kernel
def greatest_gap(m: Mem, node: int) -> int:
    """The greatest entry of the gap column of `node`."""
    best = 0
    for i in range(node + N_GAPS, node + N_GAPS + FAN):
        best = max(best, m[i])
    return best


@kernel
def node_new(m: Mem, level: int) -> int:
    """A node without entries; 0: the arena is full."""
    node = kalloc(m, N_WORDS)
    if node != 0:
        m[node + N_LEVEL] = level
        m[node + N_ORDER] = IN_LINE
        for i in range(node + N_KEYS, node + N_KEYS + RANK_WIDTH):
            m[i] = NO_KEY
    return node


@kernel
def put_entry(m: Mem, node: int, at: int, key: int, ref: int, gap: int) -> int:
    """Put an entry at place `at` of a node that has room."""
    count = m[node + N_COUNT]
    order = m[node + N_ORDER]
    here = at << 2
    last = count << 2
    slot = (order >> last) & 15
    behind = (1 << last) - (1 << here)  # entries that go on by a place
    m[node + N_ORDER] = wrap(order & ~(behind | 15 << last) | (order & behind) << 4 | slot << here)
    m[node + N_KEYS + slot] = key
    m[node + N_REFS + slot] = ref
    m[node + N_GAPS + slot] = gap
    m[node + N_COUNT] = count + 1
    m[ref + (V_HOME if m[node + N_LEVEL] == 0 else N_HOME)] = home_in(node, slot)
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
    word = V_HOME if m[node + N_LEVEL] == 0 else N_HOME
    for i in range(FAN - keep):
        slot = slot_at(m, node, keep + i)
        ref = m[node + N_REFS + slot]
        m[right + N_KEYS + i] = m[node + N_KEYS + slot]
        m[right + N_REFS + i] = ref
        m[right + N_GAPS + i] = m[node + N_GAPS + slot]
        m[node + N_KEYS + slot] = NO_KEY
        m[node + N_GAPS + slot] = 0
        m[ref + word] = home_in(right, i)
    m[right + N_COUNT] = FAN - keep
    m[right + N_BOUND] = m[node + N_BOUND]
    m[node + N_COUNT] = keep
    return right


@kernel
def _grow_root(m: Mem, mm: int, node: int) -> int:
    """Put a new root above `node`, the root so far; 0, or -1 if the arena is full."""
    root = node_new(m, m[node + N_LEVEL] + 1)
    if root == 0:
        return -1
    m[root + N_COUNT] = 1
    m[root + N_KEYS] = first_key(m, node)
    m[root + N_REFS] = node
    m[root + N_GAPS] = m[node + N_BOUND]
    m[root + N_BOUND] = m[node + N_BOUND]
    m[node + N_HOME] = home_in(root, 0)
    m[mm + MM_SET] = root
    return 0


@kernel
def insert_entry(m: Mem, mm: int, leaf: int, at: int, key: int, ref: int, gap: int) -> int:
    """Insert an entry at place `at` of `leaf`, splitting upwards as needed; 0, or -1: arena full."""
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
        if room == 0 and m[node + N_HOME] == 0 and _grow_root(m, mm, node) < 0:
            return -1
        if at == 0:
            change_first_key(m, node, key)
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
        key = first_key(m, right)
        ref = right
        gap = greatest_gap(m, right)
        m[right + N_BOUND] = gap
        home = m[node + N_HOME]
        node = home_node(home)
        at = place_at(m, home) + 1


@kernel
def _forget(m: Mem, mm: int, node: int) -> int:
    """Nothing is to be looked for in `node` any more, see vmaset.look_ahead."""
    if m[mm + MM_LEAF] == node:
        m[mm + MM_LEAF] = 0
    if m[mm + MM_LEAF_2] == node:
        m[mm + MM_LEAF_2] = 0
    if m[mm + MM_LEAF_3] == node:
        m[mm + MM_LEAF_3] = 0
    return 0


@kernel
def _drop_entry(m: Mem, node: int, at: int) -> int:
    """Take the entry at place `at` out of `node`; how many are left."""
    count = m[node + N_COUNT] - 1
    order = m[node + N_ORDER]
    here = at << 2
    last = count << 2
    slot = (order >> here) & 15
    behind = (1 << last) - (1 << here)  # where the entries behind it go
    m[node + N_ORDER] = wrap(order & ~(behind | 15 << last) | order >> 4 & behind | slot << last)
    m[node + N_KEYS + slot] = NO_KEY
    m[node + N_GAPS + slot] = 0
    m[node + N_COUNT] = count
    return count


@kernel
def remove_entry(m: Mem, mm: int, home: int) -> int:
    """Take the entry at `home` out of its leaf; empty nodes go, an only child becomes root."""
    leaf = home_node(home)
    at = place_in(m[leaf + N_ORDER], home & 15)
    if at == 0:
        return _remove_first(m, mm, leaf)
    _drop_entry(m, leaf, at)
    return 0


@apart
def _remove_first(m: Mem, mm: int, leaf: int) -> int:
    """`remove_entry` of the first entry of `leaf`, which may be its last."""
    node = leaf
    at = 0
    while True:
        count = _drop_entry(m, node, at)
        if count > 0:
            if at == 0:
                change_first_key(m, node, first_key(m, node))
            break
        home = m[node + N_HOME]
        _forget(m, mm, node)
        kfree(m, node, N_WORDS)
        if home == 0:
            m[mm + MM_SET] = 0
            return 0
        node = home_node(home)
        at = place_at(m, home)
    root = m[mm + MM_SET]
    while m[root + N_LEVEL] > 0 and m[root + N_COUNT] == 1:
        child = m[root + N_REFS + slot_at(m, root, 0)]
        kfree(m, root, N_WORDS)
        m[child + N_HOME] = 0
        m[mm + MM_SET] = child
        root = child
    return 0
