"""gVisor: the log of `runsc --strace`, by its exit lines.

    I0705 23:27:43.247488  1 strace.go:614] [  1:  1] app X mmap(0x0, 0x2000, 0x3, 0x22, ..) = 1398 (0x7f32) (38.2µs)

The answers are those of gVisor's own memory manager. Entries (E) are read only of calls that never return.
"""

from __future__ import annotations

import re

from ...machinecode.ready import Progress
from ..events import Trace
from .translate import read_translated, split_arguments

_HEAD = re.compile(
    rb"(?:[^\n]{0,200}?strace\.go:\d+\] \[ *(\d{1,9})(?:: *\d{1,9})?\] (.*?) |\[pid +(\d{1,9})\] )([EX]) (\w+)\("
)
_ANYWHERE = re.compile(rb"strace\.go:\d+\] \[ *\d{1,9}(?:: *\d{1,9})?\] .*? [EX] \w+\(")
_U_ROOT = re.compile(rb"\[pid +\d{1,9}\] [EX] \w+\(")
_U_ROOT_RESULT = re.compile(
    rb"\) = (?:(0x[0-9a-f]{1,16}|-?\d{1,20})|([a-z][^\n]*?)(?: \((0x[0-9a-f]{1,3})\))?) \([^()]*\)\s*$"
)
_RESULT = re.compile(
    rb"\) = (-?\d{1,20}|0x[0-9a-f]{1,16})(?: \((0x[0-9a-f]{1,16}|-0x[0-9a-f]{1,16})\))?(?: errno=(\d{1,4}) \(.*\))?"
    rb" \([^()]*\)\s*$"
)
_OTHER = re.compile(rb"[^\n]{0,60}?\w+\.go:\d+\] ")
_ENDING = (b"exit", b"exit_group")
_FORKS = (b"clone", b"clone3", b"fork", b"vfork")
_MINUS_ONE = (b"0xffffffffffffffff", b"0xffffffff")
_PATH = re.compile(rb"0x[0-9a-f]+ (/[^,]*)$")
_WITH_DESCRIPTOR = re.compile(rb"(0x[0-9a-f]{1,16}) (/.*|[a-z_]+:.*|\(bad FD\)|host:.*)$")

OF_U_ROOT = "the log is of u-root's strace, which writes as gVisor does: its answers are Linux's own"
WHAT = "the log is of gVisor (runsc --strace): its answers are those of gVisor's own memory manager"


def looks_like_gvisor(head: bytes) -> bool:
    """True if `head` has a line of runsc's strace among its first."""
    return any(_ANYWHERE.search(line) or _U_ROOT.match(line) for line in head.split(b"\n")[:300])


def read_gvisor(data: bytes, *, name: str, progress: Progress | None = None) -> Trace:
    """The trace of a runsc log. Lines of other parts of runsc say nothing about calls."""
    what = WHAT if b"strace.go:" in data else OF_U_ROOT
    return read_translated(data, _line, name=name, what=what, progress=progress)


def _line(line: bytes) -> bytes | None:
    head = _HEAD.match(line)
    if head is None:
        return b"" if _OTHER.match(line) and b"strace.go" not in line else None
    tid, call = head[1] or head[3], head[5]
    if head[4] == b"E":
        if call not in _ENDING:
            return b""
        code = _argument(call, 0, line[head.end() :].rstrip().removesuffix(b")").strip())
        return b"%b %b(%b) = ?" % (tid, call, code or b"0")
    found = _RESULT.search(line, head.end() - 1)
    other = _U_ROOT_RESULT.search(line, head.end() - 1) if found is None and head[3] else None
    if found is None and other is None:
        return None
    if call in _ENDING:
        return b""  # its entry was read
    behind = found or other
    assert behind is not None
    arguments = split_arguments(line[head.end() : behind.start()])
    texts = [_argument(call, i, a) for i, a in enumerate(arguments)]
    if call == b"clone" and texts:
        texts = [b"child_stack=" + (texts[1] if len(texts) > 1 else b"NULL"), b"flags=" + texts[0]]
    result = _answer(call, found) if found is not None else _of_u_root(behind)
    return b"%b %b(%b) = %b" % (tid, call, b", ".join(texts), result)


def _answer(call: bytes, found: re.Match[bytes]) -> bytes:
    if found[3]:
        return b"-1 errno=%b (not shown)" % found[3]
    return found[1] if call in _FORKS or found[2] in (None, b"0x0") else found[2]


def _of_u_root(found: re.Match[bytes]) -> bytes:
    """A number, or the words of an error, whose number may stand behind them."""
    if found[1] is not None:
        return found[1]
    return b"-1 errno=%d (not shown)" % int(found[3], 16) if found[3] else b"-1"


def _argument(call: bytes, number: int, text: bytes) -> bytes:
    """An argument as strace writes it: descriptors with paths in brackets, strings in quotes."""
    described = _WITH_DESCRIPTOR.match(text)
    if described is not None:
        value, rest = described[1], described[2]
        if value in _MINUS_ONE:
            return b"-1"
        if (
            call in (b"open", b"openat", b"execve", b"memfd_create")
            and _PATH.match(text)
            and _is_path(call, number)
        ):
            return b'"%b"' % rest
        return b"%d<%b>" % (int(value, 16), rest) if rest.startswith(b"/") else b"%d" % int(value, 16)
    if text.startswith(b"AT_FDCWD"):
        return b"AT_FDCWD"
    return b"-1" if text in _MINUS_ONE and call.startswith(b"mmap") else text


def _is_path(call: bytes, number: int) -> bool:
    return number == (1 if call == b"openat" else 0)
