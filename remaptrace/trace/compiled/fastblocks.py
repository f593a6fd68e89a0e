"""Blocks of events that machine code narrows: once over a row for what it spans, once to copy it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from ..eventblocks import BLOCK, FIELDS, EventBlocks, Growing
from ..events import IntArray
from .blockcolumns import C_ROOM, C_SPAN, C_USED, GROWING_WORDS, append_block
from .columnwords import C_PLACE, C_WIDTH

if TYPE_CHECKING:
    from ...machinecode.load import Function

_APPEND = cast("Function", append_block)


class FastBlocks(EventBlocks):
    """`EventBlocks` for readers whose machine code is at hand: the same columns.

    `table`: its columns as machine code takes them, which may put blocks into them itself, as `put_block` does.
    """

    def __init__(self, most: int = BLOCK) -> None:
        super().__init__(most)
        self.table = np.zeros((len(FIELDS), GROWING_WORDS), dtype=np.int64)

    def taken(self, before: int, used: int) -> None:
        """Machine code has put blocks into the columns: so many events stand there, and so many in the block."""
        if before != self._before:
            for column in self._columns:
                column.used = before
        self._before, self.used = before, used

    def append(self, columns: Sequence[Growing]) -> None:
        """As `EventBlocks.append`."""
        block, table = _APPEND.words_of(self.block), _APPEND.words_of(self.table)
        row = 0
        while (row := _APPEND.with_words([*block, self.used, row, *table])) < len(columns):
            self._make_room(columns[row], row)
        used = int(self.table[0, C_USED])
        for column in columns:
            column.used = used

    def finish(self) -> dict[str, IntArray]:
        """As `EventBlocks.finish`."""
        columns = super().finish()
        self.table[:] = 0
        return columns

    def _make_room(self, column: Growing, row: int) -> None:
        span = int(self.table[row, C_SPAN])
        memory = column.hold(self.used, ~span, span)
        self.table[row, C_PLACE] = memory.__array_interface__["data"][0]
        self.table[row, C_WIDTH] = memory.itemsize
        self.table[row, C_ROOM] = len(memory)
