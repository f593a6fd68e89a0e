"""Who made the areas: the bill by call stack, where the recording has stacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from ..abi.kinds import ACCESSES, K_EXEC, K_INIT_MM, K_INIT_VMA
from ..errorcodes import RT_USAGE
from ..errors import UsageError
from ..lateclasses import dataclass
from ..result.result import Result, VmaRow
from ..trace.events import Trace, has_accesses
from .mappers import mappers

_INITIAL = frozenset((K_EXEC, K_INIT_MM, K_INIT_VMA))
BEFORE = "(before the log, or by execve)"
UNTOLD = "(no stack recorded)"


@dataclass(frozen=True)
class Weighed:
    """A stack, innermost frame first, and what it counts for."""

    frames: tuple[str, ...]
    weight: int


def stack_of(trace: Trace, event: int) -> tuple[str, ...]:
    """The frames of an event's stack, innermost first; one word where there is none."""
    if event < 0 or event >= len(trace):
        return (BEFORE,)
    number = int(trace.columns["stack"][event]) if "stack" in trace.columns else 0
    if not number:
        kind = int(trace.columns["kind"][event])
        return (BEFORE,) if kind in _INITIAL else (UNTOLD,)
    return tuple(trace.frames[frame] for frame in trace.stacks[number])


def of_areas(result: Result, task: int, event: int, vmas: Sequence[VmaRow]) -> list[Weighed]:
    """The areas of `task` behind `event` by the stack of who mapped their memory; adds up to their number."""
    return _counted((stack_of(result.trace, made), 1) for made in mappers(result, task, event, vmas))


def of_unit(result: Result, unit: str) -> list[Weighed]:
    """What a whole run did, by stack: areas "made", "kept", "faults" or "refused" calls.

    Raises UsageError if the recorder did not see what is counted.
    """
    trace, columns = result.trace, result.columns
    kinds = trace.columns["kind"]
    if unit == "made":
        return _counted((stack_of(trace, event), more) for event, more in _growth(result))
    if unit == "kept":
        return _counted(
            (stack_of(trace, made), 1)
            for shot in result.snapshots
            for made in mappers(
                result, shot.task, shot.event if shot.event >= 0 else len(trace) - 1, shot.vmas
            )
        )
    if unit == "faults":
        if trace.recorded and not has_accesses(trace):
            raise UsageError(RT_USAGE, "page faults were not recorded", expected="another --unit")
        count = columns["minor"].astype(np.int64) + columns["major"]
        at = np.flatnonzero(np.isin(kinds, ACCESSES) & (count > 0))
        return _counted((stack_of(trace, event), int(count[event])) for event in at.tolist())
    ret = columns["ret"].astype(np.int64)
    at = np.flatnonzero((ret < 0) & (ret >= -4095) & ~np.isin(kinds, ACCESSES))
    return _counted((stack_of(trace, event), 1) for event in at.tolist())


def _growth(result: Result) -> Iterable[tuple[int, int]]:
    """Events that left their process more areas than the event before it did, and how many."""
    pids = result.trace.tasks["pid"][result.trace.columns["task"]].tolist()
    counts = result.columns["map_count"].tolist()
    last: dict[int, int] = {}
    for event, (pid, count) in enumerate(zip(pids, counts, strict=True)):
        if count < 0:
            last.pop(pid, None)
            continue
        before = last.get(pid)
        if before is not None and count > before:
            yield event, count - before
        last[pid] = count


def _counted(pairs: Iterable[tuple[tuple[str, ...], int]]) -> list[Weighed]:
    counter: Counter[tuple[str, ...]] = Counter()
    for frames, weight in pairs:
        counter[frames] += weight
    return [Weighed(frames, weight) for frames, weight in counter.most_common()]


def by_caller(stacks: Sequence[Weighed], depth: int) -> list[Weighed]:
    """The stacks cut to their `depth` innermost frames, the largest first; 0: whole."""
    return _counted((s.frames[:depth] if depth else s.frames, s.weight) for s in stacks)
