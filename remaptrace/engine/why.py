"""Which rule refused a call: the number left in m[G_WHY], for reports and findings."""

from __future__ import annotations

from ..abi.rows import RSF_ASSUMED
from ..machine.limitrules import R_MAX_MAP_COUNT
from .jit import kernel
from .state import (
    G_HAS_RET,
    G_PROVED,
    G_PROVES,
    G_REC_RET,
    G_RSFLAGS,
    G_TAKE,
    G_TAKING,
    G_WHY,
    H_RULES,
    MM_COUNT,
    Mem,
)

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
WHY_LOCK_TAKEN = 19
WHY_ZERO_MEMLOCK = 20
WHY_ZERO_TAKEN = 21
WHY_OCCUPIED = 22
WHY_OCCUPIED_TAKEN = 23
WHY_NO_FD = 24
WHY_FD_MODE = 25
WHY_NOEXEC = 26
WHY_UNMAPPABLE = 27
WHY_FILE_SEALED = 28
WHY_LOW_ADDRESS = 29
WHY_BEYOND = 30
WHY_IN_HEAPS_WAY = 31
WHY_NOT_ONE_AREA = 32
WHY_FORBIDDEN = 33
WHY_REFUSED = 34
WHY_NOT_PRESENT = 35
WHY_BEHIND = 36
WHY_NOEXEC_TAKEN = 37
WHY_UNTOLD = 38
WHY_NO_BREAK = 39
WHY_SEAL_TAKEN = 40
WHY_FOREIGN = 41
WHY_NO_SUCH_HUGE = 42

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
    "RLIMIT_MEMLOCK, whose value the log does not show",
    "RLIMIT_MEMLOCK is 0, and the process has no CAP_IPC_LOCK",
    "no right to lock memory, as the log shows",
    "MAP_FIXED_NOREPLACE: a part of the range is mapped",
    "something is mapped there that the log does not show",
    "no such descriptor is open",
    "the descriptor is not open for what was asked",
    "the file's mount does not allow execution (noexec)",
    "the file cannot be mapped",
    "the file is sealed against writing",
    "vm.mmap_min_addr: below it only CAP_SYS_RAWIO may map",
    "the range does not fit into the address space",
    "an area stands in the way of the heap",
    "the old range is not mapped, or not one area",
    "forbidden by something that the log does not show",
    "refused for something that the log does not show",
    "not all pages of the range could be made present",
    "an area behind it stands in the way, and it may not move",
    "a mount with noexec, or a filter or module that the log does not show",
    "an argument that the log does not print",
    "no answer of Linux's brk, which returns no errors",
    "a seal against writing, or a filter or module that the log does not show",
    "an error that no call of this kind returns by itself",
    "the machine has no huge pages of that size",
)


TAKEN = (
    *(WHY_NOT_SHOWN, WHY_LIMIT_MET, WHY_TAKEN, WHY_LOCK_TAKEN, WHY_ZERO_TAKEN),
    *(WHY_OCCUPIED_TAKEN, WHY_FORBIDDEN, WHY_REFUSED, WHY_NOT_PRESENT),
    *(WHY_NOEXEC_TAKEN, WHY_UNTOLD, WHY_NO_BREAK, WHY_SEAL_TAKEN, WHY_FOREIGN, WHY_NO_SUCH_HUGE),
)
"""Reasons of refusals that only the recording shows: nothing in the replay's own state refuses."""


TAKE_LIMIT = 4
"""A recorded success beyond vm.max_map_count proves a higher one; see belief/refusal.py."""
TAKE_CHARGE = 8
"""A recorded success beyond what may be charged proves that it may."""
TAKE_UNSEEN = 16
"""The recording has no page faults: a success that needs pages proves that they were there."""


@kernel
def proves_more(m: Mem, mm: int) -> int:
    """1 if the current call, which vm.max_map_count would refuse, is a recorded success: the limit was higher."""
    if m[G_PROVES] & TAKE_LIMIT == 0:
        return 0
    m[H_RULES + R_MAX_MAP_COUNT] = max(m[H_RULES + R_MAX_MAP_COUNT], m[mm + MM_COUNT]) + 8
    m[G_PROVED] |= TAKE_LIMIT
    m[G_RSFLAGS] |= RSF_ASSUMED
    return 1


@kernel
def proves_pages(m: Mem) -> int:
    """1 if the current call is a recorded success in a recording without page faults: the pages it needs were there."""
    if m[G_TAKING] & TAKE_UNSEEN == 0 or m[G_HAS_RET] == 0 or m[G_REC_RET] < 0:
        return 0
    m[G_RSFLAGS] |= RSF_ASSUMED
    return 1


@kernel
def take(m: Mem, why: int, errno: int) -> int:
    """-errno if the recording shows the current call refused with it, though nothing here refuses; else 0."""
    if m[G_TAKE] != errno:
        return 0
    m[G_WHY] = why
    m[G_RSFLAGS] |= RSF_ASSUMED
    return -errno


@kernel
def refuse(m: Mem, why: int, errno: int) -> int:
    """-errno, leaving the reason in G_WHY."""
    m[G_WHY] = why
    return -errno
