"""A recorded refusal for want of memory: which limit it was, or could have been, at which line.

A cause is named where the state shows it; else the causes that the state leaves open, the likeliest first, with
the numbers that decide between them (mm/mmap.c, may_expand_vm and the tests of map_count; mm/util.c,
__vm_enough_memory).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..abi.calls import KIND_NAMES
from ..abi.errnos import EAGAIN, ENOMEM
from ..abi.kinds import (
    EVF_HAS_RET,
    EVF_INJECTED,
    EVF_UNFINISHED,
    K_BRK,
    K_EXEC,
    K_INIT_VMA,
    K_MMAP,
    K_MPROTECT,
    K_MREMAP,
    SPLITTING,
)
from ..abi.mman import MAP
from ..engine.why import (
    WHY_HOLE,
    WHY_LIMIT_MET,
    WHY_OVERCOMMIT,
    WHY_RLIMIT_AS,
    WHY_RLIMIT_DATA,
    WHY_TAKEN,
    WHY_TEXT,
)
from ..result.result import Result, Snapshot
from .bill import memory_call_events

_DECIDED = (WHY_HOLE, WHY_OVERCOMMIT, WHY_RLIMIT_AS, WHY_RLIMIT_DATA)
"""Reasons that the replay found in its own state: nothing is left to guess."""

_NEAR = 5
"""Areas below the limit from which a refusal is the limit's: calls that split twice need two."""


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
    ret, flags, kinds = (trace.columns[c] for c in ("ret", "flags", "kind"))
    pids = trace.tasks["pid"]
    told = (flags & EVF_HAS_RET != 0) & (flags & (EVF_INJECTED | EVF_UNFINISHED) == 0)
    refused = told & ((ret == -ENOMEM) | (ret == -EAGAIN)) & memory_call_events(trace)
    refused &= pids[trace.columns["task"]] == pids[task]
    refused &= np.isin(kinds, (K_MMAP, K_BRK, K_MREMAP, *SPLITTING))
    found = np.flatnonzero(refused)
    return int(found[0]) if len(found) else -1


def failure_of(result: Result, event: int, shot: Snapshot | None, complete: bool) -> Failure:
    """What the state behind `event` shows of its refusal. `complete`: every area of the process is known."""
    columns = result.trace.columns
    kind = int(columns["kind"][event])
    ret = int(columns["ret"][event])
    count = max(0, int(result.columns["map_count"][event]))
    limit = int(result.machine.kernel.values["max_map_count"])
    length = _length(result, event, kind)
    why = int(result.columns["why"][event])
    grants = int(result.columns["ret"][event]) >= 0 or int(result.columns["ret"][event]) < -4095
    if count >= limit - _NEAR:
        causes: tuple[str, ...] = (f"vm.max_map_count ({limit:,}) was met, with {count:,} areas",)
    elif kind == K_MMAP and int(columns["a3"][event]) & MAP["hugetlb"]:
        causes = ("no huge pages were free (vm.nr_hugepages); it asked for MAP_HUGETLB",)
    elif why == WHY_LIMIT_MET:
        causes = _of_split(kind, limit - count, True, False, 0)
    elif why in _DECIDED:
        causes = (WHY_TEXT[why],)
    elif kind in SPLITTING:
        causes = _of_split(
            kind, limit - count, grants or why == WHY_TAKEN, complete, int(columns["a2"][event])
        )
    else:
        causes = _of_growth(result, length, count, limit, shot, complete)
    call = KIND_NAMES[kind]
    return Failure(
        event, call, "EAGAIN" if ret == -EAGAIN else "ENOMEM", length, count, len(causes) == 1, causes
    )


def begins_with_its_areas(result: Result, task: int) -> bool:
    """Whether the log shows how the process of `task` came to its areas: an exec, a fork or a map."""
    trace = result.trace
    pids = trace.tasks["pid"]
    mine = pids[trace.columns["task"]] == pids[task]
    kinds = trace.columns["kind"]
    born = bool((trace.tasks["parent"][pids == pids[task]] >= 0).all())
    return born or bool((mine & np.isin(kinds, (K_EXEC, K_INIT_VMA))).any())


def _length(result: Result, event: int, kind: int) -> int:
    columns = result.trace.columns
    if kind == K_BRK:
        return 0
    word = int(columns["a2" if kind == K_MREMAP else "a1"][event])
    before = int(columns["a1"][event]) if kind == K_MREMAP else 0
    return max(0, word - before)


def _of_split(kind: int, missing: int, grants: bool, complete: bool, prot: int) -> tuple[str, ...]:
    limit = "vm.max_map_count was met" + (
        ""
        if complete
        else f": then {missing:,} or {missing + 1:,} more areas were there than the log shows (--maps brings them)"
    )
    hole = "a part of the range was not mapped (the log does not show that it was)"
    commit = "the commit limit (vm.overcommit_memory=2): memory made writable is charged"
    causes = [limit] if grants else [limit, hole]
    if kind == K_MPROTECT and prot & 2:
        causes.append(commit)
    return tuple(causes)


def _of_growth(
    result: Result, length: int, count: int, limit: int, shot: Snapshot | None, complete: bool
) -> tuple[str, ...]:
    page = result.machine.page_size
    facts = shot.facts if shot is not None else {}
    total, data = (int(facts.get(name, 0)) * page for name in ("total_pages", "data_pages"))
    more = f" + {_mib(length)}" if length else ""
    causes = []
    if total:
        causes = [
            f"RLIMIT_AS (ulimit -v): {_mib(total)} were mapped{more}",
            f"RLIMIT_DATA (ulimit -d): {_mib(data)} of that were data{more}",
        ]
    causes.append("the commit limit (vm.overcommit_memory), or a security module")
    if not complete:
        causes.append(f"vm.max_map_count, if {limit - count:,} more areas were there than the log shows")
    return tuple(causes)


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MiB" if size >= 1 << 20 else f"{size >> 10:,} KiB"
