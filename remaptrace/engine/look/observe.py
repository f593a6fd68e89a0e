"""Looking at the simulated machine while it runs: what observing steps report, exits, the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...abi.kinds import (
    K_DUMP,
    K_EXIT,
    K_FORK_STEP,
    K_HUGEPAGES,
    K_MINCORE,
    K_MM,
    K_PAGES,
    K_SNAPSHOT,
    K_SYSCTL,
)
from ...lateclasses import replace
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.limitrules import R_MAPS_EMPTY
from ...result.result import Snapshot, VmaRow
from ...trace.answers import told
from ...trace.events import Trace, one_of
from ..marks import ALIVE
from ..state import (
    G_COMMITTED,
    G_HT_FREE,
    G_HT_RESERVED,
    G_HT_SURPLUS,
    G_HT_TOTAL,
    G_MM_LIST,
    G_NTASKS,
    G_RAM_USED,
    G_SWAP_USED,
    G_TASKS,
    H_ARCH,
    H_NFRAMES,
    H_RULES,
    H_TOP,
    HEAP,
    MM_COUNT,
    MM_NEXT,
    MM_PEAK,
    MM_TABLES,
    P_UNDUMPABLE,
    P_USERS,
    T_ALIVE,
    T_MM,
    T_PROC,
)
from . import inspect
from .protections import protections
from .resident import resident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt


_OBSERVING = (K_DUMP, K_PAGES, K_MM, K_SNAPSHOT, K_MINCORE, K_SYSCTL, K_HUGEPAGES)
_OBSERVES = one_of(np.arange(256), _OBSERVING)
_PAGE_KEYS = ("pages", "access", "file_pages")
_MANY_ROWS = 256
"""Areas of all that lives at the end from which they are read at once."""
_KEPT_ROWS = 500_000
"""Areas kept of processes that ended; beyond, only their counts are known."""


def wants_observation(kinds: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which events of a scenario, of known kinds, report something that only a look at the state tells."""
    return _OBSERVES[kinds]


def _asked_areas(trace: Trace) -> tuple[dict[int, dict[int, int]], set[int]]:
    """By event: starts of the areas whose expectation says something of pages, and how many pages it names.

    And the events whose expectation lists areas.
    """
    found: dict[int, dict[int, int]] = {}
    listing: set[int] = set()
    for event, _, _, usual, on in told(trace.expects):
        if not on and "vmas" not in usual:  # most
            continue
        for fields in (usual, *on.values()):
            if "vmas" not in fields:
                continue
            listing.add(event)
            for area in fields["vmas"] or ():
                if "pages" in area or "access" in area or "file_pages" in area:
                    named = [len(area[key]) for key in _PAGE_KEYS if key in area]
                    starts = found.setdefault(event, {})
                    starts[area["start"]] = max(starts.get(area["start"], 0), *named)
    return found, listing


def _maps_hidden(m: Any, task: int) -> bool:
    """Whether the program finds its own maps file empty (rule maps_empty_after_setuid)."""
    return bool(m[H_RULES + R_MAPS_EMPTY] and m[m[task + T_PROC] + P_UNDUMPABLE])


class Observer:
    """Takes snapshots of a running replay. `behind` and `before` are events to look at."""

    def __init__(self, m: Any, trace: Trace) -> None:
        self.m = m
        self.trace = trace
        self.behind: set[int] = set()
        self.before: set[int] = set()
        self.pages = True  # what lives at the end is shown with its pages
        self.observed: dict[int, Snapshot] = {}
        self.exits: list[Snapshot] = []
        self._at_end: dict[int, Sequence[VmaRow]] = {}  # of address spaces that live at the end
        self._kept = 0
        self._dropped = 0
        self._peak = 0

        self._with_pages, self._with_areas = _asked_areas(trace)

    def _add_pages(self, shot: Snapshot, mm: int, asked: dict[int, int]) -> None:
        """Add the state of the pages of the areas that begin at `asked` to the facts of `shot`.

        At most one page more than an expectation names: enough to differ, whatever the area's length.
        """
        page = 1 << self.m[H_ARCH + A_PAGE_SHIFT]
        shot.facts["area_pages"] = {
            v.start: inspect.pages_row(
                self.m, mm, v.start, min((v.end - v.start) // page, asked[v.start] + 1)
            )
            for v in shot.vmas
            if v.start in asked
        }

    def _task(self, row: int) -> int:
        m = self.m
        return int(m[m[G_TASKS] + row])

    def _rows(self, mm: int) -> Sequence[VmaRow]:
        if mm in self._at_end:
            return self._at_end[mm]
        return inspect.vma_rows(self.m, mm, self.trace.strings) if mm else ()

    def snapshot(self, event: int, row: int, name: str = "", whole: bool = False) -> Snapshot:
        """The address space of the task in `row`, as it is now; with its page protections if `whole`."""
        mm = self.m[self._task(row) + T_MM]
        facts: dict[str, Any] = dict(inspect.mm_facts(self.m, mm)) if mm else {}
        if mm and _maps_hidden(self.m, self._task(row)):
            facts["maps_hidden"] = True
        if mm and whole:
            facts["resident"] = resident(self.m, mm)
        found = protections(self.m, mm) if mm and whole else None
        return Snapshot(event, row, self._rows(mm), name, None, facts, found)

    def behind_event(self, event: int) -> None:
        """Look at what the event just replayed reports, and at the areas where an expectation names them."""
        self._reported(event)
        if event in self._with_areas:
            shot = self.observed[event]
            row = self._continues(event, shot.task)
            if row != shot.task or not shot.vmas:
                areas = self.snapshot(event, row)
                shot = replace(shot, vmas=areas.vmas, facts={**areas.facts, **shot.facts})
                self.observed[event] = shot
            mm = self.m[self._task(row) + T_MM]
            if mm and event in self._with_pages:
                self._add_pages(self.observed[event], mm, self._with_pages[event])

    def _continues(self, event: int, row: int) -> int:
        """Who does the next step: behind a fork of a scenario the child, if there is one."""
        columns = self.trace.columns
        child = int(columns["a0"][event])
        forked = columns["kind"][event] == K_FORK_STEP and child < self.m[G_NTASKS]
        return child if forked and self._task(child) and self.m[self._task(child) + T_ALIVE] == ALIVE else row

    def _reported(self, event: int) -> None:
        columns = self.trace.columns
        kind, row = int(columns["kind"][event]), int(columns["task"][event])
        mm = self.m[self._task(row) + T_MM]
        if event in self.behind or kind not in _OBSERVING or kind in (K_DUMP, K_SNAPSHOT):
            name = self.trace.strings[int(columns["a0"][event])] if kind == K_SNAPSHOT else ""
            self.observed[event] = self.snapshot(event, row, name, event in self.behind)
        elif not mm:
            self.observed[event] = Snapshot(event, row, ())
        elif kind == K_PAGES:
            pages = inspect.pages_row(self.m, mm, int(columns["a0"][event]), int(columns["a1"][event]))
            self.observed[event] = Snapshot(event, row, (), pages=pages)
        elif kind == K_MINCORE:
            text = inspect.resident_text(self.m, mm, int(columns["a0"][event]), int(columns["a1"][event]))
            self.observed[event] = Snapshot(event, row, (), facts={"resident": text})
        elif kind == K_HUGEPAGES:
            words = {
                "total": G_HT_TOTAL,
                "free": G_HT_FREE,
                "reserved": G_HT_RESERVED,
                "surplus": G_HT_SURPLUS,
            }
            pool: dict[str, Any] = {name: int(self.m[word]) for name, word in words.items()}
            self.observed[event] = Snapshot(event, row, (), facts=pool)
        elif kind in (K_MM, K_SYSCTL):
            facts: dict[str, Any] = dict(inspect.mm_facts(self.m, mm))
            if kind == K_SYSCTL:
                facts["limit"] = self.m[H_RULES + int(columns["a0"][event])]
            self.observed[event] = Snapshot(event, row, (), facts=facts)

    def in_front(self, event: int, columns: npt.NDArray[np.int64]) -> None:
        """Look at the task of an event that comes next: before an exit, or where asked."""
        row = int(columns[1])
        task = self._task(row)
        if event in self.before:
            self.observed[event] = self.snapshot(event, row, whole=True)
        if columns[0] != K_EXIT or self.m[task + T_ALIVE] != ALIVE:
            return
        if not columns[3] and self.m[self.m[task + T_PROC] + P_USERS] > 1:
            return  # one thread of several
        self._peak = max(self._peak, self.m[self.m[task + T_MM] + MM_PEAK])
        shot = self.snapshot(event, row)
        self._kept += len(shot.vmas)
        if self._kept <= _KEPT_ROWS:
            self.exits.append(shot)
        else:
            self._dropped += 1

    def final(self) -> tuple[tuple[Snapshot, ...], list[str]]:
        """The address spaces that live at the end, one snapshot each (of the first task), and notes."""
        m = self.m
        shots: list[Snapshot] = []
        spaces: dict[int, int] = {}  # the first task of each
        for row, task in enumerate(m[m[G_TASKS] : m[G_TASKS] + m[G_NTASKS]].tolist()):
            if m[task + T_ALIVE] == ALIVE and m[task + T_MM]:
                spaces.setdefault(m[task + T_MM], row)
        if sum(m[mm + MM_COUNT] for mm in spaces) >= _MANY_ROWS:
            rows = inspect.rows_of_all(m, list(spaces), self.trace.strings)
            self._at_end.update(zip(spaces, rows, strict=True))
        for mm, row in spaces.items():
            self._peak = max(self._peak, m[mm + MM_PEAK])
            shots.append(self.snapshot(-1, row, whole=self.pages and not self.trace.recorded))
            self._at_end[mm] = shots[-1].vmas
            if -1 in self._with_pages:
                self._add_pages(shots[-1], mm, self._with_pages[-1])
        notes = []
        if self._dropped:
            notes.append(f"areas of {self._dropped} processes at their exit were not kept")
        return tuple(shots), notes

    def behind_last(self, event: int) -> Snapshot | None:
        """Behind `final`: what a look behind `event`, the last one, would have found."""
        again = Observer(self.m, self.trace)
        again._at_end = self._at_end
        again.behind.add(event)
        again.behind_event(event)
        return again.observed.get(event)

    def totals(self) -> dict[str, int]:
        """Counts over the whole machine at the end."""
        m = self.m
        tables = 0
        mm = m[G_MM_LIST]
        spaces = 0
        while mm:
            tables += m[mm + MM_TABLES] + 1
            spaces += 1
            mm = m[mm + MM_NEXT]
        page = 1 << m[H_ARCH + A_PAGE_SHIFT]
        return {
            "peak_map_count": self._peak,
            "address_spaces": spaces,
            "page_tables": tables,
            "page_table_bytes": tables * page,
            "frames_in_use": m[G_RAM_USED],
            "frames_ever": m[H_NFRAMES] - 1,
            "swap_used": m[G_SWAP_USED],
            "committed_pages": m[G_COMMITTED],
            "engine_bytes": (m[H_TOP] - HEAP) * 8,
        }
