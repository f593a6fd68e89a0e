"""Where page-wise mappings of one file could be pages of one mapping: the windows of a trace.

The first of two passes: looks at the whole trace and says for every shared, fixed mapping of a file
which window it belongs to. Mappings of one file join a window if nothing else lies between them from
the first of them on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..abi import kinds as ev
from ..abi import mman as names
from ..lateclasses import dataclass, field
from ..trace.events import Trace, one_of, rows_where
from .areas import Area
from .follow import Follower, Space
from .row import Row, failed_rows, page_up

_FOREVER = 1 << 62
LEAST = 2  # mappings that make a window worth while


@dataclass
class Window:
    """A range of one address space that becomes one mapping of a file."""

    start: int
    end: int
    token: int
    first: int  # event of the first mapping in it
    mappings: int = 1


@dataclass
class _Life:
    """What one address space mapped, and what stood in the way, with lifetimes in events."""

    mapped: list[tuple[int, int, int, int]] = field(default_factory=list)  # start, end, event, token
    others: list[tuple[int, int, int, int, int]] = field(
        default_factory=list
    )  # start, end, born, died, token
    spoiled: list[tuple[int, int]] = field(default_factory=list)  # ranges that mremap moved
    unmaps: list[tuple[int, int, int]] = field(default_factory=list)  # start, end, event
    parent: int = 0  # number of the address space that it is a copy of
    born: int = 0
    windows: list[tuple[Window, int]] = field(default_factory=list)  # with the event that unmapped it

    def end_of(self, window: Window, since: int) -> int:
        """The event that unmaps the whole of a window that is there after event `since`."""
        for start, end, event in self.unmaps:
            if event > since and start <= window.start and window.end <= end:
                return event
        return _FOREVER


def is_page_wise(row: Row) -> bool:
    """True for a shared mapping of a file at an address that the program chose."""
    return (
        row.kind == ev.K_MMAP
        and not row.failed
        and row.a3 & names.MAP_TYPE in (names.MAP_SHARED, names.MAP_SHARED_VALIDATE)
        and bool(row.a3 & names.MAP_FIXED)
        and not row.a3 & names.MAP_ANONYMOUS
        and row.a1 > 0
    )


def page_wise_events(trace: Trace) -> npt.NDArray[np.intp]:
    """The events of a trace that are `is_page_wise`."""

    def page_wise(kinds: Any, flags: Any, sizes: Any, rets: Any, marks: Any) -> Any:
        shared = one_of(flags & names.MAP_TYPE, (names.MAP_SHARED, names.MAP_SHARED_VALIDATE))
        fixed = (flags & (names.MAP_FIXED | names.MAP_ANONYMOUS)) == names.MAP_FIXED
        return (kinds == ev.K_MMAP) & shared & fixed & (sizes > 0) & ~failed_rows(marks, rets)

    return rows_where(page_wise, *(trace.columns[name] for name in ("kind", "a3", "a1", "ret", "flags")))


class WindowFinder(Follower):
    """Follows a trace and collects what its address spaces do; `windows` then gives the answer."""

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace)
        self.lives: dict[int, _Life] = {}
        self.of_event: dict[int, tuple[int, int]] = {}  # event: space, token

    def life(self, space: Space) -> _Life:
        """The record of an address space."""
        return self.lives.setdefault(space.number, _Life())

    def step(self, event: int, row: Row) -> None:
        """Apply one event; page-wise mappings are noted and marked."""
        if row.kind == ev.K_MREMAP and not row.failed:
            space = self.space(row.task)
            self.life(space).spoiled.append((row.a0, row.a0 + page_up(max(row.a1, row.a2))))
        if row.kind == ev.K_MUNMAP and not row.failed:
            self.life(self.space(row.task)).unmaps.append((row.a0, row.a0 + page_up(row.a1), event))
        super().step(event, row)
        if row.kind in (ev.K_FORK, ev.K_FORK_STEP) and not row.failed:
            parent, child = self.space(row.task), self.space(row.a0)
            if child is not parent:
                life = self.life(child)
                life.parent, life.born = parent.number, event
        if is_page_wise(row):
            space = self.space(row.task)
            start = row.ret if row.flags & ev.EVF_HAS_RET else row.a0
            area = space.areas.at(start)
            if area is not None:
                area.mark = space.number
                token = area.token
                self.life(space).mapped.append((area.start, area.end, event, token))
                self.of_event[event] = (space.number, token)

    def removed(self, space: Space, pieces: list[Area]) -> None:
        """Note when something that is no page-wise mapping of this space ends."""
        self._note(space, pieces, self.event)

    def dropped(self, space: Space) -> None:
        """The address space ends here."""
        self._note(space, list(space.areas), self.event)
        space.areas.remove(0, _FOREVER)

    def _note(self, space: Space, pieces: list[Area], died: int) -> None:
        others = self.life(space).others
        for area in pieces:
            token = area.token if area.mark == space.number else 0
            others.append((area.start, area.end, area.born, died, token))

    def windows(self) -> dict[int, Window]:
        """For each page-wise mapping, by event, the window it belongs to."""
        for space in {s.number: s for s in self.spaces.values()}.values():
            self._note(space, list(space.areas), _FOREVER)
        found: dict[int, Window] = {}
        for number in sorted(self.lives):  # a parent before its children
            found.update(self._windows_of(self.lives[number]))
        return found

    def _windows_of(self, life: _Life) -> dict[int, Window]:
        """The windows of one address space: those it inherits, and its own beside them."""
        parent = self.lives.get(life.parent)
        inherited = [
            (window, life.end_of(window, life.born))
            for window, died in (parent.windows if parent else ())
            if window.first <= life.born < died
        ]
        found: dict[int, Window] = {}
        rest: list[tuple[int, int, int, int]] = []
        for start, end, event, token in life.mapped:
            home = next(
                (
                    w
                    for w, died in inherited
                    if w.token == token and w.start <= start and end <= w.end and event < died
                ),
                None,
            )
            if home is not None:
                found[event] = home
            else:
                rest.append((start, end, event, token))
        barred = [(w.start, w.end, 0, died, 0) for w, died in inherited]
        own = _Life(rest, life.others + barred, life.spoiled)
        for token in {m[3] for m in rest}:
            found.update(_join(own, token))
        mine = {id(w): w for w in found.values() if all(w is not i for i, _ in inherited)}.values()
        life.windows = inherited + [(w, life.end_of(w, w.first)) for w in mine]
        return found


def _join(life: _Life, token: int) -> dict[int, Window]:
    """The windows of one file in one address space, by the events of their mappings."""
    mapped = sorted(m for m in life.mapped if m[3] == token)
    others = sorted(o for o in life.others if o[4] != token)
    groups: list[tuple[Window, list[int]]] = []
    for start, end, event, _ in mapped:
        if groups:
            window, events = groups[-1]
            low, high, first = window.start, max(window.end, end), min(window.first, event)
            if not _disturbed(others, low, high, first):
                window.end, window.first = high, first
                window.mappings += 1
                events.append(event)
                continue
        groups.append((Window(start, end, token, event), [event]))
    return {
        event: window
        for window, events in groups
        if window.mappings >= LEAST
        and not any(s < window.end and window.start < e for s, e in life.spoiled)
        and not _disturbed(others, window.start, window.end, window.first)
        for event in events
    }


def _disturbed(others: list[tuple[int, int, int, int, int]], low: int, high: int, since: int) -> bool:
    """True if something else lies in [low, high) at some moment after event `since`."""
    return any(start < high and low < end and died > since for start, end, _born, died, _ in others)
