"""The columns of a result, gathered chunk by chunk, each as narrow as its numbers are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...abi.rows import (
    RS_COUNT,
    RS_DATA,
    RS_FLAGS,
    RS_LOCKED,
    RS_MAJOR,
    RS_MINOR,
    RS_OUTCOME,
    RS_RET,
    RS_RSS,
    RS_STACK,
    RS_TOTAL,
    RS_VALUE,
    RS_WHY,
)

if TYPE_CHECKING:
    import numpy.typing as npt


_NARROW: tuple[tuple[str, int, type[np.integer[Any]]], ...] = (
    ("ret", RS_RET, np.int64),
    ("outcome", RS_OUTCOME, np.uint8),
    ("minor", RS_MINOR, np.int32),
    ("major", RS_MAJOR, np.int32),
    ("map_count", RS_COUNT, np.int32),
    ("value", RS_VALUE, np.int16),
    ("flags", RS_FLAGS, np.uint8),
    ("why", RS_WHY, np.uint8),
)
_COUNTERS = (
    ("total_vm", RS_TOTAL),
    ("data_vm", RS_DATA),
    ("stack_vm", RS_STACK),
    ("locked_vm", RS_LOCKED),
)
_LIMITS = {dtype: (np.iinfo(dtype).min, np.iinfo(dtype).max) for _, _, dtype in _NARROW}
_RESIDENT = (("rss", RS_RSS),)


class Columns:
    """Takes the result rows of one chunk after the other."""

    def __init__(self, events: int, counters: bool, resident: bool = False) -> None:
        """`events`: how many there will be. `counters` and `resident`: those of `Result.columns` that few ask for."""
        self._wanted: list[tuple[str, int, type[np.integer[Any]]]] = list(_NARROW)
        more = (*(_COUNTERS if counters else ()), *(_RESIDENT if counters or resident else ()))
        self._wanted += [(name, word, np.int64) for name, word in more]
        self._columns: dict[str, npt.NDArray[np.integer[Any]]] = {
            name: np.empty(events, dtype) for name, _, dtype in self._wanted
        }
        self._done = 0

    def add(self, rows: npt.NDArray[np.int64]) -> None:
        """The rows (RS_*) of the next events."""
        for name, word, dtype in self._wanted:
            self._columns[name][self._done : self._done + len(rows)] = _narrowed(rows[:, word], dtype)
        self._done += len(rows)

    def whole(self) -> dict[str, npt.NDArray[np.integer[Any]]]:
        """Every column, of all events so far."""
        return {name: column[: self._done] for name, column in self._columns.items()}


def _narrowed(column: npt.NDArray[np.int64], dtype: type[np.integer[Any]]) -> npt.NDArray[Any]:
    """`column`, to be taken as `dtype`; counts that do not fit stay at the type's limits."""
    if dtype is np.int64:
        return column
    low, high = _LIMITS[dtype]
    return np.minimum(np.maximum(column, low), high)
