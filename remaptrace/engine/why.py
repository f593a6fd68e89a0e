"""Which rule refused a call: the number left in m[G_WHY], for reports and findings."""

from __future__ import annotations

from .jit import kernel
from .state import G_WHY, Mem

NOT_MINE = -(1 << 62)  # the answer of a room that does not know the call; of all of them: not modelled

WHY_NONE = 0
WHY_MAP_COUNT = 1
WHY_RLIMIT_AS = 2
WHY_RLIMIT_DATA = 3
WHY_RLIMIT_STACK = 4
WHY_RLIMIT_MEMLOCK = 5
WHY_OVERCOMMIT = 6
WHY_NO_GAP = 7
WHY_SEALED = 8
WHY_HOLE = 9
WHY_MAY = 10
WHY_MDWE = 11
WHY_SPECIAL = 12
WHY_ARENA = 13
WHY_HUGE_POOL = 14
WHY_HUGE_PAGE = 15
WHY_NOT_SHOWN = 16
WHY_LIMIT_MET = 17
WHY_TAKEN = 18

WHY_TEXT: tuple[str, ...] = (
    "",
    "vm.max_map_count: the process has as many areas as it may",
    "RLIMIT_AS: the address space would grow beyond its limit",
    "RLIMIT_DATA: private writable memory would grow beyond its limit",
    "RLIMIT_STACK: the area would grow beyond its limit",
    "RLIMIT_MEMLOCK: locked memory would grow beyond its limit",
    "vm.overcommit_memory: the request cannot be charged",
    "no free range of that length",
    "an area in the range is sealed",
    "a part of the range is not mapped",
    "the area's VM_MAY bits do not allow the protection",
    "memory-deny-write-execute",
    "a special area (vdso, vvar, device) may not be split or changed so",
    "the arena of the simulator is full",
    "vm.nr_hugepages: the pool has no huge page left to reserve",
    "an area of huge pages may be split between them only",
    "not shown by the log: a limit, or memory that it never maps",
    "vm.max_map_count: areas that the log does not show count too",
    "taken from the log, which does not show the reason",
)


@kernel
def refuse(m: Mem, why: int, errno: int) -> int:
    """-errno, leaving the reason in G_WHY."""
    m[G_WHY] = why
    return -errno
