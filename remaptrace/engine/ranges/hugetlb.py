"""Huge pages of hugetlbfs in page tables and files: zap, copy at fork, truncate, punch (mm/hugetlb.c, fs/hugetlbfs).

They are mapped by one entry like transparent huge pages and never split; frames come from the pool.
"""

from __future__ import annotations

from ...abi.errnos import ENOMEM
from ...abi.vmflags import VM_MAYWRITE, VM_SHARED
from ...machine.archwords import A_HUGE_SHIFT, A_INDEX_BITS, A_LEVELS, A_PAGE_SHIFT
from ...machine.rules import R_HUGETLB_RESTORE
from ..files.hugepool import hugepage_put, pool_unreserve, region_del
from ..files.pagecache import hugefile_drop, hugefile_find
from ..jit import apart, kernel
from ..pages.frames import bytes_fill, frame
from ..pages.pgwalk import HUGE_ENTRY, level_shift, next_leaf, pmd_ensure, pmd_lookup, pmd_word, span_end
from ..pages.pte import (
    MARKER_UFFD_WP,
    mk_pte_marker,
    pte_clear_uffd_wp,
    pte_mkold,
    pte_mkuffd_wp,
    pte_pfn,
    pte_poison,
    pte_present,
    pte_uffd_wp,
    pte_wrprotect,
)
from ..state import (
    F_FLAGS,
    F_MAPCOUNT,
    F_REFS,
    FF_ANON,
    FF_EXCLUSIVE,
    FF_RESTORE,
    G_HT_SURPLUS,
    H_ARCH,
    H_RULES,
    I_RESV,
    I_SIZE,
    I_VMAS,
    MM_HUGETLB,
    MM_RSS,
    RV_FIRST,
    V_END,
    V_FLAGS,
    V_INEXT,
    V_MM,
    V_PGOFF,
    V_RESV,
    V_START,
    Mem,
)


@kernel
def huge_index(m: Mem, vma: int, addr: int) -> int:
    """The page of the object, counted in huge pages, that belongs at `addr`."""
    size = m[H_ARCH + A_HUGE_SHIFT]
    below = m[vma + V_PGOFF] >> (size - m[H_ARCH + A_PAGE_SHIFT])
    return below + ((addr - m[vma + V_START]) >> size)


@kernel
def _zap_one(m: Mem, mm: int, vma: int, addr: int, slot: int, keep: int, surplus: int) -> int:
    """Remove the huge page under level-1 entry `slot` (the body of __unmap_hugepage_range).

    `keep` 1: a write protection of userfaultfd stays behind as a marker (without ZAP_FLAG_DROP_MARKER).
    """
    word = pmd_word(m, slot)
    w = m[word]
    if keep != 0 and pte_uffd_wp(m, w) != 0:
        m[word] = mk_pte_marker(m, MARKER_UFFD_WP)
    else:
        m[slot] = 0
        m[word] = 0
    if pte_present(m, w) == 0:
        return 0
    head = pte_pfn(m, w)
    f = frame(m, head)
    m[mm + MM_RSS] -= 1 << m[H_ARCH + A_INDEX_BITS]
    m[mm + MM_HUGETLB] -= 1 << m[H_ARCH + A_INDEX_BITS]
    if (
        m[H_RULES + R_HUGETLB_RESTORE] != 0
        and surplus == 0
        and m[vma + V_RESV] > 0
        and m[f + F_FLAGS] & FF_ANON
    ):
        m[f + F_FLAGS] |= FF_RESTORE
        index = huge_index(m, vma, addr)
        region_del(m, m[vma + V_RESV] + RV_FIRST, index, index + 1)
    m[f + F_MAPCOUNT] -= 1
    hugepage_put(m, head)
    return 0


@apart
def hugetlb_zap(m: Mem, mm: int, vma: int, start: int, end: int, keep: int) -> int:
    """Remove the huge pages of `vma` in [start, end), whole ones; `keep` as in `_zap_one`.

    The kernel frees them behind the last one (tlb_finish_mmu), so that each finds the surplus there was at first.
    """
    surplus = m[G_HT_SURPLUS]
    addr = next_leaf(m, mm, start, end)
    while addr < end:
        slot = pmd_lookup(m, mm, addr)
        if m[slot] == HUGE_ENTRY:
            _zap_one(m, mm, vma, addr, slot, keep, surplus)
        addr = next_leaf(m, mm, span_end(m, addr, end), end)
    return 0


@kernel
def _copy_marker(m: Mem, new: int, addr: int, w: int, protected: int) -> int:
    """Give the child the marker `w` of the parent at `addr` (copy_pte_marker): 0 or -ENOMEM."""
    if pte_poison(m, w) == 0 and (protected == 0 or pte_uffd_wp(m, w) == 0):
        return 0
    to = pmd_ensure(m, new, addr)
    if to == 0:
        return -ENOMEM
    m[to] = HUGE_ENTRY
    m[pmd_word(m, to)] = w
    return 0


@kernel
def hugetlb_protect(m: Mem, mm: int, start: int, end: int, protect: int) -> int:
    """Write-protect the huge pages of [start, end) for userfaultfd, or lift that: 0 or -ENOMEM (arena full).

    Absent pages get markers. Lifting gives no write bit: that is the next fault's (hugetlb_change_protection).
    """
    size = 1 << m[H_ARCH + A_HUGE_SHIFT]
    for addr in range(start, end, size):
        slot = pmd_ensure(m, mm, addr) if protect != 0 else pmd_lookup(m, mm, addr)
        if slot == 0:
            if protect != 0:
                return -ENOMEM
            continue
        word = pmd_word(m, slot)
        if m[slot] != HUGE_ENTRY:
            if protect != 0:
                m[slot] = HUGE_ENTRY
                m[word] = mk_pte_marker(m, MARKER_UFFD_WP)
        elif pte_present(m, m[word]) != 0:
            w = pte_clear_uffd_wp(m, pte_wrprotect(m, m[word]))
            m[word] = pte_mkuffd_wp(m, w) if protect != 0 else w
        elif protect == 0 and pte_uffd_wp(m, m[word]) != 0:
            m[slot] = 0
            m[word] = 0
    return 0


@kernel
def _copy_tables(m: Mem, old: int, new: int, addr: int, end: int) -> int:
    """Give the child's [addr, end) the tables that the parent has there for huge pages, empty ones too: 0 or -ENOMEM.

    The kernel makes them before it looks at the entry (huge_pte_alloc in mm/hugetlb.c:copy_hugetlb_page_range); where
    there is one, walkers find an entry without a page instead of a hole.
    """
    if m[H_ARCH + A_LEVELS] == 2:  # the top table is the one
        return 0
    shift = level_shift(m, 2)
    while addr < end:
        if pmd_lookup(m, old, addr) != 0 and pmd_ensure(m, new, addr) == 0:
            return -ENOMEM
        addr = ((addr >> shift) + 1) << shift
    return 0


@kernel
def hugetlb_copy(m: Mem, old: int, new: int, vma: int, protected: int) -> int:
    """Share the huge pages of the parent's area with the child's tables: 0 or -ENOMEM (arena full).

    `protected` 1: the child's area keeps its registration for write protection.
    """
    end = m[vma + V_END]
    if _copy_tables(m, old, new, m[vma + V_START], end) < 0:
        return -ENOMEM
    cow = 1 if m[vma + V_FLAGS] & (VM_SHARED | VM_MAYWRITE) == VM_MAYWRITE else 0
    addr = next_leaf(m, old, m[vma + V_START], end)
    while addr < end:
        slot = pmd_lookup(m, old, addr)
        word = pmd_word(m, slot)
        if m[slot] == HUGE_ENTRY and pte_present(m, m[word]) != 0:
            to = pmd_ensure(m, new, addr)
            if to == 0:
                return -ENOMEM
            f = frame(m, pte_pfn(m, m[word]))
            m[f + F_FLAGS] &= ~FF_EXCLUSIVE
            m[f + F_REFS] += 1
            m[f + F_MAPCOUNT] += 1
            m[new + MM_RSS] += 1 << m[H_ARCH + A_INDEX_BITS]
            m[new + MM_HUGETLB] += 1 << m[H_ARCH + A_INDEX_BITS]
            if cow != 0:
                m[word] = pte_wrprotect(m, m[word])
            m[to] = HUGE_ENTRY
            w = pte_mkold(m, m[word])
            m[pmd_word(m, to)] = w if protected != 0 else pte_clear_uffd_wp(m, w)
        elif m[slot] == HUGE_ENTRY and _copy_marker(m, new, addr, m[word], protected) < 0:
            return -ENOMEM
        addr = next_leaf(m, old, span_end(m, addr, end), end)
    return 0


@kernel
def _unmap_file(m: Mem, inode: int, low: int, high: int, keep: int) -> int:
    """Zap bytes [low, high) of the object everywhere, `keep` as in `_zap_one`.

    Private copies go, too (hugetlb_vmdelete_list).
    """
    shift = m[H_ARCH + A_PAGE_SHIFT]
    vma = m[inode + I_VMAS]
    while vma != 0:
        begin = m[vma + V_PGOFF] << shift
        start = m[vma + V_START]
        first = max(low, begin) - begin + start
        last = min(high - begin + start, m[vma + V_END])
        if first < last:
            hugetlb_zap(m, m[vma + V_MM], vma, first, last, keep)
        vma = m[vma + V_INEXT]
    return 0


@kernel
def hugefile_truncate(m: Mem, inode: int, size: int) -> int:
    """Set the length of a hugetlbfs file to `size` bytes, whole huge pages (hugetlbfs_setattr).

    Pages behind the end go, copies in private areas too, and so do the reservations there, also where the file grows
    (hugetlb_vmtruncate).
    """
    m[inode + I_SIZE] = size
    first = size >> m[H_ARCH + A_HUGE_SHIFT]
    _unmap_file(m, inode, size, 1 << 62, 0)
    freed = hugefile_drop(m, inode, first, -1, 1)
    pool_unreserve(m, region_del(m, inode + I_RESV, first, 1 << 62) - freed)
    return 0


@kernel
def hugefile_punch(m: Mem, inode: int, start: int, end: int) -> int:
    """Free the whole huge pages of bytes [start, end) and zero the parts (hugetlbfs_punch_hole)."""
    shift = m[H_ARCH + A_HUGE_SHIFT]
    size = 1 << shift
    low = (start + size - 1) & -size
    high = end & -size
    if low < high:
        _unmap_file(m, inode, low, high, 1)
        hugefile_drop(m, inode, low >> shift, high >> shift, 0)
    _zero_part(m, inode, start, min(end, low))
    if high >= low:
        _zero_part(m, inode, max(start, high), end)
    return 0


@kernel
def _zero_part(m: Mem, inode: int, start: int, end: int) -> int:
    """Zero bytes [start, end), which lie in one huge page, if it is there."""
    from_page = hugefile_find(m, inode, start >> m[H_ARCH + A_HUGE_SHIFT])
    size = 1 << m[H_ARCH + A_HUGE_SHIFT]
    if start < end and from_page != 0:
        bytes_fill(m, from_page, start & (size - 1), ((end - 1) & (size - 1)) + 1, 0)
    return 0
