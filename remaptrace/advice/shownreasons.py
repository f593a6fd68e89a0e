"""Facts of a refused call: reasons that the replay's own state shows, with the numbers of that call.

mm/mmap.c may_expand_vm, mm/util.c __vm_enough_memory, mm/mlock.c.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..abi import mman
from ..abi.kinds import K_MLOCKALL, K_SETRLIMIT
from ..engine.why import (
    WHY_HUGE_POOL,
    WHY_LOW_ADDRESS,
    WHY_MAP_COUNT,
    WHY_OVERCOMMIT,
    WHY_RLIMIT_AS,
    WHY_RLIMIT_DATA,
    WHY_RLIMIT_MEMLOCK,
)
from .refusedcall import RefusedCall, size_words


def _set_limit(at: RefusedCall, resource: int) -> int:
    """The soft limit that the log set last in this process, bytes; -1: none that it shows."""
    trace = at.result.trace
    columns, pids = trace.columns, trace.tasks["pid"]
    before = slice(0, at.event)
    mine = pids[columns["task"][before]] == pids[int(columns["task"][at.event])]
    sets = mine & (columns["kind"][before] == K_SETRLIMIT) & (columns["a0"][before] == resource)
    found = np.flatnonzero(sets)
    return int(columns["a1"][found[-1]]) if len(found) else -1


_LIMIT_RULES = {mman.RLIM_AS: "rlimit_as", mman.RLIM_DATA: "data_limit", mman.RLIM_MEMLOCK: "rlimit_memlock"}


def _limited(at: RefusedCall, name: str, resource: int, used: int, what: str) -> str:
    limit, assumed = _set_limit(at, resource), ""
    if limit < 0:
        rule = _LIMIT_RULES[resource]
        limit = int(at.result.machine.kernel.values[rule])
        assumed = "" if rule in at.result.machine.overrides else " (as assumed)"
    words = f"{name} is {size_words(limit)}{assumed}" if limit >= 0 else f"{name} was met"
    if at.kind == K_MLOCKALL:
        return f"{words}: {size_words(at.total)} were to be locked"
    if not at.known:
        return words
    return f"{words}: {size_words(used)} were {what}, {size_words(at.length)} more asked for"


def _commit_limit(at: RefusedCall) -> int:
    """What may be charged where vm.overcommit_memory is 2, bytes (mm/util.c vm_commit_limit)."""
    values, page = at.result.machine.kernel.values, at.result.machine.page_size
    ram, swap = (int(values[name]) * page for name in ("ram_pages", "swap_pages"))
    fixed = int(values["overcommit_kbytes"]) << 10
    limit: int = (fixed or ram * int(values["overcommit_ratio"]) // 100) + swap
    return limit


def near_commit_limit(at: RefusedCall) -> bool:
    """Whether a strict commit limit leaves little beside what is known: other processes are charged to it, too."""
    strict = int(at.result.machine.kernel.values["overcommit_memory"]) == mman.OVERCOMMIT_NEVER
    return strict and at.data + at.length > _commit_limit(at) * 3 // 4


def _overcommit(at: RefusedCall) -> str:
    values = at.result.machine.kernel.values
    page = at.result.machine.page_size
    ram, swap = (int(values[name]) * page for name in ("ram_pages", "swap_pages"))
    if int(values["overcommit_memory"]) == mman.OVERCOMMIT_NEVER:
        limit = _commit_limit(at)
        return (
            f"vm.overcommit_memory is 2 and the commit limit {size_words(limit)}: {size_words(at.data)} of data were "
            f"mapped here, {size_words(at.length)} more asked for"
        )
    taken = "" if {"ram", "ram_pages"} & set(at.result.machine.overrides) else ", as assumed; --set ram=SIZE"
    if at.result.machine.rule("overcommit_guess") == "free":
        return (
            f"vm.overcommit_memory 0 refuses, before Linux 4.20, a request beyond the memory that is free "
            f"(RAM and swap: {size_words(ram + swap)}{taken}): {size_words(at.length)} were asked for"
        )
    return (
        f"vm.overcommit_memory 0 refuses one request beyond RAM and swap ({size_words(ram + swap)}{taken}): "
        f"{size_words(at.length)} were asked for"
    )


FACTS: dict[int, Callable[[RefusedCall], str]] = {
    WHY_RLIMIT_AS: lambda at: _limited(at, "RLIMIT_AS", mman.RLIM_AS, at.total, "mapped"),
    WHY_RLIMIT_DATA: lambda at: _limited(at, "RLIMIT_DATA", mman.RLIM_DATA, at.data, "data"),
    WHY_RLIMIT_MEMLOCK: lambda at: _limited(at, "RLIMIT_MEMLOCK", mman.RLIM_MEMLOCK, at.locked, "locked"),
    WHY_OVERCOMMIT: _overcommit,
    WHY_MAP_COUNT: lambda at: f"vm.max_map_count ({at.limit:,}) was met, with {at.count:,} areas",
    WHY_HUGE_POOL: lambda at: "no huge page was free (vm.nr_hugepages), which it asked for",
    WHY_LOW_ADDRESS: lambda at: (
        "below vm.mmap_min_addr only CAP_SYS_RAWIO may map, which the process had not"
    ),
}
"""Reasons that have numbers."""
