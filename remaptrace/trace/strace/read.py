"""strace text: every form that the tool prints, read into a Trace.

    15328 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0b87c9a000

`StraceReader` reads one log; `family` the files of ``strace -ff``, one a thread. Lines that
cannot be read are listed in `Trace.skipped`; nothing else is dropped in silence: calls that never touch an
address space are counted in `Trace.ignored`, memory calls that are not modelled in `Trace.unmodelled`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from mmap import mmap

import numpy as np

from ...abi.rows import T_ABSOLUTE, T_OF_DAY, T_RELATIVE
from ...errorcodes import RT_ARGUMENT, RT_CUT, RT_LINE, RT_RESUMED
from ...errors import InputError
from ..events import TASK_DTYPE, Skipped, Trace
from ..stacks import StackLines
from ..wording import ONLY_FAILED
from . import lines
from .args import BadLine, split_arguments, value
from .callnames import CallNames
from .calls import MAYBE, apply, concerns_memory, count_only, known_calls, only_counted, swallowed
from .knownfiles import NO_CLOSES, closes_left_out
from .model import FORKS, MAX_TID, Call, Model, Pending, Task
from .origin import origin_of
from .plaincalls import mark_untold
from .taskcalls import signal
from .threads import Exit

Log = bytes | mmap

LAST_MOMENT = 1 << 62
"""Nanoseconds at which clocks that add up stand still: a log of nonsense must not leave 63 bits."""
_HALF_DAY = 43_200_000_000_000
_LOOKS = re.compile(
    rb"(?:[a-z_][a-z0-9_]*\(.*|<\.\.\. [a-z_0-9]+ resumed>.*)"
    rb"(?:= (?:-?(?:0x[0-9a-f]+|\d+)|\?)|<(?:unfinished|detached) \.\.\.>)"
    rb"|\+\+\+ (?:exited|killed|superseded) |--- SIG[A-Z0-9]+ \{|--- stopped by SIG"
)
_FORK_RETURN = re.compile(
    rb"^(?:\[pid +)?(\d+)[^\n]*?(?:(?:clone3?|v?fork) resumed>|\b(?:clone3?|v?fork)\()"
    rb"[^\n]*\) += (0x[0-9a-f]{1,16}|[1-9]\d{0,18})\b",
    re.MULTILINE,
)
CHILD = re.compile(rb"(?:clone3?|v?fork)(?:\(| resumed>)[^\n]*\) += (0x[0-9a-f]{1,16}|[1-9]\d{0,18})\b")
_WITH_RESULT = re.compile(rb"\b([a-z_][a-z0-9_]*|SYS_\d+)\([^\n]*?\) *= (?:-?\d|\?)")
_MMAP2_OFFSET = re.compile(
    rb"(?:mmap2|mmap_pgoff)\((?![^\n]*MAP_ANON)[^\n,]*, [1-9]\d*, [^\n]*, (0x[0-9a-f]{1,16}|0|[1-9]\d{0,18})\) *= 0x"
)
_SUCCEEDED, _FAILED = re.compile(rb"\) += (?:0x|\d)"), re.compile(rb"\) += -1 E")
_ENOUGH = 5
"""Lines from which it is no chance that all calls failed."""


def looks_like_strace(head: bytes) -> bool:
    """True if some line among the first of a file has the form of a strace line."""
    some = bytes(head[:65536]).splitlines()[:200]
    return any(_LOOKS.match(line, lines.read_head(line).start) for line in some)


class StraceReader:
    """Reads one log line by line: exact, and fast enough for a few megabytes."""

    def __init__(self, data: Log, name: str, source: int = 0, model: Model | None = None) -> None:
        self.data = data
        self.name = name
        self.source = source
        self.model = model if model is not None else Model()
        self.model.fork_return = self._fork_return
        self.skipped: list[Skipped] = []
        self.understood = 0
        self.stacks = StackLines()
        self.offset = 0  # of the line behind the current one
        self._open = b""  # text of a line that a notice of strace broke
        self._root: Task | None = None  # the process whose lines carry no id
        self._announced: set[int] = set()
        self._births: defaultdict[int, list[tuple[int, int]]] | None = None  # thread: where made, by whom
        self._clock = 0
        self._day = 0
        self._in_pages: bool | None = None
        self.own_tid: int | None = None  # of a file that holds one thread
        self.exits: list[Exit] = []
        self.origin = origin_of(data)
        self.names = CallNames(known_calls(), self.origin.table)
        self.model.in_pages = self._mmap2_in_pages

    def read_all(self) -> None:
        """Read every line."""
        for number, line in self.numbered_lines():
            self.read_line(line, number)

    def timed_lines(self) -> list[tuple[int, int, int, bytes]] | None:
        """Time, source, number and text of each line; None if a call has no absolute time stamp.

        The time is that of the call's return if -T tells it; forks count from their beginning, since the
        child speaks before they return.
        """
        timed: list[tuple[int, int, int, bytes]] = []
        clock = day = 0
        for number, line in self.numbered_lines():
            head = lines.read_head(line)
            if head.time_kind not in (T_ABSOLUTE, T_OF_DAY):
                if lines.call_name(line[head.start :]) is not None:
                    return None
                timed.append((clock, self.source, number, line))
                continue
            time = head.time + day
            if head.time_kind == T_OF_DAY and time < clock - _HALF_DAY:
                day += 2 * _HALF_DAY
                time += 2 * _HALF_DAY
            clock = time
            took = lines.duration(line)
            if took > 0 and lines.call_name(line[head.start :]) not in FORKS:
                time += took
            timed.append((time, self.source, number, line))
        return timed

    def children(self) -> set[int]:
        """The thread ids that forks in this file return."""
        return {int(match.group(1), 0) for match in CHILD.finditer(self.data)}

    def numbered_lines(self) -> Iterator[tuple[int, bytes]]:
        """Line numbers, from 1, and lines without their newlines."""
        data, start, number = self.data, 0, 0
        while start < len(data):
            end = data.find(b"\n", start)
            end = len(data) if end < 0 else end
            self.offset = min(end + 1, len(data))
            number += 1
            yield number, data[start:end]
            start = end + 1

    def read_line(self, line: bytes, number: int) -> None:
        """Read one line (without its newline) and make its events, of each call if it holds several."""
        if line.endswith(b"\r"):
            line = line[:-1]
        if self._open:
            line, self._open = self._open + line, b""
        start = 0
        while (more := lines.behind_first(line[start:])) >= 0:
            resumed = lines.resumed_behind(line[start + more :])
            if resumed is None or concerns_memory(self.names.real(resumed)):
                self.model.note("a line holds several calls: each is read")
            self._read_piece(line[start : start + more].rstrip(), number, start)
            start += more
        self._read_piece(line[start:], number, start)

    def _read_piece(self, line: bytes, number: int, column: int) -> None:
        """Read a line, or the part of one from `column` on that holds one call."""
        head = lines.read_head(line)
        text = line[head.start :]
        self.model.out.source = self.source
        try:
            self._read(line, head, text, number)
        except BadLine as bad:
            at = max(line.find(bad.found.encode()), 0) if bad.found else head.start
            self._skip(number, column + at + bad.column, bad.code, bad.found, bad.expected)

    def _read(self, line: bytes, head: lines.Head, text: bytes, number: int) -> None:
        first = text[:1]
        if first == b"<" and (resumed := lines.resumed_name(text)) is not None:
            self._resumed(head, *resumed, number)
        elif first == b"+" and text.startswith(b"+++ "):
            self._ended(head, text, number)
        elif first == b"-" and text.startswith(b"--- "):
            self._signal(head, text, number)
        elif (name := lines.call_name(text)) is not None:
            self._call(line, head, name, text, number)
        else:
            self._other(line, number)

    def _other(self, line: bytes, number: int) -> None:
        if line.startswith(b" > ") and self.stacks.line(number, line):
            return
        if lines.is_noise(line) and not self._hides_a_call(line):
            for match in re.finditer(rb"Process (\d{1,9})(?:<[^>]*>)? attached", line):
                self._announced.add(int(match.group(1)))
            return
        self._skip(
            number, 0, RT_LINE, line[:80].decode("utf-8", "backslashreplace"), "a line of strace output"
        )

    def _hides_a_call(self, line: bytes) -> bool:
        """True if a line that is noise by its beginning holds a call that concerns memory, and its result."""
        if line.startswith(b" | ") or b"= " not in line:
            return False
        ends = tuple(known_calls())  # "attachedmunmap(": a notice and a call have run together
        return any(self.names.real(found).endswith(ends) for found in _WITH_RESULT.findall(line))

    def _mmap2_in_pages(self) -> bool:
        """True if some mmap2 of the log succeeded with an offset that is no multiple of 4,096."""
        if self._in_pages is None:
            found = (value(match.group(1)) for match in _MMAP2_OFFSET.finditer(self.data))
            self._in_pages = any(offset & 4095 for offset in found)
        return self._in_pages

    def _is_cut(self) -> bool:
        """True if the current line is the last one and lacks its newline."""
        return self.offset >= len(self.data) and self.data[-1:] != b"\n"

    def _skip(self, number: int, column: int, code: str, found: str, expected: str) -> None:
        if self._is_cut():
            code = RT_CUT
        self.skipped.append(Skipped(self.source, number, column + 1, code, found, expected))

    # -- calls

    def _call(self, line: bytes, head: lines.Head, name: bytes, text: bytes, number: int) -> None:
        broken = lines.notice_at(text)
        if broken >= 0:
            self._announced |= {int(n) for n in re.findall(rb"Process (\d{1,9})", text[broken:])}
            self._open = line[: head.start + broken]
            return
        task = self._task(head, name, number, time := self._time(head))
        name = self.names.real(name)
        first_part = lines.unfinished(text)
        if not concerns_memory(name) or (name in MAYBE and only_counted(text)):
            if swallowed(self.names, text):
                raise BadLine(RT_LINE, 0, text, "one call in a line")
            self.understood += 1
            count_only(self.model, self.names, name, text)
            self.model.pend(task, None)
            if task.tid == 0 and name in (b"set_tid_address", b"gettid"):
                self._name_by_result(text)
            return
        self.understood += 1
        if first_part is not None and not _is_whole(first_part[0]):
            self.model.pend(task, Pending(name, first_part[0], number))
            return
        self.model.pend(task, None)
        self._complete(task, text if first_part is None else first_part[0], number, time)

    def _complete(self, task: Task, text: bytes, number: int, time: int, way: int = 1) -> None:
        """A whole call; `way` -1: its time is that of its end, as of a resumed line."""
        parts = lines.split_call(text)
        if parts is None:
            raise BadLine(RT_LINE, 0, text, "arguments, a closing parenthesis, = and a result")
        name, arguments, result = parts
        self._note_other_end(text, time, way)
        try:
            apply(self.model, Call(task, self.names.real(name), arguments, result, number, time))
        finally:
            self.model.out.other_end = 0

    def _note_other_end(self, text: bytes, time: int, way: int = 1) -> None:
        """The next event is that of a call whose text ends with how long it took, or does not."""
        took = lines.duration(text)
        other = time + way * took
        self.model.out.other_end = other if took >= 0 and time and 0 < other <= LAST_MOMENT else 0

    def _name_by_result(self, text: bytes) -> None:
        """set_tid_address and gettid return the thread's own id."""
        parts = lines.split_call(text)
        if parts is not None and parts[2].value:
            self._name_root(parts[2].value)

    def _resumed(self, head: lines.Head, name: bytes, rest: bytes, number: int) -> None:
        name = self.names.real(name)
        self.understood += 1
        time = self._time(head)
        if head.tid in self.model.by_tid and not self.model.by_tid[head.tid].alive:
            return
        known = len(self.model.tasks)
        task = self._task(head, name, number, time, resumed=True)
        pending, began_before = task.pending, len(self.model.tasks) > known
        if not concerns_memory(name) or (pending is None and name in MAYBE and not began_before):
            if swallowed(self.names, name + b"(" + rest):
                raise BadLine(RT_LINE, 0, rest, "one call in a line")
            if began_before:  # its first part would have counted it
                count_only(self.model, self.names, name, rest)
            return
        if pending is None or pending.name != name:
            raise BadLine(RT_RESUMED, 0, rest, "the beginning of this call before it")
        self.stacks.first_parts[number] = pending.line
        first_part = lines.unfinished(rest)
        if first_part is not None:
            pending.text += first_part[0]
            return
        try:
            self._complete(task, pending.text + rest, number, time, way=-1)
        finally:
            if task.pending is pending:
                self.model.pend(task, None, returned=True)

    def _ended(self, head: lines.Head, text: bytes, number: int) -> None:
        by = lines.superseded_by(text)
        code = lines.exit_code(text)
        if by is None and code is None:
            raise BadLine(RT_LINE, 0, text, "+++ exited with N +++, killed by SIGX or superseded by execve")
        self.understood += 1
        time = self._time(head)
        tid = self.own_tid if self.own_tid is not None else head.tid
        if by is not None:
            if tid is not None:
                self.model.superseded(tid, by, number, time)
            return
        assert code is not None
        task = self.model.by_tid.get(tid) if tid is not None else self._unnamed()
        if tid is not None and not lines.is_killed(text):
            self.exits.append(Exit(tid, code, len(self.model.out), task is None or not task.alive))
        if task is not None:
            self.model.end(task, code, group=lines.is_killed(text), line=number, time=time)

    def _signal(self, head: lines.Head, text: bytes, number: int) -> None:
        parts = lines.signal_line(text)
        if parts is None:
            raise BadLine(RT_LINE, 0, text, "--- SIGX {...} ---")
        self.understood += 1
        time = self._time(head)
        if parts[0] in (b"SIGSEGV", b"SIGBUS") and parts[1]:
            told = Call(self._task(head, b"", number, time), parts[0], [], lines.Result(None), number, time)
            signal(self.model, told, parts[1])

    # -- whose line it is, and when

    def _task(self, head: lines.Head, name: bytes, number: int, time: int, *, resumed: bool = False) -> Task:
        if self.own_tid is not None:
            return self.model.task_of(self.own_tid, number, time)
        if head.tid is None:
            return self._unnamed() or self._begin()
        if head.tid > MAX_TID or head.tid == 0:
            raise BadLine(RT_ARGUMENT, 0, str(head.tid).encode(), "a thread id")
        root = self._root
        if root is not None and root.tid == 0 and head.tid not in self.model.by_tid:
            waits = root.pending is not None and root.pending.name == name and resumed
            born = head.tid in self._announced or (not self._announced and root.row in self.model.forking)
            if waits or not born:
                self._name_root(head.tid)
        return self.model.task_of(head.tid, number, time)

    def _begin(self) -> Task:
        """The process whose lines carry no id: 0 until its id shows, but that of the only one strace attached to."""
        told = [tid for tid in self._announced if 0 < tid <= MAX_TID]
        tid = told[0] if len(told) == 1 and told[0] not in self.model.by_tid else 0
        self._root = self.model.new_task(tid, tid, -1, self.model.files.new())
        return self._root

    def _unnamed(self) -> Task | None:
        """The task that lines without an id belong to: the only one alive."""
        if self._root is not None and self._root.alive:
            return self._root
        return next((task for tasks in self.model.by_pid.values() for task in tasks), None)

    def _name_root(self, tid: int) -> None:
        """The process whose lines carry no id turns out to be `tid`."""
        root = self._root
        if root is None or root.tid != 0 or not 0 < tid <= MAX_TID or tid in self.model.by_tid:
            return
        self.model.rename(root, tid)

    def _time(self, head: lines.Head) -> int:
        if head.time_kind == T_RELATIVE:
            self._clock = min(self._clock + head.time, LAST_MOMENT)
            return self._clock
        if head.time_kind == T_OF_DAY:
            time = head.time + self._day
            if time < self._clock - _HALF_DAY:
                self._day = min(self._day + 2 * _HALF_DAY, LAST_MOMENT)
                time += 2 * _HALF_DAY
            self._clock = time
            return time
        return head.time

    def _fork_return(self, tid: int) -> int | None:
        """Who makes `tid` behind the current line, if the log shows it; all of them are looked for once."""
        if self._births is None:
            self._births = defaultdict(list)
            for match in _FORK_RETURN.finditer(self.data):
                self._births[int(match.group(2), 0)].append((match.start(), int(match.group(1))))
        found = self._births.get(tid, [])
        at = bisect_left(found, (self.offset, 0))
        return found[at][1] if at < len(found) else None

    def finish(self) -> Trace:
        """The trace of all lines read."""
        if self.skipped and not self.understood:
            first = self.skipped[0]
            raise InputError(
                RT_LINE,
                "no line of this file is strace output",
                self.name,
                first.line,
                first.column,
                found=first.found,
                expected=first.expected,
            )
        if self.origin.note:
            self.model.note(self.origin.note)
        if self.understood >= _ENOUGH and _SUCCEEDED.search(self.data) is None and _FAILED.search(self.data):
            self.model.note(ONLY_FAILED)
        trace = finish(self.model, [self.name], self.skipped, self.name)
        trace.arch, trace.foreign = self.origin.arch, self.origin.foreign
        self.stacks.attach(trace)
        return trace


def _is_whole(text: bytes) -> bool:
    """True if the first part of a call has its closing parenthesis: then it is no first part."""
    return split_arguments(text, text.find(b"(") + 1)[1] >= 0


def finish(model: Model, sources: list[str], skipped: list[Skipped], name: str) -> Trace:
    """The trace that a model holds."""
    model.note_left_out()
    tasks = np.zeros(len(model.tasks), dtype=TASK_DTYPE)
    tasks["tid"] = [task.tid for task in model.tasks]
    tasks["pid"] = [task.pid for task in model.tasks]
    tasks["parent"] = model.parents
    columns = model.out.finish()
    if closes_left_out(columns, tasks):
        model.note(NO_CLOSES)
    return Trace(
        mark_untold(columns),
        tasks,
        model.strings,
        sources,
        "strace",
        name,
        skipped=skipped,
        unmodelled=model.unmodelled,
        ignored=model.ignored,
        notes=model.notes,
    )
