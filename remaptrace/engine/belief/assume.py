"""Areas that a log proves to exist although it never showed their making.

A log that starts late, or one without the maps of its exec, is followed by belief: when a recorded call
succeeded that can only succeed on mapped memory, what is missing there is mapped first, marked
MARK_ASSUMED, and the event gets RSF_ASSUMED. Only processes whose initial areas are unknown (P_UNKNOWN) are
treated so, and only when placing follows the log.
"""

from __future__ import annotations

from ...abi.errnos import EACCES, EBADF, EEXIST, ENODEV, EPERM
from ...abi.fcntl import F_SEAL_SEAL, F_SEAL_WRITE, SEALS_OF_WRITING
from ...abi.mman import (
    MAP_ANONYMOUS,
    MAP_FIXED_NOREPLACE,
    MAP_PRIVATE,
    MAP_SHARED,
    MAP_SHARED_VALIDATE,
    MAP_TYPE,
)
from ...abi.rows import RSF_ASSUMED
from ...abi.signals import SIGBUS
from ...abi.vmflags import (
    VM_ACCESS,
    VM_ACCOUNT,
    VM_EXEC,
    VM_GROWSDOWN,
    VM_LOCKED,
    VM_MAYEXEC,
    VM_MAYREAD,
    VM_MAYWRITE,
    VM_SHARED,
    VM_WRITE,
)
from ...machine.archwords import A_PAGE_SHIFT, A_TASK_SIZE
from ...machine.rules import R_NOREPLACE
from ..account import vm_stat_account
from ..addr import page_align
from ..areas.anonvma import anon_vma_prepare
from ..areas.space import range_is_free
from ..areas.vma import vma_alloc, vma_set_flags
from ..areas.vmaset import find_before, find_exact, find_vma, insert_vma, set_bounds
from ..files.files import FMODE_READ, FMODE_WRITE, fd_install, fget, file_new
from ..files.inodes import inode_new, inode_put
from ..files.shmseg import shm_by_id, shm_new
from ..files.special import UNKNOWN_SIZE
from ..jit import kernel, seldom
from ..marks import MARK_ASSUMED, NOEXEC_ASSUMED, SEAL_ASSUMED
from ..ranges.truncate import inode_truncate
from ..state import (
    G_ASSUMED,
    G_COMMITTED,
    G_EVENT,
    G_FOLLOW,
    G_HAS_RET,
    G_NO_ACCESSES,
    G_REC_RET,
    G_RSFLAGS,
    G_TAKE,
    H_ARCH,
    H_RULES,
    I_BORN,
    I_CACHED,
    I_SEALS,
    I_SIZE,
    I_TYPE,
    I_UNSURE,
    MM_BRK,
    MM_END_DATA,
    MM_LOCKED,
    MM_START_BRK,
    MM_START_DATA,
    O_INODE,
    O_NOEXEC,
    OPS_ANON,
    OPS_FILE,
    OPS_SHM,
    OPS_SHMEM,
    P_UNKNOWN,
    T_FILES,
    T_FRESH,
    T_FRESH_END,
    T_MM,
    T_PROC,
    TYPE_UNMAPPABLE,
    V_AV,
    V_END,
    V_FLAGS,
    V_INODE,
    V_MARK,
    V_NEXT,
    V_OPS,
    V_PGOFF,
    V_START,
    Mem,
)

_X86_64, _STACKS = 0x7FFF_FFFF_F000, 1 << 34
"""The end of the address space of x86-64, and how far below it the stack may begin; mappings lie below all of that
(STACK_RND_MASK, mm/util.c mmap_base).
"""
_STACK = 8 << 20
"""Bytes that a stack may have (RLIMIT_STACK by default): pages of it that were touched are of one area."""
_REACH = 64  # pages between touched pages that may be of one assumed area


@kernel
def may_assume(m: Mem, task: int) -> int:
    """1 if the current event is a recorded success of a process whose areas are not all known."""
    if m[G_FOLLOW] == 0 or m[G_HAS_RET] == 0 or m[m[task + T_PROC] + P_UNKNOWN] == 0:
        return 0
    return 1 if m[G_REC_RET] >= 0 or m[G_REC_RET] < -4095 else 0


@kernel
def may_take(m: Mem, errno: int) -> int:
    """1 if the current event is a recorded refusal with `errno` that may be believed."""
    return 1 if m[G_FOLLOW] != 0 and m[G_TAKE] == errno else 0


@kernel
def _assume_area(m: Mem, task: int, start: int, end: int, access: int) -> int:
    """Map private anonymous memory at [start, end) without asking; 1, or 0 if the arena is full."""
    mm = m[task + T_MM]
    shift = m[H_ARCH + A_PAGE_SHIFT]
    flags = (access & (VM_ACCESS | VM_GROWSDOWN)) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC
    if access & VM_WRITE:
        flags |= VM_ACCOUNT
    vma = vma_alloc(m, mm, start, end, flags, start >> shift, 0, 0, OPS_ANON)
    if vma == 0:
        return 0
    m[vma + V_MARK] = MARK_ASSUMED
    insert_vma(m, mm, vma)
    pages = (end - start) >> shift
    vm_stat_account(m, mm, flags, pages)
    if access & VM_WRITE:
        m[G_COMMITTED] += pages
    m[G_ASSUMED] += 1
    m[G_RSFLAGS] |= RSF_ASSUMED
    return 1


@kernel
def assume_range(m: Mem, task: int, start: int, end: int, access: int) -> int:
    """Fill the holes of [start, end), bytes, with assumed areas that grant `access` (VM_*)."""
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    at = start & -page
    end = (end + page - 1) & -page
    if end > m[H_ARCH + A_TASK_SIZE] or end <= at or at < 0:
        return 0
    mm = m[task + T_MM]
    while at < end:
        vma = find_vma(m, mm, at)
        stop = end
        if vma != 0 and m[vma + V_START] < end:
            stop = m[vma + V_START]
        if at < stop and _assume_area(m, task, at, stop, access) == 0:
            return 0
        at = m[vma + V_END] if vma != 0 and stop == m[vma + V_START] else end
    return 0


@kernel
def _grow_assumed(m: Mem, mm: int, vma: int, start: int, end: int, access: int) -> int:
    """Let an assumed area reach from `start` to `end` and grant `access` too."""
    shift = m[H_ARCH + A_PAGE_SHIFT]
    old = m[vma + V_FLAGS]
    pages = (m[vma + V_END] - m[vma + V_START]) >> shift
    vm_stat_account(m, mm, old, -pages)
    if old & VM_ACCOUNT:
        m[G_COMMITTED] -= pages
    if old & VM_LOCKED:
        m[mm + MM_LOCKED] += ((end - start) >> shift) - pages
    flags = old | (access & VM_ACCESS)
    if flags & VM_WRITE:
        flags |= VM_ACCOUNT
    m[vma + V_PGOFF] -= (m[vma + V_START] - start) >> shift
    set_bounds(m, mm, vma, start, end)
    vma_set_flags(m, vma, flags)
    pages = (end - start) >> shift
    vm_stat_account(m, mm, flags, pages)
    if flags & VM_ACCOUNT:
        m[G_COMMITTED] += pages
    m[G_RSFLAGS] |= RSF_ASSUMED
    return 0


@kernel
def _may_join(m: Mem, vma: int, access: int) -> int:
    """1 if a page touched with `access` may be of assumed area `vma`: code and data are kept apart."""
    if vma == 0 or m[vma + V_MARK] != MARK_ASSUMED or m[vma + V_OPS] != OPS_ANON:
        return 0
    both = m[vma + V_FLAGS] | access
    return 0 if both & VM_WRITE and both & VM_EXEC else 1


@kernel
def assume_page(m: Mem, task: int, addr: int, access: int) -> int:
    """A recorded fault at `addr` was resolved: an area is there that grants `access`.

    Pages near each other are taken to be of one area, since a log shows those that were touched, not where
    areas begin.
    """
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    if addr < 0 or addr >= m[H_ARCH + A_TASK_SIZE]:
        return 0
    mm = m[task + T_MM]
    at = addr & -page
    vma = find_exact(m, mm, at)
    if vma != 0:
        if m[vma + V_MARK] == MARK_ASSUMED and access & ~m[vma + V_FLAGS] & VM_ACCESS:
            _grow_assumed(m, mm, vma, m[vma + V_START], m[vma + V_END], access)
        return 0
    below = find_before(m, mm, at)
    if _may_join(m, below, access) != 0 and at - m[below + V_END] <= _REACH * page:
        return _grow_assumed(m, mm, below, m[below + V_START], at + page, access)
    above = find_vma(m, mm, at)
    reach = _REACH * page
    if m[H_ARCH + A_TASK_SIZE] == _X86_64 and at >= _X86_64 - _STACKS and access & VM_EXEC == 0:
        reach = _STACK
    if _may_join(m, above, access) != 0 and m[above + V_START] - at <= reach:
        return _grow_assumed(m, mm, above, at, m[above + V_END], access)
    return _assume_area(m, task, at, at + page, access)


@kernel
def assume_brk(m: Mem, task: int, addr: int) -> int:
    """Learn the break from a recorded answer of brk(addr) when the start of the heap is unknown.

    The data segment, which 2.6 never lets the break go below, then ends where the heap starts. A break that was set
    leaves a heap below it; one below the start that was taken for it proves that the heap starts there or lower
    (mm/mmap.c: SYSCALL_DEFINE1(brk) asks for brk >= start_brk).
    """
    mm = m[task + T_MM]
    if m[G_FOLLOW] == 0 or m[G_HAS_RET] == 0 or m[G_REC_RET] <= 0 or m[G_REC_RET] >= m[H_ARCH + A_TASK_SIZE]:
        return 0
    was_set = 1 if m[G_REC_RET] == addr and may_assume(m, task) != 0 else 0
    if m[mm + MM_START_BRK] == 0:
        start = m[G_REC_RET]
        m[mm + MM_BRK] = start
        if was_set != 0:
            start = (start - 1) & -(1 << m[H_ARCH + A_PAGE_SHIFT])
        m[mm + MM_START_BRK] = start
        if m[mm + MM_START_DATA] == 0:
            m[mm + MM_START_DATA] = start
            m[mm + MM_END_DATA] = start
    elif was_set != 0 and addr < m[mm + MM_START_BRK]:
        m[mm + MM_START_BRK] = addr
        m[mm + MM_START_DATA] = min(m[mm + MM_START_DATA], addr)
        m[mm + MM_END_DATA] = min(m[mm + MM_END_DATA], addr)
    return 0


@kernel
def assume_file(m: Mem, task: int, fd: int, flags: int, offset: int) -> int:
    """A recorded mmap of a descriptor that the log never opened proves one, unless its answer is EBADF.

    The descriptor is looked up before all else but the offset's alignment (ksys_mmap_pgoff); EACCES and ENODEV tell
    its mode and kind, other errors that a method of its own refused.
    """
    if flags & MAP_ANONYMOUS or fd < 0:
        return 0
    o = fget(m, task, fd)
    if o != 0:
        if m[m[o + O_INODE] + I_TYPE] == TYPE_UNMAPPABLE and m[G_FOLLOW] != 0 and m[G_HAS_RET] != 0:
            if m[G_REC_RET] >= 0 or m[G_REC_RET] < -4095:  # what its path suggests is less than a success
                m[m[o + O_INODE] + I_TYPE] = OPS_FILE
                m[m[o + O_INODE] + I_UNSURE] = 1
                m[G_ASSUMED] += 1
                m[G_RSFLAGS] |= RSF_ASSUMED
        elif m[m[o + O_INODE] + I_TYPE] == OPS_FILE and may_take(m, ENODEV) != 0:  # a directory, most of /sys
            m[m[o + O_INODE] + I_TYPE] = TYPE_UNMAPPABLE
            m[G_ASSUMED] += 1
            m[G_RSFLAGS] |= RSF_ASSUMED
        return 0
    if m[G_FOLLOW] == 0 or m[G_HAS_RET] == 0 or m[G_REC_RET] == -EBADF:
        return 0
    if -4095 <= m[G_REC_RET] < 0 and offset & ((1 << m[H_ARCH + A_PAGE_SHIFT]) - 1):
        return 0
    mode = FMODE_READ | FMODE_WRITE
    if m[G_REC_RET] == -EACCES:  # not open for what was asked: to write, or to read at all
        mode = FMODE_READ if flags & MAP_TYPE != MAP_PRIVATE else FMODE_WRITE
    inode = inode_new(m, TYPE_UNMAPPABLE if m[G_REC_RET] == -ENODEV else OPS_FILE, UNKNOWN_SIZE)
    m[inode + I_CACHED] = 1
    m[inode + I_UNSURE] = 1
    m[inode + I_BORN] = m[G_EVENT]
    fd_install(m, m[task + T_FILES], fd, file_new(m, inode, mode), 0)
    inode_put(m, inode)
    m[G_ASSUMED] += 1
    m[G_RSFLAGS] |= RSF_ASSUMED
    return 0


@kernel
def assume_segment(m: Mem, task: int, shmid: int) -> int:
    """A recorded shmat of a segment that the log never made: another process did, or shmget was not recorded.

    One page of it is assumed, which claims no more than that there is something.
    """
    if m[G_FOLLOW] == 0 or m[G_HAS_RET] == 0 or m[G_REC_RET] <= 0 or shm_by_id(m, shmid) != 0:
        return 0
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    inode = inode_new(m, OPS_SHM, page)
    if inode == 0 or shm_new(m, shmid, 0, inode, page) == 0:
        return 0
    m[inode + I_BORN] = m[G_EVENT]
    m[G_ASSUMED] += 1
    m[G_RSFLAGS] |= RSF_ASSUMED
    return 1


@kernel
def assume_length(m: Mem, task: int, addr: int, signo: int) -> int:
    """Learn the length of a file that the log never told from a fault on a page of it.

    A SIGBUS proves that the file ends at or before the page, a resolved fault that the page is inside.
    """
    vma = find_exact(m, m[task + T_MM], addr)
    inode = m[vma + V_INODE] if vma != 0 else 0
    if inode == 0 or m[inode + I_UNSURE] == 0 or m[vma + V_FLAGS] & VM_ACCESS == 0:
        return 0
    shift = m[H_ARCH + A_PAGE_SHIFT]
    index = m[vma + V_PGOFF] + ((addr - m[vma + V_START]) >> shift)
    if index > UNKNOWN_SIZE >> shift:
        return 0
    if signo == SIGBUS and m[inode + I_SIZE] > index << shift:
        inode_truncate(m, inode, index << shift)
    elif signo == 0 and m[inode + I_SIZE] <= index << shift:
        inode_truncate(m, inode, (index + 1) << shift)
    else:
        return 0
    m[G_RSFLAGS] |= RSF_ASSUMED
    return 1


@kernel
def assume_seal(m: Mem, task: int, fd: int, prot: int, flags: int) -> int:
    """A recorded EPERM for a shared writable mapping of a shmem file: it is sealed against writing.

    Logs that do not show fcntl hold no other sign of F_ADD_SEALS. Asked for with PROT_EXEC it is taken for a noexec
    mount, unless it is writable private memory, which seccomp filters of services refuse.
    """
    if may_take(m, EPERM) == 0 or flags & MAP_ANONYMOUS:
        return 0
    o = fget(m, task, fd)
    if o == 0:
        return 0
    inode = m[o + O_INODE]
    shared = 1 if (flags & MAP_TYPE) in (MAP_SHARED, MAP_SHARED_VALIDATE) else 0
    if prot & VM_EXEC and (prot & VM_WRITE == 0 or shared == 1) and m[o + O_NOEXEC] == 0:
        # path_noexec comes before the seals are looked at, and asks for nothing else
        m[o + O_NOEXEC] = NOEXEC_ASSUMED
        m[G_ASSUMED] += 1
        m[G_RSFLAGS] |= RSF_ASSUMED
        return 0
    if prot & VM_WRITE == 0 or shared == 0 or m[inode + I_TYPE] != OPS_SHMEM:
        return 0
    if m[inode + I_SEALS] & (SEALS_OF_WRITING | F_SEAL_SEAL) == 0:
        m[inode + I_SEALS] |= F_SEAL_WRITE | SEAL_ASSUMED
        m[G_ASSUMED] += 1
        m[G_RSFLAGS] |= RSF_ASSUMED
    return 0


@kernel
def assume_occupied(m: Mem, task: int, addr: int, length: int, flags: int) -> int:
    """A recorded EEXIST of MAP_FIXED_NOREPLACE: something is mapped in the range. 1 if a page of it was assumed.

    Only where areas are missing from the log; one page at the start, which claims no more than that.
    """
    mm = m[task + T_MM]
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    end = addr + length
    if m[H_RULES + R_NOREPLACE] == 0 or flags & MAP_FIXED_NOREPLACE == 0 or may_take(m, EEXIST) == 0:
        return 0
    if addr < 0 or addr & (page - 1) or end <= addr or end > m[H_ARCH + A_TASK_SIZE]:
        return 0
    if m[m[task + T_PROC] + P_UNKNOWN] == 0 or range_is_free(m, mm, addr, end) == 0:
        return 0
    below = find_before(m, mm, addr)
    if below != 0 and m[below + V_END] == addr and _may_join(m, below, 0) != 0:
        _grow_assumed(m, mm, below, m[below + V_START], addr + page, 0)
        return 1
    above = find_vma(m, mm, addr)
    if above != 0 and m[above + V_START] == addr + page and _may_join(m, above, 0) != 0:
        _grow_assumed(m, mm, above, addr, m[above + V_END], 0)
        return 1
    return _assume_area(m, task, addr, addr + page, 0)


@kernel
def expect_write(m: Mem, task: int, start: int, length: int) -> int:
    """In a log without accesses, note that private memory was just made writable; see `assume_written`."""
    if m[G_NO_ACCESSES] != 0:
        m[task + T_FRESH] = start
        m[task + T_FRESH_END] = start + length
    return 0


@seldom
def assume_written(m: Mem, task: int, start: int, length: int, trims: int) -> int:
    """Before a call on [start, start + length): take fresh writable memory that it leaves alone as written.

    Programs ask for writable memory to write to it before they ask for more; a range that the very next call of the
    same thread changes again was only being carved up, unless it `trims` an end of it (munmap): what is left then is
    what was wanted. A call that goes on where the range ends asks for its next piece (G1 commits its tables page by
    page), and the pieces are not written one by one. What matters is the anon_vma that a first write gives an area: it
    decides which neighbours merge later, and a log of calls alone does not show it.
    """
    mm = m[task + T_MM]
    end = m[task + T_FRESH_END]
    if end == 0:
        return 0
    first = m[task + T_FRESH]
    m[task + T_FRESH_END] = 0
    if start == end and length > 0:
        return 0
    if start < end and first < start + length:
        if trims != 0 and start <= first and start + length < end:
            m[task + T_FRESH] = page_align(m, start + length)
            m[task + T_FRESH_END] = end
        elif trims != 0 and first < start and end <= start + length:
            m[task + T_FRESH_END] = start
        return 0
    vma = find_vma(m, mm, first)
    while vma != 0 and m[vma + V_START] < end:
        if m[vma + V_FLAGS] & (VM_WRITE | VM_SHARED) == VM_WRITE and m[vma + V_AV] == 0:
            anon_vma_prepare(m, mm, vma)
        vma = m[vma + V_NEXT]
    return 0
