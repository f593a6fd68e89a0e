"""The words of one tracepoint hit, without what stands before them: `NAME: ...` or `sys_NAME(...)`.

ftrace, trace-cmd and perf script print the same tracepoints with small differences; they meet here.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ...counting import counted
from ..syscalls import syscall_name
from .plan import CallNames
from .records import (
    OP_ENTER,
    OP_EXEC,
    OP_EXIT,
    OP_FAULT,
    OP_FORK,
    OP_NEWTASK,
    OP_SIGNAL,
    OP_TASK_EXIT,
    span,
)

Body = tuple[int, int, int, int, int, int, int, int]
"""Operation, call, six values."""

_U64 = 1 << 64
_CALL = re.compile(rb"sys_(\w+)(?:\(| -> (0x[0-9a-f]+|-?\d+))")
_NAME = re.compile(rb"(?:\w+:)?(\w+):")
_NUMBER = re.compile(rb": (0x[0-9a-f]+|-?\d+)")
_REGISTER = re.compile(rb": (?:0x)?(-?[0-9a-f]+)")
"""A value in ``sys_NAME(...)``: hexadecimal, with 0x only since 6.16 and from 10 on (print_syscall_enter)."""
_RAW_ENTER = re.compile(rb" *NR (-?\d{1,9}) \(([0-9a-f]{1,16}(?:, [0-9a-f]{1,16})*)?\)")
_RAW_EXIT = re.compile(rb" *NR (-?\d{1,9}) = (-?\d+)(?!\w)")
_FIELD = re.compile(rb"(\w+)=\(?(0x[0-9a-f]+|-?\d+)")
_FIELD_HEX = re.compile(rb"(\w+)=\(?(?:0x)?([0-9a-f]+)")
_RESULT = re.compile(rb" *(0x[0-9a-f]+|-?\d+)(?!\w)")
_EXEC = re.compile(rb"filename=(.*) pid=(0x[0-9a-f]+|\d+)(?: \(\d+\))? old_pid=(0x[0-9a-f]+|\d+)")
_SIGNAL = re.compile(rb" *sig=(\d+) errno=-?\d+ code=(-?\d+)")
_TOO_LONG = re.compile(rb"(?:: |-> |= ?-?)(?:0x[0-9a-f]{17}|\d{20})|(?:=|\(\w+: |, \w+: )[0-9a-f]{17}")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


def number(text: bytes) -> int:
    """A decimal or 0x number as a signed 64-bit word."""
    value = int(text, 16) if text.startswith(b"0x") else int(text)
    return signed(value)


def signed(value: int) -> int:
    """A word of up to 64 bits as a signed one."""
    value &= _U64 - 1
    return value - _U64 if value >> 63 else value


def lost_at(places: int) -> str:
    """What a note says of a recorder that lost events."""
    return f"the recorder lost events at {counted(places, 'place')}; calls across are left out"


def kernels_own(faults: int) -> str:
    """What a note says of faults inside of the kernel."""
    return f"{counted(faults, 'fault')} that the kernel took itself, no access of the program"


class EventText:
    """Reads the words of tracepoint hits into record fields."""

    def __init__(self, calls: CallNames, arch: str) -> None:
        self._calls = calls
        self.arch = arch  # whose numbers raw_syscalls prints
        self.other: dict[str, int] = {}  # tracepoints that say nothing about memory: how often
        self._readers: dict[bytes, Callable[[bytes, int, int], Body | None]] = {
            b"page_fault_user": self._fault,
            b"signal_deliver": self._signal,
            b"sched_process_fork": self._fork,
            b"sched_process_exec": self._exec,
            b"sched_process_exit": self._task_exit,
            b"task_newtask": self._newtask,
            b"sys_enter": self._raw_enter,
            b"sys_exit": self._raw_exit,
        }

    def read(self, line: bytes, start: int, offset: int) -> Body | None:
        """The fields of the words at `start` of `line`, or None where they cannot be read.

        `offset` is the line's place in the whole text. A tracepoint of no interest is counted in
        `other` and has operation 0.
        """
        if line.startswith(b"sys_", start):
            found = _CALL.match(line, start)
            if found:
                if _TOO_LONG.search(line, start):
                    return None
                call = self._calls.number(found[1].decode())
                if found[2] is not None:
                    return OP_EXIT, call, number(found[2]), 0, 0, 0, 0, 0
                whole = line.rstrip().endswith(b")")
                return self._arguments(line, found.end() - 1, call, called=True) if whole else None
        named = _NAME.match(line, start)
        if named is None:
            return None
        name = named[1]
        reader = self._readers.get(name)
        if name != b"sched_process_exec" and _TOO_LONG.search(line, named.end()):
            return None
        if reader is not None:
            return reader(line, named.end(), offset)
        if name.startswith(b"sys_enter_"):
            call = self._calls.number(name[10:].decode())
            return self._arguments(line, named.end() - 1, call)
        if name.startswith(b"sys_exit_"):
            return self._result(line, named.end(), self._calls.number(name[9:].decode()))
        if name == b"task_rename":  # the name stands in front of the next line anyway
            return 0, 0, 0, 0, 0, 0, 0, 0
        word = name.decode()
        self.other[word] = self.other.get(word, 0) + 1
        return 0, 0, 0, 0, 0, 0, 0, 0

    def notes(self) -> list[str]:
        """A note about the tracepoints of no interest, if there were any."""
        if not self.other:
            return []
        return ["events of no interest: " + ", ".join(f"{n} x {c}" for n, c in sorted(self.other.items()))]

    def _arguments(self, line: bytes, start: int, call: int, *, called: bool = False) -> Body | None:
        """An entry's values; None if fewer are there than its event needs: the line was cut."""
        if b'"' in line:  # kernels that print the strings too
            line = _STRING.sub(b"", line[start:])
            start = 0
        if line.find(b"__syscall_nr=", start) >= 0:
            values = [number(v) for k, v in _FIELD.findall(line, start) if k != b"__syscall_nr"]
        elif called:
            values = [signed(int(v, 16)) for v in _REGISTER.findall(line, start)]
        else:
            values = [number(v) for v in _NUMBER.findall(line, start)]
        if len(values) < self._calls.needed(call):
            return None
        a, b, c, d, e, f, *_ = (*values, 0, 0, 0, 0, 0, 0)
        return OP_ENTER, call, a, b, c, d, e, f

    def _result(self, line: bytes, start: int, call: int) -> Body | None:
        at = line.find(b" ret=", start)
        found = _RESULT.match(line, at + 5 if at >= 0 else start)
        return None if found is None else (OP_EXIT, call, number(found[1]), 0, 0, 0, 0, 0)

    def _raw_enter(self, line: bytes, start: int, offset: int) -> Body | None:
        found = _RAW_ENTER.match(line, start)
        if found is None:
            return None
        call = self._calls.number(syscall_name(self.arch, int(found[1])))
        values = [signed(int(v, 16)) for v in (found[2] or b"").split(b",") if v]
        a, b, c, d, e, f, *_ = (*values, 0, 0, 0, 0, 0, 0)
        return OP_ENTER, call, a, b, c, d, e, f

    def _raw_exit(self, line: bytes, start: int, offset: int) -> Body | None:
        found = _RAW_EXIT.match(line, start)
        if found is None:
            return None
        call = self._calls.number(syscall_name(self.arch, int(found[1])))
        return OP_EXIT, call, number(found[2]), 0, 0, 0, 0, 0

    def _fault(self, line: bytes, start: int, offset: int) -> Body | None:
        fields = dict(_FIELD_HEX.findall(line, start))
        try:
            address, code = int(fields[b"address"], 16), int(fields[b"error_code"], 16)
            where = int(fields[b"ip"], 16)
        except KeyError:
            return None
        return OP_FAULT, 0, signed(address), code, signed(where), 0, 0, 0

    def _fields(self, line: bytes, start: int, *names: bytes) -> list[int] | None:
        fields = dict(_FIELD.findall(line, start))
        try:
            return [number(fields[name]) for name in names]
        except KeyError:
            return None

    def _signal(self, line: bytes, start: int, offset: int) -> Body | None:
        plain = _SIGNAL.match(line, start)
        found = [int(plain[1]), int(plain[2])] if plain else self._fields(line, start, b"sig", b"code")
        return None if found is None else (OP_SIGNAL, 0, signed(found[0]), signed(found[1]), 0, 0, 0, 0)

    def _tasks(self, line: bytes, start: int, *names: bytes) -> list[int] | None:
        """Fields that are thread ids."""
        found = self._fields(line, start, *names)
        return found if found is not None and all(0 <= tid < 1 << 31 for tid in found) else None

    def _fork(self, line: bytes, start: int, offset: int) -> Body | None:
        found = self._tasks(line, start, b"child_pid")
        return None if found is None else (OP_FORK, 0, found[0], 0, 0, 0, 0, 0)

    def _newtask(self, line: bytes, start: int, offset: int) -> Body | None:
        found = self._tasks(line, start, b"pid")
        flags = re.search(rb" clone_flags=(?:0x)?([0-9a-f]+)", line[start:])
        return (
            None
            if found is None or flags is None
            else (OP_NEWTASK, 0, found[0], int(flags[1], 16), 0, 0, 0, 0)
        )

    def _exec(self, line: bytes, start: int, offset: int) -> Body | None:
        found = _EXEC.search(line, start)
        if found is None or not all(0 <= number(tid) < 1 << 31 for tid in found.groups()[1:]):
            return None
        where = span(offset + found.start(1), offset + found.end(1))
        return OP_EXEC, 0, number(found[2]), number(found[3]), where, 0, 0, 0

    def _task_exit(self, line: bytes, start: int, offset: int) -> Body | None:
        found = self._tasks(line, start, b"pid")
        dead = 1 if b"group_dead=true" in line else 0 if b"group_dead=false" in line else -1
        return None if found is None else (OP_TASK_EXIT, 0, found[0], dead, 0, 0, 0, 0)
