"""What stays in the page table when pages of a non-linear area go: file PTEs (mm/memory.c zap_pte_range).

A page that is unmapped while its area stays (MADV_DONTNEED, truncation, reclaim) leaves a file PTE with
the page it was, and with RFP protections also its protection, if it cannot be found again without:
if it is not where a linear mapping would have it, or its protection is not the area's. The posted
RFP series compares two things that are never equal and so leaves a file PTE always (P07-GEN-1).
"""

from __future__ import annotations

from ...abi.vmflags import VM_MANYPROTS
from ...machine.archwords import A_PAGE_SHIFT, A_PROTMAP
from ...machine.callrules import R_RFP_SAVES_ALL
from ...machine.rules import R_RFP_PROT
from ..jit import kernel
from ..pages.frames import frame
from ..pages.pgwalk import next_leaf, pmd_lookup, pte_index, span_end
from ..pages.pte import (
    mk_file_pte_prot,
    mk_pte_prot,
    pte_file,
    pte_pfn,
    pte_present,
    pte_protnone,
    pte_to_pgprot,
)
from ..state import (
    F_FLAGS,
    F_INDEX,
    FF_ANON,
    FF_ZERO,
    H_ARCH,
    H_RULES,
    V_FLAGS,
    V_PGOFF,
    V_PROT,
    V_START,
    Mem,
)
from .pgtable import ZAP_TRUNCATE, ZAP_UNMAP, zap_pte


@kernel
def saved_pte(m: Mem, vma: int, addr: int, w: int, index: int) -> int:
    """The word that replaces present PTE `w` of file page `index` in a non-linear area: a file PTE or 0."""
    linear = m[vma + V_PGOFF] + ((addr - m[vma + V_START]) >> m[H_ARCH + A_PAGE_SHIFT])
    mine = pte_to_pgprot(m, w)
    keep = 1 if index != linear else 0
    if keep == 0 and m[H_RULES + R_RFP_PROT] != 0:
        area = m[H_ARCH + A_PROTMAP + m[vma + V_PROT]]
        if m[H_RULES + R_RFP_SAVES_ALL] == 0:
            area = pte_to_pgprot(m, mk_pte_prot(m, 0, area))
        keep = 1 if mine != area else 0
    return mk_file_pte_prot(m, index, mine) if keep != 0 else 0


@kernel
def _zap_one(m: Mem, mm: int, vma: int, addr: int, p: int, how: int, first: int, last: int) -> int:
    """Unmap the page at `p` if it is one of pages first..last-1 (last -1: no end); keep a file PTE."""
    w = m[p]
    if pte_present(m, w) == 0:
        # swap entries (of private pages) go with the range, file PTEs and guards stay
        return 0 if how == ZAP_TRUNCATE or pte_file(m, w) != 0 else zap_pte(m, mm, p, how)
    f = frame(m, pte_pfn(m, w))
    if m[f + F_FLAGS] & (FF_ANON | FF_ZERO):
        none = pte_protnone(m, w)
        zap_pte(m, mm, p, how)
        if none != 0 and m[vma + V_FLAGS] & VM_MANYPROTS:  # private areas: a guard stays one
            m[p] = mk_file_pte_prot(m, 0, m[H_ARCH + A_PROTMAP])
        return 0
    index = m[f + F_INDEX]
    if index < first or (last >= 0 and index >= last):
        return 0
    word = saved_pte(m, vma, addr, w, index)
    zap_pte(m, mm, p, ZAP_UNMAP)
    m[p] = word
    return 0


@kernel
def zap_nonlinear(m: Mem, mm: int, vma: int, start: int, end: int, how: int, first: int, last: int) -> int:
    """Unmap [start, end) of a non-linear area, keeping its arrangement; `how` ZAP_DONTNEED or ZAP_TRUNCATE.

    Only file pages first..last-1 go (0, -1: all). Cost: the PTEs there.
    """
    size = 1 << m[H_ARCH + A_PAGE_SHIFT]
    addr = next_leaf(m, mm, start, end)
    while addr < end:
        limit = span_end(m, addr, end)
        p = m[pmd_lookup(m, mm, addr)] + pte_index(m, addr)
        while addr < limit:
            if m[p] != 0:
                _zap_one(m, mm, vma, addr, p, how, first, last)
            p += 1
            addr += size
        addr = next_leaf(m, mm, limit, end)
    return 0
