"""Follows descriptors and System V segments of a recording: which open file an event maps.

Two mappings are of the same open file if the recording shows that they are; a descriptor that nobody saw opened
is a file of its own.
"""

from __future__ import annotations

from ..abi import kinds as ev
from ..abi.mman import CLONE_FILES, MAP_ANONYMOUS
from ..engine.whatif.words import PAGE
from ..trace.events import COLUMNS, Trace, rows_where
from .row import Row, page_up

_U64 = (1 << 64) - 1


class Descriptors:
    """The descriptor tables of every process of a trace; `step` applies one event that was not refused."""

    def __init__(self) -> None:
        self.files: dict[int, dict[int, int]] = {}
        self.segments: dict[int, int] = {}  # shmid: bytes
        self._next_token = 1
        self._named: dict[int, int] = {}  # string number of a path: token

    def table(self, task: int) -> dict[int, int]:
        """Descriptors of a task: number to open file."""
        return self.files.setdefault(task, {})

    def token(self, task: int, fd: int) -> int:
        """The open file of a descriptor; one of its own if the recording does not say which."""
        table = self.table(task)
        if fd not in table:
            table[fd] = self.fresh()
        return table[fd]

    def fresh(self) -> int:
        """An open file, or shared object, that nothing else is."""
        self._next_token += 1
        return self._next_token

    def path(self, path: int) -> int:
        """The file of a path, by its string number."""
        if path not in self._named:
            self._named[path] = self.fresh()
        return self._named[path]

    def mapped(self, task: int, flags: int, fd: int) -> int:
        """What an mmap with `flags` of `fd` maps; 0: private memory without a file."""
        if flags & MAP_ANONYMOUS:
            return self.fresh() if flags & 1 else 0
        return self.token(task, fd)

    def attached(self, shmid: int) -> int:
        """Bytes of a System V segment."""
        return self.segments.get(shmid, PAGE)

    def fork(self, task: int, child: int, flags: int) -> None:
        """The descriptors of a child: its parent's own with CLONE_FILES, else a copy."""
        table = self.table(task)
        self.files[child] = table if flags & CLONE_FILES else dict(table)

    def step(self, kind: int, task: int, a0: int, a1: int, ret: int, flags: int) -> None:
        """Apply an event; those that are not about descriptors change nothing."""
        known = flags & ev.EVF_HAS_RET
        table = self.table(task)
        if kind in (ev.K_OPEN, ev.K_MEMFD):
            if known:
                table[ret] = self.fresh()
        elif kind == ev.K_CLOSE:
            table.pop(a0, None)
        elif kind == ev.K_DUP:
            table[a1 if a1 >= 0 else ret] = self.token(task, a0)
        elif kind == ev.K_MAKEFILE:
            table[a0] = self.fresh()
        elif kind == ev.K_REOPEN:
            table[a1] = self.fresh()
        elif kind == ev.K_CLOSE_RANGE:
            for fd in [fd for fd in table if a0 <= fd <= (a1 & _U64)]:
                del table[fd]
        elif kind == ev.K_KNOWN_FD:
            if a0 not in table:
                table[a0] = self.path(a1)
        elif kind == ev.K_SHMGET:
            if known:
                self.segments[ret] = page_up(a1)
        elif kind in (ev.K_FORK, ev.K_FORK_STEP):
            self.fork(task, a0, a1 if kind == ev.K_FORK else 0)


def attached(trace: Trace) -> dict[int, int]:
    """For each attachment of a System V segment that was not refused, by event, the bytes of the segment."""
    columns = trace.columns
    events = rows_where(lambda kinds: (kinds == ev.K_SHMGET) | (kinds == ev.K_SHMAT), columns["kind"])
    state = Descriptors()
    found: dict[int, int] = {}
    for event in events.tolist():
        kind, task, a0, a1, *_, ret, flags = row = Row(*(int(columns[name][event]) for name in COLUMNS))
        if row.failed:
            continue
        state.step(kind, task, a0, a1, ret, flags)
        if kind == ev.K_SHMAT:
            found[event] = state.attached(a0)
    return found
