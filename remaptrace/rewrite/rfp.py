"""The pass `rfp`: page-wise shared mappings of a file become pages of one mapping.

At the first mapping of a window the whole window is mapped without any access; each mapping in it
becomes ``remap_file_pages(addr, size, prot, pgoff, MAP_CHGPROT | MAP_NONBLOCK)``, unmapping and
changing protection become the same call with another protection. What was MAPERR becomes ACCERR: the
same accesses are refused.
"""

from __future__ import annotations

import numpy as np

from ..abi import kinds as ev
from ..abi import mman as names
from ..engine.whatif.words import PAGE
from ..trace.events import Trace
from .areas import Area
from .borders import borders
from .follow import Follower, Space
from .output import Output, Rewritten, kept
from .row import Row, page_up
from .rows import Rows
from .windows import LEAST, Window, WindowFinder, page_wise_events

_CHGPROT = names.RFP_CHGPROT | names.MAP_NONBLOCK
_NOTHING = "no file is mapped page by page: nothing to rewrite"
_WINDOW_FLAGS = names.MAP_SHARED | names.MAP_FIXED | names.MAP_NORESERVE


class _RfpPass(Follower):
    """Follows the trace a second time and writes the new one."""

    def __init__(self, trace: Trace, windows: dict[int, Window], out: Output) -> None:
        super().__init__(trace)
        self.windows = windows
        self.out = out

    def live(self, space: Space) -> list[Window]:
        """The windows that are mapped in an address space now."""
        found: list[Window] = space.data.get("windows", [])
        return found

    def rewrite(self, event: int, row: Row) -> None:
        """Write what stands for one event, then apply the event."""
        if not self._replaced(event, row):
            self.out.keep(event)
        self.step(event, row)
        window = self.windows.get(event)
        if window is not None:
            area = self.space(row.task).areas.at(row.a0)
            if area is not None:
                area.mark = window

    def _replaced(self, event: int, row: Row) -> bool:
        """True if other events were written for this one."""
        if event in self.windows:
            self._page(event, row, self.windows[event])
            return True
        if row.failed:
            return False
        if row.kind == ev.K_MUNMAP:
            return self._unmap(event, row)
        if row.kind in (ev.K_MPROTECT, ev.K_PKEY_MPROTECT):
            return self._protect(event, row)
        if row.kind == ev.K_REMAP_FILE_PAGES:
            return self._rearrange(event, row)
        if row.kind in (ev.K_MMAP, ev.K_MREMAP, ev.K_SHMAT):
            self._clobber(row)
        return False

    def _page(self, event: int, row: Row, window: Window) -> None:
        """A mapping inside its window."""
        space = self.space(row.task)
        live = self.live(space)
        if window not in live:
            size = window.end - window.start
            fd = row.a4
            self.out.call(
                event, row.task, ev.K_MMAP, window.start, size, 0, _WINDOW_FLAGS, fd, 0, ret=window.start
            )
            space.data["windows"] = [*live, window]
            self.out.count("windows")
        size = page_up(row.a1)
        self._place(event, row.task, row.a0, size, row.a2 & 7, row.a5 // PAGE)
        self.out.count("mappings that became pages")

    def _place(self, event: int, task: int, addr: int, size: int, prot: int, pgoff: int) -> None:
        self.out.call(event, task, ev.K_REMAP_FILE_PAGES, addr, size, prot, pgoff, _CHGPROT)

    def _inside(self, space: Space, area: Area) -> bool:
        """True if the area is pages of a window that is mapped."""
        return isinstance(area.mark, Window) and area.mark in self.live(space)

    def _unmap(self, event: int, row: Row) -> bool:
        space = self.space(row.task)
        start, end = row.a0, row.a0 + page_up(row.a1)
        touched = [w for w in self.live(space) if w.start < end and start < w.end]
        whole = [w for w in touched if start <= w.start and w.end <= end]
        if whole:
            space.data["windows"] = [w for w in self.live(space) if w not in whole]
        partly = [w for w in touched if w not in whole]
        if not partly:
            return False
        for area in space.areas.cut(start, end):
            if area.mark in partly:
                self._place(event, row.task, area.start, area.end - area.start, 0, area.offset // PAGE)
        at = start
        for window in sorted(partly, key=lambda w: w.start):
            if at < window.start:
                self.out.call(event, row.task, ev.K_MUNMAP, at, window.start - at)
            at = max(at, window.end)
        if at < end:
            self.out.call(event, row.task, ev.K_MUNMAP, at, end - at)
        self.out.count("unmappings that became protections")
        return True

    def _protect(self, event: int, row: Row) -> bool:
        space = self.space(row.task)
        pieces = space.areas.cut(row.a0, row.a0 + page_up(row.a1))
        if not any(self._inside(space, a) for a in pieces):
            return False
        for area in pieces:
            size = area.end - area.start
            if self._inside(space, area):
                self._place(event, row.task, area.start, size, row.a2 & 7, area.offset // PAGE)
            else:
                self.out.call(event, row.task, ev.K_MPROTECT, area.start, size, row.a2)
        self.out.count("protection changes in windows")
        return True

    def _rearrange(self, event: int, row: Row) -> bool:
        space = self.space(row.task)
        start = row.a0 & -PAGE
        pieces = space.areas.cut(start, start + (row.a1 & -PAGE))
        if not any(self._inside(space, a) for a in pieces):
            return False
        for area in pieces:
            pgoff = row.a3 + (area.start - start) // PAGE
            self._place(event, row.task, area.start, area.end - area.start, area.prot, pgoff)
        return True

    def _clobber(self, row: Row) -> None:
        """A mapping over the whole of a window ends it."""
        space = self.space(row.task)
        start = row.ret if row.flags & ev.EVF_HAS_RET else row.a0
        size = page_up(row.a2 if row.kind == ev.K_MREMAP else row.a1)
        gone = [w for w in self.live(space) if start <= w.start and w.end <= start + size]
        if gone:
            space.data["windows"] = [w for w in self.live(space) if w not in gone]


def rewrite_rfp(rows: Rows) -> Rewritten:
    """The trace with windows; `rows` are its events with the results that hold."""
    if len(page_wise_events(rows.told)) < LEAST:
        return kept(rows, np.arange(len(rows)), "rfp", {}, [_NOTHING])
    out = Output(rows)
    _write(rows, out)
    if not out.counts.get("windows"):
        out.note(_NOTHING)
    return out.finish("rfp")


def _write(rows: Rows, out: Output) -> None:
    """Find the windows, then write the new trace."""
    finder = WindowFinder(rows.trace)
    most, fullest = 0, -1
    for event, row in enumerate(rows.each):
        finder.step(event, row)
        if event in finder.of_event and len(finder.space(row.task).areas) > most:
            most, fullest = len(finder.space(row.task).areas), event
    work = _RfpPass(rows.trace, finder.windows(), out)
    for event, row in enumerate(rows.each):
        work.rewrite(event, row)
        if event == fullest and out.counts.get("windows"):
            out.note(borders(work.space(row.task).areas).sentence(event))
