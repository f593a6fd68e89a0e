"""Faults in areas of hugetlbfs (mm/hugetlb.c: hugetlb_fault, hugetlb_no_page, hugetlb_wp).

A page is reserved for whoever mapped the area; a fork child has no share in that. If the pool is empty when the
owner writes to a page that a child shares, the child loses the page and gets SIGBUS from then on.
"""

from __future__ import annotations

from ...abi.signals import ACC_WRITE
from ...abi.vmflags import VM_MAYSHARE, VM_NORESERVE, VM_SHARED, VM_WRITE
from ...machine.archwords import A_HUGE_SHIFT, A_INDEX_BITS, A_PAGE_SHIFT
from ..areas.anonvma import anon_vma_prepare
from ..files.hugepool import UNMAPPED, hugefile_shift, hugepage_alloc, hugepage_put, region_add, region_count
from ..files.pagecache import hugefile_find, hugefile_insert
from ..jit import kernel
from ..pages.frames import bytes_copy, frame
from ..pages.pgwalk import HUGE_ENTRY, pmd_ensure, pmd_lookup, pmd_word
from ..pages.pte import (
    mk_pte,
    pte_clear_uffd_wp,
    pte_mkdirty,
    pte_mkuffd_wp,
    pte_mkyoung,
    pte_pfn,
    pte_poison,
    pte_present,
    pte_uffd_wp,
    pte_write,
)
from ..ranges.hugetlb import huge_index, hugetlb_zap
from ..state import (
    F_FLAGS,
    F_MAPCOUNT,
    F_OWNER,
    F_REFS,
    FF_ANON,
    FF_RESTORE,
    H_ARCH,
    I_RESV,
    I_SIZE,
    I_VMAS,
    MM_HUGETLB,
    MM_RSS,
    RV_FIRST,
    V_END,
    V_FLAGS,
    V_INEXT,
    V_INODE,
    V_MM,
    V_PGOFF,
    V_PROT,
    V_RESV,
    V_START,
    Mem,
)
from .uffdfault import handle_userfault, minor, missing, write_protected
from .vmfault import VMF_MINOR, VMF_OOM, VMF_POISON, VMF_SIGBUS, written


@kernel
def _reserve_head(m: Mem, vma: int) -> int:
    """The first link of the reserve map that speaks for `vma`, 0: it has none."""
    if m[vma + V_FLAGS] & VM_MAYSHARE:
        return m[vma + V_INODE] + I_RESV
    return m[vma + V_RESV] + RV_FIRST if m[vma + V_RESV] > 0 else 0


@kernel
def _has_reserve(m: Mem, vma: int, index: int) -> int:
    """1 if a page is reserved for `index` of the area (vma_needs_reservation, vma_has_reserves)."""
    head = _reserve_head(m, vma)
    if head == 0:
        return 0
    listed = region_count(m, head, index, index + 1)
    if m[vma + V_FLAGS] & VM_MAYSHARE:
        return listed
    return 0 if m[vma + V_FLAGS] & VM_NORESERVE else 1 - listed


@kernel
def vma_hugepage_alloc(m: Mem, vma: int, index: int, avoid_reserve: int) -> int:
    """A page of the pool for `index` of the area, 0: none can be had (alloc_hugetlb_folio)."""
    reserved = 0 if avoid_reserve != 0 else _has_reserve(m, vma, index)
    shift = m[H_ARCH + A_HUGE_SHIFT] - m[H_ARCH + A_PAGE_SHIFT]
    head = hugepage_alloc(m, reserved, index << shift)
    if head != 0 and _reserve_head(m, vma) != 0:
        region_add(m, _reserve_head(m, vma), index, index + 1)
    return head


@kernel
def _map(m: Mem, mm: int, vma: int, slot: int, head: int, anon: int) -> int:
    """Map `head` by the empty level-1 entry `slot`: writable only if shared (make_huge_pte)."""
    f = frame(m, head)
    m[f + F_REFS] += 1
    m[f + F_MAPCOUNT] += 1
    if anon != 0:
        m[f + F_FLAGS] |= FF_ANON
        m[f + F_OWNER] = mm
    w = pte_mkyoung(m, mk_pte(m, head, m[vma + V_PROT]))
    if m[vma + V_FLAGS] & (VM_SHARED | VM_WRITE) == (VM_SHARED | VM_WRITE):
        w = written(m, w, m[vma + V_FLAGS])
    m[slot] = HUGE_ENTRY
    m[pmd_word(m, slot)] = w
    m[mm + MM_RSS] += 1 << m[H_ARCH + A_INDEX_BITS]
    m[mm + MM_HUGETLB] += 1 << m[H_ARCH + A_INDEX_BITS]
    return 0


@kernel
def huge_install(m: Mem, mm: int, vma: int, slot: int, head: int, anon: int, writable: int, wp: int) -> int:
    """Map a page that userfaultfd filled: dirty, writable if it may be and is not to be protected; 0.

    mm/hugetlb.c hugetlb_mfill_atomic_pte.
    """
    _map(m, mm, vma, slot, head, anon)
    word = pmd_word(m, slot)
    w = pte_mkdirty(m, m[word])
    if wp != 0:
        w = pte_mkuffd_wp(m, w)
    elif writable != 0:
        w = written(m, w, m[vma + V_FLAGS])
    m[word] = w
    return 0


@kernel
def _take_from_children(m: Mem, vma: int, index: int, head: int) -> int:
    """Unmap page `head` from private areas that do not own a reservation (unmap_ref_private)."""
    shift = m[H_ARCH + A_HUGE_SHIFT]
    other = m[m[vma + V_INODE] + I_VMAS]
    while other != 0:
        if other != vma and m[other + V_FLAGS] & VM_MAYSHARE == 0 and m[other + V_RESV] <= 0:
            below = m[other + V_PGOFF] >> (shift - m[H_ARCH + A_PAGE_SHIFT])
            addr = m[other + V_START] + ((index - below) << shift)
            if m[other + V_START] <= addr < m[other + V_END]:
                slot = pmd_lookup(m, m[other + V_MM], addr)
                if slot != 0 and m[slot] == HUGE_ENTRY:
                    w = m[pmd_word(m, slot)]
                    if pte_present(m, w) != 0 and pte_pfn(m, w) == head:
                        hugetlb_zap(m, m[other + V_MM], other, addr, addr + (1 << shift), 1)
                        m[other + V_RESV] = UNMAPPED
        other = m[other + V_INEXT]
    return 0


@kernel
def _wp(m: Mem, mm: int, vma: int, slot: int, index: int) -> int:
    """A write to a page mapped without the right to write: reuse it, or copy (hugetlb_wp)."""
    word = pmd_word(m, slot)
    head = pte_pfn(m, m[word])
    f = frame(m, head)
    flags = m[vma + V_FLAGS]
    anon = m[f + F_FLAGS] & FF_ANON
    if pte_uffd_wp(m, m[word]) != 0:
        return VMF_MINOR  # the page is there; the write comes again and is userfaultfd's
    if flags & VM_MAYSHARE or (anon and m[f + F_MAPCOUNT] == 1):
        m[word] = written(m, m[word], flags)
        return VMF_MINOR
    if anon_vma_prepare(m, mm, vma) < 0:
        return VMF_OOM
    owner = 1 if anon and m[vma + V_RESV] > 0 else 0
    new = vma_hugepage_alloc(m, vma, index, owner)
    if new == 0 and owner != 0:
        _take_from_children(m, vma, index, head)
        if m[f + F_MAPCOUNT] == 1:
            m[word] = written(m, m[word], flags)
            return VMF_MINOR
    if new == 0:
        return VMF_SIGBUS
    bytes_copy(m, new, head)
    m[f + F_MAPCOUNT] -= 1
    m[mm + MM_RSS] -= 1 << m[H_ARCH + A_INDEX_BITS]
    m[mm + MM_HUGETLB] -= 1 << m[H_ARCH + A_INDEX_BITS]
    hugepage_put(m, head)
    _map(m, mm, vma, slot, new, 1)
    m[word] = written(m, m[word], flags)
    return VMF_MINOR


@kernel
def _no_page(m: Mem, mm: int, vma: int, slot: int, index: int, access: int, marked: int) -> int:
    """The first touch of a page through this area (hugetlb_no_page); a VMF_* code.

    `marked` 1: userfaultfd write-protected it while it was absent.
    """
    flags = m[vma + V_FLAGS]
    inode = m[vma + V_INODE]
    if m[vma + V_RESV] == UNMAPPED:
        return VMF_SIGBUS
    head = hugefile_find(m, inode, index)
    anon = 0
    if head == 0:
        if index >= m[inode + I_SIZE] >> m[H_ARCH + A_HUGE_SHIFT]:
            return VMF_SIGBUS
        if missing(m, vma) != 0:
            return handle_userfault(m, vma)
        if flags & VM_MAYSHARE == 0 and anon_vma_prepare(m, mm, vma) < 0:
            return VMF_OOM
        head = vma_hugepage_alloc(m, vma, index, 0)
        if head == 0:
            return VMF_SIGBUS
        if flags & VM_MAYSHARE == 0:
            anon = 1
        elif hugefile_insert(m, inode, index, head) == 0:
            return VMF_OOM
    elif minor(m, vma) != 0:
        return handle_userfault(m, vma)
    _map(m, mm, vma, slot, head, anon)
    if marked != 0:
        m[pmd_word(m, slot)] = pte_mkuffd_wp(m, m[pmd_word(m, slot)])
    if access == ACC_WRITE and flags & VM_SHARED == 0:
        code = _wp(m, mm, vma, slot, index)
        if code != VMF_MINOR:  # the page stays mapped for reading
            return code
    return VMF_MINOR


@kernel
def hugetlb_fault(m: Mem, mm: int, vma: int, addr: int, access: int) -> int:
    """A fault in an area of hugetlbfs whose flags allow the access; a VMF_* code."""
    if hugefile_shift(m, m[vma + V_INODE]) != m[H_ARCH + A_HUGE_SHIFT]:
        return VMF_SIGBUS  # pages of 1 GiB: their pool is empty
    slot = pmd_ensure(m, mm, addr)
    if slot == 0:
        return VMF_OOM
    index = huge_index(m, vma, addr)
    if m[slot] != HUGE_ENTRY:
        return _no_page(m, mm, vma, slot, index, access, 0)
    word = pmd_word(m, slot)
    if pte_present(m, m[word]) == 0:  # a marker
        if pte_poison(m, m[word]) != 0:
            return VMF_POISON
        return _no_page(m, mm, vma, slot, index, access, pte_uffd_wp(m, m[word]))
    if access == ACC_WRITE and pte_write(m, m[word]) == 0:
        protected = write_protected(m, vma, m[word])
        if protected == 1:
            return handle_userfault(m, vma)
        if protected == 2:
            m[word] = pte_clear_uffd_wp(m, m[word])
    m[frame(m, pte_pfn(m, m[word])) + F_FLAGS] &= ~FF_RESTORE
    if access == ACC_WRITE and pte_write(m, m[word]) == 0:
        return _wp(m, mm, vma, slot, index)
    m[word] = pte_mkyoung(m, m[word])
    if access == ACC_WRITE:
        m[word] = pte_mkdirty(m, m[word])
    return VMF_MINOR
