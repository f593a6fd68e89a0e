"""Recorded addresses as what earlier calls returned, so that a machine may place mappings by its own search.

A recording names addresses that its kernel chose. Where the replay chooses, an address inside of what a call had
returned must be that call's answer plus the distance: a relocation, as scenarios have them. Addresses of areas that
were there before the log are the same on both sides; those that nothing explains stay as recorded, and are named.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from ..abi import kinds as ev
from ..abi.calls import ARGUMENTS
from ..abi.mman import CLONE_VM, MREMAP_FIXED
from ..counting import counted
from ..lateclasses import replace
from .events import RELOCATION_DTYPE, IntArray, Trace
from .insertion import Insert, insert

_INITIAL = -1
_SHM_REACH = 1 << 30
"""Bytes behind the address of a shmat in which addresses count as inside: the log does not tell its size."""

_ADDRESSED = {
    kind: tuple(
        i
        for i, name in enumerate(names)
        if name in ("addr", "new_addr") and kind not in (ev.K_INIT_VMA, ev.K_PAGES, ev.K_RECLAIM)
    )
    for kind, names in ARGUMENTS.items()
}

_SIZES = {ev.K_MMAP: 1, ev.K_OLD_MMAP: 1, ev.K_MREMAP: 2}
"""Which argument of a call that maps is the size of what it returns."""


class _Places:
    """What lies where in one recorded address space: ranges, and the events whose answers they are."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ranges: list[tuple[int, int, int]] = []  # start, end, event or _INITIAL
        self.brk = -1  # the event of the first brk(NULL)
        self.brk_start = self.top = 0  # the heap, in bytes

    def copy(self) -> _Places:
        """The same for a forked child."""
        out = _Places()
        out.starts, out.ranges = self.starts[:], self.ranges[:]
        out.brk, out.brk_start, out.top = self.brk, self.brk_start, self.top
        return out

    def put(self, start: int, end: int, event: int) -> None:
        """A new range, which takes the place of whatever it covers."""
        first = max(bisect_right(self.starts, start) - 1, 0)
        last = first
        kept: list[tuple[int, int, int]] = []
        while last < len(self.ranges) and self.ranges[last][0] < end:
            low, high, source = self.ranges[last]
            if high <= start:
                kept.append((low, high, source))
            else:
                if low < start:
                    kept.append((low, start, source))
                if high > end:
                    kept.append((end, high, source))
            last += 1
        kept.append((start, end, event))
        kept.sort()
        self.ranges[first:last] = kept
        self.starts[first:last] = [low for low, _, _ in kept]

    def source(self, address: int) -> int | None:
        """The event whose answer `address` lies in, _INITIAL for what was there before; None if nothing tells."""
        at = bisect_right(self.starts, address) - 1
        if at >= 0 and address < self.ranges[at][1]:
            return self.ranges[at][2]
        return None


def translated(trace: Trace) -> Trace:
    """`trace`, a recording, with its addresses tied to the calls that returned them; a note says how many."""
    trace = _with_breaks(trace)
    columns = trace.columns
    names = ("kind", "task", "a0", "a1", "a2", "a3", "a4", "ret", "flags")
    rows = zip(*(columns[name].tolist() for name in names), strict=True)
    tied = _Tied(trace.tasks["pid"].tolist())
    for event, (kind, task, *args, ret, flags) in enumerate(rows):
        tied.tie(event, kind, task, args)
        if flags & ev.EVF_HAS_RET or kind in (ev.K_INIT_VMA, ev.K_FORK, ev.K_EXEC):
            tied.follow(event, kind, task, args, ret)
    table = np.array(tied.relocations, dtype=RELOCATION_DTYPE) if tied.relocations else None
    return replace(trace, relocations=table, notes=[*trace.notes, *tied.notes(columns.get("line"))])


class _Tied:
    """The addresses of a recording, each with the call whose answer it lies in."""

    def __init__(self, pids: list[int]) -> None:
        self.relocations: list[tuple[int, int, int, int]] = []
        self._pids = pids  # of each task
        self._spaces: dict[int, _Places] = {}
        self._answered: dict[int, int] = {}
        self._unknown: list[tuple[int, int]] = []  # address, event

    def _places(self, task: int) -> _Places:
        return self._spaces.setdefault(self._pids[task], _Places())

    def tie(self, event: int, kind: int, task: int, args: list[int]) -> None:
        """Tie the addresses that the call names."""
        places = self._places(task)
        for i in _ADDRESSED.get(kind, ()):
            address = args[i]
            if address <= 0 or (kind == ev.K_MREMAP and i == 4 and not args[3] & MREMAP_FIXED):
                continue
            source, base = self._source(places, kind, address)
            if source is None:
                self._unknown.append((address, event))
            elif source != _INITIAL:
                self.relocations.append((event, i, source, address - base))

    def _source(self, places: _Places, kind: int, address: int) -> tuple[int | None, int]:
        """The event whose answer the address counts from, and that answer; None: no call of the log."""
        if kind == ev.K_BRK:
            return (places.brk if places.brk >= 0 else None), places.brk_start
        source = places.source(address)
        if source is None and places.brk >= 0 and places.brk_start <= address < places.top:
            source = places.brk
        return source, self._answered.get(source, 0) if source is not None else 0

    def follow(self, event: int, kind: int, task: int, args: list[int], ret: int) -> None:
        """Take over what the call, which was answered, changed."""
        places = self._places(task)
        if kind in _SIZES and ret > 0:
            size = args[_SIZES[kind]]
            places.put(ret, ret + max(size, 1) + (-size & 4095), event)
            self._answered[event] = ret
        elif kind == ev.K_SHMAT and ret > 0:
            places.put(ret, ret + _SHM_REACH, event)
            self._answered[event] = ret
        elif kind == ev.K_BRK and ret > 0:
            if places.brk < 0 and args[0] == 0:
                places.brk, places.brk_start = event, ret
                self._answered[event] = ret
            places.top = max(places.top, ret)
        elif kind == ev.K_INIT_VMA:
            places.put(args[0], args[1], _INITIAL)
        elif kind == ev.K_FORK and not args[1] & CLONE_VM and args[0] < len(self._pids):
            self._spaces[self._pids[args[0]]] = places.copy()
        elif kind == ev.K_EXEC and ret >= 0:
            self._spaces[self._pids[task]] = _Places()

    def notes(self, lines: IntArray | None) -> list[str]:
        """How many addresses are tied, and how many are not; `lines` of the events, if the source has any."""
        count = len(self.relocations)
        out = [f"{count} recorded addresses are taken as what earlier calls return on this machine"]
        if self._unknown:
            address, event = self._unknown[0]
            line = int(lines[event]) if lines is not None else 0
            where = f" in line {line}" if line else f" at event {event}"
            shown = f"{address & (1 << 64) - 1:#x}{where}"
            rest = f"{counted(len(self._unknown), 'address', 'addresses')} of no call of the log, left as recorded"
            out.append(f"{rest}, the first {shown}")
        return out


def _with_breaks(trace: Trace) -> Trace:
    """`trace` with the recorded first break of each exec: like the areas that exec made it is no answer of a call."""
    kind = trace.columns["kind"]
    if trace.truth is not None or bool((kind == ev.K_INIT_MM).any()):
        return trace  # counters and maps are tied to events by number, and these sets have it
    rows = zip(*(trace.columns[c].tolist() for c in ("kind", "task", "a0", "ret")), strict=True)
    pids = trace.tasks["pid"].tolist()
    waiting: dict[int, tuple[int, int]] = {}  # pid -> event behind its exec, or its first; task
    inserts: list[Insert] = []
    seen: set[int] = set()
    for event, (what, task, a0, ret) in enumerate(rows):
        pid = pids[task]
        if what == ev.K_FORK and a0 < len(pids):
            seen.add(pids[a0])  # has its parent's break
        if what == ev.K_EXEC and ret >= 0:
            waiting[pid] = (event + 1, task)
        elif pid not in seen:
            waiting[pid] = (event, task)
        seen.add(pid)
        if what == ev.K_BRK and pid in waiting:
            before, owner = waiting.pop(pid)
            if a0 == 0 and ret > 0:
                inserts.append(Insert(before, ev.K_INIT_MM, owner, (ret, ret, 0, 0, 0)))
    if not inserts:
        return trace
    trace = replace(trace, columns=dict(trace.columns))
    insert(trace, inserts)
    return trace
