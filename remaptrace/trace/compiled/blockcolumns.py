"""Blocks of numbers into columns as narrow as they are."""

from __future__ import annotations

from .columnwords import (
    C_PLACE,
    C_WIDTH,
    SIXTEEN,
    copy8,
    copy16,
    copy32,
    copy64,
    span_of_sixteen,
    write8,
    write16,
    write32,
    write64,
)
from .jit import Words, entry, kernel
from .wide import word

C_USED, C_ROOM, C_SPAN = 2, 3, 4
"""More words of the row of a column that grows: how many numbers it has and how many it has room for; and what came
last spans: the bits that a number x or ~x of it has, as the number that has them all."""
GROWING_WORDS = 5


@kernel
def _span(block: Words, row: int, used: int) -> int:
    span = 0
    begin = row * block.shape[1]
    for i in range(0, used - SIXTEEN + 1, SIXTEEN):
        span |= span_of_sixteen(block, begin + i)
    for i in range(used & -SIXTEEN, used):
        value = word(block[row, i])
        span |= value ^ (value >> 63)
    return span


@kernel
def _put(block: Words, row: int, used: int, place: int, width: int, first: int) -> int:
    begin, sixteens = row * block.shape[1], used & -SIXTEEN
    if width == 8:
        for i in range(0, sixteens, SIXTEEN):
            copy64(block, begin + i, place, first + i)
        for i in range(sixteens, used):
            write64(place, first + i, word(block[row, i]))
    elif width == 4:
        for i in range(0, sixteens, SIXTEEN):
            copy32(block, begin + i, place, first + i)
        for i in range(sixteens, used):
            write32(place, first + i, word(block[row, i]))
    elif width == 2:
        for i in range(0, sixteens, SIXTEEN):
            copy16(block, begin + i, place, first + i)
        for i in range(sixteens, used):
            write16(place, first + i, word(block[row, i]))
    else:
        for i in range(0, sixteens, SIXTEEN):
            copy8(block, begin + i, place, first + i)
        for i in range(sixteens, used):
            write8(place, first + i, word(block[row, i]))
    return 0


@kernel
def _fits(block: Words, row: int, used: int, columns: Words) -> bool:
    """Whether the column of a row has room for `used` more numbers and is as wide as they are; sets C_SPAN."""
    span = _span(block, row, used)
    columns[row, C_SPAN] = span
    if columns[row, C_USED] + used > columns[row, C_ROOM]:
        return False
    width = word(columns[row, C_WIDTH])
    return width == 8 or span >> (8 * width - 1) == 0


@kernel
def _append(block: Words, row: int, used: int, columns: Words) -> int:
    begin = word(columns[row, C_USED])
    columns[row, C_USED] = begin + used
    return _put(block, row, used, word(columns[row, C_PLACE]), word(columns[row, C_WIDTH]), begin)


@kernel
def put_block(block: Words, used: int, columns: Words) -> bool:
    """`append_block` of all rows, or of none: False where one of the columns is too narrow or has no room."""
    for row in range(len(block)):
        if not _fits(block, row, used, columns):
            return False
    for row in range(len(block)):
        _append(block, row, used, columns)
    return True


@entry("int64(int64[:, ::1], int64, int64, int64[:, ::1])")
def append_block(block: Words, used: int, first: int, columns: Words) -> int:
    """Append the first `used` numbers of each row of `block`, from row `first` on, to its column in `columns`.

    Stops at a column that is too narrow or has no room, of which the span of what is to come stands in C_SPAN: the row
    to go on with, the number of rows when all is done.
    """
    for row in range(first, len(block)):
        if not _fits(block, row, used, columns):
            return row
        _append(block, row, used, columns)
    return len(block)
