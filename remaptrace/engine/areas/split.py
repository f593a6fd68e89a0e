"""Splitting an area in two (split_vma, __split_vma of mm/vma.c)."""

from __future__ import annotations

from ...abi.errnos import EINVAL, ENOMEM
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.limitrules import R_MAX_MAP_COUNT
from ..files.hugepool import hugefile_shift
from ..files.special import may_not_split
from ..jit import kernel
from ..state import (
    H_ARCH,
    H_RULES,
    MM_COUNT,
    OPS_HUGETLB,
    OPS_SPECIAL,
    V_INODE,
    V_OPS,
    V_PGOFF,
    V_START,
    Mem,
)
from ..why import WHY_ARENA, WHY_HUGE_PAGE, WHY_MAP_COUNT, WHY_SPECIAL, proves_more, refuse
from .vma import vma_dup
from .vmaset import cut_vma


@kernel
def split_vma_uncounted(m: Mem, mm: int, vma: int, addr: int, new_below: int) -> int:
    """Split `vma` at `addr` whatever the number of areas (__split_vma).

    The new area is the part below `addr` (new_below 1) or above it (0); both keep flags, file and
    anon_vma. 0; -EINVAL for special areas; -ENOMEM if the arena is full.
    """
    if (
        m[vma + V_OPS] == OPS_SPECIAL or may_not_split(m, vma) != 0
    ):  # special_mapping_split, perf_mmap_may_split
        return refuse(m, WHY_SPECIAL, EINVAL)
    if m[vma + V_OPS] == OPS_HUGETLB and addr & ((1 << hugefile_shift(m, m[vma + V_INODE])) - 1):
        return refuse(m, WHY_HUGE_PAGE, EINVAL)  # hugetlb_vm_op_split
    new = vma_dup(m, vma)
    if new == 0:
        return refuse(m, WHY_ARENA, ENOMEM)
    m[(vma if new_below == 1 else new) + V_PGOFF] += (addr - m[vma + V_START]) >> m[H_ARCH + A_PAGE_SHIFT]
    if cut_vma(m, mm, vma, new, addr, new_below) < 0:
        return refuse(m, WHY_ARENA, ENOMEM)
    return 0


@kernel
def split_vma(m: Mem, mm: int, vma: int, addr: int, new_below: int) -> int:
    """Split `vma` at `addr` if the address space may have one more area; else -ENOMEM."""
    if m[mm + MM_COUNT] >= m[H_RULES + R_MAX_MAP_COUNT] and proves_more(m, mm) == 0:
        return refuse(m, WHY_MAP_COUNT, ENOMEM)
    return split_vma_uncounted(m, mm, vma, addr, new_below)
