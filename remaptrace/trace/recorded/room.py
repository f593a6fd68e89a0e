"""Calls that made the room of another thread's mapping, and whose lines stand behind its line.

A line is printed when its call has returned. While one thread is on its way out of munmap, another may have mapped
what became free, and may be told first. The kernel puts no mapping without MAP_FIXED where something is mapped
(mm/mmap.c:get_unmapped_area). So if the log had mapped something there, and what some other thread does next is to
unmap it, that came first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
_PIECE = 1 << 17
"""Events that are looked at together: what is made of them stays in the processor's caches."""
_BACK = 512
"""Acts before a mapping among which the latest upon its place is looked for first: most places are used again soon."""
_TOGETHER = 256
"""Pairs that are looked at together."""
_STRETCHES = 1 << 17
"""Stretches of memory, of all processes together."""

_MAPS, _UNMAPS, _MOVES = 1, 2, 3
_SORT = np.zeros(256, dtype=np.int8)
_SORT[[ev.K_MMAP, ev.K_OLD_MMAP]] = _MAPS
_SORT[ev.K_MUNMAP] = _UNMAPS
_SORT[ev.K_MREMAP] = _MOVES

Ints = npt.NDArray[np.int64]


class _Acts:
    """Successful calls of processes with several threads that map or unmap, one row for each thing that they do.

    `event`: int64 numbers, ascending; `low`, `high`: what is mapped or unmapped, bytes; `maps`: whether it is mapped;
    `chosen`: by the kernel, where nothing was; `task`: rows of tasks.
    """

    def __init__(self, trace: Trace, threaded: npt.NDArray[np.bool_], first: int, last: int) -> None:
        """Of the events first..last-1; `threaded`: for each task, whether its process has several."""
        columns = {
            name: trace.columns[name][first:last] for name in ("kind", "task", "ret", "a0", "a1", "a2", "a3")
        }
        sort, ret = _SORT[columns["kind"]], columns["ret"]
        event = np.flatnonzero((sort != 0) & ((ret >= 0) | (ret < -4095)) & threaded[columns["task"]])
        sort = sort[event]
        low = np.where(sort == _MAPS, ret[event], columns["a0"][event]).astype(np.int64)
        length = columns["a1"][event].astype(np.int64)
        maps = sort == _MAPS
        if (sort == _MOVES).any():
            event, low, length, maps = _with_moves(columns, event, low, length, sort)
        self.low: Ints = low
        self.high: Ints = low + (length + 4095 & ~4095)
        self.maps = maps
        kind = columns["kind"][event]
        fixed = columns["a3"][event].astype(np.int64) & (MAP_FIXED | MAP_FIXED_NOREPLACE) != 0
        self.chosen = maps & (kind != ev.K_MREMAP) & ~fixed
        self.task: Ints = columns["task"][event].astype(np.int64)
        self.event: Ints = event + first

    def behind(self, before: _Acts | None) -> tuple[_Acts, int]:
        """These with the last of those before them, and how many these are."""
        if before is None:
            return self, 0
        kept = max(len(before.event) - max(_BACK, _STEPS), 0)
        joined = object.__new__(_Acts)
        for name in vars(self):
            setattr(joined, name, np.concatenate([getattr(before, name)[kept:], getattr(self, name)]))
        return joined, len(before.event) - kept


def _with_moves(
    columns: dict[str, npt.NDArray[np.integer[Any]]],
    event: Ints,
    low: Ints,
    length: Ints,
    sort: npt.NDArray[np.int8],
) -> tuple[Ints, Ints, Ints, npt.NDArray[np.bool_]]:
    """Events, beginnings, lengths and whether they map, with what each mremap leaves and, behind that, maps."""
    a0, a1, a2, a3, ret = (columns[name][event].astype(np.int64) for name in ("a0", "a1", "a2", "a3", "ret"))
    moves = sort == _MOVES
    leaves = moves & (((ret != a0) & (a3 & MREMAP_DONTUNMAP == 0)) | (a2 < a1))  # a moved or shorter mapping
    stays = np.where(ret == a0, a2, 0)
    low, length = np.where(leaves, a0 + stays, low), np.where(leaves, a1 - stays, length)
    rows = np.flatnonzero(~moves | leaves)
    order = np.argsort(np.r_[rows * 2, np.flatnonzero(moves) * 2 + 1], kind="stable")
    every = np.r_[rows, np.flatnonzero(moves)][order]
    maps = np.r_[sort[rows] == _MAPS, np.ones(int(moves.sum()), dtype=bool)][order]
    mapped = order >= len(rows)
    return (
        event[every],
        np.where(mapped, ret[every], low[every]),
        np.where(mapped, a2[every], length[every]),
        maps,
    )


def makers_of_room(trace: Trace) -> dict[int, int]:
    """Calls that unmapped, by their events: the mapping in front of which each belongs."""
    _, numbers, counts = np.unique(trace.tasks["pid"], return_inverse=True, return_counts=True)
    threaded = counts[numbers] > 1
    if not threaded.any():
        return {}
    pid = numbers.astype(np.int64)
    pieces: list[_Acts] = []
    found: list[Ints] = []
    near: _Acts | None = None
    for at in range(0, len(trace), _PIECE):
        pieces.append(_Acts(trace, threaded, at, at + _PIECE))
        near, old = pieces[-1].behind(near)
        if len(pairs := _near(trace, pid, near, old)):
            found.append(_with_latest(near, pid, pairs))
    if not found:
        return {}
    mapping, maker, place, latest, mapped = np.concatenate(found).T
    of = pid[trace.columns["task"][mapping]]
    open_ = np.flatnonzero(latest < 0)
    if len(open_):
        latest[open_], mapped[open_] = _latest(
            len(trace), pid, pieces, mapping[open_], of[open_], place[open_]
        )
    live = (latest > _last_exec(trace, pid, of, mapping)) & (mapped != 0)
    order: dict[int, int] = {}
    for first, event in zip(mapping[live].tolist(), maker[live].tolist(), strict=True):
        order[event] = min(first, order.get(event, first))
    return order


def _near(trace: Trace, pid: Ints, acts: _Acts, old: int) -> Ints:
    """Pairs of acts: a mapping, and behind it what unmaps its place and is what its thread does next; the first `old`
    acts stand for the second only of those behind them.
    """
    task = trace.columns["task"]
    begin = max(old - _STEPS, 0)
    low, high, chosen, maps, event = (
        column[begin:] for column in (acts.low, acts.high, acts.chosen, acts.maps, acts.event)
    )
    old -= begin
    found: list[tuple[int, int]] = []
    for step in range(1, min(_STEPS, len(event) - 1) + 1):
        over = (low[step:] < high[:-step]) & (high[step:] > low[:-step])
        over &= chosen[:-step] & ~maps[step:]
        for one in (np.flatnonzero(over[max(old - step, 0) :]) + max(old - step, 0)).tolist():
            first, last = int(event[one]), int(event[one + step])
            mine, other = int(task[first]), int(task[last])
            if pid[mine] != pid[other] or mine == other or last - first > _WINDOW:
                continue
            if not (task[first + 1 : last] == other).any():
                found.append((begin + one, begin + one + step))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _with_latest(acts: _Acts, pid: Ints, pairs: Ints) -> Ints:
    """Of each pair the two events, the place that both have, and the latest act upon it before the mapping, if it is
    among the _BACK before: its event, -1 if it is not, and whether it mapped.
    """
    mapping, maker = pairs.T
    place = np.maximum(acts.low[mapping], acts.low[maker])
    latest = np.full(len(pairs), -1, dtype=np.int64)
    mapped = np.zeros(len(pairs), dtype=np.int64)
    for first in range(0, len(pairs), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        rows = np.maximum(mapping[part, None] - np.arange(_BACK, 0, -1), 0)
        asked = place[part, None]
        upon = (acts.low[rows] <= asked) & (asked < np.maximum(acts.high[rows], acts.low[rows] + 1))
        upon &= pid[acts.task[rows]] == pid[acts.task[mapping[part, None]]]
        upon &= rows < mapping[part, None]
        last = _BACK - 1 - upon[:, ::-1].argmax(axis=1)
        here = rows[np.arange(len(rows)), last]
        met = upon[np.arange(len(rows)), last]
        latest[part] = np.where(met, acts.event[here], -1)
        mapped[part] = acts.maps[here]
    return np.stack([acts.event[mapping], acts.event[maker], place, latest, mapped], axis=1)


def _latest(
    events: int, pid: Ints, pieces: list[_Acts], mapping: Ints, of: Ints, place: Ints
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """The event of the last act of process `of` upon `place` before each event `mapping`, -1: none; whether it mapped.

    Of each process the places are sorted, so that the acts upon them are ranges of these. Far too many of them are as
    good as none.
    """
    key = of << _ADDRESS_BITS | place
    places = np.unique(key)
    parts: list[tuple[Ints, Ints, npt.NDArray[np.bool_]]] = []
    total = 0
    may_be_upon = _stretches(pid, of, place)
    for acts in pieces:
        last = np.maximum(acts.high - 1, acts.low)
        on = may_be_upon(acts.task, acts.low, last)
        base = pid[acts.task[on]] << _ADDRESS_BITS
        first = np.searchsorted(places, base | acts.low[on])
        count = np.searchsorted(places, base | last[on], side="right") - first
        some = count > 0
        on, first, count = on[some], first[some], count[some]
        total += int(count.sum())
        if total > _MOST:
            return np.full(len(mapping), -1, dtype=np.int64), np.zeros(len(mapping), dtype=np.bool_)
        starts = np.repeat(np.cumsum(count) - count, count)
        at = np.repeat(first, count) + np.arange(len(starts)) - starts
        parts.append((at, np.repeat(acts.event[on], count), np.repeat(acts.maps[on], count)))
    at, event, maps = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(
        at, kind="stable"
    )  # acts come in the order of events, those of one mremap as they are done
    at, event, maps = at[order], event[order], maps[order]
    asked, step = np.searchsorted(places, key), events + 1
    before = np.searchsorted(at * step + event, asked * step + mapping) - 1
    found = np.maximum(before, 0)
    met = (before >= 0) & (at[found] == asked)
    return np.where(met, event[found], -1), maps[found]


def _stretches(pid: Ints, of: Ints, place: Ints) -> Callable[[Ints, Ints, Ints], Ints]:
    """What tells which rows (tasks, first and last bytes) may hold some `place` of their process, and misses none.

    The memory of each process that has one is counted in stretches of equal length.
    """
    processes = np.unique(of)
    known = np.minimum(np.searchsorted(processes, pid), len(processes) - 1)
    number = np.where(processes[known] == pid, known + 1, 0)  # of each task's process, 0: it has none
    stretches = max(_STRETCHES // (len(processes) + 1), 1)
    lowest = int(place.min())
    shift = max((int(place.max()) - lowest).bit_length() - (stretches.bit_length() - 1), 0)

    def stretch(at: Ints) -> Ints:
        return np.asarray(np.minimum(np.maximum(at - lowest, 0) >> shift, stretches - 1))

    there = np.zeros((len(processes) + 1, stretches + 1), dtype=np.int32)
    np.add.at(there, (np.searchsorted(processes, of) + 1, stretch(place) + 1), 1)
    below = there.cumsum(axis=1, dtype=np.int32).reshape(-1)  # places in front of each stretch

    def rows(task: Ints, first: Ints, last: Ints) -> Ints:
        row = number[task] * (stretches + 1)
        return np.flatnonzero(below[row + stretch(last) + 1] != below[row + stretch(first)])

    return rows


def _last_exec(trace: Trace, pid: Ints, of: Ints, event: Ints) -> Ints:
    """The last execve of the same process (`of`) before each event, -1: none."""
    columns = trace.columns
    execs = np.flatnonzero((columns["kind"] == ev.K_EXEC) & (columns["ret"] >= 0))
    length = len(trace) + 1
    stamp = np.sort(pid[columns["task"][execs]] * length + execs)
    at = np.searchsorted(stamp, of * length + event) - 1
    if not len(stamp):
        return np.full(len(event), -1, dtype=np.int64)
    found = stamp[np.maximum(at, 0)]
    return np.where((at >= 0) & (found // length == of), found % length, -1)
