"""What following strace lines keeps: its arrays, new events, and paths that stand in the log.

| array | content |
| --- | --- |
| state int64[ST_WORDS] | S_* words |
| tids int32[2**22] | 1 + task row of a living thread id, 0 none |
| living int32[2**22] | living threads of each process id |
| tasks int64[rows, W_TASK] | descriptor table of the task and the first part of its call, see T_* |
| files int32[rows, width] | KnownFiles.table |
| users int32[rows], free int32[rows + 1] | KnownFiles.users and KnownFiles.free |
| lives int64[LIFE_ROWS, 4] | births and ends that the model does not know of yet: a LIFE_*, and its words |
| paths int64[numbers, 3] | of each string number: where its text stands in the log, its FILE_*, chain |
| buckets int32[...] | first string number of each hash of a path, 0 none |
| counts int64[...] | how often each ignored call came |
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...abi.rows import B_A0, B_FLAGS, B_KIND, B_LINE, B_OTHER_END, B_RET, B_SOURCE, B_TASK, B_TIME
from .jit import Bytes, Halves, Words, eight, kernel
from .scan import BACKSLASH, SLASH
from .wide import at, each, word, zero_marks

S_UNNAMED, S_CLOCK, S_DAY, S_UNDERSTOOD, S_USED, S_LINE, S_SOURCE = 0, 1, 2, 3, 4, 5, 6
S_TASKS = 7  # rows of tasks in use
S_IGNORE = 8  # + OP_*: the number under which a call without effect is counted
S_LIVES = 40  # rows of lives in use
S_FAR = 41  # 1: some descriptor is beyond the tables
S_BEFORE = 42  # events before those of the block
S_BIRTHS = 43  # births of which `tasks` holds the first part ...
S_FORKING = 44  # ... and whose child has not spoken yet ...
S_FORKER = 45  # ... the task of the latest
S_ASKS = 46  # 1: whose child speaks first the plain reader must tell
S_LINES = 47  # rows of lines that are lexed and not all followed
S_MARKS = 48  # + OP_* - OP_CLONE: the string number of its name, 0: none yet
S_NEW_PATH = 52  # where the path stands that alone kept a call that opens it from being followed, 0: none
S_OTHER_END = 53  # when the call whose events are made had its other end, 0: not told
ST_WORDS = 64
T_FILES, T_PENDING, T_LINE, T_BEGIN, T_ARG, T_ARGS = 0, 1, 2, 3, 4, 5
T_THREAD, T_PROCESS, T_PARENT = 11, 12, 13
T_CHILD = 14  # 1 + row of the thread that spoke before the birth under way returned, 0: none
W_TASK = 16
LIFE_ROWS = 4096
LIFE_BORN = 0  # row
LIFE_DIED = 1  # row
LIFE_ENDED = 2  # +++ exited +++: thread, status, 2 * events before it + 1 if it was dead already
HELD = -1  # T_PENDING: the plain reader keeps the first part of a call
HAS_RET = 1
PATH_LENGTH = (1 << 24) - 1


class Threads(NamedTuple):
    """The tables that tell who lives and what descriptors they have."""

    tids: Halves
    living: Halves
    tasks: Words
    files: Halves
    users: Halves
    free: Halves
    lives: Words


_BACKSLASHES = each(BACKSLASH)
_BASIS, _PRIME, _HALF_WORD = np.uint64(0xCBF2_9CE4_8422_2325), np.uint64(0x0000_0100_0000_01B3), np.uint64(29)


@kernel
def hash_path(b: Bytes, start: int, length: int) -> int:
    """A hash of b[start:start + length]: eight bytes at a time, then what is left."""
    h = _BASIS
    i = 0
    while i + 8 <= length:
        h = (h ^ eight(b, start + i)) * _PRIME
        h ^= h >> _HALF_WORD
        i += 8
    while i < length:
        h = (h ^ np.uint64(at(b, start + i))) * _PRIME
        i += 1
    return word(h ^ (h >> _HALF_WORD))


@kernel
def same_bytes(b: Bytes, one: int, other: int, length: int) -> bool:
    """True if two stretches of the log hold the same bytes."""
    i = 0
    while i + 8 <= length:
        if eight(b, one + i) != eight(b, other + i):
            return False
        i += 8
    while i < length and at(b, one + i) == at(b, other + i):
        i += 1
    return i == length


@kernel
def find_path(b: Bytes, span: int, paths: Words, buckets: Halves) -> int:
    """The string number of the path that stands at `span`, or 0 if it is new."""
    start, length = span >> 24, span & PATH_LENGTH
    number = word(buckets[hash_path(b, start, length) & (len(buckets) - 1)])
    while number != 0:
        known = paths[number, 0]
        if known & PATH_LENGTH == length and same_bytes(b, known >> 24, start, length):
            return number
        number = paths[number, 2]
    return 0


@kernel
def begin_event(out: Words, state: Words, kind: int, task: int, ret: int, line: int, time: int) -> int:
    """A new event, of which the arguments are to be written; its place."""
    new = word(state[S_USED])
    place = np.uint64(new)
    out[B_KIND, place] = kind
    out[B_TASK, place] = task
    out[B_RET, place] = ret
    out[B_FLAGS, place] = HAS_RET
    out[B_LINE, place] = line
    out[B_TIME, place] = time
    out[B_SOURCE, place] = state[S_SOURCE]
    out[B_OTHER_END, place] = state[S_OTHER_END]
    state[S_USED] = new + 1
    return new


@kernel
def put_event(out: Words, state: Words, kind: int, task: int, ret: int, line: int, time: int) -> int:
    """A new event without arguments; its place."""
    new = begin_event(out, state, kind, task, ret, line, time)
    for i in range(B_A0, B_A0 + 6):
        out[i, new] = 0
    return new


@kernel
def path_is_known(b: Bytes, span: int, fd: int, table: int, files: Halves, paths: Words) -> bool:
    """True if `span` is the path that stands behind `fd` as far as we know."""
    if fd >= files.shape[1]:
        return False
    kept = word(files[table, fd])
    if kept == 0:
        return False
    known = paths[(kept - 1) >> 1, 0]
    length = span & PATH_LENGTH
    return known & PATH_LENGTH == length and known != 0 and same_bytes(b, known >> 24, span >> 24, length)


@kernel
def is_ordinary(b: Bytes, start: int, length: int, shown: bool) -> bool:
    """True if a path is absolute, without escapes, and not /proc/self/fd/3 or the like.

    It may be relative if the result shows (``shown``) what it led to.
    """
    if at(b, start) != SLASH and not shown:
        return False
    special = at(b, start + 1) == 112 or at(b, start + 1) == 100  # /p, /d
    first = start
    while not special and first + 8 <= start + length and zero_marks(eight(b, first) ^ _BACKSLASHES) == 0:
        first += 8
    for i in range(first, start + length):
        if at(b, i) == BACKSLASH:
            return False
        if (
            special
            and at(b, i) == SLASH
            and at(b, i + 1) == 102
            and at(b, i + 2) == 100
            and at(b, i + 3) == SLASH
        ):
            return False
    return True
