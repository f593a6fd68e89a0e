"""Columns as machine code takes them (`columnwords`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..events import IntArray
from .columnwords import C_PLACE, C_WIDTH, UNSIGNED
from .jit import Words


def described(columns: Mapping[str, IntArray], names: Sequence[str]) -> Words | None:
    """A table with a row for each of `names` (C_PLACE, C_WIDTH), good as long as the columns live.

    None where one of them does not lie as machine code reads it: number behind number, in this machine's order.
    """
    length = len(columns[names[0]])
    table = np.zeros((len(names), 2), dtype=np.int64)
    for row, name in zip(table, names, strict=True):
        column = columns[name]
        flags, kind = column.flags, column.dtype
        if column.ndim != 1 or not (flags.c_contiguous and flags.aligned) or not kind.isnative:
            return None
        if kind.kind not in "iu" or len(column) != length:
            return None
        row[C_PLACE] = column.__array_interface__["data"][0]
        row[C_WIDTH] = kind.itemsize + (UNSIGNED if kind.kind == "u" and kind.itemsize < 8 else 0)
    return table
