"""What a trace shows of how areas came to be, where their shape alone would not tell."""

from __future__ import annotations

import numpy as np

from ..abi.kinds import K_MMAP, K_MPROTECT, K_PKEY_MPROTECT
from ..abi.mman import MAP_ANONYMOUS, MAP_FIXED, MAP_STACK
from ..lateclasses import dataclass
from ..result.result import Result


@dataclass(frozen=True)
class Origins:
    """Numbers of events. `stacks`: mmap with MAP_STACK; `decommits`: PROT_NONE mapped over memory that was in use."""

    stacks: frozenset[int] = frozenset()
    decommits: frozenset[int] = frozenset()


UNKNOWN = Origins()
"""Of a list of areas without a trace."""


def origins_of(result: Result, task: int, until: int) -> Origins:
    """What the events of the process of `task` up to event `until` show.

    Memory counts as in use where an earlier call mapped it, or opened it, with some access: an allocator that
    decommits maps PROT_NONE over such memory (jemalloc where overcommit is strict), one that reserves does not.
    """
    trace = result.trace
    columns = {
        name: np.asarray(trace.columns[name][: until + 1]).astype(np.int64)
        for name in ("kind", "task", "a0", "a1", "a2", "a3")
    }
    pids = trace.tasks["pid"]
    ret = np.asarray(result.columns["ret"][: until + 1]).astype(np.int64)
    done = (pids[columns["task"]] == pids[task]) & ((ret >= 0) | (ret < -4095))
    kind, prot, flags = columns["kind"], columns["a2"] & 7, columns["a3"]
    maps = done & (kind == K_MMAP) & (flags & MAP_ANONYMOUS != 0)
    stacks = np.flatnonzero(maps & (flags & MAP_STACK != 0))
    over = np.flatnonzero(maps & (flags & MAP_FIXED != 0) & (prot == 0))
    if not len(over):
        return Origins(frozenset(stacks.tolist()))
    opened = done & (prot != 0) & np.isin(kind, (K_MMAP, K_MPROTECT, K_PKEY_MPROTECT))
    start = np.where(kind == K_MMAP, ret, columns["a0"])[opened].view(np.uint64)
    end = start + columns["a1"][opened].view(np.uint64)
    order = np.argsort(start, kind="stable")
    start, reach = start[order], np.maximum.accumulate(end[order])
    at = ret[over].view(np.uint64)
    before = np.searchsorted(start, at, side="right") - 1
    used = (
        (before >= 0) & (reach[np.maximum(before, 0)] > at) if len(start) else np.zeros(len(over), dtype=bool)
    )
    return Origins(frozenset(stacks.tolist()), frozenset(over[used].tolist()))
