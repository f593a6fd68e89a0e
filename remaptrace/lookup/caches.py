"""The caches in front of the red-black tree: one entry for the mm, four for each thread.

`OneEntry` is mmap_cache of 2.6 (mm/mmap.c): the last answer, also when it lies above the address;
it hits only if the address is inside. Unmapping anything clears it. `PerThread` is the vmacache
of 3.15 to 6.0 (mm/vmacache.c): four slots chosen by the page number, all dropped when the mm
loses a VMA.
"""

from __future__ import annotations

SLOTS = 4
_Area = tuple[int, int]  # first byte, byte behind


class OneEntry:
    """mmap_cache: `holds` before the walk, `keep` with its answer, `drop` on unmapping."""

    def __init__(self) -> None:
        self._area: _Area | None = None

    def holds(self, addr: int, tid: int) -> bool:
        """Whether the lookup ends here."""
        return self._area is not None and self._area[0] <= addr < self._area[1]

    def keep(self, addr: int, tid: int, area: _Area | None) -> None:
        """Store the answer of the walk; no answer leaves what was there."""
        if area is not None:
            self._area = area

    def drop(self) -> None:
        """A VMA went away."""
        self._area = None

    def moved(self, old: _Area, new: _Area) -> None:
        """The boundaries of a VMA moved; a cached pointer sees the new ones."""
        if self._area == old:
            self._area = new


class PerThread:
    """vmacache: four slots a thread, valid as long as the mm's sequence number stands."""

    def __init__(self) -> None:
        self._slots: dict[int, list[_Area | None]] = {}

    def holds(self, addr: int, tid: int) -> bool:
        """Whether any of the thread's slots has the address."""
        return any(a is not None and a[0] <= addr < a[1] for a in self._slots.get(tid, ()))

    def keep(self, addr: int, tid: int, area: _Area | None) -> None:
        """Store the answer in the slot of the address's page number."""
        if area is not None:
            slots = self._slots.setdefault(tid, [None] * SLOTS)
            slots[(addr >> 12) % SLOTS] = area

    def drop(self) -> None:
        """A VMA went away: the sequence number moves on, every slot is void."""
        self._slots.clear()

    def moved(self, old: _Area, new: _Area) -> None:
        """The boundaries of a VMA moved; cached pointers see the new ones."""
        for slots in self._slots.values():
            for i, area in enumerate(slots):
                if area == old:
                    slots[i] = new
