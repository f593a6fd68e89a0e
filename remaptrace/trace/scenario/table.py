"""Events under construction: rows, those of loops in whole arrays, and the tables beside them."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ...abi.kinds import EVF_MADE
from ..events import COLUMNS, RELOCATION_DTYPE, TASK_DTYPE, Expectation, Trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, overload

    import numpy.typing as npt

    from .loops import IntArray, Value


WIDTH = len(COLUMNS)

_KEPT = 1 << 16
"""Expectations up to which they are kept as objects: several stages go through them."""


def octets_of(row: Sequence[int]) -> bytes:
    """A row of the table as it lies in memory; numbers of 64 bits without a sign become such that have one."""
    try:
        return array("q", row).tobytes()
    except OverflowError:
        return array("q", (v - (1 << 64) if v >> 63 > 0 else v for v in row)).tobytes()


class Expectations(Sequence[Expectation]):
    """The expectations of a scenario by event; those of a loop are made when they are asked for."""

    def __init__(self, rows: list[tuple[Any, int, int, dict[str, Any], dict[str, dict[str, Any]]]]) -> None:
        self._rows = rows
        self._made: list[Expectation] | None = None
        self._order: npt.NDArray[np.int64] | None = None  # (row, turn) by event, if there are loops
        if any(not isinstance(r[0], int) for r in rows):
            pairs = [
                np.stack((np.full(np.size(r[0]), i), np.arange(np.size(r[0])))) for i, r in enumerate(rows)
            ]
            events = np.concatenate([np.atleast_1d(np.asarray(r[0], dtype=np.int64)) for r in rows])
            last = np.where(events < 0, np.iinfo(np.int64).max, events)
            self._order = np.concatenate(pairs, axis=1)[:, np.argsort(last, kind="stable")]

    def __len__(self) -> int:
        return len(self._rows) if self._order is None else self._order.shape[1]

    def __iter__(self) -> Iterator[Expectation]:
        if self._made is not None:
            return iter(self._made)
        if self._order is None and len(self._rows) <= _KEPT:
            self._made = [Expectation(*row) for row in self._rows]
            return iter(self._made)
        return (self[i] for i in range(len(self)))

    def rows(self) -> Iterable[tuple[int, int, int, dict[str, Any], dict[str, dict[str, Any]]]]:
        """The same as `answers.told` has them."""
        if self._order is None:
            return self._rows
        return ((e.event, e.step, e.line, e.fields, e.on) for e in self)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: int) -> Expectation: ...
        @overload
        def __getitem__(self, index: slice) -> list[Expectation]: ...

    def __getitem__(self, index: int | slice) -> Expectation | list[Expectation]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if self._order is None:
            return Expectation(*self._rows[index])
        row, turn = (int(x) for x in self._order[:, index])
        event, step, line, fields, on = self._rows[row]
        if isinstance(event, int):
            return Expectation(event, step, line, fields, on)
        return Expectation(
            int(event[turn]), step, line, _at(fields, turn), {k: _at(f, turn) for k, f in on.items()}
        )


def _at(fields: dict[str, Any], turn: int) -> dict[str, Any]:
    return {k: int(v[turn]) if isinstance(v, np.ndarray) else v for k, v in fields.items()}


class EventTable:
    """Collects the events of one scenario; `events` is the event, or those of all turns, at work."""

    def __init__(self) -> None:
        self.flat = array("q")
        self.lines = array("i")
        self.count = 0
        self.events: Value = 0
        self.strings: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}
        self.tasks: list[tuple[int, int, int, int]] = []
        self.pids: dict[int, int] = {}
        self.task = 0
        self.top: list[tuple[int, str]] = []  # event and operation of each entry of `steps`
        self.loops: list[tuple[IntArray, int, tuple[Value, ...]]] = []  # events, line, row
        self.relocations: list[tuple[Value, int, Value, int]] = []
        self.expects: list[tuple[Value, int, int, dict[str, Any], dict[str, dict[str, Any]]]] = []

    def string(self, text: str) -> int:
        """The number of `text` in the table of strings."""
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = len(self.strings)
            self.strings.append(text)
        return number

    def emit(self, row: tuple[Value, ...], line: int) -> None:
        """One event (or one for each turn of the loops) with the ten columns of `row`."""
        if not isinstance(self.events, int):
            self.loops.append((self.events, line, row))
            return
        self.append(row, line)  # type: ignore[arg-type]

    def note_step(self, event: int, operation: str) -> None:
        """Remember the event of the next entry of `steps`, for references by number."""
        self.top.append((event, operation))

    def append(self, row: Sequence[int], line: int) -> None:
        """One event outside loops."""
        self.flat.frombytes(octets_of(row))
        self.lines.append(line)
        self.count += 1
        self.events = self.count

    def append_octets(self, octets: bytes, line: int) -> None:
        """The same of a row as `octets_of` gives it: by the process at work, whichever the row names."""
        if self.task:
            octets = octets[:8] + self.task.to_bytes(8, sys.byteorder) + octets[16:]
        self.flat.frombytes(octets)
        self.lines.append(line)
        self.count += 1
        self.events = self.count

    def made(self, kind: int, args: Sequence[int]) -> None:
        """An event that no step stands for."""
        row = (kind, self.task, *args, *(0,) * (6 - len(args)), 0, EVF_MADE)
        self.emit(row, 0)

    def process(self, pid: int, parent: int = -1) -> int:
        """A new process; its row in the table of tasks."""
        self.tasks.append((pid, pid, 0, parent))
        self.pids[pid] = len(self.tasks) - 1
        return len(self.tasks) - 1

    def finish(self, **fields: Any) -> Trace:
        """The trace of all events so far."""
        table = np.frombuffer(self.flat, dtype=np.int64).reshape(-1, WIDTH)
        if self.loops:
            table = table.copy()
        lines = np.array(self.lines, dtype=np.int32)
        for events, line, row in self.loops:
            lines[events] = line
            for column, value in enumerate(row):
                wide = isinstance(value, int) and value >> 63 > 0
                table[events, column] = value - (1 << 64) if wide else value
        columns: dict[str, Any] = dict(zip(COLUMNS, table.T.copy(), strict=True))
        columns["line"] = lines
        columns["source"] = np.zeros(len(table), dtype=np.uint8)
        return Trace(
            columns,
            np.array(self.tasks, dtype=TASK_DTYPE),
            self.strings,
            relocations=self._relocation_table(),
            expects=Expectations(self.expects),
            **fields,
        )

    def _relocation_table(self) -> npt.NDArray[np.void] | None:
        if not self.relocations:
            return None
        if not self.loops:
            table = np.array(self.relocations, dtype=RELOCATION_DTYPE)
            return table[np.argsort(table["event"], kind="stable")]
        parts = []
        for events, arg, source, addend in self.relocations:
            part = np.zeros(np.size(events), dtype=RELOCATION_DTYPE)
            part["event"], part["arg"], part["source"], part["addend"] = events, arg, source, addend
            parts.append(part)
        table = np.concatenate(parts)
        return table[np.argsort(table["event"], kind="stable")]
