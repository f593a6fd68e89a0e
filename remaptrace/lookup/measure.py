"""Feeds every structure with the changes and lookups of a trace, and sums up what the lookups cost.

A lookup is what makes the kernel call find_vma: a page fault, and the first search of a memory call at
its address (for mmap: at the address that it chooses). The structures see the address space as it was
before the event. Changes are read off the replay: areas near the event's range before and behind it. An
area that keeps its start or its end has had its boundary moved (vma_adjust); others are unlinked and linked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from ..abi import kinds as ev
from ..abi.calls import RANGE_CALLS
from ..abi.rows import E_ARGS, E_KIND, E_TASK
from ..engine.areas.vmaset import find_vma
from ..engine.look.inspect import vmas
from ..engine.run.driver import walk
from ..engine.state import MM_ID, V_END, V_NEXT, V_START
from ..lateclasses import dataclass
from ..machine.machine import Machine
from ..trace.events import Trace
from .areas import Areas, Change
from .caches import OneEntry, PerThread
from .maple import MapleTree
from .radix import RadixTree
from .rbtree import RedBlackTree, Touched


class _Structure(Protocol):
    def insert(self, start: int, end: int) -> None: ...
    def remove(self, start: int) -> None: ...
    def set_bounds(self, old_start: int, start: int, end: int) -> None: ...
    def find(self, addr: int) -> Touched: ...
    @property
    def bytes(self) -> int: ...


@dataclass(frozen=True)
class Cost:
    """What the lookups of a trace cost in one structure. A hit in a cache touches no node and one line.

    `bytes` is the structure of the address space with the most areas, at its largest, without the VMAs.
    """

    name: str
    label: str
    lookups: int
    hit_rate: float | None  # None: no cache in front
    nodes_mean: float
    nodes_p99: int
    lines_mean: float
    lines_p99: int
    bytes: int


class _Tally:
    """Costs of one structure, collected over all address spaces."""

    def __init__(self) -> None:
        self.nodes: list[int] = []
        self.lines: list[int] = []
        self.hits = 0
        self.bytes = 0

    def add(self, nodes: int, lines: int) -> None:
        """One lookup."""
        self.nodes.append(nodes)
        self.lines.append(lines)


_KINDS: tuple[tuple[str, str, Any, Any], ...] = (
    ("rbtree-one", "red-black tree, one entry cached (2.6)", RedBlackTree, OneEntry),
    ("rbtree-thread", "red-black tree, four cached a thread", RedBlackTree, PerThread),
    ("rbtree", "red-black tree, no cache", RedBlackTree, None),
    ("radix", "radix tree, 64-way", RadixTree, None),
    ("maple", "maple tree, 16-way (6.1)", MapleTree, None),
)


class _Space:
    """One address space in every structure."""

    def __init__(self, tallies: dict[str, _Tally]) -> None:
        self.areas = Areas()
        self.tallies = tallies
        self.structures: list[tuple[str, _Structure, Any]] = [
            (name, kind(), cache() if cache else None) for name, _, kind, cache in _KINDS
        ]

    def find(self, addr: int, tid: int) -> None:
        """Look `addr` up in every structure."""
        area = self.areas.at_or_above(addr)
        for name, structure, cache in self.structures:
            tally = self.tallies[name]
            if cache is not None and cache.holds(addr, tid):
                tally.hits += 1
                tally.add(0, 1)
                continue
            touched = structure.find(addr)
            tally.add(touched.nodes, touched.lines)
            if cache is not None:
                cache.keep(addr, tid, area)

    def apply(self, changes: list[Change]) -> None:
        """Follow what an event did to the areas."""
        for change in changes:
            for name, structure, cache in self.structures:
                if change.old is None and change.new is not None:
                    structure.insert(*change.new)
                elif change.new is None and change.old is not None:
                    structure.remove(change.old[0])
                    if cache is not None:
                        cache.drop()
                elif change.old is not None and change.new is not None:
                    structure.set_bounds(change.old[0], *change.new)
                    if cache is not None:
                        cache.moved(change.old, change.new)
                tally = self.tallies[name]
                tally.bytes = max(tally.bytes, structure.bytes)


def measure(trace: Trace, machine: Machine, follow: bool | None = None) -> list[Cost]:
    """The cost of every lookup of `trace` in each structure. Replays interpreted. Raises as `replay`."""
    tallies = {name: _Tally() for name, _, _, _ in _KINDS}
    spaces: dict[int, _Space] = {}
    tids = trace.tasks["tid"]
    rows = trace.rows(0, len(trace))
    for event, m, mm, result in walk(trace, machine, follow=follow):
        if not mm:
            continue
        row = rows[event].tolist()
        space = spaces.get(m[mm + MM_ID])
        if space is None:
            space = spaces[m[mm + MM_ID]] = _Space(tallies)
            space.apply(space.areas.update(0, 1 << 64, _all(m, mm)))
        for addr in looked_up(row, result):
            space.find(addr, int(tids[row[E_TASK]]))
        for low, high in touched(row, result):
            space.apply(follow_range(space.areas, m, mm, low, high))
    return [_cost(name, label, cache is not None, tallies[name]) for name, label, _, cache in _KINDS]


def _all(m: Any, mm: int) -> Iterator[tuple[int, int]]:
    return ((int(m[v + V_START]), int(m[v + V_END])) for v in vmas(m, mm))


def follow_range(areas: Areas, m: Any, mm: int, low: int, high: int) -> list[Change]:
    """Bring the copy up to date with what is now near [low, high], neighbours that touch it too; the changes."""
    low, high = low - 1, high + 1
    while True:
        now = list(_overlapping(m, mm, low, high))
        ends = [*now, *areas.overlapping(low, high)]
        lowest = min([low, *(start for start, _ in ends)])
        highest = max([high, *(end for _, end in ends)])
        if (lowest, highest) == (low, high):
            return areas.update(low, high, now)
        low, high = lowest, highest  # what overlaps on one side may reach further on the other


def _overlapping(m: Any, mm: int, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Areas that overlap [low, high), by address."""
    vma = find_vma(m, mm, max(low, 0))
    while vma and m[vma + V_START] < high:
        yield int(m[vma + V_START]), int(m[vma + V_END])
        vma = m[vma + V_NEXT]


_FAULTS = (ev.K_READ, ev.K_WRITE, ev.K_EXECUTE, ev.K_FAULT)
_EVERYWHERE = (ev.K_MLOCKALL, ev.K_MUNLOCKALL, ev.K_SHMAT, ev.K_SHMDT, ev.K_EXEC)
_NEWEST = 1 << 64


def looked_up(row: list[int], result: int) -> Iterator[int]:
    """Addresses that the event makes the kernel look up."""
    kind, a0 = row[E_KIND], row[E_ARGS]
    if kind in _FAULTS or kind in RANGE_CALLS or kind == ev.K_MREMAP:
        if a0 >= 0:
            yield a0
    elif kind in (ev.K_MMAP, ev.K_OLD_MMAP, ev.K_BRK, ev.K_SHMAT) and result > 0:
        yield result


def touched(row: list[int], result: int) -> list[tuple[int, int]]:
    """Ranges in which the event may have changed areas; none above user space."""
    return [(low, high) for low, high in _ranges(row, result) if 0 <= low <= high]


def _ranges(row: list[int], result: int) -> Iterator[tuple[int, int]]:
    kind = row[E_KIND]
    a0, a1, a2 = row[E_ARGS : E_ARGS + 3]
    if kind in _FAULTS:
        yield a0, a0 + 1  # a stack may have grown
    elif kind in (ev.K_MMAP, ev.K_OLD_MMAP):
        start = result if result > 0 else a0
        yield start, start + a1
    elif kind in RANGE_CALLS:
        yield a0, a0 + max(a1, 0)
    elif kind == ev.K_MREMAP:
        yield a0, a0 + max(a1, a2, 0)
        if result > 0:
            yield result, result + max(a2, 0)
    elif kind == ev.K_INIT_VMA:
        yield a0, a1
    elif kind in _EVERYWHERE or kind == ev.K_BRK:
        yield 0, _NEWEST


def _cost(name: str, label: str, cached: bool, tally: _Tally) -> Cost:
    count = len(tally.nodes)
    nodes, lines = np.array(tally.nodes or [0]), np.array(tally.lines or [0])
    return Cost(
        name,
        label,
        count,
        tally.hits / count if cached and count else None,
        float(nodes.mean()),
        int(np.percentile(nodes, 99, method="higher")),
        float(lines.mean()),
        int(np.percentile(lines, 99, method="higher")),
        tally.bytes,
    )
