"""mbind: the NUMA policy of a range, as far as it decides which areas join (mm/mempolicy.c).

Where pages are allocated is not modelled; the policy's identity is mode and node mask.
"""

from __future__ import annotations

from ...abi.errnos import EFAULT, EINVAL
from ..addr import page_align, page_offset, uword
from ..areas.merge import vma_modify
from ..areas.space import range_has_hole
from ..areas.vmaset import find_vma
from ..jit import kernel, ult, wrap
from ..state import T_MM, V_END, V_FLAGS, V_POLICY, V_START, Mem

_MPOL_DEFAULT = 0
_MPOL_MAX = 7
_MODE_FLAGS = 0xE000  # STATIC_NODES, RELATIVE_NODES, NUMA_BALANCING


@kernel
def sys_mbind(m: Mem, task: int, addr: int, length: int, mode: int, nodes: int) -> int:
    """mbind(addr, length, mode, nodes): 0 or -errno. The default policy may be set across holes."""
    start = uword(m, addr)
    if page_offset(m, start) != 0 or not 0 <= mode & ~_MODE_FLAGS < _MPOL_MAX:
        return -EINVAL
    end = uword(m, wrap(start + page_align(m, uword(m, length))))
    if ult(end, start) != 0:
        return -EINVAL
    if end == start:
        return 0
    mm = m[task + T_MM]
    if start < 0 or end < 0:
        return -EFAULT
    policy = 0
    if mode != _MPOL_DEFAULT:
        policy = (mode << 40) | (nodes & 0xFF_FFFF_FFFF) | (1 << 60)
        if range_has_hole(m, mm, start, end) != 0:
            return -EFAULT
    vma = find_vma(m, mm, start)
    if vma == 0 or m[vma + V_START] >= end:
        return -EFAULT
    while vma != 0 and m[vma + V_START] < end:
        low = max(m[vma + V_START], start)
        start = min(m[vma + V_END], end)
        if m[vma + V_POLICY] != policy:
            target = vma_modify(m, mm, vma, low, start, m[vma + V_FLAGS], policy)
            if target < 0:
                return target
            m[target + V_POLICY] = policy
        vma = find_vma(m, mm, start) if start < end else 0
    return 0
