"""A refused call of a recording and the state in front of it: what was asked for, and what was mapped then."""

from __future__ import annotations

import numpy as np

from ..abi.errnos import ENOMEM
from ..abi.kinds import (
    EVF_HAS_RET,
    K_BRK,
    K_EXEC,
    K_INIT_VMA,
    K_MLOCK,
    K_MLOCK2,
    K_MLOCKALL,
    K_MMAP,
    K_MREMAP,
    K_OLD_MMAP,
)
from ..abi.mman import MCL_CURRENT
from ..lateclasses import dataclass
from ..result.result import Result

_GROW = (K_MMAP, K_OLD_MMAP, K_BRK, K_MREMAP, K_MLOCK, K_MLOCK2)
"""Calls that ask for memory, or to lock some."""


NEAR = 5
"""Areas below the limit from which a refusal is the limit's: calls that split twice need two, and a few are assumed."""
BY_EXEC = 16
"""The same where what execve mapped is not shown: program, interpreter, vdso and stack are 9 to 14 areas."""


@dataclass(frozen=True)
class RefusedCall:
    """The call and the state in front of it, sizes in bytes."""

    result: Result
    event: int
    kind: int
    errno: int
    why: int
    length: int
    total: int
    data: int
    locked: int
    count: int
    limit: int
    space: int  # where the address space of a process ends
    complete: bool  # every area of the process is known, but those of its exec unless `exec_shown`
    exec_shown: bool
    known: bool  # the sizes are

    def arg(self, name: str) -> int:
        return int(self.result.trace.columns[name][self.event])


def sizes_then(result: Result, event: int) -> str:
    """What was mapped at a refusal and what was asked for, in brackets; empty where that is not known."""
    if event not in result.at_refusals or int(result.trace.columns["kind"][event]) not in _GROW:
        return ""
    at = refused_call(result, event)
    total, asked = seen(at, at.total), size_words(at.length)
    return f" ({total} mapped, {asked} more asked for)" if total else f" ({asked} asked for)"


def begins_with_its_areas(result: Result, task: int) -> bool:
    """Whether the log shows how the process of `task` came to its areas: an exec, a fork or a map."""
    trace = result.trace
    pids = trace.tasks["pid"]
    mine = pids[trace.columns["task"]] == pids[task]
    kinds = trace.columns["kind"]
    born = bool((trace.tasks["parent"][pids == pids[task]] >= 0).all())
    return born or bool((mine & np.isin(kinds, (K_EXEC, K_INIT_VMA))).any())


def _shows_first_areas(result: Result, task: int) -> bool:
    """Whether the areas that a process of the trace began with are in it, of this one or of one before it."""
    trace = result.trace
    return bool((trace.columns["kind"] == K_INIT_VMA).any()) or trace.tasks["parent"][task] >= 0


def size_words(size: int) -> str:
    """Bytes as reports say them."""
    for shift, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB")):
        if size >= 1 << shift:
            return f"{size / (1 << shift):,.1f} {unit}"
    return f"{size >> 10:,} KiB"


def seen(at: RefusedCall, size: int) -> str:
    """``at least 64 KiB``: how much of its memory the log shows; empty where it shows nothing of what was there."""
    if not size and not (at.complete and at.exec_shown):
        return ""
    return size_words(size) if at.complete else f"at least {size_words(size)}"


def mlockalls(at: RefusedCall) -> list[int]:
    """The flags of each mlockall of the process so far, in order."""
    trace = at.result.trace
    columns, pids = trace.columns, trace.tasks["pid"]
    before = slice(0, at.event)
    mine = pids[columns["task"][before]] == pids[int(columns["task"][at.event])]
    asked = mine & (columns["kind"][before] == K_MLOCKALL) & (columns["ret"][before] == 0)
    flags: list[int] = columns["a0"][before][asked].tolist()
    return flags


def lock_words(at: RefusedCall) -> str:
    """``64 KiB were locked and 4 KiB more asked for``, of what was locked as much as the log shows."""
    asked = size_words(at.length)
    whole = at.complete and (at.exec_shown or not any(flags & MCL_CURRENT for flags in mlockalls(at)))
    if not at.known or not (at.locked or whole):
        return f"{asked} were asked for"
    return f"{'' if whole else 'at least '}{size_words(at.locked)} were locked and {asked} more asked for"


def refused_call(result: Result, event: int) -> RefusedCall:
    columns, page = result.trace.columns, result.machine.page_size
    kind = int(columns["kind"][event])
    ret = (
        int(columns["ret"][event])
        if int(columns["flags"][event]) & EVF_HAS_RET
        else int(result.columns["ret"][event])
    )
    sizes = result.at_refusals.get(event)
    total, data, locked = (n * page for n in sizes) if sizes else (0, 0, 0)
    return RefusedCall(
        result,
        event,
        kind,
        -ret if -4095 <= ret < 0 else ENOMEM,
        int(result.columns["why"][event]),
        asked_for(result, event),
        total,
        data,
        locked,
        max(0, int(result.columns["map_count"][event])),
        int(result.machine.kernel.values["max_map_count"]),
        int(result.machine.arch.data["layout"]["task_size"]),
        begins_with_its_areas(result, int(columns["task"][event])),
        _shows_first_areas(result, int(columns["task"][event])),
        sizes is not None,
    )


def asked_for(result: Result, event: int) -> int:
    """Bytes, in whole pages, by which the call was to grow what is mapped, or which it was about."""
    kind = int(result.trace.columns["kind"][event])
    columns, page = result.trace.columns, result.machine.page_size
    a0, a1, a2 = (int(columns[name][event]) for name in ("a0", "a1", "a2"))
    if kind == K_BRK:
        more = a0 - int(result.columns["ret"][event])
    elif kind == K_MREMAP:
        more = a2 - a1
    else:
        more = a1
    whole = -(-more // page) * page
    return whole if whole > 0 else 0


def most_ever(at: RefusedCall) -> tuple[int, int]:
    """The most that the process ever had mapped, and of data, as the log shows; bytes."""
    trace, page = at.result.trace, at.result.machine.page_size
    pid = int(trace.tasks["pid"][int(trace.columns["task"][at.event])])
    total, data = at.result.most.get(pid, (0, 0))
    return total * page, data * page
