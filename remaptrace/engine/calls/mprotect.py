"""mprotect: order of checks and the change of one piece (mm/mprotect.c; linux-6.x 4.2, linux-2.6.21 3.6)."""

from __future__ import annotations

from ...abi.errnos import EACCES, EINVAL, ENOMEM, ENOSYS, EPERM
from ...abi.mman import PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP, PROT_READ, READ_IMPLIES_EXEC
from ...abi.vmflags import (
    PKEY_SHIFT,
    VM_ACCESS,
    VM_ACCOUNT,
    VM_EXEC,
    VM_GROWSDOWN,
    VM_HUGETLB,
    VM_LOCKED,
    VM_MANYPROTS,
    VM_MAYEXEC,
    VM_NORESERVE,
    VM_PKEY,
    VM_SEALED,
    VM_SHARED,
    VM_WRITE,
)
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.callrules import R_MPROTECT_FILLS_LOCKED, R_RFP_MPROTECT_FIRST
from ...machine.rules import R_ACCOUNT_STICKY, R_PKEYS, R_RFP_PROT
from ..account import beyond_limits, charge, is_data_mapping, uncharge, vm_stat_account
from ..addr import page_align, page_offset, uword
from ..areas.merge import vma_modify_flags
from ..areas.pkeys import execute_only_key, pkey_is_allocated
from ..areas.space import range_has_hole
from ..areas.vma import vma_is_anonymous
from ..areas.vmaset import find_vma
from ..faults.populate import POP_MLOCK, populate_range
from ..jit import kernel, ult, wrap
from ..ranges.pgtable import protect_range
from ..state import (
    G_TAKE,
    H_ARCH,
    H_RULES,
    MM_MDWE,
    MM_XO_KEY,
    P_PERSONALITY,
    T_MM,
    T_PROC,
    V_AV,
    V_END,
    V_FLAGS,
    V_NEXT,
    V_START,
    Mem,
)
from ..why import WHY_FORBIDDEN, WHY_HOLE, WHY_MAY, WHY_MDWE, WHY_SEALED, WHY_TAKEN, refuse, take

PROT_VALID = 0xF  # READ, WRITE, EXEC, SEM


@kernel
def map_deny_write_exec(m: Mem, mm: int, old: int, new: int) -> int:
    """1 if memory-deny-write-execute (prctl 65) refuses the flags `new` for an area that had `old`."""
    if m[mm + MM_MDWE] == 0 or new & VM_EXEC == 0:
        return 0
    return 1 if new & VM_WRITE or old & VM_EXEC == 0 else 0


@kernel
def mprotect_fixup(m: Mem, task: int, vma: int, start: int, end: int, new: int) -> int:
    """Give [start, end) of `vma` the flags `new`: the area that holds it now, or -errno.

    Charges memory that becomes writable; refuses what RLIMIT_DATA, a seal or the number of areas
    forbid. A split that worked stays. An area that takes no change is returned as it is.
    """
    mm = m[task + T_MM]
    old = m[vma + V_FLAGS]
    if old & VM_SEALED:
        return refuse(m, WHY_SEALED, EPERM)
    if new == old:
        return vma
    pages = (end - start) >> m[H_ARCH + A_PAGE_SHIFT]
    charged = 0
    if new & VM_WRITE:
        why = beyond_limits(m, task, new, pages)
        if why != 0 and beyond_limits(m, task, old, pages) == 0:
            return refuse(m, why, ENOMEM)
        if old & (VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE) == 0:
            if charge(m, task, pages) == 0:
                return -ENOMEM
            charged = pages
            new |= VM_ACCOUNT
        if is_data_mapping(new) > is_data_mapping(old) and take(m, WHY_TAKEN, ENOMEM) != 0:
            uncharge(m, charged)
            return -ENOMEM
    elif m[H_RULES + R_ACCOUNT_STICKY] == 0 and old & VM_ACCOUNT:
        if vma_is_anonymous(m, vma) != 0 and m[vma + V_AV] == 0:
            new &= ~VM_ACCOUNT
    target = vma_modify_flags(m, mm, vma, start, end, new)
    if target < 0:
        uncharge(m, charged)
        return target
    protect_range(m, mm, target, start, end, old)
    if old & VM_ACCOUNT and new & VM_ACCOUNT == 0:
        uncharge(m, pages)
    if (
        old & (VM_WRITE | VM_SHARED | VM_LOCKED) == VM_LOCKED
        and new & VM_WRITE
        and m[H_RULES + R_MPROTECT_FILLS_LOCKED] != 0
    ):
        populate_range(m, task, start, end, POP_MLOCK)
    vm_stat_account(m, mm, old, -pages)
    vm_stat_account(m, mm, new, pages)
    return target


@kernel
def _first_area(m: Mem, mm: int, start: int, end: int, grows: int) -> int:
    """The area where the change begins, or -errno; PROT_GROWSDOWN takes it from its own start."""
    vma = find_vma(m, mm, start)
    if vma == 0 or m[vma + V_START] >= end:
        return refuse(m, WHY_HOLE, ENOMEM)
    if grows == PROT_GROWSDOWN:
        return vma if m[vma + V_FLAGS] & VM_GROWSDOWN else -EINVAL
    if m[vma + V_START] > start:
        return refuse(m, WHY_HOLE, ENOMEM)
    return -EINVAL if grows == PROT_GROWSUP else vma  # no area grows up here


@kernel
def _many_protections(m: Mem, vma: int, end: int) -> int:
    """1 if areas whose protections live in PTEs stand in the way (RFP series).

    As posted only the first area is asked (trap T4), as intended every area up to `end`.
    """
    while vma != 0 and m[vma + V_START] < end:
        if m[vma + V_FLAGS] & VM_MANYPROTS:
            return 1
        if m[H_RULES + R_RFP_MPROTECT_FIRST] != 0:
            return 0
        vma = m[vma + V_NEXT]
    return 0


@kernel
def _key_for(m: Mem, task: int, vma: int, prot: int, pkey: int) -> int:
    """The key that the area gets (arch_override_mprotect_pkey); `pkey` -1: not named."""
    if pkey != -1:
        return pkey
    if prot == PROT_EXEC:
        key = execute_only_key(m, task)
        if key > 0:
            return key
    flags = m[vma + V_FLAGS]
    key = (flags & VM_PKEY) >> PKEY_SHIFT
    if flags & VM_ACCESS == VM_EXEC and m[m[task + T_MM] + MM_XO_KEY] == key + 1:
        return 0
    return key


@kernel
def _explained(m: Mem, mm: int, vma: int, end: int, prot: int) -> int:
    """1 if some area from `vma` up to `end` forbids `prot` by itself: with EACCES, or sealed with EPERM.

    A recorded refusal with that errno proves nothing else then; the areas before it are changed.
    """
    at = m[vma + V_START]
    while vma != 0 and m[vma + V_START] <= at < end:
        flags = m[vma + V_FLAGS]
        if m[G_TAKE] == EPERM and flags & VM_SEALED:
            return 1
        new = (flags & ~VM_ACCESS) | (prot & VM_ACCESS)
        if m[G_TAKE] == EACCES and (
            new & ~(new >> 4) & VM_ACCESS or map_deny_write_exec(m, mm, flags, new) != 0
        ):
            return 1
        at = m[vma + V_END]
        vma = m[vma + V_NEXT]
    return 0


@kernel
def sys_mprotect(m: Mem, task: int, addr: int, length: int, prot: int) -> int:
    """mprotect(addr, length, prot): 0 or -errno. What lies before the failing area stays changed."""
    return sys_pkey_mprotect(m, task, addr, length, prot, -1)


@kernel
def sys_pkey_mprotect(m: Mem, task: int, addr: int, length: int, prot: int, pkey: int) -> int:
    """pkey_mprotect(addr, length, prot, pkey): 0 or -errno; -1: every area keeps its key."""
    grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP)
    prot &= ~grows
    start = uword(m, addr)
    if grows == PROT_GROWSDOWN | PROT_GROWSUP or page_offset(m, start) != 0:
        return -EINVAL
    if length == 0:
        return 0
    length = page_align(m, uword(m, length))
    end = uword(m, wrap(start + length))
    if ult(start, end) == 0:
        return -ENOMEM
    if prot & ~PROT_VALID:
        return -EINVAL
    if start < 0:
        return (
            refuse(m, WHY_HOLE, ENOMEM)
            if pkey == -1 or pkey_is_allocated(m, m[task + T_MM], pkey)
            else -EINVAL
        )
    if end < 0:  # far beyond user space
        end = 1 << 62
    mm = m[task + T_MM]
    if pkey != -1 and pkey_is_allocated(m, mm, pkey) == 0:
        return -EINVAL
    vma = _first_area(m, mm, start, end, grows)
    if vma < 0:
        return vma
    if grows == PROT_GROWSDOWN:
        start = m[vma + V_START]
    if m[H_RULES + R_RFP_PROT] != 0 and _many_protections(m, vma, end) != 0:
        return -EACCES
    if m[G_TAKE] == ENOMEM and range_has_hole(m, mm, start, end) != 0:
        m[G_TAKE] = 0  # the hole refuses, behind what is changed before it
    if m[G_TAKE] in (EPERM, EACCES) and _explained(m, mm, vma, end, prot) != 0:
        m[G_TAKE] = 0  # an area refuses, behind those before it
    implied = prot & PROT_READ and m[m[task + T_PROC] + P_PERSONALITY] & READ_IMPLIES_EXEC
    keyed = m[H_RULES + R_PKEYS]
    at = start
    while vma != 0 and m[vma + V_START] <= at < end:
        old = m[vma + V_FLAGS]
        wanted = prot & VM_ACCESS
        if implied and old & VM_MAYEXEC:
            wanted |= VM_EXEC
        new = (old & ~VM_ACCESS) | wanted
        if keyed != 0:
            new = (new & ~VM_PKEY) | _key_for(m, task, vma, prot, pkey) << PKEY_SHIFT
        if new & ~(new >> 4) & VM_ACCESS:
            return refuse(m, WHY_MAY, EACCES)
        if map_deny_write_exec(m, mm, old, new) != 0:
            return refuse(m, WHY_MDWE, EACCES)
        if m[G_TAKE] in (EPERM, EACCES, ENOSYS):
            if old & VM_SEALED == 0:
                return take(m, WHY_FORBIDDEN, m[G_TAKE])
        stop = min(m[vma + V_END], end)
        vma = mprotect_fixup(m, task, vma, at, stop, new)
        if vma < 0:
            return vma
        at = stop
        if m[vma + V_END] <= at:
            vma = m[vma + V_NEXT]
    return 0 if at >= end else refuse(m, WHY_HOLE, ENOMEM)
