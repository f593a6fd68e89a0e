"""The bill: every area at the peak, counted by what it is for, who made it and what it maps."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..abi.calls import KIND_NAMES
from ..abi.kinds import K_EXEC, K_FORK, K_FORK_STEP
from ..lateclasses import dataclass, field
from ..result.result import Result, Snapshot, VmaRow
from ..trace.events import Trace, are_memory_calls
from .neighbours import Neighbours
from .origins import origins_of
from .patterns import PATTERNS, classify

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
    patterns: tuple[str, ...] = ()  # of each area, by address
    vmas: tuple[VmaRow, ...] = field(default=(), repr=False)


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


def file_label(vma: VmaRow) -> str:
    """What an area maps, by name; files that no line of the trace names are one."""
    label = vma.name or vma.file or "anonymous"
    return "files of unknown name" if label.startswith("file@") else label


def size_class(vma: VmaRow) -> str:
    """The class of its size, as the bill names it."""
    size = vma.end - vma.start
    return next((label for limit, label in SIZE_CLASSES if size <= limit), "larger")


def _view(
    vmas: Sequence[VmaRow], labels: Iterable[str], calls: int, order: Callable[[str], object] | None = None
) -> list[Item]:
    count: Counter[str] = Counter()
    size: Counter[str] = Counter()
    first: dict[str, int] = {}
    for vma, label in zip(vmas, labels, strict=True):
        count[label] += 1
        size[label] += vma.end - vma.start
        born = vma.born
        first[label] = born if label not in first else min(first[label], born, key=lambda e: (e < 0, e))
    items = [
        Item(label, n, size[label], first[label], round(1000 * n / calls, 1) if calls else 0.0)
        for label, n in count.most_common()
    ]
    return sorted(items, key=lambda item: order(item.label)) if order else items  # type: ignore[arg-type, return-value]


def bill_views(vmas: Sequence[VmaRow], labels: dict[str, list[str]], calls: int) -> dict[str, list[Item]]:
    """Views of `vmas`, each by a label an area; patterns that are equally large in their own order."""
    views = {name: _view(vmas, column, calls) for name, column in labels.items()}
    views["pattern"] = sorted(views["pattern"], key=lambda i: (-i.vmas, PATTERNS.index(i.label)))
    return views


def make_bill(result: Result, shot: Snapshot) -> Bill:
    """The bill of the address space `shot` of `result`, taken behind event `shot.event`."""
    trace, vmas = result.trace, tuple(shot.vmas)
    kinds, tasks = trace.columns["kind"], trace.columns["task"]
    calls = calls_behind(trace, shot.task, shot.event)

    def call(vma: VmaRow) -> str:
        return KIND_NAMES.get(int(kinds[vma.born]), "?") if 0 <= vma.born < len(kinds) else "before the log"

    def thread(vma: VmaRow) -> str:
        return (
            str(int(trace.tasks["tid"][tasks[vma.born]])) if 0 <= vma.born < len(tasks) else "before the log"
        )

    asked = Neighbours(result.machine.rules.tolist(), result.machine.page_size)
    patterns = classify(vmas, asked, origins_of(result, shot.task, shot.event))
    labels: dict[str, list[str]] = {
        "pattern": patterns,
        "call": [call(v) for v in vmas],
        "thread": [thread(v) for v in vmas],
        "file": [file_label(v) for v in vmas],
        "size": [size_class(v) for v in vmas],
    }
    views = bill_views(vmas, labels, calls)
    apart: defaultdict[str, int] = defaultdict(int)
    for lower, upper in itertools.pairwise(vmas):
        if lower.end == upper.start:
            apart[asked.why_apart(lower, upper)] += 1
    ordered = dict(sorted(apart.items(), key=lambda kv: -kv[1]))
    return Bill(shot.task, shot.event, len(vmas), calls, views, ordered, tuple(patterns), vmas)
