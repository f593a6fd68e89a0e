"""A guest seen from both sides: the host calls that its trace gives against those that were recorded on the host.

Compared are number, kind and order of the calls of each host process, with their addresses and protections. Which
frame of guest memory a page gets cannot be derived; so calls of mmap, which join where frames follow one another, are
compared page by page, and of the frames only whether a page keeps the one that it had.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

import numpy as np

from ..abi.calls import KIND_NAMES
from ..abi.kinds import K_MMAP, K_MPROTECT, K_MUNMAP
from ..abi.mman import MAP_FIXED, MAP_SHARED
from ..lateclasses import dataclass
from ..machine.arch import PROTS
from ..machine.archwords import A_TASK_SIZE
from ..result.agreement import FIRST, CheckOutcome, Disagreement, Tally
from ..trace.events import Trace
from .hosttrace import PAGE
from .run import UmlRun

_CALLS = (K_MMAP, K_MUNMAP, K_MPROTECT)

Key = tuple[int, int, int, int]
"""Kind, start, bytes and protection (0 for munmap) of a call."""


@dataclass(frozen=True)
class Call:
    """One call of a host process, or one page of an mmap: `key`, the frame's offset in guest memory, its event."""

    key: Key
    offset: int
    event: int

    def text(self) -> str:
        """As a person reads it."""
        kind, start, length, prot = self.key
        rights = f", {PROTS[prot & 7]}" if kind != K_MUNMAP else ""
        return f"{KIND_NAMES[kind]}({start:#x}, {length:#x}{rights})"


@dataclass(frozen=True)
class Difference:
    """Calls that only one side has at one place: of the derived ones, and of the recorded ones."""

    process: int  # tid of the guest's process
    derived: tuple[Call, ...]
    recorded: tuple[Call, ...]


@dataclass(frozen=True)
class Sides:
    """How far both sides agree.

    `calls`: of all calls of both sides those that are equal; `frames`: of equal ones, pages that both keep or both
    replace; `unpaired`: guest processes for which the recording has none.
    """

    calls: Tally
    frames: Tally
    differences: tuple[Difference, ...]
    unpaired: tuple[int, ...]


def host_calls(trace: Trace, task_size: int) -> dict[int, list[Call]]:
    """The calls below `task_size` that change a guest's address space, by task row; mmap page by page."""
    c = trace.columns
    out: dict[int, list[Call]] = {}
    for e in np.flatnonzero(np.isin(c["kind"], _CALLS)).tolist():
        kind, start, length = int(c["kind"][e]), int(c["a0"][e]), int(c["a1"][e])
        if not 0 <= start < task_size:
            continue
        if kind == K_MMAP and int(c["a3"][e]) != MAP_SHARED | MAP_FIXED:
            continue
        prot = 0 if kind == K_MUNMAP else int(c["a2"][e])
        mine = out.setdefault(int(c["task"][e]), [])
        if kind != K_MMAP:
            mine.append(Call((kind, start, length, prot), 0, e))
            continue
        offset = int(c["a5"][e])
        for at in range(0, length, PAGE):
            mine.append(Call((kind, start + at, PAGE, prot), offset + at, e))
    return out


def compare_sides(run: UmlRun, recorded: Trace) -> Sides:
    """The derived calls of `run` against those of `recorded`, a log of the host."""
    task_size = run.guest.machine.arch.words[A_TASK_SIZE]
    derived = host_calls(run.host.trace, task_size)
    logged = host_calls(recorded, task_size)
    tids = run.host.trace.tasks["tid"]
    agree = total = kept = frames = 0
    differences: list[Difference] = []
    unpaired: list[int] = []
    for row, mine in derived.items():
        other = _partner(mine, logged)
        if other is None:
            unpaired.append(int(tids[row]))
            total += len(mine)
            differences.append(Difference(int(tids[row]), tuple(mine), ()))
            continue
        theirs = logged.pop(other)
        pairs = list(_aligned(mine, theirs))
        agree += sum(a is not None and b is not None for a, b in pairs)
        total += len(pairs)
        same = _keeps([(a, b) for a, b in pairs if a is not None and b is not None])
        kept, frames = kept + same[0], frames + same[1]
        differences += _differences(int(tids[row]), pairs)
    return Sides(Tally(agree, total), Tally(kept, frames), tuple(differences), tuple(unpaired))


def _partner(mine: list[Call], logged: dict[int, list[Call]]) -> int | None:
    """The recorded process that has most calls in common; None if none has any page in common."""
    keys = {call.key for call in mine}
    best, most = None, 0
    for row, theirs in logged.items():
        common = len(keys & {call.key for call in theirs if call.key[0] == K_MMAP})
        if common > most:
            best, most = row, common
    return best


def _aligned(mine: list[Call], theirs: list[Call]) -> Iterator[tuple[Call | None, Call | None]]:
    """Both lists side by side: equal calls together, others with nobody."""
    head = 0
    while head < min(len(mine), len(theirs)) and mine[head].key == theirs[head].key:
        yield mine[head], theirs[head]
        head += 1
    mine, theirs = mine[head:], theirs[head:]
    if not mine and not theirs:
        return
    matcher = SequenceMatcher(None, [c.key for c in mine], [c.key for c in theirs], autojunk=False)
    for word, a, b, x, y in matcher.get_opcodes():
        if word == "equal":
            yield from zip(mine[a:b], theirs[x:y], strict=True)
        else:
            yield from ((call, None) for call in mine[a:b])
            yield from ((None, call) for call in theirs[x:y])


def _keeps(pairs: list[tuple[Call, Call]]) -> tuple[int, int]:
    """Of mapped pages that were mapped before: those that keep or change their frame on both sides, and all."""
    before: dict[int, tuple[int, int]] = {}
    agree = total = 0
    for a, b in pairs:
        kind, start = a.key[:2]
        if kind != K_MMAP:
            continue
        if start in before:
            total += 1
            agree += (before[start][0] == a.offset) == (before[start][1] == b.offset)
        before[start] = (a.offset, b.offset)
    return agree, total


def _differences(tid: int, pairs: list[tuple[Call | None, Call | None]]) -> list[Difference]:
    out: list[Difference] = []
    derived: list[Call] = []
    recorded: list[Call] = []
    for a, b in [*pairs, (None, None)]:
        if (a is None) != (b is None):
            if a is not None:
                derived.append(a)
            if b is not None:
                recorded.append(b)
        elif derived or recorded:
            out.append(Difference(tid, tuple(derived), tuple(recorded)))
            derived, recorded = [], []
    return out


def check_sides(run: UmlRun, recorded: Trace, name: str, path: str, seconds: float = 0.0) -> CheckOutcome:
    """The comparison as `check` tells it: tallies ``host_calls`` and ``host_frames``."""
    sides = compare_sides(run, recorded)
    columns, guest = run.host.trace.columns, run.guest.trace
    found = []
    for difference in sides.differences[:FIRST]:
        event = int(run.origin[difference.derived[0].event]) if difference.derived else -1
        found.append(
            Disagreement(
                "host_calls",
                event,
                difference.process,
                path,
                int(columns["line"][difference.derived[0].event]) if difference.derived else 0,
                "what the guest asks of its host",
                _some(difference.recorded),
                _some(difference.derived),
            )
        )
    notes = [f"guest {tid}: the host's log has no such process" for tid in sides.unpaired]
    return CheckOutcome(
        name,
        path,
        "program",
        {"host_calls": sides.calls, "host_frames": sides.frames},
        tuple(found),
        notes=tuple(notes),
        seconds=seconds,
        arch=run.guest.machine.arch.name,
        kernel=guest.kernel or run.guest.machine.kernel.name,
    )


def _some(calls: tuple[Call, ...]) -> str:
    if not calls:
        return "no call"
    more = f" and {len(calls) - 1:,} more" if len(calls) > 1 else ""
    return calls[0].text() + more
