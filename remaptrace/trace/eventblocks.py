"""Event columns that grow block by block and end as narrow as their values allow.

A block is one int64 matrix with a row a column, so that compiled readers fill it without a look-up. A full
block is narrowed to the smallest integer types that hold it; `finish` joins the blocks column by column.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..abi.kinds import EVF_HAS_RET
from .events import COLUMNS, IntArray, signed

FIELDS = (*COLUMNS, "line", "time", "source")
"""The rows of a block."""


BLOCK = (1 << 14) - 40  # no power of two: the rows of a block would meet in the same cache sets

_SIGNED = (np.int8, np.int16, np.int32, np.int64)


def narrow(column: npt.NDArray[np.int64]) -> IntArray:
    """A copy of `column` in the narrowest signed type that holds all its values."""
    low, high = (int(column.min()), int(column.max())) if len(column) else (0, 0)
    for kind in _SIGNED:
        info = np.iinfo(kind)
        if info.min <= low and high <= info.max:
            return column.astype(kind)
    raise AssertionError("int64 holds every int64")


class EventBlocks:
    """Events in the order in which they are added; memory is about that of the finished columns."""

    def __init__(self) -> None:
        self.block = np.zeros((len(FIELDS), BLOCK), dtype=np.int64)
        self.used = 0
        self._full: list[list[IntArray]] = [[] for _ in FIELDS]
        self._before = 0
        self.source = 0

    def __len__(self) -> int:
        return self._before + self.used

    def add(
        self,
        kind: int,
        task: int,
        args: Sequence[int] = (),
        ret: int | None = None,
        flags: int = 0,
        line: int = 0,
        time: int = 0,
    ) -> None:
        """Append an event. Values of more than 63 bits become signed words."""
        if self.used == BLOCK:
            self.flush()
        if ret is not None:
            flags |= EVF_HAS_RET
        padding = (0,) * (6 - len(args))
        words = (kind, task, *map(signed, args), *padding, signed(ret or 0), flags, line, time, self.source)
        self.block[:, self.used] = words
        self.used += 1

    def room(self) -> int:
        """How many events the current block still takes."""
        return BLOCK - self.used

    def flush(self) -> None:
        """Narrow the current block and begin another."""
        if self.used:
            for number, pieces in enumerate(self._full):
                pieces.append(narrow(self.block[number, : self.used]))
            self._before += self.used
            self.used = 0

    def finish(self) -> dict[str, IntArray]:
        """All columns; `time` only if some event has one. The blocks are given up."""
        self.flush()
        columns: dict[str, IntArray] = {}
        for name, pieces in zip(FIELDS, self._full, strict=True):
            columns[name] = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int8)
            pieces.clear()
        if not columns["time"].any():
            del columns["time"]
        return columns
