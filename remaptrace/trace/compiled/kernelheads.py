"""What stands in front of the event in a line of ftrace and of perf script text: task, processor, time."""

from __future__ import annotations

from ..tracepoints.records import (
    R_COMM,
    R_TGID,
    R_TID,
    R_TIME,
    SPAN_BITS,
)
from .jit import Bytes, Words, kernel
from .kernelwords import is_digit, scan_small
from .scan import (
    BLANK,
    COLON,
    DOT,
    LEFT,
    LOWER_A,
    LOWER_Z,
    MINUS,
    NEWLINE,
    RIGHT,
    SECOND,
    SLASH,
    SQUARE,
    UNDERSCORE,
    UNSQUARE,
    scan_fraction,
)
from .wide import at, scan_decimal, skip_blanks

_FTRACE_COMM, _PERF_COMM = 16, 16


@kernel
def skip_word(b: Bytes, p: int) -> int:
    """The position behind letters, digits and underscores."""
    while (at(b, p) >= LOWER_A and at(b, p) <= LOWER_Z) or is_digit(at(b, p)) or at(b, p) == UNDERSCORE:
        p += 1
    return p


@kernel
def _ends_before(b: Bytes, p: int, stop: int) -> int:
    """1 if a line ends between `p` and `stop`: what looks like a name there begins in the line before."""
    while p < stop:
        if at(b, p) == NEWLINE:
            return 1
        p += 1
    return 0


@kernel
def _processor(b: Bytes, p: int) -> int:
    """The position behind ``[CPU]`` at `p` and its blanks, or -1."""
    _cpu, p = scan_small(b, p + 1)
    if p < 0 or at(b, p) != UNSQUARE or at(b, p + 1) != BLANK:
        return -1
    return skip_blanks(b, p + 1)


@kernel
def _moment(b: Bytes, p: int) -> tuple[int, int]:
    """``SECONDS.FRACTION:`` at `p`: nanoseconds, and the position behind its blanks or -1."""
    seconds, p = scan_small(b, p)
    if p < 0 or at(b, p) != DOT:
        return 0, -1
    fraction, p = scan_fraction(b, p)
    if p < 0 or at(b, p) != COLON or at(b, p + 1) != BLANK:
        return 0, -1
    return seconds * SECOND + fraction, skip_blanks(b, p + 1)


@kernel
def ftrace_head(b: Bytes, p: int, base: int, out: Words, n: int) -> int:
    """COMM-TID [(TGID)] [CPU] [FLAGS] TIME: into column `n`; where the event begins, or -1."""
    if at(b, p + _FTRACE_COMM) != MINUS:
        return -1
    start = skip_blanks(b, p)
    stop = p + _FTRACE_COMM
    if start >= stop or _ends_before(b, start, stop):
        return -1
    tid, q = scan_small(b, stop + 1)
    if q < 0 or at(b, q) != BLANK:
        return -1
    q = skip_blanks(b, q)
    tgid = 0
    if at(b, q) == LEFT:
        q = skip_blanks(b, q + 1)
        if at(b, q) == MINUS:
            while at(b, q) == MINUS:
                q += 1
        else:
            tgid, q = scan_small(b, q)
            if q < 0:
                return -1
        if at(b, q) != RIGHT or at(b, q + 1) != BLANK:
            return -1
        q = skip_blanks(b, q + 1)
    if at(b, q) != SQUARE:
        return -1
    q = _processor(b, q)
    if q < 0:
        return -1
    if not is_digit(at(b, q)):
        flags = q
        while at(b, q) > BLANK and at(b, q) != COLON and q - flags < 9:
            q += 1
        if at(b, q) != BLANK or q - flags < 4 or q - flags > 8:
            return -1
        q = skip_blanks(b, q)
    time, q = _moment(b, q)
    if q < 0:
        return -1
    out[R_TID, n] = tid
    out[R_TGID, n] = tgid
    out[R_TIME, n] = time
    out[R_COMM, n] = ((base + start) << SPAN_BITS) | (stop - start)
    return q


@kernel
def perf_head(b: Bytes, p: int, base: int, out: Words, n: int) -> int:
    """COMM PID[/TID] [CPU] [TIME:] [PERIOD] SYSTEM: into column `n`; where the event's name begins, or -1.

    Only the form whose COMM takes 16 columns.
    """
    if at(b, p + _PERF_COMM - 1) <= BLANK or at(b, p + _PERF_COMM) != BLANK:
        return -1
    start = skip_blanks(b, p)
    stop = p + _PERF_COMM
    if start >= stop or _ends_before(b, start, stop):
        return -1
    first, q = scan_small(b, skip_blanks(b, stop))
    if q < 0:
        return -1
    tid, tgid = first, 0
    if at(b, q) == SLASH:
        tgid = first
        tid, q = scan_small(b, q + 1)
        if q < 0:
            return -1
    if at(b, q) != BLANK:
        return -1
    q = skip_blanks(b, q)
    if at(b, q) == SQUARE:
        q = _processor(b, q)
        if q < 0:
            return -1
    time = -1
    if is_digit(at(b, q)):
        time, q = _moment(b, q)
        if q < 0:
            return -1
        if is_digit(at(b, q)):
            _period, q = scan_decimal(b, q)
            if q < 0 or at(b, q) != BLANK:
                return -1
            q = skip_blanks(b, q)
    name = q
    q = skip_word(b, q)
    if at(b, name) < LOWER_A or at(b, q) != COLON:
        return -1
    out[R_TID, n] = tid
    out[R_TGID, n] = tgid
    out[R_TIME, n] = time
    out[R_COMM, n] = ((base + start) << SPAN_BITS) | (stop - start)
    return q + 1
