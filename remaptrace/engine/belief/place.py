"""Room for what a log placed: where a recorded result proves that nothing was mapped, nothing stays mapped.

A log that lost a munmap, or that began late, leaves areas in the simulation that the recording kernel did not have.
When a call then succeeded at a place that only a free range can give, what stands there goes first; the event gets
RSF_ASSUMED. What cannot go (a sealed area, a limit) stays, and the machine chooses another place:
`areas.space.recorded_place` takes none that is not free.
"""

from __future__ import annotations

from ...abi.mman import MAP_FIXED, MREMAP_FIXED
from ...abi.rows import RSF_ASSUMED
from ...abi.sysv import SHM_REMAP
from ...machine.archwords import A_HUGE_SHIFT, A_PAGE_SHIFT
from ..addr import beyond, page_align, page_offset, uword
from ..areas.space import recorded_success
from ..areas.vmaset import find_vma
from ..calls.moving import overlaps
from ..calls.munmap import do_munmap
from ..files.hugepool import hugefile_shift
from ..files.shmseg import SHM_INODE, shm_by_id
from ..jit import kernel, seldom, wrap
from ..state import (
    G_CLEARED,
    G_CLEARED_AT,
    G_EVENT,
    G_REC_RET,
    G_RSFLAGS,
    G_SMALLER_AT,
    H_ARCH,
    I_SIZE,
    MM_BRK,
    MM_START_BRK,
    OPS_HUGETLB,
    T_MM,
    V_END,
    V_INODE,
    V_OPS,
    V_START,
    Mem,
)


@kernel
def _clear(m: Mem, task: int, start: int, length: int) -> int:
    """Unmap what stands in [start, start + length), bytes; 1 if anything did."""
    if length <= 0 or page_offset(m, start) != 0 or beyond(m, start, length) != 0:
        return 0
    vma = find_vma(m, m[task + T_MM], start)
    if vma == 0 or m[vma + V_START] >= start + length:
        return 0
    do_munmap(m, m[task + T_MM], start, length)
    m[G_RSFLAGS] |= RSF_ASSUMED
    if m[G_CLEARED] == 0:
        m[G_CLEARED_AT] = m[G_EVENT]
    m[G_CLEARED] += 1
    return 1


@kernel
def clear_for_mmap(m: Mem, task: int, length: int, flags: int) -> int:
    """An mmap without MAP_FIXED got its place: the place was free."""
    if flags & MAP_FIXED or recorded_success(m) == 0:
        return 0
    return _clear(m, task, m[G_REC_RET], page_align(m, uword(m, length)))


@seldom
def clear_for_mremap(m: Mem, task: int, addr: int, old_length: int, new_length: int, flags: int) -> int:
    """An mremap moved to a free place, or grew into a free range behind the area's end."""
    if flags & MREMAP_FIXED or recorded_success(m) == 0:
        return 0
    addr = uword(m, addr)
    old_len = page_align(m, uword(m, old_length))
    new_len = page_align(m, uword(m, new_length))
    place = m[G_REC_RET]
    if place == addr:
        return _clear(m, task, wrap(addr + old_len), new_len - old_len) if old_len > 0 else 0
    if overlaps(addr, old_len, place, new_len) != 0:
        return 0
    return _clear(m, task, place, new_len)


@kernel
def clear_for_brk(m: Mem, task: int, brk: int) -> int:
    """A break that grew as asked: the range up to a page behind it was free (mm/mmap.c: SYSCALL_DEFINE1(brk))."""
    mm = m[task + T_MM]
    brk = uword(m, brk)
    now = m[mm + MM_BRK]
    if (
        recorded_success(m) == 0
        or m[G_REC_RET] != brk
        or now <= 0
        or now < m[mm + MM_START_BRK]
        or brk <= now
    ):
        return 0
    start = page_align(m, now)
    end = wrap(page_align(m, brk) + (1 << m[H_ARCH + A_PAGE_SHIFT]))
    return _clear(m, task, start, end - start) if end > start else 0


@kernel
def clear_for_shmat(m: Mem, task: int, shmid: int, addr: int, flags: int) -> int:
    """A segment was attached without SHM_REMAP: its place was free."""
    if flags & SHM_REMAP or recorded_success(m) == 0:
        return 0
    seg = shm_by_id(m, shmid)
    if seg == 0:
        return 0
    size = page_align(m, m[m[seg + SHM_INODE] + I_SIZE])
    return _clear(m, task, m[G_REC_RET], size)


@seldom
def whole_huge_pages(m: Mem, task: int, addr: int, length: int) -> int:
    """The length to unmap: up to the end of an area of huge pages whose last one a recorded munmap ended inside of.

    Such a munmap succeeds if its pages are smaller than this machine's (hugetlb_vm_op_split): mmap rounded the length
    up to whole ones of them, and munmap took all of it.
    """
    addr = uword(m, addr)
    length = uword(m, length)
    if recorded_success(m) == 0 or length <= 0:
        return length
    end = wrap(addr + page_align(m, length))
    vma = find_vma(m, m[task + T_MM], end)
    if vma == 0 or m[vma + V_OPS] != OPS_HUGETLB or m[vma + V_START] >= end or m[vma + V_START] < addr:
        return length
    shift = hugefile_shift(m, m[vma + V_INODE])
    if shift != m[H_ARCH + A_HUGE_SHIFT] or m[vma + V_END] - end >= 1 << shift:
        return length
    m[G_RSFLAGS] |= RSF_ASSUMED
    if m[G_SMALLER_AT] == 0:
        m[G_SMALLER_AT] = 1 + m[G_EVENT]
    return wrap(m[vma + V_END] - addr)
