"""Faults that huge pages answer (mm/huge_memory.c: do_huge_pmd_anonymous_page, do_huge_pmd_wp_page)."""

from __future__ import annotations

from ...abi.signals import ACC_WRITE
from ...abi.vmflags import VM_HUGEPAGE, VM_IO, VM_NOHUGEPAGE, VM_UFFD_MISSING
from ...machine.archwords import A_HUGE_SHIFT, A_PAGE_SHIFT
from ...machine.limitrules import R_THP_MODE
from ...machine.rules import R_HUGE_ZERO_WP
from ..areas.anonvma import anon_vma_prepare
from ..jit import kernel
from ..pages.frames import frame
from ..pages.pgwalk import HUGE_ENTRY, pmd_ensure, pmd_lookup, pmd_word
from ..pages.pte import mk_pte, pte_mkdirty, pte_mkyoung, pte_pfn, pte_write
from ..pages.thp import huge_anon, huge_pages, huge_reuse, huge_split, huge_zero_frame
from ..state import (
    F_FLAGS,
    FF_ZERO,
    H_ARCH,
    H_RULES,
    MM_RSS,
    MM_THP,
    OPS_ANON,
    OPS_ZERO,
    V_END,
    V_FLAGS,
    V_MM,
    V_OPS,
    V_PROT,
    V_START,
    V_UFFD,
    Mem,
)
from .uffdfault import handle_userfault, write_protected
from .vmfault import VMF_MINOR, VMF_OOM, linear_index, written

NOT_HUGE = -1


@kernel
def vma_is_anonymous(m: Mem, vma: int) -> int:
    """1 for private anonymous memory, private /dev/zero included (vm_ops is null)."""
    return 1 if m[vma + V_OPS] == OPS_ANON or m[vma + V_OPS] == OPS_ZERO else 0


@kernel
def huge_allowed(m: Mem, vma: int, addr: int) -> int:
    """1 if a huge page may be mapped at `addr`: switched on, and its whole aligned range inside `vma`."""
    mode = m[H_RULES + R_THP_MODE]
    flags = m[vma + V_FLAGS]
    disabled = m[m[vma + V_MM] + MM_THP]
    if disabled == 1 or (disabled != 0 and flags & VM_HUGEPAGE == 0):
        return 0
    if mode == 0 or flags & (VM_NOHUGEPAGE | VM_IO | VM_UFFD_MISSING) or vma_is_anonymous(m, vma) == 0:
        return 0
    if mode == 1 and flags & VM_HUGEPAGE == 0:
        return 0
    size = 1 << m[H_ARCH + A_HUGE_SHIFT]
    start = addr & -size
    return 1 if m[vma + V_START] <= start and start + size <= m[vma + V_END] else 0


@kernel
def _map_new(m: Mem, mm: int, vma: int, addr: int, word: int) -> int:
    """Put a new huge page at the PTE word `word` after a write; 0: no memory."""
    shift = m[H_ARCH + A_PAGE_SHIFT]
    start = addr & -(1 << m[H_ARCH + A_HUGE_SHIFT])
    head = huge_anon(m, mm, linear_index(m, vma, addr) - ((addr - start) >> shift))
    if head == 0:
        return 0
    m[word] = written(m, mk_pte(m, head, m[vma + V_PROT]), m[vma + V_FLAGS])
    m[mm + MM_RSS] += huge_pages(m)
    return 1


@kernel
def _first_touch(m: Mem, mm: int, vma: int, addr: int, access: int) -> int:
    """Map a huge page where no leaf table is yet; NOT_HUGE if none can be had."""
    if anon_vma_prepare(m, mm, vma) < 0:
        return VMF_OOM
    slot = pmd_ensure(m, mm, addr)
    if slot == 0:
        return VMF_OOM
    word = pmd_word(m, slot)
    if access == ACC_WRITE:
        if _map_new(m, mm, vma, addr, word) == 0:
            return NOT_HUGE
    else:
        m[word] = pte_mkyoung(m, mk_pte(m, huge_zero_frame(m), m[vma + V_PROT]))
    m[slot] = HUGE_ENTRY
    return VMF_MINOR


@kernel
def _write_fault(m: Mem, mm: int, vma: int, addr: int, slot: int) -> int:
    """A write to a write-protected huge page; NOT_HUGE after it was split for a fault on one page."""
    word = pmd_word(m, slot)
    head = pte_pfn(m, m[word])
    if m[frame(m, head) + F_FLAGS] & FF_ZERO:
        if m[H_RULES + R_HUGE_ZERO_WP] != 0 and _map_new(m, mm, vma, addr, word) != 0:
            return VMF_MINOR
    elif huge_reuse(m, head) != 0:
        m[word] = written(m, m[word], m[vma + V_FLAGS])
        return VMF_MINOR
    return NOT_HUGE if huge_split(m, mm, slot) != 0 else VMF_OOM


@kernel
def huge_fault(m: Mem, mm: int, vma: int, addr: int, access: int) -> int:
    """The part of a fault that concerns huge pages: a VMF_* code, or NOT_HUGE to go on with one PTE.

    To be called when `addr` has no leaf table.
    """
    if m[H_ARCH + A_HUGE_SHIFT] == 0:
        return NOT_HUGE
    slot = pmd_lookup(m, mm, addr)
    if slot != 0 and m[slot] == HUGE_ENTRY:
        word = pmd_word(m, slot)
        if access == ACC_WRITE and pte_write(m, m[word]) == 0:
            if m[vma + V_UFFD] != 0 and write_protected(m, vma, m[word]) != 0:
                return handle_userfault(m, vma)
            return _write_fault(m, mm, vma, addr, slot)
        m[word] = pte_mkyoung(m, m[word])
        if access == ACC_WRITE:
            m[word] = pte_mkdirty(m, m[word])
        return VMF_MINOR
    return _first_touch(m, mm, vma, addr, access) if huge_allowed(m, vma, addr) != 0 else NOT_HUGE
