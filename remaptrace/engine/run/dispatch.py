"""One event, one call: from the columns of the event table to the system call that it stands for.

Each function takes the raw arguments a0..a5 and gives the value or -errno. A kind that a function does not
know gives `NOT_MINE`, so that the next room is asked; what no room knows is counted as not modelled.
"""

from __future__ import annotations

from ...abi.errnos import EINVAL, ENOSYS
from ...abi.kinds import (
    K_BRK,
    K_CLOSE,
    K_CLOSE_RANGE,
    K_DUP,
    K_EXEC,
    K_EXIT,
    K_FALLOCATE,
    K_FORK,
    K_FORK_STEP,
    K_FORK_WAIT,
    K_FTRUNCATE,
    K_HOME_NODE,
    K_INIT_MM,
    K_INIT_VMA,
    K_IO_DESTROY,
    K_IO_SETUP,
    K_KNOWN_FD,
    K_MADVISE,
    K_MAKEFILE,
    K_MBIND,
    K_MEMFD,
    K_MINCORE,
    K_MLOCK,
    K_MLOCK2,
    K_MLOCKALL,
    K_MMAP,
    K_MPROTECT,
    K_MREMAP,
    K_MSEAL,
    K_MSYNC,
    K_MUNLOCK,
    K_MUNLOCKALL,
    K_MUNMAP,
    K_OLD_MMAP,
    K_OPEN,
    K_PERSONALITY,
    K_PIDFD,
    K_PKEY_ALLOC,
    K_PKEY_FREE,
    K_PKEY_MPROTECT,
    K_PKRU,
    K_PRCTL,
    K_PREAD,
    K_PROCESS_MADVISE,
    K_PROCESS_VM,
    K_PWRITE,
    K_RECLAIM,
    K_REMAP_FILE_PAGES,
    K_REOPEN,
    K_SEAL,
    K_SET_MEMPOLICY,
    K_SET_VMA_NAME,
    K_SETFD,
    K_SETRLIMIT,
    K_SETUID,
    K_SHMAT,
    K_SHMCTL,
    K_SHMDT,
    K_SHMGET,
    K_SPECIAL_FILE,
    K_SYSCTL,
    K_UFFD_API,
    K_UFFD_WAKE,
    K_USERFAULTFD,
    K_WRITEBACK,
)
from ...abi.mman import MAP_ANONYMOUS, MAP_FIXED
from ...abi.rows import RSF_UNMODELLED
from ...abi.vmflags import VM_ACCESS, VM_GROWSDOWN, VM_READ, VM_WRITE
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.callrules import R_PKEY_CALLS
from ...machine.limitrules import R_NR_HUGEPAGES
from ..addr import page_align, uword
from ..areas.pkeys import pkru_of, set_pkru, sys_pkey_alloc, sys_pkey_free
from ..areas.vmaset import find_exact
from ..belief.assume import (
    assume_brk,
    assume_file,
    assume_occupied,
    assume_range,
    assume_seal,
    assume_written,
    expect_write,
    may_assume,
)
from ..belief.place import clear_for_brk, clear_for_mmap, clear_for_mremap, clear_for_shmat
from ..calls.aio import sys_io_destroy, sys_io_setup
from ..calls.brk import sys_brk
from ..calls.madvise import sys_madvise
from ..calls.mbind import sys_home_node, sys_mbind, sys_set_mempolicy
from ..calls.mincore import sys_mincore
from ..calls.mlock import sys_mlock, sys_mlock2, sys_mlockall, sys_munlock, sys_munlockall
from ..calls.mmap import sys_mmap
from ..calls.mprotect import PROT_GROWSDOWN, sys_mprotect, sys_pkey_mprotect
from ..calls.mremap import sys_mremap
from ..calls.mseal import sys_mseal
from ..calls.msync import sys_msync
from ..calls.munmap import sys_munmap
from ..calls.prctl import sys_prctl
from ..calls.rfp import sys_remap_file_pages
from ..calls.shm import sys_shmat, sys_shmctl, sys_shmdt, sys_shmget
from ..calls.vmaname import sys_set_vma_name
from ..faults.populate import process_vm
from ..fds.descriptors import (
    anonymous_fd,
    known_fd,
    make_file,
    reopen,
    special_file,
    sys_close,
    sys_close_range,
    sys_dup,
    sys_memfd_create,
    sys_open,
    sys_setfd,
)
from ..fds.filesizes import sys_add_seals, sys_fallocate, sys_ftruncate, sys_pread, sys_pwrite
from ..files.hugepool import pool_resize
from ..jit import kernel
from ..state import (
    G_HAS_RET,
    G_NO_ACCESSES,
    G_REC_RET,
    G_RSFLAGS,
    G_UFFD_CLOSED,
    G_WHY,
    H_ARCH,
    H_RULES,
    MM_BRK,
    MM_COUNT,
    MM_START_BRK,
    P_CAPS,
    P_PERSONALITY,
    P_RLIM,
    P_UNDUMPABLE,
    P_UNKNOWN,
    T_MM,
    T_PROC,
    V_FLAGS,
    Mem,
)
from ..tasks.exec import init_mm, init_vma
from ..tasks.fork import dup_mm
from ..tasks.process import mm_put, task_exec, task_exit, task_fork
from ..uffd.uffd import sys_userfaultfd, uffd_call, uffd_release
from ..why import NOT_MINE, WHY_OCCUPIED, WHY_OCCUPIED_TAKEN
from .pressure import pressure_call

_NLIMITS = 16


@kernel
def _mmap(m: Mem, task: int, a0: int, a1: int, a2: int, a3: int, a4: int, a5: int) -> int:
    """mmap, with the beliefs that a recorded result allows."""
    assume_file(m, task, a4, a3)
    assume_seal(m, task, a4, a2, a3)
    length = page_align(m, uword(m, a1))
    clear_for_mmap(m, task, a1, a3)
    occupied = assume_occupied(m, task, uword(m, a0), length, a3)
    place = sys_mmap(m, task, a0, a1, a2, a3, a4, a5)
    if occupied != 0 and m[G_WHY] == WHY_OCCUPIED:
        m[G_WHY] = WHY_OCCUPIED_TAKEN
    if place > 0 and a2 & VM_WRITE and a3 & MAP_FIXED == 0 and a3 & MAP_ANONYMOUS:
        expect_write(m, task, place, length)
    return place


@kernel
def _brk(m: Mem, task: int, addr: int) -> int:
    """brk; the heap itself is assumed where only its end was recorded."""
    assume_brk(m, task, addr)
    if may_assume(m, task) != 0:
        mm = m[task + T_MM]
        assume_range(m, task, m[mm + MM_START_BRK], m[mm + MM_BRK], VM_READ | VM_WRITE)
    clear_for_brk(m, task, addr)
    old = m[m[task + T_MM] + MM_BRK]
    brk = sys_brk(m, task, addr)
    if brk > old:
        expect_write(m, task, old, brk - old)
    return brk


@kernel
def _process_madvise(m: Mem, task: int, addr: int, length: int, advice: int, flags: int) -> int:
    """process_madvise of one range on the calling process: bytes advised, or the error."""
    if flags != 0:
        return -EINVAL
    result = sys_madvise(m, task, addr, length, advice)
    return length if result == 0 else result


@kernel
def range_call(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int, a3: int, a4: int) -> int:
    """Calls whose success proves that [a0, a0 + a1) was mapped."""
    if may_assume(m, task) != 0:
        access = VM_READ | VM_WRITE
        if kind in (K_MPROTECT, K_PKEY_MPROTECT):
            access = a2 & VM_ACCESS
            if a2 & PROT_GROWSDOWN:  # only a stack can take it
                access |= VM_GROWSDOWN
        assume_range(m, task, a0, a0 + a1, access)
    if kind == K_MPROTECT:
        was = VM_WRITE
        if m[G_NO_ACCESSES] != 0:
            vma = find_exact(m, m[task + T_MM], a0)
            was = m[vma + V_FLAGS] if vma != 0 else 0
        result = sys_mprotect(m, task, a0, a1, a2)
        if result == 0 and a2 & ~was & VM_WRITE:
            expect_write(m, task, a0, a1)
        return result
    if kind == K_MADVISE:
        return sys_madvise(m, task, a0, a1, a2)
    if kind == K_REMAP_FILE_PAGES:
        return sys_remap_file_pages(m, task, a0, a1, a2, a3, a4)
    if kind == K_MREMAP:
        clear_for_mremap(m, task, a0, a1, a2, a3)
        return sys_mremap(m, task, a0, a1, a2, a3, a4)
    if kind == K_PKEY_MPROTECT:
        return sys_pkey_mprotect(m, task, a0, a1, a2, a3) if m[H_RULES + R_PKEY_CALLS] != 0 else -ENOSYS
    if kind == K_PROCESS_MADVISE:
        return _process_madvise(m, task, a0, a1, a2, a4)
    if kind == K_MLOCK:
        return sys_mlock(m, task, a0, a1)
    if kind == K_MLOCK2:
        return sys_mlock2(m, task, a0, a1, a2)
    if kind == K_MSYNC:
        return sys_msync(m, task, a0, a1, a2)
    if kind == K_MINCORE:
        return sys_mincore(m, task, a0, a1)
    if kind == K_MSEAL:
        return sys_mseal(m, task, a0, a1, a2)
    return sys_munlock(m, task, a0, a1)


@kernel
def memory_call(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int, a3: int, a4: int, a5: int) -> int:
    """System calls on the address space."""
    assume_written(m, task, a0, a1 if kind != K_BRK else 0)
    if kind in (K_MMAP, K_OLD_MMAP):
        return _mmap(m, task, a0, a1, a2, a3, a4, a5)
    if kind == K_MUNMAP:
        return sys_munmap(m, task, a0, a1)
    if kind == K_BRK:
        return _brk(m, task, a0)
    if kind <= K_MUNLOCK or kind in (K_MSYNC, K_MINCORE, K_REMAP_FILE_PAGES, K_MSEAL):
        return range_call(m, task, kind, a0, a1, a2, a3, a4)
    if kind == K_MLOCKALL:
        return sys_mlockall(m, task, a0)
    if kind == K_MUNLOCKALL:
        return sys_munlockall(m, task)
    if kind == K_MBIND:
        return sys_mbind(m, task, a0, a1, a2, a3, a4, a5)
    if kind == K_SHMGET:
        return sys_shmget(m, task, a0, a1, a2)
    if kind == K_SHMAT:
        clear_for_shmat(m, task, a0, a1, a2)
        return sys_shmat(m, task, a0, a1, a2)
    if kind == K_SHMDT:
        return sys_shmdt(m, task, a0)
    if kind == K_SHMCTL:
        return sys_shmctl(m, task, a0, a1)
    if kind == K_USERFAULTFD:
        return sys_userfaultfd(m, task, a0, a1)
    if kind == K_IO_SETUP:
        return sys_io_setup(m, task, a0, a1)
    if kind == K_IO_DESTROY:
        return sys_io_destroy(m, task, a0)
    if kind == K_SET_VMA_NAME:
        if may_assume(m, task) != 0:
            assume_range(m, task, a0, a0 + a1, VM_READ | VM_WRITE)
        return sys_set_vma_name(m, task, a0, a1, a2)
    if kind == K_PKEY_ALLOC:
        return sys_pkey_alloc(m, task, a0, a1)
    if kind == K_PKEY_FREE:
        return sys_pkey_free(m, task, a0)
    return NOT_MINE


@kernel
def more_memory_call(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int, a3: int, a4: int) -> int:
    """The calls on memory beyond K_UFFD_API."""
    if kind == K_HOME_NODE:
        return sys_home_node(m, task, a0, a1, a2, a3)
    if kind == K_SET_MEMPOLICY:
        return sys_set_mempolicy(m, a0, a1, a2)
    if kind == K_PROCESS_VM:
        return process_vm(m, task, uword(m, a0), a1, a2)
    if kind <= K_UFFD_WAKE:
        return uffd_call(m, task, kind, a0, a1, a2, a3, a4)
    return NOT_MINE


@kernel
def file_call(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int, a3: int, a4: int, a5: int) -> int:
    """Calls on descriptors and files."""
    if kind == K_OPEN:
        return sys_open(m, task, a0, a1, a2)
    if kind == K_CLOSE:
        return sys_close(m, task, a0)
    if kind == K_DUP:
        fd = sys_dup(m, task, a0, a1, a2)
        return 0 if fd >= 0 and m[G_HAS_RET] == 0 else fd  # scenarios name descriptors: a step has no number
    if kind == K_KNOWN_FD:
        return known_fd(m, task, a0, a1, a2, a3)
    if kind == K_MEMFD:
        return sys_memfd_create(m, task, a0, a1)
    if kind == K_FTRUNCATE:
        return sys_ftruncate(m, task, a0, a1)
    if kind == K_FALLOCATE:
        return sys_fallocate(m, task, a0, a1, a2, a3)
    if kind == K_PREAD:
        return sys_pread(m, task, a0, a1)
    if kind == K_PWRITE:
        return sys_pwrite(m, task, a0, a1, a2)
    if kind == K_SEAL:
        return sys_add_seals(m, task, a0, a1)
    if kind == K_MAKEFILE:
        return make_file(m, task, a0, a1 << m[H_ARCH + A_PAGE_SHIFT], a2, a3, a4, a5)
    if kind == K_REOPEN:
        return reopen(m, task, a0, a1, a2)
    if kind == K_CLOSE_RANGE:
        return sys_close_range(m, task, a0, a1, a2)
    if kind == K_SETFD:
        return sys_setfd(m, task, a0, a1)
    if kind == K_SPECIAL_FILE:
        return special_file(m, task, a0, a1, a2 << m[H_ARCH + A_PAGE_SHIFT], a3, a4)
    if kind == K_PIDFD:
        return anonymous_fd(m, task, 1)
    return NOT_MINE


@kernel
def _fork_wait(m: Mem, task: int) -> int:
    """A child is made and exits before the parent goes on."""
    mm = dup_mm(m, task, task)
    if mm < 0:
        return mm
    mm_put(m, mm)
    return 0


@kernel
def _exec(m: Mem, task: int, maps: int) -> int:
    """execve: a recorded failure changes nothing."""
    if m[G_HAS_RET] != 0 and m[G_REC_RET] < 0:
        return m[G_REC_RET]
    task_exec(m, task)
    m[m[task + T_PROC] + P_UNKNOWN] = 0 if maps != 0 else 1
    return 0


@kernel
def process_call(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int, a3: int, a4: int, a5: int) -> int:
    """Births, deaths and what execve maps."""
    if kind == K_FORK:
        if m[G_HAS_RET] != 0 and m[G_REC_RET] < 0:
            return m[G_REC_RET]
        result = task_fork(m, task, a0, a1)
        return m[G_REC_RET] if result == 0 and m[G_HAS_RET] != 0 else result
    if kind == K_FORK_STEP:
        return task_fork(m, task, a0, 0)
    if kind == K_FORK_WAIT:
        return _fork_wait(m, task)
    if kind == K_EXEC:
        return _exec(m, task, a1)
    if kind == K_EXIT:
        return task_exit(m, task, a1)
    if kind == K_INIT_VMA:
        return init_vma(m, task, a0, a1, a2, a3, a4, a5)
    if kind == K_INIT_MM:
        return init_mm(m, task, a0, a1, a2, a3, a4)
    return NOT_MINE


@kernel
def setting_call(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int, a3: int, a4: int) -> int:
    """Personality, limits, capabilities, sysctls."""
    proc = m[task + T_PROC]
    if kind == K_PERSONALITY:
        old = m[proc + P_PERSONALITY]
        if a0 & 0xFFFF_FFFF != 0xFFFF_FFFF:
            m[proc + P_PERSONALITY] = a0 & 0xFFFF_FFFF
        return old
    if kind == K_SETRLIMIT:
        if a0 < 0 or a0 >= _NLIMITS:
            return -EINVAL
        m[proc + P_RLIM + a0] = a1
        return 0
    if kind == K_SETUID:
        if a0 != 0 and m[proc + P_CAPS] != 0:
            m[proc + P_UNDUMPABLE] = 1
        m[proc + P_CAPS] = 1 if a0 == 0 else 0
        return 0
    if kind == K_SYSCTL:
        value = a1
        if a2 != 0:
            value += m[m[task + T_MM] + MM_COUNT]
        m[H_RULES + a0] = value
        if a0 == R_NR_HUGEPAGES:
            pool_resize(m, value)
        return 0
    if kind == K_PKRU:
        return set_pkru(m, task, a0) if a0 >= 0 else pkru_of(m, task)
    if kind == K_PRCTL:
        return sys_prctl(m, task, a0, a1, a2, a3, a4)
    return NOT_MINE


@kernel
def system_call(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int, a3: int, a4: int, a5: int) -> int:
    """The answer of one event that is not an access; what is not modelled takes the recorded answer."""
    result = NOT_MINE
    if kind < K_OPEN:
        result = memory_call(m, task, kind, a0, a1, a2, a3, a4, a5)
    elif kind < K_FORK:
        result = file_call(m, task, kind, a0, a1, a2, a3, a4, a5)
    elif kind < K_PERSONALITY:
        result = process_call(m, task, kind, a0, a1, a2, a3, a4, a5)
    elif kind >= K_UFFD_API:
        result = more_memory_call(m, task, kind, a0, a1, a2, a3, a4)
    elif kind in (K_RECLAIM, K_WRITEBACK):
        result = pressure_call(m, task, kind, a0, a1, a2)
    else:
        result = setting_call(m, task, kind, a0, a1, a2, a3, a4)
    if m[G_UFFD_CLOSED] != 0:
        uffd_release(m)
    if result == NOT_MINE:
        m[G_RSFLAGS] |= RSF_UNMODELLED
        return m[G_REC_RET]
    return result
