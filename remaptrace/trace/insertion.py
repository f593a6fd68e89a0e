"""Putting events between those of a finished trace: initial maps, marks."""

from __future__ import annotations

import numpy as np

from ..abi.kinds import EVF_HAS_RET, EVF_MADE
from ..lateclasses import dataclass, replace
from .events import COLUMNS, IntArray, Trace, signed


@dataclass(frozen=True)
class Insert:
    """An event that goes before event `before`; later ones with the same `before` go behind it."""

    before: int
    kind: int
    task: int
    args: tuple[int, ...]
    ret: int | None = None
    flags: int = EVF_MADE
    line: int = -1  # and `source`; -1: those of the event before which it goes
    source: int = -1


def insert(trace: Trace, inserts: list[Insert]) -> list[int]:
    """Insert events into `trace`, in place; where each of them now stands.

    Time, and line unless told, are those of the event before which they go. Maps files and counters stay with their
    events; expectations are not adjusted: insert first.
    """
    if not inserts:
        return []
    count = len(trace)
    places = np.array([i.before for i in inserts], dtype=np.int64)
    order = np.argsort(places, kind="stable")
    places = places[order]
    rows = np.zeros((len(inserts), len(COLUMNS)), dtype=np.int64)
    for i, number in enumerate(order.tolist()):
        event = inserts[number]
        flags = event.flags | (0 if event.ret is None else EVF_HAS_RET)
        args = (*map(signed, event.args), *(0,) * (6 - len(event.args)))
        rows[i] = (event.kind, event.task, *args, event.ret or 0, flags)
    neighbour = np.minimum(places, count - 1)
    for name, column in trace.columns.items():
        if name in COLUMNS:
            values = rows[:, COLUMNS.index(name)]
        elif count:
            values = column[neighbour].astype(np.int64)
        else:
            values = np.zeros(len(inserts), dtype=np.int64)
        if name in ("stack", "other_end"):  # nobody called it, or saw how long it took
            values = np.zeros(len(inserts), dtype=np.int64)
        if name in ("line", "source"):
            own = np.array([getattr(inserts[i], name) for i in order.tolist()], dtype=np.int64)
            values = np.where(own >= 0, own, values)
        trace.columns[name] = _inserted(column, places, values)
    _follow(trace, places)
    stands = np.empty(len(inserts), dtype=np.int64)
    stands[order] = places + np.arange(len(inserts))
    numbers: list[int] = stands.tolist()
    return numbers


def _follow(trace: Trace, places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    """Give what was recorded at events their new numbers; `places`: where others were inserted, sorted."""
    if any(file.event >= 0 for file in trace.maps):
        more = np.searchsorted(places, [file.event for file in trace.maps], side="right").tolist()
        trace.maps = [
            replace(file, event=file.event + count) if file.event >= 0 else file
            for file, count in zip(trace.maps, more, strict=True)
        ]
    if trace.truth is not None:
        trace.truth = trace.truth.copy()
        trace.truth["event"] += np.searchsorted(places, trace.truth["event"], side="right")


def prepend(trace: Trace, inserts: list[Insert]) -> None:
    """Insert events before all others of a scenario; what names events by number follows them."""
    count = len(inserts)
    insert(trace, [replace(i, before=0) for i in inserts])
    trace.prelude += count
    if trace.relocations is not None:
        trace.relocations = trace.relocations.copy()
        for field in ("event", "source"):
            trace.relocations[field] += count
    trace.expects = [e if e.event < 0 else replace(e, event=e.event + count) for e in trace.expects]


class StringNumbers:
    """Numbers of strings in a finished trace; new ones are appended."""

    def __init__(self, trace: Trace) -> None:
        self._list = trace.strings
        self._numbers = {text: number for number, text in enumerate(trace.strings)}

    def __call__(self, text: str) -> int:
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = len(self._list)
            self._list.append(text)
        return number


def _inserted(
    column: IntArray, places: np.ndarray[tuple[int], np.dtype[np.int64]], values: IntArray
) -> IntArray:
    info = np.iinfo(column.dtype)
    if len(values) and (int(values.min()) < info.min or int(values.max()) > info.max):
        column = column.astype(np.int64)
    return np.insert(column, places, values.astype(column.dtype))
