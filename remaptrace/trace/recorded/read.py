"""Recorded sets: one run seen by several recorders, as one Trace with maps and truth.

A set is a directory with `ftrace.txt`, `perf.txt` or `strace.txt` (plain or compressed) and, beside it,
`maps/PID.execN.maps`, `maps/PID.exit.maps` (or `.smaps`, which tell flags), `mapcount.txt` and `summary.json`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ... import errorcodes as ec
from ...abi import kinds as ev
from ...abi.mman import CLONE_VM
from ...errors import InputError
from ...lateclasses import dataclass
from ..events import MapsFile, Skipped, Trace
from ..insertion import Insert, StringNumbers, insert
from ..opening import PACKED, PACKED_END, read_input, text_of
from .assumed import assume_execs
from .faults import add_faults
from .initial import add_maps, add_told
from .mapcount import read_mapcount, summary, tie
from .mapsfile import read_maps, with_flags, with_layout
from .overtaken import put_in_order
from .races import drop_ambiguous, settle_races
from .settings import CONFIG, recorded_settings
from .threads import join_threads
from .unseen import note_unseen, show_execs

TEXTS = ("ftrace", "perf", "strace")
"""In order of preference: ftrace and perf have page faults; ftrace has clone flags of clone3 too."""


@dataclass(frozen=True)
class RecordedSet:
    """The files of a set that exist."""

    folder: Path
    texts: dict[str, Path]  # by recorder
    mapcount: Path | None
    maps: tuple[Path, ...]
    summary: Path | None
    faults: Path | None = None


def find_set(folder: str | Path) -> RecordedSet | None:
    """The recorded set in `folder`, or None if it has no text of a recorder."""
    folder = Path(folder)
    texts = {name: path for name in TEXTS if (path := _existing(folder / f"{name}.txt"))}
    if not texts:
        return None
    maps = tuple(sorted(p for p in folder.glob("maps/*") if _is_maps(p.name) and p.is_file()))
    return RecordedSet(
        folder,
        texts,
        _existing(folder / "mapcount.txt"),
        maps,
        _existing(folder / "summary.json"),
        _existing(folder / "faults.txt"),
    )


def _is_maps(name: str) -> bool:
    return ".maps" in name or ".smaps" in name


def _existing(path: Path) -> Path | None:
    return next((p for e in PACKED if (p := path.with_name(path.name + e)).is_file()), None)


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
    _stay_inside(found)
    chosen = text or next(name for name in TEXTS if name in found.texts)
    path = found.texts[chosen]
    facts = _summary(found.summary) if found.summary is not None else {}
    groups = _threads_told(facts)
    trace = read_text(chosen, _text(chosen, path), str(path), groups)
    trace.name = found.folder.name
    _take_summary(trace, facts, groups)
    if chosen == "strace" and found.faults is not None:
        add_faults(trace, read_bytes(found.faults), str(found.faults))
    settings = recorded_settings(found.folder, trace.kernel)
    if settings:
        trace.machine = {**settings, **trace.machine}
    maps = with_flags([_maps_of(trace, path) for path in found.maps])
    if chosen == "strace":
        add_marks(trace)
    elif text is None and "strace" in found.texts:
        _complement(trace, found.texts["strace"])
    if found.mapcount is None:  # counters settle the order themselves
        put_in_order(trace)
        note_unseen(trace)
        if not any(file.moment.startswith("exec") for file in maps):
            show_execs(trace)
    add_told(trace, maps)
    add_maps(trace, maps)
    assume_execs(trace, StringNumbers(trace), found.folder)
    if found.mapcount is not None:
        rows, skipped = read_mapcount(read_bytes(found.mapcount))
        if skipped:
            trace.sources.append(str(found.mapcount))
            number = len(trace.sources) - 1
            trace.skipped += [Skipped(number, s.line, s.column, s.code, s.found, s.expected) for s in skipped]
        trace.truth, times, untied = tie(trace, rows)
        trace.columns["flags"][trace.truth["event"]] |= ev.EVF_EXPECT_TRUTH
        settle_races(trace, times)
        drop_ambiguous(trace)
        trace.notes += summary(untied)
    return trace


def _maps_of(trace: Trace, path: Path) -> MapsFile:
    """A maps file, with what the `PID.MOMENT.stat` beside it tells."""
    file = read_maps(read_bytes(path), str(path))
    stat = _stat_beside(path)
    if stat is None:
        return file
    try:
        return with_layout(file, read_bytes(stat))
    except ValueError:
        trace.notes.append(f"{stat}: no /proc/PID/stat; it was not used")
        return file


def _stat_beside(path: Path) -> Path | None:
    """`maps/PID.MOMENT.stat` of `maps/PID.MOMENT.maps`."""
    head = re.sub(rf"\.s?maps{PACKED_END}$", "", path.name)
    return _existing(path.with_name(head + ".stat")) if head != path.name else None


def _stay_inside(found: RecordedSet) -> None:
    """Refuse members of a set that lead out of its folder or are no regular files; RT326.

    Sets come from strangers: a link could bring the words of any readable file into a report, a FIFO would wait for
    ever. REMAPTRACE_FOLLOW_LINKS=1 asks for links to be followed.
    """
    root = Path(os.path.realpath(found.folder))
    kept = [path for name in ("record.json", CONFIG) if (path := found.folder / name).exists()]
    members = [*found.texts.values(), found.faults, found.summary, *found.maps, found.mapcount, *kept]
    members += map(_stat_beside, found.maps)
    for path in filter(None, members):
        real = Path(os.path.realpath(path))
        outside = root not in real.parents and os.environ.get("REMAPTRACE_FOLLOW_LINKS") != "1"
        if outside or not real.is_file():
            problem = "leads out of its set" if outside else "is no regular file"
            raise InputError(
                ec.RT_SET, f"a file that {problem}", str(path), expected="a file inside the folder"
            )


def _complement(trace: Trace, path: Path) -> None:
    """Take from the strace text of the set what tracepoints do not see."""
    from .complement import complement, has_more

    data = read_bytes(path)
    if has_more(data):
        complement(trace, read_text("strace", data, str(path)))


def read_bytes(path: Path) -> bytes:
    """The content of a file of a set, decompressed."""
    return read_input(str(path))


def _text(recorder: str, path: Path) -> bytes | memoryview:
    """One recorder's text, where it lies if it is large and its reader reads it there."""
    text = text_of(str(path))
    if isinstance(text, bytes):
        return text
    return memoryview(text) if recorder == "strace" else text[:]


def read_text(
    recorder: str, data: bytes | memoryview, name: str, threads_told: Mapping[int, int] | None = None
) -> Trace:
    """The trace of one recorder's text; `threads_told` as in `strace.door.read_strace`."""
    if recorder == "ftrace":
        from ..tracepoints.ftrace import read_ftrace

        return read_ftrace(bytes(data), name=name)
    if recorder == "perf":
        from ..tracepoints.perf import read_perf

        return read_perf(bytes(data), name=name)
    from ..strace.door import read_strace

    return read_strace(data, name=name, threads_told=threads_told)


def _summary(path: Path) -> dict[str, Any]:
    """The facts of summary.json. InputError RT326 if it is no JSON object."""
    try:
        facts = json.loads(read_bytes(path))
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise InputError(ec.RT_SET, "summary.json is not a JSON object", str(path), expected="an object")
    return facts


def _threads_told(facts: Mapping[str, Any]) -> dict[int, int]:
    """Whose the threads are that were there before the recording (thread: process)."""
    groups = facts.get("threads", {})
    if not isinstance(groups, dict):
        return {}
    pairs = {int(tid): pid for tid, pid in groups.items() if str(tid).isdecimal() and isinstance(pid, int)}
    return {tid: pid for tid, pid in pairs.items() if 0 < pid < 1 << 31}


def _take_summary(trace: Trace, facts: Mapping[str, Any], groups: Mapping[int, int]) -> None:
    """What summary.json says, where the text does not."""
    root = facts.get("root_pid")
    if isinstance(root, int) and 0 < root < 1 << 31:  # a text without pids is of the first process
        for column in ("tid", "pid"):
            trace.tasks[column][trace.tasks[column] == 0] = root
    if groups and trace.format == "strace":
        join_threads(trace, groups)
    words = str(facts.get("kernel", "")).split()
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
    string = StringNumbers(trace)
    marks: list[Insert] = []
    for event, kind_ in enumerate(kind):
        if kind_ == ev.K_FORK and not a1[event] & CLONE_VM:
            marks.append(Insert(event + 1, ev.K_MARK, a0[event], (string("fork"),), 0))
        elif kind_ == ev.K_EXIT and a1[event]:
            marks.append(Insert(event, ev.K_MARK, task[event], (string("exit_group"),)))
    insert(trace, marks)
