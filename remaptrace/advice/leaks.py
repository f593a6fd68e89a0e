"""Mappings that were never unmapped: by size, age, thread and, where stacks were recorded, caller."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ..abi.kinds import K_MMAP, K_MUNMAP
from ..abi.mman import MAP_ANONYMOUS, MAP_FIXED
from ..abi.vmflags import VM_EXEC
from ..lateclasses import dataclass, replace
from ..patterns import pattern
from ..result.areacolumns import columns_of
from ..result.result import Result
from ..trace.events import Trace
from .bill import Bill, file_labels, memory_call_events
from .callers import Weighed, by_caller, stack_of
from .patterns import CODE, LIBRARIES, RELRO

_LIBRARY = pattern(r"\.so(?:\.[\d.]+)?(?: \(deleted\))?\Z")
_FRAMES, _CALLERS = 4, 4
"""Frames of a caller, and callers, that are named."""
_Events = np.ndarray[tuple[int], np.dtype[np.intp]]
_Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
_Bools = np.ndarray[tuple[int], np.dtype[np.bool_]]
_LEAST = 50
_SHARE = 0.1
"""A group is a leak from this many mappings on, and this share of the areas (of the mapping calls when they merge)."""


@dataclass(frozen=True)
class Leak:
    """Mappings of sizes from `size` to `largest` (bytes) that no call unmapped, made until the end.

    `file`: what they map, "" if they are anonymous or of many files; `of_files`: they are no anonymous ones. Programs
    and libraries are never among them.

    `late`: how many of them the last half of the process's memory calls made; `threads`: (tid, mappings), most
    first; `unmapped`: mappings of that size that were given back. `ages`: how many each quarter of the calls made,
    the oldest first; `callers`: (frames, innermost first, and mappings), most first, empty without stacks.
    """

    size: int
    largest: int
    mappings: int
    unmapped: int
    late: int
    first_event: int
    last_event: int
    threads: tuple[tuple[int, int], ...]
    ages: tuple[int, int, int, int]
    callers: tuple[tuple[tuple[str, ...], int], ...]
    of_files: bool = False
    file: str = ""


def find_leaks(result: Result, bill: Bill, steady: bool) -> list[Leak]:
    """The groups of mappings that only grow, the largest first.

    `steady`: the number of areas grows steadily. Without that mappings of many sizes are no group: programs that
    start up map so.
    """
    trace = result.trace
    pids = trace.tasks["pid"]
    columns = trace.columns
    upto = bill.event + 1
    kinds, tasks = columns["kind"][:upto], columns["task"][:upto]
    mine = np.asarray(pids[tasks] == pids[bill.task])
    whole = np.asarray(pids[columns["task"]] == pids[bill.task])
    calls = np.flatnonzero(
        memory_call_events(trace) & whole
    )  # of all its life: it may have stopped at the peak
    if len(calls) < _LEAST:
        return []
    counts = result.columns["map_count"][whole]
    lived = counts[counts > 0]
    if len(lived) and int(lived[-1]) < bill.total - _SHARE * bill.total:
        return []  # it falls again
    ret = result.columns["ret"][:upto].astype(np.int64)
    done = (ret >= 0) | (ret < -4095)
    flags = columns["a3"][:upto].astype(np.int64)
    fresh = (flags & MAP_FIXED == 0) | (columns["a2"][:upto] != 0)  # not what is put over memory given back
    unmaps = np.flatnonzero(mine & (kinds == K_MUNMAP) & done)
    page = result.machine.page_size
    leaks: list[Leak] = []
    anonymous = fresh & (flags & MAP_ANONYMOUS != 0)
    placed = (flags & MAP_ANONYMOUS == 0) & (
        flags & MAP_FIXED == 0
    )  # who chooses the place keeps account of it
    for of_files in (False, True):
        maps = np.flatnonzero(mine & (kinds == K_MMAP) & (placed if of_files else anonymous) & done)
        sizes = -(-np.asarray(columns["a1"][:upto][maps]).astype(np.int64) // page) * page
        alive, areas = _alive(columns["a0"][:upto], ret, maps, unmaps, bill)
        alive &= ~_unmapped_later(result, whole, upto, ret[maps])
        files = file_labels(columns_of(bill.vmas)) if of_files else None
        if files is not None and len(maps):
            loaded = bill.patterns.where(lambda word: word in (LIBRARIES, RELRO, CODE)) & _executed(bill)
            own = ~loaded[areas]
            maps, sizes, areas, alive = maps[own], sizes[own], areas[own], alive[own]
        found = _groups(trace, maps, sizes, alive, calls, steady, bill.total)
        for leak, kept in found:
            names = {files[i] for i in np.unique(areas[kept]).tolist()} if files is not None else set()
            leaks.append(replace(leak, of_files=of_files, file=names.pop() if len(names) == 1 else ""))
    return sorted(leaks, key=lambda leak: -leak.mappings)


def _executed(bill: Bill) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which areas map a program or a library, by its name or because it is executed somewhere: they belong to it."""
    areas = columns_of(bill.vmas)
    programs = np.unique(areas.inode[(areas.flags & VM_EXEC != 0) & (areas.inode != 0)])
    return np.isin(areas.inode, programs) | areas.file.where(lambda name: _LIBRARY.search(name) is not None)


def _groups(
    trace: Trace, maps: _Events, sizes: _Ints, alive: _Bools, calls: _Events, steady: bool, total: int
) -> list[tuple[Leak, _Events]]:
    """Groups of one size, and of all other sizes, that only grow; with each the places of its mappings in `maps`."""
    least = max(_LEAST, _SHARE * total)
    leaks: list[tuple[Leak, _Events]] = []
    rest = np.ones(len(maps), dtype=bool)
    for size in np.unique(sizes[alive]).tolist():
        same = sizes == size
        kept, made = maps[alive & same], int(same.sum())
        if len(kept) >= least and _still_comes(kept, calls, made, steady):
            leaks.append((_leak(trace, kept, calls, size, size, made), np.flatnonzero(alive & same)))
            rest &= ~same
    kept, made = maps[alive & rest], int(rest.sum())
    enough = steady and len(kept) >= max(_LEAST, 2 * _SHARE * total)
    if enough and _still_comes(kept, calls, made, False):
        low, high = (int(extreme(sizes[alive & rest])) for extreme in (np.min, np.max))
        leaks.append((_leak(trace, kept, calls, low, high, made), np.flatnonzero(alive & rest)))
    return leaks


_EVERY_AGE = 8
"""Part of the kept that each quarter of a slow leak has at least; even shares are 4."""


def _still_comes(kept: _Events, calls: _Events, made: int, steady: bool) -> bool:
    """Whether `kept`, of `made` mappings, comes until the end: what stopped is bounded.

    Most of them are kept, or, where the number of areas grows steadily, some of every age: of what a cache replaces
    only the young are there.
    """
    first, second, third, fourth = _ages(kept, calls)
    if (third + fourth) * 4 < len(kept):
        return False
    if len(kept) * 2 < made and not (steady and min(first, second, third, fourth) * _EVERY_AGE >= len(kept)):
        return False
    return int((kept >= calls[len(calls) * 7 // 8]).sum()) * 40 >= len(kept)


def _leak(trace: Trace, kept: _Events, calls: _Events, low: int, high: int, made: int) -> Leak:
    ages = _ages(kept, calls)
    threads = Counter(trace.tasks["tid"][trace.columns["task"][kept]].tolist())
    return Leak(
        low,
        high,
        len(kept),
        made - len(kept),
        ages[2] + ages[3],
        int(kept[0]),
        int(kept[-1]),
        tuple(threads.most_common(4)),
        ages,
        _callers(trace, kept),
    )


def _unmapped_later(
    result: Result,
    mine: np.ndarray[tuple[int], np.dtype[np.bool_]],
    upto: int,
    places: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of `places` a munmap of the process behind event `upto` covers."""
    columns = result.trace.columns
    later = mine & (columns["kind"] == K_MUNMAP) & (result.columns["ret"] == 0)
    later[:upto] = False
    gone = np.zeros(len(places), dtype=bool)
    if later.any():
        start = np.asarray(columns["a0"][later]).astype(np.uint64)
        end = start + np.asarray(columns["a1"][later]).astype(np.uint64)
        order = np.argsort(start, kind="stable")
        start, reach = start[order], np.maximum.accumulate(end[order])
        at = places.astype(np.uint64)
        found = np.searchsorted(start, at, side="right") - 1
        gone = (found >= 0) & (reach[np.maximum(found, 0)] > at)
    return gone


def _ages(kept: _Events, calls: _Events) -> tuple[int, int, int, int]:
    """How many of `kept` each quarter of the process's memory calls made."""
    borders = [int(calls[len(calls) * n // 4]) for n in (1, 2, 3)]
    first, second, third = (int(n) for n in np.searchsorted(kept, borders))
    return first, second - first, third - second, len(kept) - third


def _callers(trace: Trace, kept: _Events) -> tuple[tuple[tuple[str, ...], int], ...]:
    """Who made `kept`, by the innermost frames of their stacks; empty for a recording without stacks."""
    if "stack" not in trace.columns:
        return ()
    stacks = [Weighed(stack_of(trace, event), 1) for event in kept.tolist()]
    return tuple((s.frames, s.weight) for s in by_caller(stacks, _FRAMES)[:_CALLERS])


def _alive(
    addr: np.ndarray[tuple[int], np.dtype[np.integer]],
    ret: np.ndarray[tuple[int], np.dtype[np.int64]],
    maps: np.ndarray[tuple[int], np.dtype[np.intp]],
    unmaps: np.ndarray[tuple[int], np.dtype[np.intp]],
    bill: Bill,
) -> tuple[_Bools, _Events]:
    """Which mappings still lie where they were put: the last there, inside an area, not unmapped from its start.

    And the numbers of these areas; of a mapping that lies in none the number says nothing.
    """
    areas = columns_of(bill.vmas)
    if not len(maps) or not len(areas):
        return np.zeros(len(maps), dtype=bool), np.zeros(len(maps), dtype=np.intp)
    starts, ends = areas.start.astype(np.uint64), areas.end.astype(np.uint64)
    at = ret[maps].astype(np.uint64)
    inside = np.searchsorted(starts, at, side="right") - 1
    found = (inside >= 0) & (at < ends[np.maximum(inside, 0)])
    places, place = np.unique(at, return_inverse=True)
    place = place.reshape(-1)
    last = np.zeros(len(places), dtype=np.int64)
    last[place] = np.arange(len(maps))  # of several the last one stays
    gone = np.full(len(places), -1)
    given = addr[unmaps].astype(np.uint64)
    of = np.minimum(np.searchsorted(places, given), len(places) - 1)
    here = places[of] == given
    gone[of[here]] = unmaps[here]
    latest = last[place] == np.arange(len(maps))
    alive: np.ndarray[tuple[int], np.dtype[np.bool_]] = found & latest & (gone[place] <= maps)
    return alive, np.maximum(inside, 0)
