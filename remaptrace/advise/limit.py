"""When vm.max_map_count is met: in the trace, or, if growth is steady, where it would be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..abi.errnos import EAGAIN, ENOMEM
from ..abi.kinds import KIND_NAMES, SPLITTING
from ..result.result import Result
from .bill import memory_call_events

STEADY = 0.95
"""The share of the growth that a straight line must explain before it is drawn further."""


@dataclass(frozen=True)
class Limit:
    """`reached_event` is the first call refused at the limit, -1: none. `calls_left` is extrapolated
    from the growth per call, -1: no steady growth. `first_to_fail` names the call and its errno."""

    limit: int
    peak: int
    reached_event: int
    calls_left: int
    growth_per_call: float
    first_to_fail: str


def _refused_at_limit(
    result: Result, of_process: np.ndarray[tuple[int], np.dtype[np.bool_]], limit: int
) -> int:
    """The first memory call that the limit refuses: ENOMEM or EAGAIN with map_count at its bound."""
    ret, counts = result.columns["ret"], result.columns["map_count"]
    refused = ((ret == -ENOMEM) | (ret == -EAGAIN)) & (counts >= limit - 5) & of_process
    found = np.flatnonzero(refused & memory_call_events(result.trace))
    return int(found[0]) if len(found) else -1


def find_limit(result: Result, task: int) -> Limit:
    """Where the process of `task` (a row of Trace.tasks) meets the machine's limit."""
    trace = result.trace
    limit = int(result.machine.kernel.values["max_map_count"])
    pids = trace.tasks["pid"]
    of_process = np.asarray(pids[trace.columns["task"]] == pids[task])
    calls = np.flatnonzero(memory_call_events(trace) & of_process)
    counts = result.columns["map_count"][calls].astype(np.float64)
    peak = int(counts.max(initial=0))
    reached = _refused_at_limit(result, of_process, limit)
    growth, left = _growth(counts, limit)
    kinds = trace.columns["kind"]
    if reached >= 0:
        failing = f"{KIND_NAMES[int(kinds[reached])]} with {_errno(int(result.columns['ret'][reached]))}"
    else:
        failing = _will_fail(result, calls) if left >= 0 else ""
    return Limit(limit, peak, reached, left, growth, failing)


def _errno(ret: int) -> str:
    return "EAGAIN" if ret == -EAGAIN else "ENOMEM"


def _growth(counts: np.ndarray[tuple[int], np.dtype[np.float64]], limit: int) -> tuple[float, int]:
    """(areas per call, calls until the limit) of the rising part of the course, or (0, -1)."""
    if len(counts) < 50:
        return 0.0, -1
    rise = counts[: int(counts.argmax()) + 1]
    if len(rise) < len(counts) // 4 or len(rise) < 50:
        return 0.0, -1
    calls = np.arange(len(rise), dtype=np.float64)
    correlation = np.corrcoef(calls, rise)[0, 1] if rise.std() else 0.0
    if not np.isfinite(correlation) or correlation**2 < STEADY:
        return 0.0, -1
    slope = float(np.polyfit(calls, rise, 1)[0])
    if slope <= 0:
        return 0.0, -1
    return slope, max(0, int((limit - rise[-1]) / slope))


def _will_fail(result: Result, calls: np.ndarray[tuple[int], np.dtype[np.intp]]) -> str:
    """The call that raised the count most often: a split is refused one area before mmap is."""
    counts = result.columns["map_count"][calls].astype(np.int64)
    rising = calls[1:][np.diff(counts) > 0]
    if not len(rising):
        return ""
    kinds, often = np.unique(result.trace.columns["kind"][rising], return_counts=True)
    splitting = [int(k) for k in kinds[np.argsort(-often)] if int(k) in SPLITTING]
    kind = splitting[0] if splitting else int(kinds[often.argmax()])
    return f"{KIND_NAMES[kind]} with {'EAGAIN' if kind == 7 else 'ENOMEM'}"
