"""A rewritten trace: the events that stay, by number, and those that are new."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..abi import kinds as ev
from ..lateclasses import dataclass, field, replace
from ..trace.eventblocks import narrowest
from ..trace.events import COLUMNS, IntArray, Trace, repeated
from .row import Row
from .rows import Rows
from .walk import Written

Words = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rewritten:
    """A rewritten trace. `origin`: for each of its events, the event before rewriting.

    `counts` says in numbers what was done, `notes` in words what could not be.
    """

    trace: Trace
    origin: Words
    counts: dict[str, int]
    notes: tuple[str, ...] = ()


def _new_columns(rows: Rows, origin: Words, where: Words, words: Words) -> dict[str, IntArray]:
    """The columns of a trace whose events stand for events `origin`; those at `where` have the words of `words`."""
    columns = {
        name: column
        for name, column in rows.told.columns.items()
        if name != "other_end"  # nobody measured how long the new calls take
    }
    if len(origin) != len(rows) or len(where) or not np.array_equal(origin, np.arange(len(rows))):
        columns = {
            name: repeated(column, len(origin)) if column.strides == (0,) else column.take(origin)
            for name, column in columns.items()
        }
    if len(where):
        for i, name in enumerate(COLUMNS):
            new = words[:, i]
            columns[name] = columns[name].astype(
                np.promote_types(columns[name].dtype, narrowest(new)), copy=False
            )
            columns[name][where] = new
    return columns


def finished(
    rows: Rows,
    origin: Words,
    where: Words,
    words: Words,
    name: str,
    counts: dict[str, int],
    notes: list[str],
) -> Rewritten:
    """The trace that the pass `name` made. Truth, map files and expectations of the old one do not hold for it."""
    t = rows.trace
    columns = _new_columns(rows, origin, where, words)
    flags = columns["flags"]
    if (flags & ev.EVF_EXPECT_TRUTH).any():
        flags = flags & ~np.int64(ev.EVF_EXPECT_TRUTH)
    if t.taken is not None and t.taken.any():
        flags = flags | np.where(t.taken[origin], np.int64(ev.EVF_TAKEN), 0)
    columns["flags"] = flags
    columns.setdefault("origin", origin)
    trace = replace(
        t,
        columns=columns,
        name=f"{t.name} ({name})" if t.name else name,
        recorded=True,
        truth=None,
        relocations=None,
        expects=(),
        maps=[],
        taken=None,
        notes=[*t.notes, *notes],
    )
    return Rewritten(trace, origin, counts, tuple(notes))


def kept(rows: Rows, origin: Words, name: str, counts: dict[str, int], notes: list[str]) -> Rewritten:
    """The trace of which the pass `name` keeps events `origin`, as they are."""
    none = np.zeros(0, dtype=np.int64)
    return finished(rows, origin, none, none.reshape(0, len(COLUMNS)), name, counts, notes)


def of_walk(rows: Rows, written: Written, name: str, counts: dict[str, int], notes: list[str]) -> Rewritten:
    """The trace that a compiled pass wrote."""
    return finished(rows, written.origin, written.where, written.words, name, counts, notes)


@dataclass
class Output:
    """The new table under construction."""

    rows: Rows  # of the trace before, with the results and addresses that hold
    origin: list[int] = field(default_factory=list)
    changed: dict[int, Row] = field(default_factory=dict)  # new event number: its row
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def keep(self, event: int) -> None:
        """The event stays as it is."""
        self.origin.append(event)

    def emit(self, event: int, row: Row) -> None:
        """A new event that stands for `event`."""
        self.changed[len(self.origin)] = row
        self.origin.append(event)

    def call(self, event: int, task: int, kind: int, *args: int, ret: int | None = None) -> None:
        """A new system call that stands for `event`; `ret`: where a mapping must lie."""
        flags = ev.EVF_MADE | (ev.EVF_HAS_RET if ret is not None else 0)
        a0, a1, a2, a3, a4, a5 = (*args, *(0,) * (6 - len(args)))
        self.emit(event, Row(kind, task, a0, a1, a2, a3, a4, a5, ret or 0, flags))

    def count(self, what: str, more: int = 1) -> None:
        """Add to a number of the summary."""
        self.counts[what] = self.counts.get(what, 0) + more

    def note(self, text: str) -> None:
        """Say once what could not be done."""
        if text not in self.notes:
            self.notes.append(text)

    def finish(self, name: str) -> Rewritten:
        """The trace."""
        where = np.fromiter(self.changed, dtype=np.int64, count=len(self.changed))
        words = np.array(list(self.changed.values()), dtype=np.int64).reshape(-1, len(COLUMNS))
        origin = np.array(self.origin, dtype=np.int64)
        return finished(self.rows, origin, where, words, name, self.counts, self.notes)
