"""Parts of a trace as traces of their own: its first events, those of one program; a look at pages behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..abi.kinds import EVF_EXPECT_TRUTH, EVF_MADE, EVF_OBSERVE, K_EXEC, K_FORK, K_FORK_STEP, K_PAGES
from ..lateclasses import replace
from .events import Trace

if TYPE_CHECKING:
    import numpy.typing as npt


def first_events(trace: Trace, count: int) -> Trace:
    """The first `count` events of `trace`, with what belongs to them; tables are shared, not copied."""
    if count >= len(trace):
        return trace
    truth, relocations = trace.truth, trace.relocations
    return replace(
        trace,
        columns={name: column[:count] for name, column in trace.columns.items()},
        truth=None if truth is None else truth[truth["event"] < count],
        relocations=None if relocations is None else relocations[relocations["event"] < count],
        expects=[e for e in trace.expects if 0 <= e.event < count],
        taken=None if trace.taken is None else trace.taken[:count],
    )


def with_pages(trace: Trace, task: int, addr: int, count: int) -> Trace:
    """`trace` with one more event: task `task` reports the state of `count` pages from `addr` (bytes)."""
    more = {
        "kind": K_PAGES,
        "task": task,
        "a0": addr - (1 << 64) if addr >> 63 else addr,
        "a1": count,
        "flags": EVF_MADE | EVF_OBSERVE,
    }
    columns = {
        name: np.append(column.astype(np.int64, copy=False), more.get(name, 0))
        for name, column in trace.columns.items()
    }
    taken = None if trace.taken is None else np.append(trace.taken, False)
    return replace(trace, columns=columns, taken=taken)


Events: TypeAlias = "npt.NDArray[np.intp]"
_WORTH = 0.7
"""A part larger than this share of the events is not taken out."""


def kin(trace: Trace, task: int) -> Events:
    """The events, by number, without which the address spaces of the process of `task` would not be what they were.

    All of the process; of each process that shares the memory it began with, or was forked from it, until it executes
    another program; of those that were before them, up to the fork.
    """
    columns = trace.columns
    pids = trace.tasks["pid"]
    kinds, of = np.asarray(columns["kind"]), pids[np.asarray(columns["task"])]
    end = len(kinds)
    forks = np.flatnonzero(np.isin(kinds, (K_FORK, K_FORK_STEP)))
    children = pids[np.asarray(columns["a0"])[forks].astype(np.int64)]
    born = children != of[forks]
    births: dict[int, list[tuple[int, int]]] = {}
    forked: dict[int, list[tuple[int, int]]] = {}
    pairs = (forks[born].tolist(), of[forks[born]].tolist(), children[born].tolist())
    for event, parent, child in zip(*pairs, strict=True):
        births.setdefault(child, []).append((event, parent))
        forked.setdefault(parent, []).append((event, child))
    execs: dict[int, list[int]] = {}
    for event in np.flatnonzero(kinds == K_EXEC).tolist():
        execs.setdefault(int(of[event]), []).append(event)

    def other_program(pid: int, since: int) -> int:
        """Behind the first exec of `pid` from event `since` on."""
        return next((e + 1 for e in execs.get(pid, ()) if e >= since), end)

    until: dict[int, int] = {}
    shares: set[int] = set()
    todo = [(int(pids[task]), end, True)]
    while todo:
        pid, last, same = todo.pop()
        if last <= until.get(pid, 0) and (pid in shares or not same):
            continue
        until[pid] = last = max(last, until.get(pid, 0))
        for event, parent in births.get(pid, ()):
            todo.append((parent, event + 1, False))
            if same and other_program(pid, event) >= last:
                todo.append((parent, other_program(parent, event), True))
        for event, child in forked.get(pid, ()) if same else ():
            if event < last:
                todo.append((child, other_program(child, event), True))
        if same:
            shares.add(pid)
    known, number = np.unique(of, return_inverse=True)
    limits = np.array([until.get(int(pid), 0) for pid in known], dtype=np.int64)
    return np.flatnonzero(np.arange(end) < limits[number.reshape(-1)])


def part_of(trace: Trace, events: Events) -> Trace | None:
    """`trace` with `events` alone; None if that is most of it, or not a recording whose events stand for themselves."""
    if not trace.recorded or trace.relocations is not None or len(events) > _WORTH * len(trace):
        return None
    columns = {name: np.asarray(column)[events] for name, column in trace.columns.items()}
    columns["flags"] = columns["flags"] & ~np.asarray(EVF_EXPECT_TRUTH, dtype=columns["flags"].dtype)
    taken = None if trace.taken is None else trace.taken[events]
    return replace(trace, columns=columns, truth=None, expects=(), maps=[], taken=taken)
