"""Proof that a trace holds together: every number that names a row of a table names one that exists.

Compiled code takes these numbers as places in memory, and files that anybody wrote bring them. `prove` looks at every
table of a Trace once, in whole columns; readers call it last, the engine calls it first. What it refuses it names by
event, so that a reader can point to the line.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from ..abi import kinds as ev
from ..abi.calls import ARGUMENTS, KIND_NAMES, MOST_FILE_PAGES, MOST_PAGES, STRING_ARGUMENTS
from ..abi.special import LAST_SPECIAL
from ..machine.rules import N_RULES
from .answers import address, answer_flaw, is_plain, shortly, whole
from .events import (
    COLUMNS,
    RELOCATION_DTYPE,
    TASK_DTYPE,
    TRUTH_DTYPE,
    Expectation,
    IntArray,
    MapsFile,
    Skipped,
    Trace,
    distinct,
    one_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt


_PLACES = ("line", "time", "other_end", "source", "origin", "stack")
_MARKS = 0xFFFF  # bits of `flags` that may have a meaning
_LEAST_PAGE = 4096
_KNOWN = one_of(np.arange(256), KIND_NAMES)
"""Whether a number is that of a kind of event."""
_CHILDREN = (ev.K_FORK, ev.K_FORK_STEP)
_NOT_COMPUTED = frozenset({"child", "type", "vm_perms", "rule", "disk", "fill", "folio", "mode", "maps"})
"""Arguments that name a row of a table or a choice: no reference to an earlier result can stand for them."""
_PERMS = (1 << 57) - 1  # r, w, x, shared, and flags that smaps told


class Flaw(Exception):
    """What does not hold: in words, at which event (-1: none), what was found and what would be right."""

    def __init__(
        self, problem: str, event: int = -1, found: str = "", expected: str = "", column: str = ""
    ) -> None:
        super().__init__(problem)
        self.problem, self.event, self.found, self.expected = problem, event, found, expected
        self.column = column


def prove(trace: Trace) -> None:
    """Raise Flaw for the first table, number or field of `trace` that does not hold."""
    _fields(trace)
    present = _columns(trace)
    _tasks(trace)
    kinds = trace.columns["kind"]
    _in_table(trace, slice(None), "task", len(trace.tasks), "task")
    if "source" in trace.columns:
        _in_table(trace, slice(None), "source", max(len(trace.sources), 1), "source")
    if "stack" in trace.columns:
        _in_table(trace, slice(None), "stack", max(len(trace.stacks), 1), "stack")
    for kind in present:
        _arguments(trace, kind, kinds)
    if ev.K_INIT_VMA in present:
        _initial_areas(trace)
    _truth(trace)
    _relocations(trace)
    _expectations(trace)


# ---- fields ----------------------------------------------------------------------------------


def _fields(trace: Trace) -> None:
    """The fields beside the columns have the types that Trace names."""
    for name in ("format", "name", "about"):
        _is(trace, name, type(getattr(trace, name)) is str, "text")
    for name in ("arch", "kernel"):
        value = getattr(trace, name)
        _is(trace, name, value is None or type(value) is str, "text")
    _is(
        trace,
        "stacks",
        isinstance(trace.stacks, list)
        and all(
            isinstance(s, list) and all(whole(f) and 0 <= f < len(trace.frames) for f in s)
            for s in trace.stacks
        ),
        "lists of frames",
    )
    for name in ("strings", "sources", "notes", "frames"):
        value = getattr(trace, name)
        _is(trace, name, isinstance(value, list) and all(type(x) is str for x in value), "a list of texts")
    _is(trace, "strings", bool(trace.strings) and trace.strings[0] == "", "the empty text first")
    for name in ("unmodelled", "ignored"):
        value = getattr(trace, name)
        _is(
            trace,
            name,
            isinstance(value, dict) and all(_counted(k, v) for k, v in value.items()),
            "counts by name",
        )
    _is(trace, "recorded", type(trace.recorded) is bool, "true or false")
    _is(trace, "prelude", whole(trace.prelude) and 0 <= trace.prelude < 1 << 62, "a number of events")
    _is(trace, "machine", isinstance(trace.machine, dict) and is_plain(trace.machine), "settings by name")
    for name, kind in (("skipped", Skipped), ("maps", MapsFile)):
        value = getattr(trace, name)
        _is(trace, name, isinstance(value, (list, tuple)) and all(isinstance(x, kind) for x in value), "rows")
    _is(trace, "skipped", all(_skipped_holds(s) for s in trace.skipped), "numbers and texts")
    _is(trace, "maps", all(_maps_hold(m) for m in trace.maps), "lines of maps files")
    _is(
        trace,
        "initial",
        all(len(a) == 3 and address(a[0]) and address(a[1]) and type(a[2]) is str for a in trace.initial),
        "start, end and name of each",
    )


def _is(trace: Trace, name: str, holds: bool, expected: str) -> None:
    if not holds:
        raise Flaw(
            f"'{name}' of the trace is not what it should be", -1, shortly(getattr(trace, name)), expected
        )


def _counted(name: Any, count: Any) -> bool:
    return type(name) is str and whole(count) and count >= 0


def _skipped_holds(s: Skipped) -> bool:
    numbers, texts = (s.source, s.line, s.column), (s.code, s.found, s.expected)
    return all(whole(n) and n >= 0 for n in numbers) and all(type(t) is str for t in texts)


def _maps_hold(m: MapsFile) -> bool:
    if not (type(m.path) is str and type(m.moment) is str and whole(m.tid)):
        return False
    if not (whole(m.event) and -1 <= m.event < 1 << 62):  # a trace that was cut may end before it
        return False
    return all(
        all(address(n) for n in (row.start, row.end, row.offset, row.inode))
        and all(type(t) is str for t in (row.perms, row.dev, row.name))
        for row in m.rows
    )


# ---- columns and what they name --------------------------------------------------------------


def _columns(trace: Trace) -> list[int]:
    """The columns hold whole numbers, as many of each, and known kinds: the kinds that there are."""
    columns = trace.columns
    for name in COLUMNS:
        if name not in columns:
            raise Flaw(f"there is no column '{name}'", expected=", ".join(COLUMNS))
    length = len(columns["kind"])
    for name in columns:
        if name not in COLUMNS and name not in _PLACES:
            raise Flaw(f"unknown column '{name}'", expected=", ".join((*COLUMNS, *_PLACES)))
        column = columns[name]
        if not isinstance(column, np.ndarray) or column.ndim != 1 or column.dtype.kind not in "iu":
            raise Flaw(f"column '{name}' does not hold whole numbers")
        if len(column) != length:
            raise Flaw(f"column '{name}' has {len(column)} rows, 'kind' has {length}")
    kinds = columns["kind"]
    present = _kinds_in(kinds)
    if not KIND_NAMES.keys() >= set(present):
        known = _KNOWN[kinds.astype(np.uint8)] & (kinds >= 0) & (kinds < len(_KNOWN))
        wrong = np.flatnonzero(~known)
        raise _flaw(trace, int(wrong[0]), "kind", "is not known", f"one of {len(KIND_NAMES)} kinds")
    _within(trace, slice(None), "flags", 0, _MARKS, "marks")
    for name in ("line", "origin"):
        if name in columns:
            _within(trace, slice(None), name, 0, (1 << 63) - 1, name)
    return present


def _tasks(trace: Trace) -> None:
    tasks = trace.tasks
    if not isinstance(tasks, np.ndarray) or tasks.dtype != TASK_DTYPE or tasks.ndim != 1:
        raise Flaw("the table of tasks is none", expected="tid, pid, name, parent")
    if len(trace) and not len(tasks):
        raise Flaw("there are events and no tasks")
    for field, low, high in (("name", 0, len(trace.strings) - 1), ("parent", -1, len(tasks) - 1)):
        if _lie_in(tasks[field], low, high):
            continue
        wrong = np.flatnonzero((tasks[field] < low) | (tasks[field] > high))
        if len(wrong):
            row = int(wrong[0])
            raise Flaw(f"{field} of task {row} is {int(tasks[field][row])}", expected=f"{low} to {high}")


@cache
def _bounds(kind: int) -> tuple[tuple[str, int, int | str, str], ...]:
    """Of each argument of events of `kind` that names something or is bounded: its column, the least, the most or the
    table whose row it is, and what it is in words.
    """
    out: list[tuple[str, int, int | str, str]] = []
    for number, name in enumerate(ARGUMENTS[kind]):
        column = f"a{number}"
        if name in STRING_ARGUMENTS:
            out.append((column, 0, "strings", "string"))
        elif name == "child" and kind in _CHILDREN:
            out.append((column, 0, "tasks", "task"))
        elif name == "type" and kind in (ev.K_OPEN, ev.K_KNOWN_FD, ev.K_SPECIAL_FILE):
            out.append((column, 0, LAST_SPECIAL, "kind of file"))
        elif name == "pages" and kind == ev.K_MAKEFILE:
            out.append((column, 0, MOST_FILE_PAGES, "number of pages"))
        elif (name == "pages" and kind in ev.ACCESSES) or (name == "count" and kind == ev.K_PAGES):
            out.append((column, -1, MOST_PAGES, "number of pages"))
        elif name == "rule":
            out.append((column, 0, "rules", "rule"))
        elif name == "vm_perms":
            out.append((column, 0, _PERMS, "protection"))
    return tuple(out)


def _arguments(trace: Trace, kind: int, kinds: IntArray) -> None:
    """The arguments of the events of `kind` that name something or that are bounded; `kinds`: of all events."""
    bounds = _bounds(kind)
    if not bounds:
        return
    sizes = {"strings": len(trace.strings), "tasks": len(trace.tasks), "rules": N_RULES}
    (rows,) = (kinds == kind).nonzero()
    for column, low, most, what in bounds:
        if isinstance(most, str):
            _in_table(trace, rows, column, sizes[most], what)
        else:
            _within(trace, rows, column, low, most, what)


def _in_table(trace: Trace, rows: Any, column: str, size: int, what: str) -> None:
    """Refuse the first of `rows` whose `column` is no row of a table of `size` rows."""
    values = trace.columns[column][rows]
    if not _lie_in(values, 0, size - 1):
        wrong = np.flatnonzero((values < 0) | (values >= size))
        event = _event(rows, int(wrong[0]))
        found = int(trace.columns[column][event])
        raise Flaw(f"event {event} names {what} {found}, there are {size}", event, str(found), column=column)


def _within(trace: Trace, rows: Any, column: str, low: int, high: int, what: str) -> None:
    values = trace.columns[column][rows]
    if not _lie_in(values, low, high):
        wrong = np.flatnonzero((values < low) | (values > high))
        raise _flaw(trace, _event(rows, int(wrong[0])), column, f"is no {what}", f"{low} to {high}")


def _kinds_in(kinds: IntArray) -> list[int]:
    """The kinds that occur; of such that are kinds wide columns are made narrow, which spares sorting them."""
    if len(kinds) <= _FEW:
        return sorted(set(kinds.tolist()))
    narrow = kinds.dtype.itemsize > 1 and _lie_in(kinds, 0, len(_KNOWN) - 1)
    return [int(kind) for kind in distinct(kinds.astype(np.int16) if narrow else kinds)]


_FEW = 4096
"""Numbers that are looked at faster one by one."""


def _lie_in(values: IntArray, low: int, high: int) -> bool:
    """Whether all values are between the two: least and greatest are found faster than what is out of bounds."""
    if not len(values):
        return True
    kind = values.dtype
    if low == 0 and kind.kind == "i" and kind.isnative and high >> 8 * kind.itemsize - 1 <= 0:
        without_sign = values.view(_WITHOUT_SIGN[kind.itemsize])  # negative ones are greater than all others
        return int(np.maximum.reduce(without_sign)) <= high
    return low <= int(np.minimum.reduce(values)) and int(np.maximum.reduce(values)) <= high


_WITHOUT_SIGN = {size: np.dtype(f"u{size}") for size in (1, 2, 4, 8)}


def _event(rows: Any, at: int) -> int:
    return at if isinstance(rows, slice) else int(rows[at])


def _flaw(trace: Trace, event: int, column: str, problem: str, expected: str) -> Flaw:
    found = int(trace.columns[column][event])
    return Flaw(f"'{column}' of event {event}, {found}, {problem}", event, str(found), expected, column)


def _initial_areas(trace: Trace) -> None:
    """Areas that were there before are aligned, not empty and apart, as a maps file shows them."""
    columns = trace.columns
    rows = np.flatnonzero(columns["kind"] == ev.K_INIT_VMA)
    if not len(rows):
        return
    start = columns["a0"][rows].astype(np.int64).view(np.uint64)
    end = columns["a1"][rows].astype(np.int64).view(np.uint64)
    loose = (start >= end) | ((start | end) % _LEAST_PAGE != 0)
    if loose.any():
        event = int(rows[np.flatnonzero(loose)[0]])
        raise _flaw(trace, event, "a0", "begins no area of whole pages", "start below end, both page aligned")
    offset = columns["a3"][rows].astype(np.int64)
    if ((offset < 0) | (offset % _LEAST_PAGE != 0)).any():
        event = int(rows[np.flatnonzero((offset < 0) | (offset % _LEAST_PAGE != 0))[0]])
        raise _flaw(trace, event, "a3", "is no offset of a page", "a multiple of the page size")
    task = columns["task"][rows].astype(np.int64)
    together = np.concatenate(([0], np.cumsum((rows[1:] != rows[:-1] + 1) | (task[1:] != task[:-1]))))
    order = np.lexsort((start, together))
    same = together[order][1:] == together[order][:-1]
    over = np.flatnonzero(same & (start[order][1:] < end[order][:-1]))
    if len(over):
        event = int(rows[order[over[0] + 1]])
        raise _flaw(trace, event, "a0", "begins inside another area", "areas that are apart")


# ---- tables beside the columns ---------------------------------------------------------------


def _truth(trace: Trace) -> None:
    truth = trace.truth
    if truth is None:
        return
    if not isinstance(truth, np.ndarray) or truth.dtype != TRUTH_DTYPE or truth.ndim != 1:
        raise Flaw("the table of truth is none", expected=", ".join(TRUTH_DTYPE.names or ()))
    _sorted_events(trace, truth["event"], "truth")


def _relocations(trace: Trace) -> None:
    table = trace.relocations
    if table is None:
        return
    if not isinstance(table, np.ndarray) or table.dtype != RELOCATION_DTYPE or table.ndim != 1:
        raise Flaw("the table of references is none", expected=", ".join(RELOCATION_DTYPE.names or ()))
    _sorted_events(trace, table["event"], "references")
    numbers = set(distinct(table["arg"]).tolist())
    if numbers - set(range(6)):
        row = table[int(np.flatnonzero((table["arg"] < 0) | (table["arg"] > 5))[0])]
        event, arg = int(row["event"]), int(row["arg"])
        raise Flaw(f"event {event} refers with argument {arg}", event, str(arg), "0 to 5")
    kinds = trace.columns["kind"][table["event"]]
    for kind in distinct(kinds).tolist():
        for number, name in enumerate(ARGUMENTS[kind]):
            if name in STRING_ARGUMENTS or name in _NOT_COMPUTED:
                wrong = np.flatnonzero((kinds == kind) & (table["arg"] == number))
                if len(wrong):
                    event = int(table["event"][wrong[0]])
                    raise Flaw(
                        f"{name} of event {event} is computed from a result", event, expected="a number"
                    )
    wrong = np.flatnonzero((table["source"] < 0) | (table["source"] >= table["event"]))
    if len(wrong):
        row = table[int(wrong[0])]
        raise Flaw(
            f"event {int(row['event'])} refers to event {int(row['source'])}",
            int(row["event"]),
            str(int(row["source"])),
            "an event before it",
        )


def _sorted_events(trace: Trace, events: npt.NDArray[np.int64], what: str) -> None:
    wrong = np.flatnonzero((events < 0) | (events >= len(trace)))
    if len(wrong):
        raise Flaw(f"{what} of event {int(events[wrong[0]])}, there are {len(trace)} events")
    wrong = np.flatnonzero(events[1:] < events[:-1])
    if len(wrong):
        event = int(events[wrong[0] + 1])
        raise Flaw(f"{what} of event {event} come too late", event, expected="in the order of events")


def _expectations(trace: Trace) -> None:
    if not isinstance(trace.expects, (list, tuple)):
        return  # those of a scenario, made turn by turn: its reader has checked every field
    for expectation in trace.expects:
        for problem, found, expected in _expectation_flaws(expectation, len(trace)):
            raise Flaw(problem, expectation.event if whole(expectation.event) else -1, found, expected)


def _expectation_flaws(e: Expectation, events: int) -> Iterator[tuple[str, str, str]]:
    if not (whole(e.event) and -1 <= e.event < events):
        yield f"an expectation of event {e.event}, there are {events}", str(e.event), ""
    for name in ("step", "line"):
        if not whole(getattr(e, name)) or not -1 <= getattr(e, name) < 1 << 62:
            yield f"{name} of an expectation is no number", shortly(getattr(e, name)), "a number"
    if not isinstance(e.fields, dict) or not isinstance(e.on, dict):
        yield "expect is no mapping", shortly(e.fields), "{result: 0}"
        return
    for fields in (e.fields, *e.on.values()):
        flaw = answer_flaw(fields)
        if flaw is not None:
            yield flaw


__all__ = ["Flaw", "prove"]
