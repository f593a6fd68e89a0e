"""Address spaces at many moments: what each moment has that the one before had not, and what it lost.

A picture of a run needs a few hundred address spaces of up to tens of thousands of areas. Whole snapshots of each would
be millions of rows that hardly differ: areas are read as numbers, and only those that are new get words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ...result.result import VmaRow
from ...trace.events import Trace
from ..areas.areatree import N_COUNT, N_LEVEL, N_REFS
from ..state import (
    G_TASKS,
    MM_SET,
    T_MM,
    V_ANAME,
    V_BORN,
    V_END,
    V_FILE,
    V_FLAGS,
    V_INODE,
    V_MARK,
    V_NAME,
    V_PGOFF,
    V_START,
)
from .inspect import vma_row

_SEEN = (V_START, V_END, V_FLAGS, V_PGOFF, V_INODE, V_NAME, V_ANAME, V_FILE, V_BORN, V_MARK)
_KEY = np.dtype([(f"f{i}", "<i8") for i in range(len(_SEEN))])


@dataclass(frozen=True)
class Frame:
    """One address space behind one event."""

    event: int
    task: int  # row of Trace.tasks
    pid: int
    added: tuple[int, ...]  # numbers of areas that this process's frame before had not, rows of Frames.areas
    removed: tuple[int, ...]  # and of those that it has no more
    count: int


@dataclass
class Frames:
    """Every frame, and every area that any of them shows."""

    frames: list[Frame] = field(default_factory=list)
    areas: list[VmaRow] = field(default_factory=list)


class FrameTaker:
    """Takes frames of a running replay: to be called behind events, in order."""

    def __init__(self, trace: Trace, most_areas: int = 400_000) -> None:
        self.trace = trace
        self.found = Frames()
        self._numbers: dict[bytes, int] = {}
        self._last: dict[int, set[int]] = {}
        self._most = most_areas
        self.dropped = 0

    def __call__(self, m: Any, event: int) -> None:
        """Add the address space of the event's task; beyond `most_areas` different areas frames are only counted."""
        row = int(self.trace.columns["task"][event])
        mm = int(m[m[m[G_TASKS] + row] + T_MM])
        if not mm:
            return
        if len(self.found.areas) > self._most:
            self.dropped += 1
            return
        places = vma_places(m, mm)
        now = self._numbered(m, mm, places)
        pid = int(self.trace.tasks[row]["pid"])
        before = self._last.get(pid, set())
        added, removed = tuple(sorted(now - before)), tuple(sorted(before - now))
        self.found.frames.append(Frame(event, row, pid, added, removed, len(places)))
        self._last[pid] = now

    def _numbered(self, m: Any, mm: int, places: Sequence[int]) -> set[int]:
        """The numbers of the areas at `places`; new ones get a number and a row."""
        if not places:
            return set()
        words = np.asarray(m, dtype=np.int64) if not isinstance(m, np.ndarray) else m
        at = np.asarray(places, dtype=np.int64)[:, None] + np.asarray(_SEEN, dtype=np.int64)
        table = np.ascontiguousarray(words[at])
        now: set[int] = set()
        width = table.shape[1] * 8
        raw = table.tobytes()
        for i, place in enumerate(places):
            key = raw[i * width : (i + 1) * width]
            number = self._numbers.get(key)
            if number is None:
                number = self._numbers[key] = len(self.found.areas)
                self.found.areas.append(vma_row(m, mm, place, self.trace.strings))
            now.add(number)
        return now


def vma_places(m: Any, mm: int) -> list[int]:
    """The VMAs of `mm` by address, from the leaves of its tree: indices in the arena."""
    root = int(m[mm + MM_SET])
    if not root:
        return []
    nodes: list[int] = [root]
    for _ in range(int(m[root + N_LEVEL])):
        nodes = [
            int(ref) for node in nodes for ref in m[node + N_REFS : node + N_REFS + int(m[node + N_COUNT])]
        ]
    return [int(ref) for node in nodes for ref in m[node + N_REFS : node + N_REFS + int(m[node + N_COUNT])]]


def moments(counts: npt.NDArray[Any], must: Sequence[int], most: int = 240) -> list[int]:
    """Events to look at: all if they are few, else evenly spaced ones, and in any case those that `must` be there.

    `counts` is the map_count column; events without an address space (-1) are passed over.
    """
    known = np.flatnonzero(np.asarray(counts) >= 0)
    if len(known) > most:
        known = known[np.unique(np.linspace(0, len(known) - 1, most).astype(np.int64))]
    wanted = {int(event) for event in must if 0 <= event < len(counts) and counts[event] >= 0}
    return sorted(wanted | set(known.tolist()))
