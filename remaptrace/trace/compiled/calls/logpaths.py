"""Paths that stand in a log, for following its lines: where, and which string each is."""

from __future__ import annotations

from mmap import mmap
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from ...filetypes import file_type
from ..followstate import PATH_LENGTH
from ..stracefollow import add_path

if TYPE_CHECKING:
    from ....machinecode.load import Function

_ADD_PATH = cast("Function", add_path)
_BUCKETS = 1 << 16


class LogPaths:
    """`table` and `buckets` are `paths` and `buckets` of `followstate`; `text` is the log as words of `add_path`."""

    def __init__(self, data: bytes | mmap, text: list[int]) -> None:
        self._data, self._text = data, text
        self.table: npt.NDArray[np.int64] = np.zeros((1024, 3), dtype=np.int64)
        self.buckets: npt.NDArray[np.int32] = np.zeros(_BUCKETS, dtype=np.int32)
        self._words = _ADD_PATH.words_of(self.table, self.buckets)

    def text_at(self, span: int) -> bytes:
        """What stands at `span`; nothing at 0."""
        start = span >> 24
        return self._data[start : start + (span & PATH_LENGTH)]

    def make_room(self, strings: int) -> None:
        """Let the table hold so many strings: it may be another one then."""
        if strings > len(self.table):
            self.table = np.concatenate([self.table, np.zeros_like(self.table)])
            self._words = _ADD_PATH.words_of(self.table, self.buckets)

    def add(self, span: int, number: int, path: str) -> bool:
        """String `number`, which is `path`, stands at `span`. False: it is known from elsewhere, or 0, no string."""
        if not number or self.table[number, 0]:
            return False
        _ADD_PATH.with_words([*self._text, span, number, file_type(path, shown=True), *self._words])
        return True
