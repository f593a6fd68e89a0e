"""Event columns that grow block by block and end as narrow as their values allow.

A block is one int64 matrix with a row a column, so that compiled readers fill it without a look-up. A full
block is narrowed to the smallest integer types that hold it, and goes to the end of its columns, which grow where they
lie: nothing is copied when the log ends.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..abi.kinds import EVF_HAS_RET
from .events import COLUMNS, IntArray, signed

FIELDS = (*COLUMNS, "line", "time", "source", "other_end")
"""The rows of a block."""


BLOCK = (1 << 14) - 40  # no power of two: the rows of a block would meet in the same cache sets

_SIGNED: tuple[tuple[np.dtype[np.signedinteger[Any]], int], ...] = tuple(
    (np.dtype(kind), int(np.iinfo(kind).max)) for kind in (np.int8, np.int16, np.int32, np.int64)
)
"""Signed types and the greatest value of each, the narrowest first."""
_FIRST_ROOM = 1 << 16  # bytes


def narrowest(column: npt.NDArray[np.int64]) -> np.dtype[np.signedinteger[Any]]:
    """The narrowest signed type that holds all values of `column`."""
    low, high = (int(column.min()), int(column.max())) if len(column) else (0, 0)
    return _holding(low, high)


def _holding(low: int, high: int) -> np.dtype[np.signedinteger[Any]]:
    most = max(high, ~low)
    for kind, greatest in _SIGNED:
        if most <= greatest:
            return kind
    raise AssertionError("int64 holds every int64")


def narrow(column: npt.NDArray[np.int64]) -> IntArray:
    """A copy of `column` in that type."""
    return column.astype(narrowest(column))


def _anonymous(size: int) -> mmap.mmap:
    """Private memory of `size` bytes; shared memory, Python's default, could not grow. In small pages: a large one that
    nobody has used for a while may have to be brought by the host first, which takes longer than faults of small ones.
    """
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class Growing:
    """A column that grows in anonymous memory: the kernel moves its pages, their content stays (mremap).

    `used`: how many numbers it has.
    """

    def __init__(self) -> None:
        self._dtype: np.dtype[np.signedinteger[Any]] = np.dtype(np.int8)
        self.used = 0
        self._memory = _anonymous(_FIRST_ROOM)

    def hold(self, more: int, low: int, high: int) -> IntArray:
        """Its memory, made such that `more` numbers between `low` and `high` fit behind those it has.

        A wider type takes the column over when they need it. No array of it may be alive that was given before.
        """
        kind = _holding(low, high)
        if kind.itemsize > self._dtype.itemsize:
            self._widen(kind)
        end = (self.used + more) * self._dtype.itemsize
        if end > len(self._memory):
            self._memory.resize(max(end, 2 * len(self._memory)))
        return np.frombuffer(self._memory, self._dtype)

    def append(self, values: npt.NDArray[np.int64], low: int, high: int) -> None:
        """Values between `low` and `high` at the end."""
        self.hold(len(values), low, high)[self.used : self.used + len(values)] = values
        self.used += len(values)

    def _widen(self, kind: np.dtype[np.signedinteger[Any]]) -> None:
        old = np.frombuffer(self._memory, self._dtype, self.used)
        room = len(self._memory) // self._dtype.itemsize * kind.itemsize
        memory = _anonymous(room)
        np.frombuffer(memory, kind, self.used)[:] = old
        self._dtype, self._memory = kind, memory

    def finished(self) -> IntArray:
        """The column."""
        return np.frombuffer(self._memory, self._dtype, self.used)


class EventBlocks:
    """Events in the order in which they are added; memory is that of the finished columns.

    `most`: how many events a block takes.
    """

    def __init__(self, most: int = BLOCK) -> None:
        self.most = most
        self.block = np.zeros((len(FIELDS), most), dtype=np.int64)
        self.used = 0
        self._columns = [Growing() for _ in FIELDS]
        self._before = 0
        self.source = 0
        self.other_end = 0
        """When the call whose events are added had its other end, ns: 0 unknown."""

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
        if self.used == self.most:
            self.flush()
        if ret is not None:
            flags |= EVF_HAS_RET
        padding = (0,) * (6 - len(args))
        places = (line, time, self.source, self.other_end)
        words = (kind, task, *map(signed, args), *padding, signed(ret or 0), flags, *places)
        self.block[:, self.used] = words
        self.used += 1

    def room(self) -> int:
        """How many events the current block still takes."""
        return self.most - self.used

    def flush(self) -> None:
        """Narrow the current block and begin another."""
        if self.used:
            self.append(self._columns)
            self._before += self.used
            self.used = 0

    def append(self, columns: Sequence[Growing]) -> None:
        """What the block has goes to the end of its `columns`."""
        values = self.block[:, : self.used]
        bounds = zip(values.min(axis=1).tolist(), values.max(axis=1).tolist(), strict=True)
        for column, row, (low, high) in zip(columns, values, bounds, strict=True):
            column.append(row, low, high)

    def finish(self) -> dict[str, IntArray]:
        """All columns; `time` and `other_end` only if some event has one. The blocks are given up."""
        self.flush()
        columns = {name: one.finished() for name, one in zip(FIELDS, self._columns, strict=True)}
        self._columns = [Growing() for _ in FIELDS]
        for name in ("time", "other_end"):
            if not columns[name].any():
                del columns[name]
        return columns
