"""valgrind --trace-syscalls=yes: the calls of the program that valgrind runs.

    SYSCALL[7840,1](9) sys_mmap ( 0x0, 8192, 3, 34, 4294967295, 0 ) --> [pre-success] Success(0x4835000)

Only the program's own calls are in the text; its memory lies where valgrind's address space manager puts it. A call
that may block stands on two lines: its arguments, then `... [async] --> Success(0x3)`.
"""

from __future__ import annotations

import re

from ...machinecode.ready import Progress
from ..events import Trace
from .translate import read_translated, split_arguments, with_words

_LINE = re.compile(
    rb"SYSCALL\[(\d{1,9}),(\d{1,9})\]\( *(\d{1,5})\) +(?:sys_)?([a-z]\w*)(?:\[[^\]]*\])? *\((.*?)\) *(?=-->|\[)"
)
_BEHIND = re.compile(rb"SYSCALL\[(\d{1,9}),(\d{1,9})\]\( *(\d{1,5})\) +\.\.\. \[async\] --> ")
_RESULT = re.compile(
    rb"(?:\[[a-z]+\])? *(?:--> *)?(?:\[(?:pre-success|pre-fail)\] *)?"
    rb"(Success|Failure)\((0x[0-9a-f]{1,16})(?::0x[0-9a-f]+)?\)\s*$"
)
_UNKNOWN = re.compile(rb"SYSCALL\[\d{1,9},\d{1,9}\]\( *\d{1,5}\) +unimplemented ")
_ALONE = re.compile(rb" --> \[pre-fail\] Failure\(0x26\)\s*$")
"""The result of a call that valgrind does not know: ENOSYS, on a line of its own."""
_WAITS = re.compile(rb"(?:\[[a-z]+\])? *--> \[async\] \.\.\.\s*$")
_OTHER = re.compile(rb"[=-]{2}\d+[=-]{2}|syscall_wrap|VG_|do_syscall_clone")
_TEXT = re.compile(rb"0x[0-9a-f]+\((.*)\)$")
_NEGATIVE = 1 << 31
_INTS: dict[bytes, tuple[int, ...]] = {b"mmap": (4,), b"mmap2": (4,), b"openat": (0,)}
"""Arguments that are ints: valgrind prints them without a sign."""
_PATHS = {b"open": 0, b"openat": 1, b"execve": 0, b"creat": 0, b"memfd_create": 0}

WHAT = "the log is of valgrind --trace-syscalls: its addresses are those that valgrind chose for the program"


def looks_like_valgrind(head: bytes) -> bool:
    """True if `head` has a line of --trace-syscalls among its first."""
    return any(line.startswith(b"SYSCALL[") for line in head.split(b"\n")[:300])


def read_valgrind(data: bytes, *, name: str, progress: Progress | None = None) -> Trace:
    """The trace of a text of valgrind --trace-syscalls=yes."""
    waiting: dict[tuple[bytes, bytes, bytes], bytes] = {}
    return read_translated(data, lambda line: _line(line, waiting), name=name, what=WHAT, progress=progress)


def _line(line: bytes, waiting: dict[tuple[bytes, bytes, bytes], bytes]) -> bytes | None:
    if not line.startswith(b"SYSCALL["):
        return b"" if _OTHER.match(line) or _ALONE.match(line) else None
    if line.count(b"SYSCALL[") > 1:
        return None  # two threads wrote at once
    if _UNKNOWN.match(line):
        return b""
    behind = _BEHIND.match(line)
    if behind is not None:
        call = waiting.pop((behind[1], behind[2], behind[3]), None)
        found = _RESULT.match(line, behind.end())
        return None if found is None else b"" if call is None else call + _answer(found, b"")
    head = _LINE.match(line)
    if head is None:
        return None
    pid, name = head[1], head[4]
    call = b"%b %b(%b)" % (pid, name, b", ".join(_arguments(name, head[5])))
    if name == b"exit_group":
        return call + b" = ?"
    if name == b"exit":
        return b""  # one of the threads, which all have the id of their process
    if _WAITS.match(line, head.end()):
        waiting[pid, head[2], head[3]] = call
        return b""
    found = _RESULT.match(line, head.end())
    return None if found is None else call + _answer(found, name)


def _answer(found: re.Match[bytes], name: bytes) -> bytes:
    value = int(found[2], 16)
    if found[1] == b"Failure":
        return b" = -1 errno=%d (not shown)" % value
    return (
        b" = %d" % value if value < 1 << 16 or name in (b"clone", b"fork", b"vfork") else b" = 0x%x" % value
    )


def _arguments(name: bytes, text: bytes) -> list[bytes]:
    """Arguments as strace writes them: strings in quotes, ints with their sign, clone's flags by name."""
    values = split_arguments(text)
    if name == b"clone" and values:
        return [
            b"child_stack=" + (values[1] if len(values) > 1 else b"NULL"),
            b"flags=0x" + values[0].removeprefix(b"0x"),
        ]
    out = []
    for number, value in enumerate(values):
        words = _TEXT.match(value)
        if words is not None:
            out.append(b'"%b"' % words[1] if _PATHS.get(name) == number else value.split(b"(")[0])
        elif number in _INTS.get(name, ()) and value.isdigit() and int(value) >= _NEGATIVE:
            out.append(b"%d" % (int(value) - (1 << 32)))
        else:
            out.append(value)
    return with_words(name, out)
