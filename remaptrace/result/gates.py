"""Bounds for CI: what a replay may need at most, named or kept in a baseline, with the first event beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errorcodes import RT_SET, RT_USAGE
from ..errors import InputError, UsageError
from ..lateclasses import replace
from ..trace.events import Trace, are_memory_calls, has_accesses
from ..trace.wording import event_text, place
from .agreement import CheckOutcome, Disagreement, Tally
from .result import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy.typing as npt


SCHEMA = "remaptrace/baseline/1"
NOT_TRIED = "not recorded in this source, so its bound was not tried"
MEASURES = ("peak_vmas", "memory_calls", "refused_calls", "minor_faults", "major_faults")
"""The most VMAs of any process; calls and faults of all. Faults only where the source shows accesses."""


def _courses(result: Result) -> dict[str, npt.NDArray[np.int64]]:
    """Of each measure its value behind every event; it never falls."""
    trace, columns = result.trace, result.columns
    kinds, ret = trace.columns["kind"], columns["ret"]
    calls = are_memory_calls(kinds)
    refused = calls & (ret < 0) & (ret >= -4095)
    found = {
        "peak_vmas": np.maximum.accumulate(columns["map_count"].astype(np.int64)),
        "memory_calls": np.cumsum(calls, dtype=np.int64),
        "refused_calls": np.cumsum(refused, dtype=np.int64),
    }
    if not trace.recorded or has_accesses(trace):
        found["minor_faults"] = np.cumsum(columns["minor"], dtype=np.int64)
        found["major_faults"] = np.cumsum(columns["major"], dtype=np.int64)
    return found


def measured(result: Result) -> dict[str, int]:
    """The measures of a replay; those that its source cannot show are missing."""
    return {name: int(course[-1]) if len(course) else 0 for name, course in _courses(result).items()}


def parsed_bounds(texts: Sequence[str]) -> dict[str, int]:
    """``peak_vmas=65530`` and the like. UsageError for an unknown measure or a value that is no number."""
    out = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if name not in MEASURES:
            raise UsageError(RT_USAGE, f"unknown measure '{name}'", expected=", ".join(MEASURES))
        digits = value.replace(",", "").replace("_", "")
        if not equals or not digits.isdecimal():
            raise UsageError(RT_USAGE, f"'{text}' is no bound", expected=f"{name}=NUMBER")
        out[name] = int(digits)
    return out


def with_gates(outcome: CheckOutcome, result: Result, bounds: Mapping[str, int], what: str) -> CheckOutcome:
    """`outcome` with one more tally: which of `bounds` hold. `what` names where they come from."""
    courses = _courses(result)
    broken: list[Disagreement] = []
    notes: list[str] = []
    tried = 0
    for name, bound in bounds.items():
        course = courses.get(name)
        if course is None:
            notes.append(f"{name}: {NOT_TRIED}")
            continue
        tried += 1
        beyond = int(np.searchsorted(course, bound, side="right"))
        if beyond < len(course):
            broken.append(_break(result.trace, name, bound, int(course[-1]), beyond, what))
        elif what == "baseline" and len(course) and int(course[-1]) < bound:
            notes.append(f"{name}: {int(course[-1]):,}, better than the baseline's {bound:,}")
    if not tried:
        return replace(outcome, notes=(*outcome.notes, *notes))
    before = outcome.tallies.get("bounds", Tally(0, 0))
    tally = Tally(before.agree + tried - len(broken), before.total + tried)
    return replace(
        outcome,
        tallies={**outcome.tallies, "bounds": tally},
        disagreements=(*broken, *outcome.disagreements),
        notes=(*outcome.notes, *notes),
    )


def _break(trace: Trace, name: str, bound: int, value: int, event: int, what: str) -> Disagreement:
    where = place(trace, event)
    return Disagreement(
        what=f"{name} ({what})",
        event=event,
        tid=int(trace.tasks["tid"][int(trace.columns["task"][event])]),
        path=where["file"],
        line=where["line"],
        call=event_text(trace, event),
        expected=f"at most {bound:,}",
        simulated=f"{value:,}; this is the first event beyond",
    )


def baseline_text(sources: Mapping[str, Mapping[str, int]]) -> str:
    """The text of a baseline file: the measures of each source, by its path."""
    import json  # only where a baseline is

    return json.dumps({"schema": SCHEMA, "sources": dict(sorted(sources.items()))}, indent=1) + "\n"


def read_baseline(data: bytes, path: str) -> dict[str, dict[str, int]]:
    """The measures in a baseline file. InputError if it is none."""
    import json

    expected = "what --write-baseline wrote"
    try:
        found = json.loads(data)
    except json.JSONDecodeError as error:
        raise InputError(
            RT_SET, f"not a baseline: {error.msg}", path, error.lineno, error.colno, expected=expected
        ) from None
    except (ValueError, RecursionError):
        raise InputError(RT_SET, "not a baseline: no JSON", path, expected=expected) from None
    sources = found.get("sources") if isinstance(found, dict) else None
    if not isinstance(sources, dict) or found.get("schema") != SCHEMA:
        schema = found.get("schema") if isinstance(found, dict) else None
        raise InputError(
            RT_SET, "not a baseline", path, found=f"schema {schema}" if schema else "", expected=expected
        )
    for source, values in sources.items():
        _kept_measures(source, values, path)
    return {str(k): dict(v) for k, v in sources.items()}


def _kept_measures(source: str, values: object, path: str) -> None:
    """InputError unless `values` bound a source: known measures, each a count."""
    if not isinstance(values, dict) or not values:
        text = f"the baseline bounds nothing of {source}"
        raise InputError(RT_SET, text, path, expected=", ".join(MEASURES))
    for name, value in values.items():
        if name not in MEASURES:
            text = f"the baseline of {source} has an unknown measure"
            raise InputError(RT_SET, text, path, found=name, expected=", ".join(MEASURES))
        if type(value) is not int or value < 0:
            text = f"the baseline of {source} has no count of {name}"
            raise InputError(RT_SET, text, path, found=str(value), expected="a whole number from 0")


def baseline_key(baseline: Mapping[str, object], path: str) -> str | None:
    """The source of a baseline that `path` is: by its path, else by as many of its last parts as only one shares."""
    if path in baseline:
        return path
    from pathlib import PurePath

    parts = PurePath(path).parts
    found = [key for key in baseline if PurePath(key).name == parts[-1]] if parts else []
    for count in range(2, len(parts) + 1):
        if len(found) < 2:
            break
        found = [key for key in found if PurePath(key).parts[-count:] == parts[-count:]]
    return found[0] if len(found) == 1 else None
