"""The red-black tree of VMAs of Linux up to 6.0 (lib/rbtree.c, mm/mmap.c find_vma).

Nodes are embedded in the VMAs: a step of the walk reads vm_start, vm_end and one child pointer of
a vm_area_struct. Insertion and erasure rebalance exactly as the kernel does, so the shape of the
tree after any history is the kernel's.
"""

from __future__ import annotations

from .slab import Slab, lines

RED, BLACK = 0, 1
_NIL = -1

VMA_SIZE = 168  # bytes of vm_area_struct, 64-bit without NUMA (linux-2.6.21 7.2)
_FIELDS = ((8, 24), (48, 72))  # vm_start, vm_end; vm_rb


class Touched:
    """What one lookup cost: nodes visited and distinct cache lines."""

    __slots__ = ("found", "lines", "nodes")

    def __init__(self, found: int | None, nodes: int, lines_: int) -> None:
        self.found = found
        self.nodes = nodes
        self.lines = lines_


class RedBlackTree:
    """VMAs by address. Keys are first bytes; every operation takes O(log n)."""

    def __init__(self) -> None:
        self.root = _NIL
        self.left: list[int] = []
        self.right: list[int] = []
        self.parent: list[int] = []
        self.color: list[int] = []
        self.start: list[int] = []
        self.end: list[int] = []
        self.address: list[int] = []
        self._spare: list[int] = []
        self._node_of: dict[int, int] = {}
        self.slab = Slab(VMA_SIZE)

    # ---- the set

    def insert(self, start: int, end: int) -> None:
        """Link a VMA [start, end) and rebalance (vma_link, rb_insert_color)."""
        node = self._new(start, end)
        parent, at = _NIL, self.root
        while at != _NIL:
            parent = at
            at = self.left[at] if self.end[at] > start else self.right[at]
        self.parent[node] = parent
        if parent == _NIL:
            self.root = node
        elif self.end[parent] > start:
            self.left[parent] = node
        else:
            self.right[parent] = node
        self._insert_color(node)

    def remove(self, start: int) -> None:
        """Unlink the VMA that starts at `start` (rb_erase)."""
        node = self._node_of.pop(start)
        self._erase(node)
        self.slab.free(self.address[node])
        self._spare.append(node)

    def set_bounds(self, old_start: int, start: int, end: int) -> None:
        """Move the boundaries of a VMA in place: the tree keeps its shape (vma_adjust)."""
        node = self._node_of.pop(old_start)
        self._node_of[start] = node
        self.start[node], self.end[node] = start, end

    def find(self, addr: int) -> Touched:
        """find_vma without its cache: the lowest VMA with end > addr; `found` is its first byte."""
        at, found, nodes = self.root, None, 0
        seen: set[int] = set()
        while at != _NIL:
            nodes += 1
            seen |= lines(self.address[at], *_FIELDS)
            if self.end[at] > addr:
                found = self.start[at]
                if self.start[at] <= addr:
                    break
                at = self.left[at]
            else:
                at = self.right[at]
        return Touched(found, nodes, len(seen))

    def __len__(self) -> int:
        return len(self._node_of)

    @property
    def bytes(self) -> int:
        """Bytes of the structure: the rb_node of each VMA (three words)."""
        return 24 * len(self)

    # ---- nodes

    def _new(self, start: int, end: int) -> int:
        if self._spare:
            node = self._spare.pop()
        else:
            node = len(self.start)
            for column in (
                self.left,
                self.right,
                self.parent,
                self.color,
                self.start,
                self.end,
                self.address,
            ):
                column.append(0)
        self.left[node] = self.right[node] = self.parent[node] = _NIL
        self.color[node] = RED
        self.start[node], self.end[node] = start, end
        self.address[node] = self.slab.allocate()
        self._node_of[start] = node
        return node

    def _replace(self, node: int, other: int) -> None:
        parent = self.parent[node]
        if parent == _NIL:
            self.root = other
        elif self.left[parent] == node:
            self.left[parent] = other
        else:
            self.right[parent] = other
        if other != _NIL:
            self.parent[other] = parent

    def _rotate(self, node: int, down: list[int], up: list[int]) -> None:
        """Rotate `node` towards side `down`; its child on side `up` takes its place."""
        child = up[node]
        up[node] = down[child]
        if down[child] != _NIL:
            self.parent[down[child]] = node
        self._replace(node, child)
        down[child] = node
        self.parent[node] = child

    def _sides(self, parent: int, node: int) -> tuple[list[int], list[int]]:
        """The columns (near, far) as seen from `parent`, where `node` hangs on the near side."""
        return (self.left, self.right) if self.left[parent] == node else (self.right, self.left)

    def _insert_color(self, node: int) -> None:
        parent, color = self.parent, self.color
        while parent[node] != _NIL and color[parent[node]] == RED:
            up = parent[node]
            grand = parent[up]
            near, far = self._sides(grand, up)
            uncle = far[grand]
            if uncle != _NIL and color[uncle] == RED:
                color[uncle] = color[up] = BLACK
                color[grand] = RED
                node = grand
                continue
            if far[up] == node:
                self._rotate(up, near, far)
                node, up = up, node
            color[up] = BLACK
            color[grand] = RED
            self._rotate(grand, far, near)
        color[self.root] = BLACK

    def _erase(self, node: int) -> None:
        left, right, color, parent = self.left, self.right, self.color, self.parent
        if left[node] != _NIL and right[node] != _NIL:
            heir = right[node]
            while left[heir] != _NIL:
                heir = left[heir]
            child, up, removed = right[heir], parent[heir], color[heir]
            if up == node:
                up = heir
            else:
                self._replace(heir, child)
                right[heir] = right[node]
                parent[right[heir]] = heir
            self._replace(node, heir)
            color[heir] = color[node]
            left[heir] = left[node]
            parent[left[heir]] = heir
        else:
            child = left[node] if left[node] != _NIL else right[node]
            up, removed = parent[node], color[node]
            self._replace(node, child)
        if removed == BLACK:
            self._erase_color(child, up)

    def _erase_color(self, node: int, up: int) -> None:
        color = self.color
        while (node == _NIL or color[node] == BLACK) and node != self.root:
            near, far = self._sides(up, node)
            other = far[up]
            if color[other] == RED:
                color[other] = BLACK
                color[up] = RED
                self._rotate(up, near, far)
                other = far[up]
            near_black = near[other] == _NIL or color[near[other]] == BLACK
            far_black = far[other] == _NIL or color[far[other]] == BLACK
            if near_black and far_black:
                color[other] = RED
                node, up = up, self.parent[up]
                continue
            if far_black:
                color[near[other]] = BLACK
                color[other] = RED
                self._rotate(other, far, near)
                other = far[up]
            color[other] = color[up]
            color[up] = BLACK
            color[far[other]] = BLACK
            self._rotate(up, near, far)
            node = self.root
            break
        if node != _NIL:
            color[node] = BLACK
