"""What madvise does to the pages of one area (mm/madvise.c); flags and errors are `madvise`'s business.

Every function takes the part [start, end) of `vma`, page aligned, and returns 0 or -errno.
"""

from __future__ import annotations

from ...abi.errnos import ENOMEM
from ...abi.rows import RSF_UNMODELLED
from ...abi.special import FILE_AIO
from ...abi.vmflags import VM_LOCKED, VM_SHARED
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.rules import R_STICKY_GUARD
from ..areas.anonvma import anon_vma_prepare
from ..areas.vma import vma_is_anonymous
from ..files.pagecache import HOLE, cache_evict, cache_to_disk, is_clean_shmem
from ..jit import kernel
from ..pages.frames import frame
from ..pages.pgwalk import (
    HUGE_ENTRY,
    next_leaf,
    pmd_lookup,
    pmd_word,
    pte_ensure,
    pte_index,
    span_end,
    span_shift,
)
from ..pages.pte import (
    MARKER_UFFD_WP,
    mk_guard_pte,
    mk_pte_marker,
    mk_swap_pte,
    pte_dirty,
    pte_guard,
    pte_mkclean,
    pte_mkold,
    pte_pfn,
    pte_present,
    pte_uffd_wp,
)
from ..pages.swap import page_unmap, swap_alloc, swap_get, swap_write
from ..pages.thp import huge_is_shared, huge_split, huge_split_zeros
from ..state import (
    F_FLAGS,
    F_INDEX,
    F_INODE,
    F_MAPCOUNT,
    F_REFS,
    FF_ANON,
    FF_DIRTY,
    FF_LAZYFREE,
    FF_ZERO,
    G_RSFLAGS,
    H_ARCH,
    H_RULES,
    I_KIND,
    I_TYPE,
    MM_RSS,
    OPS_FILE,
    T_MM,
    V_FLAGS,
    V_INODE,
    V_PGOFF,
    V_PROT,
    V_START,
    Mem,
)
from .pgtable import ZAP_DONTNEED, leaves_wp_marker, zap_pte, zap_range
from .truncate import inode_punch


@kernel
def guard_install(m: Mem, task: int, vma: int, start: int, end: int) -> int:
    """Replace the pages of the range by guard markers (madvise_guard_install).

    Anonymous memory gets its anon_vma; files too on kernels without the sticky flag. Over a page of an object that
    userfaultfd protects the kernel tries again for ever, which is not modelled.
    """
    mm = m[task + T_MM]
    prepare = vma_is_anonymous(m, vma)
    if m[H_RULES + R_STICKY_GUARD] == 0 and _private_file(m, vma) != 0:
        prepare = 1
    if prepare != 0 and anon_vma_prepare(m, mm, vma) < 0:
        return -ENOMEM
    zap_range(m, mm, vma, start, end, ZAP_DONTNEED)
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    marker = mk_guard_pte(m)
    addr = start
    while addr < end:
        limit = span_end(m, addr, end)
        p = pte_ensure(m, mm, addr)
        if p == 0:
            return -ENOMEM
        for q in range(p, p + (limit - addr) // page):
            if m[q] != 0 and pte_uffd_wp(m, m[q]) != 0:
                m[G_RSFLAGS] |= RSF_UNMODELLED
            m[q] = marker
        addr = limit
    return 0


@kernel
def _private_file(m: Mem, vma: int) -> int:
    """1 for a private mapping of a file."""
    return 1 if m[vma + V_INODE] != 0 and m[vma + V_FLAGS] & VM_SHARED == 0 else 0


@kernel
def guard_remove(m: Mem, task: int, vma: int, start: int, end: int) -> int:
    """Turn guard markers into empty PTEs; pages stay, tables too (madvise_guard_remove)."""
    mm = m[task + T_MM]
    addr = next_leaf(m, mm, start, end)
    while addr < end:
        limit = span_end(m, addr, end)
        slot = pmd_lookup(m, mm, addr)
        if m[slot] != HUGE_ENTRY:
            p = m[slot] + pte_index(m, addr)
            for q in range(p, p + pte_index(m, limit - 1) - pte_index(m, addr) + 1):
                if pte_guard(m, m[q]) != 0:
                    m[q] = 0
        addr = next_leaf(m, mm, limit, end)
    return 0


@kernel
def _free_word(m: Mem, p: int) -> int:
    """MADV_FREE of the present word at `p`: clean, old and lazily freed if it is mapped here alone."""
    f = frame(m, pte_pfn(m, m[p]))
    flags = m[f + F_FLAGS]
    if flags & FF_ZERO or flags & FF_ANON == 0 or m[f + F_MAPCOUNT] != 1:
        return 0
    m[f + F_FLAGS] = (flags | FF_LAZYFREE) & ~FF_DIRTY
    m[p] = pte_mkclean(m, pte_mkold(m, m[p]))
    return 0


@kernel
def advise_free(m: Mem, task: int, vma: int, start: int, end: int) -> int:
    """Let reclaim drop anonymous pages that are not written again; swap entries and poison go at once (MADV_FREE)."""
    mm = m[task + T_MM]
    whole = 1 << span_shift(m)
    addr = next_leaf(m, mm, start, end)
    while addr < end:
        limit = span_end(m, addr, end)
        slot = pmd_lookup(m, mm, addr)
        if m[slot] == HUGE_ENTRY and limit - addr == whole:
            _free_word(m, pmd_word(m, slot))
        else:
            if m[slot] == HUGE_ENTRY:
                if huge_is_shared(m, slot) != 0:  # other mappings of the page are left in peace
                    addr = next_leaf(m, mm, limit, end)
                    continue
                if huge_split_zeros(m, mm, slot, m[vma + V_PROT]) == 0:
                    return -ENOMEM
            p = m[slot] + pte_index(m, addr)
            for q in range(p, p + pte_index(m, limit - 1) - pte_index(m, addr) + 1):
                if m[q] != 0 and pte_present(m, m[q]) != 0:
                    _free_word(m, q)
                elif m[q] != 0:  # other markers and file PTEs stay
                    zap_pte(m, mm, q, ZAP_DONTNEED)
        addr = next_leaf(m, mm, limit, end)
    return 0


@kernel
def reclaim_pte(m: Mem, mm: int, p: int) -> int:
    """Push the page of the present PTE at `p` out of memory if it is mapped here alone; 1 if its PTE went.

    Pages that MADV_FREE gave up are dropped, other private pages need a swap slot; pages of files lose
    the PTE, and clean ones of files on disk or of shmem the place in the page cache too. shrink_folio_list.
    """
    w = m[p]
    pfn = pte_pfn(m, w)
    f = frame(m, pfn)
    flags = m[f + F_FLAGS]
    if flags & FF_ZERO or m[f + F_MAPCOUNT] != 1:
        return 0
    if flags & FF_ANON:
        m[p] = 0
        if flags & FF_LAZYFREE == 0 or flags & FF_DIRTY or pte_dirty(m, w) != 0:
            slot = swap_alloc(m)
            if slot == 0:
                m[p] = w
                return 0
            swap_write(m, slot, pfn)
            swap_get(m, slot)
            m[p] = mk_swap_pte(m, slot)
        m[mm + MM_RSS] -= 1
        page_unmap(m, pfn)
        return 1
    inode = m[f + F_INODE]
    index = m[f + F_INDEX]
    zap_pte(m, mm, p, ZAP_DONTNEED)
    if inode == 0 or m[f + F_REFS] != 1 or m[inode + I_KIND] == FILE_AIO:  # a context of aio holds its pages
        return 1
    if m[inode + I_TYPE] == OPS_FILE and m[f + F_FLAGS] & FF_DIRTY == 0:
        cache_to_disk(m, inode, index)
    elif is_clean_shmem(m, pfn) != 0:
        cache_evict(m, inode, index, HOLE)
    return 1


@kernel
def _push_out(m: Mem, task: int, vma: int, start: int, end: int, pageout: int) -> int:
    """Reclaim the pages of the range (`pageout` 1: MADV_PAGEOUT), or only part huge pages at its ends (MADV_COLD)."""
    mm = m[task + T_MM]
    whole = 1 << span_shift(m)
    addr = next_leaf(m, mm, start, end)
    while addr < end:
        limit = span_end(m, addr, end)
        slot = pmd_lookup(m, mm, addr)
        if m[slot] == HUGE_ENTRY and limit - addr != whole:
            if huge_is_shared(m, slot) != 0:
                addr = next_leaf(m, mm, limit, end)
                continue
            locked = m[vma + V_FLAGS] & VM_LOCKED
            split = huge_split(m, mm, slot) if locked else huge_split_zeros(m, mm, slot, m[vma + V_PROT])
            if split == 0:
                return -ENOMEM
        if pageout == 0:
            addr = next_leaf(m, mm, limit, end)
            continue
        if m[slot] == HUGE_ENTRY and huge_split(m, mm, slot) == 0:
            return -ENOMEM
        p = m[slot] + pte_index(m, addr)
        for q in range(p, p + pte_index(m, limit - 1) - pte_index(m, addr) + 1):
            if m[q] != 0 and pte_present(m, m[q]) != 0:
                w = m[q]
                if reclaim_pte(m, mm, q) != 0 and m[q] == 0 and leaves_wp_marker(m, vma, w) != 0:
                    m[q] = mk_pte_marker(m, MARKER_UFFD_WP)
        addr = next_leaf(m, mm, limit, end)
    return 0


@kernel
def advise_pageout(m: Mem, task: int, vma: int, start: int, end: int) -> int:
    """Reclaim the pages of the range (MADV_PAGEOUT)."""
    return _push_out(m, task, vma, start, end, 1)


@kernel
def advise_cold(m: Mem, task: int, vma: int, start: int, end: int) -> int:
    """Part the huge pages that the range begins or ends in (MADV_COLD); which pages are old is not modelled."""
    return _push_out(m, task, vma, start, end, 0)


@kernel
def advise_remove(m: Mem, task: int, vma: int, start: int, end: int) -> int:
    """Punch a hole into the file behind the range (MADV_REMOVE)."""
    offset = start - m[vma + V_START] + (m[vma + V_PGOFF] << m[H_ARCH + A_PAGE_SHIFT])
    return inode_punch(m, m[vma + V_INODE], offset, offset + end - start)
