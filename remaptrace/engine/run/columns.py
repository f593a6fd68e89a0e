"""Results, chunk by chunk: the rows that the loop writes, and the columns that are gathered of them."""

from __future__ import annotations

import sys

import numpy as np

from ...abi.rows import (
    RC_DATA,
    RC_LOCKED,
    RC_STACK,
    RC_TOTAL,
    RC_WORDS,
    RS_FAULTS,
    RS_REST,
    RS_RET,
    RS_STATE,
    RS_WORDS,
)
from ...trace.compiled import pays
from ...trace.events import repeated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

# column: its word of a result row, its lowest bit there, its type
_FIELDS: dict[str, tuple[int, int, type[np.integer[Any]]]] = {
    "ret": (RS_RET, 0, np.int64),
    "outcome": (RS_STATE, 56, np.uint8),
    "minor": (RS_FAULTS, 0, np.int32),
    "major": (RS_FAULTS, 32, np.int32),
    "map_count": (RS_STATE, 0, np.int32),
    "value": (RS_STATE, 32, np.int16),
    "flags": (RS_STATE, 48, np.uint8),
    "why": (RS_REST, 0, np.uint8),
}
_PRESENT_BITS = 8  # where VmRSS begins in RS_REST
COUNTERS = {"total_vm": RC_TOTAL, "data_vm": RC_DATA, "stack_vm": RC_STACK, "locked_vm": RC_LOCKED}


def _byte_of(word: int, bit: int, dtype: type[np.integer[Any]]) -> int:
    """Where the bits of a word from `bit` on are in memory, of a row that begins at 0."""
    size = np.dtype(dtype).itemsize
    return word * 8 + (bit // 8 if sys.byteorder == "little" else 8 - bit // 8 - size)


_ROW = np.dtype(
    {
        "names": list(_FIELDS),
        "formats": [dtype for _, _, dtype in _FIELDS.values()],
        "offsets": [_byte_of(*field) for field in _FIELDS.values()],
        "itemsize": RS_WORDS * 8,
    }
)


class Rows:
    """Room for the results of a chunk, written over by the next one; counters too where they are wanted."""

    def __init__(self, events: int, counted: bool) -> None:
        self.words = np.empty(events * RS_WORDS, dtype=np.int64)
        self.counts = np.empty((events if counted else 1) * RC_WORDS, dtype=np.int64)
        self.counted = counted

    def first(self, events: int) -> Part:
        """The first rows, as the loop left them."""
        return Part(self, events)


class Part:
    """Results of the events of a chunk, until the next one is replayed."""

    def __init__(self, rows: Rows, events: int) -> None:
        self._rows = rows
        self._fields = rows.words[: events * RS_WORDS].view(_ROW)

    def __len__(self) -> int:
        return len(self._fields)

    @property
    def words(self) -> npt.NDArray[np.int64]:
        """The rows, word behind word."""
        return self._rows.words[: len(self) * RS_WORDS]

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of `Result.columns`, as its bits are."""
        if name in COUNTERS:
            return self._rows.counts.reshape(-1, RC_WORDS)[: len(self), COUNTERS[name]]
        if name == "rss":
            return self._rows.words.reshape(-1, RS_WORDS)[: len(self), RS_REST] >> _PRESENT_BITS
        return self._fields[name]


class _Column:
    """A column of `Result.columns`: it takes memory from the first chunk on that has another number than before.

    With `like`, a column of as many numbers of the same type, from the first chunk on that is not equal to that.
    """

    def __init__(
        self, events: int, dtype: type[np.integer[Any]], like: npt.NDArray[np.integer[Any]] | None = None
    ) -> None:
        self._events, self._dtype = events, dtype
        self._numbers: npt.NDArray[np.integer[Any]] | None = None
        self._only: npt.NDArray[np.integer[Any]] = np.zeros(1, dtype)
        self._like = like if like is not None and like.dtype == dtype else None
        self._done = 0

    @property
    def place(self) -> int:
        """Where the numbers of `like` lie that those of the next events are compared with; 0: nowhere."""
        if self._like is None or not self._done or not self._like.flags.carray:
            return 0
        start: int = self._like.__array_interface__["data"][0]
        return start + self._done * self._like.itemsize

    @property
    def goes_on(self) -> bool:
        """Whether the next numbers need not be kept if they are as those before them, or as those at `place`."""
        return self._done > 0 and self._numbers is None and (self._like is None or self.place != 0)

    def go_on(self, count: int) -> None:
        """As `add`, of numbers that are so."""
        self._done += count

    def add(self, values: npt.NDArray[Any]) -> None:
        """Those of the next events."""
        first, last = self._done, self._done + len(values)
        self._done = last
        if self._numbers is None:
            if self._like is not None:
                if _are_equal(values, self._like[first:last]):
                    return
                if first == 0:
                    self._like = None
            if first == 0:
                self._only[:] = values[:1]
            if self._like is None and _are_equal(values, self._only):
                return
            self._numbers = np.empty(self._events, self._dtype)
            self._numbers[:first] = self._only if self._like is None else self._like[:first]
        self._numbers[first:last] = values

    def whole(self) -> npt.NDArray[np.integer[Any]]:
        """Of all events so far."""
        if self._numbers is not None:
            return self._numbers[: self._done]
        if self._like is None or not self._done:
            return repeated(self._only, self._done)
        shared = self._like[: self._done]
        shared.flags.writeable = False
        return shared


def _are_equal(values: npt.NDArray[Any], others: npt.NDArray[Any]) -> bool:
    """Whether two columns are the same, or all values the only one of `others`; what differs mostly does at the end."""
    if len(values) and values[-1] != others[-1]:
        return False
    return bool(np.logical_and.reduce(values == others))


class Columns:
    """The columns of a result, each as narrow as its numbers are: takes one chunk after the other."""

    def __init__(
        self,
        events: int,
        counters: bool,
        resident: bool = False,
        recorded: npt.NDArray[np.integer[Any]] | None = None,
    ) -> None:
        """`events`: how many there will be. `counters`, `resident`: those of `Result.columns` that few ask for.

        `recorded`: answers that may be those of the replay, too, which are then not written down a second time.
        """
        more = [*(COUNTERS if counters else ()), *(["rss"] if counters or resident else ())]
        self._columns = {
            **{
                name: _Column(events, dtype, recorded if name == "ret" else None)
                for name, (_, _, dtype) in _FIELDS.items()
            },
            **{name: _Column(events, np.int64) for name in more},
        }
        self._in_one_pass = pays("eventrows.differences", events)
        self._first = np.zeros(0, dtype=np.int64)

    def add(self, rows: Part) -> None:
        """The results of the next events."""
        alike = self._alike(rows) if self._in_one_pass and len(rows) else frozenset()
        for name, column in self._columns.items():
            if name in alike:
                column.go_on(len(rows))
            else:
                column.add(rows.column(name))

    def _alike(self, rows: Part) -> frozenset[str]:
        """Columns of which nothing is to be kept, as machine code tells of all at once."""
        if not len(self._first):
            self._first = rows.words[:RS_WORDS].copy()
            return frozenset()
        from ...trace.compiled.eventrows import differences

        differ = np.zeros(RS_WORDS, dtype=np.int64)
        differences(rows.words, len(rows), self._first, self._columns["ret"].place, differ)
        bits = differ.tolist()
        return frozenset(
            name
            for name, (word, bit, dtype) in _FIELDS.items()
            if self._columns[name].goes_on and not bits[word] >> bit & (1 << 8 * np.dtype(dtype).itemsize) - 1
        )

    def whole(self) -> dict[str, npt.NDArray[np.integer[Any]]]:
        """Every column, of all events so far; nothing is to be written into them."""
        return {name: column.whole() for name, column in self._columns.items()}
