"""Words and numbers of kernel text: what the byte machines for its lines share."""

from __future__ import annotations

import numpy as np

from .jit import Bytes, kernel
from .scan import LOWER_X, MINUS, NEWLINE, NINE, RETURN, ZERO
from .wide import at, scan_decimal, scan_hex

EVENT_WORDS = (
    b"page_fault_user:",
    b"address=0x",
    b" ip=0x",
    b" error_code=0x",
    b"signal_deliver:",
    b"sig=",
    b" errno=",
    b" code=",
    b"enter",
    b"exit",
    b"sched_process_",
    b"task_newtask",
    b"sched_process_fork: comm=",
    b" pid=",
    b" child_comm=",
    b" child_pid=",
    b"sched_process_exit: comm=",
    b" prio=",
    b" group_dead=true",
    b" group_dead=false",
    b"task_newtask: pid=",
    b" comm=",
    b" clone_flags=",
    b" oom_score_adj=",
)
"""Fixed words of events, by the numbers that `kernellines` and `kernellives` use."""
FixedWords = tuple[Bytes, ...]

ODD, OTHER = -1, -2
"""Results of a line that is not plain: a record but for the plain reader, or none is expected. Else its end."""


@kernel
def is_digit(c: int) -> bool:
    return c >= ZERO and c <= NINE


@kernel
def scan_value(b: Bytes, p: int) -> tuple[int, int]:
    """0x hexadecimal or decimal with a sign: value, position behind or -1."""
    if at(b, p) == ZERO and at(b, p + 1) == LOWER_X:
        return scan_hex(b, p + 2)
    if at(b, p) == MINUS:
        v, p = scan_decimal(b, p + 1)
        return -v, p
    return scan_decimal(b, p)


@kernel
def scan_small(b: Bytes, p: int) -> tuple[int, int]:
    """Up to nine decimal digits: value, position behind or -1."""
    v, q = scan_decimal(b, p)
    if q - p > 9:
        return v, -1
    return v, q


@kernel
def at_end(b: Bytes, p: int) -> int:
    """`p` if the line ends there, else ODD."""
    return p if at(b, p) == NEWLINE or (at(b, p) == RETURN and at(b, p + 1) == NEWLINE) else ODD


@kernel
def begins(b: Bytes, p: int, word: Bytes) -> int:
    """Position behind the bytes of `word` at `p`, or -1."""
    for i in range(len(word)):
        if at(b, p + i) != word[np.uint64(i)]:
            return -1
    return p + len(word)
