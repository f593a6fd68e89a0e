"""The columns in front of a call in a strace line: thread, time, numbers between brackets."""

from __future__ import annotations

from ...abi.rows import T_ABSOLUTE, T_NONE, T_OF_DAY, T_RELATIVE
from .jit import Bytes, Words, eight, kernel
from .lexrows import L_CLOCK, L_TID, L_TIME, SUMS
from .scan import (
    BLANK,
    COLON,
    DOT,
    GREATER,
    LEFT,
    LESS,
    LOWER_A,
    LOWER_F,
    QUESTION,
    SECOND,
    SQUARE,
    UNSQUARE,
    is_digit,
    scan_fraction,
    two_digits,
)
from .wide import (
    ZEROS,
    at,
    decimal_of,
    first_mark,
    no_digit_marks,
    power_of_ten,
    scan_decimal,
    skip_blanks,
    word,
)

_EPOCH_FROM = 100_000_000


@kernel
def read_head(b: Bytes, p: int, end: int, rows: Words, i: int, known: Words) -> int:
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
        first, behind = word(eight(b, p)), word(eight(b, p + 8)) & 0xFF_FFFF
        x = eight(b, p + 11) ^ ZEROS
        n = first_mark(no_digit_marks(x))
        same = first == known[SUMS, 0] and behind == known[SUMS, 1]
        if same and 0 < n < 8 and at(b, p + 11 + n) == BLANK:
            fraction = decimal_of(x, n) * power_of_ten(9 - n)
            rows[i, L_TIME] = known[SUMS, 2] * SECOND + fraction
            rows[i, L_CLOCK] = T_ABSOLUTE
            q = p + 11 + n
        elif at(b, p + 2) == COLON:
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
            if behind >> 16 == DOT and seconds >= _EPOCH_FROM:  # ten digits
                known[SUMS, 0] = first
                known[SUMS, 1] = behind
                known[SUMS, 2] = seconds
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
