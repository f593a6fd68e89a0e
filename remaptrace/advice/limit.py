"""When vm.max_map_count is met: in the trace, or, if growth is steady, where it would be."""

from __future__ import annotations

import numpy as np

from ..abi.calls import KIND_NAMES
from ..abi.errnos import EAGAIN, ENOMEM
from ..abi.kinds import K_EXIT, SPLITTING
from ..lateclasses import dataclass
from ..result.areacolumns import columns_of
from ..result.result import Result
from ..trace.events import Trace
from .bill import Bill, memory_call_events
from .patterns import LIBRARIES, RELRO

STEADY = 0.95
"""The share of the growth that a straight line must explain before it is drawn further."""


_LEAST_RISE = 32
"""Areas by which the last half must grow before it is called growth."""


@dataclass(frozen=True)
class Limit:
    """`reached_event` is the first call refused at the limit, -1: none. `calls_left` is extrapolated
    from the growth per call, -1: no steady growth. `first_to_fail` names the call and its errno. `ended_event`: where
    the process ended by itself, -1: the log does not show it."""

    limit: int
    peak: int
    reached_event: int
    calls_left: int
    growth_per_call: float
    first_to_fail: str
    ended_event: int = -1


def _refused_at_limit(
    result: Result, of_process: np.ndarray[tuple[int], np.dtype[np.bool_]], limit: int
) -> int:
    """The first memory call that the limit refuses: ENOMEM or EAGAIN with map_count at its bound."""
    ret, counts = result.columns["ret"], result.columns["map_count"]
    refused = ((ret == -ENOMEM) | (ret == -EAGAIN)) & (counts >= limit - 5) & of_process
    found = np.flatnonzero(refused & memory_call_events(result.trace))
    return int(found[0]) if len(found) else -1


def find_limit(result: Result, task: int, bill: Bill) -> Limit:
    """Where the process of `task` (a row of Trace.tasks) meets the machine's limit."""
    trace = result.trace
    limit = int(result.machine.kernel.values["max_map_count"])
    pids = trace.tasks["pid"]
    of_process = np.asarray(pids[trace.columns["task"]] == pids[task])
    calls = np.flatnonzero(memory_call_events(trace) & of_process)
    counts = result.columns["map_count"][calls].astype(np.float64)
    peak = int(counts.max(initial=0))
    reached = _refused_at_limit(result, of_process, limit)
    growth, left = (0.0, -1) if reached >= 0 else _growth(counts, limit, _loaded(bill, calls))
    kinds = trace.columns["kind"]
    if reached >= 0:
        failing = f"{KIND_NAMES[int(kinds[reached])]} with {_errno(int(result.columns['ret'][reached]))}"
    else:
        failing = _will_fail(result, calls) if left >= 0 else ""
    return Limit(limit, peak, reached, left, growth, failing, _ended(trace, task, of_process))


def _ended(trace: Trace, task: int, of_process: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """The event with which the process of `task` ended: an exit of the group, or of its last thread; -1: none."""
    columns, pids = trace.columns, trace.tasks["pid"]
    exits = np.flatnonzero(of_process & (columns["kind"] == K_EXIT))
    whole = exits[np.asarray(columns["a1"][exits]) != 0]
    if len(whole):
        return int(whole[0])
    threads = np.flatnonzero(pids == pids[task])
    gone = len(exits) > 0 and np.isin(threads, columns["task"][exits]).all()
    return int(exits[-1]) if gone and not of_process[exits[-1] + 1 :].any() else -1


def _errno(ret: int) -> str:
    return "EAGAIN" if ret == -EAGAIN else "ENOMEM"


def _growth(
    counts: np.ndarray[tuple[int], np.dtype[np.float64]], limit: int, loaded: float
) -> tuple[float, int]:
    """(areas per call, calls until the limit) if the last half of the calls grows steadily, or (0, -1).

    Start-up is no trend: only the last half counts, it must rise in each of its quarters and not fall again;
    `loaded` is the share of what it made that are programs and libraries, which come to an end.
    """
    counts = counts[counts >= 0]
    if len(counts) < 50:
        return 0.0, -1
    tail = counts[len(counts) // 2 :]
    rise = float(tail[-1] - tail[0])
    if loaded >= 0.5 or rise < max(_LEAST_RISE, 0.05 * float(counts.max())):
        return 0.0, -1
    marks = tail[np.linspace(0, len(tail) - 1, 5).astype(int)]
    if np.diff(marks).min() < rise / 16 or counts.max() - tail[-1] > rise / 10:
        return 0.0, -1
    calls = np.arange(len(tail), dtype=np.float64)
    correlation = np.corrcoef(calls, tail)[0, 1] if tail.std() else 0.0
    if not np.isfinite(correlation) or correlation**2 < STEADY:
        return 0.0, -1
    slope = float(np.polyfit(calls, tail, 1)[0]) * (1 - loaded)
    return (slope, max(0, int((limit - tail[-1]) / slope))) if slope > 0 else (0.0, -1)


def _loaded(bill: Bill, calls: np.ndarray[tuple[int], np.dtype[np.intp]]) -> float:
    """The share of programs and libraries among the areas that the last half of the calls made."""
    if not len(calls):
        return 0.0
    since = int(calls[len(calls) // 2])
    late = columns_of(bill.vmas).born >= since
    loaded = bill.patterns.where(lambda word: word in (LIBRARIES, RELRO))[late]
    return float(loaded.mean()) if late.any() else 0.0


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
