"""Reading `perf trace` text: strace-like lines that leave out arguments equal to zero.

    5.201 ( 0.035 ms): thr/19141 mmap(len: 8392704, flags: PRIVATE|ANONYMOUS|STACK)       = 0x7fce49b9f000
    0.026 (         ): thr/19141 exceptions:page_fault_user(address: 0x7f38f219ee06, ip: 1398, error_code: 6)

Arguments are named, so `perfwords` puts each into its register. The faults of `-F all` have an address only
where no file lies behind it, and never say whether they were reads or writes; the tracepoint
exceptions:page_fault_user tells both, and is taken alone where it was recorded.
"""

from __future__ import annotations

import re

from ...abi.errnos import ERRNO_NAMES
from ...abi.signals import PF_UNKNOWN, PF_UNSURE, PF_USER
from ...counting import counted
from ...errorcodes import RT_KERNEL_LINE
from ..events import Skipped
from ..stacks import StackLines
from ..wording import ONLY_FAILED
from .look import CALL, CONTINUED, FAULT, POINT, perf_trace_head
from .perfwords import registers
from .plan import EXEC_CALLS, EXIT_CALLS, NOT_TOLD, CallNames
from .records import (
    LONGEST_LINE,
    OP_ENTER,
    OP_EXEC,
    OP_EXIT,
    OP_FAULT,
    OP_FORK,
    OP_LOST,
    OP_NEWTASK,
    OP_SIGNAL,
    OP_TASK_EXIT,
    R_A0,
    R_A1,
    R_OP,
    R_TIME,
    KernelText,
    matrix,
    span,
)
from .text import kernels_own, signed

_ADDRESS = re.compile(rb"(?:(?://anon|\[stack\]|\[heap\])@)?0x([0-9a-f]+)$")
_FIELD = re.compile(rb'(\w+): ("(?:[^"\\]|\\.)*"|[^,]*)')
_LOST = re.compile(rb"LOST (\d{1,18}) events!")
_RESULT = re.compile(rb"(0x[0-9a-f]{1,16}|-?\d{1,20})(?: ([A-Z][A-Z0-9]+))?(?![\w])")
_SUMMARY = re.compile(
    rb" Summary of events:|.+ \(\d+\), \d+ events, |   (?:syscall  |-{10}|  +\(msec\)|\w+ +\d+ +\d+ +\d)"
    rb"|\t+ *(?:E[A-Z0-9]+|\d+|\(null\)): \d+\Z"  # --errno-summary
)
_STRING = re.compile(rb'filename: "((?:[^"\\]|\\.)*)"')

_NO_TIME = -(1 << 62)
"""Of lines that begin with a question mark: their call began before the recording."""
_ENOUGH = 5
"""Calls from which it is no chance that all failed."""
_ERRORS = {name: number for number, name in ERRNO_NAMES.items()}


def perf_trace_records(data: bytes, source: int = 0, stacks: StackLines | None = None) -> KernelText:
    """The records of a perf trace text: an entry and a return for each line of a call; frames go to `stacks`."""
    reader = _PerfTrace(data, source, stacks if stacks is not None else StackLines())
    start = 0
    for line_number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            reader.line(line, line_number, start)
        start += len(line) + 1
    return reader.finish()


class _PerfTrace:
    def __init__(self, data: bytes, source: int, stacks: StackLines) -> None:
        self._data = data
        self._source = source
        self._stacks = stacks
        self._programs: dict[int, str] = {}  # line of an execve: the path that it names
        self._calls = CallNames()
        self._rows: list[tuple[int, ...]] = []
        self._skipped: list[Skipped] = []
        self._software: list[tuple[int, ...]] = []  # faults of -F
        self._without_address = 0
        self.kernel_faults = 0
        """Faults that the kernel took on its own account, which are no accesses of the program."""
        self._traced = False  # the faults are those of the tracepoint
        self._summary = 0
        self._lost = 0
        self._other: dict[str, int] = {}
        self._points: list[tuple[int, ...]] = []  # of system calls: entries and returns by their tracepoints
        self._called = self._unknowable = 0
        self._last = 0  # time of the latest line that has one
        self._untimed: dict[int, list[int]] = {}  # tid -> returns whose calls began before the recording

    def line(self, line: bytes, line_number: int, offset: int) -> None:
        """Take one line, whose first byte is at `offset` of the text."""
        head = perf_trace_head(line) if len(line) <= LONGEST_LINE else None
        if head is None:
            self._without_head(line, line_number)
            return
        tid = int(head[4] or 1)
        start = _nanoseconds(head[1]) if head[1] else _NO_TIME
        lasted = _nanoseconds(head[2]) if head[1] and head[2] and len(head[2]) < 13 else -1
        end = start + max(lasted, 0)
        self._last = max(self._last, start)
        if start != _NO_TIME and tid in self._untimed:
            self._settle(tid, start)
        comm = span(offset + head.start(3), offset + head.end(3)) if head[3] else 0
        rest = line[head.end() :]
        tail = (line_number, comm)
        if (continued := CONTINUED.match(rest)) is not None:
            call = self._calls.number(continued[1].decode())
            if end == _NO_TIME:
                self._untimed.setdefault(tid, []).append(len(self._rows))
            untold = int(lasted < 0)
            self._rows.append((OP_EXIT, tid, 0, end, call, _result(continued[2]), untold, 0, 0, 0, 0, *tail))
        elif (fault := FAULT.match(rest)) is not None:
            self._fault(fault, (tid, 0, start), tail)
        elif (point := POINT.match(rest)) is not None:
            if not self._point(point, (tid, 0, start), tail, offset + head.end()):
                self._skip(line, line_number)
        elif (called := CALL.match(rest)) is not None:
            self._call(called, (tid, 0, start), end, tail, int(lasted < 0))
        else:
            self._skip(line, line_number)

    def _without_head(self, line: bytes, line_number: int) -> None:
        lost = _LOST.match(line)
        if lost is not None:
            self._lost += int(lost[1])
            self._rows.append((OP_LOST, -1, 0, self._last, 0, int(lost[1]), 0, 0, 0, 0, 0, line_number, 0))
        elif _SUMMARY.match(line):
            self._summary += 1
        elif self._stacks.line(line_number, line, perf_trace=True):
            return
        elif not line.startswith(b"#"):
            self._skip(line, line_number)

    def _call(
        self, called: re.Match[bytes], head: tuple[int, ...], end: int, tail: tuple[int, ...], untold: int
    ) -> None:
        """A call in one line; `untold` 1: `end` is only where its line stands."""
        self._called += 1
        name = called[1].decode()
        values, unknown = registers(name, called[2].decode("utf-8", "replace"))
        if unknown:
            name = f"{name}({unknown}{NOT_TOLD}"
        if name in EXEC_CALLS and (path := _STRING.search(called[2])) is not None:
            self._programs[tail[0]] = path[1].decode("utf-8", "replace")
        call = self._calls.number(name)
        self._rows.append((OP_ENTER, *head, call, *values, *tail))
        if called[3] == b"=" and not called[4].startswith(b"?") and name not in EXIT_CALLS:
            result = _result(called[4])
            self._rows.append((OP_EXIT, *head[:2], end, call, result, untold, 0, 0, 0, 0, *tail))

    def _point(
        self, point: re.Match[bytes], head: tuple[int, ...], tail: tuple[int, ...], offset: int
    ) -> bool:
        """A tracepoint that was asked for by name; False if its fields cannot be read."""
        found = {name: (value, at) for name, value, at in _fields(point)}

        def number(name: bytes) -> int:
            text = found[name][0].split(b" (")[0]
            return signed(int(text, 16) if text.startswith(b"0x") else int(text)) if text else 0

        def task(name: bytes) -> int:
            tid = number(name)
            if not 0 <= tid < 1 << 31:
                raise ValueError(tid)
            return tid

        event = point[2]
        body: tuple[int, ...]
        try:
            if point[1] == b"syscalls" and event.startswith((b"sys_enter_", b"sys_exit_")):
                result = number(b"ret") if b"ret" in found else 0
                self._call_point(event.decode(), point[3], result, head, tail)
                return True
            if point[1] == b"raw_syscalls":
                self._unknowable += 1
                return True
            if event == b"page_fault_user":
                self._traced = True
                # zeros are left out: a read of an absent page by the kernel on the program's behalf
                code = number(b"error_code") if b"error_code" in found else 0
                ip = number(b"ip") if b"ip" in found else 0
                body = (OP_FAULT, 0, number(b"address") if b"address" in found else 0, code, ip)
            elif event == b"sched_process_fork":
                body = (OP_FORK, 0, task(b"child_pid"))
            elif event == b"task_newtask":
                body = (
                    OP_NEWTASK,
                    0,
                    task(b"pid"),
                    number(b"clone_flags") if b"clone_flags" in found else 0,
                )
            elif event == b"sched_process_exit":
                dead = number(b"group_dead") if b"group_dead" in found else -1
                body = (OP_TASK_EXIT, 0, task(b"pid"), dead)
            elif event == b"sched_process_exec":
                text, at = found[b"filename"]
                path = span(offset + at + 1, offset + at + len(text) - 1)
                body = (OP_EXEC, 0, task(b"pid"), task(b"old_pid"), path)
            elif event == b"signal_deliver":
                body = (OP_SIGNAL, 0, number(b"sig"), number(b"code") if b"code" in found else 0)
            else:
                word = event.decode()
                self._other[word] = self._other.get(word, 0) + 1
                return True
        except (KeyError, ValueError):
            return False
        self._rows.append((body[0], *head, *body[1:], *(0,) * (8 - len(body)), *tail))
        return True

    def _call_point(
        self, event: str, fields: bytes, result: int, head: tuple[int, ...], tail: tuple[int, ...]
    ) -> None:
        """The entry or the return of a call by its own tracepoint."""
        entered, name = event.startswith("sys_enter_"), event.split("_", 2)[2]
        if not entered:
            if name not in EXIT_CALLS:
                call = self._calls.number(name)
                self._points.append((OP_EXIT, *head, call, result, 0, 0, 0, 0, 0, *tail))
            return
        values, unknown = registers(name, fields.decode("utf-8", "replace"))
        if unknown:
            name = f"{name}({unknown}{NOT_TOLD}"
        if name in EXEC_CALLS and (path := _STRING.search(fields)) is not None:
            self._programs[tail[0]] = path[1].decode("utf-8", "replace")
        self._points.append((OP_ENTER, *head, self._calls.number(name), *values, *tail))

    def _settle(self, tid: int, time: int) -> None:
        """Returns without a time came right before their thread's next call."""
        for number in self._untimed.pop(tid):
            row = self._rows[number]
            self._rows[number] = (*row[:R_TIME], time, *row[R_TIME + 1 :])

    def _fault(self, fault: re.Match[bytes], head: tuple[int, ...], tail: tuple[int, ...]) -> None:
        if fault[4] == b"k":  # the kernel's own access
            self.kernel_faults += 1
            return
        address = _ADDRESS.match(fault[2])
        if address is None:
            self._without_address += 1
        else:
            code = PF_USER | PF_UNSURE | PF_UNKNOWN
            self._software.append((OP_FAULT, *head, 0, signed(int(address[1], 16)), code, 0, 0, 0, 0, *tail))

    def _skip(self, line: bytes, line_number: int) -> None:
        text = line[:200].decode("utf-8", "replace")
        expected = "TIME ( DURATION ms): COMM/TID CALL(arguments) = result"
        self._skipped.append(Skipped(self._source, line_number, 1, RT_KERNEL_LINE, text, expected))

    def finish(self) -> KernelText:
        """All records so far."""
        notes: list[str] = []
        if not self._called:
            self._rows += self._points
        elif self._points:  # each call has a line of its own
            self._other["syscalls:sys_*"] = len(self._points)
        if self._unknowable:
            notes.append(
                f"{counted(self._unknowable, 'tracepoint')} raw_syscalls left out: perf trace prints no"
                " arguments of them"
            )
        if not self._traced:
            self._rows += self._software
        if self._software and not self._traced:
            notes.append(
                f"perf trace does not tell reads from writes: {counted(len(self._software), 'fault')}"
                " of unknown kind; where a"
                " read would not fault it was a write"
            )
        if self._without_address and not self._traced:
            notes.append(
                f"{counted(self._without_address, 'fault')} in files left out: perf trace prints a file offset, not the"
                " address (-e exceptions:page_fault_user has it)"
            )
        if self.kernel_faults and not self._traced:
            notes.append(kernels_own(self.kernel_faults))
        results = [row[R_A0] for row in self._rows if row[R_OP] == OP_EXIT]
        if len(results) >= _ENOUGH and all(-4095 <= result < 0 for result in results):
            notes.append(ONLY_FAILED)
        if self._lost:
            notes.append(
                f"the recorder lost {counted(self._lost, 'event')}; calls across the gaps are left out"
            )
        if self._other:
            listed = ", ".join(f"{name} x {count}" for name, count in sorted(self._other.items()))
            notes.append(f"events of no interest: {listed}")
        if self._summary:
            notes.append(f"{counted(self._summary, 'line')} of perf trace -s, a summary: no events in them")
        for tid in list(self._untimed):
            self._settle(tid, max(row[R_TIME] for row in self._rows))
        if any(row[R_OP] == OP_TASK_EXIT and row[R_A1] >= 0 for row in self._rows):
            # this kernel prints group_dead, and perf leaves out those that are false
            self._rows = [_told(row) for row in self._rows]
        first = min((row[R_TIME] for row in self._rows if row[R_TIME] != _NO_TIME), default=0)
        if first < 0 or any(row[R_TIME] == _NO_TIME for row in self._rows):
            zero = min(first, 0)
            times = (max(row[R_TIME], first) - zero for row in self._rows)
            self._rows = [
                (*row[:R_TIME], time, *row[R_TIME + 1 :]) for row, time in zip(self._rows, times, strict=True)
            ]
        # A call that was interrupted is printed late, with the time of its entry: order by time.
        self._rows.sort(key=lambda row: row[R_TIME])
        records = matrix(self._rows)
        untold = (records[R_OP] == OP_EXIT) & (records[R_A1] == 1)
        return KernelText(
            self._data,
            records,
            self._calls,
            skipped=self._skipped,
            notes=notes,
            programs=self._programs,
            untold_returns=untold,
        )


def _nanoseconds(text: bytes) -> int:
    """Milliseconds with a point, in ns. Events of other processors may lie before the first: less than 0 wraps."""
    whole, _, part = text.partition(b".")
    time = int(whole) * 1_000_000 + int(part[:6].ljust(6, b"0"))
    return time - (1 << 64) if time >= 1 << 63 else time


def _result(text: bytes) -> int:
    """A result as perf trace prints it: nothing for a child's 0, `-1 ENOENT (...)` for an error."""
    found = _RESULT.match(text)
    if found is None:
        return 0  # words: fcntl's RDONLY|LARGEFILE, of which no event is made
    value = int(found[1], 16) if found[1].startswith(b"0x") else int(found[1])
    error = _ERRORS.get(found[2].decode(), 0) if found[2] and value == -1 else 0
    return -error if error else signed(value)


def _fields(point: re.Match[bytes]) -> list[tuple[bytes, bytes, int]]:
    """Name, value and place (behind the line's head) of each field of a tracepoint."""
    return [(f[1], f[2].strip(), point.start(3) + f.start(2)) for f in _FIELD.finditer(point[3])]


def _told(row: tuple[int, ...]) -> tuple[int, ...]:
    """A record of an exit whose group_dead was left out: it is false."""
    if row[R_OP] != OP_TASK_EXIT or row[R_A1] >= 0:
        return row
    return (*row[:R_A1], 0, *row[R_A1 + 1 :])
