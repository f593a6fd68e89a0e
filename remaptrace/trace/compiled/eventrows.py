"""Events of a trace as the rows that the engine reads, and what rows of its results have in common.

Plain twins: `Trace.rows`, and `engine.run.columns.Columns` without machine code.
"""

from __future__ import annotations

import numpy as np

from ...abi.rows import RS_FAULTS, RS_REST, RS_RET, RS_STATE, RS_WORDS
from .columnwords import C_PLACE, C_WIDTH, number, read8, read16, read32, read64
from .jit import Words, entry, kernel

_STRIP = 128
"""Events whose columns are read one after the other: their rows stay in the nearest cache."""


@kernel
def _column(place: int, width: int, first: int, count: int, out: Words, slot: int, step: int) -> int:
    """Numbers first .. of a column, `count` of them, into every word `step` of `out` from word `slot` on."""
    if width == 8:
        for at in range(first, first + count):
            out[np.uint64(slot)] = read64(place, at)
            slot += step
    elif width == 4:
        for at in range(first, first + count):
            out[np.uint64(slot)] = read32(place, at)
            slot += step
    elif width == 1:
        for at in range(first, first + count):
            out[np.uint64(slot)] = read8(place, at)
            slot += step
    elif width == 2:
        for at in range(first, first + count):
            out[np.uint64(slot)] = read16(place, at)
            slot += step
    else:
        for at in range(first, first + count):
            out[np.uint64(slot)] = number(place, width, at)
            slot += step
    return 0


@entry("int64(int64[:, ::1], int64, int64, int64[::1])")
def fill_rows(columns: Words, first: int, count: int, out: Words) -> int:
    """Events first .. of a table of `columns`, `count` of them, as rows in `out`, which have a word for each column."""
    step = len(columns)
    for row in range(0, count, _STRIP):
        some = min(count - row, _STRIP)
        for column in range(step):
            place, width = columns[column, C_PLACE], columns[column, C_WIDTH]
            _column(place, width, first + row, some, out, row * step + column, step)
    return count


@entry("int64(int64[::1], int64, int64[::1], int64, int64[::1])")
def differences(words: Words, count: int, only: Words, recorded: int, differ: Words) -> int:
    """For each word of a row of results the bits in which one of `count` rows in `words` is not as `only`: `differ`.

    With an address `recorded` answers are compared with the numbers of 64 bits that lie there instead.
    """
    ret = faults = state = rest = 0
    for row in range(count):
        at = row * RS_WORDS
        faults |= words[at + RS_FAULTS] ^ only[RS_FAULTS]
        state |= words[at + RS_STATE] ^ only[RS_STATE]
        rest |= words[at + RS_REST] ^ only[RS_REST]
        answer = only[RS_RET] if recorded == 0 else read64(recorded, row)
        ret |= words[at + RS_RET] ^ answer
    differ[RS_RET] = ret
    differ[RS_FAULTS] = faults
    differ[RS_STATE] = state
    differ[RS_REST] = rest
    return count
