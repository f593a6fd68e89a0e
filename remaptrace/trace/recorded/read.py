"""Recorded sets: one run seen by several recorders, as one Trace with maps and truth.

A set is a directory with `ftrace.txt`, `perf.txt` or `strace.txt` (plain, gzip or zstd) and, beside it,
`maps/PID.execN.maps`, `maps/PID.exit.maps`, `mapcount.txt` and `summary.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ... import errorcodes as ec
from ...abi import kinds as ev
from ...abi.mman import CLONE_VM
from ...errors import InputError
from ..events import MapsFile, Skipped, Trace
from ..insertion import Insert, insert
from .assumed import assume_execs
from .mapcount import read_mapcount, summary, tie
from .mapsfile import initial_rows, read_maps
from .races import settle_races
from .reconstruct import maps_at_exec

TEXTS = ("ftrace", "perf", "strace")
"""In order of preference: ftrace and perf have page faults; ftrace has clone flags of clone3 too."""
_ENDINGS = ("", ".gz", ".zst")


@dataclass(frozen=True)
class RecordedSet:
    """The files of a set that exist."""

    folder: Path
    texts: dict[str, Path]  # by recorder
    mapcount: Path | None
    maps: tuple[Path, ...]
    summary: Path | None


def find_set(folder: str | Path) -> RecordedSet | None:
    """The recorded set in `folder`, or None if it has no text of a recorder."""
    folder = Path(folder)
    texts = {name: path for name in TEXTS if (path := _existing(folder / f"{name}.txt"))}
    if not texts:
        return None
    maps = tuple(sorted(p for p in folder.glob("maps/*") if ".maps" in p.name))
    return RecordedSet(
        folder, texts, _existing(folder / "mapcount.txt"), maps, _existing(folder / "summary.json")
    )


def _existing(path: Path) -> Path | None:
    return next((p for e in _ENDINGS if (p := path.with_name(path.name + e)).is_file()), None)


def read_set(folder: str | Path, text: str | None = None) -> Trace:
    """The trace of a recorded set, with initial maps, `maps` and `truth`.

    `text` chooses the recorder ("ftrace", "perf" or "strace"); without it the best there is, with what only
    strace shows of its run.
    InputError RT326 if the folder is no set or lacks that text.
    """
    found = find_set(folder)
    if found is None or (text is not None and text not in found.texts):
        wanted = f"{text}.txt" if text else "ftrace.txt, perf.txt or strace.txt"
        raise InputError(ec.RT_SET, "not a recorded set", str(folder), expected=wanted)
    chosen = text or next(name for name in TEXTS if name in found.texts)
    path = found.texts[chosen]
    trace = read_text(chosen, read_bytes(path), str(path))
    trace.name = found.folder.name
    if found.summary is not None:
        _read_summary(trace, found.summary)
    maps = [read_maps(read_bytes(path), str(path)) for path in found.maps]
    if chosen == "strace":
        add_marks(trace)
    elif text is None and "strace" in found.texts:
        _complement(trace, found.texts["strace"])
    add_maps(trace, maps)
    if chosen == "strace":
        assume_execs(trace, string_numbers(trace))
    if found.mapcount is not None:
        rows, skipped = read_mapcount(read_bytes(found.mapcount))
        if skipped:
            trace.sources.append(str(found.mapcount))
            number = len(trace.sources) - 1
            trace.skipped += [Skipped(number, s.line, s.column, s.code, s.found, s.expected) for s in skipped]
        trace.truth, times, untied = tie(trace, rows)
        trace.columns["flags"][trace.truth["event"]] |= ev.EVF_EXPECT_TRUTH
        settle_races(trace, times)
        trace.notes += summary(untied)
    return trace


def _complement(trace: Trace, path: Path) -> None:
    """Take from the strace text of the set what tracepoints do not see."""
    from .complement import complement, has_more

    data = read_bytes(path)
    if has_more(data):
        complement(trace, read_text("strace", data, str(path)))


def read_bytes(path: Path) -> bytes:
    """The content of a file of a set, decompressed."""
    from ..opening import read_input

    return read_input(str(path))


def read_text(recorder: str, data: bytes, name: str) -> Trace:
    """The trace of one recorder's text."""
    if recorder == "ftrace":
        from ..tracepoints.ftrace import read_ftrace

        return read_ftrace(data, name=name)
    if recorder == "perf":
        from ..tracepoints.perf import read_perf

        return read_perf(data, name=name)
    from ..strace.door import read_strace

    return read_strace(data, name=name)


def _read_summary(trace: Trace, path: Path) -> None:
    try:
        facts = json.loads(read_bytes(path))
        kernel = facts.get("kernel", "")
    except (ValueError, AttributeError):
        raise InputError(
            ec.RT_SET, "summary.json is not a JSON object", str(path), expected="an object"
        ) from None
    root = facts.get("root_pid")
    if isinstance(root, int) and 0 < root < 1 << 31:  # a text without pids is of the first process
        for column in ("tid", "pid"):
            trace.tasks[column][trace.tasks[column] == 0] = root
    words = str(kernel).split()
    if trace.kernel is None and words:
        trace.kernel = words[0]
    if trace.arch is None and len(words) > 1:
        trace.arch = words[1].rstrip(",")


def add_marks(trace: Trace) -> None:
    """Give strace text the moments at which the counters were read: a child's first return, exit_group.

    The first return of a child that shares its parent's memory is not in the text: by then other threads may
    have changed the counters.
    """
    kind = trace.columns["kind"].tolist()
    task, a0, a1 = (trace.columns[c].tolist() for c in ("task", "a0", "a1"))
    string = _strings(trace)
    marks: list[Insert] = []
    for event, kind_ in enumerate(kind):
        if kind_ == ev.K_FORK and not a1[event] & CLONE_VM:
            marks.append(Insert(event + 1, ev.K_MARK, a0[event], (string("fork"),), 0))
        elif kind_ == ev.K_EXIT and a1[event]:
            marks.append(Insert(event, ev.K_MARK, task[event], (string("exit_group"),)))
    insert(trace, marks)


class _strings:
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


def string_numbers(trace: Trace) -> Callable[[str], int]:
    """A function that gives the number of a string in `trace`, adding new ones."""
    return _strings(trace)


def attach_maps(trace: Trace, paths: Sequence[str]) -> Trace:
    """`trace` with the recorded maps files at `paths` (files, or directories of them), see `add_maps`.

    InputError RT325 if one of them is no maps file.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        files += sorted(p for p in path.glob("*") if ".maps" in p.name) if path.is_dir() else [path]
    add_maps(trace, [read_maps(read_bytes(path), str(path)) for path in files])
    return trace


def add_maps(trace: Trace, maps: list[MapsFile]) -> None:
    """Build address spaces from recorded maps: behind execs, or at the start of an attached task.

    `trace.maps` gets all of them; those of exits know their event, which the replay will look at.
    """
    string = _strings(trace)
    inserts: list[Insert] = []
    used: set[str] = set()
    pairs = _exec_maps(trace, maps)
    pairs = sorted(pairs + _from_exits(trace, maps, {event for event, _ in pairs}), key=lambda pair: pair[0])
    for event, file in pairs:
        start = _start_brk(trace, event)
        task = int(trace.columns["task"][event])
        inserts += [Insert(event + 1, *row) for row in initial_rows(file, task, string, start)]
        trace.columns["a1"][event] = 1
        used.add(file.path)
    for file in maps:
        if file.moment != "start":
            continue
        task = _task_of(trace, file.tid)
        if task < 0:
            trace.notes.append(f"{file.path}: no task {file.tid} in the trace; these maps were not used")
            continue
        first = int((trace.columns["task"] == task).argmax())
        inserts += [
            Insert(first, *row) for row in initial_rows(file, task, string, _start_brk(trace, first - 1))
        ]
    unused = [m.path for m in maps if m.moment.startswith("exec") and m.path not in used]
    for path in unused:
        trace.notes.append(f"{path}: the exec of this file is not in the trace; it was not used")
    insert(trace, inserts)
    trace.maps += _with_events(trace, maps)


def _task_of(trace: Trace, tid: int) -> int:
    """The first task with this thread id; 0 asks for the first task of all."""
    if not len(trace.tasks):
        return -1
    if tid == 0:
        return 0
    rows = (trace.tasks["tid"] == tid).nonzero()[0]
    return int(rows[0]) if len(rows) else -1


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
        if event in known or pid not in exits:
            continue
        program = trace.strings[int(trace.columns["a0"][event])]
        file = maps_at_exec(exits[pid], program)
        if file is not None:
            pairs.append((event, file))
            trace.notes.append(f"the areas behind execve of {program} are told from {exits[pid].path}")
    return pairs


def _start_brk(trace: Trace, event: int) -> int:
    """Where the heap of the address space made by `event` begins: what its first brk(0) answers; 0: unknown."""
    kind, task, ret = trace.columns["kind"], trace.columns["task"], trace.columns["ret"]
    row = int(task[max(event, 0)])
    pid = trace.tasks["pid"][row]
    for later in (kind[event + 1 :] == ev.K_BRK).nonzero()[0].tolist():
        at = event + 1 + later
        if trace.tasks["pid"][task[at]] == pid:
            return int(ret[at]) if int(trace.columns["a0"][at]) == 0 else 0
    return 0


def _with_events(trace: Trace, maps: list[MapsFile]) -> list[MapsFile]:
    """The maps files with the events behind which they were taken, where that is known."""
    kind, task, a0 = trace.columns["kind"], trace.columns["task"], trace.columns["a0"]
    leaves: dict[int, int] = {}
    if "exit_group" in trace.strings:
        name = trace.strings.index("exit_group")
        for event in ((kind == ev.K_MARK) & (a0 == name)).nonzero()[0].tolist():
            leaves.setdefault(int(trace.tasks["pid"][task[event]]), event)
    out = []
    for file in maps:
        event = leaves.get(file.tid, -1) if file.moment == "exit" else -1
        if event >= 0:
            trace.columns["flags"][event] |= ev.EVF_OBSERVE
        out.append(MapsFile(file.path, file.tid, file.moment, file.rows, event))
    return out
