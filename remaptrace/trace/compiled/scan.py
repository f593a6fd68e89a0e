"""Scanning bytes: numbers, names, strings, the columns in front of a strace line.

A scanner takes the bytes and a position and returns what it found and the position behind, or -1 for "not
plain": then the line is the plain reader's. Every line ends in a newline that can be read, so a scanner that
stops at the first byte it does not know needs no bound.
"""

from __future__ import annotations

import numpy as np

from .jit import Bytes, Words, eight, entry, kernel, newline_bits, trailing_zeros
from .wide import (
    at,
    below_digits,
    each,
    first_bytes,
    first_mark,
    no_word_marks,
    power_of_ten,
    scan_decimal,
    scan_hex,
    word,
    zero_marks,
)

NEWLINE, BLANK, QUOTE, LEFT, RIGHT, STAR, COMMA, MINUS, DOT, SLASH, COLON = (
    10,
    32,
    34,
    40,
    41,
    42,
    44,
    45,
    46,
    47,
    58,
)
LESS, EQUAL, GREATER, QUESTION, SQUARE, BACKSLASH, UNSQUARE, UNDERSCORE, BAR = (
    60,
    61,
    62,
    63,
    91,
    92,
    93,
    95,
    124,
)
LEFT_BRACE, RIGHT_BRACE, PLUS, RETURN = 123, 125, 43, 13
ZERO, NINE, UPPER_A, UPPER_Z, LOWER_A, LOWER_F, LOWER_Z, LOWER_X = 48, 57, 65, 90, 97, 102, 122, 120
SECOND = 1_000_000_000
WORDS, CAPITALS = 0, 1
"""Of what names consist, beside digits and underscores: small letters (``mmap2``), capital ones (``PROT_READ``)."""
_QUOTES, _BACKSLASHES, _LESSES, _GREATERS = each(QUOTE), each(BACKSLASH), each(LESS), each(GREATER)
_NONE = np.uint64(0)
_FACTORS = tuple(map(np.uint64, (0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9)))
_SHIFTS = np.uint64(32), np.uint64(47)
T_SYMBOLS, T_ERRORS, T_CALLS = 0, 1, 2
TABLE_MASK = 4095  # of the tables of names: 4,096 slots


@kernel
def scan_number(b: Bytes, p: int) -> tuple[int, int]:
    """A number as C writes it, decimal, 0x hexadecimal or 0 octal, with a sign: value, position behind."""
    negative = 0
    if at(b, p) == MINUS:
        negative = 1
        p += 1
    if at(b, p) == ZERO and at(b, p + 1) == LOWER_X:
        v, p = scan_hex(b, p + 2)
    elif at(b, p) == ZERO:
        v = 0
        start = p
        while at(b, p) >= ZERO and at(b, p) < ZERO + 8:
            v = (v << 3) | (at(b, p) - ZERO)
            p += 1
        if p - start > 20 or (at(b, p) >= ZERO and at(b, p) <= NINE):
            return v, -1
    else:
        v, p = scan_decimal(b, p)
    if negative:
        if v < 0:
            return v, -1
        v = -v
    return v, p


@kernel
def is_digit(c: int) -> bool:
    return ZERO <= c <= NINE


@kernel
def is_word_letter(c: int) -> bool:
    """Whether a byte is one of those that names of calls consist of."""
    return LOWER_A <= c <= LOWER_Z or ZERO <= c <= NINE or c == UNDERSCORE


@kernel
def find_name(b: Bytes, p: int, letters: int, names: Words, table: int) -> tuple[int, int]:
    """The name at `p`: its value in a table of names, or -1, and the position behind it.

    `letters`: WORDS or CAPITALS. A name has less than 24 bytes and is compared exactly.
    `names` is int64[3, 4096, 4], a table each for T_SYMBOLS, T_ERRORS and T_CALLS: the name's bytes as three words
    (see `wide`), and the value, -1 in a free slot.
    """
    w1 = w2 = _NONE
    w0 = eight(b, p)
    n = first_mark(no_word_marks(w0, letters))
    if n == 0:
        return -1, p
    if n < 8:
        w0 = first_bytes(w0, n)
    else:
        w1 = eight(b, p + 8)
        n = 8 + first_mark(no_word_marks(w1, letters))
        if n < 16:
            w1 = first_bytes(w1, n - 8)
        else:
            w2 = eight(b, p + 16)
            n = 16 + first_mark(no_word_marks(w2, letters))
            if n == 24:
                return -1, p + n
            w2 = first_bytes(w2, n - 16)
    return _look_up(names, table, word(w0), word(w1), word(w2)), p + n


@kernel
def find_call(b: Bytes, p: int, names: Words) -> tuple[int, int]:
    """`find_name` of a call's name, behind which a blank or a parenthesis stands: whatever else does, it is unknown."""
    w1 = w2 = _NONE
    w0 = eight(b, p)
    n = first_mark(below_digits(w0))
    if n < 8:
        w0 = first_bytes(w0, n)
    else:
        w1 = eight(b, p + 8)
        n = 8 + first_mark(below_digits(w1))
        if n < 16:
            w1 = first_bytes(w1, n - 8)
        else:
            w2 = eight(b, p + 16)
            n = 16 + first_mark(below_digits(w2))
            if n == 24:
                return -1, p + n
            w2 = first_bytes(w2, n - 16)
    return _look_up(names, T_CALLS, word(w0), word(w1), word(w2)), p + n


@kernel
def _look_up(names: Words, table: int, w0: int, w1: int, w2: int) -> int:
    """The value of a name, -1 if it is not in the table."""
    slot = mix_name(w0, w1, w2)
    while names[table, slot, 3] != -1:
        if names[table, slot, 0] == w0 and names[table, slot, 1] == w1 and names[table, slot, 2] == w2:
            return word(names[table, slot, 3])
        slot = (slot + 1) & TABLE_MASK
    return -1


@entry("int64(uint8[::1], int64[:, :, ::1], int64, int64)")
def add_name(b: Bytes, names: Words, table: int, value: int) -> int:
    """Put the name `b`, of less than 24 bytes, into a table of names; 0, or -1 if the table is nearly full."""
    w0 = w1 = w2 = 0
    for i in range(len(b)):
        c = at(b, i) << (8 * (i & 7))
        if i < 8:
            w0 |= c
        elif i < 16:
            w1 |= c
        else:
            w2 |= c
    slot = mix_name(w0, w1, w2)
    tried = 0
    while names[table, slot, 3] != -1:
        slot = (slot + 1) & TABLE_MASK
        tried += 1
        if tried > 1024:
            return -1
    names[table, slot, 0] = w0
    names[table, slot, 1] = w1
    names[table, slot, 2] = w2
    names[table, slot, 3] = value
    return 0


@kernel
def mix_name(w0: int, w1: int, w2: int) -> int:
    """The slot at which the search for a packed name begins."""
    h = np.uint64(w0) * _FACTORS[0] + np.uint64(w1) * _FACTORS[1] + np.uint64(w2) * _FACTORS[2]
    return word((h >> _SHIFTS[0]) ^ (h >> _SHIFTS[1])) & TABLE_MASK


@kernel
def _find_angle(b: Bytes, p: int, end: int) -> int:
    """The first ``<`` or ``>`` from `p` on, or `end`."""
    while p < end:
        x = eight(b, p)
        n = first_mark(zero_marks(x ^ _LESSES) | zero_marks(x ^ _GREATERS))
        if n < 8:
            return min(p + n, end)
        p += 8
    return end


@kernel
def scan_annotation(b: Bytes, p: int, end: int) -> tuple[int, int, int]:
    """``</path>``, ``</dev/null<char 1:3>>`` or ``<socket:[5]>``: begin and end of its text, position behind.

    A ``(deleted)`` behind it is skipped.
    """
    p += 1
    start = p
    if at(b, p) == SLASH:
        p = _find_angle(b, p, end)
        stop = p
        if at(b, p) == LESS:
            p = _find_angle(b, p + 1, end)
            if at(b, p) != GREATER or p >= end:
                return start, stop, -1
            p += 1
    else:
        while p < end and at(b, p) != LESS and (at(b, p) != GREATER or at(b, p - 1) == MINUS):
            p += 1
        stop = p
    if p >= end or at(b, p) != GREATER:
        return start, stop, -1
    p += 1
    if at(b, p) == LEFT:
        if not _is_deleted(b, p, end):
            return start, stop, -1
        p += 9
    return start, stop, p


@kernel
def _is_deleted(b: Bytes, p: int, end: int) -> bool:
    """True if ``(deleted)`` stands at `p`."""
    if end - p < 9 or at(b, p + 8) != RIGHT or at(b, p + 1) != 100 or at(b, p + 2) != 101:
        return False
    if at(b, p + 3) != 108 or at(b, p + 4) != 101 or at(b, p + 5) != 116:
        return False
    return at(b, p + 6) == 101 and at(b, p + 7) == 100


@kernel
def scan_string(b: Bytes, p: int, end: int) -> int:
    """A string between quotes at `p`: position of its closing quote, or -1 if the line ends before."""
    p += 1
    while p < end:
        x = eight(b, p)
        n = first_mark(zero_marks(x ^ _QUOTES) | zero_marks(x ^ _BACKSLASHES))
        p += n
        if n < 8 and p < end:
            if at(b, p) == QUOTE:
                return p
            p += 2
    return -1


@kernel
def two_digits(b: Bytes, p: int) -> int:
    """The number that two digits at `p` make, or -1."""
    if at(b, p) < ZERO or at(b, p) > NINE or at(b, p + 1) < ZERO or at(b, p + 1) > NINE:
        return -1
    return (at(b, p) - ZERO) * 10 + (at(b, p + 1) - ZERO)


@kernel
def scan_fraction(b: Bytes, p: int) -> tuple[int, int]:
    """``.123456`` at `p` in nanoseconds, 0 if there is no dot: value, position behind."""
    if at(b, p) != DOT:
        return 0, p
    v, q = scan_decimal(b, p + 1)
    digits = q - p - 1
    if q < 0 or digits > 9:
        return v, -1
    return v * power_of_ten(9 - digits), q


@kernel
def newline_from(b: Bytes, p: int) -> int:
    """Where the line that begins at `p` ends. Of 128 bytes without a branch, which could not be foretold."""
    first, second = word(trailing_zeros(newline_bits(b, p))), word(trailing_zeros(newline_bits(b, p + 64)))
    length = 64 + second if first == 64 else first
    while length & 63 == 0 and at(b, p + length) != NEWLINE:
        length += word(trailing_zeros(newline_bits(b, p + length)))
    return p + length


@kernel
def without_return(b: Bytes, start: int, end: int) -> int:
    """The end of line b[start:end] without a carriage return."""
    return end - 1 if end > start and at(b, end - 1) == RETURN else end
