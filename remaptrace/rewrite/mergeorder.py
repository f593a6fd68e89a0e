"""The pass `merge-order`: protection changes of neighbours, spread over many calls, made in one call.

A program that opens or closes a range page by page, in whatever order, splits and joins areas at
every step, and memory touched in between gets an anon_vma of its own that may keep it apart for ever.
Changes to one protection in one process are held back and joined, until something could see the
difference: an access to a held page, any other memory call of the process, a fork, its end.
"""

from __future__ import annotations

from ..abi import kinds as ev
from ..abi.kinds import ACCESSES
from ..trace.events import Trace
from .follow import Follower, Row, Space, page_up
from .output import Output, Rewritten

_HARMLESS = frozenset(
    {ev.K_SIGNAL, ev.K_UNMODELLED, ev.K_KNOWN_FD, ev.K_OPEN, ev.K_CLOSE, ev.K_DUP, ev.K_PREAD, ev.K_PWRITE}
)


class _Held:
    """The changes of one address space that were held back: same task and protection."""

    def __init__(self, row: Row) -> None:
        self.task, self.prot = row.task, row.a2
        self.ranges: list[tuple[int, int, int]] = []  # start, end, event

    def touches(self, start: int, end: int) -> bool:
        """True if a held change concerns a byte of the range."""
        return any(low < end and start < high for low, high, _ in self.ranges)


class _Pass(Follower):
    def __init__(self, trace: Trace, out: Output) -> None:
        super().__init__(trace)
        self.out = out
        self.held: dict[int, _Held] = {}  # by number of the address space

    def rewrite(self, event: int, row: Row) -> None:
        """Hold a change back, or write the event, after what it could see the lack of."""
        space = self.space(row.task)
        if self._hold(event, row, space):
            self.step(event, row)
            return
        held = self.held.get(space.number)
        if held is not None and row.kind not in _HARMLESS:
            if row.kind in ACCESSES:
                size = max(row.a2, 1) << 12 if row.kind != ev.K_FAULT else 1
                if held.touches(row.a0, row.a0 + size):
                    self.flush(space.number)
            else:
                self.flush(space.number)
        self.out.keep(event)
        self.step(event, row)

    def _hold(self, event: int, row: Row, space: Space) -> bool:
        """True if the event is a change that was held back."""
        if row.kind != ev.K_MPROTECT or row.failed or row.a0 & 4095 or not row.a1:
            return False
        end = row.a0 + page_up(row.a1)
        if space.areas.covered_from(row.a0, end) < end:
            return False
        held = self.held.get(space.number)
        if held is not None and (held.prot, held.task) != (row.a2, row.task):
            self.flush(space.number)
            held = None
        if held is None:
            held = self.held[space.number] = _Held(row)
        held.ranges.append((row.a0, end, event))
        return True

    def flush(self, number: int) -> None:
        """Write the held changes of an address space, neighbours joined, by address."""
        held = self.held.pop(number, None)
        if held is None:
            return
        joined: list[list[int]] = []
        for start, end, event in sorted(held.ranges):
            if joined and start <= joined[-1][1]:
                joined[-1][1] = max(joined[-1][1], end)
                joined[-1][2] = max(joined[-1][2], event)
                self.out.count("calls saved")
            else:
                joined.append([start, end, event])
        for start, end, event in joined:
            self.out.call(event, held.task, ev.K_MPROTECT, start, end - start, held.prot)


def rewrite_merge_order(trace: Trace, rows: list[Row]) -> Rewritten:
    """The trace with joined changes of protection; `rows` are its events with the results that hold."""
    out = Output(trace, rows)
    work = _Pass(trace, out)
    for event, row in enumerate(rows):
        work.rewrite(event, row)
    for number in list(work.held):
        work.flush(number)
    if not out.counts.get("calls saved"):
        out.note("no neighbouring changes of protection follow each other: nothing to rewrite")
    return out.finish("merge-order")
