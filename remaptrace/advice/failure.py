"""The first call of a process that the recording shows refused for want of memory, and why: see `causes`."""

from __future__ import annotations

import numpy as np

from ..abi.errnos import EAGAIN, ENOMEM
from ..abi.kinds import (
    EVF_HAS_RET,
    EVF_INJECTED,
    EVF_UNFINISHED,
    K_BRK,
    K_MMAP,
    K_MREMAP,
    SPLITTING,
)
from ..engine.why import WHY_LIMIT_MET, WHY_MAP_COUNT, WHY_NONE, WHY_TAKEN
from ..lateclasses import dataclass
from ..result.result import Result
from .bill import memory_call_events
from .causes import refusal_of
from .refusedcall import NEAR, asked_for


@dataclass(frozen=True)
class Failure:
    """The first call that the recording shows refused. `count`: areas then, as replayed. `sure`: the state shows it."""

    event: int
    call: str
    errno: str
    length: int  # bytes asked for, 0: none
    count: int
    sure: bool
    causes: tuple[str, ...]  # one if `sure`, else the possible ones, the likeliest first


def recorded_failure(result: Result, task: int) -> int:
    """The first memory call of the process of `task` that the recording shows refused for want of memory; -1."""
    trace = result.trace
    ret, flags, kinds, wanted = (trace.columns[c] for c in ("ret", "flags", "kind", "a0"))
    pids = trace.tasks["pid"]
    told = (flags & EVF_HAS_RET != 0) & (flags & (EVF_INJECTED | EVF_UNFINISHED) == 0)
    refused = (ret == -ENOMEM) | (ret == -EAGAIN) | ((kinds == K_BRK) & (ret >= 0) & (ret < wanted))
    refused &= told & memory_call_events(trace)
    refused &= pids[trace.columns["task"]] == pids[task]
    refused &= np.isin(kinds, (K_MMAP, K_BRK, K_MREMAP, *SPLITTING))
    found = np.flatnonzero(refused)
    return int(found[0]) if len(found) else -1


def failure_of(result: Result, event: int) -> Failure:
    """What the state behind `event` shows of its refusal."""
    kind = int(result.trace.columns["kind"][event])
    count = max(0, int(result.columns["map_count"][event]))
    why = int(result.columns["why"][event])
    if count >= int(result.machine.kernel.values["max_map_count"]) - NEAR:
        why = WHY_MAP_COUNT
    elif why == WHY_NONE:  # this machine would have granted it
        why = WHY_LIMIT_MET if kind in SPLITTING else WHY_TAKEN
    found = refusal_of(result, event, why)
    length = 0 if kind in SPLITTING else asked_for(result, event)
    return Failure(event, found.call, found.errno, length, count, found.sure, found.causes)
