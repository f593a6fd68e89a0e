"""The processes of a replay: their names, and the course of their VMA counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...abi import kinds as ev
from ...abi.kinds import EVF_MADE
from ...result.result import Result
from ...trace.events import Trace
from ...trace.wording import place

if TYPE_CHECKING:
    from ..documents.run import (
        ProcessFacts,
    )


COURSE = 60
"""Points of a course of VMA counts."""


def process_rows(trace: Trace) -> npt.NDArray[np.int64]:
    """For every task row the number of its process: threads belong to the latest leader with their pid."""
    numbers = np.zeros(len(trace.tasks), dtype=np.int64)
    latest: dict[int, int] = {}
    count = 0
    for i, task in enumerate(trace.tasks):
        pid = int(task["pid"])
        if int(task["tid"]) == pid or pid not in latest:
            latest[pid] = count
            count += 1
        numbers[i] = latest[pid]
    return numbers


def process_facts(result: Result) -> list[ProcessFacts]:
    """VMA counts of every process that has an address space, the highest peak first."""
    trace, counts = result.trace, result.columns["map_count"]
    if not len(trace) or not len(trace.tasks):
        return []
    of_task = process_rows(trace)
    events = np.flatnonzero(counts >= 0)
    if not len(events):
        return []
    narrow = of_task.astype(np.int16) if len(of_task) < 1 << 15 else of_task  # sorted by digits, in one pass
    owner = narrow[trace.columns["task"][events]]
    if owner.min() != owner.max():
        order = np.argsort(owner, kind="stable")
        events, owner = events[order], owner[order]
        del order  # of a large log each column more is a tenth of its text
    values = counts[events]
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    ends = np.r_[starts[1:], len(owner)]
    courses = _courses(values, events, starts, ends, len(trace))
    leaders = {int(of_task[i]): i for i in range(len(of_task) - 1, -1, -1)}
    names = _names(trace, of_task)
    out: list[ProcessFacts] = []
    for i, (first, last) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        top = first + int(values[first:last].argmax())
        number = int(owner[first])
        task = trace.tasks[leaders[number]]
        out.append(
            {
                "pid": int(task["pid"]),
                "name": names.get(number, ""),
                "start": _start(trace, events[first:last], values[first:last]),
                "peak": int(values[top]),
                "end": int(values[last - 1]),
                "peak_at": place(trace, int(events[top])),
                "course": courses[i],
            }
        )
    return sorted(out, key=lambda p: -p["peak"])


def _start(trace: Trace, events: npt.NDArray[np.intp], counts: npt.NDArray[np.integer[Any]]) -> int:
    """The count behind the first event of the log; in recordings behind the first that finds an address space."""
    known = (trace.columns["flags"][events] & EVF_MADE) == 0
    if trace.recorded:
        known &= counts > 0
    rows = np.flatnonzero(known)
    return int(counts[rows[0] if len(rows) else 0])


def _names(trace: Trace, of_task: npt.NDArray[np.int64]) -> dict[int, str]:
    """The last known name of each process: what it executed last, else its name in the recording, else its parent's.

    A child that executes nothing keeps the name that its parent had when it was born.
    """
    known: dict[int, str] = {}
    executed: dict[int, list[tuple[int, str]]] = {}
    tasks = trace.columns["task"]
    for i, number in enumerate(of_task.tolist()):
        text = trace.strings[int(trace.tasks[i]["name"])]
        if text:
            known.setdefault(number, text)
    for event in np.flatnonzero(trace.columns["kind"] == ev.K_EXEC).tolist():
        path = trace.strings[int(trace.columns["a0"][event])]
        if path:
            executed.setdefault(int(of_task[int(tasks[event])]), []).append((event, path.rpartition("/")[2]))
    names = known | {number: execs[-1][1] for number, execs in executed.items()}
    born: dict[int, str] = {}  # names of processes that have them from their parents
    begins = np.full(len(trace.tasks), len(trace), dtype=np.int64)
    begins[tasks[::-1]] = np.arange(
        len(trace) - 1, -1, -1
    )  # of each task the event that is written last: its first
    for i, number in enumerate(of_task.tolist()):
        parent = int(trace.tasks[i]["parent"])
        if number in names or not 0 <= parent < len(of_task):
            continue
        first = int(begins[i])
        above = int(of_task[parent])
        earlier = [name for event, name in executed.get(above, ()) if event < first]
        text = earlier[-1] if earlier else known.get(above) or born.get(above, "")
        if text:
            names[number] = born[number] = text
    return names


def _courses(
    values: npt.NDArray[np.integer[Any]],
    events: npt.NDArray[np.intp],
    starts: npt.NDArray[np.intp],
    ends: npt.NDArray[np.intp],
    total: int,
) -> list[list[int]]:
    """The course of each run of rows: the highest count in each of COURSE equal parts of the trace.

    A part without events of a living process keeps the count before; 0 outside its life.
    """
    points = min(COURSE, total)
    out = []
    for first, last in zip(starts.tolist(), ends.tolist(), strict=True):
        part, mine = events[first:last] * points // total, values[first:last]
        heads = np.flatnonzero(np.r_[True, part[1:] != part[:-1]])
        highest = np.maximum.reduceat(mine, heads)
        closing = mine[np.r_[heads[1:], len(mine)] - 1]
        course = [0] * points
        at = part[heads].tolist()
        for k, bucket in enumerate(at):
            course[bucket] = int(highest[k])
            until = at[k + 1] if k + 1 < len(at) else bucket + 1
            for gap in range(bucket + 1, until):
                course[gap] = int(closing[k])
        out.append(course)
    return out
