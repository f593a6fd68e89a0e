"""How tasks begin and end: the common forms of sched_process_fork, sched_process_exit and task_newtask.

A name with a blank or an equals sign in it could hold what looks like a field: such lines are the plain reader's.
"""

from __future__ import annotations

from ..tracepoints.records import OP_FORK, OP_NEWTASK, OP_TASK_EXIT, R_A0, R_A1, R_OP
from .jit import Bytes, Words, kernel
from .kernelwords import ODD, FixedWords, at_end, begins, scan_small, scan_value
from .scan import BLANK, EQUAL, LOWER_X, ZERO
from .wide import at, scan_hex

_LONGEST_NAME = 16


@kernel
def _skip_name(b: Bytes, p: int) -> int:
    """The blank behind a task's name at `p`, or -1."""
    start = p
    while at(b, p) > BLANK and at(b, p) != EQUAL and p - start <= _LONGEST_NAME:
        p += 1
    return p if at(b, p) == BLANK and p > start else -1


@kernel
def _named_pid(b: Bytes, p: int, words: FixedWords, field: int) -> tuple[int, int]:
    """A name, then the thread id behind the word `field`: it, and the position behind or -1."""
    p = _skip_name(b, p)
    if p >= 0:
        p = begins(b, p, words[field])
    if p < 0:
        return 0, -1
    return scan_small(b, p)


@kernel
def _fork(b: Bytes, p: int, out: Words, n: int, words: FixedWords) -> int:
    """``X pid=1 child_comm=Y child_pid=2``, from the name on: the line's end, or ODD."""
    _parent, p = _named_pid(b, p, words, 13)
    if p >= 0:
        p = begins(b, p, words[14])
    if p < 0:
        return ODD
    child, p = _named_pid(b, p, words, 15)
    out[R_OP, n] = OP_FORK
    out[R_A0, n] = child
    return at_end(b, p) if p >= 0 else ODD


@kernel
def _exit(b: Bytes, p: int, out: Words, n: int, words: FixedWords) -> int:
    """``X pid=1 prio=120 group_dead=true``, from the name on: the line's end, or ODD."""
    tid, p = _named_pid(b, p, words, 13)
    if p >= 0:
        p = begins(b, p, words[17])
    if p < 0:
        return ODD
    _priority, p = scan_value(b, p)
    if p < 0:
        return ODD
    out[R_OP, n] = OP_TASK_EXIT
    out[R_A0, n] = tid
    out[R_A1, n] = -1
    q = begins(b, p, words[18])
    if q >= 0:
        out[R_A1, n] = 1
        return at_end(b, q)
    q = begins(b, p, words[19])
    if q >= 0:
        out[R_A1, n] = 0
        return at_end(b, q)
    return at_end(b, p)


@kernel
def _newtask(b: Bytes, p: int, out: Words, n: int, words: FixedWords) -> int:
    """``1 comm=X clone_flags=1200000 oom_score_adj=0``, from the thread id on: the line's end, or ODD."""
    tid, p = scan_small(b, p)
    if p >= 0:
        p = begins(b, p, words[21])
    if p >= 0:
        p = _skip_name(b, p)
    if p >= 0:
        p = begins(b, p, words[22])
    if p < 0:
        return ODD
    if at(b, p) == ZERO and at(b, p + 1) == LOWER_X:
        p += 2
    flags, p = scan_hex(b, p)
    if p >= 0:
        p = begins(b, p, words[23])
    if p < 0 or flags < 0:
        return ODD
    _score, p = scan_value(b, p)
    out[R_OP, n] = OP_NEWTASK
    out[R_A0, n] = tid
    out[R_A1, n] = flags
    return at_end(b, p) if p >= 0 else ODD


@kernel
def life(b: Bytes, p: int, out: Words, n: int, words: FixedWords) -> int:
    """The event whose name begins at `p` with ``sched_process_`` or ``task_newtask``: the line's end, or ODD."""
    q = begins(b, p, words[12])
    if q >= 0:
        return _fork(b, q, out, n, words)
    q = begins(b, p, words[16])
    if q >= 0:
        return _exit(b, q, out, n, words)
    q = begins(b, p, words[20])
    if q >= 0:
        return _newtask(b, q, out, n, words)
    return ODD
