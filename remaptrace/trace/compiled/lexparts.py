"""The parts of a strace line: the columns in front of a call, its arguments, its result."""

from __future__ import annotations

from ...abi.kinds import RETURNS_ADDRESS, RETURNS_ANY, RETURNS_ZERO
from ...abi.rows import T_ABSOLUTE, T_NONE, T_OF_DAY, T_RELATIVE
from .jit import Bytes, Words, kernel
from .lexrows import (
    L_A0,
    L_ARG,
    L_CLOCK,
    L_RET,
    L_SHOWN,
    L_TID,
    L_TIME,
    L_TOOK,
)
from .scan import (
    BAR,
    BLANK,
    CAPITALS,
    COLON,
    COMMA,
    DOT,
    EQUAL,
    GREATER,
    LEFT,
    LESS,
    LOWER_A,
    LOWER_F,
    LOWER_X,
    MINUS,
    NINE,
    QUESTION,
    QUOTE,
    RIGHT,
    SECOND,
    SLASH,
    SQUARE,
    STAR,
    T_ERRORS,
    T_SYMBOLS,
    UNDERSCORE,
    UNSQUARE,
    UPPER_A,
    UPPER_Z,
    ZERO,
    at,
    find_name,
    scan_annotation,
    scan_decimal,
    scan_fraction,
    scan_number,
    scan_string,
    skip_blanks,
    two_digits,
    word,
)

_EPOCH_FROM = 100_000_000


_MAX_SPAN = 1 << 20


@kernel
def span_of(start: int, stop: int) -> int:
    """Begin and length in one word; 0 if the text is too long to be of interest."""
    if stop - start >= _MAX_SPAN:
        return 0
    return (start << 24) | (stop - start)


@kernel
def is_digit(c: int) -> bool:
    return ZERO <= c <= NINE


@kernel
def read_head(b: Bytes, p: int, end: int, rows: Words, i: int) -> int:
    """The columns in front of a call, see strace_lines.read_head: where the call begins, or -1."""
    rows[i, L_TID] = -1
    rows[i, L_CLOCK] = T_NONE
    rows[i, L_TIME] = 0
    q = p
    if (
        at(b, p) == SQUARE
        and at(b, p + 1) == 112
        and at(b, p + 2) == 105
        and at(b, p + 3) == 100
        and at(b, p + 4) == BLANK
    ):
        tid, q = scan_decimal(b, skip_blanks(b, p + 5))
        if q < 0 or at(b, q) != UNSQUARE or at(b, q + 1) != BLANK:
            return -1
        rows[i, L_TID] = tid
        p = skip_blanks(b, q + 1)
    elif is_digit(at(b, p)):
        tid, q = scan_decimal(b, p)
        if q < 0:
            return -1
        if at(b, q) == LESS:
            while q < end and at(b, q) != GREATER:
                q += 1
            q += 1
            if at(b, q) != BLANK:
                return -1
        if at(b, q) == BLANK:
            if tid >= _EPOCH_FROM:
                return -1
            rows[i, L_TID] = tid
            p = skip_blanks(b, q)
    elif at(b, p) == BLANK:
        p = skip_blanks(b, p)
        if not is_digit(at(b, p)) or at(b, p + 2) == COLON:
            return -1
    if is_digit(at(b, p)):
        if at(b, p + 2) == COLON:
            hour, minute, second = two_digits(b, p), two_digits(b, p + 3), two_digits(b, p + 6)
            if hour < 0 or minute < 0 or second < 0 or at(b, p + 5) != COLON:
                return -1
            fraction, q = scan_fraction(b, p + 8)
            if q < 0 or at(b, q) != BLANK:
                return -1
            rows[i, L_TIME] = (hour * 3600 + minute * 60 + second) * SECOND + fraction
            rows[i, L_CLOCK] = T_OF_DAY
        else:
            seconds, q = scan_decimal(b, p)
            if q < 0 or seconds > 9 * SECOND:
                return -1
            fraction, q = scan_fraction(b, q)
            if q < 0 or at(b, q) != BLANK:
                return -1
            rows[i, L_TIME] = seconds * SECOND + fraction
            rows[i, L_CLOCK] = T_ABSOLUTE if seconds >= _EPOCH_FROM else T_RELATIVE
        p = skip_blanks(b, q)
        if at(b, p) == LEFT:  # (+ 0.000556): -r beside another clock
            return -1
    if at(b, p) == SQUARE:
        p = _skip_brackets(b, p)
    return p


@kernel
def _skip_brackets(b: Bytes, p: int) -> int:
    """The position behind ``[   9] `` and ``[00007f623c388ca3] ``; -1 if brackets hold something else."""
    q = p + 1
    while at(b, q) == BLANK or is_digit(at(b, q)):
        q += 1
    if at(b, q) == UNSQUARE and q - p <= 13 and q - p > 1:
        if at(b, q + 1) != BLANK:
            return -1
        p = skip_blanks(b, q + 1)
        if at(b, p) != SQUARE:
            return p
    q = p + 1
    if at(b, q) == QUESTION:
        while at(b, q) == QUESTION:
            q += 1
    else:
        while is_digit(at(b, q)) or (at(b, q) >= LOWER_A and at(b, q) <= LOWER_F):
            q += 1
    if at(b, q) != UNSQUARE or at(b, q + 1) != BLANK or q - p < 9 or q - p > 17:
        return -1
    return skip_blanks(b, q + 1)


@kernel
def _read_sum(b: Bytes, p: int, names: Words) -> tuple[int, int]:
    """Numbers and names joined by ``|``: value, position behind."""
    total = 0
    while True:
        c = at(b, p)
        if is_digit(c) or c == MINUS:
            v, p = scan_number(b, p)
            if p < 0:
                return v, -1
        elif c >= UPPER_A and c <= UPPER_Z:
            v, q = find_name(b, p, CAPITALS, names, T_SYMBOLS)
            if v == -1:
                v = _negative_name(b, p, q)
                if v == 0:
                    return v, -1
            p = q
        else:
            return total, -1
        total |= v
        if at(b, p) != BAR:
            return total, p
        p += 1


@kernel
def _negative_name(b: Bytes, p: int, q: int) -> int:
    """AT_FDCWD, whose value cannot stand in the table; 0 for any other name."""
    if (
        q - p == 8
        and at(b, p) == 65
        and at(b, p + 1) == 84
        and at(b, p + 2) == UNDERSCORE
        and at(b, p + 3) == 70
        and at(b, p + 7) == 68
    ):
        return -100
    return 0


@kernel
def _skip_comment(b: Bytes, p: int, end: int) -> int:
    """The position behind `` /* text */`` at `p`, or `p` if there is none."""
    if at(b, p) != BLANK or at(b, p + 1) != SLASH or at(b, p + 2) != STAR:
        return p
    q = p + 3
    while q < end and not (at(b, q) == STAR and at(b, q + 1) == SLASH):
        q += 1
    return q + 2 if q < end else p


@kernel
def read_arguments(
    b: Bytes, p: int, end: int, rows: Words, i: int, fd_index: int, string_index: int, names: Words
) -> tuple[int, int]:
    """The arguments from `p` on into row `i`: how many, and the position of what ends them, or -1."""
    count = 0
    if at(b, p) == RIGHT:
        return count, p
    while count < 6:
        c = at(b, p)
        if c == QUOTE:
            q = scan_string(b, p, end)
            if q < 0 or at(b, q + 1) == DOT or count != string_index:
                return count, -1
            rows[i, L_ARG] = span_of(p + 1, q)
            v = 0
            p = q + 1
        else:
            v, p = _read_sum(b, p, names)
            if p < 0:
                return count, -1
            if at(b, p) == LESS:
                if at(b, p + 1) == LESS:
                    return count, -1
                start, stop, p = scan_annotation(b, p, end)
                if p < 0:
                    return count, -1
                if count == fd_index:
                    rows[i, L_ARG] = span_of(start, stop)
            elif at(b, p) == BLANK:
                p = _skip_comment(b, p, end)
        if count == fd_index:
            if v < -0x8000_0000 or v > 0xFFFF_FFFF:
                return count, -1
            if v >= 0x8000_0000:
                v -= 1 << 32
        rows[i, L_A0 + count] = v
        count += 1
        if at(b, p) == COMMA and at(b, p + 1) == BLANK:
            p += 2
        elif at(b, p) == RIGHT or at(b, p) == BLANK:
            return count, p
        else:
            return count, -1
    return count, -1


@kernel
def begins(b: Bytes, p: int, end: int, words: Bytes, number: int) -> bool:
    """True if the bytes of a word stand at `p`. A row of `words` is a word's length and its bytes."""
    length = word(words[number, 0])
    if end - p < length:
        return False
    k = 0
    while k < length and at(b, p + k) == words[number, k + 1]:
        k += 1
    return k == length


@kernel
def is_word(b: Bytes, p: int, end: int, words: Bytes, number: int) -> bool:
    """True if exactly the bytes of a word stand from `p` to the line's end."""
    return end - p == words[number, 0] and begins(b, p, end, words, number)


@kernel
def read_result(b: Bytes, p: int, end: int, rows: Words, i: int, names: Words, returns: int) -> bool:
    """`` = result`` and what may stand behind it: True if all of it is plain.

    `returns` is what calls of this name return, see P_RETURNS.
    """
    p = skip_blanks(b, p)
    if at(b, p) != EQUAL or at(b, p + 1) != BLANK or at(b, p + 2) == QUESTION:
        return False
    digits = p + 3 if at(b, p + 2) == MINUS else p + 2
    if at(b, digits) == ZERO and is_digit(at(b, digits + 1)):
        return False  # no result is printed in octal
    hexadecimal = at(b, p + 3) == LOWER_X
    v, p = scan_number(b, p + 2)
    if p < 0 or (hexadecimal and v < 0):
        return False
    rows[i, L_SHOWN] = 0
    if at(b, p) == LESS:
        start, stop, p = scan_annotation(b, p, end)
        if p < 0:
            return False
        rows[i, L_SHOWN] = span_of(start, stop)
    elif v == -1 and at(b, p) == BLANK and at(b, p + 1) == 69:  # E
        number, q = find_name(b, p + 1, CAPITALS, names, T_ERRORS)
        if number <= 0:
            return False
        v = -number
        p = q
        if at(b, p) == BLANK and at(b, p + 1) == LEFT:
            if at(b, p + 2) == 73 and at(b, p + 3) == 78:  # (INJECTED)
                return False
            p += 2
            while p < end and at(b, p) != RIGHT and at(b, p) != LEFT:
                p += 1
            if p >= end or at(b, p) == LEFT:
                return False
            p += 1
    elif v == -1:
        return False  # an error that is spelled otherwise, or not shown
    rows[i, L_RET] = v
    if returns != RETURNS_ANY and not _can_return(returns, v):
        return False
    if p == end:
        return True
    rows[i, L_TOOK] = _duration(b, p, end)
    return word(rows[i, L_TOOK]) >= 0


@kernel
def _can_return(returns: int, v: int) -> bool:
    """As `plaincalls.can_return`, for what is not RETURNS_ANY."""
    if -4095 <= v < 0:
        return True
    if returns == RETURNS_ADDRESS:
        return v >= 0 and v & 4095 == 0
    return v == 0 or (returns != RETURNS_ZERO and v >= 4096)


@kernel
def _duration(b: Bytes, p: int, end: int) -> int:
    """The nanoseconds of `` <0.000123>`` if that and no more stands from `p` to the line's end, else -1."""
    if at(b, p) != BLANK or at(b, p + 1) != LESS or not is_digit(at(b, p + 2)):
        return -1
    p += 2
    seconds = 0
    first = p
    while is_digit(at(b, p)):
        seconds = 10 * seconds + at(b, p) - ZERO
        p += 1
    if at(b, p) != DOT or not is_digit(at(b, p + 1)) or p - first > 9:
        return -1
    p += 1
    first = p
    fraction = 0
    while is_digit(at(b, p)):
        fraction = 10 * fraction + at(b, p) - ZERO
        p += 1
    if p != end - 1 or at(b, p) != GREATER or p - first > 9:
        return -1
    for _ in range(9 - (p - first)):
        fraction *= 10
    return seconds * SECOND + fraction
