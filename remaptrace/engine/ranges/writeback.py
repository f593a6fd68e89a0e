"""Writing dirty file pages back, which makes their PTEs clean and read-only (page_mkclean; linux-2.6.21 5.6).

Only files with dirty accounting take part (rule write_notify). Kernels of 2.6 walk linear areas alone, so
PTEs of non-linear ones stay writable and dirty; with the rule `mkclean_nonlinear` they are walked
too, which takes away a write permission that lives in the PTE (rfp-prot 5): the engine notes
that in the word, so that the refusal that follows can be called spurious.
"""

from __future__ import annotations

from ...abi.vmflags import VM_MANYPROTS, VM_NONLINEAR, VM_SHARED
from ...machine.archwords import A_PAGE_SHIFT, P_CLEANED
from ...machine.callrules import R_MKCLEAN_NONLINEAR
from ...machine.rules import R_WRITE_NOTIFY
from ..files.cachetree import cache_next
from ..files.pagecache import cached_frame
from ..jit import kernel
from ..pages.frames import frame
from ..pages.pgwalk import HUGE_ENTRY, next_leaf, pmd_lookup, pte_index, span_end
from ..pages.pte import (
    pte_dirty,
    pte_mkclean,
    pte_pfn,
    pte_present,
    pte_write,
    pte_wrprotect,
)
from ..state import (
    F_FLAGS,
    F_INDEX,
    F_INODE,
    FF_DIRTY,
    G_INODE_LIST,
    H_ARCH,
    H_RULES,
    I_NEXT,
    I_TYPE,
    I_VMAS,
    OPS_FILE,
    V_END,
    V_FLAGS,
    V_INEXT,
    V_MM,
    V_START,
    Mem,
)


@kernel
def _clean_pte(m: Mem, vma: int, p: int) -> int:
    """Write-protect and clean one PTE of a page that is being written back."""
    w = m[p]
    if pte_dirty(m, w) == 0 and pte_write(m, w) == 0:
        return 0
    note = m[H_ARCH + P_CLEANED] if m[vma + V_FLAGS] & VM_MANYPROTS and pte_write(m, w) != 0 else 0
    m[p] = pte_wrprotect(m, pte_mkclean(m, w)) | note
    return 1


@kernel
def _walk_area(m: Mem, vma: int, inode: int, first: int, last: int, clean: int) -> int:
    """Carry dirty bits of PTEs over to pages (`clean` 0), or clean the PTEs of dirty pages (1).

    Only pages first..last-1 of the file.
    """
    mm = m[vma + V_MM]
    size = 1 << m[H_ARCH + A_PAGE_SHIFT]
    addr = next_leaf(m, mm, m[vma + V_START], m[vma + V_END])
    while addr < m[vma + V_END]:
        limit = span_end(m, addr, m[vma + V_END])
        slot = pmd_lookup(m, mm, addr)
        if m[slot] != HUGE_ENTRY:
            p = m[slot] + pte_index(m, addr)
            for q in range(p, p + (limit - addr) // size):
                if m[q] != 0 and pte_present(m, m[q]) != 0:
                    f = frame(m, pte_pfn(m, m[q]))
                    if m[f + F_INODE] == inode and first <= m[f + F_INDEX] < last:
                        if clean == 0 and pte_dirty(m, m[q]) != 0:
                            m[f + F_FLAGS] |= FF_DIRTY
                        elif clean != 0 and m[f + F_FLAGS] & FF_DIRTY:
                            _clean_pte(m, vma, q)
        addr = next_leaf(m, mm, limit, m[vma + V_END])
    return 0


@kernel
def _walk_areas(m: Mem, inode: int, first: int, last: int, clean: int) -> int:
    """`_walk_area` for every shared area that page_mkclean sees."""
    vma = m[inode + I_VMAS]
    while vma != 0:
        flags = m[vma + V_FLAGS]
        if flags & VM_SHARED and (flags & VM_NONLINEAR == 0 or m[H_RULES + R_MKCLEAN_NONLINEAR] != 0):
            _walk_area(m, vma, inode, first, last, clean)
        vma = m[vma + V_INEXT]
    return 0


@kernel
def writeback_range(m: Mem, inode: int, first: int, last: int) -> int:
    """Write the dirty pages first..last-1 of a file; how many there were.

    Files without write-back have none.
    """
    if m[inode + I_TYPE] != OPS_FILE:
        return 0
    notify = m[H_RULES + R_WRITE_NOTIFY]
    _walk_areas(m, inode, first, last, 0)
    if notify != 0:
        _walk_areas(m, inode, first, last, 1)
    written = 0
    index = cache_next(m, inode, first)
    while 0 <= index < last:
        pfn = cached_frame(m, inode, index)
        if pfn != 0 and m[frame(m, pfn) + F_FLAGS] & FF_DIRTY:
            m[frame(m, pfn) + F_FLAGS] &= ~FF_DIRTY
            written += 1
        index = cache_next(m, inode, index + 1)
    return written


@kernel
def writeback_inode(m: Mem, inode: int) -> int:
    """Write the dirty pages of a file; how many there were."""
    return writeback_range(m, inode, 0, 1 << 62)


@kernel
def writeback_all(m: Mem) -> int:
    """Write the dirty pages of every file; how many there were."""
    written = 0
    inode = m[G_INODE_LIST]
    while inode != 0:
        written += writeback_inode(m, inode)
        inode = m[inode + I_NEXT]
    return written
