"""qemu-user -strace: the calls of a program of another architecture.

    71 mmap(NULL,8192,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0) = 0x0000004002847000

Near to strace, but nothing stands behind a comma, threads have the id of their process, and calls that qemu does
not describe have six numbers. The text does not name the guest's architecture.
"""

from __future__ import annotations

import re

from ...counting import counted
from ...machinecode.ready import Progress
from ...patterns import pattern
from ..events import Trace
from .qemuguests import PAGES, one_machine, whole_lines
from .translate import read_translated, split_arguments, with_words

_LINE = pattern(
    rb"(\d{1,9}) ([a-z_]\w*)\((.*)\) = (-?(?:0x)?[0-9a-f]{1,20}|-1 errno=\d{1,4} \(.*\)|\?)( \(.*\))?\s*$"
)
_NEVER = pattern(rb"(\d{1,9}) (exit|exit_group)\((-?\d{1,10})\)\s*$")
_UNKNOWN = pattern(rb"\d{1,9} Unknown syscall \d+\s*$")
_SIGNAL = pattern(rb"--- SIG[A-Z0-9]+ \{.*\} ---\s*$")
_SHOWS = pattern(
    rb"\d{1,9} [a-z_]\w*\((?:NULL|0x[0-9a-f]{8}(?:[0-9a-f]{8})?|-?\d+|\"[^\"]*\"),(?! )[^\n]*\) = "
)
_ERROR = pattern(rb"\d{1,9} [a-z_]\w*\(.*\) = -1 errno=\d{1,4} \(")
_CALL = re.compile(rb"\d{1,9} [a-z_]\w*\(")
_TMPFILE = b"O_DIRECTORY|__O_TMPFILE"
_NUMBERED: dict[bytes, int] = {b"memfd_create": 2, b"prctl": 5, b"mlock": 2, b"munlock": 2}
"""Calls of which some versions print all six registers, and how many are their own."""

WHAT = (
    "the log is of qemu-user -strace: addresses are the guest's, all threads have the id of their process;"
    " say the guest's architecture with --arch"
)


def looks_like_qemu(head: bytes) -> bool:
    """True if the lines of calls among the first of `head` are qemu's, and not strace's."""
    lines = [line for line in head.split(b"\n") if _CALL.match(line)][:200]
    if not lines:
        return False
    shown = sum(bool(_SHOWS.match(line) or _ERROR.match(line) or PAGES in line) for line in lines)
    return shown > 0 and not any(_spaced(line) for line in lines)


def _spaced(line: bytes) -> bool:
    """Whether arguments stand apart as strace prints them; strings and error texts left out."""
    plain = re.sub(rb'"(?:[^"\\]|\\.)*"|\{[^}]*\}|\[[^]]*\]', b"", line.split(b") = ")[0])
    return b", " in plain


def read_qemu(data: bytes, *, name: str, progress: Progress | None = None) -> Trace:
    """The trace of a qemu-user -strace text."""
    lines, own = whole_lines([line.removesuffix(b"\r") for line in data.split(b"\n")])
    lines, bits, others = one_machine(lines)
    trace = read_translated(b"\n".join(lines), _line, name=name, what=WHAT, progress=progress)
    if others:
        trace.notes.append(others)
    if own:
        trace.notes.append(
            f"{counted(own, 'line')} of qemu's own words (-d page): calls that they broke are joined"
        )
    if bits == 32 and trace.arch is None:
        trace.arch = "ia32"
        trace.notes.append(
            "the guest has 32 bits, and nothing here is of its architecture: ia32 stands in, whose space ends at 4 GiB"
        )
    return trace


def _line(line: bytes) -> bytes | None:
    if _UNKNOWN.match(line) or _SIGNAL.match(line):
        return b""
    never = _NEVER.match(line)
    if never is not None and never[2] == b"exit":
        return b""  # one of the threads, which all have the id of their process
    if never is not None:
        return b"%b %b(%b) = ?" % (never[1], never[2], never[3])
    found = _LINE.match(line)
    if found is None:
        return None
    pid, name, text, result = found[1], found[2], found[3].replace(_TMPFILE, b"O_TMPFILE"), found[4]
    values = [
        b"AT_FDCWD" if v == b"-100" and i == 0 and name.endswith(b"at") else v
        for i, v in enumerate(split_arguments(text))
    ]
    if name in _NUMBERED:
        values = values[: _NUMBERED[name]]
    if name == b"clone" and values:
        rest = [
            v
            for v in values[1:]
            if v.startswith((b"child_stack=", b"parent_tidptr=", b"tls=", b"child_tidptr="))
        ]
        values = [*rest[:1], b"flags=" + values[0], *rest[1:]]
    return b"%b %b(%b) = %b" % (pid, name, b", ".join(with_words(name, values)), result)
