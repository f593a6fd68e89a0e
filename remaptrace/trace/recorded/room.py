"""Calls that made the room of another thread's mapping, and whose lines stand behind its line.

A line is printed when its call has returned. While one thread is on its way out of munmap, another may have mapped
what became free, and may be told first. The kernel puts no mapping without MAP_FIXED where something is mapped
(mm/mmap.c:get_unmapped_area). So if the log had mapped something there, and what some other thread does next is to
unmap it, that came first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...abi import kinds as ev
from ...abi.mman import MAP_FIXED, MAP_FIXED_NOREPLACE, MREMAP_DONTUNMAP
from ..events import Trace

_WINDOW = 48
"""Events between the two lines, at most."""
_STEPS = 32
"""Mappings and unmappings of all processes between the two."""
_MOST = 1 << 24
"""Pairs of a place and an event upon it that are looked at."""
_ADDRESS_BITS = 48

Ints = npt.NDArray[np.int64]


class _Acts:
    """Successful calls of processes with several threads that map or unmap, one row for each thing that they do.

    `event`: int64 numbers; `low`, `high`: what is mapped or unmapped, bytes; `maps`: whether it is mapped; `chosen`:
    by the kernel, where nothing was.
    """

    def __init__(self, trace: Trace, pid: Ints, threaded: npt.NDArray[np.bool_]) -> None:
        columns = trace.columns
        kind, ret = columns["kind"], columns["ret"]
        done = (ret >= 0) | (ret < -4095)
        several = threaded[columns["task"]] & done
        mmap = np.flatnonzero(several & ((kind == ev.K_MMAP) | (kind == ev.K_OLD_MMAP)))
        munmap = np.flatnonzero(several & (kind == ev.K_MUNMAP))
        moves = np.flatnonzero(several & (kind == ev.K_MREMAP))
        a0, a1, a2, a3 = (columns[name] for name in ("a0", "a1", "a2", "a3"))
        moved = (ret[moves] != a0[moves]) & (a3[moves].astype(np.int64) & MREMAP_DONTUNMAP == 0)
        left = moves[moved | (a2[moves] < a1[moves])]  # what a moved or shorter mapping leaves
        stays = np.where(ret[left] == a0[left], a2[left], 0).astype(np.int64)
        parts = (
            (mmap, ret[mmap], a1[mmap], True),
            (munmap, a0[munmap], a1[munmap], False),
            (left, a0[left].astype(np.int64) + stays, a1[left].astype(np.int64) - stays, False),
            (moves, ret[moves], a2[moves], True),
        )
        event = np.concatenate([part[0] for part in parts])
        order = np.argsort(event, kind="stable")
        self.event: Ints = event[order].astype(np.int64)
        self.low: Ints = np.concatenate([part[1].astype(np.int64) for part in parts])[order]
        length = np.concatenate([part[2].astype(np.int64) for part in parts])[order]
        self.high: Ints = self.low + (length + 4095 & ~4095)
        self.maps = np.concatenate([np.full(len(part[0]), part[3]) for part in parts])[order]
        fixed = a3[self.event].astype(np.int64) & (MAP_FIXED | MAP_FIXED_NOREPLACE) != 0
        self.chosen = self.maps & (kind[self.event] != ev.K_MREMAP) & ~fixed
        self.pid: Ints = pid[self.event]
        self.task: Ints = columns["task"][self.event].astype(np.int64)


def makers_of_room(trace: Trace) -> dict[int, int]:
    """Calls that unmapped, by their events: the mapping in front of which each belongs."""
    _, numbers, counts = np.unique(trace.tasks["pid"], return_inverse=True, return_counts=True)
    threaded = counts[numbers] > 1
    if not threaded.any():
        return {}
    pid = numbers.astype(np.int64)[trace.columns["task"]]
    acts = _Acts(trace, pid, threaded)
    pairs = _near(trace, acts)
    if not len(pairs):
        return {}
    mapping, maker = pairs.T
    place = np.maximum(acts.low[mapping], acts.low[maker])
    live = _were_mapped(trace, acts, pid, mapping, place)
    order: dict[int, int] = {}
    for first, event in zip(
        acts.event[mapping[live]].tolist(), acts.event[maker[live]].tolist(), strict=True
    ):
        order[event] = min(first, order.get(event, first))
    return order


def _near(trace: Trace, acts: _Acts) -> Ints:
    """Pairs of acts: a mapping, and behind it what unmaps its place and is what its thread does next."""
    task = trace.columns["task"]
    found: list[tuple[int, int]] = []
    for step in range(1, min(_STEPS, len(acts.event) - 1) + 1):
        over = (acts.low[step:] < acts.high[:-step]) & (acts.high[step:] > acts.low[:-step])
        over &= acts.chosen[:-step] & ~acts.maps[step:]
        for one in np.flatnonzero(over).tolist():
            other = one + step
            first, event = int(acts.event[one]), int(acts.event[other])
            if (
                acts.pid[one] != acts.pid[other]
                or acts.task[one] == acts.task[other]
                or event - first > _WINDOW
            ):
                continue
            if not (task[first + 1 : event] == acts.task[other]).any():
                found.append((one, other))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _were_mapped(trace: Trace, acts: _Acts, pid: Ints, mapping: Ints, place: Ints) -> npt.NDArray[np.bool_]:
    """Whether the last call of the log upon `place` before each mapping had mapped it, in the same program.

    Of each process the places are sorted, so that the acts upon them are ranges of these.
    """
    key = acts.pid[mapping] << _ADDRESS_BITS | place
    places = np.unique(key)
    base = acts.pid << _ADDRESS_BITS
    first = np.searchsorted(places, base | acts.low)
    count = np.searchsorted(places, base | np.maximum(acts.high - 1, acts.low), side="right") - first
    on = np.flatnonzero(count > 0)
    total = int(count[on].sum())
    if total > _MOST:
        return np.zeros(len(mapping), dtype=np.bool_)
    act = np.repeat(on, count[on])
    starts = np.repeat(np.cumsum(count[on]) - count[on], count[on])
    at = first[act] + np.arange(total) - starts
    order = np.lexsort((act, at))
    at, act = at[order], act[order]
    asked, step = np.searchsorted(places, key), len(acts.event) + 1
    before = np.searchsorted(at * step + act, asked * step + mapping) - 1
    found = np.maximum(before, 0)
    latest, same = act[found], (before >= 0) & (at[found] == asked)
    behind = acts.event[latest] > _last_exec(trace, pid, acts.event[mapping])
    return np.asarray(same & acts.maps[latest] & behind)


def _last_exec(trace: Trace, pid: Ints, event: Ints) -> Ints:
    """The last execve of the same process before each event, -1: none."""
    columns = trace.columns
    execs = np.flatnonzero((columns["kind"] == ev.K_EXEC) & (columns["ret"] >= 0))
    length = len(trace) + 1
    stamp = np.sort(pid[execs] * length + execs)
    at = np.searchsorted(stamp, pid[event] * length + event) - 1
    if not len(stamp):
        return np.full(len(event), -1, dtype=np.int64)
    found = stamp[np.maximum(at, 0)]
    return np.where((at >= 0) & (found // length == pid[event]), found % length, -1)
