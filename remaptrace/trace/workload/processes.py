"""Which events of a recording are those of one address space: a process behind its last exec, and what it inherited."""

from __future__ import annotations

import numpy as np

from ... import errorcodes as ec
from ...abi.kinds import K_EXEC, K_EXIT, K_FORK
from ...abi.mman import CLONE_VM
from ...errors import UsageError
from ...lateclasses import dataclass
from ..events import Trace

_CALLS = 64
"""Kinds below are system calls."""


@dataclass(frozen=True)
class Stretch:
    """Events of one process, in order; behind them the next stretch's process was forked from it."""

    pid: int
    events: list[int]


def pids_of(trace: Trace) -> dict[int, int]:
    """By pid: how many of the events behind its last exec are system calls on memory or descriptors."""
    counts: dict[int, int] = {}
    for pid in dict.fromkeys(int(p) for p in trace.tasks["pid"]):
        events = _own(trace, pid)
        kinds = trace.columns["kind"][events]
        counts[pid] = int(np.count_nonzero(kinds < _CALLS))
    return counts


def stretches(trace: Trace, pid: int | None = None) -> list[Stretch]:
    """The stretches that lead to the address space of `pid`, the busiest process without one, and its own.

    UsageError (RT503) for a process that the trace does not have.
    """
    counts = pids_of(trace)
    if pid is None:
        pid = max(counts, key=lambda p: counts[p]) if counts else 0
    elif pid not in counts:
        known = ", ".join(str(p) for p in list(counts)[:12])
        raise UsageError(ec.RT_MOMENT, f"the trace has no process {pid}", found=str(pid), expected=known)
    found = [Stretch(pid, _own(trace, pid))]
    while True:
        first = found[0]
        kinds = trace.columns["kind"]
        if first.events and kinds[first.events[0]] == K_EXEC:
            return found
        birth = _birth(trace, first.pid)
        if birth is None:
            return found
        event, parent, shares = birth
        before = [e for e in _own(trace, parent, event) if e < event]
        if shares or not before or any(s.pid == parent for s in found):
            return found  # a child of vfork that execs later has nothing of its own
        found.insert(0, Stretch(parent, before))


def _own(trace: Trace, pid: int, before: int | None = None) -> list[int]:
    """The events of the threads of `pid` from its last exec (in front of event `before`) to the next one or its end."""
    rows = np.flatnonzero(trace.tasks["pid"] == pid)
    events = np.flatnonzero(np.isin(trace.columns["task"], rows))
    kinds = trace.columns["kind"][events]
    execs = events[kinds == K_EXEC]
    if before is not None:
        execs = execs[execs < before]
    start = int(execs[-1]) if len(execs) else -1
    mine = events[events >= start] if start >= 0 else events
    return [int(e) for e in mine]


def _birth(trace: Trace, pid: int) -> tuple[int, int, bool] | None:
    """The fork that made `pid`: its event, the parent's pid, and whether both share their memory."""
    rows = np.flatnonzero(trace.tasks["pid"] == pid)
    kinds, child, flags = (trace.columns[c] for c in ("kind", "a0", "a1"))
    made = np.flatnonzero((kinds == K_FORK) & np.isin(child, rows))
    if not len(made):
        return None
    event = int(made[0])
    parent = int(trace.tasks["pid"][trace.columns["task"][event]])
    return (event, parent, bool(int(flags[event]) & CLONE_VM)) if parent != pid else None


def ends(kind: int) -> bool:
    """Whether nothing of the process follows."""
    return kind == K_EXIT
