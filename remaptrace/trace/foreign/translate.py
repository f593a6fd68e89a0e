"""Texts of other tracers, read as strace text: each line becomes the line that strace would print.

A tracer is a function from a line to that line: empty for one that says nothing (an entry whose exit follows), None
for one that cannot be read, which then is counted and shown as it stands in the file. Line numbers stay.
"""

from __future__ import annotations

from collections.abc import Callable

from ...lateclasses import replace
from ...machinecode.ready import Progress
from ..events import Trace
from ..strace.door import read_strace
from ..strace.places import UNNAMED_MACHINE

Line = Callable[[bytes], bytes | None]

_UNREADABLE = b"(not translated)"


def read_translated(
    data: bytes, translate: Line, *, name: str, what: str, progress: Progress | None = None
) -> Trace:
    """The trace of `data`, each of whose lines `translate` turns into one of strace. `what` becomes a note.

    InputError RT301 if no line can be read.
    """
    lines = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    out = []
    for line in lines:
        made = translate(line) if line.strip() else b""
        out.append(_UNREADABLE if made is None else made)
    trace = read_strace(b"\n".join(out), name=name, progress=progress)
    trace.skipped = [
        replace(s, found=lines[s.line - 1][:80].decode("utf-8", "backslashreplace"), column=1)
        if 0 < s.line <= len(lines)
        else s
        for s in trace.skipped
    ]
    trace.notes = [what, *(note for note in trace.notes if not note.startswith(UNNAMED_MACHINE))]
    return trace


def split_arguments(text: bytes) -> list[bytes]:
    """Arguments between commas that stand outside of brackets and quotes."""
    out, depth, start = [], 0, 0
    quoted = escaped = False
    for place, letter in enumerate(text):
        if quoted:
            quoted = letter != 0x22 or escaped
            escaped = letter == 0x5C and not escaped
        elif letter == 0x22:
            quoted = True
        elif letter in b"([{":
            depth += 1
        elif letter in b")]}":
            depth -= 1
        elif letter == 0x2C and depth <= 0:
            out.append(text[start:place].strip())
            start = place + 1
    last = text[start:].strip()
    return [*out, last] if last or out else []


_FCNTL = {b"0": b"F_DUPFD", b"2": b"F_SETFD", b"1030": b"F_DUPFD_CLOEXEC", b"1033": b"F_ADD_SEALS"}


def with_words(name: bytes, values: list[bytes]) -> list[bytes]:
    """Arguments of fcntl with the word of a command that is a number, as strace prints it."""
    if name in (b"fcntl", b"fcntl64") and len(values) > 1 and values[1] in _FCNTL:
        values = [values[0], _FCNTL[values[1]], *values[2:3]]
        if values[1] == b"F_SETFD" and values[2:] == [b"1"]:
            values[2] = b"FD_CLOEXEC"
    return values
