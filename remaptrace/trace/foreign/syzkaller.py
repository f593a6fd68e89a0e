"""Programs of syzkaller, as scenarios without answers: what would a kernel do with these calls?

    mmap(&(0x7f0000000000/0x3000)=nil, 0x3000, 0x3, 0x32, 0xffffffffffffffff, 0x0)
    r0 = memfd_create(&(0x7f0000000040)='m\\x00', 0x0)

Addresses from 0x7f0000000000 on are relative to the data area of syz-executor, which lies at 0x20000000 on Linux
with 16 MiB mapped and a page without access on either side (executor/common_linux.h, setup).
"""

from __future__ import annotations

import re

import numpy as np

from ...abi import kinds as ev
from ...abi.calls import AS_NUMBERS, CALLS, EVENTS
from ...counting import counted
from ...patterns import pattern
from ..events import Skipped, Trace, TraceBuilder
from .translate import split_arguments

_CALL = pattern(r"(?:(r\d+) = )?([a-z_][a-z0-9_]*)(?:\$[A-Za-z0-9_]+)?\((.*?)\)(?: \(([^()]*)\))?\s*$")
_POINTER = pattern(r"&(?:\(0x([0-9a-f]{1,16})(?:/0x[0-9a-f]+)?\)|AUTO)(?:=.*)?$", re.DOTALL)
_SHOWS = re.compile(
    rb"(?:r\d+ = )?[a-z_][a-z0-9_]*(?:\$\w+)?\("
    rb"[^\n]*(?:&\(0x[0-9a-f]+|&AUTO=|0xffffffffffffffff|<r\d+=>|\bnil\b)[^\n]*\)[^=\n]*$"
)
_RESOURCE = pattern(r"(?:<r(\d+)=>0x([0-9a-f]{1,16})|r(\d+)(?:/0x([0-9a-f]+))?(?:\+0x([0-9a-f]+))?)$")
_FAIL = pattern(r"\b(?:fail_nth|async|rerun)\b")

DATA = 0x2000_0000
RELATIVE = 0x7F00_0000_0000
DATA_SIZE, _PAGE = 0x100_0000, 4096
_U64 = (1 << 64) - 1

PLANS: dict[str, tuple[int, tuple[int, ...]]] = {
    **{
        call.name: (call.kind, tuple(range(len(EVENTS[call.kind].args))))
        for call in CALLS.values()
        if call.read == AS_NUMBERS
    },
    "close": (ev.K_CLOSE, (0,)),
    "memfd_create": (ev.K_MEMFD, (-1, 1)),
}
_UNMODELLED = (
    "process_madvise",
    "userfaultfd",
    "io_uring_setup",
    "ioctl",
    "clone",
    "clone3",
    "fork",
    "openat",
    "open",
    "execve",
)


def looks_like_syzkaller(head: bytes) -> bool:
    """True if the first line of `head` that is no comment is a call as syzkaller writes it."""
    for line in head.split(b"\n")[:100]:
        if line.strip() and not line.startswith(b"#"):
            return _SHOWS.match(line.rstrip(b"\r")) is not None
    return False


def read_syzkaller(data: bytes, *, name: str, path: str) -> Trace:
    """The calls of a program on memory and descriptors, to be answered by any machine.

    Calls that no event is made of are counted; lines that are no calls are in `skipped`.
    """
    program = _Program(path)
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        text = line.strip()
        if text and not text.startswith("#"):
            program.line(text, number)
    return program.finish(name)


class _Program:
    def __init__(self, path: str) -> None:
        self._out = TraceBuilder()
        self._path = path
        self._task = self._out.task(1, 1, "syz-executor")
        self._resources: dict[str, int] = {}  # name -> event that makes it
        self._references: list[tuple[int, int, int, int]] = []
        self._skipped: list[Skipped] = []
        self._unmodelled: dict[str, int] = {}
        self._ignored: dict[str, int] = {}
        self._properties = 0
        for start, size, prot in (
            (DATA - _PAGE, _PAGE, 0),
            (DATA, DATA_SIZE, 7),
            (DATA + DATA_SIZE, _PAGE, 0),
        ):
            self._out.event(ev.K_MMAP, self._task, (start, size, prot, 0x32, -1, 0), flags=ev.EVF_MADE)
        self._prelude = 3

    def line(self, text: str, number: int) -> None:
        """One call."""
        found = _CALL.match(text)
        if found is None:
            expected = "name(arguments), as syzkaller writes programs"
            self._skipped.append(Skipped(0, number, 1, "RT301", text[:80], expected))
            return
        resource, call, inside, properties = found.groups()
        if properties and _FAIL.search(properties):
            self._properties += 1
        plan = PLANS.get(call)
        if plan is None:
            counts = self._unmodelled if call in _UNMODELLED else self._ignored
            counts[call] = counts.get(call, 0) + 1
            return
        kind, sources = plan
        arguments = [a.decode() for a in split_arguments(_unquoted(inside).encode())]
        values: list[int] = []
        references: list[tuple[int, int, int]] = []
        for place, source in enumerate(sources):
            value, made_by = self._value(arguments[source]) if 0 <= source < len(arguments) else (0, -1)
            if value is None:
                counts = self._unmodelled
                counts[f"{call}(an argument that is not followed)"] = 1 + counts.get(
                    f"{call}(an argument that is not followed)", 0
                )
                return
            values.append(value)
            if made_by >= 0:
                references.append((place, made_by, value))
        event = self._out.event(kind, self._task, values, line=number)
        self._references += [(event, *reference) for reference in references]
        if resource:
            self._resources[resource] = event

    def _value(self, text: str) -> tuple[int | None, int]:
        """A number and the event whose result is added to it (-1: none); None: not followed."""
        pointer = _POINTER.match(text)
        if pointer is not None:
            return _address(int(pointer[1], 16)) if pointer[1] else DATA, -1
        resource = _RESOURCE.match(text)
        if resource is not None:
            if resource[1]:
                return int(resource[2], 16), -1
            made_by = self._resources.get(f"r{resource[3]}", -1)
            if made_by < 0 or resource[4]:
                return None, -1
            return int(resource[5] or "0", 16), made_by
        try:
            value = 0 if text == "nil" else int(text, 0)
        except ValueError:
            return None, -1
        return value & _U64, -1

    def finish(self, name: str) -> Trace:
        """The trace."""
        from ..events import RELOCATION_DTYPE

        rows = [(event, arg, source, addend) for event, arg, source, addend in sorted(self._references)]
        notes = [
            f"a program of syzkaller: its data area of 16 MiB is mapped at {DATA:#x} before its first call;"
            " it has no answers"
        ]
        if self._properties:
            notes.append(
                f"{counted(self._properties, 'call')} with faults asked for, or to run beside others:"
                " made one after the other"
            )
        return self._out.finish(
            sources=[self._path],
            format="syzkaller",
            name=name,
            recorded=False,
            relocations=np.array(rows, dtype=RELOCATION_DTYPE) if rows else None,
            prelude=self._prelude,
            skipped=self._skipped,
            unmodelled=self._unmodelled,
            ignored=self._ignored,
            notes=notes,
        )


def _address(value: int) -> int:
    """Where a pointer of a program points: those into the data area are printed from 0x7f0000000000 on."""
    return value - RELATIVE + DATA if RELATIVE <= value < RELATIVE + (1 << 32) else value


def _unquoted(text: str) -> str:
    """Arguments without the bytes of strings, which may hold commas and brackets."""
    return re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "0", text)
