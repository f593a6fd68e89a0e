"""The page cache of inodes: which file pages are in RAM, and their bytes (mm/filemap.c, mm/shmem.c).

The pages of an inode hang in a tree (`cachetree`). An entry is

    0        not decided yet: in the page cache if the index is below I_FILLED (or, for files with
             I_CACHED, inside the file), else a hole
    > 0      the frame
    HOLE     known to be absent: truncated, punched, or (files on disk) dropped
    < HOLE   out of RAM: shmem in swap, -(slot + 1); a file on disk keeps its bytes at -(record + 1)

so that a file of a million pages costs nothing until it is touched. The first content of page p is the
fill rule: (I_FILLK + p) mod 256, or zero if I_FILLK is 0; bytes behind the end of the file are zero.

A file on disk whose page is a HOLE inside the file reads as zeros by a major fault; a shmem hole is
allocated.
"""

from __future__ import annotations

from ...machine.archwords import A_HUGE_SHIFT, A_PAGE_SHIFT
from ..jit import kernel
from ..pages.frames import (
    byte_load,
    byte_store,
    bytes_clone,
    bytes_fill,
    bytes_free,
    frame,
    frame_alloc,
    frame_put,
)
from ..pages.swap import swap_cache_drop, swap_put, swap_read
from ..state import (
    F_BYTES,
    F_FILL,
    F_FLAGS,
    F_INDEX,
    F_INODE,
    F_REFS,
    FF_DIRTY,
    FF_UPTODATE,
    H_ARCH,
    I_CACHED,
    I_FILLED,
    I_FILLK,
    I_PAGES,
    I_RESV,
    I_SIZE,
    I_TYPE,
    OPS_FILE,
    OPS_HUGETLB,
    OPS_SHM,
    OPS_SHMEM,
    Mem,
    kalloc,
    kfree,
)
from .cachetree import cache_entry, cache_entry_make, cache_next
from .hugepool import hugepage_put, region_del

HOLE = -1
_RECORD = 2  # words of a page on disk: fill, exceptions


@kernel
def file_pages(m: Mem, inode: int) -> int:
    """Pages that hold the bytes of `inode`, the last partial one included."""
    shift = m[H_ARCH + A_PAGE_SHIFT]
    return (m[inode + I_SIZE] + (1 << shift) - 1) >> shift


# ---- pages -----------------------------------------------------------------------------------


@kernel
def _first_content(m: Mem, inode: int, index: int) -> int:
    """1 if page `index`, undecided in the tree, is in the page cache with its first content."""
    if index < m[inode + I_FILLED]:
        return 1
    return 1 if m[inode + I_CACHED] != 0 and index < file_pages(m, inode) else 0


@kernel
def cache_insert(m: Mem, inode: int, index: int, fill: int) -> int:
    """A fresh frame for page `index`, its bytes `fill` up to the end of the file; 0: no memory."""
    entry = cache_entry_make(m, inode, index)
    if entry == 0:
        return 0
    pfn = frame_alloc(m)
    if pfn == 0:
        return 0
    f = frame(m, pfn)
    m[f + F_REFS] = 1
    m[f + F_FLAGS] = FF_UPTODATE
    m[f + F_INODE] = inode
    m[f + F_INDEX] = index
    m[f + F_FILL] = fill
    m[entry] = pfn
    m[inode + I_PAGES] += 1
    if fill != 0:
        shift = m[H_ARCH + A_PAGE_SHIFT]
        rest = m[inode + I_SIZE] - (index << shift)
        if rest < (1 << shift):
            bytes_fill(m, pfn, rest if rest > 0 else 0, 1 << shift, 0)
    return pfn


@kernel
def cache_find(m: Mem, inode: int, index: int) -> int:
    """The frame of page `index` if it is in the page cache, else 0 (in swap, absent, or no memory)."""
    entry = cache_entry(m, inode, index)
    state = m[entry] if entry != 0 else 0
    if state > 0:
        return state
    if state < 0 or _first_content(m, inode, index) == 0:
        return 0
    k = m[inode + I_FILLK]
    pfn = cache_insert(m, inode, index, (k + index) & 0xFF if k != 0 else 0)
    if pfn != 0 and index < m[inode + I_FILLED] and m[inode + I_TYPE] != OPS_FILE:  # it was written
        m[frame(m, pfn) + F_FLAGS] |= FF_DIRTY
    return pfn


@kernel
def cache_has(m: Mem, inode: int, index: int) -> int:
    """1 if page `index` is in the page cache; no frame is made."""
    entry = cache_entry(m, inode, index)
    state = m[entry] if entry != 0 else 0
    if state == 0:
        return _first_content(m, inode, index)
    return 1 if state > 0 else 0


@kernel
def cache_uptodate(m: Mem, inode: int, index: int) -> int:
    """1 if page `index` is in the page cache with its bytes: not one that fallocate reserved and nobody touched yet."""
    entry = cache_entry(m, inode, index)
    state = m[entry] if entry != 0 else 0
    if state == 0:
        return _first_content(m, inode, index)
    return 1 if state > 0 and m[frame(m, state) + F_FLAGS] & FF_UPTODATE else 0


@kernel
def cache_reserve(m: Mem, inode: int, index: int) -> int:
    """fallocate of page `index` of shmem; 0: no memory (shmem_get_folio, SGP_FALLOC).

    A new page is not up to date, so that a failure can tell it from others; one that was reserved before becomes so.
    """
    pfn = cache_find(m, inode, index)
    if pfn != 0:
        m[frame(m, pfn) + F_FLAGS] |= FF_UPTODATE | FF_DIRTY
        return pfn
    if cache_swapped(m, inode, index) != 0:
        return cache_add_swapped(m, inode, index)
    pfn = cache_insert(m, inode, index, 0)
    if pfn != 0:
        m[frame(m, pfn) + F_FLAGS] = FF_DIRTY
    return pfn


@kernel
def cache_unreserve(m: Mem, inode: int, first: int, last: int) -> int:
    """Give back those of pages first..last-1 that are reserved and not up to date (shmem_undo_range, unfalloc)."""
    index = cache_next(m, inode, first)
    while 0 <= index < last:
        entry = cache_entry(m, inode, index)
        if m[entry] > 0 and m[frame(m, m[entry]) + F_FLAGS] & FF_UPTODATE == 0:
            cache_evict(m, inode, index, HOLE)
        index = cache_next(m, inode, index + 1)
    return 0


@kernel
def cache_swapped(m: Mem, inode: int, index: int) -> int:
    """Where page `index` is stored out of RAM (a swap slot for shmem, else a record), 0 if it is not."""
    entry = cache_entry(m, inode, index)
    if entry == 0 or m[entry] >= HOLE:
        return 0
    return -m[entry] - 1


@kernel
def cached_frame(m: Mem, inode: int, index: int) -> int:
    """The frame of page `index` if one was ever made, else 0."""
    entry = cache_entry(m, inode, index)
    return m[entry] if entry != 0 and m[entry] > 0 else 0


@kernel
def cache_to_disk(m: Mem, inode: int, index: int) -> int:
    """Drop page `index` of a file on disk from RAM, keeping its bytes; 0: arena full, else 1."""
    entry = cache_entry(m, inode, index)
    pfn = m[entry]
    record = kalloc(m, _RECORD)
    if record == 0:
        return 0
    m[record] = m[frame(m, pfn) + F_FILL]
    m[record + 1] = bytes_clone(m, m[frame(m, pfn) + F_BYTES])
    m[entry] = -(record + 1)
    m[inode + I_PAGES] -= 1
    m[frame(m, pfn) + F_INODE] = 0
    frame_put(m, pfn)
    return 1


@kernel
def _read_disk(m: Mem, inode: int, index: int, entry: int) -> int:
    """Read page `index`, stored at `entry`, into a fresh frame; 0: no memory."""
    record = -m[entry] - 1
    pfn = frame_alloc(m)
    if pfn == 0:
        return 0
    f = frame(m, pfn)
    m[f + F_REFS] = 1
    m[f + F_FLAGS] = FF_UPTODATE
    m[f + F_INODE] = inode
    m[f + F_INDEX] = index
    m[f + F_FILL] = m[record]
    m[f + F_BYTES] = m[record + 1]
    m[entry] = pfn
    m[inode + I_PAGES] += 1
    kfree(m, record, _RECORD)
    return pfn


@kernel
def _forget_stored(m: Mem, inode: int, state: int) -> int:
    """Drop the bytes that a tree entry below HOLE names."""
    if m[inode + I_TYPE] == OPS_FILE:
        bytes_free(m, m[-state])
        kfree(m, -state - 1, _RECORD)
    else:
        swap_put(m, -state - 1)
    return 0


@kernel
def cache_add_swapped(m: Mem, inode: int, index: int) -> int:
    """Bring page `index` back from swap, or from disk, into the page cache; its frame, 0: no memory."""
    entry = cache_entry(m, inode, index)
    if m[inode + I_TYPE] == OPS_FILE:
        return _read_disk(m, inode, index, entry)
    slot = -m[entry] - 1
    pfn = swap_read(m, slot)
    if pfn == 0:
        return 0
    f = frame(m, pfn)
    m[f + F_REFS] += 1
    m[f + F_FLAGS] |= FF_DIRTY
    m[f + F_INODE] = inode
    m[f + F_INDEX] = index
    m[entry] = pfn
    m[inode + I_PAGES] += 1
    swap_cache_drop(m, pfn)
    swap_put(m, slot)
    return pfn


@kernel
def cache_to_swap(m: Mem, inode: int, index: int, slot: int) -> int:
    """Replace page `index` by swap slot `slot`, which takes a use; drops the page cache's frame reference."""
    entry = cache_entry(m, inode, index)
    pfn = m[entry]
    m[entry] = -(slot + 1)
    m[inode + I_PAGES] -= 1
    m[frame(m, pfn) + F_INODE] = 0
    frame_put(m, pfn)
    return 0


@kernel
def cache_alloc(m: Mem, inode: int, index: int) -> int:
    """The frame of page `index`, read from swap or made of zeros if absent; 0: no memory."""
    pfn = cache_find(m, inode, index)
    if pfn != 0:
        return pfn
    if cache_swapped(m, inode, index) != 0:
        return cache_add_swapped(m, inode, index)
    return cache_insert(m, inode, index, 0)


@kernel
def cache_evict(m: Mem, inode: int, index: int, state: int) -> int:
    """Take page `index` out of the page cache, leaving `state` (HOLE, or 0: first content again)."""
    entry = cache_entry_make(m, inode, index)
    if entry == 0:
        return 0
    old = m[entry]
    m[entry] = state
    if old > 0:
        m[inode + I_PAGES] -= 1
        m[frame(m, old) + F_INODE] = 0
        frame_put(m, old)
    elif old < HOLE:
        _forget_stored(m, inode, old)
    return 0


@kernel
def is_clean_shmem(m: Mem, pfn: int) -> int:
    """1 if the page is one of shmem that nobody wrote, zeros, which reclaim drops (shrink_folio_list)."""
    f = frame(m, pfn)
    if m[f + F_FLAGS] & FF_DIRTY or m[f + F_FILL] != 0 or m[f + F_BYTES] != 0:
        return 0
    return 1 if m[m[f + F_INODE] + I_TYPE] in (OPS_SHMEM, OPS_SHM) else 0


@kernel
def cache_drop(m: Mem, inode: int, first: int, last: int) -> int:
    """Forget pages first..last-1 (last -1: all from `first` on): holes from now on.

    PTEs are not this function's business. Cost: the pages that were ever touched, and for a bounded
    range of a file with first contents also its length.
    """
    if last < 0:
        m[inode + I_FILLED] = min(m[inode + I_FILLED], first)
    else:
        for index in range(first, last):
            if _first_content(m, inode, index) != 0:
                cache_evict(m, inode, index, HOLE)
    index = cache_next(m, inode, first)
    while index >= 0 and (last < 0 or index < last):
        cache_evict(m, inode, index, HOLE)
        index = cache_next(m, inode, index + 1)
    return 0


# ---- files of hugetlbfs: indices and frames are those of huge pages --------------------------


@kernel
def hugefile_find(m: Mem, inode: int, index: int) -> int:
    """The head of huge page `index` of the file, 0 if it is absent."""
    entry = cache_entry(m, inode, index)
    return max(m[entry], 0) if entry != 0 else 0


@kernel
def hugefile_insert(m: Mem, inode: int, index: int, head: int) -> int:
    """Make `head` huge page `index` of the file, which takes a reference; 0 if the arena is full, else 1."""
    entry = cache_entry_make(m, inode, index)
    if entry == 0:
        return 0
    m[entry] = head
    m[frame(m, head) + F_REFS] += 1
    m[frame(m, head) + F_INODE] = inode
    m[inode + I_PAGES] += 1
    return 1


@kernel
def hugefile_drop(m: Mem, inode: int, first: int, last: int, truncated: int) -> int:
    """Take huge pages first..last-1 (last -1: all) out of the file; how many there were (remove_inode_hugepages).

    A hole (`truncated` 0) also forgets that they were reserved.
    """
    freed = 0
    index = cache_next(m, inode, first)
    while index >= 0 and (last < 0 or index < last):
        entry = cache_entry(m, inode, index)
        head = m[entry]
        m[entry] = 0
        if head > 0:
            m[frame(m, head) + F_INODE] = 0
            m[inode + I_PAGES] -= 1
            hugepage_put(m, head)
            freed += 1
            if truncated == 0:
                region_del(m, inode + I_RESV, index, index + 1)
        index = cache_next(m, inode, index + 1)
    return freed


# ---- bytes -----------------------------------------------------------------------------------


@kernel
def file_load(m: Mem, inode: int, offset: int) -> int:
    """The byte at `offset` as read() sees it, -1 behind the end of the file."""
    if offset >= m[inode + I_SIZE]:
        return -1
    shift = m[H_ARCH + A_PAGE_SHIFT]
    if m[inode + I_TYPE] == OPS_HUGETLB:
        shift = m[H_ARCH + A_HUGE_SHIFT]
        head = hugefile_find(m, inode, offset >> shift)
        return byte_load(m, head, offset & ((1 << shift) - 1)) if head != 0 else 0
    pfn = cache_find(m, inode, offset >> shift)
    if pfn == 0 and cache_swapped(m, inode, offset >> shift) != 0:
        pfn = cache_add_swapped(m, inode, offset >> shift)
    return byte_load(m, pfn, offset & ((1 << shift) - 1)) if pfn != 0 else 0


@kernel
def file_store(m: Mem, inode: int, offset: int, value: int) -> int:
    """Write one byte as write() does, growing the file if needed; 0: no memory, else 1."""
    shift = m[H_ARCH + A_PAGE_SHIFT]
    pfn = cache_alloc(m, inode, offset >> shift)
    if pfn == 0:
        return 0
    if offset >= m[inode + I_SIZE]:
        m[inode + I_SIZE] = offset + 1
    m[frame(m, pfn) + F_FLAGS] |= FF_DIRTY | FF_UPTODATE
    byte_store(m, pfn, offset & ((1 << shift) - 1), value)
    return 1
