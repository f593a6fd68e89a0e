"""Calls that made the room of another thread's mapping, and whose lines stand behind its line.

A line is printed when its call has returned. While one thread is on its way out of munmap, another may have mapped
what became free, and may be told first. The kernel puts no mapping without MAP_FIXED where something is mapped
(mm/mmap.c:get_unmapped_area). So if the log had mapped something there, and what some other thread does next is to
unmap it, that came first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...abi import kinds as ev
from ...abi.mman import MAP_FIXED, MAP_FIXED_NOREPLACE, MREMAP_DONTUNMAP
from ..compiled import acts as compiled
from ..compiled import pays
from ..compiled.columnwords import described
from ..events import Trace, distinct, rows_where

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

_MAPS, _UNMAPS, _MOVES = compiled.MAPS, compiled.UNMAPS, compiled.MOVES
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
    search = _compiled(trace, np.where(threaded, pid, -1)) or _Pieces(trace, pid, threaded)
    pairs = search.pairs()
    if not len(pairs):
        return {}
    mapping, maker, place, latest, mapped = pairs.T
    of = pid[trace.columns["task"][mapping]]
    open_ = np.flatnonzero(latest < 0)
    if len(open_):
        latest[open_], mapped[open_] = search.latest(mapping[open_], of[open_], place[open_])
    live = (latest > _last_exec(trace, pid, of, mapping)) & (mapped != 0)
    order: dict[int, int] = {}
    for first, event in zip(mapping[live].tolist(), maker[live].tolist(), strict=True):
        order[event] = min(first, order.get(event, first))
    return order


class _Pieces:
    """The search by numpy, piece by piece."""

    def __init__(self, trace: Trace, pid: Ints, threaded: npt.NDArray[np.bool_]) -> None:
        self._trace, self._pid, self._threaded = trace, pid, threaded
        self._pieces: list[_Acts] = []

    def pairs(self) -> Ints:
        """A mapping and what unmaps its place, see `_near`, with the latest act upon it, see `_with_latest`."""
        found: list[Ints] = [np.zeros((0, compiled.PAIR_WORDS), dtype=np.int64)]
        near: _Acts | None = None
        for at in range(0, len(self._trace), _PIECE):
            self._pieces.append(_Acts(self._trace, self._threaded, at, at + _PIECE))
            near, old = self._pieces[-1].behind(near)
            if len(pairs := _near(self._trace, self._pid, near, old)):
                found.append(_with_latest(near, self._pid, pairs))
        return np.concatenate(found)

    def latest(self, mapping: Ints, of: Ints, place: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """See `_latest`."""
        return _latest(len(self._trace), self._pid, self._pieces, mapping, of, place)


def _ring() -> Ints:
    """Room for the latest events of all processes, as the machine code goes round in it."""
    return np.zeros((compiled.RING, compiled.RING_WORDS), dtype=np.int64)


def _picked() -> Ints:
    return np.zeros(compiled.TOGETHER, dtype=np.int64)


class _Compiled:
    """The same by machine code, event by event; `pids` of each task, -1: its process has one thread."""

    def __init__(self, trace: Trace, pids: Ints, columns: Ints) -> None:
        self._trace, self._pids, self._columns = trace, pids, columns
        self._sorts = _SORT.view(np.uint8)

    def pairs(self) -> Ints:
        """As `_Pieces.pairs`, by the events of what unmaps; without those that can be told to have taken no room."""
        ring, chosen, picked = _ring(), _ring(), _picked()
        state = np.zeros(compiled.STATE_WORDS, dtype=np.int64)
        stretches = np.zeros((compiled.STRETCHES, 2), dtype=np.int64)
        pages = np.zeros((compiled.ROWS, compiled.ROW_WORDS), dtype=np.int64)
        out = np.zeros((1 << 12, compiled.PAIR_WORDS), dtype=np.int64)
        found = [out[:0]]
        while state[compiled.N_EVENT] < len(self._trace):
            count = compiled.near_pairs(
                self._columns, self._sorts, self._pids, len(self._trace), _STEPS, _WINDOW, _BACK, ring, chosen, picked,
                state, stretches, pages, out,
            )  # fmt: skip
            found.append(out[:count].copy())
        return np.concatenate(found)

    def latest(self, mapping: Ints, of: Ints, place: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """As `_Pieces.latest`."""
        stretches = _Stretches(self._pids, of, place)
        questions = np.zeros((len(mapping), compiled.QUESTION_WORDS), dtype=np.int64)
        order = np.argsort(mapping, kind="stable")
        questions[:, compiled.Q_EVENT] = mapping[order]
        questions[:, compiled.Q_PLACE] = stretches.numbers[order]
        upon = np.zeros((len(stretches.places), 2), dtype=np.int64)
        upon[:, compiled.U_LATEST] = -1
        last = int(mapping.max()) + 1
        met = compiled.latest_acts(
            self._columns, self._sorts, self._pids, last, stretches.places, stretches.rows, stretches.below,
            stretches.count, stretches.lowest, stretches.shift, upon, questions, _ring(), _picked(),
            _MOST,
        )  # fmt: skip
        if met < 0:
            questions[:, compiled.Q_LATEST] = -1
        latest, mapped = np.zeros(len(order), dtype=np.int64), np.zeros(len(order), dtype=np.bool_)
        latest[order] = questions[:, compiled.Q_LATEST]
        mapped[order] = questions[:, compiled.Q_MAPPED] != 0
        return latest, mapped


def _compiled(trace: Trace, pids: Ints) -> _Compiled | None:
    """The search by machine code, where that is at hand and pays."""
    if not (pays("acts.near_pairs", len(trace)) and pays("acts.latest_acts", len(trace))):
        return None
    columns = described(trace.columns, compiled.ACT_COLUMNS)
    return None if columns is None else _Compiled(trace, pids, columns)


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
    places = distinct(key)
    parts: list[tuple[Ints, Ints, npt.NDArray[np.bool_]]] = []
    total = 0
    stretches = _Stretches(pid, of, place)
    for acts in pieces:
        last = np.maximum(acts.high - 1, acts.low)
        on = stretches.met(pid[acts.task], acts.low, last)
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


class _Stretches:
    """The memory of each process that has a place `place` (of process `of`), counted in stretches of equal length.

    `places`: different ones, by process and address; `rows`: of each process its row here, -1: no place is its own;
    ``below[row * count + s]``: how many places there are in front of stretch s; `lowest`: where the first begins.
    """

    def __init__(self, pid: Ints, of: Ints, place: Ints) -> None:
        processes = distinct(of)
        self.rows = np.full(int(pid.max()) + 1, -1, dtype=np.int64)
        self.rows[processes] = np.arange(len(processes))
        self.count = max(_STRETCHES // (len(processes) + 1), 1)
        self.lowest = int(place.min())
        self.shift = max((int(place.max()) - self.lowest).bit_length() - (self.count.bit_length() - 1), 0)
        order = np.lexsort((place, of))
        new = np.r_[True, (np.diff(of[order]) != 0) | (np.diff(place[order]) != 0)]
        self.places = place[order][new]
        self.numbers = np.empty(len(order), dtype=np.int64)
        """Of each place that was given which of `places` it is."""
        self.numbers[order] = np.cumsum(new) - 1
        there = np.bincount(
            self.rows[of[order][new]] * self.count + self._stretch(self.places),
            minlength=len(processes) * self.count,
        )
        self.below = np.r_[0, np.cumsum(there)]

    def _stretch(self, at: Ints) -> Ints:
        return np.asarray(np.minimum(np.maximum(at - self.lowest, 0) >> self.shift, self.count - 1))

    def met(self, pid: Ints, first: Ints, last: Ints) -> Ints:
        """Which rows (processes, first and last bytes) may hold a place of their process; misses none."""
        row = self.rows[pid]
        at = np.maximum(row, 0) * self.count
        some = self.below[at + self._stretch(last) + 1] != self.below[at + self._stretch(first)]
        return np.flatnonzero(some & (row >= 0))


def _last_exec(trace: Trace, pid: Ints, of: Ints, event: Ints) -> Ints:
    """The last execve of the same process (`of`) before each event, -1: none."""
    columns = trace.columns
    execs = rows_where(lambda kind: kind == ev.K_EXEC, columns["kind"])
    execs = execs[columns["ret"][execs] >= 0]
    length = len(trace) + 1
    stamp = np.sort(pid[columns["task"][execs]] * length + execs)
    at = np.searchsorted(stamp, of * length + event) - 1
    if not len(stamp):
        return np.full(len(event), -1, dtype=np.int64)
    found = stamp[np.maximum(at, 0)]
    return np.where((at >= 0) & (found // length == of), found % length, -1)
