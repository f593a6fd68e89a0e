"""Lines written from columns: each row's shape says which texts, numbers and words stand in which order.

What `trace.stored.shapes` does with a formatting for each shape, in one pass over the rows, in their order.
"""

from __future__ import annotations

import numpy as np

from .jit import Bytes, Words, entry, kernel
from .scan import LOWER_A, MINUS, ZERO
from .wide import word

STEP_WORDS = 3
S_WHAT, S_FROM, S_TO = 0, 1, 2
TEXT, DECIMAL, HEX, WORD = 0, 1, 2, 3
"""What a step writes: texts S_FROM..S_TO-1; or the number of the row at S_FROM: decimal, hexadecimal, or its word."""
MOST_DIGITS = 20
"""Of a number at most, with its sign."""


@kernel
def _copied(out: Bytes, n: int, source: Bytes, first: int, last: int) -> int:
    for i in range(first, last):
        out[np.uint64(n)] = source[np.uint64(i)]
        n += 1
    return n


@kernel
def _decimal(out: Bytes, n: int, value: int) -> int:
    if value < 0:
        out[np.uint64(n)] = MINUS
        n += 1
        rest = np.uint64(0) - np.uint64(value)
    else:
        rest = np.uint64(value)
    left = rest
    count = 1
    while left >= np.uint64(10):
        left = left // np.uint64(10)
        count += 1
    i = n + count
    while i > n:
        i -= 1
        tens = rest // np.uint64(10)
        out[np.uint64(i)] = ZERO + word(rest - tens * np.uint64(10))
        rest = tens
    return n + count


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
    """Write the rows into `out`, which is long enough; how many bytes.

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
