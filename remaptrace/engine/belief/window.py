"""Windows whose mmap a log does not show: a recorded remap_file_pages proves a shared mapping of some file."""

from __future__ import annotations

from ...abi.mman import MAP_FIXED, MAP_SHARED
from ...abi.rows import RSF_ASSUMED
from ...abi.vmflags import VM_ACCESS, VM_READ, VM_SHARED, VM_WRITE
from ...machine.archwords import A_PAGE_SHIFT
from ..addr import beyond, page_floor, uword
from ..areas.vmaset import find_exact, find_vma
from ..calls.mmap import do_mmap
from ..calls.munmap import do_munmap
from ..files.files import FMODE_READ, FMODE_WRITE, file_new, file_put
from ..files.inodes import inode_new, inode_put
from ..files.special import UNKNOWN_SIZE
from ..jit import kernel, wrap
from ..marks import MARK_ASSUMED
from ..state import (
    G_ASSUMED,
    G_EVENT,
    G_RSFLAGS,
    H_ARCH,
    I_BORN,
    I_CACHED,
    I_UNSURE,
    OPS_FILE,
    T_MM,
    V_END,
    V_FLAGS,
    V_MARK,
    V_START,
    Mem,
)


@kernel
def _map_window(m: Mem, task: int, start: int, end: int, access: int, pgoff: int) -> int:
    """Map [start, end) shared, of a file of which nothing else is known; 1, or 0 if it could not be."""
    inode = inode_new(m, OPS_FILE, UNKNOWN_SIZE)
    if inode == 0:
        return 0
    m[inode + I_CACHED] = 1
    m[inode + I_UNSURE] = 1
    m[inode + I_BORN] = m[G_EVENT]
    file = file_new(m, inode, FMODE_READ | FMODE_WRITE)
    inode_put(m, inode)
    if file == 0:
        return 0
    place = do_mmap(m, task, file, start, end - start, access, MAP_SHARED | MAP_FIXED, pgoff)
    file_put(m, file)
    vma = find_exact(m, m[task + T_MM], start)
    if place != start or vma == 0:
        return 0
    m[vma + V_MARK] = MARK_ASSUMED
    m[G_ASSUMED] += 1
    m[G_RSFLAGS] |= RSF_ASSUMED
    return 1


@kernel
def assume_window(m: Mem, task: int, start: int, size: int, pgoff: int) -> int:
    """Fill the holes of [start, start + size), bytes, with shared mappings that begin at page `pgoff` of a file.

    An area that was assumed there is one of them: of it nothing but its place and its access was known.
    """
    start = page_floor(m, uword(m, start))
    size = page_floor(m, uword(m, size))
    if size <= 0 or beyond(m, start, size) != 0:
        return 0
    mm = m[task + T_MM]
    shift = m[H_ARCH + A_PAGE_SHIFT]
    end = wrap(start + size)
    at = start
    while at < end:
        vma = find_vma(m, mm, at)
        stop = end
        access = VM_READ | VM_WRITE
        wanted = 1
        if vma != 0 and m[vma + V_START] <= at:
            stop = min(end, m[vma + V_END])
            access = m[vma + V_FLAGS] & VM_ACCESS
            wanted = 0
            if m[vma + V_MARK] == MARK_ASSUMED and m[vma + V_FLAGS] & VM_SHARED == 0:
                wanted = 1 if do_munmap(m, mm, at, stop - at) == 0 else 0
        elif vma != 0:
            stop = min(end, m[vma + V_START])
        if wanted != 0 and _map_window(m, task, at, stop, access, pgoff + ((at - start) >> shift)) == 0:
            return 0
        at = stop
    return 0
