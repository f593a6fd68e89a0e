"""mincore: which pages are in RAM (mm/mincore.c)."""

from __future__ import annotations

from ...abi.errnos import EINVAL, ENOMEM
from ...abi.vmflags import VM_HUGETLB, VM_PFNMAP
from ...machine.archwords import A_PAGE_SHIFT, A_TASK_SIZE
from ...machine.rules import R_MINCORE_ANON
from ..areas.vmaset import find_exact
from ..faults.fault import pte_of
from ..faults.vmfault import linear_index
from ..files.pagecache import cache_uptodate, hugefile_find
from ..files.special import has_page_cache
from ..jit import kernel, ult
from ..pages.pgwalk import HUGE_ENTRY, pmd_lookup, pmd_word
from ..pages.pte import (
    pte_file,
    pte_marker,
    pte_present,
    pte_swap,
    pte_swap_offset,
    pte_to_pgoff,
)
from ..pages.swap import S_FRAME, slot_words
from ..ranges.hugetlb import huge_index
from ..state import (
    H_ARCH,
    H_RULES,
    T_MM,
    V_END,
    V_FLAGS,
    V_INODE,
    Mem,
)
from ..why import WHY_HOLE, refuse


@kernel
def _huge_incore(m: Mem, mm: int, vma: int, addr: int) -> int:
    """mincore of a page of hugetlbfs: mapped, or in the object where not even a table is there (walk_hugetlb_range)."""
    slot = pmd_lookup(m, mm, addr)
    if slot != 0:
        return 1 if m[slot] == HUGE_ENTRY and pte_present(m, m[pmd_word(m, slot)]) != 0 else 0
    inode = m[vma + V_INODE]
    return 1 if inode != 0 and hugefile_find(m, inode, huge_index(m, vma, addr)) != 0 else 0


@kernel
def mincore_page(m: Mem, mm: int, addr: int) -> int:
    """What mincore's vector says of the page at `addr`: 0 or 1; -1 where nothing is mapped."""
    vma = find_exact(m, mm, addr)
    if vma == 0:
        return -1
    inode = m[vma + V_INODE]
    if m[H_RULES + R_MINCORE_ANON] == 0 and inode != 0:  # 2.6.20: the linear page, whatever the PTE holds
        return cache_uptodate(m, inode, linear_index(m, vma, addr))
    if m[vma + V_FLAGS] & VM_PFNMAP:  # page frames are a hole to walkers (walk_page_test)
        return 0
    if m[vma + V_FLAGS] & VM_HUGETLB:
        return _huge_incore(m, mm, vma, addr)
    p = pte_of(m, mm, addr)
    w = m[p] if p != 0 else 0
    if pte_present(m, w) != 0:
        return 1
    if inode != 0 and (w == 0 or pte_marker(m, w) != 0):
        return cache_uptodate(m, inode, linear_index(m, vma, addr)) if has_page_cache(m, inode) != 0 else 0
    if pte_file(m, w) != 0 and inode != 0:
        return cache_uptodate(m, inode, pte_to_pgoff(m, w))
    if pte_swap(m, w) != 0:
        return 1 if m[slot_words(m, pte_swap_offset(m, w)) + S_FRAME] != 0 else 0
    return 0


@kernel
def sys_mincore(m: Mem, task: int, addr: int, length: int) -> int:
    """mincore: 0 or -errno; the vector is `mincore_page` of each page up to the first that is not mapped."""
    shift = m[H_ARCH + A_PAGE_SHIFT]
    if addr & ((1 << shift) - 1):
        return -EINVAL
    limit = m[H_ARCH + A_TASK_SIZE]
    if ult(limit, addr) or ult(limit - addr, length):
        return refuse(m, WHY_HOLE, ENOMEM)
    end = (addr + length + (1 << shift) - 1) >> shift << shift
    mm = m[task + T_MM]
    while addr < end:
        vma = find_exact(m, mm, addr)
        if vma == 0 or (m[H_RULES + R_MINCORE_ANON] == 0 and m[vma + V_INODE] == 0):
            return refuse(m, WHY_HOLE, ENOMEM)
        addr = m[vma + V_END]
    return 0
