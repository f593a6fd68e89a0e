"""Records: what one tracepoint hit says, however it was printed.

An int64 matrix, one row a field (R_*), one column a record, in the order of the text. The readers of
ftrace and perf text make it; `kernelevents` turns it into a trace.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ...lateclasses import dataclass, field
from ..events import Skipped
from .plan import CallNames

Records = npt.NDArray[np.int64]

(R_OP, R_TID, R_TGID, R_TIME, R_CALL, R_A0, R_A1, R_A2, R_A3, R_A4, R_A5, R_LINE, R_COMM) = range(13)
RECORD_WORDS = 13
# R_TGID 0: not printed. R_TIME: ns, -1: none. R_COMM: span of the task's name in the text, see `span`.

OP_ENTER = 1  # R_CALL, R_A0..R_A5 registers
OP_EXIT = 2  # R_CALL, R_A0 result
OP_FAULT = 3  # R_A0 address, R_A1 error code (-1: not recorded), R_A2 instruction
OP_SIGNAL = 4  # R_A0 number, R_A1 code
OP_FORK = 5  # R_A0 child, R_A1 child's thread group or 0
OP_NEWTASK = 6  # R_A0 child, R_A1 clone flags
OP_EXEC = 7  # R_A0 tid after it, R_A1 tid before it, R_A2 span of the file name
OP_TASK_EXIT = 8  # R_A0 the task, R_A1 1: the last of its group, 0: not, -1: not recorded
OP_LOST = 9  # R_A0 how many records the recorder lost, 0: it does not say

SPAN_BITS = 16
LONGEST_LINE = 8192
"""Bytes beyond which a line is no line of a recorder: paths have at most 4,096."""


_HALF = 1 << 63


def _word(value: int) -> int:
    return (value + _HALF) % (2 * _HALF) - _HALF


class Rows:
    """Records that are collected one by one, eight bytes a number: a text may have millions of odd lines."""

    def __init__(self) -> None:
        self._words = array("q")
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, row: tuple[int, ...]) -> None:
        """One more. Numbers are words: what is printed as 2^63 or more is negative."""
        try:
            self._words.extend(row)
        except OverflowError:
            del self._words[self._count * RECORD_WORDS :]
            self._words.extend(map(_word, row))
        self._count += 1

    def matrix(self) -> Records:
        """All of them, a column each."""
        words = np.array(self._words, dtype=np.int64)
        return np.ascontiguousarray(words.reshape(self._count, RECORD_WORDS).T)


def matrix(rows: Iterable[tuple[int, ...]]) -> Records:
    """Some records, a column each."""
    collected = Rows()
    for row in rows:
        collected.append(row)
    return collected.matrix()


def span(start: int, end: int) -> int:
    """A piece of the text as one word."""
    return start << SPAN_BITS | min(end - start, (1 << SPAN_BITS) - 1)


def text_of(data: bytes, packed: int) -> str:
    """The text of a span."""
    start = packed >> SPAN_BITS
    return data[start : start + (packed & ((1 << SPAN_BITS) - 1))].decode("utf-8", "replace")


@dataclass
class KernelText:
    """The records of one text, and what its reader learned beside them."""

    data: bytes
    records: Records
    calls: CallNames
    arch: str | None = None
    kernel: str | None = None
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    has_times: bool = True
    untold_returns: npt.NDArray[np.bool_] | None = None
    """Records whose time is not that of the return, which the text does not tell; None: there are none."""
    programs: dict[int, str] = field(default_factory=dict)
    """Paths that texts with strings name, by the line of the entry of the execve."""
