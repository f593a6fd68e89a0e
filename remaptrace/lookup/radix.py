"""A radix tree of 64-way nodes over page numbers (lib/radix-tree.c), as the 2006 series proposed.

A VMA is stored at the number of its last page; find_vma is then "the first entry at or above the
page", as radix_tree_gang_lookup finds it. The height grows with the highest index and shrinks
when the root has only its first slot (2.6.21: radix_tree_extend, radix_tree_shrink).
"""

from __future__ import annotations

from .rbtree import Touched
from .slab import Slab, lines

SHIFT = 6
FANOUT = 1 << SHIFT
NODE_SIZE = 552  # bytes, 64-bit (linux-2.6.21 7.2)
_HEAD = (0, 8)  # height and count
_SLOTS = 24  # offset of the first slot


class _Node:
    __slots__ = ("address", "slots")

    def __init__(self, address: int) -> None:
        self.address = address
        self.slots: dict[int, _Node | int] = {}


class RadixTree:
    """VMAs by last page. Every operation takes O(height), at most 6 levels for 47-bit addresses."""

    def __init__(self) -> None:
        self.slab = Slab(NODE_SIZE)
        self.root: _Node | None = None
        self.height = 0
        self._end_of: dict[int, int] = {}

    def insert(self, start: int, end: int) -> None:
        """Store the VMA [start, end)."""
        index = (end - 1) >> 12
        self._end_of[start] = end
        if self.root is None:
            self.root, self.height = self._new(), 1
        while index >> (SHIFT * self.height):
            top = self._new()
            top.slots[0] = self.root
            self.root = top
            self.height += 1
        node = self.root
        for level in range(self.height - 1, 0, -1):
            slot = (index >> (SHIFT * level)) % FANOUT
            below = node.slots.get(slot)
            if not isinstance(below, _Node):
                below = node.slots[slot] = self._new()
            node = below
        node.slots[index % FANOUT] = start

    def remove(self, start: int) -> None:
        """Delete the VMA that starts at `start`; nodes left empty are freed."""
        index = (self._end_of.pop(start) - 1) >> 12
        path: list[tuple[_Node, int]] = []
        node = self.root
        for level in range(self.height - 1, -1, -1):
            assert node is not None
            slot = (index >> (SHIFT * level)) % FANOUT
            path.append((node, slot))
            below = node.slots[slot]
            node = below if isinstance(below, _Node) else None
        for node, slot in reversed(path):
            del node.slots[slot]
            if node.slots:
                break
            self.slab.free(node.address)
            if node is self.root:
                self.root, self.height = None, 0
        self._shrink()

    def set_bounds(self, old_start: int, start: int, end: int) -> None:
        """Move boundaries: a new last page is another index."""
        if self._end_of[old_start] == end:
            index = (end - 1) >> 12
            node = self.root
            for level in range(self.height - 1, 0, -1):
                assert node is not None
                below = node.slots[(index >> (SHIFT * level)) % FANOUT]
                node = below if isinstance(below, _Node) else None
            assert node is not None
            node.slots[index % FANOUT] = start
            self._end_of[start] = self._end_of.pop(old_start)
        else:
            self.remove(old_start)
            self.insert(start, end)

    def find(self, addr: int) -> Touched:
        """The lowest VMA with end > addr; `found` is its first byte."""
        index, nodes = addr >> 12, 0
        seen: set[int] = set()
        while self.root is not None and not index >> (SHIFT * self.height):
            node, level = self.root, self.height - 1
            while True:
                nodes += 1
                slot = (index >> (SHIFT * level)) % FANOUT
                at = next((s for s in range(slot, FANOUT) if s in node.slots), FANOUT)
                seen |= lines(node.address, _HEAD, (_SLOTS + 8 * slot, _SLOTS + 8 * min(at + 1, FANOUT)))
                if at == FANOUT:  # nothing here: on behind this node, from the root again
                    index = ((index >> (SHIFT * (level + 1))) + 1) << (SHIFT * (level + 1))
                    break
                if at != slot:
                    index = ((index >> (SHIFT * level)) + at - slot) << (SHIFT * level)
                below = node.slots[at]
                if not isinstance(below, _Node):
                    return Touched(below, nodes, len(seen))
                node, level = below, level - 1
        return Touched(None, nodes, len(seen))

    def __len__(self) -> int:
        return len(self._end_of)

    @property
    def bytes(self) -> int:
        """Bytes of all nodes."""
        return self.slab.bytes

    def _new(self) -> _Node:
        return _Node(self.slab.allocate())

    def _shrink(self) -> None:
        while self.root is not None and self.height > 1 and set(self.root.slots) == {0}:
            below = self.root.slots[0]
            assert isinstance(below, _Node)
            self.slab.free(self.root.address)
            self.root = below
            self.height -= 1
