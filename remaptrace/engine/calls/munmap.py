"""munmap: gathering the areas of a range, splitting its edges, taking them away.

The kernel's two halves (vms_gather_munmap_vmas, vms_complete_munmap_vmas) are apart here too,
because mmap checks limits between them since 6.12. The words at G_VMS describe the range.
linux-6.x 4.1, linux-2.6.21 3.5.
"""

from __future__ import annotations

from ...abi.errnos import EACCES, EINVAL, ENOMEM, ENOSYS, EPERM
from ...abi.vmflags import VM_ACCOUNT, VM_LOCKED, VM_SEALED
from ...machine.archwords import A_PAGE_SHIFT, A_TASK_SIZE
from ...machine.limitrules import R_MAP_COUNT_SLACK, R_MAX_MAP_COUNT
from ...machine.rules import R_SEARCH
from ..account import uncharge, vm_stat_account
from ..addr import beyond, page_align, page_offset, uword
from ..areas.area26 import unmapped_2_6
from ..areas.space import range_is_sealed
from ..areas.split import split_vma, split_vma_uncounted
from ..areas.vma import vma_free
from ..areas.vmaset import find_vma, last_vma, remove_vma
from ..jit import kernel, wrap
from ..ranges.pgtable import ZAP_UNMAP, free_pgtables, zap_range
from ..state import (
    G_TAKE,
    G_VMS,
    H_ARCH,
    H_RULES,
    MM_COUNT,
    MM_LOCKED,
    T_MM,
    V_END,
    V_FLAGS,
    V_NEXT,
    V_PREV,
    V_START,
    Mem,
)
from ..why import WHY_FORBIDDEN, WHY_MAP_COUNT, WHY_SEALED, proves_more, refuse, take

VMS_FIRST = G_VMS  # first area of the range, 0: it is free
VMS_PREV = G_VMS + 1  # the areas around it
VMS_NEXT = G_VMS + 2
VMS_PAGES = G_VMS + 3
VMS_ACCOUNTED = G_VMS + 4  # pages of areas with VM_ACCOUNT
VMS_END = G_VMS + 5
VMS_CHARGED = G_VMS + 6  # pages that mmap charged for the new area


@kernel
def _split_edge(m: Mem, mm: int, vma: int, addr: int, new_below: int) -> int:
    """Split at an edge of the range; only 2.6 counts areas for that."""
    if m[H_RULES + R_MAP_COUNT_SLACK] == 0:
        return split_vma(m, mm, vma, addr, new_below)
    return split_vma_uncounted(m, mm, vma, addr, new_below)


@kernel
def vms_gather(m: Mem, mm: int, start: int, end: int) -> int:
    """Split the areas at the edges of [start, end) and count what lies between: 0 or -errno.

    Splits that worked stay when a later step fails. Changes nothing else.
    """
    m[VMS_PAGES] = 0
    m[VMS_ACCOUNTED] = 0
    m[VMS_END] = end
    vma = find_vma(m, mm, start)
    if vma == 0 or m[vma + V_START] >= end:
        m[VMS_FIRST] = 0
        m[VMS_NEXT] = vma
        m[VMS_PREV] = m[vma + V_PREV] if vma != 0 else last_vma(m, mm)
        return 0
    if m[vma + V_START] < start:
        hole = 1 if end < m[vma + V_END] else 0
        if hole == 1 and m[mm + MM_COUNT] >= m[H_RULES + R_MAX_MAP_COUNT] and proves_more(m, mm) == 0:
            return refuse(m, WHY_MAP_COUNT, ENOMEM)
        if m[vma + V_FLAGS] & VM_SEALED:
            return refuse(m, WHY_SEALED, EPERM)
        error = _split_edge(m, mm, vma, start, 1)
        if error != 0:
            return error
    m[VMS_FIRST] = vma
    m[VMS_PREV] = m[vma + V_PREV]
    shift = m[H_ARCH + A_PAGE_SHIFT]
    while vma != 0 and m[vma + V_START] < end:
        flags = m[vma + V_FLAGS]
        if flags & VM_SEALED:
            return refuse(m, WHY_SEALED, EPERM)
        if m[vma + V_END] > end:
            error = _split_edge(m, mm, vma, end, 0)
            if error != 0:
                return error
        pages = (m[vma + V_END] - m[vma + V_START]) >> shift
        m[VMS_PAGES] += pages
        m[VMS_ACCOUNTED] += pages if flags & VM_ACCOUNT else 0
        vma = m[vma + V_NEXT]
    m[VMS_NEXT] = vma
    return 0


@kernel
def vms_complete(m: Mem, mm: int) -> int:
    """Take the gathered areas away: PTEs, tables, counters, charges, references. Returns 0."""
    vma = m[VMS_FIRST]
    if vma == 0:
        return 0
    end = m[VMS_END]
    low = m[vma + V_START]
    shift = m[H_ARCH + A_PAGE_SHIFT]
    while vma != 0 and m[vma + V_START] < end:
        start = m[vma + V_START]
        stop = m[vma + V_END]
        zap_range(m, mm, vma, start, stop, ZAP_UNMAP)
        flags = m[vma + V_FLAGS]
        pages = (stop - start) >> shift
        if flags & VM_LOCKED:
            m[mm + MM_LOCKED] -= pages
        vm_stat_account(m, mm, flags, -pages)
        after = remove_vma(m, mm, vma)
        vma_free(m, vma)
        vma = after
    uncharge(m, m[VMS_ACCOUNTED])
    prev = m[VMS_PREV]
    floor = m[prev + V_END] if prev != 0 else 0
    upper = m[VMS_NEXT]
    ceiling = m[upper + V_START] if upper != 0 else m[H_ARCH + A_TASK_SIZE]
    free_pgtables(m, mm, low, end, floor, ceiling)
    if m[H_RULES + R_SEARCH] == 1:
        unmapped_2_6(m, mm, prev, upper)
    m[VMS_FIRST] = 0
    return 0


@kernel
def do_munmap(m: Mem, mm: int, start: int, length: int) -> int:
    """Unmap [start, start + length) as a system call or another call's step: 0 or -errno."""
    if page_offset(m, start) != 0 or beyond(m, start, 0) != 0 or length < 0:
        return -EINVAL
    if length > m[H_ARCH + A_TASK_SIZE] - start:
        return -EINVAL
    length = page_align(m, length)
    if length == 0:
        return -EINVAL
    error = vms_gather(m, mm, start, start + length)
    if error == 0:
        vms_complete(m, mm)
    return error


@kernel
def sys_munmap(m: Mem, task: int, addr: int, length: int) -> int:
    """munmap(addr, length): 0 or -errno."""
    if m[G_TAKE] in (EPERM, EACCES, ENOSYS):
        start = uword(m, addr)
        if range_is_sealed(m, m[task + T_MM], start, wrap(start + uword(m, length))) == 0:
            return take(m, WHY_FORBIDDEN, m[G_TAKE])
    return do_munmap(m, m[task + T_MM], uword(m, addr), uword(m, length))
