"""The files of ``strace -ff``, one a thread, read into one Trace."""

from __future__ import annotations

import re
from collections.abc import Sequence
from heapq import merge

from ...errorcodes import RT_LINE
from ...errors import InputError
from ..events import Trace
from ..opening import PACKED_END
from ..unborn import orphans
from ..wording import UNORDERED
from .model import MAX_TID, Model
from .read import StraceReader, finish
from .threads import Exit, groups_of, joined_note

_SUFFIX = re.compile(rf"\.(\d{{1,10}}){PACKED_END}\Z")


def read_strace_files(files: Sequence[tuple[str, bytes]], threads_of: int | None = None) -> Trace:
    """The trace of the files ``NAME.TID`` of ``strace -ff``, merged by time stamps.

    Without absolute time stamps a child's file follows the call that made it, which orders threads
    only roughly; a note says so. Threads whose birth no file shows are joined where they are proved to be of one
    process, or with `threads_of`, as in `door.read_strace`.
    """
    trace, exits = _read_family(files, {}, threads_of)
    if threads_of is not None or len(orphans(trace)) < 2:
        return trace
    groups = groups_of(trace, b"".join(_with_ids(name, data) for name, data in files), exits)
    if not groups.leader:
        return trace
    trace, _ = _read_family(files, groups.leader, None)
    trace.notes.append(joined_note(groups))
    return trace


def _with_ids(name: str, data: bytes) -> bytes:
    """The lines of one thread's file with its id in front, as ``strace -f`` prints them."""
    suffix = _SUFFIX.search(name)
    head = suffix.group(1).encode() + b" " if suffix is not None else b""
    return re.sub(rb"^", head, data.rstrip(b"\n"), flags=re.MULTILINE) + b"\n"


def _read_family(
    files: Sequence[tuple[str, bytes]], groups: dict[int, int], threads_of: int | None
) -> tuple[Trace, list[Exit]]:
    model = Model(groups=groups, one_process=threads_of)
    readers = [StraceReader(data, name, source, model) for source, (name, data) in enumerate(files)]
    for reader in readers:
        suffix = _SUFFIX.search(reader.name)
        if suffix is None or int(suffix.group(1)) > MAX_TID:
            raise InputError(RT_LINE, "the name does not end in a thread id", reader.name)
        reader.own_tid = int(suffix.group(1))
    timed = [pieces for reader in readers if (pieces := reader.timed_lines()) is not None]
    if len(timed) == len(readers):
        for _time, source, number, line in merge(*timed):
            readers[source].read_line(line, number)
    else:
        model.note(
            f"the files have no absolute time stamps (strace -ttt): {UNORDERED}; those"
            " of a thread stand behind the call that made it, so that areas may be joined and split otherwise than here"
        )
        _read_by_birth(readers, model)
    skipped = [bad for reader in readers for bad in reader.skipped]
    origin = next((one.origin for one in readers if one.origin.note or one.origin.foreign), None)
    if origin is not None and origin.note:
        model.note(origin.note)
    trace = finish(model, [name for name, _data in files], skipped, files[0][0] if files else "")
    trace.arch = origin.arch if origin is not None else None
    trace.foreign = origin.foreign if origin is not None else ""
    return trace, [one for reader in readers for one in reader.exits]


def _read_by_birth(readers: list[StraceReader], model: Model) -> None:
    """Read each file where its thread is born; those whose birth no file shows come in the given order."""
    waiting = {reader.own_tid: reader for reader in readers}
    children = {child for reader in readers for child in reader.children()}
    roots = [reader for reader in readers if reader.own_tid not in children]
    for root in [*roots, *readers]:
        if waiting.pop(root.own_tid, None) is None:
            continue
        stack = [root.numbered_lines()]
        owners = [root]
        while stack:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
                owners.pop()
                continue
            born = len(model.tasks)
            owners[-1].read_line(entry[1], entry[0])
            for task in model.tasks[born:]:
                child = waiting.pop(task.tid, None)
                if child is not None:
                    stack.append(child.numbered_lines())
                    owners.append(child)
