"""Which call mapped the memory at which an area begins.

An area's own birth is that of its oldest part: where neighbours merge and are split again, as guard pages behind each
allocation are, all of them would be billed to whoever came first. So areas are billed to the last call that mapped
their first page. Splitting makes areas of memory that somebody mapped; who mapped it is who needs it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..abi.kinds import K_BRK, K_EXEC, K_FORK, K_MMAP, K_MREMAP
from ..result.result import Result, VmaRow

Ints = npt.NDArray[np.int64]


def mappers(result: Result, task: int, until: int, vmas: Sequence[VmaRow]) -> list[int]:
    """For each area of `task` behind event `until` the event that mapped its first page; -1: before the trace."""
    found = np.array([vma.born for vma in vmas], dtype=np.int64)
    order = np.argsort([vma.start for vma in vmas], kind="stable")
    starts = np.array([vma.start for vma in vmas], dtype=np.uint64)[order]
    open_ = np.ones(len(vmas), dtype=bool)
    for events in _lineage(result, task, until):
        for event, low, high in _ranges(result, events):
            first, last = np.searchsorted(starts, np.array([low, high], dtype=np.uint64))
            mine = first + np.flatnonzero(open_[first:last])
            open_[mine] = False
            at = order[mine]
            found[at] = np.maximum(found[at], event)
        if not open_.any():
            break
    return [int(event) for event in found]


def _lineage(result: Result, task: int, until: int) -> list[Ints]:
    """Mapping events of a process since its last exec, and before it those of whom it was forked from."""
    columns, pids = result.trace.columns, result.trace.tasks["pid"]
    kind, of = np.asarray(columns["kind"]), pids[np.asarray(columns["task"])]
    forks = np.flatnonzero(kind == K_FORK)
    children = pids[np.asarray(columns["a0"])[forks].astype(np.int64)]
    pid, parts = int(pids[task]), []
    seen: set[int] = set()
    while pid not in seen:
        seen.add(pid)
        mine = np.flatnonzero(of[: until + 1] == pid)
        execs = mine[kind[mine] == K_EXEC]
        first = int(execs[-1]) if len(execs) else 0
        parts.append(mine[(mine >= first) & np.isin(kind[mine], (K_MMAP, K_BRK, K_MREMAP))])
        births = forks[(children == pid) & (of[forks] != pid)]
        if len(execs) or not len(births):
            break
        until = int(births[-1])
        pid = int(of[until])
    return parts


def _ranges(result: Result, events: Ints) -> list[tuple[int, int, int]]:
    """What those of `events` that were done mapped, the last first: event, first and end address."""
    columns, answers = result.trace.columns, np.asarray(result.columns["ret"])
    found: list[tuple[int, int, int]] = []
    brk = 0
    for event in events.tolist():
        ret = int(answers[event])
        if -4096 < ret < 0:
            continue
        kind, start = int(columns["kind"][event]), ret & (1 << 64) - 1
        if kind == K_BRK:
            if brk and start > brk:
                found.append((event, brk, start))
            brk = start
            continue
        size = int(columns["a1" if kind == K_MMAP else "a2"][event]) & (1 << 64) - 1
        old, before = (int(columns[name][event]) & (1 << 64) - 1 for name in ("a0", "a1"))
        if kind == K_MREMAP and start == old:
            start = old + before  # it grew in place
            size = max(0, size - before)
        if size:
            found.append((event, start, min(start + size, (1 << 64) - 1)))
    return found[::-1]
