"""What a page draws of one replay: counts over time, faults, the lives of areas. All ready for JSON.

Events are put together in at most PARTS parts; of each the lowest and the highest count is kept: no peak is lost.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...abi.calls import KIND_NAMES
from ...abi.errnos import errno_name
from ...abi.kinds import K_MARK
from ...abi.outcomes import NAMES, OUT_NONE
from ...engine.why import WHY_TEXT
from ...result.areakinds import KINDS
from ...result.changes import NEVER, Changes
from ...result.result import Result
from ...trace.events import Trace
from ...trace.wording import event_text, place, result_text, returns_address
from ..facts.memory import not_recorded
from ..facts.processes import process_facts, process_rows
from .columns import Column, column, steps, varints
from .lives import Looks, Space, packed, space_of, stops_for, thinned

if TYPE_CHECKING:
    from ..documents.page import CountsOfProcess, ResidentOfProcess, Side
    from ..documents.run import ProcessFacts

PARTS = 700
_PROCESSES = 12
_REFUSALS = 200
_LISTED = 2_000
"""Entries of a list that the table of every number has."""
_AREAS = 10
"""Areas with what is resident in each that it has: nine numbers an area are half a page."""
_ALL_WORDS = 1_500
"""Events up to which every one is told in words; of longer traces some."""
_SOME_WORDS = 160
_EVERY_CALL = 60_000
"""Bytes, compressed, up to which a page has call and line of every event."""
_DEEPEST = 6
"""Frames of a caller that a page names."""

Ints = npt.NDArray[np.int64]


def parts_of(events: int) -> Ints:
    """First events of the parts."""
    return np.unique(np.linspace(0, events, min(PARTS, max(events, 1)), endpoint=False).astype(np.int64))


def side(
    result: Result,
    name: str,
    *,
    differing: Sequence[Sequence[int | str]] = (),
    differing_at: int = -1,
    moments: Ints | None = None,
    wrong: Sequence[tuple[int, str]] = (),
) -> Side:
    """Everything that a page draws of one replay, which was asked for its changes.

    `differing` are ranges whose effective protection is not that of the other machine behind event `differing_at`;
    `moments` says for each event of this replay which event of the first side brought it about (hosts of guests);
    `wrong` are events whose answer is another one than that recorded or expected, in words.
    """
    trace = result.trace
    first = parts_of(len(trace))
    refused_at = _refused_at(result)
    every = process_facts(result)
    processes = every[:_PROCESSES]
    found: Side = {
        "name": name,
        "events": len(trace),
        "shift": int(result.machine.page_size).bit_length() - 1,
        "kinds": list(KINDS),
        "parts": steps(first),
        "processes": _counts(result, first, processes),
        "all_processes": len(every),
        "resident": _resident(result, first, processes),
        "faults": _faults(result, first),
        "refused": [_refusal(result, event) for event in refused_at],
        "touches_known": not not_recorded(trace),
        "one_moment": trace.format == "maps",
        "has_faults": bool((np.asarray(result.columns["outcome"]) != OUT_NONE).any()),
        "differing": [list(one) for one in differing],
        "differing_at": differing_at,
        "wrong": [[event if event >= 0 else len(trace) - 1, words] for event, words in wrong],
        "moments": None if moments is None else steps(moments),
    }
    if result.changes is not None:
        must = [*(p["peak_at"]["event"] for p in processes), *refused_at[:20]]
        must += [event for event, _ in wrong if event >= 0]
        if differing_at >= 0:
            must.append(differing_at)
        _add_areas(found, result, result.changes, {p["pid"] for p in processes}, must)
    return found


def _add_areas(found: Side, result: Result, log: Changes, pids: set[int], must: Sequence[int]) -> None:
    """Add the lives of all areas, which process has which address space when, and the calls that made them."""
    trace = result.trace
    owners = _owners(trace, log, pids)
    wanted = sorted({space for rows in owners.values() for _, space in rows if space})
    looks = Looks(log)
    spaces = [space_of(log, space, looks) for space in wanted]
    stops = stops_for(spaces, log, must)
    if stops is not None:
        spaces = [thinned(space, stops) for space in spaces]
    number = {space: i for i, space in enumerate(wanted)}
    found["spaces"] = [packed(space, log) for space in spaces]
    found["looks"] = looks.rows
    found["names"] = list(looks.names)
    found["words"] = list(looks.words)
    found["owners"] = [
        [pid, [[event, number.get(space, -1)] for event, space in rows]] for pid, rows in owners.items()
    ]
    found["stops"] = None if stops is None else steps(stops)
    _add_calls(found, result, log, spaces, must, stops)


def _owners(trace: Trace, log: Changes, pids: set[int]) -> dict[int, list[tuple[int, int]]]:
    """For each process from which event on it has which address space; 0: none."""
    found: dict[int, list[tuple[int, int]]] = {}
    living: dict[int, dict[int, int]] = {}
    pid_of = trace.tasks["pid"]
    for event, task, space in log.tasks.tolist():
        pid = int(pid_of[task])
        if pid not in pids:
            continue
        tasks = living.setdefault(pid, {})
        tasks[task] = space
        now = space or next((s for s in tasks.values() if s and log.gone.get(s, NEVER) > event), 0)
        rows = found.setdefault(pid, [])
        if not rows or rows[-1][1] != now:
            rows.append((event, now))
    return found


def _add_calls(
    found: Side,
    result: Result,
    log: Changes,
    spaces: Sequence[Space],
    must: Sequence[int],
    stops: Ints | None,
) -> None:
    """Add of every event its call, its line, who called; of some the whole call in words.

    Where that would be too much, only of the events that changed areas, and of those that are shown.
    """
    trace, total = result.trace, len(result.trace)
    own = [np.zeros(0, np.int64)]
    for space in spaces:
        own += [space.first, space.until[space.until != NEVER], log.born[space.row]]
    changing = np.unique(np.concatenate([*own, *([] if stops is None else [stops])]))
    changing = changing[(changing >= 0) & (changing < total)]
    _tell_calls(found, trace, np.arange(total))
    if len(zlib.compress(varints(found["call"].values) + varints(found["line"].values))) > _EVERY_CALL:
        _tell_calls(found, trace, changing)
    if total <= _ALL_WORDS:
        told = np.arange(total)
    else:
        some = np.linspace(0, len(changing) - 1, _SOME_WORDS if len(changing) else 0).astype(np.int64)
        told = np.unique(np.concatenate([changing[some], np.array(list(must), dtype=np.int64)]))
    found["told"] = {str(e): _words(result, int(e)) for e in told.tolist() if 0 <= e < total}


def _tell_calls(found: Side, trace: Trace, events: Ints) -> None:
    """Put in the columns of `events`; "calls" is None if they are all."""
    kinds = np.asarray(trace.columns["kind"]).astype(np.int64)[events]
    known, kind = np.unique(kinds, return_inverse=True)
    lines = (
        np.asarray(trace.columns["line"]).astype(np.int64)[events] if "line" in trace.columns else events * 0
    )
    found["calls"] = None if len(events) == len(trace) else steps(events)
    found["call"] = column(kind)
    found["call_names"] = [KIND_NAMES.get(int(k), f"kind {k}") for k in known]
    found["line"] = steps(lines)
    if "stack" in trace.columns:
        numbers, stack = np.unique(np.asarray(trace.columns["stack"])[events], return_inverse=True)
        found["stack"] = column(stack)
        found["callers"] = [_caller(trace, int(number)) for number in numbers]


def _caller(trace: Trace, number: int) -> str:
    frames = [trace.frames[frame] for frame in trace.stacks[number]]
    return " < ".join(frames[:_DEEPEST]) + (" < ..." if len(frames) > _DEEPEST else "")


def _words(result: Result, event: int) -> str:
    """The event with its answer."""
    kind = int(result.trace.columns["kind"][event])
    text = event_text(result.trace, event)
    outcome, ret = int(result.columns["outcome"][event]), int(result.columns["ret"][event])
    if outcome != OUT_NONE:
        return f"{text}: {NAMES[outcome]}"
    if kind == K_MARK or (ret == 0 and not returns_address(kind)):
        return text
    return f"{text} = {result_text(ret, kind)}"


def _counts(result: Result, first: Ints, processes: Sequence[ProcessFacts]) -> list[CountsOfProcess]:
    """Lowest and highest VMA count of each part (-1: none), of the processes with the highest peaks."""
    counts = np.asarray(result.columns["map_count"]).astype(np.int64)
    found: list[CountsOfProcess] = []
    for facts, mine in zip(processes, _of_processes(result, processes), strict=True):
        low, high = _extremes(counts, mine, first)
        found.append(
            {
                "pid": facts["pid"],
                "name": facts["name"],
                "peak": facts["peak"],
                "peak_event": facts["peak_at"]["event"],
                "low": low,
                "high": high,
            }
        )
    return found


def _of_processes(result: Result, processes: Sequence[ProcessFacts]) -> list[npt.NDArray[np.bool_]]:
    """For each process which events are its own and leave it an address space."""
    trace = result.trace
    alive = np.asarray(result.columns["map_count"]) >= 0
    of_event = process_rows(trace)[np.asarray(trace.columns["task"])]
    return [(of_event == of_event[facts["peak_at"]["event"]]) & alive for facts in processes]


def _extremes(values: Ints, mine: npt.NDArray[np.bool_], first: Ints) -> tuple[Column, Column]:
    """Lowest and highest of `values` in each part among the events of `mine`; -1 where a part has none."""
    high = np.maximum.reduceat(np.where(mine, values, -1), first)
    low = np.minimum.reduceat(np.where(mine, values, NEVER), first)
    return steps(np.where(high >= 0, low, -1)), steps(high)


def _resident(
    result: Result, first: Ints, processes: Sequence[ProcessFacts]
) -> list[ResidentOfProcess] | None:
    """Fewest and most present pages of each part, of the same processes; None: what was touched is not known."""
    if not_recorded(result.trace) or "rss" not in result.columns:
        return None
    pages = np.asarray(result.columns["rss"]).astype(np.int64)
    found: list[ResidentOfProcess] = []
    for facts, mine in zip(processes, _of_processes(result, processes), strict=True):
        most = int(np.where(mine, pages, -1).argmax())
        low, high = _extremes(pages, mine, first)
        found.append(
            {
                "pid": facts["pid"],
                "name": facts["name"],
                "peak": int(pages[most]),
                "peak_event": most,
                "low": low,
                "high": high,
            }
        )
    return found


def _faults(result: Result, first: Ints) -> dict[str, Column]:
    """Accesses of each part by outcome; without those that nothing of the kind happened to."""
    outcomes = np.asarray(result.columns["outcome"]).astype(np.int64)
    found: dict[str, Column] = {}
    for number, name in enumerate(NAMES):
        if number != OUT_NONE and (outcomes == number).any():
            found[name] = column(np.add.reduceat((outcomes == number).astype(np.int64), first))
    return found


def _refused_at(result: Result) -> list[int]:
    """The first events that are calls which ended in an error."""
    ret = np.asarray(result.columns["ret"]).astype(np.int64)
    kinds = np.asarray(result.trace.columns["kind"])
    calls = (np.asarray(result.columns["outcome"]) == OUT_NONE) & (kinds != K_MARK)
    found: list[int] = np.flatnonzero(calls & (ret < 0) & (ret > -4096))[:_REFUSALS].tolist()
    return found


def _refusal(result: Result, event: int) -> list[int | str]:
    """Event, line, words, errno, and the rule that spoke, if one did."""
    return [
        event,
        place(result.trace, event)["line"],
        event_text(result.trace, event),
        errno_name(-int(result.columns["ret"][event])),
        WHY_TEXT[int(result.columns["why"][event])],
    ]


def carried(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a report as a page carries them, which shows each number under its path in the JSON.

    Without the courses, which it draws; of long lists the beginning, with "N more" behind it. Whole numbers that a
    browser does not know exactly become words.
    """
    return {key: _carried(value, key) for key, value in facts.items() if key != "course"}


def _carried(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return carried(value)
    if isinstance(value, (list, tuple)):
        most = _AREAS if key == "resident" else _LISTED
        more = [f"{len(value) - most} more, which the JSON has"] if len(value) > most else []
        return [*map(_carried, value[:most]), *more]
    if isinstance(value, int) and abs(value) > 1 << 53:
        return str(value)
    return value
