"""Events that are calls on the address space, with the beliefs that their recorded results allow."""

from __future__ import annotations

from ...abi.errnos import EINVAL, ENOSYS
from ...abi.kinds import (
    K_BRK,
    K_HOME_NODE,
    K_IO_DESTROY,
    K_IO_SETUP,
    K_MADVISE,
    K_MBIND,
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
    K_PKEY_ALLOC,
    K_PKEY_FREE,
    K_PKEY_MPROTECT,
    K_PROCESS_MADVISE,
    K_PROCESS_VM,
    K_REMAP_FILE_PAGES,
    K_SET_MEMPOLICY,
    K_SET_VMA_NAME,
    K_SHMAT,
    K_SHMCTL,
    K_SHMDT,
    K_SHMGET,
    K_UFFD_WAKE,
    K_USERFAULTFD,
)
from ...abi.mman import MAP_ANONYMOUS, MAP_FIXED, PROT_GROWSDOWN
from ...abi.rows import E_ARGS, RSF_ASSUMED
from ...abi.vmflags import VM_ACCESS, VM_GROWSDOWN, VM_READ, VM_SHARED, VM_WRITE
from ...machine.callrules import R_PKEY_CALLS
from ..addr import page_align, uword
from ..areas.pkeys import sys_pkey_alloc, sys_pkey_free
from ..areas.space import is_followed
from ..areas.vmaset import find_exact
from ..belief.assume import (
    assume_brk,
    assume_file,
    assume_occupied,
    assume_range,
    assume_seal,
    assume_segment,
    assume_written,
    expect_write,
    may_assume,
)
from ..belief.place import clear_for_brk, clear_for_mmap, clear_for_mremap, clear_for_shmat, whole_huge_pages
from ..belief.window import assume_window
from ..calls.aio import sys_io_destroy, sys_io_setup
from ..calls.brk import sys_brk
from ..calls.madvise import sys_madvise
from ..calls.mbind import sys_home_node, sys_mbind, sys_set_mempolicy
from ..calls.mincore import sys_mincore
from ..calls.mlock import sys_mlock, sys_mlock2, sys_mlockall, sys_munlock, sys_munlockall
from ..calls.mmap import sys_mmap
from ..calls.mprotect import sys_mprotect, sys_pkey_mprotect
from ..calls.mremap import sys_mremap
from ..calls.mseal import sys_mseal
from ..calls.msync import sys_msync
from ..calls.munmap import sys_munmap
from ..calls.rfp import sys_remap_file_pages
from ..calls.shm import sys_shmat, sys_shmctl, sys_shmdt, sys_shmget
from ..calls.vmaname import sys_set_vma_name
from ..faults.populate import process_vm
from ..jit import kernel, seldom
from ..state import (
    G_NO_ACCESSES,
    G_RSFLAGS,
    G_WHY,
    H_RULES,
    MM_BRK,
    MM_START_BRK,
    T_FRESH_END,
    T_MM,
    V_FLAGS,
    V_INODE,
    Mem,
)
from ..uffd.uffd import sys_userfaultfd, uffd_call
from ..why import NOT_MINE, WHY_OCCUPIED, WHY_OCCUPIED_TAKEN


@seldom
def _prove_mmap(m: Mem, task: int, a0: int, a1: int, a2: int, a3: int, a4: int, a5: int) -> int:
    """What a recorded result of mmap proves, before it is done; 1 if a page was assumed where it found something."""
    assume_file(m, task, a4, a3, a5)
    assume_seal(m, task, a4, a2, a3)
    clear_for_mmap(m, task, a1, a3)
    return assume_occupied(m, task, uword(m, a0), page_align(m, uword(m, a1)), a3)


@seldom
def _reserved(m: Mem, task: int, addr: int) -> int:
    """1 if `addr` lies in private anonymous memory that nobody may access: a reservation."""
    vma = find_exact(m, m[task + T_MM], addr)
    if vma == 0 or m[vma + V_INODE] != 0 or m[vma + V_FLAGS] & (VM_ACCESS | VM_SHARED) != 0:
        return 0
    return 1


@kernel
def _mmap(m: Mem, task: int, a0: int, a1: int, a2: int, a3: int, a4: int, a5: int) -> int:
    """mmap, with the beliefs that a recorded result allows.

    In a log without accesses, fresh writable memory is to be written: what the kernel places, and a reservation that
    MAP_FIXED opens (as mprotect would). Over a file it is the loader's .bss, which need not be written before the rest.
    """
    fresh = 0
    if m[G_NO_ACCESSES] != 0 and a2 & VM_WRITE and a3 & MAP_ANONYMOUS:
        fresh = 1 if a3 & MAP_FIXED == 0 or _reserved(m, task, a0) != 0 else 0
    occupied = _prove_mmap(m, task, a0, a1, a2, a3, a4, a5) if is_followed(m) != 0 else 0
    place = sys_mmap(m, task, a0, a1, a2, a3, a4, a5)
    if occupied != 0 and m[G_WHY] == WHY_OCCUPIED:
        m[G_WHY] = WHY_OCCUPIED_TAKEN
    if fresh != 0 and place > 0:
        expect_write(m, task, place, page_align(m, uword(m, a1)))
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
def _shmdt(m: Mem, task: int, addr: int) -> int:
    """shmdt; of what was attached before the log nothing is known that could go."""
    result = sys_shmdt(m, task, addr)
    if result == -EINVAL and may_assume(m, task) != 0:
        m[G_RSFLAGS] |= RSF_ASSUMED
        return 0
    return result


@kernel
def _process_madvise(m: Mem, task: int, addr: int, length: int, advice: int, flags: int) -> int:
    """process_madvise of one range on the calling process: bytes advised, or the error."""
    if flags != 0:
        return -EINVAL
    result = sys_madvise(m, task, addr, length, advice)
    return length if result == 0 else result


@seldom
def _prove_range(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int, a3: int) -> int:
    """What the recorded success of a call on [a0, a0 + a1) proves, before it is done: that it was mapped."""
    if may_assume(m, task) == 0:
        return 0
    if kind == K_REMAP_FILE_PAGES:
        return assume_window(m, task, a0, a1, a3)
    access = VM_READ | VM_WRITE
    if kind in (K_MPROTECT, K_PKEY_MPROTECT):
        access = a2 & VM_ACCESS
        if a2 & PROT_GROWSDOWN:  # only a stack can take it
            access |= VM_GROWSDOWN
    return assume_range(m, task, a0, a0 + a1, access)


@kernel
def _mprotect(m: Mem, task: int, a0: int, a1: int, a2: int) -> int:
    """mprotect; in a log without accesses, memory that becomes writable is to be written."""
    was = VM_WRITE
    if m[G_NO_ACCESSES] != 0:
        vma = find_exact(m, m[task + T_MM], a0)
        was = m[vma + V_FLAGS] if vma != 0 else 0
    result = sys_mprotect(m, task, a0, a1, a2)
    if result == 0 and a2 & ~was & VM_WRITE:
        expect_write(m, task, a0, a1)
    return result


@kernel
def _range_call(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int, a3: int, a4: int) -> int:
    """The other calls whose success proves that [a0, a0 + a1) was mapped."""
    if kind == K_REMAP_FILE_PAGES:
        return sys_remap_file_pages(m, task, a0, a1, a2, a3, a4)
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
def _on_range(kind: int) -> int:
    """1 if the success of a call proves that [a0, a0 + a1) was mapped."""
    if kind == K_BRK:
        return 0
    return 1 if kind <= K_MUNLOCK or kind in (K_MSYNC, K_MINCORE, K_REMAP_FILE_PAGES, K_MSEAL) else 0


@kernel
def memory_call(m: Mem, ev: Mem, row: int, task: int, kind: int, a0: int, a1: int, a2: int, a3: int) -> int:
    """System calls on the address space; the usual ones first. `ev[row..]` has the arguments beyond the fourth."""
    if m[task + T_FRESH_END] != 0:
        assume_written(m, task, a0, a1 if kind != K_BRK else 0, 1 if kind == K_MUNMAP else 0)
    if kind in (K_MMAP, K_OLD_MMAP):
        return _mmap(m, task, a0, a1, a2, a3, ev[row + E_ARGS + 4], ev[row + E_ARGS + 5])
    if kind == K_MUNMAP:
        return sys_munmap(m, task, a0, whole_huge_pages(m, task, a0, a1) if is_followed(m) != 0 else a1)
    if is_followed(m) != 0 and _on_range(kind) != 0:
        _prove_range(m, task, kind, a0, a1, a2, a3)
    if kind == K_MPROTECT:
        return _mprotect(m, task, a0, a1, a2)
    if kind == K_MADVISE:
        return sys_madvise(m, task, a0, a1, a2)
    if kind == K_MREMAP:
        if is_followed(m) != 0:
            clear_for_mremap(m, task, a0, a1, a2, a3)
        return sys_mremap(m, task, a0, a1, a2, a3, ev[row + E_ARGS + 4])
    return _seldom_call(m, task, kind, a0, a1, a2, a3, ev[row + E_ARGS + 4], ev[row + E_ARGS + 5])


@seldom
def _seldom_call(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int, a3: int, a4: int, a5: int) -> int:
    """The other calls on the address space."""
    if kind == K_BRK:
        return _brk(m, task, a0)
    if _on_range(kind) != 0:
        return _range_call(m, task, kind, a0, a1, a2, a3, a4)
    if kind == K_MLOCKALL:
        return sys_mlockall(m, task, a0)
    if kind == K_MUNLOCKALL:
        return sys_munlockall(m, task)
    if kind == K_MBIND:
        return sys_mbind(m, task, a0, a1, a2, a3, a4, a5)
    if kind == K_SHMGET:
        return sys_shmget(m, task, a0, a1, a2)
    if kind == K_SHMAT:
        assume_segment(m, task, a0)
        clear_for_shmat(m, task, a0, a1, a2)
        return sys_shmat(m, task, a0, a1, a2)
    if kind == K_SHMDT:
        return _shmdt(m, task, a0)
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
