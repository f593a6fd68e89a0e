"""Trace Event Format (JSON) of a replay, as ui.perfetto.dev, chrome://tracing and speedscope open it.

Processes and threads by name, counter tracks "VMAs", "faults" and "RSS" a process, instants for signals; with
recorded times also a slice a call. Slices last as long as the log says; where it does not they have the duration 0,
and `otherData` says so. Without times the clock is the number of the event (one event a microsecond), which
`otherData` says too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..abi.calls import KIND_NAMES
from ..abi.errnos import errno_name
from ..abi.kinds import EVF_MADE, K_MARK
from ..abi.outcomes import NAMES, OUT_NONE
from ..printable import printable
from ..result.result import Result
from ..trace.events import Trace
from ..trace.wording import event_text, place
from .facts.memory import not_recorded
from .facts.processes import process_facts

if TYPE_CHECKING:
    from .documents.foreign import Replay, TraceEvent, TraceEvents
    from .documents.run import Run


Lengths = tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]] | None


def perfetto_json(facts: Sequence[Run], results: Sequence[Result]) -> str:
    """One document for all `results`. Several replays share no pid: each after the first is numbered anew."""
    rows: list[TraceEvent] = []
    about: list[Replay] = []
    taken = 0
    for result in results:
        clock, known = _clock(result.trace)
        lengths = _durations(result.trace)
        about.append(
            {
                "trace": printable(result.trace.name),
                "machine": result.machine.name,
                "clock": "recorded time, from the first event"
                if known is not None
                else "number of the event",
                "durations": _durations_told(result, known, lengths),
            }
        )
        shift = taken if len(results) > 1 else 0
        rows += _rows(result, clock, known, lengths, shift, named=len(results) > 1)
        taken = max([taken, *(int(row["pid"]) for row in rows)])
    document: TraceEvents = {
        "traceEvents": rows,
        "displayTimeUnit": "ns",
        "otherData": {"replays": about},
    }
    return json.dumps(document, ensure_ascii=True, separators=(",", ":"), allow_nan=False) + "\n"


def _clock(trace: Trace) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_] | None]:
    """Microseconds of every event, and which were recorded (None: none was, events are numbered instead).

    An event without a time of its own stands where the latest one before it stands.
    """
    numbers = np.arange(len(trace), dtype=np.float64)
    if "time" not in trace.columns:
        return numbers, None
    times = np.asarray(trace.columns["time"]).astype(np.int64)
    known = times != 0
    if not known.any():
        return numbers, None
    rows = np.maximum.accumulate(np.where(known, np.arange(len(times)), int(np.flatnonzero(known)[0])))
    first = int(times[known].min())
    if "other_end" in trace.columns:  # of calls whose time is that of their end
        other = np.asarray(trace.columns["other_end"])
        first = min(first, int(other[other > 0].min(initial=first)))
    return (times[rows] - first) / 1000.0, known


def _rows(
    result: Result,
    clock: npt.NDArray[np.float64],
    known: npt.NDArray[np.bool_] | None,
    lengths: Lengths,
    shift: int,
    named: bool,
) -> Iterator[TraceEvent]:
    trace = result.trace
    tasks = np.asarray(trace.columns["task"])
    pids = (np.asarray(trace.tasks["pid"]).astype(np.int64) + shift).tolist()
    tids = (np.asarray(trace.tasks["tid"]).astype(np.int64) + shift).tolist()
    used = sorted(set(np.unique(tasks).tolist()))
    yield from _names(result, used, pids, tids, shift, named)
    yield from _counters(result, clock, tasks, pids)
    kinds = np.asarray(trace.columns["kind"])
    outcomes = np.asarray(result.columns["outcome"])
    signals = np.array([name.startswith("SIG") for name in NAMES])
    for event in np.flatnonzero(signals[outcomes]).tolist():
        task = int(tasks[event])
        yield {
            "ph": "i",
            "name": NAMES[int(outcomes[event])],
            "cat": "signal",
            "ts": float(clock[event]),
            "pid": pids[task],
            "tid": tids[task],
            "s": "t",
            "args": _where(trace, event),
        }
    if known is None:
        return
    returned = np.asarray(result.columns["ret"])
    events = _calls(result, known)
    begins, lasted = _spans(events, clock, tasks, lengths)
    for event, begin, length in zip(events.tolist(), begins.tolist(), lasted.tolist(), strict=True):
        task, value = int(tasks[event]), int(returned[event])
        args = _where(trace, event)
        if length < 0 and lengths is not None:
            args["duration"] = "not recorded"
        args["result"] = errno_name(-value) if -4096 < value < 0 else hex(value) if value > 1 << 20 else value
        yield {
            "ph": "X",
            "name": KIND_NAMES.get(int(kinds[event]), str(int(kinds[event]))),
            "cat": "call",
            "ts": begin,
            "dur": max(length, 0.0),
            "pid": pids[task],
            "tid": tids[task],
            "args": args,
        }


def _calls(result: Result, known: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Events that are calls of the log with a time of their own."""
    columns = result.trace.columns
    made = (np.asarray(columns["flags"]) & EVF_MADE) != 0
    told = known & ~made & (np.asarray(result.columns["outcome"]) == OUT_NONE)
    return np.flatnonzero(told & (np.asarray(columns["kind"]) != K_MARK))


def _durations(trace: Trace) -> Lengths:
    """Microseconds from the beginning of each call to its end, and whether its time is that of its end.

    -1: not recorded. None if the trace has none at all.
    """
    if "other_end" not in trace.columns:
        return None
    other = np.asarray(trace.columns["other_end"]).astype(np.int64)
    times = np.asarray(trace.columns["time"]).astype(np.int64)
    return np.where(other != 0, np.abs(times - other) / 1000.0, -1.0), (other != 0) & (other < times)


def _durations_told(result: Result, known: npt.NDArray[np.bool_] | None, lengths: Lengths) -> str:
    if known is None or lengths is None:
        return "not recorded"
    calls = _calls(result, known)
    told = int((lengths[0][calls] >= 0).sum())
    return "recorded" if told == len(calls) else f"recorded of {told} of {len(calls)} calls"


def _spans(
    events: npt.NDArray[np.intp],
    clock: npt.NDArray[np.float64],
    tasks: npt.NDArray[Any],
    lengths: Lengths,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """When the calls of `events` began, and how long they lasted (-1: not recorded).

    A call ends at the latest where its thread's next one begins: recorders measure both beside each other, and viewers
    drop slices that overlap.
    """
    begins = clock[events]
    if lengths is None:
        return begins, np.full(len(events), -1.0)
    lasted, ended = lengths[0][events], lengths[1][events]
    begins = np.where(ended, begins - lasted, begins)
    order = np.lexsort((begins, tasks[events]))
    after, before = order[1:], order[:-1]
    same = (tasks[events[after]] == tasks[events[before]]) & (lasted[before] >= 0)
    room = begins[after] - begins[before]
    lasted[before[same]] = np.minimum(lasted[before[same]], room[same])
    return begins, lasted


def _names(
    result: Result, used: Sequence[int], pids: Sequence[int], tids: Sequence[int], shift: int, named: bool
) -> Iterator[TraceEvent]:
    trace = result.trace
    words = {p["pid"] + shift: p["name"] for p in reversed(process_facts(result))}
    seen: set[int] = set()
    for task in used:
        own = trace.strings[int(trace.tasks[task]["name"])]
        if pids[task] not in seen:
            seen.add(pids[task])
            name = printable(words.get(pids[task]) or own or f"process {pids[task] - shift}")
            if named:
                name += f" (pid {pids[task] - shift}, {printable(trace.name)} on {result.machine.name})"
            yield _meta("process_name", pids[task], pids[task], name)
        name = printable(own) or f"thread {tids[task] - shift}"
        yield _meta("thread_name", pids[task], tids[task], name)


def _meta(what: str, pid: int, tid: int, name: str) -> TraceEvent:
    return {"ph": "M", "name": what, "ts": 0.0, "pid": pid, "tid": tid, "args": {"name": name}}


def _counters(
    result: Result, clock: npt.NDArray[np.float64], tasks: npt.NDArray[Any], pids: Sequence[int]
) -> Iterator[TraceEvent]:
    """Tracks of each process, a row where one changes: VMAs; faults by kind and present memory where faults are known.

    VMAs are 0 behind its last event if that has no address space; events without one before that are those of threads
    that end while others live.
    """
    counts = np.asarray(result.columns["map_count"]).astype(np.int64)
    of_event = np.asarray(pids, dtype=np.int64)[tasks] if len(tasks) else np.zeros(0, dtype=np.int64)
    faults = "faults" not in not_recorded(result.trace)
    for pid in np.unique(of_event).tolist():
        every = np.flatnonzero(of_event == pid)
        keep = counts[every] >= 0
        keep[-1] = True
        events = every[keep]
        yield from _track("VMAs", pid, clock, events, {"VMAs": np.maximum(counts[events], 0)})
        if faults:
            sums = {
                name: np.asarray(result.columns[name]).astype(np.int64)[every].cumsum()
                for name in ("minor", "major")
            }
            yield from _track("faults", pid, clock, every, sums)
            if "rss" in result.columns:
                pages = np.where(counts >= 0, np.asarray(result.columns["rss"]), 0)[events]
                yield from _track("RSS", pid, clock, events, {"bytes": pages * int(result.machine.page_size)})


def _track(
    name: str,
    pid: int,
    clock: npt.NDArray[np.float64],
    events: npt.NDArray[Any],
    series: Mapping[str, npt.NDArray[np.int64]],
) -> Iterator[TraceEvent]:
    """Rows of a counter with one or more series, where any of them changes."""
    changed = np.zeros(len(events), dtype=bool)
    for values in series.values():
        changed |= np.r_[values[:1] > 0, values[1:] != values[:-1]]
    for row in np.flatnonzero(changed).tolist():
        yield {
            "ph": "C",
            "name": name,
            "cat": "memory",
            "ts": float(clock[events[row]]),
            "pid": pid,
            "tid": pid,
            "args": {word: int(values[row]) for word, values in series.items()},
        }


def _where(trace: Trace, event: int) -> dict[str, str | int]:
    at = place(trace, event)
    return {"text": printable(event_text(trace, event)), "event": event, "line": at["line"]}
