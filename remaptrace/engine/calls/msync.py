"""msync: write back dirty pages of shared file mappings (mm/msync.c; linux-6.x 4.7, linux-2.6.21 3.12)."""

from __future__ import annotations

from ...abi.errnos import EBUSY, EINVAL, ENOMEM
from ...abi.mman import MS_ASYNC, MS_INVALIDATE, MS_SYNC
from ...abi.vmflags import VM_LOCKED, VM_SHARED
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.callrules import R_MSYNC_WHOLE_FILE
from ..addr import page_offset, range_end, range_wraps, uword
from ..areas.vmaset import find_vma
from ..files.special import kind_of
from ..jit import kernel
from ..ranges.writeback import writeback_range
from ..state import (
    H_ARCH,
    H_RULES,
    OPS_DEVICE,
    T_MM,
    V_END,
    V_FLAGS,
    V_INODE,
    V_NEXT,
    V_OPS,
    V_PGOFF,
    V_START,
    Mem,
)
from ..why import WHY_HOLE, refuse


@kernel
def _write_part(m: Mem, vma: int, start: int, end: int) -> int:
    """Write back the pages of the file behind [start, end), or all of them on kernels that do so."""
    shift = m[H_ARCH + A_PAGE_SHIFT]
    first = ((start - m[vma + V_START]) >> shift) + m[vma + V_PGOFF]
    last = first + ((end - start) >> shift)
    if m[H_RULES + R_MSYNC_WHOLE_FILE] != 0:
        first = 0
        last = 1 << 62
    return writeback_range(m, m[vma + V_INODE], first, last)


@kernel
def sys_msync(m: Mem, task: int, addr: int, length: int, flags: int) -> int:
    """msync(addr, length, flags): 0 or -errno.

    A hole is reported at the end, after everything else was written; with MS_ASYNC alone at once.
    """
    start = uword(m, addr)
    if flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) or page_offset(m, start) != 0:
        return -EINVAL
    if flags & MS_ASYNC and flags & MS_SYNC:
        return -EINVAL
    given = uword(m, length)
    if range_wraps(m, start, given) != 0:
        return -ENOMEM
    end = range_end(m, start, given)
    if end == start:
        return 0
    if start < 0:
        return refuse(m, WHY_HOLE, ENOMEM)
    vma = find_vma(m, m[task + T_MM], start)
    hole = 0
    at = start
    while at < end:
        if vma == 0:
            return refuse(m, WHY_HOLE, ENOMEM)
        if at < m[vma + V_START]:
            if flags == MS_ASYNC:
                return refuse(m, WHY_HOLE, ENOMEM)
            at = m[vma + V_START]
            hole = 1
            if at >= end:
                break
        if flags & MS_INVALIDATE and m[vma + V_FLAGS] & VM_LOCKED:
            return -EBUSY
        stop = min(m[vma + V_END], end)
        if flags & MS_SYNC and m[vma + V_FLAGS] & VM_SHARED and m[vma + V_INODE] != 0:
            if kind_of(m, vma) != 0 or m[vma + V_OPS] == OPS_DEVICE:
                return -EINVAL  # a file without fsync
            _write_part(m, vma, at, stop)
        at = stop
        vma = m[vma + V_NEXT]
    return refuse(m, WHY_HOLE, ENOMEM) if hole != 0 else 0
