"""The pass `dontneed`: what would cut a hole into private memory is emptied instead, and stays mapped.

munmap in the middle of memory makes one area two. MADV_DONTNEED gives the same pages back and leaves the area
whole; its addresses stay taken until the memory on one side of them is unmapped too, then they go with it. An access
to emptied memory finds zeros where it was refused: the check of accesses tells whether the program makes one.
"""

from __future__ import annotations

from ..abi import kinds as ev
from ..abi import mman as names
from ..trace.events import Trace
from .areas import Area, Areas
from .follow import Follower, Row, page_up
from .output import Output, Rewritten

_DONTNEED = names.ADVICE["dontneed"]
_EMPTIED = "emptied"


def _alike(a: Area, b: Area) -> bool:
    """True for private memory without a file that the kernel may keep as one area."""
    return a.private_anonymous and b.private_anonymous and a.prot == b.prot and a.flags == b.flags


def _enclosed(areas: Areas, start: int, end: int) -> bool:
    """True if [start, end) is all mapped, of one kind, and continued on both sides."""
    pieces = areas.overlapping(start, end)
    below, above = areas.at(start - 1), areas.at(end)
    if not pieces or below is None or above is None or areas.covered_from(start, end) < end:
        return False
    return all(_alike(one, below) for one in (*pieces, above))


def _with_emptied(areas: Areas, start: int, end: int) -> tuple[int, int]:
    """[start, end) with the emptied memory that touches it."""
    while (below := areas.at(start - 1)) is not None and below.mark == _EMPTIED:
        start = below.start
    while (above := areas.at(end)) is not None and above.mark == _EMPTIED:
        end = above.end
    return start, end


class _Pass(Follower):
    def __init__(self, trace: Trace, out: Output) -> None:
        super().__init__(trace)
        self.out = out

    def rewrite(self, event: int, row: Row) -> None:
        """Write the event, or what stands for an unmapping."""
        if row.kind != ev.K_MUNMAP or row.failed or row.a0 & 4095 or row.a1 <= 0:
            self.out.keep(event)
            self.step(event, row)
            return
        areas = self.space(row.task).areas
        start, end = row.a0, row.a0 + page_up(row.a1)
        if _enclosed(areas, start, end):
            for area in areas.cut(start, end):
                area.mark = _EMPTIED
            self.out.call(event, row.task, ev.K_MADVISE, start, end - start, _DONTNEED)
            self.out.count("unmappings that became MADV_DONTNEED")
            return
        low, high = _with_emptied(areas, start, end)
        if (low, high) == (start, end):
            self.out.keep(event)
        else:
            self.out.call(event, row.task, ev.K_MUNMAP, low, high - low)
        self.step(event, row._replace(a0=low, a1=high - low))


def rewrite_dontneed(trace: Trace, rows: list[Row]) -> Rewritten:
    """The trace without holes in private memory; `rows` are its events with the results that hold."""
    out = Output(trace, rows)
    work = _Pass(trace, out)
    for event, row in enumerate(rows):
        work.rewrite(event, row)
    if not out.counts:
        out.note("no call unmaps the middle of private memory: nothing to rewrite")
    return out.finish("dontneed")
