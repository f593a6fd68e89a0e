"""Kernel counters recorded at the return of every memory call, and the events that they belong to.

`mapcount.txt` of a recorded set has a line for each return: time in ns, process, thread, event
(`exit_mmap`, `enter_exit_group`), result in hex, then map_count and pages of total, data, stack and
locked memory, or five dashes where they were not read. Its order within a thread is the order of the log,
so both are walked side by side.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ...abi import kinds as ev
from ...abi.calls import CALLS, COUNTED, OWN_WAY
from ...errorcodes import RT_TRUTH
from ...lateclasses import dataclass
from ..events import TRUTH_DTYPE, Skipped, Trace, signed

_CALL_OF_KIND = {
    **{call.kind: call.name for call in CALLS.values() if call.order == COUNTED and call.read != OWN_WAY},
    ev.K_PROCESS_MADVISE: "process_madvise",
    ev.K_SET_VMA_NAME: "prctl",
    ev.K_PRCTL: "prctl",
    ev.K_EXEC: "execve",
    ev.K_FORK: "fork",
}
_UNTOLD = ["-"] * 5
_NOTHING = (-1, 0, 0, 0, 0)
_NO_EVENT_IF_FAILED = frozenset(("execve", "clone", "clone3", "vfork", "fork"))
_FORKS = frozenset(("clone", "clone3", "vfork", "fork"))


@dataclass(frozen=True)
class CountRow:
    """One line of mapcount.txt."""

    line: int
    time: int  # ns
    pid: int
    tid: int
    event: str
    ret: int
    counters: tuple[int, int, int, int, int]  # map_count; total, data, stack, locked pages
    told: bool = True  # False: the counters were not read, only the moment is known


@dataclass(frozen=True)
class Untied:
    """A line of mapcount.txt without an event, and why."""

    row: CountRow
    reason: str


def read_mapcount(data: bytes) -> tuple[list[CountRow], list[Skipped]]:
    """The lines of a mapcount.txt, and those that cannot be read (source -1)."""
    rows: list[CountRow] = []
    skipped: list[Skipped] = []
    for number, line in enumerate(data.decode("latin-1").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split()
        try:
            time, pid, tid, event, ret, *shown = words
            told = shown != _UNTOLD
            count, total, data_vm, stack, locked = map(int, shown) if told else _NOTHING
            result = signed(int(ret, 16))
            counters = (count, total, data_vm, stack, locked)
            row = CountRow(number, int(time), int(pid), int(tid), event, result, counters, told)
            if not _fits(row):
                raise ValueError(line)
        except ValueError:
            skipped.append(Skipped(-1, number, 1, RT_TRUTH, line[:200], "ten columns"))
            continue
        rows.append(row)
    return rows, skipped


def _fits(row: CountRow) -> bool:
    """True if the numbers are such as a kernel has: table columns hold them."""
    count, *pages = row.counters
    small = all(-1 <= number < 1 << 31 for number in (row.pid, row.tid, count))
    return small and all(-1 << 63 <= number < 1 << 63 for number in (row.time, *pages))


def tie(
    trace: Trace, rows: list[CountRow]
) -> tuple[npt.NDArray[np.void], npt.NDArray[np.int64], list[Untied]]:
    """TRUTH_DTYPE rows for the lines whose event is in the trace, by event; their times; and the others.

    Rows that tell a moment only have a map_count of -1. An exec's line goes with the last event that builds its
    address space.
    """
    tied: list[tuple[int, ...]] = []
    times: list[int] = []
    untied: list[Untied] = []
    by_tid: dict[int, list[CountRow]] = {}
    for row in rows:
        by_tid.setdefault(row.tid, []).append(row)
    sides = _events_by_tid(trace)
    roots = {int(task["tid"]) for task in trace.tasks if task["parent"] < 0}
    for tid, lines in by_tid.items():
        side = sides.get(tid, [])
        at = 0
        begin = _begin(side, lines) if tid in roots else 0  # of others the log has the birth
        untied += [Untied(row, "the log begins later") for row in lines[:begin] if row.told]
        for row in lines[begin:]:
            found = _next(side, at, row)
            if found < 0:
                if not row.told:
                    continue
                untied.append(Untied(row, _reason(trace, side, row)))
                continue
            tied.append((_settled(trace, side[found][0]), *row.counters))
            times.append(row.time)
            at = found + 1
    table = np.array(tied, dtype=TRUTH_DTYPE)
    order = np.argsort(table["event"], kind="stable")
    return table[order], np.array(times, dtype=np.int64)[order], untied


def _events_by_tid(trace: Trace) -> dict[int, list[tuple[int, str, int]]]:
    """For each thread id its events that mapcount.txt counts: number, call, result.

    The counters of a fork were read at its return, when the child may have run for long. Where the log shows
    that return, it is a mark of its own; else the fork itself has to do.
    """
    kind = trace.columns["kind"]
    marks = trace.strings
    wanted = np.isin(kind, [*_CALL_OF_KIND, ev.K_MARK])
    chosen = np.flatnonzero(wanted)
    sides: dict[int, list[tuple[int, str, int]]] = {}
    tids = _tids_then(trace, chosen)
    columns = (chosen, tids, kind[chosen], trace.columns["a0"][chosen], trace.columns["ret"][chosen])
    for event, tid, kind_, a0, ret in zip(*(c.tolist() for c in columns), strict=True):
        call = _CALL_OF_KIND.get(kind_) or marks[a0]
        sides.setdefault(tid, []).append((event, call, ret))
    for tid, side in sides.items():
        shown = {ret for event, call, ret in side if call in _FORKS and kind[event] == ev.K_MARK and ret > 0}
        sides[tid] = [row for row in side if kind[row[0]] != ev.K_FORK or row[2] not in shown]
    return sides


def _tids_then(trace: Trace, events: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The thread id that the task of each event had then: a thread that execs goes on under its leader's."""
    kind, task, ret = (trace.columns[name] for name in ("kind", "task", "ret"))
    tids = trace.tasks["tid"][task[events]].astype(np.int64)
    for event in np.flatnonzero((kind == ev.K_EXEC) & (ret >= 0)).tolist():
        row = trace.tasks[int(task[event])]
        if row["tid"] != row["pid"]:
            tids[(events >= event) & (task[events] == task[event])] = row["pid"]
    return tids


def _reason(trace: Trace, side: list[tuple[int, str, int]], row: CountRow) -> str:
    """Why no event is this row's return."""
    call = row.event.partition("_")[2]
    if trace.format.startswith("strace"):
        if call == "prctl" or (row.ret < 0 and call in _NO_EVENT_IF_FAILED):
            return "strace text makes no event of a call that changed nothing"
        if call in _FORKS and row.ret == 0:
            return "strace text does not show when a child that shares memory begins"
    if not side:
        return "no event of this thread"
    return "no such return of this thread"


def _begin(side: list[tuple[int, str, int]], lines: list[CountRow]) -> int:
    """The line with which a log begins that begins with an exec, or with a later one of several."""
    if not side or side[0][1] != "execve":
        return 0
    execs = [number for number, row in enumerate(lines) if row.event == "exit_execve" and row.ret >= 0]
    seen = sum(1 for _, call, ret in side if call == "execve" and ret >= 0)
    late = len(execs) - seen
    return execs[late] if 0 <= late < len(execs) else 0


def _next(side: list[tuple[int, str, int]], at: int, row: CountRow) -> int:
    """The first event from `at` on that is this row's return, or -1."""
    way, _, call = row.event.partition("_")
    entry = way == "enter"
    for place in range(at, len(side)):
        _, name, ret = side[place]
        if (name == call or (name == "fork" and call in _FORKS)) and (entry or ret == row.ret):
            return place
    return -1


def _settled(trace: Trace, event: int) -> int:
    """The event behind which the counters hold: for an exec the last of its initial areas."""
    kind = trace.columns["kind"]
    if kind[event] != ev.K_EXEC:
        return event
    while event + 1 < len(kind) and kind[event + 1] in (ev.K_INIT_MM, ev.K_INIT_VMA):
        event += 1
    return event


def summary(untied: Iterable[Untied]) -> list[str]:
    """One note for each kind of line without an event."""
    counts: dict[tuple[str, str], int] = {}
    for one in untied:
        key = (one.row.event, one.reason)
        counts[key] = counts.get(key, 0) + 1
    return [
        f"{n:,} {'counter' if n == 1 else 'counters'} of {event} {'has' if n == 1 else 'have'} no event: {reason}"
        for (event, reason), n in sorted(counts.items())
    ]
