"""Calls of threads that overlapped, put into the order that the recorded counters prove.

An event stands where its call returned, but the kernel did its work somewhere between entry and return. When
a counter was read at the return of a call that changes nothing, and differs from the reading before it, then
another thread's call had done its work already. If the next call of the process to return changed memory and
left the same counters, it is that call, and it belongs before the reading. The times of the readings tell
besides which of two calls returned first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...abi import kinds as ev
from ...abi.mman import CLONE_VM
from ...counting import counted, was
from ...lateclasses import replace
from ..events import Trace, distinct

_NEAR = 16
"""Readings of a process among which the order of lines is looked at."""
_COUNTERS = ("map_count", "total_vm", "data_vm", "stack_vm", "locked_vm")
_NEUTRAL = frozenset((ev.K_PRCTL, ev.K_MARK, ev.K_MADVISE, ev.K_MSYNC))
_CHANGING = frozenset(
    (
        *(ev.K_MMAP, ev.K_MUNMAP, ev.K_MPROTECT, ev.K_PKEY_MPROTECT, ev.K_MREMAP, ev.K_BRK, ev.K_SHMAT),
        *(ev.K_SHMDT, ev.K_MLOCK, ev.K_MLOCK2, ev.K_MUNLOCK, ev.K_MLOCKALL, ev.K_MUNLOCKALL),
        ev.K_REMAP_FILE_PAGES,
    )
)


def proven_moves(trace: Trace) -> list[tuple[int, int]]:
    """Pairs (event, the event before which it took effect), from `trace.truth`."""
    truth = trace.truth
    if truth is None:
        return []
    kind, task, ret = (trace.columns[name] for name in ("kind", "task", "ret"))
    pids = trace.tasks["pid"][task[truth["event"]]] if len(truth) else []
    last: dict[int, list[tuple[int, tuple[int, ...]]]] = {}
    moves: list[tuple[int, int]] = []
    rows = zip(
        truth["event"].tolist(), truth[list(_COUNTERS)].tolist(), np.asarray(pids).tolist(), strict=True
    )
    for event, counters, pid in rows:
        seen = last.setdefault(pid, [])
        if len(seen) == 2:
            (_, before), (reading, at_reading) = seen
            neutral = kind[reading] in _NEUTRAL or -4095 <= ret[reading] < 0
            changed = kind[event] in _CHANGING and not -4095 <= ret[event] < 0
            if neutral and changed and before != at_reading == counters and task[event] != task[reading]:
                between = task[reading + 1 : event]
                if not (between == task[event]).any():
                    moves.append((event, reading))
        seen.append((event, counters))
        del seen[:-2]
    return moves


def late_lines(trace: Trace, times: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Pairs (event, the event before which it returned), from the times of the readings in `trace.truth`.

    strace prints a line when it gets to it, the counters were read in the kernel.
    """
    truth = trace.truth
    if truth is None or not len(truth):
        return []
    task = trace.columns["task"]
    pids = trace.tasks["pid"][task[truth["event"]]]
    waiting: dict[int, list[tuple[int, int]]] = {}  # process: readings that some later line may precede
    moves: list[tuple[int, int]] = []
    for event, time, pid in zip(truth["event"].tolist(), times.tolist(), pids.tolist(), strict=True):
        seen = waiting.setdefault(pid, [])
        after = next((e for e, t in seen if t > time and task[e] != task[event]), None)
        if after is not None and not (task[after + 1 : event] == task[event]).any():
            moves.append((event, after))
        seen.append((event, time))
        del seen[:-_NEAR]
    return moves


def settle_races(trace: Trace, times: npt.NDArray[np.int64]) -> None:
    """Move the events of `late_lines` and `proven_moves`, in place, and what refers to events with them.

    `times` are those of the rows of `trace.truth`. Rows that tell a moment only, without counters, have done their
    work then and go.
    """
    moved = _move(trace, late_lines(trace, times))
    _drop_untold(trace)
    moved += _move(trace, proven_moves(trace))
    if moved:
        trace.notes.append(
            f"{counted(moved, 'call')} {was(moved)} moved before a counter of another thread that shows"
            " the effect already"
        )


def _drop_untold(trace: Trace) -> None:
    """Leave the readings that have counters."""
    truth = trace.truth
    if truth is None or not (truth["map_count"] < 0).any():
        return
    told = truth["map_count"] >= 0
    trace.columns["flags"][truth["event"][~told]] &= ~ev.EVF_EXPECT_TRUTH
    trace.truth = truth[told]


_FORKS = frozenset(("fork", "vfork", "clone", "clone3"))


def drop_ambiguous(trace: Trace) -> None:
    """Take readings at a thread's birth out of the truth that show calls of other threads which return later.

    Starting a thread changes no area. A reading at its return that differs from the one before it saw a call under
    way; if the counters then go on towards those of other threads' returns, no place in the log is behind it.
    """
    truth = trace.truth
    if truth is None or len(truth) < 3:
        return
    kind, task, a0, a1 = (trace.columns[name] for name in ("kind", "task", "a0", "a1"))
    shared = {
        int(a0[event])
        for event in np.flatnonzero((kind == ev.K_FORK) & ((a1.astype(np.int64) & CLONE_VM) != 0)).tolist()
    }
    tids = {int(trace.tasks["tid"][child]) for child in shared}
    counters = truth["map_count"].astype(np.int64)
    kept = np.ones(len(truth), dtype=np.bool_)
    pids = trace.tasks["pid"][task[truth["event"]]]
    for pid in distinct(pids).tolist():
        rows = np.flatnonzero(pids == pid)
        for before, row, at in zip(rows[:-2].tolist(), rows[1:-1].tolist(), range(2, len(rows)), strict=True):
            event = int(truth["event"][row])
            mark = kind[event] == ev.K_MARK and trace.strings[int(a0[event])] in _FORKS
            if not (mark or kind[event] == ev.K_FORK) or int(trace.columns["ret"][event]) not in tids:
                continue
            was, is_ = int(counters[before]), int(counters[row])
            later = [r for r in rows[at : at + _NEAR].tolist() if task[truth["event"][r]] != task[event]]
            reached = [int(counters[r]) for r in later if kind[truth["event"][r]] in _CHANGING]
            if was != is_ and any(min(was, to) <= is_ <= max(was, to) for to in reached):
                kept[row] = False
    count = int((~kept).sum())
    if count:
        trace.truth = truth[kept]
        trace.columns["flags"][truth["event"][~kept]] &= ~ev.EVF_EXPECT_TRUTH
        trace.notes.append(
            f"{counted(count, 'counter')} read as a thread was born and showing calls of others under way: not compared"
        )


def _move(trace: Trace, moves: list[tuple[int, int]]) -> int:
    """Put each event before the other of its pair; how many."""
    if not moves:
        return 0
    keys = np.arange(len(trace), dtype=np.int64) * 2
    for event, reading in moves:
        keys[event] = reading * 2 - 1
    order = np.argsort(keys, kind="stable")
    stands = np.empty(len(order), dtype=np.int64)
    stands[order] = np.arange(len(order))
    for name, column in trace.columns.items():
        trace.columns[name] = column[order]
    if trace.truth is not None:
        trace.truth["event"] = stands[trace.truth["event"]]
        trace.truth = trace.truth[np.argsort(trace.truth["event"], kind="stable")]
    trace.maps = [replace(m, event=int(stands[m.event])) if m.event >= 0 else m for m in trace.maps]
    return len(moves)
