"""The bill: every area at the peak, counted by what it is for, who made it and what it maps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from ..abi.calls import KIND_NAMES
from ..abi.kinds import K_EXEC, K_FORK, K_FORK_STEP
from ..lateclasses import dataclass, field
from ..result.areacolumns import AreaColumns, Labels, columns_of, kinds_of, one_each, packed
from ..result.result import Result, Snapshot, VmaRow
from ..trace.events import IntArray, Trace, are_memory_calls
from .neighbours import Neighbours
from .origins import origins_of
from .pairs import neighbours_of
from .patterns import PATTERNS, patterns_of

SIZE_CLASSES = ((4096, "1 page"), (64 << 10, "to 64 KiB"), (1 << 20, "to 1 MiB"), (64 << 20, "to 64 MiB"))


@dataclass(frozen=True)
class Item:
    """One line of the bill. `first_event` is the earliest event that made one of its areas, -1: before the log."""

    label: str
    vmas: int
    bytes: int
    first_event: int
    per_thousand: float  # areas made per 1,000 memory calls of the process


@dataclass(frozen=True)
class Bill:
    """The areas of one process at its peak. Each view adds up to `total`."""

    task: int  # row of Trace.tasks
    event: int  # of the peak
    total: int
    calls: int  # memory calls of the process up to the peak
    views: dict[str, list[Item]]  # "pattern", "call", "thread", "file", "size"
    apart: dict[str, int]  # attribute that keeps touching neighbours apart: pairs
    patterns: Labels = field(repr=False)  # of each area, by address
    vmas: Sequence[VmaRow] = field(repr=False)


def memory_call_events(trace: Trace) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which events are memory calls."""
    return are_memory_calls(trace.columns["kind"])


def calls_behind(trace: Trace, task: int, event: int) -> int:
    """Memory calls that made the address space of `task` as it is behind `event`.

    Those of the process since its last exec, and those of its parents up to the fork: a child has their areas too.
    """
    kinds, tasks = trace.columns["kind"], trace.columns["task"]
    pids, parents = trace.tasks["pid"], trace.tasks["parent"]
    memory = memory_call_events(trace)
    calls, row, end = 0, task, event + 1
    while True:
        mine = np.asarray(pids[tasks[:end]] == pids[row])
        execs = np.flatnonzero(mine & (kinds[:end] == K_EXEC))
        begin = int(execs[-1]) + 1 if len(execs) else 0
        calls += int((memory[begin:end] & mine[begin:]).sum())
        first = int(np.flatnonzero(pids == pids[row])[0])
        parent = int(parents[first])
        forks = np.flatnonzero(
            np.isin(kinds[:end], (K_FORK, K_FORK_STEP)) & (trace.columns["a0"][:end] == first)
        )
        if len(execs) or parent < 0 or not len(forks):
            return calls
        row, end = parent, int(forks[0])


def peak(result: Result) -> tuple[int, int]:
    """(event, task row) of the highest map_count of the run; (-1, 0) if no event has an address space."""
    counts = result.columns["map_count"]
    if not len(counts):
        return -1, 0
    event = int(counts.argmax())
    return event, int(result.trace.columns["task"][event])


def file_labels(areas: AreaColumns, unknown: str = "") -> Labels:
    """What every area maps, by name; files that no line of a trace names are `unknown`, where that is given."""
    first, kind = kinds_of(packed(areas.name.ids, areas.file.ids))
    words = []
    for at in first.tolist():
        word = areas.name.words[areas.name.ids[at]] or areas.file.words[areas.file.ids[at]] or "anonymous"
        words.append(unknown if unknown and word.startswith("file@") else word)
    return one_each(words, kind)


def size_labels(areas: AreaColumns) -> Labels:
    """The class of size of every area."""
    classes = np.searchsorted([limit for limit, _ in SIZE_CLASSES], areas.end - areas.start)
    return Labels((*(label for _, label in SIZE_CLASSES), "larger"), classes.astype(np.int64))


def _view(areas: AreaColumns, labels: Labels, calls: int) -> list[Item]:
    """The areas by label, the most first; labels that are equally large in the order of their first areas."""
    first, kind = kinds_of(labels.ids)
    count = np.bincount(kind, minlength=len(first))
    size = np.zeros(len(first), dtype=np.int64)
    np.add.at(size, kind, areas.end - areas.start)
    early = np.full(len(first), _NEVER)
    np.minimum.at(early, kind, np.where(areas.born < 0, _NEVER, areas.born))
    items = []
    for at in np.argsort(-count, kind="stable").tolist():
        n, born = int(count[at]), int(early[at])
        per = round(1000 * n / calls, 1) if calls else 0.0
        label = labels.words[labels.ids[first[at]]]
        items.append(Item(label, n, int(size[at]), -1 if born == _NEVER else born, per))
    return items


_NEVER = np.iinfo(np.int64).max


def bill_views(areas: AreaColumns, labels: dict[str, Labels], calls: int) -> dict[str, list[Item]]:
    """Views of `areas`, each by a label an area; patterns that are equally large in their own order."""
    views = {name: _view(areas, column, calls) for name, column in labels.items()}
    views["pattern"] = sorted(views["pattern"], key=lambda i: (-i.vmas, PATTERNS.index(i.label)))
    return views


def _by_birth(areas: AreaColumns, column: IntArray, word: Callable[[int], str]) -> Labels:
    """For every area the `word` for what `column` has for the event that made it; without one: before the log."""
    known = (areas.born >= 0) & (areas.born < len(column))
    numbers = np.full(len(areas), -1, dtype=np.int64)
    numbers[known] = column[areas.born[known]]
    values, ids = np.unique(numbers, return_inverse=True)
    words = [word(value) if value >= 0 else "before the log" for value in values.tolist()]
    return one_each(words, ids.reshape(-1))


def make_bill(result: Result, shot: Snapshot) -> Bill:
    """The bill of the address space `shot` of `result`, taken behind event `shot.event`."""
    trace, areas = result.trace, columns_of(shot.vmas)
    kinds, tasks = trace.columns["kind"], trace.columns["task"]
    calls = calls_behind(trace, shot.task, shot.event)
    asked = Neighbours(result.machine.rules.tolist(), result.machine.page_size)
    patterns = patterns_of(areas, asked, origins_of(result, shot.task, shot.event))
    labels = {
        "pattern": patterns,
        "call": _by_birth(areas, kinds, lambda kind: KIND_NAMES.get(kind, "?")),
        "thread": _by_birth(areas, tasks, lambda task: str(trace.tasks["tid"][task])),
        "file": file_labels(areas, "files of unknown name"),
        "size": size_labels(areas),
    }
    views = bill_views(areas, labels, calls)
    apart: defaultdict[str, int] = defaultdict(int)
    for lower, upper, count in neighbours_of(areas, asked).examples():
        if lower.end == upper.start:
            apart[asked.why_apart(lower, upper)] += count
    ordered = dict(sorted(apart.items(), key=lambda kv: -kv[1]))
    return Bill(shot.task, shot.event, len(areas), calls, views, ordered, patterns, shot.vmas)
