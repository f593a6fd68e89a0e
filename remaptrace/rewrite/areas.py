"""The areas of one address space as a recording tells them: a sorted list of ranges.

This is not the simulated kernel: nothing merges, nothing is refused. It knows for every mapped byte
what was asked for last, which is what a rewriting pass must know.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from copy import copy
from typing import Any


class Area:
    """A range [start, end) in bytes with what was asked for it."""

    __slots__ = ("born", "end", "flags", "mark", "offset", "prot", "shared", "start", "token")

    def __init__(
        self,
        start: int,
        end: int,
        prot: int,
        *,
        flags: int = 0,
        token: int = 0,
        offset: int = 0,
        born: int = 0,
    ) -> None:
        self.start, self.end, self.prot = start, end, prot
        self.flags = flags  # of mmap
        self.shared = bool(flags & 1)
        self.token = token  # the open file, 0: none
        self.offset = offset  # bytes in the file, or the first address for anonymous memory
        self.born = born  # event
        self.mark: Any = None  # what a pass keeps about it

    @property
    def private_anonymous(self) -> bool:
        """True for memory without a file that only this process sees."""
        return not self.token and not self.shared

    def __repr__(self) -> str:
        return f"Area({self.start:#x}-{self.end:#x} {self.prot} token={self.token} mark={self.mark})"


class Areas:
    """Areas of an address space: disjoint, sorted. Cutting is O(log n) and a list insertion."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.list: list[Area] = []

    def __iter__(self) -> Iterator[Area]:
        return iter(self.list)

    def __len__(self) -> int:
        return len(self.list)

    def copy(self) -> Areas:
        """The areas of a forked child."""
        child = Areas()
        child.starts = self.starts.copy()
        child.list = [copy(a) for a in self.list]
        return child

    def at(self, addr: int) -> Area | None:
        """The area that holds `addr`."""
        i = bisect_right(self.starts, addr) - 1
        return self.list[i] if i >= 0 and addr < self.list[i].end else None

    def overlapping(self, start: int, end: int) -> list[Area]:
        """The areas with a byte in [start, end), as they are."""
        first = bisect_right(self.starts, start) - 1
        if first < 0 or self.list[first].end <= start:
            first += 1
        return self.list[first : bisect_left(self.starts, end)]

    def cut(self, start: int, end: int) -> list[Area]:
        """The areas inside [start, end), after splitting those that reach beyond."""
        if end <= start:
            return []
        self._split(start)
        self._split(end)
        return self.list[bisect_left(self.starts, start) : bisect_left(self.starts, end)]

    def _split(self, addr: int) -> None:
        i = bisect_right(self.starts, addr) - 1
        if i < 0 or not self.list[i].start < addr < self.list[i].end:
            return
        upper = copy(self.list[i])
        upper.offset += addr - upper.start
        upper.start = addr
        self.list[i].end = addr
        self.list.insert(i + 1, upper)
        self.starts.insert(i + 1, addr)

    def remove(self, start: int, end: int) -> list[Area]:
        """Take out what lies in [start, end); the pieces taken."""
        gone = self.cut(start, end)
        if gone:
            first = bisect_left(self.starts, gone[0].start)
            del self.list[first : first + len(gone)]
            del self.starts[first : first + len(gone)]
        return gone

    def insert(self, area: Area) -> list[Area]:
        """Put `area` in, over whatever was there; the pieces it replaced."""
        gone = self.remove(area.start, area.end)
        i = bisect_left(self.starts, area.start)
        self.starts.insert(i, area.start)
        self.list.insert(i, area)
        return gone

    def covered_from(self, start: int, end: int) -> int:
        """Where the first hole in [start, end) begins; `end` if there is none."""
        for area in self.overlapping(start, end):
            if area.start > start:
                return start
            start = area.end
        return min(start, end) if start >= end else start
