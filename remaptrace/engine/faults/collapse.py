"""MADV_COLLAPSE: make huge pages of what is there, at once (mm/khugepaged.c madvise_collapse; 6.1).

Private memory becomes one huge page, mapped by one entry. A block of shared memory has its holes filled and all of
its pages mapped; that it is one page there shows only when a part of it is unmapped, which is not modelled.
"""

from __future__ import annotations

from ...abi.errnos import EINVAL, ENOMEM
from ...abi.rows import RSF_UNMODELLED
from ...abi.vmflags import VM_HUGETLB, VM_NOHUGEPAGE, VM_SHARED, VM_UFFD_MISSING, VM_UFFD_WP, VM_WRITE
from ...machine.archwords import A_HUGE_SHIFT, A_PAGE_SHIFT
from ...machine.callrules import R_COLLAPSE_READ_ONLY
from ...machine.limitrules import R_READ_ONLY_THP
from ..areas.mergeable import VM_SPECIAL
from ..areas.vma import vma_is_anonymous
from ..files.pagecache import cache_alloc, cache_find, file_pages
from ..jit import kernel
from ..pages.frames import B_FROM, B_NEXT, B_TO, byte_load, byte_store, frame, frame_map
from ..pages.pgwalk import HUGE_ENTRY, leaf_drop, pmd_lookup, pmd_word
from ..pages.pte import mk_pte, pte_mkyoung, pte_pfn, pte_present, pte_swap, pte_uffd_wp, pte_write
from ..pages.thp import huge_anon, huge_pages
from ..ranges.pgtable import ZAP_DONTNEED, pte_ensure, zap_pte, zap_range
from ..state import (
    F_BYTES,
    F_FILL,
    F_FLAGS,
    FF_ANON,
    FF_UPTODATE,
    FF_ZERO,
    G_RSFLAGS,
    H_ARCH,
    H_RULES,
    I_TYPE,
    I_VMAS,
    MM_LASTLEAF,
    MM_RSS,
    MM_THP,
    OPS_FILE,
    T_MM,
    V_AV,
    V_END,
    V_FLAGS,
    V_INEXT,
    V_INODE,
    V_MM,
    V_PGOFF,
    V_PROT,
    V_START,
    Mem,
)
from .fault import handle_mm_fault
from .vmfault import VMF_OOM, linear_index, written

_GO_ON = -(1 << 20)
_NEVER_OF_FILES = 1  # read_only_thp: no
THP_DISABLED = 1
"""MM_THP: no huge pages in this address space at all."""


@kernel
def _eligible(m: Mem, mm: int, vma: int) -> int:
    """1 if an area may hold a collapsed page: kind, flags, room (thp_vma_allowable_order, forced)."""
    flags = m[vma + V_FLAGS]
    if flags & (VM_NOHUGEPAGE | VM_SPECIAL | VM_HUGETLB) or m[mm + MM_THP] == THP_DISABLED:
        return 0
    size = 1 << m[H_ARCH + A_HUGE_SHIFT]
    last = (m[vma + V_END] - size) & -size
    if last < m[vma + V_START]:
        return 0
    if vma_is_anonymous(m, vma) != 0:
        return 1 if m[vma + V_AV] != 0 else 0
    pages = size >> m[H_ARCH + A_PAGE_SHIFT]
    return 1 if ((m[vma + V_START] >> m[H_ARCH + A_PAGE_SHIFT]) - m[vma + V_PGOFF]) & (pages - 1) == 0 else 0


@kernel
def _collects(m: Mem, vma: int, table: int) -> int:
    """1 if the PTEs of a leaf table may become one huge page, else 0 or _GO_ON (hpage_collapse_scan_pmd)."""
    armed = m[vma + V_FLAGS] & (VM_UFFD_MISSING | VM_UFFD_WP)
    writable = 0
    for p in range(table, table + huge_pages(m)):
        w = m[p]
        if w == 0:
            if armed:
                return 0
            continue
        if pte_present(m, w) == 0:
            if pte_swap(m, w) == 0:  # a marker
                return 0
            continue
        if pte_uffd_wp(m, w) != 0:
            return _GO_ON
        flags = m[frame(m, pte_pfn(m, w)) + F_FLAGS]
        if flags & FF_ZERO:
            if armed:
                return 0
        elif flags & FF_ANON == 0:
            return 0
        if pte_write(m, w) != 0:
            writable = 1
    return 1 if writable != 0 or m[H_RULES + R_COLLAPSE_READ_ONLY] != 0 else _GO_ON


@kernel
def _copy_bytes(m: Mem, head: int, place: int, pfn: int) -> int:
    """Copy the bytes of page `pfn` to page `place` of the unsplit huge page `head`, whose own are zero.

    The bytes of a huge page are kept one by one, so a page that is not mostly zeros is copied byte by byte.
    """
    shift = m[H_ARCH + A_PAGE_SHIFT]
    f = frame(m, pfn)
    if m[f + F_FILL] != 0:
        for offset in range(1 << shift):
            byte_store(m, head, (place << shift) + offset, byte_load(m, pfn, offset))
        return 0
    b = m[f + F_BYTES]
    while b != 0:
        for offset in range(m[b + B_FROM], m[b + B_TO]):
            byte_store(m, head, (place << shift) + offset, byte_load(m, pfn, offset))
        b = m[b + B_NEXT]
    return 0


@kernel
def _collapse_private(m: Mem, mm: int, vma: int, addr: int) -> int:
    """Collapse one block of private memory: 0, -errno, or _GO_ON for a failure behind which the next is tried."""
    slot = pmd_lookup(m, mm, addr)
    if slot == 0:
        return _GO_ON
    if m[slot] == 0:
        return -EINVAL
    if m[slot] == HUGE_ENTRY:
        return 0
    table = m[slot]
    fits = _collects(m, vma, table)
    if fits != 1:
        return -EINVAL if fits == 0 else fits
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    for i in range(huge_pages(m)):
        w = m[table + i]
        if w != 0 and pte_present(m, w) == 0:
            if handle_mm_fault(m, mm, vma, addr + i * page, 0) == VMF_OOM:
                return -ENOMEM
    head = huge_anon(m, mm, linear_index(m, vma, addr))
    if head == 0:
        return -ENOMEM
    for i in range(huge_pages(m)):
        w = m[table + i]
        if w != 0:
            if m[frame(m, pte_pfn(m, w)) + F_FLAGS] & FF_ZERO == 0:
                _copy_bytes(m, head, i, pte_pfn(m, w))
            zap_pte(m, mm, table + i, ZAP_DONTNEED)
    leaf_drop(m, mm, slot)
    m[slot] = HUGE_ENTRY
    m[pmd_word(m, slot)] = written(m, mk_pte(m, head, m[vma + V_PROT]), m[vma + V_FLAGS])
    m[mm + MM_RSS] += huge_pages(m)
    m[mm + MM_LASTLEAF] = 0
    return 0


@kernel
def _retract(m: Mem, inode: int, first: int, last: int) -> int:
    """Unmap pages first..last-1 of the object where no area has private copies (retract_page_tables)."""
    shift = m[H_ARCH + A_PAGE_SHIFT]
    vma = m[inode + I_VMAS]
    while vma != 0:
        low = m[vma + V_START] + ((first - m[vma + V_PGOFF]) << shift)
        high = low + ((last - first) << shift)
        if m[vma + V_START] <= low and high <= m[vma + V_END] and low & (high - low - 1) == 0:
            zap_range(m, m[vma + V_MM], vma, low, high, ZAP_DONTNEED)
        vma = m[vma + V_INEXT]
    return 0


@kernel
def _collapse_shared(m: Mem, mm: int, vma: int, addr: int) -> int:
    """Collapse one block of an object in shmem: 0 or -errno (collapse_file, collapse_pte_mapped_thp)."""
    inode = m[vma + V_INODE]
    first = linear_index(m, vma, addr)
    count = huge_pages(m)
    found = 0
    for index in range(first, first + count):
        if index < file_pages(m, inode) and cache_find(m, inode, index) != 0:
            found += 1
    if found == 0:
        return -EINVAL
    for index in range(first, first + count):
        if cache_alloc(m, inode, index) == 0:
            return -ENOMEM
    _retract(m, inode, first, first + count)
    p = pte_ensure(m, mm, addr)
    if p == 0:
        return -ENOMEM
    flags = m[vma + V_FLAGS]
    for i in range(count):
        if m[p + i] != 0:  # private copies stay
            continue
        pfn = cache_find(m, inode, first + i)
        m[frame(m, pfn) + F_FLAGS] |= FF_UPTODATE
        w = pte_mkyoung(m, mk_pte(m, pfn, m[vma + V_PROT]))
        if flags & (VM_SHARED | VM_WRITE) == VM_SHARED | VM_WRITE:
            w = written(m, w, flags)
        m[p + i] = w
        frame_map(m, pfn)
        m[mm + MM_RSS] += 1
    return 0


@kernel
def madvise_collapse(m: Mem, task: int, vma: int, start: int, end: int) -> int:
    """Collapse the whole blocks of [start, end), a part of `vma`: 0, or the error of the last one that was tried.

    Most failures end it; a block without upper tables, with write-protected or only read-only pages does not.

    A part that begins and ends inside one block, at its start neither, has "less than no" block: EINVAL.
    """
    mm = m[task + T_MM]
    if m[H_ARCH + A_HUGE_SHIFT] == 0 or _eligible(m, mm, vma) == 0:
        return -EINVAL
    anonymous = vma_is_anonymous(m, vma)
    if anonymous == 0 and m[m[vma + V_INODE] + I_TYPE] == OPS_FILE:
        # mm/huge_memory.c file_thp_enabled: never without CONFIG_READ_ONLY_THP_FOR_FS, else where nobody writes it
        if m[H_RULES + R_READ_ONLY_THP] != _NEVER_OF_FILES:
            m[G_RSFLAGS] |= RSF_UNMODELLED
        return -EINVAL
    size = 1 << m[H_ARCH + A_HUGE_SHIFT]
    addr = (start + size - 1) & -size
    last = end & -size
    result = 0 if addr <= last else -EINVAL
    while addr < last:
        error = _collapse_private(m, mm, vma, addr) if anonymous != 0 else _collapse_shared(m, mm, vma, addr)
        if error == _GO_ON:
            result = -EINVAL
        elif error != 0:
            return error
        addr += size
    return result
