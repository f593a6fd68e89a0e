"""One event, one call: from the columns of the event table to the system call that it stands for.

Each function takes the raw arguments a0..a5 and gives the value or -errno. A kind that a function does not
know gives `NOT_MINE`, so that the next room is asked; what no room knows is counted as not modelled.
"""

from __future__ import annotations

from ...abi.errnos import EINVAL
from ...abi.kinds import (
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
    K_INIT_MM,
    K_INIT_VMA,
    K_KNOWN_FD,
    K_MAKEFILE,
    K_MEMFD,
    K_OPEN,
    K_PERSONALITY,
    K_PIDFD,
    K_PKRU,
    K_PRCTL,
    K_PREAD,
    K_PWRITE,
    K_RECLAIM,
    K_REOPEN,
    K_SEAL,
    K_SETFD,
    K_SETRLIMIT,
    K_SETUID,
    K_SPECIAL_FILE,
    K_SYSCTL,
    K_UFFD_API,
    K_WRITEBACK,
)
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.limitrules import R_NR_HUGEPAGES
from ..areas.pkeys import pkru_of, set_pkru
from ..calls.prctl import sys_prctl
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
from ..jit import kernel, seldom, wrap
from ..state import (
    G_HAS_RET,
    G_REC_RET,
    H_ARCH,
    H_RULES,
    MM_COUNT,
    P_CAPS,
    P_PERSONALITY,
    P_RLIM,
    P_UNDUMPABLE,
    P_UNKNOWN,
    T_MM,
    T_PROC,
    Mem,
)
from ..tasks.exec import init_mm, init_vma
from ..tasks.fork import dup_mm
from ..tasks.process import mm_put, task_exec, task_exit, task_fork
from ..why import NOT_MINE
from .memorycalls import more_memory_call
from .pressure import pressure_call

_NLIMITS = 16


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
            value = wrap(value + m[m[task + T_MM] + MM_COUNT])
        m[H_RULES + a0] = value
        if a0 == R_NR_HUGEPAGES:
            pool_resize(m, value)
        return 0
    if kind == K_PKRU:
        return set_pkru(m, task, a0) if a0 >= 0 else pkru_of(m, task)
    if kind == K_PRCTL:
        return sys_prctl(m, task, a0, a1, a2, a3, a4)
    return NOT_MINE


@seldom
def other_call(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int, a3: int, a4: int, a5: int) -> int:
    """The answer of an event that is neither an access nor one of the calls on memory that `memory_call` knows."""
    if kind < K_FORK:
        return file_call(m, task, kind, a0, a1, a2, a3, a4, a5)
    if kind < K_PERSONALITY:
        return process_call(m, task, kind, a0, a1, a2, a3, a4, a5)
    if kind >= K_UFFD_API:
        return more_memory_call(m, task, kind, a0, a1, a2, a3, a4)
    if kind in (K_RECLAIM, K_WRITEBACK):
        return pressure_call(m, task, kind, a0, a1, a2)
    return setting_call(m, task, kind, a0, a1, a2, a3, a4)
