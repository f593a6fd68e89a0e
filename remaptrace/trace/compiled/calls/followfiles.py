"""Calls on descriptors in lexed strace lines: open, close, dup and fcntl change which paths are known."""

from __future__ import annotations

from ....abi.fcntl import F_DUPFD, F_DUPFD_CLOEXEC, F_SETFD, O_CLOEXEC
from ....abi.kinds import K_CLOSE, K_DUP, K_OPEN, K_SETFD
from ....abi.rows import B_A0
from ..followstate import (
    PATH_LENGTH,
    S_IGNORE,
    S_NEW_PATH,
    T_FILES,
    find_path,
    is_ordinary,
    path_is_known,
    put_event,
)
from ..jit import Bytes, Halves, Words, kernel
from ..lexrows import (
    L_A0,
    L_ARG,
    L_OP,
    L_RET,
    L_SHOWN,
    OP_CLOSE,
    OP_DUP2,
    OP_DUP3,
    OP_FDCTL,
    OP_OPENAT,
)
from ..wide import word


@kernel
def finish_open(
    b: Bytes,
    rows: Words,
    i: int,
    task: int,
    line: int,
    time: int,
    state: Words,
    tasks: Words,
    files: Halves,
    paths: Words,
    buckets: Halves,
    counts: Words,
    out: Words,
) -> bool:
    """open or openat returned. False: the path is new (S_NEW_PATH), relative, or one of our own descriptors."""
    fd = rows[i, L_RET]
    relative = rows[i, L_OP] == OP_OPENAT
    if fd < 0:
        return count_failed(fd, rows[i, L_OP], state, counts)
    span = rows[i, L_ARG]
    if span == 0 or fd >= files.shape[1]:
        return False
    if not is_ordinary(b, span >> 24, span & PATH_LENGTH, rows[i, L_SHOWN] != 0):
        return False
    if rows[i, L_SHOWN] != 0:
        span = rows[i, L_SHOWN]
    number = find_path(b, span, paths, buckets)
    if number == 0:
        state[S_NEW_PATH] = span
        return False
    flags = rows[i, L_A0 + 2] if relative else rows[i, L_A0 + 1]
    files[tasks[task, T_FILES], fd] = 1 + 2 * number + (1 if flags & O_CLOEXEC else 0)
    new = put_event(out, state, K_OPEN, task, fd, line, time)
    out[B_A0, new] = number
    out[B_A0 + 1, new] = flags
    out[B_A0 + 2, new] = paths[number, 1]
    return True


@kernel
def finish_close(
    rows: Words,
    i: int,
    task: int,
    line: int,
    time: int,
    state: Words,
    tasks: Words,
    files: Halves,
    counts: Words,
    out: Words,
) -> bool:
    """close returned. False: the descriptor is too large for the table."""
    if rows[i, L_RET] < 0:
        return count_failed(rows[i, L_RET], OP_CLOSE, state, counts)
    fd = rows[i, L_A0]
    if fd < 0 or fd >= files.shape[1]:
        return False
    files[tasks[task, T_FILES], fd] = 0
    new = put_event(out, state, K_CLOSE, task, rows[i, L_RET], line, time)
    out[B_A0, new] = fd
    return True


@kernel
def _copy_descriptor(
    rows: Words,
    i: int,
    task: int,
    line: int,
    time: int,
    cloexec: int,
    state: Words,
    tasks: Words,
    files: Halves,
    out: Words,
) -> bool:
    """dup and its kin returned a descriptor. False: one of the two is beyond the table."""
    old, new = rows[i, L_A0], rows[i, L_RET]
    table = tasks[task, T_FILES]
    if old >= files.shape[1] or new >= files.shape[1]:
        return False
    path = max(word(files[table, old]) - 1, 0) >> 1
    files[table, new] = 1 + 2 * path + cloexec
    place = put_event(out, state, K_DUP, task, new, line, time)
    out[B_A0, place] = old
    out[B_A0 + 1, place] = new if rows[i, L_OP] in (OP_DUP2, OP_DUP3) else -1
    out[B_A0 + 2, place] = cloexec
    return True


@kernel
def finish_descriptor(
    b: Bytes,
    rows: Words,
    i: int,
    task: int,
    line: int,
    time: int,
    state: Words,
    tasks: Words,
    files: Halves,
    paths: Words,
    counts: Words,
    out: Words,
) -> bool:
    """dup, dup2, dup3 or fcntl returned. False: not plain."""
    op, ret, fd = rows[i, L_OP], rows[i, L_RET], rows[i, L_A0]
    if ret < 0:
        return count_failed(ret, op, state, counts)
    table = tasks[task, T_FILES]
    if fd < 0 or (rows[i, L_ARG] != 0 and not path_is_known(b, rows[i, L_ARG], fd, table, files, paths)):
        return False
    if rows[i, L_SHOWN] != 0 and not path_is_known(b, rows[i, L_SHOWN], fd, table, files, paths):
        return False
    if op != OP_FDCTL:
        if fd == ret:
            counts[state[S_IGNORE + op]] += 1
            return True
        cloexec = 1 if op == OP_DUP3 and rows[i, L_A0 + 2] & O_CLOEXEC else 0
        return _copy_descriptor(rows, i, task, line, time, cloexec, state, tasks, files, out)
    command = rows[i, L_A0 + 1]
    if command in (F_DUPFD, F_DUPFD_CLOEXEC):
        cloexec = 1 if command == F_DUPFD_CLOEXEC else 0
        return _copy_descriptor(rows, i, task, line, time, cloexec, state, tasks, files, out)
    if command != F_SETFD or fd >= files.shape[1]:
        return False
    cloexec = rows[i, L_A0 + 2] & 1
    known = word(files[table, fd])
    if known != 0:
        files[table, fd] = (((known - 1) & ~1) | cloexec) + 1
    place = put_event(out, state, K_SETFD, task, ret, line, time)
    out[B_A0, place] = fd
    out[B_A0 + 1, place] = cloexec
    return True


@kernel
def count_failed(ret: int, op: int, state: Words, counts: Words) -> bool:
    """A call failed and changed nothing. False: `ret` is no error number."""
    if ret < -4095:
        return False
    counts[state[S_IGNORE + op]] += 1
    return True
