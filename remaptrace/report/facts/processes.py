"""The processes of a replay: their names, and the course of their VMA counts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ...abi import kinds as ev
from ...abi.kinds import EVF_MADE
from ...result.result import Result
from ...trace.compiled import pays
from ...trace.events import Trace, firsts, rows_where
from ...trace.wording import place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..documents.run import (
        ProcessFacts,
    )


COURSE = 60
"""Points of a course of VMA counts."""
_FEW = 1 << 14
"""Processes for which a row is kept while a part of the trace is looked at."""


def process_rows(trace: Trace) -> npt.NDArray[np.int64]:
    """For every task row the number of its process: threads belong to the latest leader with their pid."""
    numbers: list[int] = []
    latest: dict[int, int] = {}
    count = 0
    for tid, pid in zip(trace.tasks["tid"].tolist(), trace.tasks["pid"].tolist(), strict=True):
        if tid == pid or pid not in latest:
            latest[pid] = count
            count += 1
        numbers.append(latest[pid])
    return np.array(numbers, dtype=np.int64)


def process_facts(result: Result) -> list[ProcessFacts]:
    """VMA counts of every process that has an address space, the highest peak first."""
    trace = result.trace
    if not len(trace) or not len(trace.tasks):
        return []
    of_task = process_rows(trace)
    found = _Lives(result, of_task)
    present = np.flatnonzero(found.peak >= 0)
    if not len(present):
        return []
    leaders = firsts(of_task, int(of_task.max()) + 1)
    names = names_of(trace, of_task)
    columns = trace.tasks["pid"][leaders], found.start, found.peak, found.end, found.peak_at
    out: list[ProcessFacts] = [
        {
            "pid": pid,
            "name": names.get(number, ""),
            "start": start,
            "peak": peak,
            "end": end,
            "peak_at": place(trace, peak_at),
            "course": course,
        }
        for number, pid, start, peak, end, peak_at, course in zip(
            present.tolist(),
            *(column[present].tolist() for column in columns),
            found.courses(present),
            strict=True,
        )
    ]
    return sorted(out, key=lambda p: -p["peak"])


class _Lives:
    """The VMA counts of the processes, by their numbers; a process without an address space has the peak -1.

    `start`: behind its first event of the log, in recordings behind the first that finds an address space; `peak` at
    event `peak_at`, the first of them; `end`: the last count. The trace is looked at in parts, one for each point of
    the courses: of a large log each column more would be a tenth of its text.
    """

    def __init__(self, result: Result, of_task: npt.NDArray[np.int64]) -> None:
        trace = result.trace
        number, self._points = int(of_task.max()) + 1, min(COURSE, len(trace))
        self._recorded, self._flags = trace.recorded, trace.columns["flags"]
        self.start, self.end = (np.zeros(number, dtype=np.int64) for _ in range(2))
        self.peak, self.peak_at = (np.full(number, -1, dtype=np.int64) for _ in range(2))
        self._seen, self._begun = (np.zeros(number, dtype=np.bool_) for _ in range(2))
        # of each part: the processes that act in it, their highest counts, their last counts
        self._parts: list[tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]] = []
        if self._by_machine_code(result, of_task):
            return
        narrow = of_task.astype(np.int16) if number < 1 << 15 else of_task  # sorted by digits, in one pass
        counts, task = result.columns["map_count"], trace.columns["task"]
        for low, high in self._bounds(len(trace)):
            alive = np.flatnonzero(counts[low:high] >= 0)
            self._add(narrow[task[low:high][alive]], counts[low:high][alive], alive + low)

    def _bounds(self, events: int) -> list[tuple[int, int]]:
        """Of each part the first event and the one behind it."""
        ends = [-(-events * at // self._points) for at in range(self._points + 1)]
        return list(pairwise(ends))

    def _by_machine_code(self, result: Result, of_task: npt.NDArray[np.int64]) -> bool:
        """The same event by event, where machine code for that pays and is at hand."""
        trace, number = result.trace, len(self.peak)
        if number > _FEW or not pays("lives.count_lives", len(trace)):
            return False
        from ...trace.compiled import lives as compiled
        from ...trace.compiled.columnwords import described

        named = {**trace.columns, "map_count": result.columns["map_count"]}
        columns = described(named, compiled.LIFE_COLUMNS)
        if columns is None:
            return False
        lives = np.zeros((number, compiled.LIFE_WORDS), dtype=np.int64)
        lives[:, [compiled.LIFE_PEAK, compiled.LIFE_PEAK_AT]] = -1
        part, least = np.empty((number, 2), dtype=np.int64), 1 if trace.recorded else 0
        for low, high in self._bounds(len(trace)):
            part[:] = -1
            compiled.count_lives(columns, of_task, low, high, least, EVF_MADE, lives, part)
            who = np.flatnonzero(part[:, compiled.P_HIGHEST] >= 0)
            self._parts.append((who, part[who, compiled.P_HIGHEST], part[who, compiled.P_LAST]))
        self.start, self.end, self.peak, self.peak_at = (np.ascontiguousarray(lives[:, i]) for i in range(4))
        return True

    def _add(
        self, owner: npt.NDArray[Any], values: npt.NDArray[np.integer[Any]], events: npt.NDArray[np.intp]
    ) -> None:
        """The next part: of each event the process and its count."""
        if not len(owner):
            self._parts.append((owner, values, values))
            return
        if len(self.peak) > 1:
            order = np.argsort(owner, kind="stable")
            owner, values, events = owner[order], values[order], events[order]
        heads = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
        ends = np.concatenate((heads[1:], [len(owner)]))
        who, highest, last = owner[heads], np.maximum.reduceat(values, heads), values[ends - 1]
        self._parts.append((who, highest, last))
        self.end[who] = last
        for i in np.flatnonzero(highest > self.peak[who]).tolist():
            top = int(heads[i]) + int(values[heads[i] : ends[i]].argmax())
            self.peak[who[i]], self.peak_at[who[i]] = values[top], events[top]
        for i in np.flatnonzero(~self._begun[who]).tolist():
            part = slice(int(heads[i]), int(ends[i]))
            self._begin(int(who[i]), events[part], values[part])

    def _begin(self, number: int, events: npt.NDArray[np.intp], counts: npt.NDArray[np.integer[Any]]) -> None:
        """The start of a process, if its next events tell it; until then its first count."""
        if not self._seen[number]:
            self._seen[number] = True
            self.start[number] = counts[0]
        known = (self._flags[events] & EVF_MADE) == 0
        if self._recorded:
            known &= counts > 0
        if known.any():
            self.start[number] = counts[known.argmax()]
            self._begun[number] = True

    def courses(self, numbers: npt.NDArray[np.intp]) -> list[list[int]]:
        """The course of each process: the highest count in each part of the trace.

        A part without events of a living process keeps the count before; 0 outside its life.
        """
        row = np.zeros(len(self.peak), dtype=np.int64)
        row[numbers] = np.arange(len(numbers))
        points = np.full((len(numbers), self._points), -1, dtype=np.int64)
        kept = np.zeros(len(numbers), dtype=np.int64)
        last = np.zeros(len(numbers), dtype=np.int64)
        for point, (who, highest, closing) in enumerate(self._parts):
            points[:, point] = ~kept
            points[row[who], point] = highest
            kept[row[who]] = closing
            last[row[who]] = point
        points[np.arange(self._points) > last[:, None]] = 0
        found: list[list[int]] = np.where(points < 0, ~points, points).tolist()
        return found


def names_of(trace: Trace, of_task: npt.NDArray[np.int64]) -> dict[int, str]:
    """The last known name of each process: what it executed last, else its name in the recording, else its parent's.

    A child that executes nothing keeps the name that its parent had when it was born.
    """
    known: dict[int, str] = {}
    executed: dict[int, list[tuple[int, str]]] = {}
    tasks = trace.columns["task"]
    numbers = of_task.tolist()
    for name, number in zip(trace.tasks["name"].tolist(), numbers, strict=True):
        if name and (text := trace.strings[name]):
            known.setdefault(number, text)
    execs = rows_where(lambda kind: kind == ev.K_EXEC, trace.columns["kind"])
    paths, owners = trace.columns["a0"][execs].tolist(), of_task[tasks[execs]].tolist()
    for event, path, number in zip(execs.tolist(), paths, owners, strict=True):
        if text := trace.strings[path]:
            executed.setdefault(number, []).append((event, text.rpartition("/")[2]))
    names = known | {number: found[-1][1] for number, found in executed.items()}
    born: dict[int, str] = {}  # names of processes that have them from their parents
    nameless = [i for i, number in enumerate(numbers) if number not in names]
    if not nameless:
        return names
    begins, parents = firsts(tasks, len(numbers)).tolist(), trace.tasks["parent"]
    for i in nameless:
        number, parent = numbers[i], int(parents[i])
        if number in names or not 0 <= parent < len(numbers):
            continue
        first = begins[i] if begins[i] >= 0 else len(trace)
        above = numbers[parent]
        earlier = [name for event, name in executed.get(above, ()) if event < first]
        text = earlier[-1] if earlier else known.get(above) or born.get(above, "")
        if text:
            names[number] = born[number] = text
    return names
