"""Plain twins of the passes that are compiled: one class a pass, over lists of areas, a row at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from remaptrace.abi import kinds as ev
from remaptrace.abi import mman as names
from remaptrace.abi.kinds import ACCESSES
from remaptrace.abi.signals import PF_FETCH, PF_WRITE
from remaptrace.engine.whatif.words import PAGE
from remaptrace.rewrite.areas import Area, Areas
from remaptrace.rewrite.follow import Follower, Space
from remaptrace.rewrite.output import Output, Rewritten
from remaptrace.rewrite.row import Row, page_up
from remaptrace.rewrite.rows import Rows
from remaptrace.trace.events import Trace


def access_bit(row: Row) -> int:
    """The PROT_* bit that an access needs."""
    if row.kind == ev.K_FAULT:
        return 4 if row.a1 & PF_FETCH else 2 if row.a1 & PF_WRITE else 1
    return {ev.K_READ: 1, ev.K_WRITE: 2, ev.K_EXECUTE: 4}[row.kind]


LIMIT = 1 << 20
"""Bytes up to which memory without access counts as a guard, not as a reservation."""

_PROTECTS = (ev.K_MPROTECT, ev.K_PKEY_MPROTECT)
_INSTALL, _REMOVE, _DONTNEED = (names.ADVICE[n] for n in ("guard_install", "guard_remove", "dontneed"))
_CHGPROT = names.RFP_CHGPROT | names.MAP_NONBLOCK


@dataclass
class _Region:
    """What happens to the memory of one mmap call."""

    start: int
    end: int
    prots: set[int] = field(default_factory=set)  # those that allow something
    largest: int = 0  # longest range that mprotect closed, bytes
    opened: tuple[int, int, int] | None = None  # first range opened of one mapped without access, and how
    touched: bool = False  # accessed before that: mapped open, the access would be let in

    @property
    def guard_sized(self) -> bool:
        """True if opening it leaves something without access, and no more than guards have."""
        if self.opened is None or self.touched:
            return False
        start, end, _ = self.opened
        inside = max(0, min(end, self.end) - max(start, self.start))
        return inside > 0 and 0 < self.end - self.start - inside <= LIMIT


class _Finder(Follower):
    """First pass. The mark of an area is (region, may hold contents, event that closed it or -1)."""

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace)
        self.regions: dict[int, _Region] = {}
        self.reopened: set[int] = set()  # events that closed pages whose contents were wanted again
        kinds = trace.columns["kind"]
        self.sees_writes = any(bool((kinds == k).any()) for k in ACCESSES)

    def fills(self, prot: int) -> bool:
        """True if memory must be taken as written as soon as it can be: the trace has no accesses."""
        return bool(prot & 2) and not self.sees_writes

    def inserted(self, space: Space, area: Area) -> None:
        """Private anonymous memory becomes a region."""
        if area.private_anonymous and area.mark is None and area.born == self.event:
            region = self.regions.setdefault(self.event, _Region(area.start, area.end))
            region.start, region.end = min(region.start, area.start), max(region.end, area.end)
            if area.prot:
                region.prots.add(area.prot)
            area.mark = (self.event, self.fills(area.prot), -1)

    def step(self, event: int, row: Row) -> None:
        """Apply one event; protections and advice are looked at first."""
        if not row.failed:
            if row.kind in _PROTECTS:
                self._protect(event, row)
            elif row.kind == ev.K_MADVISE and row.a2 == _DONTNEED:
                for area in self.space(row.task).areas.cut(row.a0, row.a0 + page_up(row.a1)):
                    if area.mark is not None:
                        area.mark = (area.mark[0], self.fills(area.prot), area.mark[2])
            elif row.kind in ACCESSES:
                self._accessed(row)
                if access_bit(row) == 2:
                    self._written(row)
        super().step(event, row)

    def _protect(self, event: int, row: Row) -> None:
        prot, end = row.a2 & 7, row.a0 + page_up(row.a1)
        for area in self.space(row.task).areas.cut(row.a0, end):
            if area.mark is None:
                continue
            number, full, closed = area.mark
            region = self.regions[number]
            if prot == 0:
                if area.prot:
                    area.mark = (number, full, event)
                    region.largest = max(region.largest, area.end - area.start)
                continue
            region.prots.add(prot)
            if area.prot == 0:
                if full and closed >= 0:
                    self.reopened.add(closed)
                if region.opened is None:
                    region.opened = (row.a0, end, prot)
            area.mark = (number, full or self.fills(prot), -1)

    def _accessed(self, row: Row) -> None:
        """An access to a region of which nothing was opened yet."""
        start = row.a0 & -PAGE
        end = start + PAGE * (max(row.a2, 1) if row.kind != ev.K_FAULT else 1)
        for area in self.space(row.task).areas.overlapping(start, end):
            if area.mark is not None and area.prot == 0 and self.regions[area.mark[0]].opened is None:
                self.regions[area.mark[0]].touched = True

    def _written(self, row: Row) -> None:
        """A write fills the pages that allow it."""
        areas = self.space(row.task).areas
        start = row.a0 & -PAGE
        end = start + PAGE * (max(row.a2, 1) if row.kind == ev.K_WRITE else 1)
        for area in areas.overlapping(start, end):
            if area.mark is not None and not area.mark[1] and area.prot & 2:
                for piece in areas.cut(max(start, area.start), min(end, area.end)):
                    piece.mark = (piece.mark[0], True, piece.mark[2])


@dataclass(frozen=True)
class _Mark:
    """Second pass: of an area, the protection of its VMA after rewriting, and whether it has markers."""

    region: int
    prot: int
    state: int


_OPEN, _MARKED, _PENDING = 0, 1, 2  # pending: without access, and the markers not yet set


class _Guards(Follower):
    """Second pass: writes the new trace."""

    def __init__(self, finder: _Finder, out: Output, per_pte: bool) -> None:
        super().__init__(finder.trace)
        self.finder = finder
        self.out = out
        self.per_pte = per_pte

    def takes(self, number: int) -> bool:
        """True if the region may have markers at all."""
        region = self.finder.regions.get(number)
        if region is None:
            return False
        return not self.per_pte or (len(region.prots) == 1 and region.largest <= LIMIT)

    def inserted(self, space: Space, area: Area) -> None:
        """Give new private memory its mark."""
        if area.private_anonymous and area.mark is None and area.born == self.event:
            area.mark = _Mark(self.event, area.prot, _OPEN)

    def rewrite(self, event: int, row: Row) -> None:
        """Write what stands for one event, then apply the event."""
        self.event = event
        done = False
        if not row.failed:
            if row.kind in _PROTECTS:
                done = self._protect(event, row)
            elif row.kind == ev.K_MMAP:
                done = self._map(event, row)
        if not done:
            self.out.keep(event)
        self.step(event, row)
        if done and row.kind == ev.K_MMAP:
            self._mark_pending(event, row)

    def _map(self, event: int, row: Row) -> bool:
        """Memory mapped without access whose greater part is opened later: mapped as it will be."""
        region = self.finder.regions.get(event)
        if row.a2 & 7 or region is None or not region.guard_sized or not self.takes(event):
            return False
        assert region.opened is not None
        self.out.emit(event, row._replace(a2=region.opened[2]))
        return True

    def _mark_pending(self, event: int, row: Row) -> None:
        region = self.finder.regions[event]
        assert region.opened is not None
        for area in self.space(row.task).areas.cut(region.start, region.end):
            area.mark = _Mark(event, region.opened[2], _PENDING)

    def _protect(self, event: int, row: Row) -> bool:
        space, prot = self.space(row.task), row.a2 & 7
        start, end = row.a0, row.a0 + page_up(row.a1)
        self._settle(event, row, space, start, end)
        plan: list[tuple[str, int, int, int]] = []
        changed = False
        for area in space.areas.cut(start, end):
            wanted, mark = self._piece(area, prot, event)
            changed |= wanted != "protect" or (mark is not None and mark.prot != area.prot)
            if wanted and isinstance(area.mark, _Mark) and area.mark.state == _MARKED and wanted == "protect":
                _add(plan, "remove", area)
            if wanted:
                _add(plan, wanted, area)
            if mark is not None:
                area.mark = mark
        if not changed:
            return False
        for what, low, high, offset in plan:
            self._call(event, row, what, low, high, offset, prot)
        return True

    def _piece(self, area: Area, prot: int, event: int) -> tuple[str, _Mark | None]:
        """What an mprotect becomes for one area ("" for nothing), and the area's new mark."""
        mark = area.mark
        if not isinstance(mark, _Mark) or not self.takes(mark.region):
            return "protect", None if not isinstance(mark, _Mark) else _Mark(mark.region, prot, _OPEN)
        if prot == 0:
            if mark.state != _OPEN:
                return (
                    ("", mark)
                    if mark.state == _MARKED
                    else ("install", _Mark(mark.region, mark.prot, _MARKED))
                )
            fits = area.end - area.start <= LIMIT and (self.per_pte or event not in self.finder.reopened)
            if mark.prot == 0 or not fits:
                return "protect", _Mark(mark.region, 0, _OPEN)
            return "install", _Mark(mark.region, mark.prot, _MARKED)
        if mark.state == _MARKED and mark.prot == prot:
            return "remove", _Mark(mark.region, prot, _OPEN)
        if mark.state == _PENDING and mark.prot == prot:
            return "", _Mark(mark.region, prot, _OPEN)
        return "protect", _Mark(mark.region, prot, _OPEN)

    def _settle(self, event: int, row: Row, space: Space, start: int, end: int) -> None:
        """Set the markers of memory that the first opening of its region leaves without access."""
        numbers = {
            a.mark.region
            for a in space.areas.cut(start, end)
            if isinstance(a.mark, _Mark) and a.mark.state == _PENDING
        }
        for number in numbers:
            region = self.finder.regions[number]
            for area in space.areas.overlapping(region.start, region.end):
                mark = area.mark
                outside = area.end <= start or end <= area.start
                if outside and isinstance(mark, _Mark) and mark.region == number and mark.state == _PENDING:
                    self._call(event, row, "install", area.start, area.end, area.offset, 0)
                    area.mark = _Mark(number, mark.prot, _MARKED)

    def _call(self, event: int, row: Row, what: str, low: int, high: int, offset: int, prot: int) -> None:
        size = high - low
        if what == "protect":
            self.out.emit(event, row._replace(a0=low, a1=size))
            return
        self.out.count("guards set" if what == "install" else "guards lifted")
        if self.per_pte:
            lifted = 0 if what == "install" else prot
            self.out.call(event, row.task, ev.K_REMAP_FILE_PAGES, low, size, lifted, offset // PAGE, _CHGPROT)
        else:
            advice = _INSTALL if what == "install" else _REMOVE
            self.out.call(event, row.task, ev.K_MADVISE, low, size, advice)


def _add(plan: list[tuple[str, int, int, int]], what: str, area: Area) -> None:
    """Put one more piece on the plan, joined to the last one if it runs on."""
    if plan and plan[-1][0] == what and plan[-1][2] == area.start:
        _, low, _, offset = plan.pop()
        plan.append((what, low, area.end, offset))
    else:
        plan.append((what, area.start, area.end, area.offset))


def _rewrite(rows: Rows, name: str) -> Rewritten:
    finder = _Finder(rows.trace)
    for event, row in enumerate(rows.each):
        finder.step(event, row)
    out = Output(rows)
    work = _Guards(finder, out, per_pte=name == "rfp-guards")
    for event, row in enumerate(rows.each):
        work.rewrite(event, row)
    return out.finish(name)


# ---- merge-order


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


class _MergeOrder(Follower):
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


def _merge_order(rows: Rows) -> Rewritten:
    out = Output(rows)
    work = _MergeOrder(rows.trace, out)
    for event, row in enumerate(rows.each):
        work.rewrite(event, row)
    for number in list(work.held):
        work.flush(number)
    return out.finish("merge-order")


# ---- dontneed


_EMPTY = names.ADVICE["dontneed"]
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


class _Emptying(Follower):
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
            self.out.call(event, row.task, ev.K_MADVISE, start, end - start, _EMPTY)
            self.out.count("unmappings that became MADV_DONTNEED")
            return
        low, high = _with_emptied(areas, start, end)
        if (low, high) == (start, end):
            self.out.keep(event)
        else:
            self.out.call(event, row.task, ev.K_MUNMAP, low, high - low)
        self.step(event, row._replace(a0=low, a1=high - low))


def _dontneed(rows: Rows) -> Rewritten:
    out = Output(rows)
    work = _Emptying(rows.trace, out)
    for event, row in enumerate(rows.each):
        work.rewrite(event, row)
    return out.finish("dontneed")


PLAIN: dict[str, Callable[[Rows], Rewritten]] = {
    "guards": lambda rows: _rewrite(rows, "guards"),
    "rfp-guards": lambda rows: _rewrite(rows, "rfp-guards"),
    "merge-order": _merge_order,
    "dontneed": _dontneed,
}
