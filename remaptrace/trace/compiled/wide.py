"""Eight bytes of text at a time, as one word, and what arithmetic tells of all of them together.

The first byte stands lowest in the word. *Marks* are words in which the highest bit of a byte says something about the
byte of text there. Those who ask for the first mark need no more than that the lowest one is right; functions say where
marks above it may be wrong. Words are unsigned: what numba makes of signed sums is wrong where they overflow. Up to
seven bytes behind the last that matters are looked at: see `SLACK`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import Bytes, Eight, eight, kernel, trailing_zeros

SLACK = 256
"""Bytes that can be read behind the last newline of a text that is read so."""

_EACH = 0x0101_0101_0101_0101


def each(byte: int) -> np.uint64:
    """A word with `byte` in each place."""
    return np.uint64(byte * _EACH)


ZEROS = each(ord("0"))
_ONES, _LOW_BITS, _HIGH_BITS, _BITS_6 = each(1), each(0x7F), each(0x80), each(0x40)
_BLANKS, _UNDERSCORES, _GRAVES, _NIBBLES = each(ord(" ")), each(ord("_")), each(ord("`")), each(0x0F)
_ABOVE_9, _ABOVE_6 = each(0x76), each(0x79)  # + 10, + 7 reach the highest bit
_FROM_A, _ABOVE_Z = each(0x3F), each(0x25)  # the same of capitals: + 0x41, + 0x5B
_FROM_LOWER_A, _ABOVE_LOWER_Z = each(0x1F), each(0x05)
_1, _4, _6, _8, _9, _10, _16, _32, _100, _10_000 = map(np.uint64, (1, 4, 6, 8, 9, 10, 16, 32, 100, 10_000))
_BYTES, _PAIRS, _HALF = (
    np.uint64(mask) for mask in (0x00FF_00FF_00FF_00FF, 0x0000_FFFF_0000_FFFF, 0xFFFF_FFFF)
)
_POWERS = np.array([10**n for n in range(19)], dtype=np.int64)


@kernel
def word(value: Any) -> int:
    """An element of any integer array as a signed 64-bit word."""
    return int(np.int64(value))


@kernel
def at(b: Bytes, p: int) -> int:
    """The byte at `p`, which is never negative: said so, no check for a wrap-around is compiled."""
    return word(b[np.uint64(p)])


@kernel
def first_mark(marks: Eight) -> int:
    """How many bytes stand in front of the first mark, 8 if there is none."""
    return word(trailing_zeros(marks)) >> 3


@kernel
def without_first(marks: Eight) -> Eight:
    """The marks but the first."""
    return marks & (marks - _1)


@kernel
def zero_marks(x: Eight) -> Eight:
    """A mark at each byte that is 0; those above the first may be wrong."""
    return (x - _ONES) & ~x & _HIGH_BITS


@kernel
def below_digits(x: Eight) -> Eight:
    """A mark at each byte below ``0``: what stands behind words, as blanks, commas, parentheses and newlines.

    Those above the first may be wrong.
    """
    return (x - ZEROS) & ~x & _HIGH_BITS


@kernel
def first_bytes(x: Eight, n: int) -> Eight:
    """The first `n` bytes of `x`, 0 <= n < 8, with zeros behind them."""
    return x & ((_1 << np.uint64(8 * n)) - _1)


@kernel
def power_of_ten(n: int) -> int:
    """10**n, 0 <= n <= 18."""
    return word(_POWERS[np.uint64(n)])


@kernel
def no_digit_marks(x: Eight) -> Eight:
    """A mark at each byte of `x` that is no decimal digit; those above the first may be wrong.

    `x` is text ^ `ZEROS`. A sum reaches into the byte above only from one that is marked itself.
    """
    return ((x + _ABOVE_9) | x) & _HIGH_BITS


@kernel
def decimal_of(x: Eight, n: int) -> int:
    """The number that the first `n` bytes of text ^ `ZEROS` make, decimal digits, 1 <= n <= 8."""
    x <<= np.uint64(64 - 8 * n)
    x = (x * _10 + (x >> _8)) & _BYTES
    x = (x * _100 + (x >> _16)) & _PAIRS
    return word((x * _10_000 + (x >> _32)) & _HALF)


@kernel
def scan_decimal(b: Bytes, p: int) -> tuple[int, int]:
    """At most 18 decimal digits: value, position behind or -1."""
    x = eight(b, p) ^ ZEROS
    n = first_mark(no_digit_marks(x))
    if n == 0:
        return 0, -1
    v = decimal_of(x, n)
    if n < 8:
        return v, p + n
    x = eight(b, p + 8) ^ ZEROS
    n = first_mark(no_digit_marks(x))
    if n == 0:
        return v, p + 8
    v = v * power_of_ten(n) + decimal_of(x, n)
    if n < 8:
        return v, p + 8 + n
    x = eight(b, p + 16) ^ ZEROS
    n = first_mark(no_digit_marks(x))
    if n == 0:
        return v, p + 16
    if n > 2:
        return v, -1
    return v * power_of_ten(n) + decimal_of(x, n), p + 16 + n


@kernel
def no_hex_marks(x: Eight) -> Eight:
    """A mark at each byte of text `x` that is no hexadecimal digit of small letters. All marks are right."""
    low = x & _LOW_BITS
    letter = low ^ _GRAVES  # 1 to 6
    no_letter = (letter + _ABOVE_6) | ~(letter + _LOW_BITS)
    return (((low ^ ZEROS) + _ABOVE_9) & no_letter | x) & _HIGH_BITS


@kernel
def hex_of(x: Eight, n: int) -> int:
    """The number that the first `n` bytes of text `x` make, hexadecimal digits, 1 <= n <= 8."""
    x = (x & _NIBBLES) + ((x & _BITS_6) >> _6) * _9
    x <<= np.uint64(64 - 8 * n)
    x = ((x << _4) | (x >> _8)) & _BYTES
    x = ((x << _8) | (x >> _16)) & _PAIRS
    return word(((x << _16) | (x >> _32)) & _HALF)


@kernel
def scan_hex(b: Bytes, p: int) -> tuple[int, int]:
    """At most 16 hexadecimal digits as a signed word: value, position behind or -1."""
    x = eight(b, p)
    n = first_mark(no_hex_marks(x))
    if n == 0:
        return 0, -1
    v = hex_of(x, n)
    if n < 8:
        return v, p + n
    x = eight(b, p + 8)
    n = first_mark(no_hex_marks(x))
    if n == 0:
        return v, p + 8
    v = (v << (4 * n)) | hex_of(x, n)
    if n == 8 and first_mark(no_hex_marks(eight(b, p + 16))) > 0:
        return v, -1
    return v, p + 8 + n


@kernel
def no_word_marks(x: Eight, capitals: int) -> Eight:
    """A mark at each byte of text `x` that is no digit, no underscore, and no letter. All marks are right.

    Letters are the capital ones (`capitals` 1) or the small ones (0).
    """
    low = x & _LOW_BITS
    if capitals:
        letters = (low + _FROM_A) & ~(low + _ABOVE_Z)
    else:
        letters = (low + _FROM_LOWER_A) & ~(low + _ABOVE_LOWER_Z)
    others = ((low ^ ZEROS) + _ABOVE_9) & ((low ^ _UNDERSCORES) + _LOW_BITS) & ~letters
    return (others | x) & _HIGH_BITS


@kernel
def skip_blanks(b: Bytes, p: int) -> int:
    """The first position from `p` on that is no blank."""
    while True:
        n = word(trailing_zeros(eight(b, p) ^ _BLANKS)) >> 3
        p += n
        if n < 8:
            return p
