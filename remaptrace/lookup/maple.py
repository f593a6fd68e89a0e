"""The maple tree of VMAs of Linux 6.1 on (lib/maple_tree.c), as far as shape and lookups go.

Leaves hold up to 16 ranges, gaps included; inner nodes up to 10 children, because they also keep
gap sizes. A node that overflows first pushes entries to a sibling and only then splits; one that
falls below its minimum is rebalanced with a sibling (mas_push_data, mas_split, mas_rebalance).
Nodes are 256 bytes. Not simulated: the bulk build of fork, which packs nodes tighter.
"""

from __future__ import annotations

from bisect import bisect_left

from .rbtree import Touched
from .slab import Slab, lines

NODE_SIZE = 256
LEAF_SLOTS, INNER_SLOTS = 16, 10
LEAF_MIN, INNER_MIN = 6, 4
LIMIT = (1 << 64) - 1

_PIVOTS = 8  # offset of the first pivot, behind the parent pointer
_LEAF_SLOT_AT = 8 + 15 * 8
_INNER_SLOT_AT = 8 + 9 * 8


class _Node:
    """A leaf (slots: first byte of a VMA, or None for a gap) or an inner node (slots: nodes)."""

    __slots__ = ("address", "last", "leaf", "parent", "slots")

    def __init__(self, address: int, leaf: bool) -> None:
        self.address = address
        self.leaf = leaf
        self.parent: _Node | None = None
        self.last: list[int] = []  # the last byte of each slot's range
        self.slots: list[_Node | int | None] = []

    @property
    def capacity(self) -> int:
        return LEAF_SLOTS if self.leaf else INNER_SLOTS

    @property
    def minimum(self) -> int:
        return LEAF_MIN if self.leaf else INNER_MIN


class MapleTree:
    """VMAs as ranges. Every operation takes O(log n)."""

    def __init__(self) -> None:
        self.slab = Slab(NODE_SIZE)
        self.root = self._new(leaf=True)
        self.root.last, self.root.slots = [LIMIT], [None]
        self._end_of: dict[int, int] = {}

    # ---- the set

    def insert(self, start: int, end: int) -> None:
        """Store the VMA [start, end) over a gap."""
        self._end_of[start] = end
        self._store(start, end - 1, start)

    def remove(self, start: int) -> None:
        """Store a gap over the VMA that starts at `start`."""
        self._store(start, self._end_of.pop(start) - 1, None)

    def set_bounds(self, old_start: int, start: int, end: int) -> None:
        """Move the boundaries of a VMA: what it leaves becomes a gap."""
        old_end = self._end_of.pop(old_start)
        if old_start < start:
            self._store(old_start, min(start, old_end) - 1, None)
        if end < old_end:
            self._store(max(end, old_start), old_end - 1, None)
        self._end_of[start] = end
        self._store(start, end - 1, start)

    def find(self, addr: int) -> Touched:
        """mt_find from `addr`: the first VMA with end > addr; `found` is its first byte."""
        node, nodes = self.root, 0
        seen: set[int] = set()
        while True:
            nodes += 1
            at = bisect_left(node.last, addr)
            slot_at = _LEAF_SLOT_AT if node.leaf else _INNER_SLOT_AT
            seen |= lines(
                node.address,
                (0, 8),
                (_PIVOTS, _PIVOTS + 8 * (at + 1)),
                (slot_at + 8 * at, slot_at + 8 * at + 8),
            )
            below = node.slots[at]
            if isinstance(below, _Node):
                node = below
                continue
            while below is None:  # a gap: on to the next range, in this leaf or behind it
                if at + 1 < len(node.slots):
                    at += 1
                    seen |= lines(node.address, (slot_at + 8 * at, slot_at + 8 * at + 8))
                else:
                    following = self._next_leaf(node)
                    if following is None:
                        return Touched(None, nodes, len(seen))
                    node, at = following, 0
                    nodes += 1
                    seen |= lines(node.address, (0, 16), (slot_at, slot_at + 8))
                below = node.slots[at]
            assert isinstance(below, int)
            return Touched(below, nodes, len(seen))

    def __len__(self) -> int:
        return len(self._end_of)

    @property
    def bytes(self) -> int:
        """Bytes of all nodes."""
        return self.slab.bytes

    # ---- nodes

    def _new(self, *, leaf: bool) -> _Node:
        return _Node(self.slab.allocate(), leaf)

    def _next_leaf(self, node: _Node) -> _Node | None:
        while node.parent is not None:
            at = node.parent.slots.index(node) + 1
            if at < len(node.parent.slots):
                below = node.parent.slots[at]
                while isinstance(below, _Node) and not below.leaf:
                    below = below.slots[0]
                assert isinstance(below, _Node)
                return below
            node = node.parent
        return None

    def _leaf(self, addr: int) -> _Node:
        node = self.root
        while not node.leaf:
            below = node.slots[bisect_left(node.last, addr)]
            assert isinstance(below, _Node)
            node = below
        return node

    def _store(self, first: int, last: int, value: int | None) -> None:
        """Write `value` over [first, last]; a range that leaves its leaf is written leaf by leaf."""
        while first <= last:
            leaf = self._leaf(first)
            part = min(last, leaf.last[-1])
            # a VMA is one entry: its part in an earlier leaf becomes a gap
            self._write(leaf, first, part, value if part == last else None)
            first = part + 1

    def _write(self, leaf: _Node, first: int, last: int, value: int | None) -> None:
        lower = bisect_left(leaf.last, first)
        upper = bisect_left(leaf.last, last)
        begin = leaf.last[lower - 1] + 1 if lower else None
        new_last: list[int] = []
        new_slots: list[_Node | int | None] = []
        if first != begin and (begin is not None or first != self._first(leaf)):
            new_last.append(first - 1)
            new_slots.append(leaf.slots[lower])
        new_last.append(last)
        new_slots.append(value)
        if leaf.last[upper] != last:
            new_last.append(leaf.last[upper])
            new_slots.append(leaf.slots[upper])
        leaf.last[lower : upper + 1] = new_last
        leaf.slots[lower : upper + 1] = new_slots
        self._join_gaps(leaf)
        self._settle(leaf)

    def _first(self, leaf: _Node) -> int:
        """The first byte of a leaf's range."""
        node = leaf
        while node.parent is not None:
            at = node.parent.slots.index(node)
            if at:
                return node.parent.last[at - 1] + 1
            node = node.parent
        return 0

    @staticmethod
    def _join_gaps(leaf: _Node) -> None:
        at = 1
        while at < len(leaf.slots):
            if leaf.slots[at] is None and leaf.slots[at - 1] is None:
                del leaf.slots[at], leaf.last[at - 1]
            else:
                at += 1

    def _settle(self, node: _Node) -> None:
        """Bring `node` and those above it back within their limits."""
        current: _Node | None = node
        while current is not None:
            parent = current.parent
            if len(current.slots) > current.capacity:
                self._overflow(current)
            elif parent is not None and len(current.slots) < current.minimum:
                self._rebalance(current)
            elif parent is None and not current.leaf and len(current.slots) == 1:
                below = current.slots[0]
                assert isinstance(below, _Node)
                self.slab.free(current.address)
                below.parent = None
                self.root = below
            current = parent

    def _overflow(self, node: _Node) -> None:
        parent = node.parent
        if parent is not None:
            at = parent.slots.index(node)
            for beside in (at - 1, at + 1):
                if 0 <= beside < len(parent.slots):
                    sibling = parent.slots[beside]
                    assert isinstance(sibling, _Node)
                    if len(sibling.slots) + len(node.slots) < 2 * node.capacity - 2:
                        self._spread(parent, min(at, beside))
                        return
        right = self._new(leaf=node.leaf)
        middle = len(node.slots) // 2
        right.last, right.slots = node.last[middle:], node.slots[middle:]
        del node.last[middle:], node.slots[middle:]
        self._adopt(right)
        if parent is None:
            parent = self._new(leaf=False)
            parent.last, parent.slots = [right.last[-1]], [node]
            node.parent = parent
            self.root = parent
        at = parent.slots.index(node)
        parent.last[at : at + 1] = [node.last[-1], right.last[-1]]
        parent.slots.insert(at + 1, right)
        right.parent = parent
        if len(parent.slots) == 2 and parent is self.root:
            return
        self._settle(parent)

    def _rebalance(self, node: _Node) -> None:
        parent = node.parent
        assert parent is not None
        if len(parent.slots) == 1:
            return
        at = parent.slots.index(node)
        left_at = at if at + 1 < len(parent.slots) else at - 1
        left, right = parent.slots[left_at], parent.slots[left_at + 1]
        assert isinstance(left, _Node)
        assert isinstance(right, _Node)
        if len(left.slots) + len(right.slots) < left.capacity:
            left.last += right.last
            left.slots += right.slots
            self._adopt(left)
            if left.leaf:
                self._join_gaps(left)
            del parent.slots[left_at + 1], parent.last[left_at]
            self.slab.free(right.address)
        else:
            self._spread(parent, left_at)

    def _spread(self, parent: _Node, left_at: int) -> None:
        """Give two neighbours equal shares of what they hold."""
        left, right = parent.slots[left_at], parent.slots[left_at + 1]
        assert isinstance(left, _Node)
        assert isinstance(right, _Node)
        last, slots = left.last + right.last, left.slots + right.slots
        middle = len(slots) // 2
        left.last, left.slots = last[:middle], slots[:middle]
        right.last, right.slots = last[middle:], slots[middle:]
        self._adopt(left)
        self._adopt(right)
        parent.last[left_at] = left.last[-1]

    @staticmethod
    def _adopt(node: _Node) -> None:
        for below in node.slots:
            if isinstance(below, _Node):
                below.parent = node
