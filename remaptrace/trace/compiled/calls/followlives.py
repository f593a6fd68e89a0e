"""Births, execve and ends in lexed strace lines: whose they are, and what becomes of descriptors.

A thread may speak before the call that made it returns: it is born with its first line if exactly one birth is under
way. What is written down in `lives` the plain reader's model learns before it reads a line (`strace.fast`). False, or
-1, leaves a line to it: one that ends other threads, an id that is taken, a table that is full.
"""

from __future__ import annotations

from ....abi.kinds import K_EXEC, K_EXIT, K_FORK, K_MARK
from ....abi.mman import CLONE_FILES, CLONE_THREAD
from ....abi.rows import B_A0, B_FLAGS
from ..followstate import (
    LIFE_BORN,
    LIFE_DIED,
    LIFE_ENDED,
    S_ASKS,
    S_BEFORE,
    S_BIRTHS,
    S_FAR,
    S_FORKER,
    S_FORKING,
    S_LIVES,
    S_MARKS,
    S_TASKS,
    S_UNNAMED,
    S_USED,
    T_ARGS,
    T_CHILD,
    T_FILES,
    T_PARENT,
    T_PENDING,
    T_PROCESS,
    T_THREAD,
    Threads,
    find_path,
    put_event,
)
from ..jit import Bytes, Halves, Words, kernel
from ..lexrows import L_A0, L_ARG, L_OP, L_RET, L_STATE, OP_CLONE, OP_EXIT_GROUP, OP_VFORK, ST_RESUMED
from ..wide import word


@kernel
def _write_down(state: Words, lives: Words, what: int, a: int, b: int, c: int) -> int:
    n = word(state[S_LIVES])
    lives[n, 0] = what
    lives[n, 1] = a
    lives[n, 2] = b
    lives[n, 3] = c
    state[S_LIVES] = n + 1
    return 0


@kernel
def _born(
    state: Words,
    threads: Threads,
    out: Words,
    parent: int,
    tid: int,
    flags: int,
    line: int,
    time: int,
) -> int:
    """A new thread of `parent` and its fork event (strace.model.Model.born): its row, or -1."""
    tids, living, tasks, files, users, free, lives = threads
    row = word(state[S_TASKS])
    if row >= len(tasks) or state[S_LIVES] + 2 > len(lives):
        return -1
    if tid <= 0 or tid >= len(tids) or tids[tid] != 0 or tid == tasks[parent, T_THREAD]:
        return -1
    pid = tid
    if flags & CLONE_THREAD:
        pid = word(tasks[parent, T_PROCESS])
        if pid <= 0 or pid >= len(living):
            return -1
    table = word(tasks[parent, T_FILES])
    if flags & CLONE_FILES:
        users[table] += 1
    else:
        n = word(free[0])
        if n == 0 or state[S_FAR] != 0:
            return -1
        new = word(free[n])
        free[0] = n - 1
        for k in range(files.shape[1]):
            files[new, k] = files[table, k]
        users[new] = 1
        table = new
    tasks[row, T_FILES] = table
    tasks[row, T_PENDING] = 0
    tasks[row, T_CHILD] = 0
    tasks[row, T_THREAD] = tid
    tasks[row, T_PROCESS] = pid
    tasks[row, T_PARENT] = parent
    tids[tid] = row + 1
    living[pid] += 1
    state[S_TASKS] = row + 1
    _write_down(state, lives, LIFE_BORN, row, 0, 0)
    place = put_event(out, state, K_FORK, parent, tid, line, time)
    out[B_A0, place] = row
    out[B_A0 + 1, place] = flags
    return row


@kernel
def first_words(
    rows: Words,
    i: int,
    line: int,
    state: Words,
    threads: Threads,
    out: Words,
    tid: int,
    time: int,
) -> int:
    """The row of a thread that speaks first in row `i`, while the one birth that is under way made it; -1: not so."""
    tasks = threads.tasks
    if state[S_FORKING] != 1 or state[S_ASKS] != 0 or tid <= 0 or rows[i, L_STATE] == ST_RESUMED:
        return -1
    parent = word(state[S_FORKER])
    op = word(tasks[parent, T_PENDING])
    if op < OP_CLONE or op > OP_VFORK or tasks[parent, T_CHILD] != 0:
        return -1
    flags = word(tasks[parent, T_ARGS])
    row = _born(state, threads, out, parent, tid, flags, line, time)
    if row >= 0:
        tasks[parent, T_CHILD] = row + 1
        state[S_FORKING] -= 1
    return row


@kernel
def begin_birth(task: int, tasks: Words, state: Words) -> int:
    """The first part of a birth was seen."""
    tasks[task, T_CHILD] = 0
    state[S_BIRTHS] += 1
    state[S_FORKING] += 1
    state[S_FORKER] = task
    return 0


@kernel
def finish_birth(
    rows: Words,
    i: int,
    task: int,
    line: int,
    time: int,
    state: Words,
    threads: Threads,
    out: Words,
) -> bool:
    """A birth returned (strace.model.Model.forked)."""
    tasks = threads.tasks
    tid = word(rows[i, L_RET])
    resumed = rows[i, L_STATE] == ST_RESUMED
    if resumed and tasks[task, T_CHILD] != 0:
        mark = word(state[S_MARKS + rows[i, L_OP] - OP_CLONE])
        if mark == 0 or tasks[tasks[task, T_CHILD] - 1, T_THREAD] != tid:
            return False
        place = put_event(out, state, K_MARK, task, tid, line, time)
        out[B_A0, place] = mark
        tasks[task, T_CHILD] = 0
        state[S_BIRTHS] -= 1
        return True
    flags = word(rows[i, L_A0])
    if _born(state, threads, out, task, tid, flags, line, time) < 0:
        return False
    if resumed:
        state[S_BIRTHS] -= 1
        state[S_FORKING] -= 1
    return True


@kernel
def finish_execve(
    b: Bytes,
    rows: Words,
    i: int,
    task: int,
    line: int,
    time: int,
    state: Words,
    threads: Threads,
    paths: Words,
    buckets: Halves,
    out: Words,
) -> bool:
    """execve succeeded, of the only thread of a process, with descriptors of its own (Model.executed)."""
    living, tasks, files, users = threads.living, threads.tasks, threads.files, threads.users
    pid, table = word(tasks[task, T_PROCESS]), word(tasks[task, T_FILES])
    if pid <= 0 or pid >= len(living) or living[pid] != 1 or users[table] != 1 or state[S_FAR] != 0:
        return False
    number = 0
    if rows[i, L_ARG] != 0:
        number = find_path(b, rows[i, L_ARG], paths, buckets)
    if number == 0:
        return False
    place = put_event(out, state, K_EXEC, task, 0, line, time)
    out[B_A0, place] = number
    for k in range(files.shape[1]):
        kept = word(files[table, k])
        if kept > 0 and kept & 1 == 0:  # close-on-exec
            files[table, k] = 0
    return True


@kernel
def finish_exit(
    rows: Words,
    i: int,
    task: int,
    line: int,
    time: int,
    state: Words,
    threads: Threads,
    out: Words,
) -> bool:
    """A thread ended, of a whole process the only one (Model.end)."""
    tids, living, tasks, files, users, free, lives = threads
    group = 1 if rows[i, L_OP] == OP_EXIT_GROUP else 0
    pid, table = word(tasks[task, T_PROCESS]), word(tasks[task, T_FILES])
    if pid <= 0 or pid >= len(living) or (group == 1 and living[pid] != 1):
        return False
    if task == state[S_UNNAMED] or state[S_FAR] != 0 or state[S_LIVES] + 2 > len(lives):
        return False
    place = put_event(out, state, K_EXIT, task, 0, line, time)
    out[B_FLAGS, place] = 0
    out[B_A0, place] = rows[i, L_A0]
    out[B_A0 + 1, place] = group
    tids[tasks[task, T_THREAD]] = 0
    living[pid] -= 1
    users[table] -= 1
    if users[table] == 0:
        for k in range(files.shape[1]):
            files[table, k] = 0
        n = word(free[0]) + 1
        free[0] = n
        free[n] = table
    _write_down(state, lives, LIFE_DIED, task, 0, 0)
    return True


@kernel
def finish_ended(
    rows: Words,
    i: int,
    tid: int,
    task: int,
    line: int,
    time: int,
    state: Words,
    threads: Threads,
    out: Words,
) -> bool:
    """``+++ exited with N +++``, also of a thread (`task` -1) whose call of exit came before."""
    lives = threads.lives
    if state[S_LIVES] + 2 > len(lives):
        return False
    before = word(state[S_BEFORE]) + word(state[S_USED])
    if task >= 0 and not finish_exit(rows, i, task, line, time, state, threads, out):
        return False
    _write_down(state, lives, LIFE_ENDED, tid, rows[i, L_A0], 2 * before + (1 if task < 0 else 0))
    return True
