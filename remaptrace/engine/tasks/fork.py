"""Copying an address space (kernel/fork.c: dup_mmap; mm/memory.c: copy_page_range)."""

from __future__ import annotations

from ...abi.errnos import ENOMEM
from ...abi.mman import UFFD_FEATURES
from ...abi.prctl import MDWE_NO_INHERIT
from ...abi.vmflags import (
    VM_ACCOUNT,
    VM_DONTCOPY,
    VM_HUGETLB,
    VM_LOCKED,
    VM_LOCKONFAULT,
    VM_MANYPROTS,
    VM_MAYBE_GUARD,
    VM_MAYWRITE,
    VM_MIXEDMAP,
    VM_NONLINEAR,
    VM_PFNMAP,
    VM_SHARED,
    VM_UFFD,
    VM_UFFD_WP,
    VM_WIPEONFORK,
)
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.rules import R_FORK_HUGETLB, R_FORK_KEEPS_AV
from ..account import charge, uncharge, vm_stat_account
from ..areas.vma import anon_vma_new, vma_dup, vma_free, vma_set_flags
from ..areas.vmaset import insert_vma
from ..files.hugepool import resv_put
from ..files.inodes import inode_new
from ..jit import kernel
from ..marks import ALL_ONES
from ..pages.frames import frame, frame_map
from ..pages.pgwalk import (
    HUGE_ENTRY,
    next_leaf,
    pmd_ensure,
    pmd_lookup,
    pte_ensure,
    pte_index,
    span_end,
)
from ..pages.pte import (
    pte_clear_uffd_wp,
    pte_file,
    pte_marker,
    pte_mkclean,
    pte_mkold,
    pte_pfn,
    pte_present,
    pte_swap_offset,
    pte_uffd_wp,
    pte_write,
    pte_wrprotect,
)
from ..pages.swap import swap_get
from ..pages.thp import huge_copy
from ..ranges.hugetlb import hugetlb_copy
from ..state import (
    F_FLAGS,
    FF_EXCLUSIVE,
    FF_ZERO,
    H_ARCH,
    H_RULES,
    I_FILLK,
    MM_ASLR,
    MM_BASE,
    MM_BRK,
    MM_CHS,
    MM_DATA,
    MM_END_DATA,
    MM_EXEC,
    MM_FAC,
    MM_FIRST,
    MM_ID,
    MM_KSM,
    MM_LEGACY,
    MM_MDWE,
    MM_PKEYS,
    MM_RSS,
    MM_STACK,
    MM_STACK_PTR,
    MM_START_BRK,
    MM_START_DATA,
    MM_THP,
    MM_TOTAL,
    MM_XO_KEY,
    OPS_HUGETLB,
    T_MM,
    TYPE_UFFD,
    U_FEATURES,
    U_MM,
    U_PARENT,
    V_AV,
    V_AVMULTI,
    V_END,
    V_FLAGS,
    V_MM,
    V_NEXT,
    V_OPS,
    V_RESV,
    V_START,
    V_UFFD,
    Mem,
)
from .mm import exit_mmap, mm_new

EVENT_FORK = UFFD_FEATURES["event_fork"]
_COPIED = VM_PFNMAP | VM_MIXEDMAP | VM_NONLINEAR | VM_MANYPROTS | VM_MAYBE_GUARD


@kernel
def _copy_word(m: Mem, mm: int, p: int, q: int, flags: int, cow: int, protected: int) -> int:
    """Copy the PTE word at `p` of the parent to `q` of the child `mm` (copy_nonpresent_pte, copy_present_pte)."""
    w = m[p]
    if pte_present(m, w) == 0:
        if protected == 0 and pte_uffd_wp(m, w) != 0:  # the child's area is not registered (copy_pte_marker)
            return 0
        if pte_marker(m, w) == 0 and pte_file(m, w) == 0:
            swap_get(m, pte_swap_offset(m, w))
        m[q] = w
        return 0
    pfn = pte_pfn(m, w)
    f = frame(m, pfn)
    if m[f + F_FLAGS] & FF_ZERO == 0:
        m[f + F_FLAGS] &= ~FF_EXCLUSIVE
        frame_map(m, pfn)
        m[mm + MM_RSS] += 1
    if cow != 0 and pte_write(m, w) != 0:
        w = pte_wrprotect(m, w)
        m[p] = w
    if flags & VM_SHARED:
        w = pte_mkclean(m, w)
    if protected == 0:
        w = pte_clear_uffd_wp(m, w)
    m[q] = pte_mkold(m, w)
    return 0


@kernel
def copy_range(m: Mem, old: int, new: int, vma: int, protected: int) -> int:
    """Copy the PTEs of the parent's area `vma` from `old` to `new`; 0 or -ENOMEM (arena full).

    `protected` 1: the child's area keeps its registration for write protection.
    """
    start = m[vma + V_START]
    end = m[vma + V_END]
    flags = m[vma + V_FLAGS]
    cow = 1 if flags & (VM_SHARED | VM_MAYWRITE) == VM_MAYWRITE else 0
    addr = next_leaf(m, old, start, end)
    while addr < end:
        limit = span_end(m, addr, end)
        slot = pmd_lookup(m, old, addr)
        if m[slot] == HUGE_ENTRY:
            to = pmd_ensure(m, new, addr)
            if to == 0:
                return -ENOMEM
            huge_copy(m, new, slot, to)
        else:
            p = m[slot] + pte_index(m, addr)
            q = 0
            for i in range(pte_index(m, limit - 1) - pte_index(m, addr) + 1):
                if m[p + i] != 0:
                    if q == 0:
                        q = pte_ensure(m, new, addr)
                        if q == 0:
                            return -ENOMEM
                    _copy_word(m, new, p + i, q + i, flags, cow, protected)
        addr = next_leaf(m, old, limit, end)
    return 0


@kernel
def _dup_uffd(m: Mem, new: int, uffd: int) -> int:
    """The descriptor that the child's copy of an area belongs to: 0 without UFFD_FEATURE_EVENT_FORK (dup_userfaultfd).

    With it the monitor reads a new descriptor for each address space and parent's one; the same for all its areas.
    """
    if uffd == 0 or m[uffd + U_FEATURES] & EVENT_FORK == 0:
        return 0
    vma = m[new + MM_FIRST]
    while vma != 0:
        copy = m[vma + V_UFFD]
        if copy != 0 and m[copy + U_PARENT] == uffd:
            return copy
        vma = m[vma + V_NEXT]
    copy = inode_new(m, TYPE_UFFD, 0)
    if copy != 0:
        m[copy + U_PARENT] = uffd
        m[copy + U_MM] = m[new + MM_ID]
        m[copy + U_FEATURES] = m[uffd + U_FEATURES]
        m[copy + I_FILLK] = m[uffd + I_FILLK]
    return copy


@kernel
def _dup_area(m: Mem, task: int, old: int, new: int, vma: int) -> int:
    """Copy one area of the parent into `new`; 0 or -ENOMEM."""
    flags = m[vma + V_FLAGS]
    pages = (m[vma + V_END] - m[vma + V_START]) >> m[H_ARCH + A_PAGE_SHIFT]
    if flags & VM_DONTCOPY:
        vm_stat_account(m, new, flags, -pages)
        return 0
    if flags & VM_ACCOUNT and charge(m, task, pages) == 0:
        return -ENOMEM
    copy = vma_dup(m, vma)
    if copy == 0:
        if flags & VM_ACCOUNT:
            uncharge(m, pages)
        return -ENOMEM
    m[copy + V_MM] = new
    if m[copy + V_OPS] == OPS_HUGETLB:  # reservations stay with the parent (hugetlb_dup_vma_private)
        resv_put(m, m[copy + V_RESV])
        m[copy + V_RESV] = 0
    m[copy + V_UFFD] = _dup_uffd(m, new, m[vma + V_UFFD])
    kept = flags if m[copy + V_UFFD] != 0 else flags & ~VM_UFFD
    vma_set_flags(m, copy, kept & ~(VM_LOCKED | VM_LOCKONFAULT))
    protected = 1 if kept & VM_UFFD_WP else 0
    m[copy + V_AVMULTI] = 0
    if flags & VM_WIPEONFORK:
        m[copy + V_AV] = 0
    elif m[copy + V_AV] != 0 and m[H_RULES + R_FORK_KEEPS_AV] == 0:
        anon_vma_new(m, copy)
        m[copy + V_AVMULTI] = 1
    if insert_vma(m, new, copy) < 0:
        vma_free(m, copy)
        return -ENOMEM
    copied = _COPIED | (VM_HUGETLB if m[H_RULES + R_FORK_HUGETLB] != 0 else 0)
    if flags & VM_WIPEONFORK == 0 and (m[vma + V_AV] != 0 or flags & copied or protected != 0):
        if flags & VM_HUGETLB:
            return hugetlb_copy(m, old, new, vma, protected)
        return copy_range(m, old, new, vma, protected)
    return 0


@kernel
def dup_mm(m: Mem, task: int, child: int) -> int:
    """A copy of `task`'s address space for `child`, or -ENOMEM (overcommit, arena full).

    Areas marked DONTCOPY are left out, WIPEONFORK ones come up empty, locks are dropped; page tables are
    copied only for areas with an anon_vma and those that no fault could fill again (linux-6.x 4.9, linux-2.6.21 3.14).
    """
    old = m[task + T_MM]
    new = mm_new(m)
    if new == 0:
        return -ENOMEM
    for field in (MM_TOTAL, MM_DATA, MM_STACK, MM_EXEC, MM_START_BRK, MM_BRK, MM_START_DATA, MM_END_DATA):
        m[new + field] = m[old + field]
    m[new + MM_FAC] = m[old + MM_BASE]  # 2.6: the child's first search starts afresh
    m[new + MM_CHS] = ALL_ONES
    for field in (MM_BASE, MM_LEGACY, MM_STACK_PTR, MM_MDWE, MM_ASLR, MM_THP, MM_KSM, MM_PKEYS, MM_XO_KEY):
        m[new + field] = m[old + field]
    if m[new + MM_MDWE] & MDWE_NO_INHERIT:
        m[new + MM_MDWE] = 0
    vma = m[old + MM_FIRST]
    while vma != 0:
        if _dup_area(m, task, old, new, vma) < 0:
            exit_mmap(m, new)
            return -ENOMEM
        vma = m[vma + V_NEXT]
    return new
