"""Follows the address spaces and descriptors of a recording, event by event.

Results come from the recording (or from a replay of it): what failed changed nothing, what the
kernel placed lies where it said. Passes override the hooks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..abi import kinds as ev
from ..abi import mman as names
from ..abi.errnos import ENOMEM
from ..abi.mman import MREMAP_DONTUNMAP
from ..abi.signals import PF_FETCH, PF_WRITE
from ..trace.events import Trace
from .areas import Area, Areas

PAGE = 4096
_U64 = (1 << 64) - 1
_NO_EFFECT = ev.EVF_INJECTED | ev.EVF_UNFINISHED


class Row(NamedTuple):
    """One event as the engine reads it."""

    kind: int
    task: int
    a0: int
    a1: int
    a2: int
    a3: int
    a4: int
    a5: int
    ret: int
    flags: int

    @property
    def failed(self) -> bool:
        """True if the recording says that the call was refused, or had no effect."""
        return bool(self.flags & _NO_EFFECT) or (bool(self.flags & ev.EVF_HAS_RET) and -4096 < self.ret < 0)


def page_up(value: int) -> int:
    """`value` bytes rounded up to whole pages."""
    return (value + PAGE - 1) & -PAGE


def access_bit(row: Row) -> int:
    """The PROT_* bit that an access needs."""
    if row.kind == ev.K_FAULT:
        return 4 if row.a1 & PF_FETCH else 2 if row.a1 & PF_WRITE else 1
    return {ev.K_READ: 1, ev.K_WRITE: 2, ev.K_EXECUTE: 4}[row.kind]


@dataclass
class Space:
    """One address space."""

    number: int
    areas: Areas = field(default_factory=Areas)
    brk: int = 0
    data: dict[str, Any] = field(default_factory=dict)  # what a pass keeps

    def child(self, number: int) -> Space:
        """The copy that a fork makes."""
        return Space(number, self.areas.copy(), self.brk, dict(self.data))


class Follower:
    """The state of every process of a trace; `step` applies one event."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.spaces: dict[int, Space] = {}
        self.files: dict[int, dict[int, int]] = {}
        self.event = 0
        self._next_space = 0
        self._next_token = 1
        self._named: dict[int, int] = {}  # string number of a path: token
        self._segments: dict[int, int] = {}  # shmid: bytes

    def space(self, task: int) -> Space:
        """The address space of a task; made empty if nothing is known of it."""
        found = self.spaces.get(task)
        if found is None:
            found = self.spaces[task] = self._new_space()
        return found

    def _new_space(self) -> Space:
        self._next_space += 1
        return Space(self._next_space)

    def table(self, task: int) -> dict[int, int]:
        """Descriptors of a task: number to open file."""
        return self.files.setdefault(task, {})

    def token(self, task: int, fd: int) -> int:
        """The open file of a descriptor; one of its own if the recording does not say which."""
        table = self.table(task)
        if fd not in table:
            table[fd] = self._fresh()
        return table[fd]

    def _fresh(self) -> int:
        self._next_token += 1
        return self._next_token

    # -- hooks for passes ----------------------------------------------------------------------

    def removed(self, space: Space, pieces: list[Area]) -> None:
        """Pieces left the address space."""

    def inserted(self, space: Space, area: Area) -> None:
        """An area came into the address space."""

    def dropped(self, space: Space) -> None:
        """A task left the address space (exec, exit of the process)."""

    # -- events --------------------------------------------------------------------------------

    def step(self, event: int, row: Row) -> None:
        """Apply one event."""
        self.event = event
        handler = _HANDLERS.get(row.kind)
        if handler is not None and not row.failed:
            handler(self, row)
        elif row.kind == ev.K_MPROTECT and row.flags & ev.EVF_HAS_RET and row.ret == -ENOMEM:
            self._mprotect_up_to_hole(row)

    def put(self, space: Space, area: Area) -> None:
        """Map `area`, replacing what is there."""
        gone = space.areas.insert(area)
        if gone:
            self.removed(space, gone)
        self.inserted(space, area)

    def take(self, space: Space, start: int, end: int) -> None:
        """Unmap a range."""
        gone = space.areas.remove(start, end)
        if gone:
            self.removed(space, gone)

    def _mmap(self, row: Row) -> None:
        space = self.space(row.task)
        fixed = row.a3 & names.MAP_FIXED
        start = row.ret if row.flags & ev.EVF_HAS_RET else row.a0 if fixed else -1
        if start < 0:
            return
        anonymous = row.a3 & names.MAP_ANONYMOUS
        token = 0 if anonymous else self.token(row.task, row.a4)
        if anonymous and row.a3 & 1:
            token = self._fresh()  # a shared object of its own
        end = start + page_up(row.a1)
        offset = start if anonymous else row.a5
        self.put(
            space, Area(start, end, row.a2 & 7, flags=row.a3, token=token, offset=offset, born=self.event)
        )

    def _munmap(self, row: Row) -> None:
        self.take(self.space(row.task), row.a0, row.a0 + page_up(row.a1))

    def _mprotect(self, row: Row) -> None:
        for area in self.space(row.task).areas.cut(row.a0, row.a0 + page_up(row.a1)):
            area.prot = row.a2 & 7

    def _mprotect_up_to_hole(self, row: Row) -> None:
        """mprotect that met a hole has changed what lies before it."""
        areas = self.space(row.task).areas
        for area in areas.cut(row.a0, areas.covered_from(row.a0, row.a0 + page_up(row.a1))):
            area.prot = row.a2 & 7

    def _mremap(self, row: Row) -> None:
        space = self.space(row.task)
        if not row.flags & ev.EVF_HAS_RET:
            return
        old, target = row.a0, row.ret
        old_end, new_size = old + page_up(row.a1), page_up(row.a2)
        if target == old:
            if old + new_size < old_end:
                self.take(space, old + new_size, old_end)
            elif old_end > old and (last := space.areas.at(old_end - 1)):
                self._grow(space, last, old + new_size)
            return
        moved = space.areas.cut(old, min(old_end, old + new_size))
        copies = [self._shifted(a, target - old) for a in moved]
        if not row.a3 & MREMAP_DONTUNMAP:
            self.take(space, old, old_end)
        for area in copies:
            self.put(space, area)
        if copies and copies[-1].end < target + new_size:
            self._grow(space, copies[-1], target + new_size)

    def _shifted(self, area: Area, delta: int) -> Area:
        new = Area(area.start + delta, area.end + delta, area.prot, flags=area.flags, token=area.token)
        new.offset, new.shared, new.mark = area.offset, area.shared, area.mark
        return new

    def _grow(self, space: Space, area: Area, end: int) -> None:
        more = Area(area.end, end, area.prot, flags=area.flags, token=area.token, born=self.event)
        more.offset = area.offset + (area.end - area.start)
        self.put(space, more)

    def _brk(self, row: Row) -> None:
        space = self.space(row.task)
        if not row.flags & ev.EVF_HAS_RET:
            return
        before, after = page_up(space.brk), page_up(row.ret)
        if space.brk and after > before:
            self.put(space, Area(before, after, 3, flags=0x22, offset=before, born=self.event))
        elif space.brk and after < before:
            self.take(space, after, before)
        space.brk = row.ret

    def _remap(self, row: Row) -> None:
        for area in self.space(row.task).areas.cut(row.a0, row.a0 + (row.a1 & -PAGE)):
            area.offset = row.a3 * PAGE + (area.start - row.a0)

    def _shmget(self, row: Row) -> None:
        if row.flags & ev.EVF_HAS_RET:
            self._segments[row.ret] = page_up(row.a1)

    def _shmat(self, row: Row) -> None:
        size = self._segments.get(row.a0, PAGE)
        if row.flags & ev.EVF_HAS_RET:
            self.put(
                self.space(row.task),
                Area(row.ret, row.ret + size, 3, flags=1, token=-1 - row.a0, born=self.event),
            )

    def _shmdt(self, row: Row) -> None:
        space = self.space(row.task)
        area = space.areas.at(row.a0)
        if area is not None and area.token < 0:
            self.take(space, area.start, area.end)

    def _fork(self, row: Row) -> None:
        child, flags = row.a0, row.a1
        parent = self.space(row.task)
        if flags & names.CLONE_VM:
            self.spaces[child] = parent
        else:
            self._next_space += 1
            self.spaces[child] = parent.child(self._next_space)
        table = self.table(row.task)
        self.files[child] = table if flags & names.CLONE_FILES else dict(table)

    def _fork_step(self, row: Row) -> None:
        self._fork(row._replace(a1=0))

    def _exec(self, row: Row) -> None:
        self.dropped(self.space(row.task))
        self.spaces[row.task] = self._new_space()

    def _exit(self, row: Row) -> None:
        if row.a1:
            self.dropped(self.space(row.task))

    def _init_vma(self, row: Row) -> None:
        token = self._path_token(row.a4) if row.a4 else 0
        flags = 1 if row.a2 & 8 else 2
        area = Area(row.a0, row.a1, row.a2 & 7, flags=flags, token=token, born=self.event)
        area.offset = row.a3 if token else row.a0
        self.put(self.space(row.task), area)

    def _init_mm(self, row: Row) -> None:
        self.space(row.task).brk = row.a1

    def _path_token(self, path: int) -> int:
        if path not in self._named:
            self._named[path] = self._fresh()
        return self._named[path]

    def _open(self, row: Row) -> None:
        if row.flags & ev.EVF_HAS_RET:
            self.table(row.task)[row.ret] = self._fresh()

    def _makefile(self, row: Row) -> None:
        self.table(row.task)[row.a0] = self._fresh()

    def _reopen(self, row: Row) -> None:
        self.table(row.task)[row.a1] = self._fresh()

    def _dup(self, row: Row) -> None:
        new = row.a1 if row.a1 >= 0 else row.ret
        self.table(row.task)[new] = self.token(row.task, row.a0)

    def _close(self, row: Row) -> None:
        self.table(row.task).pop(row.a0, None)

    def _close_range(self, row: Row) -> None:
        table = self.table(row.task)
        for fd in [fd for fd in table if row.a0 <= fd <= (row.a1 & _U64)]:
            del table[fd]

    def _known_fd(self, row: Row) -> None:
        table = self.table(row.task)
        if row.a0 not in table:
            table[row.a0] = self._path_token(row.a1)


_HANDLERS = {
    ev.K_MMAP: Follower._mmap,
    ev.K_OLD_MMAP: Follower._mmap,
    ev.K_MUNMAP: Follower._munmap,
    ev.K_MPROTECT: Follower._mprotect,
    ev.K_PKEY_MPROTECT: Follower._mprotect,
    ev.K_MREMAP: Follower._mremap,
    ev.K_BRK: Follower._brk,
    ev.K_REMAP_FILE_PAGES: Follower._remap,
    ev.K_SHMGET: Follower._shmget,
    ev.K_SHMAT: Follower._shmat,
    ev.K_SHMDT: Follower._shmdt,
    ev.K_FORK: Follower._fork,
    ev.K_FORK_STEP: Follower._fork_step,
    ev.K_EXEC: Follower._exec,
    ev.K_EXIT: Follower._exit,
    ev.K_INIT_VMA: Follower._init_vma,
    ev.K_INIT_MM: Follower._init_mm,
    ev.K_OPEN: Follower._open,
    ev.K_MEMFD: Follower._open,
    ev.K_MAKEFILE: Follower._makefile,
    ev.K_REOPEN: Follower._reopen,
    ev.K_DUP: Follower._dup,
    ev.K_CLOSE: Follower._close,
    ev.K_CLOSE_RANGE: Follower._close_range,
    ev.K_KNOWN_FD: Follower._known_fd,
}
