"""Changing a file's length and punching holes, with the PTEs that map the pages that go (mm/truncate.c)."""

from __future__ import annotations

from ...abi.vmflags import VM_NONLINEAR
from ...machine.archwords import A_PAGE_SHIFT
from ..files.pagecache import cache_alloc, cache_drop, cache_find, cache_swapped, file_pages
from ..jit import kernel
from ..pages.frames import bytes_fill, frame
from ..state import (
    F_FLAGS,
    FF_DIRTY,
    H_ARCH,
    I_SIZE,
    I_TYPE,
    I_VMAS,
    OPS_SHM,
    OPS_SHMEM,
    V_END,
    V_FLAGS,
    V_INEXT,
    V_MM,
    V_PGOFF,
    V_START,
    Mem,
)
from .nlzap import zap_nonlinear
from .pgtable import ZAP_PUNCH, ZAP_TRUNCATE, zap_range


@kernel
def unmap_mapping(m: Mem, inode: int, first: int, last: int, how: int) -> int:
    """Zap pages first..last-1 of `inode` wherever they are mapped (unmap_mapping_pages).

    `last` -1: to the end of every area. Non-linear areas are scanned from end to end and keep file PTEs.
    """
    shift = m[H_ARCH + A_PAGE_SHIFT]
    vma = m[inode + I_VMAS]
    while vma != 0:
        if m[vma + V_FLAGS] & VM_NONLINEAR:
            zap_nonlinear(m, m[vma + V_MM], vma, m[vma + V_START], m[vma + V_END], ZAP_TRUNCATE, first, last)
            vma = m[vma + V_INEXT]
            continue
        low = first - m[vma + V_PGOFF]
        pages = (m[vma + V_END] - m[vma + V_START]) >> shift
        high = pages if last < 0 else last - m[vma + V_PGOFF]
        low = max(low, 0)
        high = min(high, pages)
        if low < high:
            start = m[vma + V_START]
            zap_range(m, m[vma + V_MM], vma, start + (low << shift), start + (high << shift), how)
        vma = m[vma + V_INEXT]
    return 0


@kernel
def _zero_bytes(m: Mem, inode: int, index: int, start: int, end: int) -> int:
    """Zero bytes [start, end) of page `index` if it has any content."""
    pfn = cache_find(m, inode, index)
    if pfn == 0 and cache_swapped(m, inode, index) != 0:
        pfn = cache_alloc(m, inode, index)
    if pfn != 0 and start < end:
        bytes_fill(m, pfn, start, end, 0)
        m[frame(m, pfn) + F_FLAGS] |= FF_DIRTY
    return 0


@kernel
def _zero_rest(m: Mem, inode: int, size: int) -> int:
    """Zero the last partial page behind `size` (truncate_inode_partial_folio)."""
    shift = m[H_ARCH + A_PAGE_SHIFT]
    offset = size & ((1 << shift) - 1)
    if offset != 0:
        _zero_bytes(m, inode, size >> shift, offset, 1 << shift)
    return 0


@kernel
def inode_truncate(m: Mem, inode: int, size: int) -> int:
    """Set the length of `inode` to `size` bytes.

    Shrinking removes the pages behind the end from the page cache and from every address space,
    private copies included, and zeroes the rest of the last page. New pages are holes.
    """
    old = m[inode + I_SIZE]
    if size < old:
        _zero_rest(m, inode, size)
        m[inode + I_SIZE] = size
        unmap_mapping(m, inode, file_pages(m, inode), -1, ZAP_TRUNCATE)
        cache_drop(m, inode, file_pages(m, inode), -1)
    elif size > old:
        _zero_rest(m, inode, old)
        m[inode + I_SIZE] = size
    elif m[inode + I_TYPE] == OPS_SHMEM:  # what fallocate reserved behind the end goes (shmem_setattr)
        cache_drop(m, inode, file_pages(m, inode), -1)
    return 0


@kernel
def inode_punch(m: Mem, inode: int, start: int, end: int) -> int:
    """Make bytes [start, end) of `inode` a hole: whole pages go, the bytes of partial ones are zeroed.

    Private copies of the pages stay mapped. A hole that ends inside page 0 of shmem unmaps what it does not
    punch: the last byte to unmap is -1, compared unsigned (mm/shmem.c shmem_fallocate, unmap_mapping_pages):
    from offset 0 the whole file, else all but page 0.
    """
    shift = m[H_ARCH + A_PAGE_SHIFT]
    if end >> shift == 0 and m[inode + I_TYPE] in (OPS_SHMEM, OPS_SHM):
        unmap_mapping(m, inode, 0 if start == 0 else 1, -1, ZAP_PUNCH)
    first = (start + (1 << shift) - 1) >> shift
    last = end >> shift
    if first <= last:
        if first < last:
            unmap_mapping(m, inode, first, last, ZAP_PUNCH)
            cache_drop(m, inode, first, last)
        if start < first << shift:
            _zero_bytes(m, inode, first - 1, start & ((1 << shift) - 1), 1 << shift)
        _zero_bytes(m, inode, last, 0, end & ((1 << shift) - 1))
    else:
        _zero_bytes(m, inode, last, start & ((1 << shift) - 1), end & ((1 << shift) - 1))
    return 0
