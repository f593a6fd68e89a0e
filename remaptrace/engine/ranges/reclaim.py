"""Giving pages back: a scenario's `reclaim` steps, and reclaim when RAM is used up (mm/vmscan.c).

When no frame is free, a clock hand goes over the frames in order of their numbers: a page whose
accessed bit is set has it cleared and survives one round, any other is unmapped, written to swap or
to its file, and freed. The order is fixed, so a replay always frees the same pages. A `reclaim`
step spares nothing but locked areas. Pages that have nowhere to go (private or written shmem pages
without swap) stay, shmem pages unmapped; shmem pages that were only read are zeros, and go.
"""

from __future__ import annotations

from ...abi.vmflags import VM_HUGETLB, VM_IO, VM_LOCKED, VM_PFNMAP
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.limitrules import R_RAM_PAGES
from ..areas.vmaset import find_vma
from ..files.cachetree import cache_next
from ..files.pagecache import HOLE, cache_evict, cache_to_disk, cache_to_swap, cached_frame, is_clean_shmem
from ..jit import kernel
from ..pages.frames import frame
from ..pages.pgwalk import HUGE_ENTRY, next_leaf, pmd_lookup, pte_index, span_end
from ..pages.pte import pte_pfn, pte_present
from ..pages.swap import swap_alloc, swap_cache_drop, swap_get, swap_write
from ..pages.thp import huge_split
from ..state import (
    F_FLAGS,
    F_INDEX,
    F_INODE,
    F_MAPCOUNT,
    F_REFS,
    F_SLOT,
    FF_ANON,
    FF_DIRTY,
    G_CLOCK,
    G_MM_LIST,
    G_RAM_USED,
    H_ARCH,
    H_NFRAMES,
    H_RULES,
    I_TYPE,
    I_VMAS,
    MM_FIRST,
    MM_NEXT,
    OPS_FILE,
    OPS_HUGETLB,
    T_MM,
    V_END,
    V_FLAGS,
    V_INEXT,
    V_MM,
    V_NEXT,
    V_START,
    Mem,
)
from .rmap import page_referenced, reclaimable, try_to_unmap, unmap_one

BATCH = 32  # SWAP_CLUSTER_MAX: pages that one round tries to free


@kernel
def pageout(m: Mem, pfn: int) -> int:
    """Write an unmapped page where it belongs and free its frame; 1 if it is free."""
    f = frame(m, pfn)
    if m[f + F_REFS] != 1 or m[f + F_MAPCOUNT] != 0:
        return 0
    if m[f + F_SLOT] != 0 and m[f + F_FLAGS] & FF_ANON:
        swap_write(m, m[f + F_SLOT] - 1, pfn)
        swap_cache_drop(m, pfn)
        return 1
    inode = m[f + F_INODE]
    if inode == 0:
        return 0
    if m[inode + I_TYPE] == OPS_FILE:
        m[f + F_FLAGS] &= ~FF_DIRTY
        return cache_to_disk(m, inode, m[f + F_INDEX])
    if is_clean_shmem(m, pfn) != 0:
        cache_evict(m, inode, m[f + F_INDEX], HOLE)
        return 1
    slot = swap_alloc(m)
    if slot == 0:
        return 0
    swap_write(m, slot, pfn)
    swap_get(m, slot)
    cache_to_swap(m, inode, m[f + F_INDEX], slot)
    return 1


@kernel
def _one_page(m: Mem, mm: int, vma: int, addr: int, p: int) -> int:
    """Reclaim the page of the present PTE at `p` from every mapping; 1 if its frame is free."""
    pfn = pte_pfn(m, m[p])
    if reclaimable(m, pfn) == 0:
        return 0
    f = frame(m, pfn)
    if m[f + F_MAPCOUNT] == 1:
        unmap_one(m, mm, vma, addr, p)
    else:
        try_to_unmap(m, pfn, 1)
    return pageout(m, pfn) if m[f + F_REFS] != 0 else 1


@kernel
def _area(m: Mem, vma: int, start: int, end: int, write: int) -> int:
    """Unmap the pages of [start, end) of one area; `write` 1: and free each at once."""
    if m[vma + V_FLAGS] & (VM_LOCKED | VM_IO | VM_PFNMAP | VM_HUGETLB):
        return 0
    mm = m[vma + V_MM]
    size = 1 << m[H_ARCH + A_PAGE_SHIFT]
    freed = 0
    addr = next_leaf(m, mm, start, end)
    while addr < end:
        limit = span_end(m, addr, end)
        slot = pmd_lookup(m, mm, addr)
        if m[slot] != HUGE_ENTRY or huge_split(m, mm, slot) != 0:
            p = m[slot] + pte_index(m, addr)
            while addr < limit:
                if m[p] != 0 and pte_present(m, m[p]) != 0:
                    if write != 0:
                        freed += _one_page(m, mm, vma, addr, p)
                    else:
                        unmap_one(m, mm, vma, addr, p)
                p += 1
                addr += size
        addr = next_leaf(m, mm, limit, end)
    return freed


@kernel
def reclaim_range(m: Mem, task: int, start: int, end: int) -> int:
    """Reclaim the pages that `task` has in [start, end); pages freed."""
    vma = find_vma(m, m[task + T_MM], start)
    freed = 0
    while vma != 0 and m[vma + V_START] < end:
        freed += _area(m, vma, max(start, m[vma + V_START]), min(end, m[vma + V_END]), 1)
        vma = m[vma + V_NEXT]
    return freed


@kernel
def reclaim_inode(m: Mem, inode: int) -> int:
    """Reclaim every page of a file, mapped or only cached; pages freed."""
    if m[inode + I_TYPE] == OPS_HUGETLB:
        return 0
    vma = m[inode + I_VMAS]
    while vma != 0:
        _area(m, vma, m[vma + V_START], m[vma + V_END], 0)
        vma = m[vma + V_INEXT]
    freed = 0
    index = cache_next(m, inode, 0)
    while index >= 0:
        pfn = cached_frame(m, inode, index)
        if pfn != 0:
            freed += pageout(m, pfn)
        index = cache_next(m, inode, index + 1)
    return freed


@kernel
def reclaim_all(m: Mem) -> int:
    """Reclaim everything that can go, of every process; pages freed."""
    mm = m[G_MM_LIST]
    while mm != 0:
        vma = m[mm + MM_FIRST]
        while vma != 0:
            _area(m, vma, m[vma + V_START], m[vma + V_END], 0)
            vma = m[vma + V_NEXT]
        mm = m[mm + MM_NEXT]
    freed = 0
    for pfn in range(1, m[H_NFRAMES]):
        if m[frame(m, pfn) + F_REFS] != 0 and reclaimable(m, pfn) != 0:
            freed += pageout(m, pfn)
    return freed


@kernel
def try_to_free_pages(m: Mem) -> int:
    """Free up to BATCH frames because none is left, by the clock; how many, 0: none could be freed."""
    if m[G_RAM_USED] < m[H_RULES + R_RAM_PAGES]:
        return 0
    freed = 0
    count = m[H_NFRAMES]
    for _ in range(3 * count):
        m[G_CLOCK] = m[G_CLOCK] + 1 if m[G_CLOCK] + 1 < count else 1
        pfn = m[G_CLOCK]
        f = frame(m, pfn)
        if m[f + F_REFS] == 0 or reclaimable(m, pfn) == 0:
            continue
        if m[f + F_MAPCOUNT] != 0 and page_referenced(m, pfn) != 0:
            continue
        if m[f + F_MAPCOUNT] != 0 and try_to_unmap(m, pfn, 0) == 0:
            continue
        freed += pageout(m, pfn) if m[f + F_REFS] != 0 else 1
        if freed >= BATCH:
            break
    return freed


@kernel
def frame_available(m: Mem) -> int:
    """1 if a frame is free, by reclaim if need be: for calls that fill the page cache themselves."""
    if m[G_RAM_USED] < m[H_RULES + R_RAM_PAGES]:
        return 1
    return 1 if try_to_free_pages(m) > 0 else 0
