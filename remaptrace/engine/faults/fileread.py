"""Faults on file pages: read, copy and shared-write faults, fault-around (mm/memory.c, mm/filemap.c, mm/shmem.c)."""

from __future__ import annotations

from ...abi.signals import ACC_WRITE
from ...abi.special import FILE_AIO
from ...abi.vmflags import VM_PFNMAP, VM_SHARED, VM_UFFD_MINOR, VM_UFFD_WP
from ...machine.archwords import A_INDEX_BITS, A_PAGE_SHIFT
from ...machine.limitrules import R_FAULT_AROUND
from ...machine.rules import R_COW_PREPARES_FIRST, R_FOLIO_MAP
from ..areas.anonvma import anon_vma_prepare
from ..files.pagecache import (
    cache_add_swapped,
    cache_alloc,
    cache_find,
    cache_has,
    cache_swapped,
    file_pages,
)
from ..files.special import kind_of
from ..jit import kernel
from ..pages.frames import bytes_copy, frame, frame_alloc, frame_map, zero_frame
from ..pages.pgwalk import leaf_drop, pmd_lookup, pte_index
from ..pages.pte import mk_pte, pte_mkuffd_wp, pte_mkyoung, pte_uffd_wp
from ..state import (
    F_FLAGS,
    F_REFS,
    FF_DIRTY,
    FF_UPTODATE,
    G_ALONE,
    G_NEW_TABLE,
    G_SPECIAL_FRAME,
    H_ARCH,
    H_RULES,
    I_FOLIO,
    I_TYPE,
    MM_RSS,
    OPS_FILE,
    OPS_SHM,
    V_END,
    V_FLAGS,
    V_INODE,
    V_OPS,
    V_PROT,
    V_START,
    Mem,
)
from .vmfault import VMF_MAJOR, VMF_MINOR, VMF_OOM, VMF_SIGBUS, anon_page, linear_index, written


@kernel
def special_frame(m: Mem) -> int:
    """The frame that stands for pages of [vdso], [vvar] and devices: present, of no file, never freed."""
    pfn = m[G_SPECIAL_FRAME]
    if pfn == 0:
        pfn = frame_alloc(m)
        if pfn != 0:
            m[frame(m, pfn) + F_REFS] = 1
            m[frame(m, pfn) + F_FLAGS] = FF_UPTODATE
            m[G_SPECIAL_FRAME] = pfn
    return pfn


@kernel
def read_page(m: Mem, inode: int, index: int) -> int:
    """How page `index` gets into the page cache for a fault (filemap_fault, shmem_fault): a VMF_* code.

    Behind the end of the file SIGBUS; MAJOR if the disk or swap is read; a shmem hole is allocated.
    """
    if index >= file_pages(m, inode):
        return VMF_SIGBUS
    pfn = cache_find(m, inode, index)
    if pfn != 0:
        m[frame(m, pfn) + F_FLAGS] |= FF_UPTODATE
        return VMF_MINOR
    if cache_has(m, inode, index) != 0:
        return VMF_OOM
    if cache_swapped(m, inode, index) != 0:
        return VMF_MAJOR if cache_add_swapped(m, inode, index) != 0 else VMF_OOM
    if cache_alloc(m, inode, index) == 0:
        return VMF_OOM
    return VMF_MAJOR if m[inode + I_TYPE] == OPS_FILE else VMF_MINOR


@kernel
def map_file_page(m: Mem, mm: int, vma: int, p: int, pfn: int) -> int:
    """Map page-cache frame `pfn` at the empty PTE `p` with the area's protection."""
    m[p] = pte_mkyoung(m, mk_pte(m, pfn, m[vma + V_PROT]))
    m[mm + MM_RSS] += 1
    frame_map(m, pfn)
    return 0


@kernel
def _folio(m: Mem, vma: int, addr: int) -> int:
    """Pages of the folio around `addr` if a fault may map it whole: inside area and leaf table; else 1."""
    folio = m[m[vma + V_INODE] + I_FOLIO]
    if folio <= 1 or m[H_RULES + R_FOLIO_MAP] == 0:
        return 1
    shift = m[H_ARCH + A_PAGE_SHIFT]
    below = linear_index(m, vma, addr) & (folio - 1)
    above = folio - below
    at = pte_index(m, addr)
    addr &= -1 << shift
    if below > at or at + above > 1 << m[H_ARCH + A_INDEX_BITS]:
        return 1
    if addr - (below << shift) < m[vma + V_START] or addr + (above << shift) > m[vma + V_END]:
        return 1
    return folio


@kernel
def _reaches_end(m: Mem, vma: int, addr: int) -> int:
    """1 if the folio around `addr` is the last of a file on disk: fault-around does not trust it.

    filemap_map_pages, can_map_large: no more than the window is mapped of such a folio. Where the window begins with
    it, nothing is if the leaf table would have had to be made first.
    """
    inode = m[vma + V_INODE]
    folio = max(m[inode + I_FOLIO], 1)
    if m[inode + I_TYPE] != OPS_FILE or m[H_RULES + R_FOLIO_MAP] == 0:
        return 0
    return 1 if (linear_index(m, vma, addr) | (folio - 1)) + 1 >= file_pages(m, inode) else 0


@kernel
def _map_found(m: Mem, mm: int, vma: int, addr: int, p: int, pfn: int, access: int) -> int:
    """Map the page that the fault found, or its whole folio if nothing there is mapped yet (finish_fault)."""
    flags = m[vma + V_FLAGS]
    inode = m[vma + V_INODE]
    folio = _folio(m, vma, addr) if inode != 0 else 1
    index = linear_index(m, vma, addr)
    below = index & (folio - 1)
    if folio > 1 and index - below + folio > file_pages(m, inode):
        folio = 1
    for i in range(folio if folio > 1 else 0):
        if m[p - below + i] != 0 or cache_find(m, inode, index - below + i) == 0:
            folio = 1
            break
    if folio == 1:
        below = 0
    for i in range(folio):
        q = p - below + i
        page = cache_find(m, inode, index - below + i) if folio > 1 else pfn
        map_file_page(m, mm, vma, q, page)
        if access == ACC_WRITE:
            m[q] = written(m, m[q], flags)
            m[frame(m, page) + F_FLAGS] |= FF_DIRTY
    return 0


@kernel
def fault_around(m: Mem, mm: int, vma: int, addr: int, p: int) -> int:
    """Map the cached pages around `addr` into empty PTEs, before its own is looked at (do_fault_around).

    The window is `fault_around_bytes` long, aligned in virtual space; it begins at the area's start if
    that comes later, and ends with the leaf table, the area or the file. Large folios that it touches are
    mapped whole where they fit (6.18). Segments of System V and special files have none (no map_pages). Returns the
    pages mapped.
    """
    shift = m[H_ARCH + A_PAGE_SHIFT]
    pages = m[H_RULES + R_FAULT_AROUND] >> shift
    if pages <= 1 or m[G_ALONE] != 0 or m[vma + V_OPS] == OPS_SHM or kind_of(m, vma) not in (0, FILE_AIO):
        return 0
    inode = m[vma + V_INODE]
    at = pte_index(m, addr)
    before = (addr - m[vma + V_START]) >> shift
    first = max(at & -pages, at - before)
    last = min(
        first + pages,
        1 << m[H_ARCH + A_INDEX_BITS],
        at - before + ((m[vma + V_END] - m[vma + V_START]) >> shift),
    )
    index = linear_index(m, vma, addr)
    last = min(last, at + file_pages(m, inode) - index)
    start = addr + ((first - at) << shift)
    if _reaches_end(m, vma, start) != 0:
        if m[G_NEW_TABLE] != 0:
            return 0
    else:
        folio = _folio(m, vma, start)
        first -= linear_index(m, vma, start) & (folio - 1)
    end = addr + ((last - 1 - at) << shift)
    if last > first and _reaches_end(m, vma, end) == 0:
        last += ~linear_index(m, vma, end) & (_folio(m, vma, end) - 1)
    mapped = 0
    for i in range(first, last):
        q = p + i - at
        if m[q] == 0:
            pfn = cache_find(m, inode, index + i - at)
            if pfn != 0 and m[frame(m, pfn) + F_FLAGS] & FF_UPTODATE:  # next_uptodate_folio
                map_file_page(m, mm, vma, q, pfn)
                mapped += 1
    return mapped


@kernel
def do_fault(m: Mem, mm: int, vma: int, addr: int, access: int, p: int) -> int:
    """A fault on the empty PTE `p` of an area with an object behind it (do_fault, do_no_page)."""
    inode = m[vma + V_INODE]
    flags = m[vma + V_FLAGS]
    private_write = 1 if access == ACC_WRITE and flags & VM_SHARED == 0 else 0
    if private_write != 0 and m[H_RULES + R_COW_PREPARES_FIRST] != 0 and anon_vma_prepare(m, mm, vma) < 0:
        return VMF_OOM
    quiet = flags & (VM_UFFD_WP | VM_UFFD_MINOR)  # uffd_disable_fault_around
    marked = pte_uffd_wp(m, m[p])
    m[p] = 0
    around = 0
    if inode != 0 and access != ACC_WRITE and quiet == 0:
        # even when the page itself turns out to lie behind the end of the file (do_read_fault)
        around = fault_around(m, mm, vma, addr, p)
        if m[p] != 0:
            return VMF_MINOR
    if inode == 0 and flags & VM_PFNMAP:  # [vvar]: vmf_insert_pfn counts no page (mm/memory.c:insert_pfn)
        m[p] = pte_mkyoung(m, mk_pte(m, zero_frame(m), m[vma + V_PROT]))
        return VMF_MINOR
    if inode == 0:
        pfn = special_frame(m)
        code = VMF_MINOR if pfn != 0 else VMF_OOM
    else:
        index = linear_index(m, vma, addr)
        code = read_page(m, inode, index)
        pfn = cache_find(m, inode, index) if code in (VMF_MINOR, VMF_MAJOR) else 0
    if pfn == 0:
        # the table is made with the first page in it (finish_fault), which the next fault may look at
        if code == VMF_SIGBUS and around == 0 and m[G_NEW_TABLE] != 0 and m[H_RULES + R_FOLIO_MAP] != 0:
            leaf_drop(m, mm, pmd_lookup(m, mm, addr))
        return code
    if private_write == 0:
        _map_found(m, mm, vma, addr, p, pfn, access)
        if marked != 0:
            m[p] = pte_mkuffd_wp(m, m[p])
        return code
    new = anon_page(m, mm, vma, addr)
    if new == 0:
        return VMF_OOM
    bytes_copy(m, new, pfn)
    m[p] = written(m, mk_pte(m, new, m[vma + V_PROT]), flags)
    if marked != 0:
        m[p] = pte_mkuffd_wp(m, m[p])
    m[mm + MM_RSS] += 1
    return code
