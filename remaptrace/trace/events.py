"""The event table: what happened, whichever format it was read from.

`Trace` is columnar. Integer columns have one row an event and may have any integer dtype (the
narrowest that fits is welcome); the replay widens them to int64 a chunk at a time.

| column | meaning |
| --- | --- |
| kind | one of abi.kinds.K_* |
| task | row of `tasks` |
| a0..a5 | arguments, see abi.kinds.ARGUMENTS; 64-bit values as signed words |
| ret | recorded result; -4095..-1 is -errno; valid if flags has EVF_HAS_RET |
| flags | abi.kinds.EVF_* bits |
| line | source line, counted from 1; 0: none (made by a reader) |
| time | nanoseconds; present only if the source has times |
| stack | row of `stacks`, 0: none; present only if the source has stacks |
| source | row of `sources` (which file), all zero for one file |
| origin | of a rewritten trace only: the event before rewriting that this one stands for |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from ..abi.kinds import ACCESSES, EVF_HAS_RET, MEMORY_CALLS
from ..display import html_table, one_line
from ..lateclasses import NamedTuple, dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    import numpy.typing as npt

    from .named import Event


IntArray: TypeAlias = "npt.NDArray[np.integer[Any]]"


@dataclass(frozen=True)
class Skipped:
    """A line that could not be read: where, the stable code, the text, what was expected."""

    source: int
    line: int
    column: int
    code: str
    found: str
    expected: str


@dataclass(frozen=True)
class MapsRow:
    """One line of a /proc/PID/maps file. Addresses and offset in bytes."""

    start: int
    end: int
    perms: str
    offset: int
    dev: str
    inode: int
    name: str
    vmflags: str = ""  # the words of the VmFlags line of smaps, "": none was recorded


@dataclass(frozen=True)
class MapsFile:
    """A recorded /proc/PID/maps: of which task, at which moment."""

    path: str
    tid: int
    moment: str  # "exec1", "exit", "peak", "start", ...
    rows: tuple[MapsRow, ...]
    event: int = -1  # the state behind this event; -1: nobody knows which
    named: bool = True  # the file's name tells task and moment
    elided: int = 0  # places where the file says that areas are left out
    stack: int = 0  # the initial stack pointer, which gives [stack] its name; 0: not told
    start_brk: int = 0  # where the heap begins, also while there is none; 0: not told


class ToldAreas(NamedTuple):
    """Areas that a recorder's own text tells, behind the exec that its line `line` names; 0: where the log begins."""

    line: int
    file: MapsFile


def maps_file(stored: Mapping[str, Any]) -> MapsFile:
    """The MapsFile that `dataclasses.asdict` made `stored` of."""
    return MapsFile(**{**stored, "rows": tuple(MapsRow(**row) for row in stored["rows"])})


@dataclass(frozen=True)
class Expectation:
    """What a scenario says that an event answers.

    `fields` are as written (see docs/scenario-format.md): result, error, outcome, code, value, eof,
    minor_faults, major_faults, resident, continues_in, vmas, pages, access, file_pages, ...; `on`
    holds other fields for machines by pattern. `step` counts the entries of `steps` from 0.
    """

    event: int  # -1: the state after the last step
    step: int
    line: int
    fields: dict[str, Any]
    on: dict[str, dict[str, Any]] = field(default_factory=dict)

    def fields_for(self, kernel: str, arch: str = "") -> dict[str, Any]:
        """The fields that hold on a machine: those of the first pattern of `on` that fits, else `fields`."""
        if self.on:
            from fnmatch import fnmatchcase

            for pattern, fields in self.on.items():
                if fnmatchcase(kernel, pattern) or fnmatchcase(f"{arch}/{kernel}", pattern):
                    return fields
        return self.fields


TASK_DTYPE = np.dtype([("tid", "<i4"), ("pid", "<i4"), ("name", "<i4"), ("parent", "<i4")])
"""One row a life of a thread: ids as recorded, name a string number, parent a row or -1."""

TRUTH_DTYPE = np.dtype(
    [
        ("event", "<i8"),
        ("map_count", "<i4"),
        ("total_vm", "<i8"),
        ("data_vm", "<i8"),
        ("stack_vm", "<i8"),
        ("locked_vm", "<i8"),
    ]
)
"""What a recorder read in the kernel right after an event."""

RELOCATION_DTYPE = np.dtype([("event", "<i8"), ("arg", "<i4"), ("source", "<i8"), ("addend", "<i8")])
"""Scenarios: argument `arg` (0..5) of `event` is what `source` returned, plus `addend`. By event."""

COLUMNS = ("kind", "task", "a0", "a1", "a2", "a3", "a4", "a5", "ret", "flags")
"""The columns that the engine reads, in the order of its int64 rows."""


@dataclass(repr=False)
class Trace:
    """What happened. Readers make it; nothing behind it knows which format it came from."""

    columns: dict[str, IntArray]
    tasks: npt.NDArray[np.void]  # TASK_DTYPE
    strings: list[str] = field(default_factory=lambda: [""])
    sources: list[str] = field(default_factory=list)
    format: str = ""
    name: str = ""
    recorded: bool = True  # follow by default; scenarios set False
    arch: str | None = None  # as the source names it
    foreign: str = ""  # why no machine here can be the one that recorded it; empty: one may be
    kernel: str | None = None
    machine: dict[str, Any] = field(
        default_factory=dict
    )  # overrides the source asks for, by rule; ram, swap, host
    skipped: list[Skipped] = field(default_factory=list)
    unmodelled: dict[str, int] = field(default_factory=dict)  # memory calls not modelled: how often
    ignored: dict[str, int] = field(default_factory=dict)  # calls that never touch memory maps: how often
    maps: list[MapsFile] = field(default_factory=list)
    told_areas: list[ToldAreas] = field(default_factory=list)  # not yet put into the trace
    file_sizes: dict[str, int] = field(
        default_factory=dict
    )  # path: bytes, as the log tells; of use while it is read
    truth: npt.NDArray[np.void] | None = None  # TRUTH_DTYPE
    about: str = ""
    initial: tuple[tuple[int, int, str], ...] = ()  # scenarios: areas before the first step, see listed()
    prelude: int = 0  # scenarios: events before step 0; the N of shm@N is the event number less this
    relocations: npt.NDArray[np.void] | None = None  # RELOCATION_DTYPE
    expects: Sequence[Expectation] = ()  # scenarios, by event; event -1: after the last step
    notes: list[str] = field(default_factory=list)  # what a reader had to assume
    taken: npt.NDArray[np.bool_] | None = None  # events refused for a reason that only the recording shows
    frames: list[str] = field(default_factory=list)  # of call stacks: "symbol (object)"
    stacks: list[list[int]] = field(
        default_factory=list
    )  # numbers of frames, innermost first; stack 0 is none

    def __len__(self) -> int:
        return len(self.columns["kind"])

    def __repr__(self) -> str:
        return one_line("Trace", {"": self.name or "unnamed", **self._facts()})

    def _repr_html_(self) -> str:
        return html_table(f"Trace {self.name}", self._facts())

    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {
            "events": f"{len(self):,}",
            "processes": len(set(self.tasks["pid"].tolist())) if len(self.tasks) else 0,
            "format": self.format or "none",
        }
        if self.arch or self.kernel:
            facts["machine"] = ", ".join(filter(None, (self.kernel, self.arch)))
        if self.skipped:
            facts["skipped lines"] = len(self.skipped)
        return facts

    def events(self, first: int = 0, last: int | None = None) -> Iterator[Event]:
        """Events first..last-1 (default: all) one by one, with names: see `Event`."""
        from .named import events_of

        return events_of(self, first, last)

    def rows(self, first: int, last: int) -> npt.NDArray[np.int64]:
        """Events first..last-1 as int64 rows, one column for each of COLUMNS."""
        table = _table_of(self.columns)
        if table is not None:
            return table[first:last].copy()
        out = np.empty((last - first, len(COLUMNS)), dtype=np.int64)
        for i, name in enumerate(COLUMNS):
            out[:, i] = self.columns[name][first:last]
        return out


def _table_of(columns: dict[str, IntArray]) -> npt.NDArray[np.int64] | None:
    """The table whose columns `columns` are, as those of a rewritten trace: read row by row it is read once."""
    table = columns["kind"].base
    if not isinstance(table, np.ndarray) or table.dtype != np.int64 or table.shape[1:] != (len(COLUMNS),):
        return None
    for own, name in zip(table.T, COLUMNS, strict=True):
        if columns[name].__array_interface__ != own.__array_interface__:
            return None
    return table


def are_memory_calls(kinds: IntArray) -> npt.NDArray[np.bool_]:
    """Which of `kinds` are calls on memory (abi.kinds.MEMORY_CALLS)."""
    return (kinds >= MEMORY_CALLS.start) & (kinds < MEMORY_CALLS.stop)


_MANY = 1 << 17
"""Values that are looked at together."""


def distinct(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The values that occur, ascending: `np.unique` for numbers, of which a short run has no use otherwise.

    Of many narrow values a table is made in place of sorting them.
    """
    bits = 8 * values.dtype.itemsize
    if len(values) < _MANY or bits > 16 or values.dtype.kind != "i":
        ordered = np.sort(values)
        new = np.ones(len(ordered), dtype=np.bool_)
        np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
        return ordered[new]
    if bits == 8:
        return _distinct_bytes(values)
    there = np.zeros(1 << bits, dtype=np.bool_)  # the negative ones at its end
    for first in range(0, len(values), _MANY):
        there[values[first : first + _MANY]] = True
    found = np.flatnonzero(there)
    return np.sort(np.where(found >= 1 << bits - 1, found - (1 << bits), found)).astype(values.dtype)


def _distinct_bytes(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`distinct` of numbers of one byte: what was met already is dropped, piece by piece."""
    seen = b""
    for first in range(0, len(values), _MANY):
        left = values[first : first + _MANY].tobytes()
        while left := left.translate(None, seen):
            seen += bytes(set(left[:_FEW]))
    return np.sort(np.frombuffer(seen, values.dtype))


_FEW = 1 << 10


def one_of(values: npt.NDArray[np.integer[Any]], wanted: Iterable[int]) -> npt.NDArray[np.bool_]:
    """Which of `values` are among few `wanted`: `np.isin`, of which a short run has no use otherwise."""
    if len(values) and values.strides == (0,):  # a column of one number
        return repeated(one_of(values[:1].copy(), wanted), len(values))
    found = np.zeros(len(values), dtype=np.bool_)
    for number in _possible(values, wanted):
        found |= values == number
    return found


def _possible(values: npt.NDArray[np.integer[Any]], wanted: Iterable[int]) -> list[int]:
    """Those `wanted` between the least and the greatest of `values`, which are found faster than any of them."""
    if len(values) < _FEW:
        return list(wanted)
    low, high = int(values.min()), int(values.max())
    return [number for number in wanted if low <= number <= high]


def rows_where(
    test: Callable[..., npt.NDArray[np.bool_]], *columns: npt.NDArray[Any]
) -> npt.NDArray[np.intp]:
    """Where `test` of columns of one length holds. It is asked of some rows at a time, whose masks the caches hold: for
    each mask of all of a large trace memory would have to be made.
    """
    found = [
        np.flatnonzero(test(*(column[first : first + _MANY] for column in columns))) + first
        for first in range(0, len(columns[0]), _MANY)
    ]
    return found[0] if len(found) == 1 else np.concatenate([np.zeros(0, dtype=np.intp), *found])


def occurs(values: npt.NDArray[np.integer[Any]], wanted: Iterable[int]) -> bool:
    """Whether one of few `wanted` is among `values`."""
    numbers = tuple(wanted)
    parts = (values[first : first + _MANY] for first in range(0, len(values), _MANY))
    return any(bool((part == number).any()) for part in parts for number in _possible(part, numbers))


def holds_somewhere(test: Callable[..., npt.NDArray[np.bool_]], *columns: npt.NDArray[Any]) -> bool:
    """Whether `rows_where` would find a row; no more of the columns are looked at than that takes."""
    pieces = range(0, len(columns[0]), _MANY)
    return any(test(*(column[first : first + _MANY] for column in columns)).any() for first in pieces)


def repeated(value: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """A column of `count` rows that are the first of `value`: `np.broadcast_to` of it, which nobody can write to."""
    column: npt.NDArray[Any] = np.ndarray(count, value.dtype, value, strides=(0,))
    column.flags.writeable = False
    return column


def firsts(values: IntArray, number: int) -> npt.NDArray[np.int64]:
    """Where each of 0 .. `number` - 1 stands first in `values`, which are all of these; -1: nowhere."""
    found = np.full(number, -1, dtype=np.int64)
    for first in range(0, len(values), _MANY):
        part = values[first : first + _MANY]
        rows = np.flatnonzero(found[part] < 0)
        if len(rows):
            found[part[rows][::-1]] = rows[::-1] + first  # the last to be written is the first of all
            if found.min() >= 0:
                break
    return found


def has_accesses(trace: Trace) -> bool:
    """Whether a recording shows accesses or page faults, and not only calls and signals."""
    return occurs(trace.columns["kind"], ACCESSES)


class TraceBuilder:
    """Collects events row by row; for readers whose input is small."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, ...]] = []
        self.lines: list[int] = []
        self.times: list[int] = []
        self.other_ends: list[int] = []
        self.source = 0
        self.source_rows: list[int] = []
        self.strings: list[str] = [""]
        self._string_numbers: dict[str, int] = {"": 0}
        self.tasks: list[tuple[int, int, int, int]] = []

    def string(self, text: str) -> int:
        """The number of `text` in the table of strings."""
        number = self._string_numbers.get(text)
        if number is None:
            number = self._string_numbers[text] = len(self.strings)
            self.strings.append(text)
        return number

    def task(self, tid: int, pid: int, name: str = "", parent: int = -1) -> int:
        """A new life of a thread; its row."""
        self.tasks.append((tid, pid, self.string(name), parent))
        return len(self.tasks) - 1

    def event(
        self,
        kind: int,
        task: int,
        args: Sequence[int] = (),
        ret: int | None = None,
        flags: int = 0,
        line: int = 0,
        time: int = 0,
        other_end: int = 0,
    ) -> int:
        """Append an event; its number."""
        padded = tuple(signed(a) for a in args) + (0,) * (6 - len(args))
        if ret is not None:
            flags |= EVF_HAS_RET
        self.rows.append((kind, task, *padded, signed(ret or 0), flags))
        self.lines.append(line)
        self.times.append(time)
        self.other_ends.append(other_end)
        self.source_rows.append(self.source)
        return len(self.rows) - 1

    def finish(self, **fields: Any) -> Trace:
        """The trace of all events so far; `fields` are the other fields of Trace."""
        table = np.array(self.rows, dtype=np.int64).reshape(len(self.rows), len(COLUMNS))
        columns: dict[str, IntArray] = {n: np.ascontiguousarray(table[:, i]) for i, n in enumerate(COLUMNS)}
        columns["line"] = np.array(self.lines, dtype=np.int64)
        columns["source"] = np.array(self.source_rows, dtype=np.int32)
        if any(self.times):
            columns["time"] = np.array(self.times, dtype=np.int64)
        if any(self.other_ends):
            columns["other_end"] = np.array(self.other_ends, dtype=np.int64)
        return Trace(columns, np.array(self.tasks, dtype=TASK_DTYPE), self.strings, **fields)


def signed(value: int) -> int:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    return value - (1 << 64) if value >> 63 else value
