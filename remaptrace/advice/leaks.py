"""Mappings that were never unmapped: by size, age, thread and, where stacks were recorded, caller.

They are counted by the calls that made them, not by areas: neighbours merge, so that mapped memory may grow while the
number of areas does not.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from ..abi.mman import MAP_ANONYMOUS, MAP_FIXED, MAP_STACK
from ..abi.vmflags import VM_EXEC
from ..lateclasses import dataclass, replace
from ..patterns import pattern
from ..result.areacolumns import columns_of
from ..result.result import Result
from ..result.staying import Bools, Ints, Spans, life_of, replaced_at, spans_of, staying_bytes, tidying_from
from ..trace.events import Trace
from .bill import Bill, file_labels, memory_call_events
from .callers import Weighed, by_caller, stack_of
from .limit import STEADY, Limit
from .patterns import CODE, LIBRARIES, RELRO

_LIBRARY = pattern(r"\.so(?:\.[\d.]+)?(?: \(deleted\))?\Z")
_FRAMES, _CALLERS = 4, 4
"""Frames of a caller, and callers, that are named."""
THREAD_STACKS = "thread stacks"
_LEAST = 50
_SHARE = 0.1
"""A group is a leak from this many mappings on, and this share of the areas or of the bytes that stay mapped."""


@dataclass(frozen=True)
class Leak:
    """Mappings of sizes from `size` to `largest` (bytes) that no call unmapped, made until the end.

    Or, with `given_back_event`, those that only the last calls of a process that ended unmapped, from that one on:
    then `unmapped` are those given back before.

    `file`: what they map, "" if they are anonymous or of many files, THREAD_STACKS if all are
    (MAP_STACK); `of_files`: they are no anonymous ones. Programs and libraries are never among them.

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
    stay: int = 0  # bytes of them that stay mapped
    given_back_event: int = -1


@dataclass(frozen=True)
class _Group:
    """The mappings that may leak, those of anonymous memory or those of files, by call.

    `event` made them; `size`: bytes; `stay`: bytes that stay; `gone`: the event that ends them, -1: none or not
    known; `alive`: most of it stays; `calls`: memory calls of the process while it works.
    """

    event: Ints
    size: Ints
    stay: Ints
    gone: Ints
    calls: Ints

    @property
    def alive(self) -> Bools:
        return np.asarray(self.stay * 2 >= self.size)

    def part(self, chosen: Bools) -> _Group:
        return _Group(self.event[chosen], self.size[chosen], self.stay[chosen], self.gone[chosen], self.calls)


def find_leaks(result: Result, bill: Bill, limit: Limit) -> tuple[list[Leak], list[Leak]]:
    """The groups of mappings that only grow, the largest first, and those that were given back at the end.

    Of the process of `bill`, to the end of its recording. Mappings of many sizes are a group only where they, or the
    number of areas, grow steadily: programs that start up map many sizes, too.
    """
    trace = result.trace
    pid = int(trace.tasks["pid"][bill.task])
    mine = np.asarray(trace.tasks["pid"][trace.columns["task"]] == pid)
    begin, until = life_of(result, pid, bill.event)
    mine[:begin] = mine[until:] = False
    calls = np.flatnonzero(memory_call_events(trace) & mine).astype(np.int64)
    if len(calls) < _LEAST:
        return [], []
    spans = spans_of(result, mine)
    ended = limit.ended_event if mine[limit.ended_event] else -1
    working = tidying_from(spans, calls, ended)
    steady = limit.calls_left >= 0 or limit.reached_event >= 0
    end = int(spans.event[working]) if working < len(spans) else len(mine)
    calls = calls[calls < end]
    if len(calls) < _LEAST:
        return [], []
    leaks = _leaks(result, bill, spans, staying_bytes(spans, len(spans)), calls, steady)
    if working == len(spans):
        return leaks, []
    stay = np.zeros(len(spans), dtype=np.int64)
    stay[:working] = staying_bytes(spans, working)
    known = {(leak.size, leak.of_files) for leak in leaks}
    tidied = _leaks(result, bill, spans, stay, calls, steady)
    return leaks, [replace(t, given_back_event=end) for t in tidied if (t.size, t.of_files) not in known]


def _leaks(result: Result, bill: Bill, spans: Spans, stay: Ints, calls: Ints, steady: bool) -> list[Leak]:
    """The groups that grow, the largest first; `stay`: bytes of each of `spans` that stay."""
    trace = result.trace
    columns = trace.columns
    gone = replaced_at(spans)
    gone[gone > calls[-1]] = -1
    made = spans.makes & (spans.root >= 0) & ~spans.moved & (spans.event <= calls[-1])
    root = np.maximum(spans.root, 0)
    flags = columns["a3"][root].astype(np.int64)
    usable = np.asarray(columns["a2"][root] != 0)
    fresh = (flags & MAP_FIXED == 0) | usable  # not what is put over memory given back
    bytes_in_use = int(stay[made & usable].sum())
    anonymous = made & fresh & (flags & MAP_ANONYMOUS != 0)
    # Of files, who chooses the place keeps account of it.
    placed = made & (flags & MAP_ANONYMOUS == 0) & (flags & MAP_FIXED == 0)
    leaks: list[Leak] = []
    for of_files in (False, True):
        chosen = placed if of_files else anonymous
        areas = np.zeros(len(spans), dtype=np.intp)
        if of_files and chosen.any():
            areas, known = _areas_of(spans, bill)
            chosen = chosen & known & ~_loaded(bill)[areas]
        files = file_labels(columns_of(bill.vmas)) if of_files and chosen.any() else None
        group = _Group(
            spans.event[chosen], spans.end[chosen] - spans.start[chosen], stay[chosen], gone[chosen], calls
        )
        for leak, kept in _groups(trace, group, steady, bill.total, bytes_in_use):
            names = (
                {files[i] for i in np.unique(areas[chosen][kept]).tolist()} if files is not None else set()
            )
            if not of_files and (flags[chosen][kept] & MAP_STACK != 0).all():
                names = {THREAD_STACKS}
            leaks.append(replace(leak, of_files=of_files, file=names.pop() if len(names) == 1 else ""))
    return sorted(leaks, key=lambda leak: -leak.mappings)


def _areas_of(spans: Spans, bill: Bill) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], Bools]:
    """In which area of the peak each of `spans` begins, and whether it does: those made later have none."""
    areas = columns_of(bill.vmas)
    starts, ends = areas.start.astype(np.int64), areas.end.astype(np.int64)
    inside = np.maximum(np.searchsorted(starts, spans.start, side="right") - 1, 0)
    if not len(starts):
        return inside, np.zeros(len(spans), dtype=bool)
    found = (starts[inside] <= spans.start) & (spans.start < ends[inside]) & (spans.event <= bill.event)
    return inside, np.asarray(found)


def _loaded(bill: Bill) -> Bools:
    """Which areas map a program or a library, by its name or because it is executed somewhere: they belong to it."""
    areas = columns_of(bill.vmas)
    programs = np.unique(areas.inode[(areas.flags & VM_EXEC != 0) & (areas.inode != 0)])
    named = areas.file.where(lambda name: _LIBRARY.search(name) is not None)
    words = bill.patterns.where(lambda word: word in (LIBRARIES, RELRO, CODE))
    return np.asarray(words & (np.isin(areas.inode, programs) | named))


def _groups(trace: Trace, group: _Group, steady: bool, total: int, in_use: int) -> list[tuple[Leak, Ints]]:
    """Groups of one size, and of all other sizes, that only grow; with each the places of its mappings in `group`.

    `total`: areas of the process; `in_use`: usable bytes that stay mapped.
    """
    leaks: list[tuple[Leak, Ints]] = []
    rest = np.ones(len(group.size), dtype=bool)

    def enough(part: _Group, share: float) -> bool:
        count, stay = int(part.alive.sum()), int(part.stay[part.alive].sum())
        return count >= _LEAST and (count >= share * total or stay >= share * in_use > 0)

    sizes, often = np.unique(group.size[group.alive], return_counts=True)
    for size in sizes[often >= _LEAST].tolist():
        same = group.size == size
        part = group.part(same)
        if enough(part, _SHARE) and _still_comes(part):
            leaks.append((_leak(trace, part), np.flatnonzero(group.alive & same)))
            rest &= ~same
    part = group.part(rest)
    if enough(part, 2 * _SHARE) and _still_comes(part) and (steady or _straight(part)):
        leaks.append((_leak(trace, part), np.flatnonzero(group.alive & rest)))
    return leaks


_EVERY_AGE = 8
"""Part of the kept that each quarter of a slow leak has at least; even shares are 4."""


def _still_comes(group: _Group) -> bool:
    """Whether what is kept comes until the end, and the group grows in the last half: what stopped is bounded.

    Most of them are kept and their number never falls far, or there are some of every age: of what a cache replaces,
    or a collector frees at times, only the young are there.
    """
    kept, calls = group.event[group.alive], group.calls
    first, second, third, fourth = _ages(kept, calls)
    if (third + fourth) * 4 < len(kept) or int((kept >= calls[len(calls) * 7 // 8]).sum()) * 40 < len(kept):
        return False
    every_age = min(first, second, third, fourth) * _EVERY_AGE >= len(kept)
    if len(kept) * 2 < len(group.event) and not every_age:
        return False
    events, course = _course(group)
    if int((np.maximum.accumulate(course) - course).max()) * 4 > len(kept):  # it falls again
        lows = [_lowest(events, course, calls, n) for n in (1, 3)]
        return every_age and (lows[1] - lows[0]) * 4 >= len(kept)
    half, later, end = (
        _at(events, course, int(calls[min(len(calls) * n // 4, len(calls) - 1)])) for n in (2, 3, 4)
    )
    return (end - half) * 4 >= len(kept) and (end - later) * 16 >= end - half


def _course(group: _Group) -> tuple[Ints, Ints]:
    """Events, ascending, and how many mappings of the group are there behind each.

    Of a mapping whose end no call tells by its start only what stays is counted.
    """
    gone = (group.gone >= 0) & ~group.alive  # of what stays only a part was cut off
    counted = gone | group.alive
    events = np.concatenate((group.event[counted], group.gone[gone]))
    steps = np.concatenate((np.ones(int(counted.sum()), dtype=np.int64), np.full(int(gone.sum()), -1)))
    order = np.argsort(events, kind="stable")
    return events[order], np.cumsum(steps[order])


def _at(events: Ints, course: Ints, event: int) -> int:
    """How many there are behind `event`."""
    place = int(np.searchsorted(events, event, side="right"))
    return int(course[place - 1]) if place else 0


def _lowest(events: Ints, course: Ints, calls: Ints, quarter: int) -> int:
    """The fewest there are in a quarter of the calls, counted from 0."""
    low, high = (int(calls[min(len(calls) * n // 4, len(calls) - 1)]) for n in (quarter, quarter + 1))
    inside = course[np.searchsorted(events, low) : np.searchsorted(events, high, side="right")]
    return min(_at(events, course, low), int(inside.min(initial=np.iinfo(np.int64).max)))


def _straight(group: _Group) -> bool:
    """Whether the group grows on a straight line in the last half of the calls."""
    events, course = _course(group)
    calls = group.calls[len(group.calls) // 2 :]
    place = np.searchsorted(events, calls, side="right")
    tail = np.concatenate((np.zeros(1, dtype=np.int64), course))[place].astype(np.float64)
    if not tail.std():
        return False
    return bool(np.corrcoef(np.arange(len(tail), dtype=np.float64), tail)[0, 1] ** 2 >= STEADY)


def _leak(trace: Trace, group: _Group) -> Leak:
    alive, calls = group.alive, group.calls
    kept, sizes = group.event[alive], group.size[alive]
    ages = _ages(kept, calls)
    threads = Counter(trace.tasks["tid"][trace.columns["task"][kept]].tolist())
    return Leak(
        int(sizes.min()),
        int(sizes.max()),
        len(kept),
        len(group.event) - len(kept),
        ages[2] + ages[3],
        int(kept[0]),
        int(kept[-1]),
        tuple(threads.most_common(4)),
        ages,
        _callers(trace, kept),
        stay=int(group.stay[alive].sum()),
    )


def _ages(kept: Ints, calls: Ints) -> tuple[int, int, int, int]:
    """How many of `kept` each quarter of the process's memory calls made."""
    borders = [int(calls[len(calls) * n // 4]) for n in (1, 2, 3)]
    first, second, third = (int(n) for n in np.searchsorted(kept, borders))
    return first, second - first, third - second, len(kept) - third


def _callers(trace: Trace, kept: Ints) -> tuple[tuple[tuple[str, ...], int], ...]:
    """Who made `kept`, by the innermost frames of their stacks; empty for a recording without stacks."""
    if "stack" not in trace.columns:
        return ()
    stacks = [Weighed(stack_of(trace, event), 1) for event in kept.tolist()]
    return tuple((s.frames, s.weight) for s in by_caller(stacks, _FRAMES)[:_CALLERS])
