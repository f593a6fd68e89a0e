"""What memory costs: resource limits, overcommit, and the counters total_vm, data_vm and friends.

Counters are pages. Limits are the process's soft limits in bytes, -1: none. Sources: mm/mmap.c
may_expand_vm and vm_stat_account, mm/util.c __vm_enough_memory; linux-6.x 2.4, linux-2.6.21 2.5.
"""

from __future__ import annotations

from ..abi.errnos import EAGAIN, ENOMEM, EPERM
from ..abi.mman import OVERCOMMIT_ALWAYS, OVERCOMMIT_GUESS, RLIM_AS, RLIM_DATA, RLIM_MEMLOCK
from ..abi.rows import RSF_ASSUMED
from ..abi.vmflags import VM_EXEC, VM_GROWSDOWN, VM_HUGETLB, VM_LOCKED, VM_NORESERVE, VM_SHARED, VM_WRITE
from ..machine.archwords import A_PAGE_SHIFT
from ..machine.limitrules import (
    R_ADMIN_RESERVE_KB,
    R_DATA_LIMIT,
    R_OVERCOMMIT,
    R_OVERCOMMIT_GUESS,
    R_OVERCOMMIT_KB,
    R_OVERCOMMIT_RATIO,
    R_RAM_PAGES,
    R_SWAP_PAGES,
    R_USER_RESERVE_KB,
)
from ..machine.rules import R_BRK_FROM_END_CODE
from .jit import kernel
from .state import (
    G_COMMITTED,
    G_PROVED,
    G_PROVES,
    G_RAM_USED,
    G_RSFLAGS,
    G_SWAP_USED,
    G_TAKE,
    G_WHY,
    H_ARCH,
    H_RULES,
    MM_DATA,
    MM_END_DATA,
    MM_EXEC,
    MM_LOCKED,
    MM_STACK,
    MM_START_DATA,
    MM_TOTAL,
    P_CAPS,
    P_RLIM,
    T_MM,
    T_PROC,
    Mem,
)
from .why import (
    TAKE_CHARGE,
    WHY_LOCK_TAKEN,
    WHY_OVERCOMMIT,
    WHY_RLIMIT_AS,
    WHY_RLIMIT_DATA,
    WHY_RLIMIT_MEMLOCK,
    WHY_TAKEN,
    WHY_ZERO_MEMLOCK,
    WHY_ZERO_TAKEN,
    refuse,
    take,
)

_MEMORY_TENTHS = 32  # __vm_enough_memory leaves 1/32 to root


@kernel
def rlimit(m: Mem, task: int, resource: int) -> int:
    """Soft limit in bytes, -1: none."""
    return m[m[task + T_PROC] + P_RLIM + resource]


@kernel
def capable(m: Mem, task: int) -> int:
    """1 if the task has every capability (CAP_IPC_LOCK, CAP_SYS_ADMIN, CAP_SYS_RAWIO)."""
    return m[m[task + T_PROC] + P_CAPS]


@kernel
def is_data_mapping(flags: int) -> int:
    """1 if an area with `flags` counts as data: private, writable, not a stack."""
    return 1 if flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN) == VM_WRITE else 0


@kernel
def accountable(flags: int) -> int:
    """1 if a mapping with `flags` is charged against overcommit (accountable_mapping)."""
    return 1 if flags & (VM_NORESERVE | VM_SHARED | VM_WRITE | VM_HUGETLB) == VM_WRITE else 0


@kernel
def vm_stat_account(m: Mem, mm: int, flags: int, pages: int) -> int:
    """Count `pages` (may be negative) of an area with `flags` in the counters of `mm`."""
    m[mm + MM_TOTAL] += pages
    if flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN) == VM_EXEC:
        m[mm + MM_EXEC] += pages
    elif flags & VM_GROWSDOWN:
        m[mm + MM_STACK] += pages
    else:
        m[mm + MM_DATA] += pages if is_data_mapping(flags) != 0 else 0
    return 0


@kernel
def beyond_limits(m: Mem, task: int, flags: int, pages: int) -> int:
    """0 if `pages` more of an area with `flags` are within RLIMIT_AS and RLIMIT_DATA, as known; else the WHY."""
    mm = m[task + T_MM]
    shift = m[H_ARCH + A_PAGE_SHIFT]
    limit = rlimit(m, task, RLIM_AS)
    if limit >= 0 and m[mm + MM_TOTAL] + pages > limit >> shift:
        return WHY_RLIMIT_AS
    limit = rlimit(m, task, RLIM_DATA)
    # a soft limit of exactly 0 is ignored within the hard one (a workaround for Valgrind)
    if limit > 0 and m[H_RULES + R_DATA_LIMIT] == 1 and is_data_mapping(flags) != 0:
        if m[mm + MM_DATA] + pages > limit >> shift:
            return WHY_RLIMIT_DATA
    return 0


@kernel
def may_expand_vm(m: Mem, task: int, flags: int, pages: int) -> int:
    """0 if `pages` more of an area with `flags` are allowed, else the WHY.

    A recorded refusal that no known limit explains is taken here, or by `charge` if the area is to be charged.
    """
    why = beyond_limits(m, task, flags, pages)
    if why != 0:
        return why
    if (
        m[G_TAKE] == ENOMEM
        and flags & VM_HUGETLB == 0
        and (m[H_RULES + R_OVERCOMMIT] == OVERCOMMIT_ALWAYS or accountable(flags) == 0)
    ):
        m[G_RSFLAGS] |= RSF_ASSUMED
        return WHY_TAKEN
    return 0


@kernel
def data_limit_refuses(m: Mem, task: int, start_brk: int, brk: int) -> int:
    """1 if RLIMIT_DATA refuses a heap of [start_brk, brk) (check_data_rlimit)."""
    mm = m[task + T_MM]
    limit = rlimit(m, task, RLIM_DATA)
    if limit < 0:
        return 0
    if m[H_RULES + R_BRK_FROM_END_CODE] != 0:
        size = brk - m[mm + MM_START_DATA]
    else:
        size = brk - start_brk + m[mm + MM_END_DATA] - m[mm + MM_START_DATA]
    if size <= limit:
        return 0
    refuse(m, WHY_RLIMIT_DATA, 0)
    return 1


@kernel
def vm_commit_limit(m: Mem) -> int:
    """CommitLimit of overcommit mode 2, pages."""
    rules = H_RULES
    pages = m[rules + R_RAM_PAGES] * m[rules + R_OVERCOMMIT_RATIO] // 100
    if m[rules + R_OVERCOMMIT_KB] != 0:
        pages = m[rules + R_OVERCOMMIT_KB] >> (m[H_ARCH + A_PAGE_SHIFT] - 10)
    return pages + m[rules + R_SWAP_PAGES]


@kernel
def _enough_by_guess(m: Mem, task: int, pages: int) -> int:
    """Overcommit mode 0."""
    ram = m[H_RULES + R_RAM_PAGES]
    swap = m[H_RULES + R_SWAP_PAGES]
    if m[H_RULES + R_OVERCOMMIT_GUESS] == 0:
        return 1 if pages <= ram + swap else 0
    free = ram - m[G_RAM_USED]
    if capable(m, task) == 0:
        free -= free // _MEMORY_TENTHS
    return 1 if free + swap - m[G_SWAP_USED] > pages else 0


@kernel
def _enough_strictly(m: Mem, task: int) -> int:
    """Overcommit mode 2; the request is already in G_COMMITTED."""
    shift = m[H_ARCH + A_PAGE_SHIFT]
    total = m[m[task + T_MM] + MM_TOTAL]
    allowed = vm_commit_limit(m)
    if m[H_RULES + R_OVERCOMMIT_GUESS] == 0:
        if capable(m, task) == 0:
            allowed -= m[H_RULES + R_ADMIN_RESERVE_KB] >> (shift - 10)
        allowed -= min(total // 32, m[H_RULES + R_USER_RESERVE_KB] >> (shift - 10))
    else:
        if capable(m, task) == 0:
            allowed -= allowed // _MEMORY_TENTHS
        allowed -= total // 32
    return 1 if m[G_COMMITTED] < allowed else 0


@kernel
def charge(m: Mem, task: int, pages: int) -> int:
    """Charge `pages` against overcommit (security_vm_enough_memory_mm): 1, or 0 and nothing is charged."""
    m[G_COMMITTED] += pages
    mode = m[H_RULES + R_OVERCOMMIT]
    if mode == OVERCOMMIT_ALWAYS:
        return 1
    good = _enough_by_guess(m, task, pages) if mode == OVERCOMMIT_GUESS else _enough_strictly(m, task)
    why = WHY_OVERCOMMIT
    if good == 0 and m[G_PROVES] & TAKE_CHARGE:
        m[G_PROVED] |= TAKE_CHARGE
        m[G_RSFLAGS] |= RSF_ASSUMED
        return 1
    if good != 0 and m[G_TAKE] == ENOMEM:
        m[G_RSFLAGS] |= RSF_ASSUMED
        good = 0
        why = WHY_TAKEN
    if good == 0:
        m[G_COMMITTED] -= pages
        refuse(m, why, 0)
    return good


@kernel
def uncharge(m: Mem, pages: int) -> int:
    """Give back a charge (vm_unacct_memory)."""
    m[G_COMMITTED] -= pages
    return 0


@kernel
def memlock_pages(m: Mem, task: int) -> int:
    """RLIMIT_MEMLOCK in pages; the largest number if there is none or the task may lock all it wants."""
    limit = rlimit(m, task, RLIM_MEMLOCK)
    if limit < 0 or capable(m, task) != 0:
        return 1 << 62
    return limit >> m[H_ARCH + A_PAGE_SHIFT]


@kernel
def can_do_mlock(m: Mem, task: int) -> int:
    """1 unless RLIMIT_MEMLOCK is 0 and the task has no CAP_IPC_LOCK; the reason is left in G_WHY."""
    if rlimit(m, task, RLIM_MEMLOCK) == 0 and capable(m, task) == 0:
        m[G_WHY] = WHY_ZERO_MEMLOCK
        return 0
    return 1 if take(m, WHY_ZERO_TAKEN, EPERM) == 0 else 0


@kernel
def mlock_future_ok(m: Mem, task: int, flags: int, pages: int) -> int:
    """1 if `pages` more of an area with `flags` may be locked."""
    if flags & VM_LOCKED == 0:
        return 1
    if m[m[task + T_MM] + MM_LOCKED] + pages <= memlock_pages(m, task):
        return 1 if take(m, WHY_LOCK_TAKEN, EAGAIN) == 0 else 0
    refuse(m, WHY_RLIMIT_MEMLOCK, 0)
    return 0
