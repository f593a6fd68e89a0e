"""ltrace -S: system calls among the calls of libraries.

    5349 13:53:34.369155 SYS_mmap(0, 0xdb5b, 1, 2)   = 0x7fe2402a0000 <0.000050>
    mmap@SYS(nil, 3985888, 5, 2050, 3, 0)            = 0x7fb7bfd24000

Only system calls are read; an error is the number itself. Versions up to 0.7.3 print no more than four arguments of
mmap: the descriptor is then taken to be the one opened last, its offset the distance to where the file was mapped
first, and a note says so. Without -S there are only calls of libraries, which `told` names.
"""

from __future__ import annotations

import re
from collections import defaultdict

from ...abi.mman import MAP_ANONYMOUS, MAP_FIXED
from ...counting import counted
from ...machinecode.ready import Progress
from ..events import Trace
from .translate import read_translated, split_arguments, with_words

_HEAD = re.compile(
    rb"(?P<head>(?:\[pid +(?P<inner>\d{1,10})\] +|(?P<pid>\d{1,10}) +)?(?:\d[\d:]*(?:\.\d+)? +)?(?:\[0x[0-9a-f]+\] +)?)"
)
_CALL = re.compile(rb"(?:SYS_(?P<old>\w+)|(?P<new>\w+)@SYS)\(")
_LIBRARY = re.compile(rb"(?:[\w.]+->)?[A-Za-z_][\w.@:~]*\(")
_RESUMED = re.compile(rb"<\.\.\. (?P<name>\S+) resumed>")
_RESULT = re.compile(rb"\) *= (?P<result>-?(?:0x[0-9a-f]{1,16}|\d{1,20}))(?P<took> <\d+\.\d+>)?\s*\Z")
_UNFINISHED = re.compile(rb" *<unfinished \.\.\.>\s*\Z")
_NEVER = re.compile(rb" *<no return \.\.\.>\s*\Z")
_EXITED = re.compile(rb"\+\+\+ exited \(status (\d+)\) \+\+\+\s*\Z")
_OTHER = re.compile(rb"\+\+\+ killed by |--- SIG|--- (?:Called exec\(\)|stopped by)|breakpoint|unexpected ")
_SHOWS = re.compile(rb"(?:^|[\] ])(?:SYS_[a-z_]\w*|[a-z_]\w*@SYS)\(", re.MULTILINE)
_ENDING = (b"exit", b"exit_group")
_FORKS = (b"clone", b"fork", b"vfork")
_MINUS_ONE = (b"0xffffffff", b"4294967295", b"0xffffffffffffffff")

WHAT = "the log is of ltrace -S: only its system calls are read"
FOUR = (
    "this ltrace prints no descriptor and no offset of mmap: {} mappings of files are taken to be of the descriptor"
    " opened last, and of the part as far from its beginning as they lie from its first mapping"
)


def looks_like_ltrace(head: bytes) -> bool:
    """True if some line among the first of `head` is a system call as ltrace prints it."""
    return _SHOWS.search(head[: 1 << 18]) is not None


def read_ltrace(data: bytes, *, name: str, progress: Progress | None = None) -> Trace:
    """The trace of a text of ltrace -S."""
    reader = _Ltrace()
    trace = read_translated(data, reader.line, name=name, what=WHAT, progress=progress)
    if reader.guessed:
        trace.notes.insert(1, FOUR.format(reader.guessed))
    if reader.libraries:
        trace.notes.insert(
            1, f"{counted(reader.libraries, 'line')} of calls of libraries, which are not read"
        )
    return trace


def _of_fork(name: bytes, arguments: bytes) -> list[bytes]:
    """The arguments of a fork as strace writes them."""
    flags = split_arguments(arguments)[:1]
    if name != b"clone" or not flags or not re.fullmatch(rb"0x[0-9a-f]+|\d+", flags[0]):
        return []
    return [b"child_stack=NULL", b"flags=0x%x" % int(flags[0], 16 if flags[0].startswith(b"0x") else 10)]


class _Ltrace:
    """Turns lines into those of strace, with what each thread has under way."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, list[tuple[bytes, bytes]]] = defaultdict(
            list
        )  # name as printed, the call's text
        self._opened: dict[bytes, int] = {}
        self._first: dict[tuple[bytes, int], int] = {}
        self.guessed = self.libraries = 0

    def line(self, line: bytes) -> bytes | None:
        """The line of strace for `line`, empty for one that says nothing, None if it cannot be read."""
        found = _HEAD.match(line)
        assert found is not None
        head, tid, text = found["head"], found["inner"] or found["pid"] or b"", line[found.end() :]
        resumed = _RESUMED.match(text)
        if resumed is not None:
            return self._resumed(head, tid, resumed["name"], text[resumed.end() :])
        call = _CALL.match(text)
        if call is not None:
            name = call["old"] or call["new"]
            return self._called(head, tid, name, call.group()[:-1], text[call.end() :])
        if _LIBRARY.match(text):
            self.libraries += 1
            if _UNFINISHED.search(text):
                self._waiting[tid].append((text.partition(b"(")[0], b""))
            return b""
        exited = _EXITED.match(text)
        if exited is not None:
            return b"%b+++ exited with %b +++" % (head, exited[1])
        if text.startswith(b"--- Called exec"):
            return b""
        return line if _OTHER.match(text) else None

    def _called(self, head: bytes, tid: bytes, name: bytes, shown: bytes, rest: bytes) -> bytes | None:
        if (cut := _UNFINISHED.search(rest)) is not None:
            self._waiting[tid].append((shown, rest[: cut.start()]))
            if name not in _FORKS:
                return b""  # the whole call is written where it ends; a child may speak before a fork does
            return b"%b%b(%b <unfinished ...>" % (head, name, b", ".join(_of_fork(name, rest[: cut.start()])))
        if (cut := _NEVER.search(rest)) is not None:
            arguments = split_arguments(rest[: cut.start()])
            if name in _ENDING:
                return b"%b%b(%b) = ?" % (head, name, arguments[0] if arguments else b"0")
            return self._whole(head, tid, name, arguments, b"0", b"") if name == b"execve" else b""
        result = _RESULT.search(rest)
        if result is None:
            return None
        return self._whole(
            head, tid, name, split_arguments(rest[: result.start()]), result["result"], result["took"] or b""
        )

    def _resumed(self, head: bytes, tid: bytes, name: bytes, rest: bytes) -> bytes | None:
        """The end of a call; that of a call of a library is none of ours."""
        waiting = self._waiting[tid]
        bare = name.removesuffix(b"@SYS")
        at = next(
            (i for i in reversed(range(len(waiting))) if waiting[i][0].removesuffix(b"@SYS") == bare), -1
        )
        if at < 0:
            self.libraries += not name.startswith(b"SYS_")
            return b"" if not name.startswith(b"SYS_") else None
        shown, text = waiting.pop(at)
        if not shown.startswith(b"SYS_") and not shown.endswith(b"@SYS"):
            self.libraries += 1
            return b""
        result = _RESULT.search(rest)
        if result is None:
            return None
        real = shown.removeprefix(b"SYS_").removesuffix(b"@SYS")
        if real in _FORKS:
            return b"%b<... %b resumed>) = %b" % (head, real, result["result"])
        values = split_arguments(text + rest[: result.start()])
        return self._whole(head, tid, real, values, result["result"], result["took"] or b"")

    def _whole(
        self, head: bytes, tid: bytes, name: bytes, values: list[bytes], result: bytes, took: bytes
    ) -> bytes | None:
        values = [b"NULL" if value == b"nil" else value for value in values]
        if name.startswith(b"mmap"):
            if len(values) == 4 and not self._lacking(tid, values, result):
                return None
            if len(values) == 6 and values[4] in _MINUS_ONE:
                values[4] = b"-1"
        elif name in (b"open", b"openat", b"creat") and result.isdigit():
            self._opened[tid] = int(result)
            self._first.pop((tid, int(result)), None)
        if name.endswith(b"at") and values[:1] == [b"0xffffff9c"]:
            values[0] = b"AT_FDCWD"
        if name in _FORKS:
            values = _of_fork(name, b", ".join(values))
        number = name if not name.isdigit() else b"SYS_" + name
        if re.match(rb"-\d+\Z", result) and -4095 <= int(result) < 0:
            result = b"-1 errno=%b (not shown)" % result[1:]
        return b"%b%b(%b) = %b%b" % (head, number, b", ".join(with_words(name, values)), result, took)

    def _lacking(self, tid: bytes, values: list[bytes], result: bytes) -> bool:
        """Complete four arguments of mmap; False if they are no numbers."""
        try:
            asked, length, _prot, flags = (int(value, 0) for value in values)
            place = int(result, 0)
        except ValueError:
            return False
        if flags & MAP_ANONYMOUS:
            values += [b"-1", b"0"]
            return True
        fd = self._opened.get(tid, 3)
        first = self._first.setdefault((tid, fd), place) if place > 0 else place
        offset = place - first if flags & MAP_FIXED and asked >= first and length else 0
        values += [b"%d" % fd, b"0x%x" % max(offset, 0)]
        self.guessed += 1
        return True
