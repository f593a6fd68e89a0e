"""From a page to the PTEs that map it: unmapping for reclaim, accessed bits (mm/rmap.c).

File pages are found through the areas of their inode; anonymous ones where their linear index puts
them in each address space. Non-linear areas are searched as 2.6 did, blindly in clusters of 32 pages
from a cursor kept in the area: every old page found there is unmapped, whether or not it was meant.
"""

from __future__ import annotations

from ...abi.vmflags import VM_IO, VM_LOCKED, VM_MANYPROTS, VM_NONLINEAR, VM_PFNMAP
from ...machine.archwords import A_PAGE_SHIFT
from ..areas.vmaset import find_exact
from ..jit import kernel
from ..pages.frames import frame
from ..pages.pgwalk import pte_lookup
from ..pages.pte import (
    mk_swap_pte,
    pte_dirty,
    pte_mkold,
    pte_pfn,
    pte_present,
    pte_protnone,
    pte_young,
)
from ..pages.swap import page_unmap, swap_alloc, swap_cache_add, swap_get
from ..state import (
    F_FLAGS,
    F_INDEX,
    F_INODE,
    F_MAPCOUNT,
    F_SLOT,
    FF_ANON,
    FF_DIRTY,
    FF_HUGE,
    FF_LAZYFREE,
    FF_ZERO,
    G_MM_LIST,
    G_SPECIAL_FRAME,
    H_ARCH,
    I_VMAS,
    MM_FIRST,
    MM_NEXT,
    MM_RSS,
    V_CURSOR,
    V_END,
    V_FLAGS,
    V_INEXT,
    V_MM,
    V_NEXT,
    V_PGOFF,
    V_START,
    Mem,
)
from .nlzap import saved_pte

CLUSTER = 32  # pages of a non-linear area looked at in one go
_KEPT = VM_LOCKED | VM_IO | VM_PFNMAP


@kernel
def reclaimable(m: Mem, pfn: int) -> int:
    """1 if the frame's page may go at all: not the zero page, not a special one, no huge page."""
    f = frame(m, pfn)
    if pfn == m[G_SPECIAL_FRAME] or m[f + F_FLAGS] & (FF_ZERO | FF_HUGE):
        return 0
    return 1


@kernel
def _unmap_anon(m: Mem, vma: int, p: int, pfn: int) -> int:
    """Replace the PTE at `p` of a private page by a swap entry, or by nothing if it was given up."""
    f = frame(m, pfn)
    flags = m[f + F_FLAGS]
    if flags & FF_LAZYFREE and flags & FF_DIRTY == 0 and pte_dirty(m, m[p]) == 0:
        m[p] = 0
    else:
        if m[vma + V_FLAGS] & VM_MANYPROTS and pte_protnone(m, m[p]) != 0:
            return 0  # hypothetical private areas: a swap entry has no room for the protection
        if m[f + F_SLOT] == 0:
            slot = swap_alloc(m)
            if slot == 0:
                return 0
            swap_cache_add(m, slot, pfn)
        slot = m[f + F_SLOT] - 1
        swap_get(m, slot)
        m[p] = mk_swap_pte(m, slot)
    page_unmap(m, pfn)
    return 1


@kernel
def unmap_one(m: Mem, mm: int, vma: int, addr: int, p: int) -> int:
    """Take the page of the present PTE at `p` out of the page table (try_to_unmap_one); 1 if it went.

    Locked areas keep their pages. What stays: a swap entry for private memory, a file PTE at a place
    of a non-linear area that needs one, else nothing. The PTE's dirty bit goes to the page.
    """
    if m[vma + V_FLAGS] & _KEPT:
        return 0
    w = m[p]
    pfn = pte_pfn(m, w)
    if reclaimable(m, pfn) == 0:
        return 0
    f = frame(m, pfn)
    if m[f + F_FLAGS] & FF_ANON:
        gone = _unmap_anon(m, vma, p, pfn)
        m[mm + MM_RSS] -= gone
        return gone
    if pte_dirty(m, w) != 0:
        m[f + F_FLAGS] |= FF_DIRTY
    m[p] = saved_pte(m, vma, addr, w, m[f + F_INDEX]) if m[vma + V_FLAGS] & VM_NONLINEAR else 0
    m[mm + MM_RSS] -= 1
    page_unmap(m, pfn)
    return 1


@kernel
def _pte_of_page(m: Mem, mm: int, addr: int, pfn: int) -> int:
    """The PTE of `addr` if it maps frame `pfn`, else 0."""
    p = pte_lookup(m, mm, addr)
    if p == 0 or m[p] == 0 or pte_present(m, m[p]) == 0:
        return 0
    return p if pte_pfn(m, m[p]) == pfn else 0


@kernel
def _address_in(m: Mem, vma: int, index: int) -> int:
    """Where a linear area has page `index`, -1: not inside."""
    addr = m[vma + V_START] + ((index - m[vma + V_PGOFF]) << m[H_ARCH + A_PAGE_SHIFT])
    return addr if m[vma + V_START] <= addr < m[vma + V_END] else -1


@kernel
def _at(m: Mem, vma: int, pfn: int, referenced: int) -> int:
    """Look for frame `pfn` at its linear place in `vma`: clear and tell its accessed bit, or unmap it."""
    addr = _address_in(m, vma, m[frame(m, pfn) + F_INDEX])
    if addr < 0:
        return 0
    mm = m[vma + V_MM]
    p = _pte_of_page(m, mm, addr, pfn)
    if p == 0:
        return 0
    if referenced == 0:
        return unmap_one(m, mm, vma, addr, p)
    young = pte_young(m, m[p])
    m[p] = pte_mkold(m, m[p])
    return young


@kernel
def _walk_anon(m: Mem, pfn: int, referenced: int) -> int:
    """`_at` for every place of a private page: first where it was born, then in every area."""
    f = frame(m, pfn)
    found = 0
    born = m[f + F_INDEX] << m[H_ARCH + A_PAGE_SHIFT]
    mm = m[G_MM_LIST]
    while mm != 0:
        vma = find_exact(m, mm, born)
        if vma != 0:
            found += _at(m, vma, pfn, referenced)
        mm = m[mm + MM_NEXT]
    if m[f + F_MAPCOUNT] <= (found if referenced != 0 else 0):
        return found
    mm = m[G_MM_LIST]
    while mm != 0:
        vma = m[mm + MM_FIRST]
        while vma != 0 and m[f + F_MAPCOUNT] > 0:
            found += _at(m, vma, pfn, referenced)
            vma = m[vma + V_NEXT]
        mm = m[mm + MM_NEXT]
    return found


@kernel
def _walk_file(m: Mem, pfn: int, referenced: int) -> int:
    """`_at` for every linear area of the page's file."""
    found = 0
    vma = m[m[frame(m, pfn) + F_INODE] + I_VMAS]
    while vma != 0:
        if m[vma + V_FLAGS] & VM_NONLINEAR == 0:
            found += _at(m, vma, pfn, referenced)
        vma = m[vma + V_INEXT]
    return found


@kernel
def _scan_cluster(m: Mem, vma: int, cursor: int, hard: int) -> int:
    """Unmap the old file pages of one cluster (all of them if `hard`), clear other accessed bits; how many went."""
    shift = m[H_ARCH + A_PAGE_SHIFT]
    mm = m[vma + V_MM]
    addr = m[vma + V_START] + cursor
    end = min(addr + (CLUSTER << shift), m[vma + V_END])
    gone = 0
    while addr < end:
        p = pte_lookup(m, mm, addr)
        if p != 0 and m[p] != 0 and pte_present(m, m[p]) != 0:
            if hard == 0 and pte_young(m, m[p]) != 0:
                m[p] = pte_mkold(m, m[p])
            else:
                gone += unmap_one(m, mm, vma, addr, p)
        addr += 1 << shift
    return gone


@kernel
def _scan_nonlinear(m: Mem, pfn: int, hard: int) -> int:
    """try_to_unmap_cluster over the file's non-linear areas, until as many pages went as the page has mappings.

    `hard` 1 unmaps young pages too and ends only when the page itself is unmapped or all was seen.
    """
    f = frame(m, pfn)
    step = CLUSTER << m[H_ARCH + A_PAGE_SHIFT]
    wanted = m[f + F_MAPCOUNT]
    vma = m[m[f + F_INODE] + I_VMAS]
    while vma != 0 and m[f + F_MAPCOUNT] > 0 and (hard != 0 or wanted > 0):
        if m[vma + V_FLAGS] & VM_NONLINEAR and m[vma + V_FLAGS] & _KEPT == 0:
            length = m[vma + V_END] - m[vma + V_START]
            seen = 0
            while seen < length and m[f + F_MAPCOUNT] > 0 and (hard != 0 or wanted > 0):
                if m[vma + V_CURSOR] >= length:
                    m[vma + V_CURSOR] = 0
                wanted -= _scan_cluster(m, vma, m[vma + V_CURSOR], hard)
                m[vma + V_CURSOR] += step
                seen += step
        vma = m[vma + V_INEXT]
    return 0


@kernel
def page_referenced(m: Mem, pfn: int) -> int:
    """How many PTEs of the page were young; they are old now. Non-linear areas are not asked."""
    if m[frame(m, pfn) + F_FLAGS] & FF_ANON:
        return _walk_anon(m, pfn, 1)
    return _walk_file(m, pfn, 1) if m[frame(m, pfn) + F_INODE] != 0 else 0


@kernel
def try_to_unmap(m: Mem, pfn: int, hard: int) -> int:
    """Unmap the page wherever it is mapped; 1 if no mapping is left.

    `hard` 1 does not spare young pages of non-linear areas (a scenario's reclaim step).
    """
    f = frame(m, pfn)
    if m[f + F_FLAGS] & FF_ANON:
        _walk_anon(m, pfn, 0)
    elif m[f + F_INODE] != 0:
        _walk_file(m, pfn, 0)
        if m[f + F_MAPCOUNT] > 0:
            _scan_nonlinear(m, pfn, hard)
    return 1 if m[f + F_MAPCOUNT] == 0 else 0
