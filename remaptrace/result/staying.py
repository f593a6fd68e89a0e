"""What stays of the mappings of one process: which bytes of each no later call replaced, moved or gave back.

Told from the calls alone, byte by byte, so that neighbours that merge into one area are told apart.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..abi.kinds import K_EXEC, K_MMAP, K_MREMAP, K_MUNMAP
from ..abi.mman import MREMAP_DONTUNMAP
from ..lateclasses import dataclass
from .result import Result

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_HIGHEST = 1 << 62  # no user address of any architecture lies there


@dataclass(frozen=True)
class Spans:
    """The ranges that the done calls of one address space map or give back, in the order of the calls.

    `event`: the call; `start`, `end`: bytes, whole pages; `makes`: it maps them (else it gives them back); `root`:
    the event of the mmap that memory moved by mremap comes from, the event itself for mmap, -1: not in the recording;
    `moved`: mremap takes it elsewhere or makes it another size later.
    """

    event: Ints
    start: Ints
    end: Ints
    makes: Bools
    root: Ints
    moved: Bools

    def __len__(self) -> int:
        return len(self.event)


def life_of(result: Result, pid: int, event: int) -> tuple[int, int]:
    """The events from, and up to, which the address space of `pid` behind `event` lives: from exec to exec."""
    trace = result.trace
    kinds, tasks = trace.columns["kind"], trace.columns["task"]
    pids = trace.tasks["pid"]
    execs = np.flatnonzero((kinds == K_EXEC) & (result.columns["ret"] == 0))
    execs = execs[np.asarray(pids[tasks[execs]] == pid)]
    at = int(np.searchsorted(execs, event, side="right"))
    return int(execs[at - 1]) if at else 0, int(execs[at]) if at < len(execs) else len(kinds)


def spans_of(result: Result, mine: Bools) -> Spans:
    """The ranges of the events `mine` of `result`, those of one address space."""
    columns, page = result.trace.columns, result.machine.page_size
    kinds = columns["kind"]
    answer = result.columns["ret"]
    calls = np.flatnonzero(mine & np.isin(kinds, (K_MMAP, K_MUNMAP, K_MREMAP)))
    ret = answer[calls].astype(np.int64)
    kind = kinds[calls]
    done = np.where(kind == K_MUNMAP, ret == 0, ret > 0)
    calls, ret, kind = calls[done], ret[done], kind[done]
    a0, a1, a2, a3 = (columns[name][calls].astype(np.int64) for name in ("a0", "a1", "a2", "a3"))
    makes = kind != K_MUNMAP
    start = np.where(makes, ret, a0)
    size = np.where(kind == K_MREMAP, a2, a1)
    left = (kind == K_MREMAP) & (a3 & MREMAP_DONTUNMAP == 0)  # the old place of what was moved
    order = np.argsort(
        np.concatenate((2 * np.flatnonzero(left), 2 * np.arange(len(calls)) + 1)), kind="stable"
    )

    def both(old: Ints, new: Ints) -> Ints:
        return np.concatenate((old[left], new))[order]

    event = both(calls, calls)
    start, size = both(a0, start), both(a1, size)
    made = np.concatenate((np.zeros(int(left.sum()), dtype=bool), makes))[order]
    end = start + -(-np.clip(size, 0, _HIGHEST // 2) // page) * page
    sound = (start >= 0) & (start < _HIGHEST) & (end > start)
    event, start, end, made = event[sound], start[sound], end[sound], made[sound]
    root, moved = _roots(columns["kind"][event], columns["a0"][event].astype(np.int64), event, start, made)
    return Spans(event, start, end, made, root, moved)


def _roots(
    kinds: npt.NDArray[np.integer], given: Ints, event: Ints, start: Ints, makes: Bools
) -> tuple[Ints, Bools]:
    """For each range the mmap that its memory comes from, and whether mremap takes it further."""
    root, moved = np.where(makes, event, -1), np.zeros(len(event), dtype=bool)
    movers = np.flatnonzero(makes & (kinds == K_MREMAP))
    if not len(movers):
        return root, moved
    makers = np.flatnonzero(makes)
    places = np.unique(start[makers])
    keys = np.searchsorted(places, start[makers]) * len(event) + makers
    order = np.argsort(keys)
    keys, makers = keys[order], makers[order]
    rank = np.searchsorted(places, given[movers])
    before = np.searchsorted(keys, rank * len(event) + movers) - 1
    found = makers[np.maximum(before, 0)]
    known = (before >= 0) & (start[found] == given[movers])
    for mover, source, sure in zip(movers.tolist(), found.tolist(), known.tolist(), strict=True):
        root[mover] = root[source] if sure else -1  # in the order of the calls: the source has its own by now
        moved[source] |= sure
    return root, moved


def staying_bytes(spans: Spans, count: int) -> Ints:
    """For each of the first `count` ranges the bytes of it that none of them behind it covers."""
    start, end = spans.start[:count], spans.end[:count]
    stays = np.zeros(count, dtype=np.int64)
    if not count:
        return stays
    borders, places = np.unique(np.concatenate((start, end)), return_inverse=True)
    low, high = places.reshape(2, -1)
    last = _last_over(low, high, len(borders) - 1)
    known = last >= 0
    np.add.at(stays, last[known], np.diff(borders)[known])
    stays[~spans.makes[:count]] = 0
    return stays


def _last_over(low: npt.NDArray[np.intp], high: npt.NDArray[np.intp], places: int) -> Ints:
    """For each place the last of the ranges [low, high) that covers it, -1: none.

    Each range is two, perhaps overlapping, of a power of two of places; those are halved from the largest down.
    """
    power = np.frexp((high - low).astype(np.float64))[1] - 1
    last = np.full(places, -1, dtype=np.int64)
    for level in range(int(power.max()), -1, -1):
        if level < power.max():
            half, whole = 1 << level, last
            last = whole.copy()
            last[half:] = np.maximum(last[half:], whole[:-half])
        here = np.flatnonzero(power == level)
        for at in (low[here], high[here] - (1 << level)):
            shown = np.full(places, -1, dtype=np.int64) if len(here) * 8 > places else None
            if shown is None:
                np.maximum.at(last, at, here)
            else:
                shown[at] = here  # of several the last one stays
                last = np.maximum(last, shown)
    return last


def replaced_at(spans: Spans) -> Ints:
    """For each range the event of the next one that begins at the same place, -1: none."""
    order = np.lexsort((np.arange(len(spans)), spans.start))
    begins = spans.start[order]
    following = np.full(len(spans), -1, dtype=np.int64)
    same = np.flatnonzero(begins[1:] == begins[:-1])
    following[order[same]] = spans.event[order[same + 1]]
    return following


_AGAINST = 4
"""Calls that give back for one that maps, at least, among the last calls of a process that tidies up."""


def tidying_from(spans: Spans, calls: npt.NDArray[np.intp], ended: int) -> int:
    """How many ranges come before those that only tidy up: unmapping, right up to the end of the process.

    `ended`: the event with which the process ended, -1: not recorded, then nothing is known of its last calls.
    `calls`: its memory calls. Half of those behind the first that tidies up give memory back, or it is no end.
    """
    if ended < 0 or not len(spans):
        return len(spans)
    weights = np.where(spans.makes, -_AGAINST, 1)
    sums = np.cumsum(weights[::-1])[::-1]
    at = int(sums.argmax())
    if sums[at] <= 0:
        return len(spans)
    behind = len(calls) - int(np.searchsorted(calls, spans.event[at]))
    return at if 2 * int((~spans.makes[at:]).sum()) >= behind else len(spans)
