"""A plain copy of the areas of one address space, and what an event changed in a part of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from ..lateclasses import dataclass

Area = tuple[int, int]
"""First byte, byte behind."""


@dataclass(frozen=True)
class Change:
    """`old` None: a new area; `new` None: one that went; both: its boundaries moved."""

    old: Area | None
    new: Area | None


class Areas:
    """Areas by address. `update` takes time for the areas near the range only."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return len(self._starts)

    def areas(self) -> list[Area]:
        """All of them, by address."""
        return list(zip(self._starts, self._ends, strict=True))

    def at_or_above(self, addr: int) -> Area | None:
        """The lowest area that ends above `addr`, as find_vma answers."""
        i = bisect_right(self._ends, addr)
        return (self._starts[i], self._ends[i]) if i < len(self._starts) else None

    def overlapping(self, low: int, high: int) -> list[Area]:
        """Those that overlap [low, high), by address."""
        first, last = bisect_right(self._ends, low), bisect_left(self._starts, high)
        return list(zip(self._starts[first:last], self._ends[first:last], strict=True))

    def update(self, low: int, high: int, now: Iterable[Area]) -> list[Change]:
        """Replace the areas that overlap [low, high) by `now`; the changes, removals first."""
        first, last = bisect_right(self._ends, low), bisect_left(self._starts, high)
        before = list(zip(self._starts[first:last], self._ends[first:last], strict=True))
        behind = list(now)
        if before == behind:
            return []
        self._starts[first:last] = [start for start, _ in behind]
        self._ends[first:last] = [end for _, end in behind]
        return _changes(before, behind)


def _changes(before: list[Area], behind: list[Area]) -> list[Change]:
    """What makes `behind` of `before`: kept starts and kept ends are boundaries that moved."""
    gone = [a for a in before if a not in set(behind)]
    new = [a for a in behind if a not in set(before)]
    by_start, by_end = {a[0]: a for a in new}, {a[1]: a for a in new}
    removed: list[Change] = []
    moved: list[Change] = []
    for area in gone:
        match = by_start.get(area[0]) or by_end.get(area[1])
        if match is None:
            removed.append(Change(area, None))
            continue
        by_start.pop(match[0], None)
        by_end.pop(match[1], None)
        moved.append(Change(area, match))
    # Shrinking before growing, so that no structure ever holds two areas that overlap.
    moved.sort(key=lambda c: c.new[1] - c.new[0] - c.old[1] + c.old[0] if c.old and c.new else 0)
    return [*removed, *moved, *(Change(None, a) for a in sorted(by_start.values()))]
