"""Mappings that were never unmapped: by size, age and thread."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from ..abi.kinds import K_MMAP, K_MUNMAP
from ..abi.mman import MAP_ANONYMOUS
from ..result.result import Result
from .bill import Bill, memory_call_events

_LEAST = 50
_SHARE = 0.1
"""A group is a leak from this many mappings on, and this share of the areas (of the mapping calls when they merge)."""


@dataclass(frozen=True)
class Leak:
    """Anonymous mappings of one size (bytes) that no call unmapped up to the peak, made until the end.

    `late`: how many of them the last half of the process's memory calls made; `threads`: (tid, mappings), most
    first; `unmapped`: mappings of that size that were given back.
    """

    size: int
    mappings: int
    unmapped: int
    late: int
    first_event: int
    last_event: int
    threads: tuple[tuple[int, int], ...]


def find_leaks(result: Result, bill: Bill) -> list[Leak]:
    """The groups of mappings that only grow, the largest first."""
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
    maps = np.flatnonzero(mine & (kinds == K_MMAP) & (columns["a3"][:upto] & MAP_ANONYMOUS != 0) & done)
    alive = _alive(columns["a0"][:upto], ret, maps, np.flatnonzero(mine & (kinds == K_MUNMAP) & done), bill)
    half = int(calls[len(calls) // 2])
    sizes = np.asarray(columns["a1"][:upto][maps]).astype(np.int64)
    leaks = []
    for size in np.unique(sizes[alive]).tolist():
        same = sizes == size
        kept = maps[alive & same]
        late = int((kept >= half).sum())
        if len(kept) < max(_LEAST, _SHARE * bill.total) or late * 4 < len(kept):
            continue
        if int((kept >= calls[len(calls) * 7 // 8]).sum()) * 40 < len(kept):
            continue  # it has stopped: bounded
        threads = Counter(trace.tasks["tid"][tasks[kept]].tolist())
        gone = int(same.sum()) - len(kept)
        if gone * 2 > int(same.sum()):
            continue
        leaks.append(
            Leak(size, len(kept), gone, late, int(kept[0]), int(kept[-1]), tuple(threads.most_common(4)))
        )
    return sorted(leaks, key=lambda leak: -leak.mappings)


def _alive(
    addr: np.ndarray[tuple[int], np.dtype[np.integer]],  # type: ignore[type-arg]
    ret: np.ndarray[tuple[int], np.dtype[np.int64]],
    maps: np.ndarray[tuple[int], np.dtype[np.intp]],
    unmaps: np.ndarray[tuple[int], np.dtype[np.intp]],
    bill: Bill,
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which mappings still lie where they were put: the last there, inside an area, not unmapped from its start."""
    starts = np.array([v.start for v in bill.vmas], dtype=np.uint64)
    ends = np.array([v.end for v in bill.vmas], dtype=np.uint64)
    at = ret[maps].astype(np.uint64)
    inside = np.searchsorted(starts, at, side="right") - 1
    found = (inside >= 0) & (at < ends[np.maximum(inside, 0)])
    last: dict[int, int] = {}
    for index, place in enumerate(at.tolist()):
        last[place] = index
    latest = np.zeros(len(maps), dtype=bool)
    latest[list(last.values())] = True
    gone: dict[int, int] = {}
    for event, place in zip(unmaps.tolist(), addr[unmaps].astype(np.uint64).tolist(), strict=True):
        gone[place] = event
    unmapped = np.array(
        [gone.get(place, -1) > event for place, event in zip(at.tolist(), maps.tolist(), strict=True)],
        dtype=bool,
    )
    return found & latest & ~unmapped if len(maps) else np.zeros(0, dtype=bool)
