"""Which processes of a trace are one, told from the areas that they make: for logs that show no births.

Two that map the same address at a time, or that each call exit_group, are two processes. One changes areas that
another made, or areas that they make lie wall to wall while none overlap: they are threads of one.

A line tells of a call when it has returned. So a mapping may stand in front of the unmapping that made its room,
whose thread does nothing else in between: that is no clash, while such fit much oftener than they seem to.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter

import numpy as np

from ..abi import kinds as ev
from ..abi.mman import MAP_FIXED
from .events import Trace

LOOKED_AT = 200_000
"""Events among which areas that fit together are looked for."""

_IN_FLIGHT = 64
"""Events behind which an unmapping may be told late."""
_OFTENER = 4
"""Times that two processes must fit for each such unmapping."""

_USES = (ev.K_MUNMAP, ev.K_MPROTECT, ev.K_PKEY_MPROTECT, ev.K_MADVISE, ev.K_MREMAP)
REASON = "they change areas of each other and map wall to wall"


class Union:
    """Sets of process ids that turn out to be one."""

    def __init__(self) -> None:
        self._up: dict[int, int] = {}

    def root(self, pid: int) -> int:
        while (up := self._up.get(pid, pid)) != pid:
            self._up[pid] = self._up.get(up, up)
            pid = up
        return pid

    def join(self, one: int, other: int) -> bool:
        """Put both into one set, under the lower id; False if they were."""
        a, b = sorted((self.root(one), self.root(other)))
        self._up[b] = a
        return a != b


def orphans(trace: Trace) -> list[int]:
    """The thread ids whose first line shows no birth."""
    roots = np.flatnonzero(trace.tasks["parent"] < 0)
    return list(dict.fromkeys(int(trace.tasks["tid"][row]) for row in roots if trace.tasks["tid"][row] > 0))


class _Areas:
    """The areas that calls of the log made and did not take away, and who made each."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.areas: dict[int, tuple[int, int]] = {}  # start: end, pid
        self.ends: dict[int, int] = {}  # end: start

    def over(self, low: int, high: int) -> list[int]:
        """The starts of areas that overlap [low, high)."""
        first = max(bisect_right(self.starts, low) - 1, 0)
        found = self.starts[first : bisect_left(self.starts, high)]
        return [start for start in found if self.areas[start][0] > low]

    def cut(self, low: int, high: int) -> None:
        """Take [low, high) away."""
        for start in self.over(low, high):
            end, pid = self.areas.pop(start)
            self.starts.remove(start)
            del self.ends[end]
            if start < low:
                self.add(start, low, pid)
            if high < end:
                self.add(high, end, pid)

    def add(self, low: int, high: int, pid: int) -> None:
        """A new area; nothing overlaps it."""
        insort(self.starts, low)
        self.areas[low] = (high, pid)
        self.ends[high] = low

    def forget(self, pid: int) -> None:
        """`pid` executes a program: what it made is gone."""
        for start in [start for start, (_, owner) in self.areas.items() if owner == pid]:
            end, _ = self.areas.pop(start)
            self.starts.remove(start)
            del self.ends[end]

    def owners_beside(self, low: int, high: int) -> set[int]:
        """Who made the areas that end at `low` and begin at `high`."""
        beside = {self.ends.get(low, -1), high} & self.areas.keys()
        return {self.areas[start][1] for start in beside}


def by_areas(trace: Trace, union: Union, wanted: set[int]) -> bool:
    """Processes whose areas fit together and never overlap."""
    columns = trace.columns
    last = min(len(trace), LOOKED_AT)
    names = ("kind", "task", "a0", "a1", "a2", "a3", "ret")
    pids = trace.tasks["pid"].tolist()
    areas = _Areas()
    fits: Counter[tuple[int, int]] = Counter()
    clash: set[tuple[int, int]] = set()
    late: Counter[tuple[int, int]] = Counter()
    rows = list(zip(*(columns[c][:last].tolist() for c in names), strict=True))
    for event, (kind, task, a0, a1, a2, a3, ret) in enumerate(rows):
        pid = pids[task]
        if kind == ev.K_EXEC and ret >= 0:
            areas.forget(pid)
        if pid not in wanted or (-4095 <= ret < 0) or (kind == ev.K_MMAP and ret <= 0):
            continue
        if kind == ev.K_MMAP or (kind == ev.K_MREMAP and ret > 0):
            low, high = ret, _page_end(ret + max(a1 if kind == ev.K_MMAP else a2, 1))
            if kind == ev.K_MREMAP:
                areas.cut(a0, _page_end(a0 + a1))
            fixed = kind == ev.K_MMAP and a3 & MAP_FIXED
            for start in areas.over(low, high):
                end, owner = areas.areas[start]
                if owner == pid:
                    continue
                if fixed:
                    fits[_pair(pid, owner)] += 1
                elif _is_unmapped_late(rows, event, max(low, start), min(high, end)):
                    late[_pair(pid, owner)] += 1
                else:
                    clash.add(_pair(pid, owner))
            for owner in areas.owners_beside(low, high) - {pid}:
                fits[_pair(pid, owner)] += 1
            areas.cut(low, high)
            areas.add(low, high, pid)
        elif kind in _USES:
            for owner in {areas.areas[start][1] for start in areas.over(a0, a0 + max(a1, 1))} - {pid}:
                if kind != ev.K_MUNMAP:
                    fits[_pair(pid, owner)] += 1
            if kind == ev.K_MUNMAP:
                areas.cut(a0, _page_end(a0 + a1))
    fits = Counter({pair: count for pair, count in fits.items() if count >= _OFTENER * late[pair]})
    return _join_fitting(union, fits, clash, wanted, with_own_exit(trace))


def _is_unmapped_late(rows: list[tuple[int, ...]], event: int, low: int, high: int) -> bool:
    """Whether what some other thread tells next, soon behind `event`, is that it unmapped [low, high)."""
    seen = {rows[event][1]}
    for kind, task, a0, a1, _, _, ret in rows[event + 1 : event + 1 + _IN_FLIGHT]:
        if task in seen:
            continue
        seen.add(task)
        if kind == ev.K_MUNMAP and ret == 0 and a0 <= low and high <= _page_end(a0 + a1):
            return True
    return False


def _page_end(end: int) -> int:
    return end + 4095 & ~4095


def _pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)


def _join_fitting(
    union: Union,
    fits: Counter[tuple[int, int]],
    clash: set[tuple[int, int]],
    wanted: set[int],
    ended: set[int],
) -> bool:
    """Join those that fit, the best first, unless something keeps any two of the sets apart."""
    found = False
    for (one, other), _count in fits.most_common():
        a, b = union.root(one), union.root(other)
        if a == b:
            continue
        left = {pid for pid in wanted if union.root(pid) == a}
        right = {pid for pid in wanted if union.root(pid) == b}
        apart = any(_pair(x, y) in clash for x in left for y in right) or (left & ended and right & ended)
        if not apart:
            found |= union.join(a, b)
    return found


def with_own_exit(trace: Trace) -> set[int]:
    """Processes of which some thread called exit_group."""
    columns = trace.columns
    calls = (columns["kind"] == ev.K_EXIT) & (columns["a1"] == 1)
    return {int(trace.tasks["pid"][row]) for row in columns["task"][calls].tolist()}
