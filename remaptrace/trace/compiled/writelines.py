"""Lines written from columns: each row's shape says which texts, numbers and words stand in which order.

What `trace.stored.shapes` does with a formatting for each shape, in one pass over the rows, in their order.
"""

from __future__ import annotations

import numpy as np

from .jit import Bytes, Eight, Words, eight, entry, kernel, put_eight
from .scan import LOWER_A, MINUS, ZERO
from .wide import ZEROS, first_mark, word

STEP_WORDS = 3
S_WHAT, S_FROM, S_TO = 0, 1, 2
TEXT, DECIMAL, HEX, WORD = 0, 1, 2, 3
"""What a step writes: texts S_FROM..S_TO-1; or the number of the row at S_FROM: decimal, hexadecimal, or its word."""
MOST_DIGITS = 20
"""Of a number at most, with its sign."""
SPARE = 8
"""Bytes behind texts and words that are read, and behind the last line that are written: eight at a time."""
_8, _10, _16, _32, _100, _10_000 = map(np.uint64, (8, 10, 16, 32, 100, 10_000))
_EIGHT_DIGITS = np.uint64(10**8)


@kernel
def _copied(out: Bytes, n: int, source: Bytes, first: int, last: int) -> int:
    for i in range(0, last - first, 8):
        put_eight(out, n + i, eight(source, first + i))
    return n + last - first


@kernel
def _digits(value: Eight) -> Eight:
    """The eight decimal digits of a number below 10**8, a byte each, the first one lowest.

    Two numbers of four digits, four of two, eight of one: divisions by multiplying, exact for numbers so small.
    """
    high = value // _10_000
    x = high | (value - high * _10_000) << _32
    high = (x * np.uint64(10486)) >> np.uint64(20) & np.uint64(0x7F_0000_007F)
    x = high | (x - high * _100) << _16
    high = (x * np.uint64(103)) >> np.uint64(10) & np.uint64(0x000F_000F_000F_000F)
    return high | (x - high * _10) << _8


@kernel
def _first_digits(out: Bytes, n: int, value: Eight) -> int:
    """A number below 10**8 without zeros in front."""
    x = _digits(value)
    left_out = min(first_mark(x), 7)
    put_eight(out, n, (x | ZEROS) >> np.uint64(8 * left_out))
    return n + 8 - left_out


@kernel
def _more_digits(out: Bytes, n: int, value: Eight) -> int:
    put_eight(out, n, _digits(value) | ZEROS)
    return n + 8


@kernel
def _decimal(out: Bytes, n: int, value: int) -> int:
    rest = np.uint64(value)
    if value < 0:
        out[np.uint64(n)] = MINUS
        n += 1
        rest = np.uint64(0) - rest
    if rest < _EIGHT_DIGITS:
        return _first_digits(out, n, rest)
    high = rest // _EIGHT_DIGITS
    low = rest - high * _EIGHT_DIGITS
    if high < _EIGHT_DIGITS:
        n = _first_digits(out, n, high)
    else:
        top = high // _EIGHT_DIGITS
        n = _first_digits(out, n, top)
        n = _more_digits(out, n, high - top * _EIGHT_DIGITS)
    return _more_digits(out, n, low)


@kernel
def _hexadecimal(out: Bytes, n: int, value: int) -> int:
    rest = np.uint64(value)
    count = 1
    while count < 16 and (rest >> np.uint64(4 * count)) != np.uint64(0):
        count += 1
    i = n + count
    while i > n:
        i -= 1
        digit = word(rest & np.uint64(15))
        out[np.uint64(i)] = ZERO + digit if digit < 10 else LOWER_A + digit - 10
        rest = rest >> np.uint64(4)
    return n + count


@entry(
    "int64(uint8[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], uint8[::1], int64[::1], uint8[::1])"
)
def write_lines(
    texts: Bytes,
    steps: Words,
    begins: Words,
    shapes: Words,
    places: Words,
    numbers: Words,
    words: Bytes,
    ends: Words,
    out: Bytes,
) -> int:
    """Write the rows into `out`, which is long enough, SPARE included; how many bytes.

    Row r has shape ``shapes[r]`` and is the ``places[r]``-th of it. A shape's steps are ``begins[shape]`` to
    ``begins[shape + 1] - 1`` of `steps`, STEP_WORDS each; the numbers of a step begin at ``numbers[S_FROM]``, one for
    each row of the shape. Word w is ``words[ends[w] : ends[w + 1]]``.
    """
    n = 0
    for r in range(len(shapes)):
        shape = word(shapes[np.uint64(r)])
        place = word(places[np.uint64(r)])
        for step in range(word(begins[np.uint64(shape)]), word(begins[np.uint64(shape + 1)])):
            what = word(steps[np.uint64(step * STEP_WORDS + S_WHAT)])
            first = word(steps[np.uint64(step * STEP_WORDS + S_FROM)])
            if what == TEXT:
                n = _copied(out, n, texts, first, word(steps[np.uint64(step * STEP_WORDS + S_TO)]))
            else:
                value = word(numbers[np.uint64(first + place)])
                if what == DECIMAL:
                    n = _decimal(out, n, value)
                elif what == HEX:
                    n = _hexadecimal(out, n, value)
                else:
                    n = _copied(out, n, words, word(ends[np.uint64(value)]), word(ends[np.uint64(value + 1)]))
    return n
