"""Scanning bytes: numbers, names, strings, the columns in front of a strace line.

A scanner takes the bytes and a position and returns what it found and the position behind, or -1 for "not
plain": then the line is the plain reader's. Every line ends in a newline that can be read, so a scanner that
stops at the first byte it does not know needs no bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .jit import Bytes, Words, entry, kernel

NEWLINE, BLANK, QUOTE, PERCENT, LEFT, RIGHT, STAR, COMMA, MINUS, DOT, SLASH, COLON = (
    10,
    32,
    34,
    37,
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
ZERO, NINE, UPPER_A, UPPER_Z, LOWER_A, LOWER_F, LOWER_Z, LOWER_X = 48, 57, 65, 90, 97, 102, 122, 120
SECOND = 1_000_000_000
DIGITS, CAPITALS, WORDS = 1, 2, 4


def _classes() -> npt.NDArray[np.uint8]:
    """For each byte the classes it belongs to: digits; letters of ``PROT_READ``; letters of ``mmap2``."""
    table = np.zeros(256, dtype=np.uint8)
    table[ZERO : NINE + 1] |= DIGITS | CAPITALS | WORDS
    table[UPPER_A : UPPER_Z + 1] |= CAPITALS
    table[LOWER_A : LOWER_Z + 1] |= WORDS
    table[UNDERSCORE] |= CAPITALS | WORDS
    return table


def _numerals() -> npt.NDArray[np.uint8]:
    """For each byte its value as a hexadecimal digit (small letters, as strace prints them), else 255."""
    table = np.full(256, 255, dtype=np.uint8)
    table[ZERO : NINE + 1] = range(10)
    table[LOWER_A : LOWER_F + 1] = range(10, 16)
    return table


CLASSES = _classes()
NUMERALS = _numerals()
T_SYMBOLS, T_ERRORS, T_CALLS = 0, 1, 2
TABLE_MASK = 4095  # of the tables of names: 4,096 slots


@kernel
def word(value: Any) -> int:
    """An element of any integer array as a signed 64-bit word."""
    return int(np.int64(value))


@kernel
def at(b: Bytes, p: int) -> int:
    """The byte at `p`, which is never negative: said so, no check for a wrap-around is compiled."""
    return word(b[np.uint64(p)])


@kernel
def scan_decimal(b: Bytes, p: int) -> tuple[int, int]:
    """At most 18 decimal digits: value, position behind."""
    v = 0
    start = p
    digit = word(NUMERALS[np.uint64(at(b, p))])
    while digit < 10:
        v = v * 10 + digit
        p += 1
        digit = word(NUMERALS[np.uint64(at(b, p))])
    if p == start or p - start > 18:
        return v, -1
    return v, p


@kernel
def scan_hex(b: Bytes, p: int) -> tuple[int, int]:
    """At most 16 hexadecimal digits as a signed word: value, position behind."""
    v = 0
    start = p
    digit = word(NUMERALS[np.uint64(at(b, p))])
    while digit < 16:
        v = (v << 4) | digit
        p += 1
        digit = word(NUMERALS[np.uint64(at(b, p))])
    if p == start or p - start > 16:
        return v, -1
    return v, p


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
def find_name(b: Bytes, p: int, letters: int, names: Words, table: int) -> tuple[int, int]:
    """The name at `p`: its value in a table of names, or -1, and the position behind it.

    `letters` is the class of bytes it consists of. A name has at most 24 bytes and is compared exactly.
    `names` is int64[3, 4096, 4], a table each for T_SYMBOLS, T_ERRORS and T_CALLS: the name's bytes packed
    eight to a word, and the value, -1 in a free slot.
    """
    w = w0 = w1 = 0
    start = p
    while CLASSES[np.uint64(at(b, p))] & letters:
        w = (w << 8) | at(b, p)
        p += 1
        if (p - start) & 7 == 0:
            if p - start == 8:
                w0 = w
            else:
                w1 = w
            w = 0
    if p - start >= 24 or p == start:
        return -1, p
    slot = mix_name(w0, w1, w)
    while names[table, slot, 3] != -1:
        if names[table, slot, 2] == w and names[table, slot, 0] == w0 and names[table, slot, 1] == w1:
            return names[table, slot, 3], p
        slot = (slot + 1) & TABLE_MASK
    return -1, p


@entry("int64(uint8[::1], int64[:, :, ::1], int64, int64)")
def add_name(b: Bytes, names: Words, table: int, value: int) -> int:
    """Put the name `b`, of less than 24 bytes, into a table of names; 0, or -1 if the table is nearly full."""
    w = w0 = w1 = 0
    for i in range(len(b)):
        w = (w << 8) | at(b, i)
        if i == 7:
            w0 = w
            w = 0
        elif i == 15:
            w1 = w
            w = 0
    slot = mix_name(w0, w1, w)
    tried = 0
    while names[table, slot, 3] != -1:
        slot = (slot + 1) & TABLE_MASK
        tried += 1
        if tried > 1024:
            return -1
    names[table, slot, 0] = w0
    names[table, slot, 1] = w1
    names[table, slot, 2] = w
    names[table, slot, 3] = value
    return 0


@kernel
def mix_name(w0: int, w1: int, w2: int) -> int:
    """The slot at which the search for a packed name begins."""
    h = w0 * -7046029254386353131 + w1 * -4417276706812531889 + w2 * 1609587929392839161
    return ((h >> 32) ^ (h >> 47)) & TABLE_MASK


@kernel
def scan_annotation(b: Bytes, p: int, end: int) -> tuple[int, int, int]:
    """``</path>``, ``</dev/null<char 1:3>>`` or ``<socket:[5]>``: begin and end of its text, position behind.

    A ``(deleted)`` behind it is skipped.
    """
    p += 1
    start = p
    if at(b, p) == SLASH:
        while p < end and at(b, p) != GREATER and at(b, p) != LESS:
            p += 1
        stop = p
        if at(b, p) == LESS:
            p += 1
            while p < end and at(b, p) != GREATER and at(b, p) != LESS:
                p += 1
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
    while p < end and at(b, p) != QUOTE:
        if at(b, p) == BACKSLASH:
            p += 1
        p += 1
    if p >= end:
        return -1
    return p


@kernel
def skip_blanks(b: Bytes, p: int) -> int:
    """The first position from `p` on that is no blank."""
    while at(b, p) == BLANK:
        p += 1
    return p


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
    while digits < 9:
        v *= 10
        digits += 1
    return v, q
