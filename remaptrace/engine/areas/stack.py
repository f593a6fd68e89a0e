"""Growing a MAP_GROWSDOWN area down to a faulting address (expand_stack, expand_downwards)."""

from __future__ import annotations

from ...abi.errnos import EFAULT, ENOMEM, EPERM
from ...abi.mman import RLIM_STACK
from ...abi.vmflags import VM_ACCESS, VM_GROWSDOWN, VM_LOCKED
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.limitrules import R_MMAP_MIN_ADDR, R_STACK_GUARD_GAP
from ..account import charge, may_expand_vm, mlock_future_ok, rlimit, vm_stat_account
from ..addr import page_floor
from ..jit import kernel
from ..state import H_ARCH, H_RULES, MM_LOCKED, V_END, V_FLAGS, V_PGOFF, V_PREV, V_START, Mem
from ..why import WHY_RLIMIT_STACK, refuse
from .anonvma import anon_vma_prepare
from .vmaset import set_bounds


@kernel
def acct_stack_growth(m: Mem, task: int, vma: int, size: int, pages: int) -> int:
    """The limits on growing `vma` to `size` bytes, `pages` more than now: 0, or -ENOMEM."""
    flags = m[vma + V_FLAGS]
    why = may_expand_vm(m, task, flags, pages)
    if why != 0:
        return refuse(m, why, ENOMEM)
    limit = rlimit(m, task, RLIM_STACK)
    if limit >= 0 and size > limit:
        return refuse(m, WHY_RLIMIT_STACK, ENOMEM)
    if mlock_future_ok(m, task, flags, pages) == 0 or charge(m, task, pages) == 0:
        return -ENOMEM
    return 0


@kernel
def expand_stack(m: Mem, task: int, mm: int, vma: int, addr: int) -> int:
    """Grow GROWSDOWN `vma`, the lowest area above `addr`, to the page of `addr`: 0 or -errno.

    linux-6.x 5.4: no relation to the stack pointer; an accessible neighbour below that does not grow
    must stay a guard gap away. Creates an anon_vma even when a limit then refuses the growth.
    """
    if m[vma + V_FLAGS] & VM_GROWSDOWN == 0:
        return -EFAULT
    addr = page_floor(m, addr)
    if addr < m[H_RULES + R_MMAP_MIN_ADDR]:
        return -EPERM
    shift = m[H_ARCH + A_PAGE_SHIFT]
    prev = m[vma + V_PREV]
    if prev != 0 and m[prev + V_FLAGS] & VM_GROWSDOWN == 0 and m[prev + V_FLAGS] & VM_ACCESS != 0:
        if addr - m[prev + V_END] < m[H_RULES + R_STACK_GUARD_GAP] << shift:
            return -ENOMEM
    anon_vma_prepare(m, mm, vma)
    if addr >= m[vma + V_START]:
        return 0
    pages = (m[vma + V_START] - addr) >> shift
    if pages > m[vma + V_PGOFF]:
        return -ENOMEM
    error = acct_stack_growth(m, task, vma, m[vma + V_END] - addr, pages)
    if error != 0:
        return error
    if m[vma + V_FLAGS] & VM_LOCKED:
        m[mm + MM_LOCKED] += pages
    vm_stat_account(m, mm, m[vma + V_FLAGS], pages)
    m[vma + V_PGOFF] -= pages
    set_bounds(m, mm, vma, addr, m[vma + V_END])
    return 0
