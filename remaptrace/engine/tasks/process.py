"""Tasks, processes and the life of an address space: fork, clone, vfork, exit (kernel/fork.c, exit.c).

The driver makes a task object for every row of `Trace.tasks` before the replay starts; they are unborn until
a fork names them or an event of theirs shows that they exist (a log that starts late).
"""

from __future__ import annotations

from ...abi.mman import (
    ADDR_COMPAT_LAYOUT,
    CLONE_FILES,
    CLONE_THREAD,
    CLONE_VM,
    RLIM_AS,
    RLIM_DATA,
    RLIM_MEMLOCK,
    RLIM_STACK,
)
from ...machine.archwords import (
    A_MAX_GAP,
    A_MIN_GAP,
    A_MMAP_BASE,
    A_PAGE_SHIFT,
    A_TASK_SIZE,
    A_TOPDOWN,
    A_UNMAPPED_BASE,
)
from ...machine.limitrules import (
    R_ALL_CAPS,
    R_DATA_BYTES,
    R_LEGACY_LAYOUT,
    R_RLIMIT_AS,
    R_RLIMIT_MEMLOCK,
    R_RLIMIT_STACK,
    R_STACK_GUARD_GAP,
    R_UNLIMITED_LEGACY,
)
from ..files.files import fd_close_range, files_copy, files_new, files_put
from ..jit import kernel
from ..marks import ALIVE, DEAD, UNBORN
from ..state import (
    FD_USERS,
    G_NOTASK,
    G_NTASKS,
    G_TASKS,
    H_ARCH,
    H_RULES,
    MM_BASE,
    MM_CHS,
    MM_FAC,
    MM_LEGACY,
    MM_USERS,
    P_CAPS,
    P_PERSONALITY,
    P_RLIM,
    P_UNDUMPABLE,
    P_UNKNOWN,
    P_USERS,
    P_WORDS,
    T_ALIVE,
    T_FILES,
    T_FRESH_END,
    T_MM,
    T_PID,
    T_PKRU,
    T_PROC,
    Mem,
    kalloc,
    kfree,
)
from .fork import dup_mm
from .mm import exit_mmap, mm_new

_NLIMITS = 16


@kernel
def proc_new(m: Mem) -> int:
    """A process with one user, the machine's resource limits and capabilities."""
    proc = kalloc(m, P_WORDS)
    m[proc + P_USERS] = 1
    m[proc + P_CAPS] = m[H_RULES + R_ALL_CAPS]
    for i in range(_NLIMITS):
        m[proc + P_RLIM + i] = -1
    m[proc + P_RLIM + RLIM_AS] = m[H_RULES + R_RLIMIT_AS]
    m[proc + P_RLIM + RLIM_DATA] = m[H_RULES + R_DATA_BYTES]
    m[proc + P_RLIM + RLIM_STACK] = m[H_RULES + R_RLIMIT_STACK]
    m[proc + P_RLIM + RLIM_MEMLOCK] = m[H_RULES + R_RLIMIT_MEMLOCK]
    return proc


@kernel
def proc_copy(m: Mem, old: int) -> int:
    """A child process: limits, capabilities, personality and who may look at it are inherited, fault counts are not."""
    proc = kalloc(m, P_WORDS)
    m[proc + P_USERS] = 1
    m[proc + P_CAPS] = m[old + P_CAPS]
    m[proc + P_PERSONALITY] = m[old + P_PERSONALITY]
    m[proc + P_UNKNOWN] = m[old + P_UNKNOWN]
    m[proc + P_UNDUMPABLE] = m[old + P_UNDUMPABLE]
    for i in range(_NLIMITS):
        m[proc + P_RLIM + i] = m[old + P_RLIM + i]
    return proc


@kernel
def proc_put(m: Mem, proc: int) -> int:
    """Drop a thread of a process."""
    m[proc + P_USERS] -= 1
    if m[proc + P_USERS] == 0:
        kfree(m, proc, P_WORDS)
    return 0


@kernel
def mm_put(m: Mem, mm: int) -> int:
    """Drop a user of an address space; the last one tears it down (mmput)."""
    if mm != 0:
        m[mm + MM_USERS] -= 1
        if m[mm + MM_USERS] == 0:
            exit_mmap(m, mm)
    return 0


@kernel
def pick_layout(m: Mem, proc: int, mm: int) -> int:
    """Choose mmap_base and the direction of search (arch_pick_mmap_layout).

    The gap kept for the stack is RLIMIT_STACK plus the guard gap, clamped to the architecture's limits;
    an architecture without such limits gives its base directly.
    """
    arch = H_ARCH
    persona = m[proc + P_PERSONALITY]
    legacy = 1 if m[arch + A_TOPDOWN] == 0 or m[H_RULES + R_LEGACY_LAYOUT] != 0 else 0
    stack = m[proc + P_RLIM + RLIM_STACK]
    if persona & ADDR_COMPAT_LAYOUT or (stack < 0 and m[H_RULES + R_UNLIMITED_LEGACY] != 0):
        legacy = 1
    m[mm + MM_LEGACY] = legacy
    m[mm + MM_BASE] = m[arch + A_UNMAPPED_BASE] if legacy != 0 else m[arch + A_MMAP_BASE]
    if legacy == 0 and m[arch + A_MAX_GAP] != 0 and stack != m[H_RULES + R_RLIMIT_STACK]:
        shift = m[arch + A_PAGE_SHIFT]
        gap = m[arch + A_MAX_GAP]
        if 0 <= stack < gap:
            gap = stack + (m[H_RULES + R_STACK_GUARD_GAP] << shift)
        gap = max(gap, m[arch + A_MIN_GAP])
        gap = min(gap, m[arch + A_MAX_GAP])
        page = 1 << shift
        m[mm + MM_BASE] = (m[arch + A_TASK_SIZE] - gap + page - 1) & -page
    m[mm + MM_FAC] = m[mm + MM_BASE]
    m[mm + MM_CHS] = 0
    return 0


@kernel
def task_start(m: Mem, task: int) -> int:
    """Give an unborn task a process, an empty address space and an empty descriptor table."""
    proc = proc_new(m)
    mm = mm_new(m)
    m[proc + P_UNKNOWN] = 1
    m[task + T_PROC] = proc
    m[task + T_MM] = mm
    m[task + T_FILES] = files_new(m)
    m[task + T_ALIVE] = ALIVE
    pick_layout(m, proc, mm)
    return task


@kernel
def task_join(m: Mem, task: int, leader: int) -> int:
    """Make unborn `task` a thread of `leader`'s process."""
    m[task + T_PROC] = m[leader + T_PROC]
    m[m[task + T_PROC] + P_USERS] += 1
    m[task + T_MM] = m[leader + T_MM]
    m[m[task + T_MM] + MM_USERS] += 1
    m[task + T_FILES] = m[leader + T_FILES]
    m[m[task + T_FILES] + FD_USERS] += 1
    m[task + T_ALIVE] = ALIVE
    return task


@kernel
def task_of(m: Mem, number: int) -> int:
    """The task in row `number`, brought to life if nothing did so before.

    A task whose birth was not recorded is a thread of the live task with the same pid, else a process of
    its own whose areas are yet to be learnt; G_NOTASK counts the latter.
    """
    task = m[m[G_TASKS] + number]
    if m[task + T_ALIVE] != UNBORN:
        return task
    for i in range(m[G_NTASKS]):
        other = m[m[G_TASKS] + i]
        if m[other + T_ALIVE] == ALIVE and m[other + T_PID] == m[task + T_PID]:
            return task_join(m, task, other)
    m[G_NOTASK] += 1
    task_start(m, task)
    m[m[task + T_PROC] + P_UNKNOWN] = 1
    return task


@kernel
def task_fork(m: Mem, task: int, number: int, flags: int) -> int:
    """Row `number` becomes a child or thread of `task` (copy_process); 0 or -errno.

    `flags` are CLONE_*. With CLONE_VM the address space is shared (threads, vfork), else copied; with
    CLONE_FILES the descriptor table. A child that is alive already (its first event came first) stays so.
    """
    child = m[m[G_TASKS] + number]
    if m[child + T_ALIVE] != UNBORN:
        return 0
    if flags & CLONE_THREAD:
        m[child + T_PROC] = m[task + T_PROC]
        m[m[child + T_PROC] + P_USERS] += 1
    else:
        m[child + T_PROC] = proc_copy(m, m[task + T_PROC])
    if flags & CLONE_FILES:
        m[child + T_FILES] = m[task + T_FILES]
        m[m[child + T_FILES] + FD_USERS] += 1
    else:
        m[child + T_FILES] = files_copy(m, m[task + T_FILES])
    if flags & CLONE_VM:
        m[child + T_MM] = m[task + T_MM]
        m[m[child + T_MM] + MM_USERS] += 1
    else:
        mm = dup_mm(m, task, child)
        if mm < 0:
            m[child + T_MM] = 0
            proc_put(m, m[child + T_PROC])
            files_put(m, m[child + T_FILES])
            return mm
        m[child + T_MM] = mm
    m[child + T_PKRU] = m[task + T_PKRU]
    m[child + T_ALIVE] = ALIVE
    return 0


@kernel
def task_end(m: Mem, task: int) -> int:
    """End one thread: its share of memory, descriptors and process goes."""
    if m[task + T_ALIVE] != ALIVE:
        m[task + T_ALIVE] = DEAD
        return 0
    m[task + T_ALIVE] = DEAD
    mm_put(m, m[task + T_MM])
    files_put(m, m[task + T_FILES])
    proc_put(m, m[task + T_PROC])
    m[task + T_MM] = 0
    m[task + T_FILES] = 0
    m[task + T_PROC] = 0
    return 0


@kernel
def end_others(m: Mem, task: int) -> int:
    """End every other thread of `task`'s process (zap_other_threads, de_thread)."""
    proc = m[task + T_PROC]
    if m[proc + P_USERS] > 1:
        for i in range(m[G_NTASKS]):
            other = m[m[G_TASKS] + i]
            if other != task and m[other + T_ALIVE] == ALIVE and m[other + T_PROC] == proc:
                task_end(m, other)
    return 0


@kernel
def task_exit(m: Mem, task: int, group: int) -> int:
    """exit, or exit_group when `group` is 1."""
    if group != 0 and m[task + T_ALIVE] == ALIVE:
        end_others(m, task)
    return task_end(m, task)


@kernel
def task_exec(m: Mem, task: int) -> int:
    """What execve does before it maps the program: alone, a fresh address space, unshared descriptors.

    Descriptors marked close-on-exec are closed (do_close_on_exec).
    """
    end_others(m, task)
    mm = mm_new(m)
    pick_layout(m, m[task + T_PROC], mm)
    mm_put(m, m[task + T_MM])
    m[task + T_MM] = mm
    m[task + T_FRESH_END] = 0
    m[task + T_PKRU] = 0
    files = m[task + T_FILES]
    if m[files + FD_USERS] > 1:
        m[task + T_FILES] = files_copy(m, files)
        files_put(m, files)
    fd_close_range(m, m[task + T_FILES], 0, -1, 1)
    return 0
