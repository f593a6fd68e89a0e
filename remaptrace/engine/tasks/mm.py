"""Making and tearing down address spaces (mm_alloc, exit_mmap)."""

from __future__ import annotations

from ...abi.vmflags import VM_ACCOUNT
from ...machine.archwords import A_PAGE_SHIFT, A_TASK_SIZE
from ..areas.changelog import note_gone
from ..areas.vma import vma_free
from ..areas.vmaset import remove_vma
from ..calls.aio import exit_aio
from ..jit import kernel
from ..pages.pgwalk import free_tables, pgd_free, pgd_new
from ..ranges.pgtable import ZAP_UNMAP, zap_range
from ..state import (
    G_COMMITTED,
    G_MM_LIST,
    G_NEXT_ID,
    G_SPACES,
    H_ARCH,
    MM_AIO,
    MM_FIRST,
    MM_ID,
    MM_NEXT,
    MM_PGD,
    MM_USERS,
    MM_WORDS,
    V_END,
    V_FLAGS,
    V_START,
    Mem,
    kalloc,
    kfree,
)


@kernel
def mm_new(m: Mem) -> int:
    """An empty address space with one user; 0: arena full."""
    mm = kalloc(m, MM_WORDS)
    if mm == 0:
        return 0
    m[G_NEXT_ID] += 1
    m[mm + MM_ID] = m[G_NEXT_ID]
    m[mm + MM_USERS] = 1
    m[mm + MM_PGD] = pgd_new(m)
    m[mm + MM_NEXT] = m[G_MM_LIST]
    m[G_MM_LIST] = mm
    m[G_SPACES] += 1
    return mm


@kernel
def exit_mmap(m: Mem, mm: int) -> int:
    """Unmap everything, seals or not, and free the address space."""
    note_gone(m, mm)
    shift = m[H_ARCH + A_PAGE_SHIFT]
    vma = m[mm + MM_FIRST]
    while vma != 0:
        zap_range(m, mm, vma, m[vma + V_START], m[vma + V_END], ZAP_UNMAP)
        if m[vma + V_FLAGS] & VM_ACCOUNT:
            m[G_COMMITTED] -= (m[vma + V_END] - m[vma + V_START]) >> shift
        remove_vma(m, mm, vma)
        vma_free(m, vma)
        vma = m[mm + MM_FIRST]
    if m[mm + MM_AIO] != 0:
        exit_aio(m, mm)
    free_tables(m, mm, 0, m[H_ARCH + A_TASK_SIZE])
    pgd_free(m, mm)
    _unlist(m, mm)
    kfree(m, mm, MM_WORDS)
    return 0


@kernel
def _unlist(m: Mem, mm: int) -> int:
    """Take `mm` out of the list of all address spaces."""
    m[G_SPACES] -= 1
    before = m[G_MM_LIST]
    if before == mm:
        m[G_MM_LIST] = m[mm + MM_NEXT]
        return 0
    while m[before + MM_NEXT] != mm:
        before = m[before + MM_NEXT]
    m[before + MM_NEXT] = m[mm + MM_NEXT]
    return 0
