"""What a browser of areas shows: the areas of a process behind an event, sorted, filtered, explained."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from ..abi.kinds import K_INIT_VMA, K_MARK
from ..abi.outcomes import NAMES, OUT_NONE
from ..advice.neighbours import Neighbours
from ..counting import counted, number
from ..explain.names import FLAGS
from ..report.phrases import event_place
from ..result.areakinds import KINDS, kind_of
from ..result.changes import Changes
from ..result.result import Result, VmaRow
from ..trace.wording import event_text, place, result_text, returns_address

SORTS: dict[str, Callable[[VmaRow], Any]] = {
    "address": lambda v: v.start,
    "size": lambda v: (v.start - v.end, v.start),
    "birth": lambda v: (v.born, v.start),
    "name": lambda v: (v.name or v.file or "", v.start),
}
"""Orders of the list, by name."""


class Moment:
    """A process, an event, an order and a filter; `rows` are the areas that they give.

    LookupError for a result without changes, or without a process that has an address space.
    """

    def __init__(self, result: Result) -> None:
        if result.changes is None:
            raise LookupError("the replay was not asked for its changes of areas")
        self.result = result
        self.log: Changes = result.changes
        self.trace = result.trace
        pids = self.trace.tasks["pid"][self.log.tasks[self.log.tasks[:, 2] != 0, 1]]
        self.pids = list(dict.fromkeys(int(pid) for pid in pids))
        if not self.pids:
            raise LookupError("no event of the trace has an address space")
        self.order = "address"
        self.wanted = ""
        self.neighbours = Neighbours(result.machine.rules.tolist(), result.machine.page_size)
        counts = np.asarray(result.columns["map_count"])
        peak = int(counts.argmax()) if len(counts) else 0
        self.pid = int(self.trace.tasks["pid"][self.trace.columns["task"][peak]])
        self.event = peak

    @cached_property
    def _events(self) -> dict[int, list[int]]:
        """Of each process the events behind which its areas are other ones."""
        found: dict[int, list[int]] = {}
        spaces: dict[int, set[int]] = {}
        for event, task, space in self.log.tasks.tolist():
            pid = int(self.trace.tasks["pid"][task])
            found.setdefault(pid, []).append(event)
            if space:
                spaces.setdefault(pid, set()).add(space)
        for pid, mine in spaces.items():
            rows = np.flatnonzero(np.isin(self.log.space, list(mine)))
            low, high = found[pid][0], found[pid][-1] if self._ended(pid) else len(self.trace) - 1
            events = self.log.event[rows]
            found[pid] = sorted({*found[pid], *events[(events >= low) & (events <= high)].tolist()})
        return found

    def _ended(self, pid: int) -> bool:
        """Whether the last thing known of a process is that it has no address space."""
        rows = [r for r in self.log.tasks.tolist() if int(self.trace.tasks["pid"][r[1]]) == pid]
        return bool(rows) and rows[-1][2] == 0

    def space(self) -> int:
        """The address space of the process behind the event; 0: none."""
        living: dict[int, int] = {}
        for event, task, space in self.log.tasks.tolist():
            if event > self.event:
                break
            if int(self.trace.tasks["pid"][task]) == self.pid:
                living[task] = space
        return next((space for space in living.values() if space), 0)

    def areas(self) -> tuple[VmaRow, ...]:
        """Every area of the process behind the event, by address."""
        space = self.space()
        layout = self.log.layout_at(self.event, space)
        return tuple(self.log.row(int(row), layout) for row in self.log.alive(self.event, space))

    def rows(self) -> list[VmaRow]:
        """The areas that the filter lets through, in the order asked for."""
        wanted = self.wanted.lower()
        found = [v for v in self.areas() if not wanted or wanted in searched(v)]
        return sorted(found, key=SORTS[self.order])

    def go(self, event: int) -> None:
        """To an event, or the nearest that there is."""
        self.event = max(0, min(len(self.trace) - 1, event))

    def step(self, by: int) -> None:
        """To the next (1) or the last (-1) event that changed areas of the process."""
        events = self._events[self.pid]
        at = bisect_right(events, self.event)
        wanted = at if by > 0 else at - 1 - (at > 0 and events[at - 1] == self.event)
        if 0 <= wanted < len(events):
            self.event = events[wanted]

    def switch(self, by: int = 1) -> None:
        """To another process; the event becomes its first if it does not live behind this one."""
        self.pid = self.pids[(self.pids.index(self.pid) + by) % len(self.pids)]
        if not self.space():
            self.event = self._events[self.pid][0]

    def title(self) -> str:
        """The event in a line: number, place, call and what came of it, VMAs behind it."""
        at = place(self.trace, self.event)
        kind = int(self.trace.columns["kind"][self.event])
        text = event_text(self.trace, self.event)
        outcome, ret = (int(self.result.columns[name][self.event]) for name in ("outcome", "ret"))
        if outcome != OUT_NONE:
            text += f": {NAMES[outcome]}"
        elif kind != K_MARK and (ret < 0 or returns_address(kind)):
            text += f" = {result_text(ret, kind)}"
        return f"{event_place(at, self.trace.sources)}: {text}"

    def course(self, parts: int) -> list[int]:
        """The highest VMA count of the process in each of at most `parts` parts of the trace."""
        pids = self.trace.tasks["pid"][np.asarray(self.trace.columns["task"])]
        mine = np.flatnonzero(pids == self.pid)
        last = (
            np.searchsorted(mine, np.arange(len(pids)), side="right") - 1
        )  # its own event that holds at each event
        own = np.maximum(np.asarray(self.result.columns["map_count"])[mine], 0)
        counts = np.where(last >= 0, own[np.maximum(last, 0)], 0)
        first = np.unique(np.linspace(0, len(counts), parts, endpoint=False).astype(np.int64))
        highest: list[int] = np.maximum.reduceat(counts, first).tolist()
        return highest

    def explain(self, vma: VmaRow) -> list[str]:
        """Birth, flags and borders of an area, a sentence each."""
        lines = [
            f"{vma.start:x}-{vma.end:x} {vma.perms} {size(vma)}, {KINDS[kind_of(vma)]} {_named(vma)}".rstrip()
        ]
        lines += ["", "Birth", *self._birth(vma), "", "Flags"]
        lines += [f"{flag}  {FLAGS.get(flag, 'not explained here')}" for flag in vma.vmflags.split()]
        areas = self.areas()
        at = next((i for i, other in enumerate(areas) if other.start == vma.start), -1)
        lines += [
            "",
            "Borders",
            self._border("below", areas, at - 1, at),
            self._border("above", areas, at, at + 1),
        ]
        return lines

    def _birth(self, vma: VmaRow) -> list[str]:
        if vma.assumed:
            return ["Assumed: a recorded call proves that it was there, none shows it being made."]
        if not 0 <= vma.born < len(self.trace):
            return ["Not recorded: it was there before the trace."]
        at = event_place(place(self.trace, vma.born), self.trace.sources)
        if int(self.trace.columns["kind"][vma.born]) == K_INIT_VMA:
            return [f"{at}: there from the start, as a map or the program's headers tell."]
        lines = [f"{at}: {event_text(self.trace, vma.born)}"]
        if "stack" in self.trace.columns:
            frames = self.trace.stacks[int(self.trace.columns["stack"][vma.born])]
            if frames:
                lines.append("called by " + " < ".join(self.trace.frames[f] for f in frames[:8]))
        return lines

    def _border(self, side: str, areas: tuple[VmaRow, ...], low: int, high: int) -> str:
        if low < 0 or high >= len(areas):
            return f"{side}: no area"
        one, two = areas[low], areas[high]
        if one.end < two.start:
            return (
                f"{side}: {number((two.start - one.end) // self.result.machine.page_size)} pages of nothing"
            )
        apart = self.neighbours.differences(one, two)
        other = one if side == "below" else two
        who = f"{other.start:x}-{other.end:x} {other.perms}"
        if not apart:
            return f"{side}: {who}; they could be one area, but no call has tried to join them"
        return f"{side}: {who}; kept apart by {', '.join(apart)}"


def searched(vma: VmaRow) -> str:
    """What a filter looks into: range, permissions, kind, name and flags."""
    return f"{vma.start:x}-{vma.end:x} {vma.perms} {KINDS[kind_of(vma)]} {_named(vma)} {vma.vmflags}".lower()


def _named(vma: VmaRow) -> str:
    return vma.name or vma.file or ""


def size(vma: VmaRow) -> str:
    """The size of an area in the largest unit that leaves no rest."""
    value, unit = (vma.end - vma.start) >> 10, "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if value >= 1024 and value % 1024 == 0:
            value, unit = value >> 10, larger
    return f"{number(value)} {unit}"


def summary(shown: int, whole: int, moment: Moment) -> str:
    """How many areas there are, and in which order they stand."""
    text = counted(whole, "VMA") if shown == whole else f"{number(shown)} of {counted(whole, 'VMA')}"
    return f"{text} behind event {number(moment.event)} of {number(len(moment.trace))}, by {moment.order}"
