"""Every change of areas of a replay, as columns: any event can be shown without replaying.

A row says what begins at an address behind an event: an area with all its words, or none (`end` 0). What an address
space looks like behind event N is, for each address, its last row up to N. Rows are in the order of events; of one
event, address space and address there is one row, and none that repeats the one before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..lateclasses import dataclass, field
from .arearow import AreaWords, Layout, Shown, area_row
from .result import VmaRow

Ints = npt.NDArray[np.int64]
NEVER = np.iinfo(np.int64).max
"""End of a life that lasts to the end of the replay."""


@dataclass(frozen=True)
class Kind:
    """What many areas have in common: everything but place, time, page offset and anon_vma."""

    flags: int
    fork_child: bool
    assumed: bool
    special: int
    attributes: tuple[int, ...]  # as abi.attributes has them
    opened: int
    inode: int
    file: str


@dataclass(frozen=True)
class Lives:
    """Areas with how long each was as it was: from event `first` on, up to but not with event `until`."""

    row: Ints  # rows of the log
    first: Ints
    until: Ints  # NEVER: to the end


@dataclass(frozen=True, repr=False)
class Changes:
    """The log of one replay. `start` and `end` in bytes, `pgoff` in pages; `kind` is a row of `kinds`."""

    event: Ints
    space: Ints  # identity of the address space
    start: Ints
    end: Ints  # 0: no area begins here now
    pgoff: Ints
    anon_vma: Ints
    born: Ints
    kind: Ints
    kinds: tuple[Kind, ...]
    tasks: Ints  # rows (event, row of the task in the trace, address space or 0), by event
    layouts: Ints  # rows (event, address space, start_brk, brk, stack), by event
    gone: dict[int, int]  # address space -> the event that ended it
    shown: Shown
    strings: Sequence[str]
    _order: dict[int, Ints] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.event)

    def __repr__(self) -> str:
        return f"Changes({len(self):,} rows of {len(self.spaces())} address spaces)"

    def spaces(self) -> list[int]:
        """Every address space that a task ever had, in the order of appearance."""
        return list(dict.fromkeys(int(s) for s in self.tasks[:, 2] if s))

    def space_at(self, event: int, task: int) -> int:
        """The address space of the trace's task `task` behind `event`; 0: none."""
        rows = self.tasks[(self.tasks[:, 1] == task) & (self.tasks[:, 0] <= event)]
        return int(rows[-1, 2]) if len(rows) else 0

    def layout_at(self, event: int, space: int) -> Layout:
        """Where heap and stack of `space` are behind `event`."""
        rows = self.layouts[(self.layouts[:, 1] == space) & (self.layouts[:, 0] <= event)]
        return Layout(*map(int, rows[-1, 2:])) if len(rows) else Layout()

    def rows_of(self, space: int) -> Ints:
        """The rows of `space`, by event."""
        if space not in self._order:
            self._order[space] = np.flatnonzero(self.space == space)
        return self._order[space]

    def alive(self, event: int, space: int) -> Ints:
        """Rows of the areas that `space` has behind `event`, by address."""
        if self.gone.get(space, NEVER) <= event:
            return np.zeros(0, dtype=np.int64)
        rows = self.rows_of(space)
        rows = rows[: int(np.searchsorted(self.event[rows], event, side="right"))][::-1]
        _, last = np.unique(self.start[rows], return_index=True)
        found = rows[last]
        there: Ints = found[self.end[found] != 0]
        return there

    def lives(self, space: int) -> Lives:
        """Every area of `space` with the time in which it was so, by `first`."""
        rows = self.rows_of(space)
        order = np.lexsort((rows, self.start[rows]))
        ordered = rows[order]
        until = np.full(len(rows), NEVER, dtype=np.int64)
        same = self.start[ordered[:-1]] == self.start[ordered[1:]]
        until[:-1][same] = self.event[ordered[1:]][same]
        until = np.minimum(until, self.gone.get(space, NEVER))
        back = np.empty(len(rows), dtype=np.int64)
        back[order] = np.arange(len(rows))
        kept = (self.end[rows] != 0) & (until[back] > self.event[rows])
        return Lives(rows[kept], self.event[rows][kept], until[back][kept])

    def row(self, number: int, layout: Layout) -> VmaRow:
        """Row `number` as /proc would show its area."""
        kind = self.kinds[int(self.kind[number])]
        words = AreaWords(
            start=int(self.start[number]),
            end=int(self.end[number]),
            pgoff=int(self.pgoff[number]),
            anon_vma=int(self.anon_vma[number]),
            born=int(self.born[number]),
            **vars(kind),
        )
        return area_row(words, layout, self.shown, self.strings)

    def areas_at(self, event: int, task: int) -> tuple[VmaRow, ...] | None:
        """The areas that the trace's task `task` has behind `event`, by address; None: it has no address space."""
        space = self.space_at(event, task)
        if not space:
            return None
        layout = self.layout_at(event, space)
        return tuple(self.row(int(number), layout) for number in self.alive(event, space))

    def at_event(self, event: int) -> Ints:
        """The rows of `event`, of all address spaces."""
        low, high = np.searchsorted(self.event, [event, event + 1])
        return np.arange(low, high)
