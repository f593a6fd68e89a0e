"""Rows of lexed strace lines to events: whose thread, calls in two parts, descriptors with known paths.

Goes on until a line that the plain reader must look at: one that was not lexed, a thread not seen before, the
end of a call whose beginning the plain reader keeps, a path that is new. What both share: `followstate`. Births and
ends: `followlives`.
"""

from __future__ import annotations

import numpy as np

from ...abi.kinds import K_SIGNAL
from ...abi.rows import B_A0, B_FLAGS, T_OF_DAY, T_RELATIVE
from .blockcolumns import put_block
from .calls.followfiles import count_failed, finish_close, finish_descriptor, finish_open
from .calls.followlives import (
    begin_birth,
    finish_birth,
    finish_ended,
    finish_execve,
    finish_exit,
    first_words,
)
from .followstate import (
    PATH_LENGTH,
    S_BEFORE,
    S_CLOCK,
    S_DAY,
    S_IGNORE,
    S_LINE,
    S_LINES,
    S_OTHER_END,
    S_UNDERSTOOD,
    S_UNNAMED,
    S_USED,
    T_ARG,
    T_ARGS,
    T_BEGIN,
    T_FILES,
    T_LINE,
    T_PENDING,
    Threads,
    begin_event,
    hash_path,
    path_is_known,
    put_event,
)
from .jit import Bytes, Halves, Words, entry, kernel
from .lexrows import (
    L_A0,
    L_ARG,
    L_BEGIN,
    L_CLOCK,
    L_OP,
    L_RET,
    L_STATE,
    L_TID,
    L_TIME,
    L_TOOK,
    OP_ARCH_PRCTL,
    OP_CLONE,
    OP_CLOSE,
    OP_DUP,
    OP_ENDED,
    OP_EXECVE,
    OP_FAULT,
    OP_FCNTL,
    OP_IGNORED,
    OP_NOTE,
    OP_NOTE_OF_TASK,
    OP_OPENAT,
    OP_PLAIN,
    OP_SLOW,
    OP_VFORK,
    P_FD,
    P_KIND,
    ST_RESUMED,
    ST_UNFINISHED,
)
from .stracelex import lex_rows
from .wide import word

_LAST_MOMENT = 1 << 62
EVENTS_OF_LINE = 2  # at most: a birth that the first words of a thread show, and their own
_HALF_DAY = 43_200_000_000_000


@entry("int64(uint8[::1], int64, int64, int64, int64[:, ::1], int32[::1])")
def add_path(b: Bytes, span: int, number: int, kind: int, paths: Words, buckets: Halves) -> int:
    """String `number` is the path that stands at `span`; `kind` is its FILE_*."""
    if paths[number, 0] != 0:
        return 0
    bucket = hash_path(b, span >> 24, span & PATH_LENGTH) & (len(buckets) - 1)
    paths[number, 0] = span
    paths[number, 1] = kind
    paths[number, 2] = buckets[bucket]
    buckets[bucket] = number
    return 0


@kernel
def _clock(rows: Words, i: int, state: Words) -> int:
    """The moment of a line: differences add up, clocks of the day pass midnight."""
    time = word(rows[i, L_TIME])
    if rows[i, L_CLOCK] == T_RELATIVE:
        state[S_CLOCK] = min(state[S_CLOCK] + time, _LAST_MOMENT)
        return word(state[S_CLOCK])
    if rows[i, L_CLOCK] == T_OF_DAY:
        time += state[S_DAY]
        if time < state[S_CLOCK] - _HALF_DAY:
            state[S_DAY] = min(state[S_DAY] + 2 * _HALF_DAY, _LAST_MOMENT)
            time += 2 * _HALF_DAY
        state[S_CLOCK] = time
    return time


@kernel
def _other_end(rows: Words, i: int, time: int) -> int:
    """When the call of row `i` had its other end, 0: not told. A resumed line stands there."""
    took = word(rows[i, L_TOOK])
    if took < 0 or time == 0:
        return 0
    other = time - took if rows[i, L_STATE] == ST_RESUMED else time + took
    return other if 0 < other <= _LAST_MOMENT else 0


@kernel
def _finish_plain(
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
    plain: Words,
    out: Words,
) -> bool:
    """A call of numbers returned. False: the log names a path for its descriptor that is not known."""
    call = rows[i, L_OP] - OP_PLAIN
    fd_index = plain[call, P_FD]
    if fd_index >= 0 and rows[i, L_ARG] != 0:
        fd = rows[i, L_A0 + fd_index]
        if fd >= 0 and not path_is_known(b, rows[i, L_ARG], fd, tasks[task, T_FILES], files, paths):
            return False
    place = np.uint64(begin_event(out, state, plain[call, P_KIND], task, rows[i, L_RET], line, time))
    for k in range(6):
        out[B_A0 + k, place] = rows[i, L_A0 + k]
    return True


@kernel
def _begin(rows: Words, i: int, task: int, line: int, tasks: Words) -> int:
    """Keep the first part of a call."""
    tasks[task, T_PENDING] = rows[i, L_OP]
    tasks[task, T_LINE] = line
    tasks[task, T_BEGIN] = rows[i, L_BEGIN]
    tasks[task, T_ARG] = rows[i, L_ARG]
    for k in range(6):
        tasks[task, T_ARGS + k] = rows[i, L_A0 + k]
    return 0


@kernel
def _resume(rows: Words, i: int, task: int, tasks: Words) -> int:
    """Give row `i`, the second part of a call, the arguments of the first."""
    rows[i, L_ARG] = tasks[task, T_ARG]
    for k in range(6):
        rows[i, L_A0 + k] = tasks[task, T_ARGS + k]
    return 0


@kernel
def _fault(rows: Words, i: int, task: int, line: int, time: int, state: Words, out: Words) -> int:
    """SIGSEGV or SIGBUS about an address."""
    new = put_event(out, state, K_SIGNAL, task, 0, line, time)
    out[B_FLAGS, new] = 0
    for k in range(3):
        out[B_A0 + k, new] = rows[i, L_A0 + k]
    return 0


@kernel
def _finish_life(
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
    counts: Words,
    out: Words,
) -> bool:
    """A birth, an execve or an exit is whole."""
    op = rows[i, L_OP]
    if op <= OP_VFORK:
        return finish_birth(rows, i, task, line, time, state, threads, out)
    if op != OP_EXECVE:
        return finish_exit(rows, i, task, line, time, state, threads, out)
    if rows[i, L_RET] < 0:
        return count_failed(rows[i, L_RET], op, state, counts)
    return finish_execve(b, rows, i, task, line, time, state, threads, paths, buckets, out)


@kernel
def _finish(
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
    counts: Words,
    plain: Words,
    out: Words,
) -> bool:
    """A call that has an event of its own is whole."""
    op = rows[i, L_OP]
    tasks, files = threads.tasks, threads.files
    if op >= OP_PLAIN:
        return _finish_plain(b, rows, i, task, line, time, state, tasks, files, paths, plain, out)
    if op >= OP_CLONE:
        return _finish_life(b, rows, i, task, line, time, state, threads, paths, buckets, counts, out)
    if op == OP_CLOSE:
        return finish_close(rows, i, task, line, time, state, tasks, files, counts, out)
    if op >= OP_DUP:
        return finish_descriptor(b, rows, i, task, line, time, state, tasks, files, paths, counts, out)
    return finish_open(b, rows, i, task, line, time, state, tasks, files, paths, buckets, counts, out)


@kernel
def _of_task(
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
    counts: Words,
    plain: Words,
    out: Words,
) -> bool:
    """What a line says of a thread that is known. False: not plain."""
    op = rows[i, L_OP]
    tasks = threads.tasks
    pending = tasks[task, T_PENDING]
    maybe = OP_FCNTL <= op <= OP_ARCH_PRCTL
    resumed = rows[i, L_STATE] == ST_RESUMED
    if resumed and op != OP_NOTE_OF_TASK:
        if pending != (0 if maybe else op):
            return False
    elif op >= OP_OPENAT and pending != 0:  # held by the plain reader, or it counts what did not return
        return False
    if op == OP_FAULT:
        _fault(rows, i, task, line, time, state, out)
    elif maybe and not resumed:
        counts[state[S_IGNORE + op]] += 1
        tasks[task, T_PENDING] = 0
    elif op >= OP_IGNORED:
        counts[op - OP_IGNORED] += 1
        tasks[task, T_PENDING] = 0
    elif rows[i, L_STATE] == ST_UNFINISHED:
        _begin(rows, i, task, line, tasks)
        if OP_CLONE <= op <= OP_VFORK:
            begin_birth(task, tasks, state)
    elif op != OP_NOTE_OF_TASK and not maybe:
        if resumed:
            _resume(rows, i, task, tasks)
        state[S_OTHER_END] = _other_end(rows, i, time)
        done = _finish(b, rows, i, task, line, time, state, threads, paths, buckets, counts, plain, out)
        state[S_OTHER_END] = 0
        if not done:
            return False
        tasks[task, T_PENDING] = 0
    return True


@kernel
def follow_rows(
    b: Bytes,
    rows: Words,
    first: int,
    last: int,
    state: Words,
    threads: Threads,
    paths: Words,
    buckets: Halves,
    counts: Words,
    plain: Words,
    out: Words,
    columns: Words,
) -> int:
    """See `follow`."""
    limit = out.shape[1]
    tids, tasks = threads.tids, threads.tasks
    for i in range(first, last):
        op = rows[i, L_OP]
        if op == OP_SLOW:
            return i
        if state[S_USED] + EVENTS_OF_LINE > limit:
            if not put_block(out, word(state[S_USED]), columns):
                return i
            state[S_BEFORE] += state[S_USED]
            state[S_USED] = 0
        tid = rows[i, L_TID]
        task = -1
        if tid < 0:
            task = state[S_UNNAMED]
        elif tid < len(tids):
            task = word(tids[tid]) - 1
        line = state[S_LINE] + i + 1
        clock, day = state[S_CLOCK], state[S_DAY]
        time = _clock(rows, i, state)
        done = True
        if op == OP_ENDED:
            done = 0 < tid < len(tids) and (task < 0 or tasks[task, T_PENDING] == 0)
            done = done and finish_ended(rows, i, tid, task, line, time, state, threads, out)
        elif op != OP_NOTE:
            if task < 0:
                task = first_words(rows, i, line, state, threads, out, tid, time)
            done = task >= 0 and _of_task(
                b, rows, i, task, line, time, state, threads, paths, buckets, counts, plain, out
            )
        if not done:  # the plain reader has the clock as it was
            state[S_CLOCK], state[S_DAY] = clock, day
            return i
        state[S_UNDERSTOOD] += 1
    return last


@entry(
    "int64(uint8[::1], int64[:, ::1], int64, int64, int64[::1], int32[::1], int32[::1], int64[:, ::1],"
    " int32[:, ::1], int32[::1], int32[::1], int64[:, ::1], int64[:, ::1], int32[::1], int64[::1], int64[:, ::1],"
    " int64[:, ::1], int64[:, ::1])"
)
def follow(
    b: Bytes,
    rows: Words,
    first: int,
    last: int,
    state: Words,
    tids: Halves,
    living: Halves,
    tasks: Words,
    files: Halves,
    users: Halves,
    free: Halves,
    lives: Words,
    paths: Words,
    buckets: Halves,
    counts: Words,
    plain: Words,
    out: Words,
    columns: Words,
) -> int:
    """Make events of rows first..last-1 until one is not plain: the row to go on with.

    A full block of events goes to `columns` (see `blockcolumns`); stops where one of them must be made wider or longer.
    """
    threads = Threads(tids, living, tasks, files, users, free, lives)
    return follow_rows(b, rows, first, last, state, threads, paths, buckets, counts, plain, out, columns)


@entry(
    "int64(uint8[::1], int64, int64[:, ::1], int64, int64, int64[:, :, ::1], int64[:, ::1], int64[:, ::1], int64[::1],"
    " int64[::1],"
    " int32[::1], int32[::1], int64[:, ::1], int32[:, ::1], int32[::1], int32[::1], int64[:, ::1], int64[:, ::1],"
    " int32[::1], int64[::1], int64[:, ::1], int64[:, ::1], int64[:, ::1])"
)
def read_lines(
    b: Bytes,
    stop: int,
    rows: Words,
    first: int,
    lines: int,
    names: Words,
    words: Words,
    known: Words,
    forms: Words,
    state: Words,
    tids: Halves,
    living: Halves,
    tasks: Words,
    files: Halves,
    users: Halves,
    free: Halves,
    lives: Words,
    paths: Words,
    buckets: Halves,
    counts: Words,
    plain: Words,
    out: Words,
    columns: Words,
) -> int:
    """Lex and follow the lines of b[:stop], a room of `rows` at a time: what is written for one is read from the cache.

    Rows first..lines-1 are those of lines lexed already; behind them L_BEGIN is where the next line begins. Stops as
    `follow` does: gives the row to go on with, and in S_LINES how many are lexed, 0 when all is done.
    """
    threads = Threads(tids, living, tasks, files, users, free, lives)
    while True:
        at = follow_rows(b, rows, first, lines, state, threads, paths, buckets, counts, plain, out, columns)
        if at < lines:
            state[S_LINES] = lines
            return at
        state[S_LINE] += lines
        begin = word(rows[lines, L_BEGIN])
        if begin >= stop:
            state[S_LINES] = 0
            return 0
        first, lines = 0, lex_rows(b, begin, stop, rows, names, plain, words, known, forms)
