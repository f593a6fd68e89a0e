"""What a page draws of one replay: counts over time, faults, address spaces at many moments. All ready for JSON.

Events are put together in at most PARTS parts; of each the lowest and the highest count is kept: no peak is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...abi.calls import KIND_NAMES
from ...abi.kinds import K_MARK
from ...abi.outcomes import NAMES, OUT_NONE
from ...engine.look.frames import Frames
from ...result.result import Result, VmaRow
from ...trace.events import Trace
from ...trace.wording import event_text, place
from ..facts.run import process_facts, process_rows

PARTS = 700
_PROCESSES = 12
_REFUSALS = 200

KINDS = ("program or library", "other file", "shared", "heap", "stack", "anonymous", "no access", "special")


def kind_of(vma: VmaRow) -> int:
    """Which of KINDS an area is; no access comes before what it is made of."""
    if vma.perms.startswith("---"):
        return 6
    if vma.name in ("[heap]", "[stack]"):
        return 3 if vma.name == "[heap]" else 4
    if vma.name.startswith("[") and not vma.name.startswith("[anon"):
        return 7
    if vma.perms.endswith("s"):
        return 2
    if vma.file:
        return (
            0
            if ".so" in vma.file or "x" in vma.perms or vma.file.startswith(("/usr/", "/lib", "/bin"))
            else 1
        )
    return 5


def parts_of(events: int) -> npt.NDArray[np.int64]:
    """First events of the parts."""
    return np.unique(np.linspace(0, events, min(PARTS, max(events, 1)), endpoint=False).astype(np.int64))


def side(result: Result, taken: Frames, name: str) -> dict[str, Any]:
    """Everything that a page draws of one replay."""
    trace = result.trace
    first = parts_of(len(trace))
    shift = int(result.machine.page_size).bit_length() - 1
    names: dict[str, int] = {}
    words: dict[str, int] = {}
    areas = {
        "start": _steps([vma.start >> shift for vma in taken.areas]),
        "pages": [(vma.end - vma.start) >> shift for vma in taken.areas],
        "perms": [words.setdefault(vma.perms, len(words)) for vma in taken.areas],
        "kind": [kind_of(vma) for vma in taken.areas],
        "name": [names.setdefault(vma.name or vma.file or "", len(names)) for vma in taken.areas],
        "flags": [words.setdefault(vma.vmflags, len(words)) for vma in taken.areas],
        "born": _steps([vma.born for vma in taken.areas]),
        "made": [words.setdefault(_made(trace, vma.born), len(words)) for vma in taken.areas],
        "line": _steps([_line(trace, vma.born) for vma in taken.areas]),
    }
    frames = [
        [
            f.event,
            f.pid,
            f.count,
            event_text(trace, f.event),
            _where(trace, f.event),
            list(f.added),
            list(f.removed),
        ]
        for f in taken.frames
    ]
    return {
        "name": name,
        "events": len(trace),
        "shift": shift,
        "kinds": list(KINDS),
        "parts": first.tolist(),
        "processes": _counts(result, first),
        "faults": _faults(result, first),
        "frames": frames,
        "areas": areas,
        "names": list(names),
        "words": list(words),
        "refused": _refused(result),
        "has_faults": bool((np.asarray(result.columns["outcome"]) != OUT_NONE).any()),
    }


def _steps(values: Sequence[int]) -> list[int]:
    """Each value less the one before: neighbours are alike, which packs well."""
    return [b - a for a, b in zip([0, *values], values, strict=False)]


def _made(trace: Trace, event: int) -> str:
    """The name of the call that made an area; empty: it was there before the trace."""
    return KIND_NAMES.get(int(trace.columns["kind"][event]), "") if 0 <= event < len(trace) else ""


def _line(trace: Trace, event: int) -> int:
    return int(trace.columns["line"][event]) if 0 <= event < len(trace) else 0


def _where(trace: Trace, event: int) -> str:
    at = place(trace, event)
    return f"{at['file'].rpartition('/')[2]}:{at['line']}" if at["line"] else f"event {event}"


def _counts(result: Result, first: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    """Lowest and highest VMA count of each part, of the processes with the highest peaks."""
    trace = result.trace
    counts = np.asarray(result.columns["map_count"]).astype(np.int64)
    of_event = process_rows(trace)[np.asarray(trace.columns["task"])]
    found = []
    for facts in process_facts(result)[:_PROCESSES]:
        mine = (of_event == of_event[facts["peak_at"]["event"]]) & (counts >= 0)
        high = np.maximum.reduceat(np.where(mine, counts, -1), first)
        low = np.minimum.reduceat(np.where(mine, counts, 1 << 40), first)
        seen = high >= 0
        found.append(
            {
                "pid": facts["pid"],
                "name": facts["name"],
                "peak": facts["peak"],
                "low": [int(v) if s else None for v, s in zip(low, seen, strict=True)],
                "high": [int(v) if s else None for v, s in zip(high, seen, strict=True)],
            }
        )
    return found


def _faults(result: Result, first: npt.NDArray[np.int64]) -> dict[str, list[int]]:
    """Accesses of each part by outcome; without those that nothing of the kind happened to."""
    outcomes = np.asarray(result.columns["outcome"]).astype(np.int64)
    found: dict[str, list[int]] = {}
    for number, name in enumerate(NAMES):
        if number != OUT_NONE and (outcomes == number).any():
            found[name] = np.add.reduceat((outcomes == number).astype(np.int64), first).tolist()
    return found


def _refused(result: Result) -> list[list[Any]]:
    """The first calls that ended in an error: event, words, errno as a number."""
    ret = np.asarray(result.columns["ret"]).astype(np.int64)
    kinds = np.asarray(result.trace.columns["kind"])
    calls = (np.asarray(result.columns["outcome"]) == OUT_NONE) & (kinds != K_MARK)
    events = np.flatnonzero(calls & (ret < 0) & (ret > -4096))[:_REFUSALS]
    return [[int(e), event_text(result.trace, int(e)), int(-ret[e])] for e in events]


def flat(facts: Mapping[str, Any], prefix: str = "") -> list[list[str]]:
    """Facts as rows of a table: every number of the JSON under its path."""
    rows: list[list[str]] = []
    for key, value in facts.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rows += flat(value, f"{path}.")
        elif isinstance(value, (list, tuple)):
            for i, one in enumerate(value[:50]):
                rows += (
                    flat(one, f"{path}[{i}].") if isinstance(one, Mapping) else [[f"{path}[{i}]", str(one)]]
                )
        else:
            rows.append([path, "not recorded" if value is None else str(value)])
    return rows
