"""Addresses of kernel objects, so that cache lines can be counted.

Objects of one size are cut from 4096-byte slabs without cache-line alignment (kernel/fork.c,
proc_caches_init, 2.6.21); a freed object is the next one given out.
"""

from __future__ import annotations

CACHE_LINE = 64
SLAB = 4096


class Slab:
    """A cache of objects of `size` bytes. `allocate` and `free` take constant time."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._per_slab = SLAB // size
        self._free: list[int] = []
        self._cut = 0
        self.live = 0

    def allocate(self) -> int:
        """The address of a fresh object."""
        self.live += 1
        if self._free:
            return self._free.pop()
        slab, place = divmod(self._cut, self._per_slab)
        self._cut += 1
        return slab * SLAB + place * self.size

    def free(self, address: int) -> None:
        """Give an object back."""
        self.live -= 1
        self._free.append(address)

    @property
    def bytes(self) -> int:
        """Bytes of live objects."""
        return self.live * self.size


def lines(address: int, *spans: tuple[int, int]) -> set[int]:
    """The cache lines of the byte spans (first, behind last) of an object at `address`."""
    touched: set[int] = set()
    for first, behind in spans:
        touched.update(range((address + first) // CACHE_LINE, (address + behind - 1) // CACHE_LINE + 1))
    return touched
