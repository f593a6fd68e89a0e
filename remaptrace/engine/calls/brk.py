"""brk: never an error, the new break or the old one (mm/mmap.c; linux-6.x 1.6, linux-2.6.21 3.7)."""

from __future__ import annotations

from ...abi.errnos import ENOMEM, ERRNO_NOT_SHOWN
from ...abi.mman import READ_IMPLIES_EXEC
from ...abi.vmflags import (
    VM_ACCOUNT,
    VM_EXEC,
    VM_LOCKED,
    VM_MAYEXEC,
    VM_MAYREAD,
    VM_MAYWRITE,
    VM_READ,
    VM_WRITE,
)
from ...machine.archwords import A_DATA_EXEC, A_PAGE_SHIFT
from ...machine.callrules import R_COMPAT_BRK
from ...machine.limitrules import R_MAX_MAP_COUNT, R_RANDOMIZE
from ...machine.rules import R_BRK_FROM_END_CODE
from ..account import charge, data_limit_refuses, may_expand_vm, mlock_future_ok, uncharge, vm_stat_account
from ..addr import beyond, page_align, uword
from ..areas.gaps import vm_start_gap
from ..areas.merge import VMG_EXPAND, VMG_NEXT, VMG_PREV, merge_new, vmg_init
from ..areas.vma import vma_alloc
from ..areas.vmaset import find_before, find_vma, insert_vma
from ..faults.populate import POP_MLOCK, populate_range
from ..jit import kernel, ult
from ..state import (
    G_HAS_RET,
    G_REC_RET,
    G_TAKE,
    G_TAKING,
    H_ARCH,
    H_RULES,
    MM_BRK,
    MM_COUNT,
    MM_DEFFLAGS,
    MM_END_DATA,
    MM_LOCKED,
    MM_START_BRK,
    MM_START_DATA,
    OPS_ANON,
    P_PERSONALITY,
    T_MM,
    T_PROC,
    V_END,
    V_NEXT,
    V_START,
    Mem,
)
from ..why import WHY_ARENA, WHY_IN_HEAPS_WAY, WHY_MAP_COUNT, WHY_NO_BREAK, proves_more, refuse, take
from .munmap import vms_complete, vms_gather
from .prctl import KSM_AFTER, KSM_BEFORE, ksm_flags


@kernel
def _room_above(m: Mem, mm: int, low: int, high: int) -> int:
    """1 if [low, high) and one page more are free, a stack guard gap respected."""
    end = high + (1 << m[H_ARCH + A_PAGE_SHIFT])
    vma = find_vma(m, mm, low)
    return 1 if vma == 0 or end <= vm_start_gap(m, vma) else 0


@kernel
def do_brk(m: Mem, task: int, addr: int, length: int) -> int:
    """Map [addr, addr + length) as heap, growing the area below if it fits: 0 or -ENOMEM."""
    mm = m[task + T_MM]
    shift = m[H_ARCH + A_PAGE_SHIFT]
    pages = length >> shift
    flags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT | m[mm + MM_DEFFLAGS]
    if m[m[task + T_PROC] + P_PERSONALITY] & READ_IMPLIES_EXEC or m[H_ARCH + A_DATA_EXEC] != 0:
        flags |= VM_EXEC
    why = may_expand_vm(m, task, flags, pages)
    if why != 0:
        return refuse(m, why, ENOMEM)
    if m[mm + MM_COUNT] > m[H_RULES + R_MAX_MAP_COUNT] and proves_more(m, mm) == 0:
        return refuse(m, WHY_MAP_COUNT, ENOMEM)
    if charge(m, task, pages) == 0:
        return -ENOMEM
    prev = find_before(m, mm, addr)
    if m[H_RULES + R_BRK_FROM_END_CODE] == 0:
        # the area below the start of the heap (bss) is not asked
        if prev != 0 and m[prev + V_END] <= m[mm + MM_START_BRK]:
            prev = 0
    flags = ksm_flags(m, mm, flags, KSM_BEFORE)
    vmg_init(m, addr, addr + length, addr >> shift, flags, 0)
    m[VMG_PREV] = prev
    m[VMG_NEXT] = 0
    m[VMG_EXPAND] = 1
    if m[H_RULES + R_BRK_FROM_END_CODE] != 0:  # 2.6 asks both neighbours
        m[VMG_NEXT] = m[prev + V_NEXT] if prev != 0 else find_vma(m, mm, addr)
        m[VMG_EXPAND] = 0
    if prev == 0 or merge_new(m, mm) == 0:
        flags = ksm_flags(m, mm, flags, KSM_AFTER)
        vma = vma_alloc(m, mm, addr, addr + length, flags, addr >> shift, 0, 0, OPS_ANON)
        if vma == 0 or insert_vma(m, mm, vma) < 0:
            uncharge(m, pages)
            return refuse(m, WHY_ARENA, ENOMEM)
    vm_stat_account(m, mm, flags, pages)
    if flags & VM_LOCKED:
        m[mm + MM_LOCKED] += pages
    return 0


@kernel
def sys_brk(m: Mem, task: int, brk: int) -> int:
    """brk(brk), an absolute address in bytes: the break afterwards; a recorded error is none of Linux, and taken."""
    mm = m[task + T_MM]
    brk = uword(m, brk)
    if m[G_TAKING] != 0 and m[G_HAS_RET] != 0 and -ERRNO_NOT_SHOWN <= m[G_REC_RET] < 0:
        m[G_TAKE] = -m[G_REC_RET]
        return take(m, WHY_NO_BREAK, m[G_TAKE])
    now = m[mm + MM_BRK]
    lowest = m[mm + (MM_START_DATA if m[H_RULES + R_BRK_FROM_END_CODE] != 0 else MM_START_BRK)]
    if m[H_RULES + R_COMPAT_BRK] != 0 and m[H_RULES + R_RANDOMIZE] < 2 and m[mm + MM_END_DATA] != 0:
        lowest = min(lowest, m[mm + MM_END_DATA])
    if ult(brk, lowest) != 0 or brk < 0 or data_limit_refuses(m, task, m[mm + MM_START_BRK], brk) != 0:
        return now
    new_end = page_align(m, brk)
    old_end = page_align(m, now)
    if new_end == old_end:
        m[mm + MM_BRK] = brk
        return brk
    if brk <= now:
        vma = find_vma(m, mm, new_end)
        if (vma == 0 or m[vma + V_START] >= old_end) and m[H_RULES + R_BRK_FROM_END_CODE] == 0:
            return now
        if vms_gather(m, mm, new_end, old_end) != 0:
            return now
        vms_complete(m, mm)
        m[mm + MM_BRK] = brk
        return brk
    length = new_end - old_end
    if beyond(m, old_end, length) != 0:
        return now
    if mlock_future_ok(m, task, m[mm + MM_DEFFLAGS], length >> m[H_ARCH + A_PAGE_SHIFT]) == 0:
        return now
    if _room_above(m, mm, old_end, new_end) == 0:
        refuse(m, WHY_IN_HEAPS_WAY, 0)
        return now
    if do_brk(m, task, old_end, length) != 0:
        return now
    m[mm + MM_BRK] = brk
    if m[mm + MM_DEFFLAGS] & VM_LOCKED:
        populate_range(m, task, old_end, new_end, POP_MLOCK)
    return brk
