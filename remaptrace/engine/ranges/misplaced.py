"""Pages that lie on other nodes than a new policy names: what mbind finds before it changes areas (mm/mempolicy.c).

Which node a page lies on is not modelled. Where one node is all there is, where a mask names every node and where
it names none, that is no question.
"""

from __future__ import annotations

from ...abi.errnos import EFAULT, EIO
from ...abi.mman import MPOL_MF_MOVE, MPOL_MF_MOVE_ALL, MPOL_MF_STRICT
from ...abi.rows import RSF_ASSUMED
from ...abi.vmflags import VM_PFNMAP
from ...machine.callrules import R_NODES
from ..areas.vmaset import find_vma
from ..jit import kernel
from ..pages.frames import frame
from ..pages.pgwalk import HUGE_ENTRY, next_leaf, pmd_lookup, pmd_word, pte_index, span_end
from ..pages.pte import pte_pfn, pte_present
from ..state import (
    F_FLAGS,
    FF_ZERO,
    G_HAS_RET,
    G_REC_RET,
    G_RSFLAGS,
    H_RULES,
    V_END,
    V_FLAGS,
    V_NEXT,
    V_START,
    Mem,
)

_NONE, _SOME, _ALL = 0, 1, 2  # pages that are misplaced


@kernel
def _maps_a_page(m: Mem, word: int) -> int:
    """1 if the PTE word maps a page that lies somewhere: not the zero page."""
    if word == 0 or pte_present(m, word) == 0:
        return 0
    return 0 if m[frame(m, pte_pfn(m, word)) + F_FLAGS] & FF_ZERO else 1


@kernel
def _has_page(m: Mem, mm: int, start: int, end: int) -> int:
    """1 if a page is mapped in [start, end)."""
    addr = next_leaf(m, mm, start, end)
    while addr < end:
        limit = span_end(m, addr, end)
        slot = pmd_lookup(m, mm, addr)
        if m[slot] == HUGE_ENTRY:
            if _maps_a_page(m, m[pmd_word(m, slot)]) != 0:
                return 1
        else:
            p = m[slot] + pte_index(m, addr)
            for q in range(p, p + pte_index(m, limit - 1) - pte_index(m, addr) + 1):
                if _maps_a_page(m, m[q]) != 0:
                    return 1
        addr = next_leaf(m, mm, limit, end)
    return 0


@kernel
def _misplaced(m: Mem, nodes: int) -> int:
    """How many of the pages lie beside `nodes`: _NONE, _ALL, or _SOME where that is not known."""
    count = max(1, min(62, m[H_RULES + R_NODES]))
    every = (1 << count) - 1
    if nodes & every == every:
        return _NONE
    return _ALL if nodes & every == 0 else _SOME


@kernel
def queue_pages_range(m: Mem, mm: int, start: int, end: int, nodes: int, flags: int, holes: int) -> int:
    """0, -EFAULT for a hole unless `holes` may be, -EIO for a misplaced page where none may be moved.

    Area by area, so that a page before a hole is found first. With MPOL_MF_MOVE pages are moved, which all of
    them can be that are modelled.
    """
    moves = MPOL_MF_MOVE | MPOL_MF_MOVE_ALL
    strict = 1 if flags & (MPOL_MF_STRICT | moves) == MPOL_MF_STRICT else 0
    misplaced = _misplaced(m, nodes) if strict != 0 else _NONE
    vma = find_vma(m, mm, start)
    if vma == 0 or m[vma + V_START] >= end or (holes == 0 and m[vma + V_START] > start):
        return -EFAULT
    while vma != 0 and m[vma + V_START] < end:
        after = m[vma + V_NEXT]
        stop = m[vma + V_END]
        if holes == 0 and stop < end and (after == 0 or m[after + V_START] > stop):
            return -EFAULT
        if misplaced != _NONE and m[vma + V_FLAGS] & VM_PFNMAP == 0:
            if _has_page(m, mm, max(start, m[vma + V_START]), min(end, stop)) != 0:
                if misplaced == _ALL:
                    return -EIO
                m[G_RSFLAGS] |= RSF_ASSUMED
                if m[G_HAS_RET] != 0 and m[G_REC_RET] == -EIO:
                    return -EIO
        vma = after
    return 0
