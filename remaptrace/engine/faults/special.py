"""Pages of special mappings: those that are there from the start, and faults on the others."""

from __future__ import annotations

from ...abi.rows import RSF_UNMODELLED
from ...abi.signals import ACC_WRITE
from ...abi.special import FILE_PERF, FILE_URING
from ...abi.vmflags import VM_MIXEDMAP, VM_PFNMAP
from ...machine.archwords import A_PAGE_SHIFT
from ..files.pagecache import cache_find
from ..files.special import MOST_RING_PAGES, kind_of, uring_first_page, uring_pages
from ..jit import kernel
from ..pages.pgwalk import pte_ensure
from ..state import G_RSFLAGS, H_ARCH, OPS_DEVICE, V_FLAGS, V_INODE, V_OPS, Mem
from .fileread import map_file_page, read_page
from .vmfault import VMF_MAJOR, VMF_MINOR, VMF_SIGBUS, linear_index


@kernel
def _install(m: Mem, mm: int, vma: int, addr: int, index: int) -> int:
    """Map page `index` of the object at `addr` into an empty PTE; 1, or 0 if there is none."""
    if read_page(m, m[vma + V_INODE], index) not in (VMF_MINOR, VMF_MAJOR):
        return 0
    p = pte_ensure(m, mm, addr)
    if p == 0:
        return 0
    if m[p] == 0:
        map_file_page(m, mm, vma, p, cache_find(m, m[vma + V_INODE], index))
    return 1


@kernel
def map_special(m: Mem, mm: int, vma: int, start: int, end: int) -> int:
    """Map what a driver maps at mmap (vm_insert_page, remap_vmalloc_range); frame numbers come when touched. 0."""
    if m[vma + V_OPS] != OPS_DEVICE or m[vma + V_FLAGS] & VM_MIXEDMAP == 0:
        return 0
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    if (end - start) // page > MOST_RING_PAGES:
        m[G_RSFLAGS] |= RSF_UNMODELLED
        return 0
    first = linear_index(m, vma, start)
    if kind_of(m, vma) == FILE_URING:
        pages = uring_pages(m, m[vma + V_INODE], first)
        if pages >= 0:
            end = min(end, start + pages * page)
        first = uring_first_page(m, first)
    addr = start
    while addr < end and _install(m, mm, vma, addr, first + (addr - start) // page) != 0:
        addr += page
    return 0


@kernel
def premapped(m: Mem, mm: int, vma: int, addr: int) -> int:
    """Map the page at `addr` if the driver had done so at mmap: 1, without a fault to count; else 0.

    Page frames (VM_PFNMAP) cannot be taken away but by munmap, so that they are made when first looked at.
    """
    if m[vma + V_OPS] != OPS_DEVICE:
        return 0
    return _install(m, mm, vma, addr, linear_index(m, vma, addr)) if m[vma + V_FLAGS] & VM_PFNMAP else 0


@kernel
def special_refuses(m: Mem, vma: int, addr: int, access: int, present: int) -> int:
    """VMF_SIGBUS if the object has no page for this fault, else 0.

    Of what was mapped at mmap nothing comes back; only the first page of a perf ring may be written.
    """
    if m[vma + V_OPS] != OPS_DEVICE:
        return 0
    if present == 0 and m[vma + V_FLAGS] & (VM_MIXEDMAP | VM_PFNMAP):
        return VMF_SIGBUS
    if access == ACC_WRITE and kind_of(m, vma) == FILE_PERF and linear_index(m, vma, addr) != 0:
        return VMF_SIGBUS
    return 0
