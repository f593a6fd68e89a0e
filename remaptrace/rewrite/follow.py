"""Follows the address spaces and descriptors of a recording, event by event.

Results come from the recording (or from a replay of it): what failed changed nothing, what the
kernel placed lies where it said. Passes override the hooks.
"""

from __future__ import annotations

from typing import Any

from ..abi import kinds as ev
from ..abi import mman as names
from ..abi.mman import MREMAP_DONTUNMAP
from ..engine.whatif.words import PAGE
from ..lateclasses import dataclass, field
from ..trace.events import Trace
from .areas import Area, Areas
from .descriptors import Descriptors
from .row import Row, page_up


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
        self.descriptors = Descriptors()
        self.event = 0
        self._next_space = 0

    def space(self, task: int) -> Space:
        """The address space of a task; made empty if nothing is known of it."""
        found = self.spaces.get(task)
        if found is None:
            found = self.spaces[task] = self._new_space()
        return found

    def _new_space(self) -> Space:
        self._next_space += 1
        return Space(self._next_space)

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
        if row.failed:
            if row.met_a_hole:
                self._mprotect_up_to_hole(row)
        elif handler is not None:
            handler(self, row)
        else:
            self.descriptors.step(row.kind, row.task, row.a0, row.a1, row.ret, row.flags)

    def put(self, space: Space, area: Area) -> None:
        """Map `area`, replacing what is there; one without a byte changes nothing."""
        if area.end <= area.start:
            return
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
        token = self.descriptors.mapped(row.task, row.a3, row.a4)
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
        start = row.a0 & -PAGE  # mm/mmap.c remap_file_pages: start and size lose what is no whole page
        for area in self.space(row.task).areas.cut(start, start + (row.a1 & -PAGE)):
            area.offset = row.a3 * PAGE + (area.start - start)

    def _shmat(self, row: Row) -> None:
        size = self.descriptors.attached(row.a0)
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
        self.descriptors.fork(row.task, child, flags)

    def _fork_step(self, row: Row) -> None:
        self._fork(row._replace(a1=0))

    def _exec(self, row: Row) -> None:
        self.dropped(self.space(row.task))
        self.spaces[row.task] = self._new_space()

    def _exit(self, row: Row) -> None:
        if row.a1:
            self.dropped(self.space(row.task))

    def _init_vma(self, row: Row) -> None:
        token = self.descriptors.path(row.a4) if row.a4 else 0
        flags = 1 if row.a2 & 8 else 2
        area = Area(row.a0, row.a1, row.a2 & 7, flags=flags, token=token, born=self.event)
        area.offset = row.a3 if token else row.a0
        self.put(self.space(row.task), area)

    def _init_mm(self, row: Row) -> None:
        self.space(row.task).brk = row.a1


_HANDLERS = {
    ev.K_MMAP: Follower._mmap,
    ev.K_OLD_MMAP: Follower._mmap,
    ev.K_MUNMAP: Follower._munmap,
    ev.K_MPROTECT: Follower._mprotect,
    ev.K_PKEY_MPROTECT: Follower._mprotect,
    ev.K_MREMAP: Follower._mremap,
    ev.K_BRK: Follower._brk,
    ev.K_REMAP_FILE_PAGES: Follower._remap,
    ev.K_SHMAT: Follower._shmat,
    ev.K_SHMDT: Follower._shmdt,
    ev.K_FORK: Follower._fork,
    ev.K_FORK_STEP: Follower._fork_step,
    ev.K_EXEC: Follower._exec,
    ev.K_EXIT: Follower._exit,
    ev.K_INIT_VMA: Follower._init_vma,
    ev.K_INIT_MM: Follower._init_mm,
}
