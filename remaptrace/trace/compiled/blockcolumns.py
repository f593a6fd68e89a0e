"""Blocks of numbers into columns as narrow as they are."""

from __future__ import annotations

from .columnwords import C_PLACE, C_WIDTH, write8, write16, write32, write64
from .jit import Words, entry, kernel
from .wide import word

C_USED, C_ROOM, C_SPAN = 2, 3, 4
"""More words of the row of a column that grows: how many numbers it has and how many it has room for; and what came
last spans: the bits that a number x or ~x of it has, as the number that has them all."""
GROWING_WORDS = 5
_ALL_BITS = (1 << 63) - 1


@kernel
def _span(block: Words, row: int, used: int) -> int:
    span = 0
    for i in range(used):
        value = word(block[row, i])
        span |= value ^ (value >> 63)
    return span


@kernel
def _put(block: Words, row: int, used: int, place: int, width: int, first: int) -> int:
    """Write a row into a column as if it were wide enough; what the row spans."""
    span = 0
    if width == 8:
        for i in range(used):
            write64(place, first + i, word(block[row, i]))
        span = _ALL_BITS
    elif width == 4:
        for i in range(used):
            value = word(block[row, i])
            span |= value ^ (value >> 63)
            write32(place, first + i, value)
    elif width == 2:
        for i in range(used):
            value = word(block[row, i])
            span |= value ^ (value >> 63)
            write16(place, first + i, value)
    else:
        for i in range(used):
            value = word(block[row, i])
            span |= value ^ (value >> 63)
            write8(place, first + i, value)
    return span


@entry("int64(int64[:, ::1], int64, int64, int64[:, ::1])")
def append_block(block: Words, used: int, first: int, columns: Words) -> int:
    """Append the first `used` numbers of each row of `block`, from row `first` on, to its column in `columns`.

    Stops at a column that is too narrow or has no room, of which the span of what is to come stands in C_SPAN: the row
    to go on with, the number of rows when all is done.
    """
    for row in range(first, len(block)):
        width = word(columns[row, C_WIDTH])
        begin = word(columns[row, C_USED])
        if begin + used > columns[row, C_ROOM]:
            columns[row, C_SPAN] = _span(block, row, used)
            return row
        span = _put(block, row, used, word(columns[row, C_PLACE]), width, begin)
        if width < 8 and span >> (8 * width - 1) != 0:  # written over when there is another place for it
            columns[row, C_SPAN] = span
            return row
        columns[row, C_USED] = begin + used
    return len(block)
