"""Recorded maps put into a trace: behind which exec, or at the start of which process.

A file whose name tells process and moment (`PID.exec1.maps`) goes there. Any other is tried on the log: see
`fitting`. What was done with each file, or why it had no effect, is a note of the trace.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...abi import kinds as ev
from ...errorcodes import RT_MAPS
from ...errors import InputError
from ...lateclasses import replace
from ..events import TASK_DTYPE, MapsFile, Trace
from ..insertion import Insert, StringNumbers, insert, prepend
from .areas import is_gate
from .fitting import first_event, fit_of, is_at_exec, later_or_other, mapped_between, start_brk, starts_of
from .loader import first_calls
from .mapsfile import initial_rows
from .reconstruct import maps_at_exec

_NAMING = "PID.exec1.maps (behind the first exec) or PID.start.maps (where the log begins)"
_VSYSCALL = (0xFFFFFFFFFF600000, 0xFFFFFFFFFF601000)


def add_maps(trace: Trace, maps: list[MapsFile], named: bool = False) -> None:
    """Build address spaces from recorded maps: behind execs, or at the start of an attached process.

    `trace.maps` gets all of them; those of exits know their event, which the replay will look at. `named`: the
    user named these files, so each that had no effect gets a note. InputError RT325 if a scenario has initial
    areas of its own.
    """
    if not maps:
        return
    if not trace.recorded:
        _before_steps(trace, maps)
        return
    placing = _Placing(trace, named)
    placing.place(maps)
    insert(trace, placing.inserts)
    trace.maps += _with_events(trace, maps)
    if named:
        trace.notes += _without_effect(trace, placing.used)
    for file in maps:
        if file.moment == "start" and file.path in placing.used:
            trace.notes += mapped_between(trace, file)
    trace.notes += [
        f"{file.path}: the log does not show the end of process {file.tid}; nothing is compared with it"
        for file in trace.maps
        if file.moment == "exit" and file.event < 0 and (file.path in placing.used or not named)
    ]


def add_told(trace: Trace, maps: Sequence[MapsFile] = ()) -> None:
    """Build the address spaces that the text of the recorder itself tells: behind execs, and where the log begins.

    Processes that have their own `maps` of such moments take those. To be called before `add_maps`.
    """
    own = {file.tid for file in maps if file.moment.startswith(("exec", "start"))}
    told = [one for one in trace.told_areas if one.file.tid not in own and 0 not in own]
    trace.told_areas = []
    if not told or not len(trace):
        return
    placing = _Placing(trace, named=False)
    execs = sorted((line, file.tid) for line, file in told if line)
    behind = at_start = 0
    for line, file in told:
        later = next((other for other, pid in execs if other > line and pid == file.tid), 1 << 62)
        if line and placing.behind_exec_at(line, later, file):
            behind += 1
        elif not line and placing.where_log_begins(file):
            at_start += 1
    insert(trace, placing.inserts)
    if behind:
        trace.notes.append(f"the areas behind {counted_execs(behind)} are those of perf's mapping records")
    if at_start:
        trace.notes.append(
            f"{at_start} process{'es' * (at_start != 1)} that ran before: begun with the areas of perf's mapping"
            " records, which leave out what nobody may read, write or execute (guard pages, reserved ranges)"
        )


def counted_execs(count: int) -> str:
    """`count` execs in words."""
    return "the exec" if count == 1 else f"{count} execs"


def _before_steps(trace: Trace, maps: list[MapsFile]) -> None:
    """The areas of one file before the first step of a scenario."""
    made = trace.columns["kind"][: trace.prelude]
    if len(maps) > 1 or bool(np.isin(made, (ev.K_INIT_MM, ev.K_INIT_VMA)).any()):
        own = "has initial areas of its own" if len(maps) == 1 else "starts from one map"
        raise InputError(
            RT_MAPS, f"the scenario {own}", maps[-1].path, expected="one list of areas to start from"
        )
    file = maps[0]
    if not len(trace.tasks):
        _add_task(trace, file.tid or 1)
    rows = initial_rows(file, 0, StringNumbers(trace), 0)
    prepend(trace, [Insert(0, *row) for row in rows])
    trace.initial = tuple((row.start, row.end, row.name) for row in file.rows if not is_gate(row))
    trace.maps.append(file)
    trace.notes.append(f"{file.path}: {_areas(file)} before the first step")


def _add_task(trace: Trace, tid: int) -> None:
    trace.tasks = np.append(trace.tasks, np.array([(tid, tid, 0, -1)], dtype=TASK_DTYPE))


def _areas(file: MapsFile) -> str:
    """How many areas the file brings, and what it says that it leaves out."""
    count = sum(not is_gate(row) for row in file.rows)
    text = f"{count} area{'s' * (count != 1)}"
    if file.elided:
        text += f" (it says at {file.elided} place{'s' * (file.elided != 1)} that some are left out)"
    return text


class _Placing:
    """Decides where each file of maps goes."""

    def __init__(self, trace: Trace, named: bool) -> None:
        self.inserts: list[Insert] = []
        self.used: set[str] = set()
        self._trace = trace
        self._named = named
        self._string = StringNumbers(trace)
        self._taken: set[int] = set()  # first events of starts that have their areas

    def place(self, maps: list[MapsFile]) -> None:
        """Put every file where its name says, or where it fits."""
        trace = self._trace
        pairs = _exec_maps(trace, maps)
        known = {event for event, _ in pairs}
        for event, file in sorted(pairs + _from_exits(trace, maps, known), key=lambda pair: pair[0]):
            self._behind_exec(event, file)
        for file in maps:
            if file.moment == "start":
                if file.named:
                    self._at_start(file)
                else:
                    self._where_it_fits(file)
        if not self._named:
            trace.notes += [
                f"{m.path}: the exec of this file is not in the trace; it was not used"
                for m in maps
                if m.moment.startswith("exec") and m.path not in self.used
            ]

    def behind_exec_at(self, line: int, before: int, file: MapsFile) -> bool:
        """Behind the first exec of the file's process from `line` to before line `before`; False: none there."""
        columns = self._trace.columns
        lines = columns["line"]
        execs = (columns["kind"] == ev.K_EXEC) & (columns["ret"] >= 0) & (columns["a1"] == 0)
        here = (
            execs
            & (lines >= line)
            & (lines < before)
            & (self._trace.tasks["pid"][columns["task"]] == file.tid)
        )
        found = np.flatnonzero(here)
        if not len(found):
            return False
        self._behind_exec(int(found[0]), file)
        return True

    def where_log_begins(self, file: MapsFile) -> bool:
        """Before the first event of the file's process; False if the log shows where it came from."""
        trace = self._trace
        rows = np.flatnonzero((trace.tasks["pid"] == file.tid) & (trace.tasks["parent"] < 0))
        if not len(rows):
            return False
        task = int(rows[0])
        first = first_event(trace, file.tid, task)
        if first >= len(trace) or trace.columns["kind"][first] == ev.K_EXEC:
            return False
        self._insert(first, task, file, incomplete=True)
        return True

    def _behind_exec(self, event: int, file: MapsFile) -> None:
        task = int(self._trace.columns["task"][event])
        self._trace.columns["a1"][event] = 1
        self._insert(event + 1, task, file)

    def _insert(self, before: int, task: int, file: MapsFile, *, incomplete: bool = False) -> None:
        """`incomplete`: the process may have had more than the file shows, which calls of the log then prove."""
        rows = initial_rows(file, task, self._string, start_brk(self._trace, before, task))
        if incomplete:  # an assumed area that is none: the kernel counts no [vsyscall]
            rows = [row for row in rows if row[2][:1] != _VSYSCALL[:1]]
        self.inserts += [Insert(before, *row) for row in rows]
        if incomplete:
            gate = (*_VSYSCALL, 4, 0, 0, self._string("[vsyscall]"))
            self.inserts.append(Insert(before, ev.K_INIT_VMA, task, gate, flags=ev.EVF_MADE | ev.EVF_ASSUMED))
        self.used.add(file.path)
        self._taken.add(before)

    def _at_start(self, file: MapsFile) -> None:
        """A file named PID.start.maps: for the process of that thread."""
        trace = self._trace
        rows = (trace.tasks["tid"] == file.tid).nonzero()[0]
        if not len(rows):
            trace.notes.append(f"{file.path}: no task {file.tid} in the trace; these maps were not used")
            return
        task = int(rows[0])
        first = first_event(trace, int(trace.tasks["pid"][task]), task)
        if first < len(trace) and trace.columns["kind"][first] == ev.K_EXEC:
            exec_ = trace.strings[int(trace.columns["a0"][first])]
            trace.notes.append(
                f"{file.path}: process {file.tid} begins with its execve of {exec_}, which replaces what was"
                f" mapped before; for the areas behind it name the file {file.tid}.exec1.maps"
            )
        self._insert(first, task, file, incomplete=self._named)

    def _where_it_fits(self, file: MapsFile) -> None:
        """A file whose name is silent: for the start that the log's own addresses speak for."""
        trace = self._trace
        if not len(trace.tasks):
            _add_task(trace, file.tid or 1)
        starts = [s for s in starts_of(trace) if s.first not in self._taken]
        if file.tid:
            starts = [s for s in starts if s.pid == file.tid]
        judged = [(*fit_of(trace, s, file), s) for s in starts]
        fitting = [(score, s) for score, reason, s in judged if not reason]
        if not fitting:
            whose = (
                f"process {file.tid} is not in the log" if file.tid else "no process of the log starts here"
            )
            reason = judged[0][1] if judged else whose
            trace.notes.append(f"{file.path}: not used: {reason}; to say whose and when, name it {_NAMING}")
            return
        best, start = max(fitting, key=lambda pair: (pair[0], -pair[1].first))
        among = sum(score == best for score, _ in fitting)
        process = f"process {start.pid}" if start.pid else "the process"
        text = f"{file.path}: {_areas(file)}, used for {process}"
        if start.event < 0:
            self._insert(start.first, start.task, file, incomplete=True)
            text += " where its log begins"
            text += later_or_other(trace, start, file)
        else:
            relros = first_calls(trace, start.event + 1, start.task).relros
            at_exec = maps_at_exec(file, start.program, relros)
            if at_exec is None or is_at_exec(file, at_exec):
                self._behind_exec(start.event, file)
                text += f" behind its execve of {start.program}"
            else:
                self._behind_exec(start.event, at_exec)
                text = (
                    f"{file.path}: taken some time after the execve of {start.program} by {process};"
                    f" the {_areas(at_exec)} that exec made are told from it"
                )
        if among > 1:
            text += f" ({among} places fit; to choose, name it {_NAMING})"
        trace.notes.append(text)


def _exec_maps(trace: Trace, maps: list[MapsFile]) -> list[tuple[int, MapsFile]]:
    """Successful execs and their maps files. A text that starts late has the last execs of a process."""
    execs: dict[int, list[int]] = {}
    kind, task, ret = trace.columns["kind"], trace.columns["task"], trace.columns["ret"]
    for event in ((kind == ev.K_EXEC) & (ret >= 0)).nonzero()[0].tolist():
        execs.setdefault(int(trace.tasks["pid"][task[event]]), []).append(event)
    files: dict[int, dict[int, MapsFile]] = {}
    for file in maps:
        if file.moment.startswith("exec"):
            files.setdefault(file.tid, {})[int(file.moment[4:])] = file
    pairs: list[tuple[int, MapsFile]] = []
    for pid, numbered in files.items():
        events = execs.get(pid, [])
        missing = max(max(numbered) - len(events), 0)
        for number, event in enumerate(events, 1 + missing):
            if number in numbered:
                pairs.append((event, numbered[number]))
    return sorted(pairs, key=lambda pair: pair[0])


def _from_exits(trace: Trace, maps: list[MapsFile], known: set[int]) -> list[tuple[int, MapsFile]]:
    """Execs without maps of their own whose process left maps at its exit, see `reconstruct`."""
    exits = {file.tid: file for file in maps if file.moment == "exit"}
    kind, task, ret = trace.columns["kind"], trace.columns["task"], trace.columns["ret"]
    last: dict[int, int] = {}
    for event in ((kind == ev.K_EXEC) & (ret >= 0)).nonzero()[0].tolist():
        last[int(trace.tasks["pid"][task[event]])] = event
    pairs: list[tuple[int, MapsFile]] = []
    for pid, event in last.items():
        if event in known or pid not in exits or trace.columns["a1"][event] == 1:
            continue
        program = trace.strings[int(trace.columns["a0"][event])]
        relros = first_calls(trace, event + 1, int(task[event])).relros
        file = maps_at_exec(exits[pid], program, relros)
        if file is not None:
            pairs.append((event, file))
            what = f"execve of {program}" if program else f"the execve of process {pid}"
            trace.notes.append(f"the areas behind {what} are told from {exits[pid].path}")
    return pairs


def _with_events(trace: Trace, maps: list[MapsFile]) -> list[MapsFile]:
    """The maps files with the events behind which they were taken, where that is known."""
    kind, task, a0 = trace.columns["kind"], trace.columns["task"], trace.columns["a0"]
    leaves: dict[int, int] = {}
    if "exit_group" in trace.strings:
        name = trace.strings.index("exit_group")
        for event in ((kind == ev.K_MARK) & (a0 == name)).nonzero()[0].tolist():
            leaves.setdefault(int(trace.tasks["pid"][task[event]]), event)
    last = _last_events(trace, {file.tid for file in maps if file.moment == "exit"} - leaves.keys())
    leaves.update(last)
    ends = _last_events(trace, {file.tid for file in maps if file.moment == "end"}, ended=False)
    moments = {"exit": leaves, "end": ends}
    out = []
    for file in maps:
        event = moments.get(file.moment, {}).get(file.tid, -1)
        if event >= 0:
            trace.columns["flags"][event] |= ev.EVF_OBSERVE
        out.append(replace(file, event=event))
    return out


def _last_events(trace: Trace, pids: set[int], ended: bool = True) -> dict[int, int]:
    """The last event before the end of processes that a signal killed, whose maps were kept on the way out.

    `ended` False: of processes that go on behind the log, all of whose tasks stood still when their maps were kept.
    """
    if not pids:
        return {}
    kind = trace.columns["kind"]
    pid = trace.tasks["pid"][trace.columns["task"]]
    mine = np.flatnonzero(np.isin(pid, list(pids)) & (kind != ev.K_EXIT))
    last = dict(zip(pid[mine].tolist(), mine.tolist(), strict=True))
    gone = set(pid[kind == ev.K_EXIT].tolist()) & pids
    return {number: event for number, event in last.items() if (number in gone) == ended}


def _without_effect(trace: Trace, used: set[str]) -> list[str]:
    """A note for each file that neither began an address space nor can be compared with one."""
    notes = []
    pids = {int(pid) for pid in trace.tasks["pid"]}
    for file in trace.maps:
        if file.path in used or not file.named or file.moment == "start" or file.event >= 0:
            continue
        if file.moment == "peak":
            reason = "a map of a peak is kept, but nothing is compared with it"
        elif file.tid not in pids:
            reason = f"no process {file.tid} in the trace"
        elif file.moment == "exit":
            reason = f"the log does not show the exit_group of process {file.tid}"
        elif file.moment == "end":
            reason = f"process {file.tid} ended before"
        else:
            reason = "the exec of this file is not in the trace"
        notes.append(f"{file.path}: {reason}; it was not used")
    return notes
