"""Two Results of one Trace, aligned event by event: what another machine would have done otherwise.

Compared are the result of every call, the outcome and fault counts of every access, the VMA count after every
event, the areas and the effective protection of every page at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..trace import events as ev
from ..trace.wording import result_text
from .outcomes import NAMES
from .result import Result, Snapshot

FIRST = 50
"""Differing events of each kind that are kept in full; the counts have all of them."""


@dataclass(frozen=True)
class EventDifference:
    """One event with two answers, in words. `what`: result, outcome, faults."""

    event: int
    what: str
    left: str
    right: str


@dataclass(frozen=True)
class RangeDifference:
    """Pages of one address space that have two protections at the end. Addresses in bytes, pages of `page`.

    A side is the permissions column of /proc/PID/maps as accesses feel it, ``""`` where nothing is mapped.
    """

    task: int
    start: int
    end: int
    left: str
    right: str


@dataclass(frozen=True)
class SpaceCounts:
    """VMA counts of one address space on both machines; -1 where it did not live to the end."""

    task: int
    left_peak: int
    right_peak: int
    left_end: int
    right_end: int


@dataclass(frozen=True)
class Diff:
    """What differs between two replays of one trace.

    `counts` holds how many events differ by kind ("result", "outcome", "faults", "map_count") and how many
    pages ("pages"). `map_count_at` is the first event whose VMA counts differ, -1: none.
    """

    left: Result
    right: Result
    counts: dict[str, int]
    events: tuple[EventDifference, ...]
    map_count_at: int
    spaces: tuple[SpaceCounts, ...]
    ranges: tuple[RangeDifference, ...]
    notes: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """True when nothing differs."""
        return not any(self.counts.values())


def compare(left: Result, right: Result) -> Diff:
    """What differs between two results of the same trace.

    Raises UsageError RT604 if they are of traces with different events.
    """
    if left.trace is not right.trace and not _same_events(left, right):
        from ..errorcodes import RT_OTHER_TRACE

        raise UsageError(RT_OTHER_TRACE, "the two results are of different traces")
    masks = _masks(left, right)
    found: list[EventDifference] = []
    for what in ("result", "outcome", "faults"):
        for event in np.flatnonzero(masks[what])[:FIRST].tolist():
            found.append(EventDifference(event, what, _words(left, event, what), _words(right, event, what)))
    found.sort(key=lambda d: d.event)
    ranges, pages, notes = _ranges(left, right)
    counts = {what: int(mask.sum()) for what, mask in masks.items()} | {"pages": pages}
    differing = np.flatnonzero(masks["map_count"])
    return Diff(
        left,
        right,
        counts,
        tuple(found),
        int(differing[0]) if len(differing) else -1,
        tuple(_spaces(left, right)),
        tuple(ranges),
        tuple(notes),
    )


def _same_events(left: Result, right: Result) -> bool:
    a, b = left.trace.columns, right.trace.columns
    return all(len(a[n]) == len(b[n]) and bool((a[n] == b[n]).all()) for n in ev.COLUMNS)


def _masks(left: Result, right: Result) -> dict[str, npt.NDArray[np.bool_]]:
    a, b = left.columns, right.columns
    return {
        "result": a["ret"] != b["ret"],
        "outcome": a["outcome"] != b["outcome"],
        "faults": (a["minor"] != b["minor"]) | (a["major"] != b["major"]),
        "map_count": a["map_count"] != b["map_count"],
    }


def _words(result: Result, event: int, what: str) -> str:
    columns = result.columns
    if what == "result":
        return result_text(int(columns["ret"][event]), int(result.trace.columns["kind"][event]))
    if what == "outcome":
        return NAMES[int(columns["outcome"][event])] or "no access"
    return f"{columns['minor'][event]} minor, {columns['major'][event]} major"


def _spaces(left: Result, right: Result) -> list[SpaceCounts]:
    """Peaks and ends of every task that has an address space at the end on either side."""
    ends = [{s.task: len(s.vmas) for s in r.snapshots if s.event < 0} for r in (left, right)]
    tasks = left.trace.columns["task"]
    out = []
    for task in sorted(ends[0].keys() | ends[1].keys()):
        mine = tasks == task
        peaks = [int(r.columns["map_count"][mine].max()) if mine.any() else -1 for r in (left, right)]
        out.append(SpaceCounts(task, peaks[0], peaks[1], ends[0].get(task, -1), ends[1].get(task, -1)))
    return out


def _ranges(left: Result, right: Result) -> tuple[list[RangeDifference], int, list[str]]:
    """Ranges whose protection differs at the end, their pages, and what could not be compared."""
    out: list[RangeDifference] = []
    notes: list[str] = []
    pages = 0
    size = int(left.machine.page_size)
    sides = [{s.task: s for s in r.snapshots if s.event < 0} for r in (left, right)]
    for task in sorted(sides[0].keys() & sides[1].keys()):
        for start, end, a, b in _merge(_felt(sides[0][task]), _felt(sides[1][task])):
            pages += (end - start) // size
            out.append(RangeDifference(task, start, end, a, b))
    alone = sides[0].keys() ^ sides[1].keys()
    if alone:
        notes.append(f"{len(alone)} address spaces live to the end on one machine only")
    return out, pages, notes


def _felt(shot: Snapshot) -> list[tuple[int, int, str]]:
    """Ranges with the protection that accesses feel: that of the areas, cut where pages have their own."""
    own = list(shot.protections.differing) if shot.protections else []
    out: list[tuple[int, int, str]] = []
    k = 0
    for area in shot.vmas:
        at = area.start
        while k < len(own) and own[k].start < area.end:
            r = own[k]
            if r.start >= area.start:
                if at < r.start:
                    out.append((at, r.start, area.perms))
                out.append((r.start, r.end, r.pte + area.perms[3]))
                at = r.end
            k += 1
        if at < area.end:
            out.append((at, area.end, area.perms))
    return out


def _merge(a: list[tuple[int, int, str]], b: list[tuple[int, int, str]]) -> list[tuple[int, int, str, str]]:
    """Ranges where the two lists say different things, neighbours with the same two sides joined."""
    edges = sorted({edge for start, end, _ in (*a, *b) for edge in (start, end)})
    out: list[tuple[int, int, str, str]] = []
    i = j = 0
    for start, end in pairwise(edges):
        while i < len(a) and a[i][1] <= start:
            i += 1
        while j < len(b) and b[j][1] <= start:
            j += 1
        left = a[i][2] if i < len(a) and a[i][0] <= start else ""
        right = b[j][2] if j < len(b) and b[j][0] <= start else ""
        if left == right:
            continue
        if out and out[-1][1:] == (start, left, right):
            out[-1] = (out[-1][0], end, left, right)
        else:
            out.append((start, end, left, right))
    return out
