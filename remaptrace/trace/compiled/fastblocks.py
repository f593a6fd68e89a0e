"""Blocks of events that machine code narrows: once over a row for what it spans, once to copy it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from ..eventblocks import FIELDS, EventBlocks, Growing
from .blockcolumns import C_ROOM, C_SPAN, C_USED, GROWING_WORDS, append_block
from .columnwords import C_PLACE, C_WIDTH

if TYPE_CHECKING:
    from ...machinecode.load import Function

_APPEND = cast("Function", append_block)


class FastBlocks(EventBlocks):
    """`EventBlocks` for readers whose machine code is at hand: the same columns."""

    def __init__(self) -> None:
        super().__init__()
        self._table = np.zeros((len(FIELDS), GROWING_WORDS), dtype=np.int64)

    def append(self, columns: Sequence[Growing]) -> None:
        """As `EventBlocks.append`."""
        block, table = _APPEND.words_of(self.block), _APPEND.words_of(self._table)
        if not columns[0].used:  # new ones
            self._table[:] = 0
        row = 0
        while (row := _APPEND.with_words([*block, self.used, row, *table])) < len(columns):
            self._make_room(columns[row], row)
        used = int(self._table[0, C_USED])
        for column in columns:
            column.used = used

    def _make_room(self, column: Growing, row: int) -> None:
        span = int(self._table[row, C_SPAN])
        memory = column.hold(self.used, ~span, span)
        self._table[row, C_PLACE] = memory.__array_interface__["data"][0]
        self._table[row, C_WIDTH] = memory.itemsize
        self._table[row, C_ROOM] = len(memory)
