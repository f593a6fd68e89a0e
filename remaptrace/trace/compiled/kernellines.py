"""Lines of ftrace and perf script text to records: the common forms, everything else marked by line.

Fills columns of the matrix of `tracepoints.records`. A line that is not plain keeps operation 0 and goes into the
list of odd lines, for the plain reader.
"""

from __future__ import annotations

from ..tracepoints.records import (
    LONGEST_LINE,
    OP_ENTER,
    OP_EXIT,
    OP_FAULT,
    OP_SIGNAL,
    R_A0,
    R_CALL,
    R_LINE,
    R_OP,
)
from .jit import Bytes, Words, entry, kernel
from .kernelheads import ftrace_head, perf_head, skip_word
from .kernellives import life
from .kernelwords import EVENT_WORDS, ODD, OTHER, FixedWords, at_end, begins, is_digit, scan_value
from .scan import (
    BLANK,
    COLON,
    COMMA,
    EQUAL,
    GREATER,
    LEFT,
    LOWER_X,
    MINUS,
    NEWLINE,
    QUOTE,
    RIGHT,
    UNDERSCORE,
    WORDS,
    ZERO,
    find_name,
)
from .wide import at, scan_decimal, scan_hex, skip_blanks

FTRACE, PERF = 0, 1
_HASH = 35
_S, _Y = 115, 121

_MOST_DIGITS = 16
"""Characters of a number that surely fits 64 bits."""


@kernel
def _arguments(b: Bytes, p: int, out: Words, n: int, close: int, needed: int) -> int:
    """``TYPE NAME: VALUE, ...`` up to the line's end, or to `close` there: the line's end, or ODD.

    Up to `close` values are hexadecimal with or without 0x. Lines with fewer than `needed` are the plain reader's.
    """
    i = 0
    if close and at(b, p) == RIGHT:
        return at_end(b, p + 1) if needed == 0 else ODD
    while True:
        if is_digit(at(b, p)) or at(b, p) == MINUS:
            return ODD  # no name but a number, which the plain reader may count as a value
        while at(b, p) != COLON:
            if at(b, p) < BLANK or at(b, p) == QUOTE or at(b, p) == EQUAL or at(b, p) == COMMA:
                return ODD
            p += 1
        if at(b, p + 1) != BLANK:
            return ODD
        p += 2
        if close and at(b, p) != MINUS and (at(b, p) != ZERO or at(b, p + 1) != LOWER_X):
            v, p = scan_hex(b, p)
        elif close and at(b, p) == MINUS:
            return ODD
        else:
            v, p = scan_value(b, p)
        if p < 0 or i >= 6:
            return ODD
        out[R_A0 + i, n] = v
        i += 1
        if at(b, p) == COMMA and at(b, p + 1) == BLANK:
            p += 2
            continue
        if i < needed:
            return ODD
        if close:
            return at_end(b, p + 1) if at(b, p) == RIGHT else ODD
        return at_end(b, p)


@kernel
def _raw_call(b: Bytes, p: int, out: Words, n: int, raw_calls: Words) -> int:
    """`` NR 9 (a, b, c, d, e, f)`` or `` NR 9 = value`` from `p` on: the line's end, or ODD."""
    p = skip_blanks(b, p)
    if at(b, p) != 78 or at(b, p + 1) != 82 or at(b, p + 2) != BLANK:
        return ODD
    number, p = scan_decimal(b, p + 3)
    if p < 0 or number >= len(raw_calls) or raw_calls[number] < 0 or at(b, p) != BLANK:
        return ODD
    out[R_CALL, n] = raw_calls[number]
    if out[R_OP, n] == OP_EXIT:
        if (
            at(b, p + 1) != EQUAL
            or at(b, p + 2) != BLANK
            or (at(b, p + 3) == ZERO and at(b, p + 4) == LOWER_X)
        ):
            return ODD
        v, p = scan_value(b, p + 3)
        out[R_A0, n] = v
        return at_end(b, p) if p >= 0 else ODD
    if at(b, p + 1) != LEFT:
        return ODD
    p += 2
    for i in range(6):
        v, p = scan_hex(b, p)
        if p < 0:
            return ODD
        out[R_A0 + i, n] = v
        if i < 5:
            if at(b, p) != COMMA or at(b, p + 1) != BLANK:
                return ODD
            p += 2
    return at_end(b, p + 1) if at(b, p) == RIGHT else ODD


@kernel
def _fields(b: Bytes, p: int, out: Words, n: int, words: FixedWords, first: int, count: int) -> int:
    """``address=0x1 ip=0x2 error_code=0x4``, the words `first`.. before hexadecimal numbers: the line's end, or ODD."""
    for i in range(count):
        p = begins(b, p, words[first + i])
        if p < 0:
            return ODD
        v, p = scan_hex(b, p)
        if p < 0:
            return ODD
        out[R_A0 + i, n] = v
    return at_end(b, p)


@kernel
def _signal(b: Bytes, p: int, out: Words, n: int, words: FixedWords) -> int:
    """``sig=11 errno=0 code=2 ...``: the line's end, or ODD."""
    p = begins(b, p, words[5])
    if p < 0:
        return ODD
    first = p
    number, p = scan_decimal(b, p)
    if p < 0 or p - first > _MOST_DIGITS:
        return ODD
    p = begins(b, p, words[6])
    if p < 0:
        return ODD
    first = p
    _errno, p = scan_value(b, p)
    if p < 0 or p - first > _MOST_DIGITS or at(b, first + 1) == LOWER_X:
        return ODD
    p = begins(b, p, words[7])
    if p < 0:
        return ODD
    first = p
    code, p = scan_value(b, p)
    if p < 0 or p - first > _MOST_DIGITS or at(b, p) > BLANK or at(b, first + 1) == LOWER_X:
        return ODD
    out[R_A0, n] = number
    out[R_A0 + 1, n] = code
    run = 0
    while at(b, p) != NEWLINE:
        run = 0 if at(b, p) == BLANK or at(b, p) == EQUAL else run + 1
        if run > _MOST_DIGITS or at(b, p) == COLON or at(b, p) == GREATER:
            return ODD  # it may hold a number of more than 64 bits
        p += 1
    return p


@kernel
def _system_call(
    b: Bytes,
    p: int,
    out: Words,
    n: int,
    form: int,
    words: FixedWords,
    names: Words,
    raw_calls: Words,
    needed: Words,
) -> int:
    """An event whose name begins with ``sys_``: the line's end, or ODD."""
    name = p + 4
    q = skip_word(b, name)
    if at(b, q) == LEFT and form == FTRACE:  # sys_mmap(
        call = find_name(b, name, WORDS, names, 0)[0]
        out[R_OP, n] = OP_ENTER
        out[R_CALL, n] = call
        return _arguments(b, q + 1, out, n, 1, needed[call]) if call >= 0 else ODD
    if at(b, q) == BLANK and form == FTRACE:  # sys_mmap ->
        call = find_name(b, name, WORDS, names, 0)[0]
        if call < 0 or at(b, q + 1) != MINUS or at(b, q + 2) != GREATER or at(b, q + 3) != BLANK:
            return ODD
        v, q = scan_value(b, q + 4)
        out[R_OP, n] = OP_EXIT
        out[R_CALL, n] = call
        out[R_A0, n] = v
        return at_end(b, q) if q >= 0 else ODD
    if at(b, q) != COLON:
        return ODD
    behind = begins(b, name, words[8])  # enter
    out[R_OP, n] = OP_ENTER
    if behind < 0:
        behind = begins(b, name, words[9])  # exit
        out[R_OP, n] = OP_EXIT
    if behind < 0:
        return ODD
    if behind == q:
        return _raw_call(b, q + 1, out, n, raw_calls)
    if at(b, behind) != UNDERSCORE:
        return ODD
    call = find_name(b, behind + 1, WORDS, names, 0)[0]
    if call < 0:
        return ODD
    out[R_CALL, n] = call
    if out[R_OP, n] == OP_ENTER:
        q = skip_blanks(b, q + 1)
        if at_end(b, q) >= 0:
            return q if needed[call] == 0 else ODD
        return _arguments(b, q, out, n, 0, needed[call])
    v, q = scan_value(b, skip_blanks(b, q + 1))
    out[R_A0, n] = v
    return at_end(b, q) if q >= 0 else ODD


@kernel
def _line(
    b: Bytes,
    p: int,
    base: int,
    out: Words,
    n: int,
    form: int,
    words: FixedWords,
    names: Words,
    raw_calls: Words,
    needed: Words,
) -> int:
    """The line at `p` into column `n`: its end, ODD or OTHER."""
    if form == FTRACE:
        p = ftrace_head(b, p, base, out, n)
    else:
        p = perf_head(b, p, base, out, n)
    if p < 0:
        return ODD
    if at(b, p) == _S and at(b, p + 1) == _Y and at(b, p + 2) == _S and at(b, p + 3) == UNDERSCORE:
        return _system_call(b, p, out, n, form, words, names, raw_calls, needed)
    q = begins(b, p, words[0])  # page_fault_user:
    if q >= 0:
        out[R_OP, n] = OP_FAULT
        q = _fields(b, skip_blanks(b, q), out, n, words, 1, 3)
        ip, code = out[R_A0 + 1, n], out[R_A0 + 2, n]
        out[R_A0 + 1, n] = code
        out[R_A0 + 2, n] = ip
        return q
    q = begins(b, p, words[4])  # signal_deliver:
    if q >= 0:
        out[R_OP, n] = OP_SIGNAL
        return _signal(b, skip_blanks(b, q), out, n, words)
    if begins(b, p, words[10]) >= 0 or begins(b, p, words[11]) >= 0:  # sched_process_, task_newtask
        return life(b, p, out, n, words)
    return OTHER


@entry(
    "int64(uint8[::1], int64, int64, int64, int64, int64[:, ::1], int64, int64[:, ::1],"
    f" UniTuple(uint8[::1], {len(EVENT_WORDS)}), int64[:, :, ::1], int64[::1], int64[::1], int64[::1])"
)
def kernel_lines(
    b: Bytes,
    size: int,
    base: int,
    first: int,
    form: int,
    out: Words,
    n: int,
    odd: Words,
    words: FixedWords,
    names: Words,
    raw_calls: Words,
    needed: Words,
    counts: Words,
) -> int:
    """Read the lines of b[:size], which ends in a newline; 64 bytes behind it may be read.

    `b` is the text from byte `base` on, its first line number `first`. Fills columns of `out` (RECORD_WORDS, ..)
    from `n` on, one a line with a record, and for each line that is not plain a row of `odd` (.., 4): column (-1:
    no record expected), line number, begin, end. `words` are fixed words of events, `names` a table of calls (see
    scan.find_name), `raw_calls` calls by number, `needed` how many values an entry
    must show, by call. `counts` gets the columns used, the odd lines, and the number of the line behind the last.
    """
    odds = 0
    start = 0
    number = first
    while start < size:
        end = skip_blanks(b, start)
        state = 0
        if at(b, end) == _HASH and end == start:
            state = OTHER
        elif at_end(b, end) < 0:
            for i in range(R_A0, R_A0 + 6):
                out[i, n] = 0
            out[R_CALL, n] = 0
            out[R_LINE, n] = number
            state = _line(b, start, base, out, n, form, words, names, raw_calls, needed)
            if state >= 0:
                end = state
                n += 1
        while at(b, end) != NEWLINE:
            end += 1
        if state >= 0 and end - start > LONGEST_LINE:
            if state > 0:
                n -= 1
            state = ODD
        if state < 0:
            odd[odds, 0] = n if state == ODD else -1
            odd[odds, 1] = number
            odd[odds, 2] = base + start
            odd[odds, 3] = base + end
            odds += 1
            if state == ODD:
                out[R_OP, n] = 0
                n += 1
        number += 1
        start = end + 1
    counts[0] = n
    counts[1] = odds
    counts[2] = number
    return 0
