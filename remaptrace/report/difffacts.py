"""The facts of a diff as plain data (remaptrace/diff/1): what every output of `diff` shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..machine.rules import RULES
from ..result.blame import ARCH, Reason
from ..result.diff import FIELDS, Diff, Pair
from ..result.outcomes import NAMES, OUT_NONE
from ..result.protdiff import ProtectionDifference
from ..result.result import Result
from ..trace.events import KIND_NAMES
from ..trace.wording import event_text, place, result_text
from .facts import machine_facts, peak_facts, process_facts, trace_facts
from .memory import memory_facts

SCHEMA = "remaptrace/diff/1"
_FIRST = 5


def diff_facts(diff: Diff, peaks: Sequence[Any], seconds: float = 0.0) -> dict[str, Any]:
    """Everything that a report of `diff` says; `peaks` holds a snapshot (or None) for each result."""
    machines = [
        _machine_column(result, peak) for result, peak in zip(diff.results, peaks, strict=True)
    ]
    return {
        "schema": SCHEMA,
        "trace": trace_facts(diff.trace, len(process_facts(diff.results[0]))),
        "seconds": round(seconds, 3),
        "differs": diff.differs,
        "machines": machines,
        "pairs": [_pair_facts(diff, pair) for pair in diff.pairs],
    }


def _machine_column(result: Result, peak: Any) -> dict[str, Any]:
    processes = process_facts(result)
    top = processes[0] if processes else None
    returned = result.columns["ret"]
    refused = (returned < 0) & (returned >= -4095)
    outcomes = result.columns["outcome"]
    return {
        "machine": machine_facts(result.machine),
        "process": {"pid": top["pid"], "name": top["name"]} if top else None,
        "vmas": {k: top[k] for k in ("start", "peak", "end")} if top else None,
        "course": top["course"] if top else [],
        "refused_calls": int(refused.sum()),
        "refused_by_errno": _errnos(returned[refused]),
        "minor": int(result.columns["minor"].sum()),
        "major": int(result.columns["major"].sum()),
        "refused_accesses": int((outcomes > 1).sum()),
        "memory": memory_facts(result, peak),
        "peak": peak_facts(result.trace, peak) if peak else None,
    }


def _errnos(values: Any) -> dict[str, int]:
    import numpy as np

    numbers, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {result_text(int(numbers[i])): int(counts[i]) for i in order}


def _pair_facts(diff: Diff, pair: Pair) -> dict[str, Any]:
    base, other = diff.results[0], diff.results[pair.other]
    first = pair.first
    return {
        "base": 0,
        "other": pair.other,
        "differs": pair.differs,
        "events": {
            name: {
                "count": len(pair.events[name]),
                "first": [_event(diff, base, other, int(e)) for e in pair.events[name][:_FIRST]],
            }
            for name in FIELDS
            if name in pair.events
        },
        "results_by_answer": _answers(diff, base, other, pair),
        "first_difference": None
        if first < 0
        else {**_event(diff, base, other, first), "reason": _reason(diff.reasons.get(pair.other))},
        "outcome_matrix": [
            {
                "base": NAMES[a] or "–",
                "other": NAMES[b] or "–",
                "count": count,
                "first": {"at": place(diff.trace, event), "access": event_text(diff.trace, event)},
            }
            for (a, b), (count, event) in sorted(pair.matrix.items())
        ],
        "protections": [_protection(p) for p in pair.protections],
    }


def _answers(diff: Diff, base: Result, other: Result, pair: Pair) -> list[dict[str, Any]]:
    """Differing results by call and both answers, the most frequent first."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for event in pair.events.get("results", ()):
        kind = int(diff.trace.columns["kind"][event])
        a, b = int(base.columns["ret"][event]), int(other.columns["ret"][event])
        key = KIND_NAMES.get(kind, str(kind)), _done(a), _done(b)
        found.setdefault(key, []).append(int(event))
    rows = [
        {
            "call": call,
            "base": a,
            "other": b,
            "count": len(events),
            "first": place(diff.trace, events[0]),
            "text": event_text(diff.trace, events[0]),
        }
        for (call, a, b), events in found.items()
    ]
    return sorted(rows, key=lambda row: -int(str(row["count"])))


def _done(value: int) -> str:
    return result_text(value) if -4095 <= value < 0 else "done"


def _event(diff: Diff, base: Result, other: Result, event: int) -> dict[str, Any]:
    kind = int(diff.trace.columns["kind"][event])
    return {
        "at": place(diff.trace, event),
        "text": event_text(diff.trace, event),
        "base": _answer(base, event, kind),
        "other": _answer(other, event, kind),
    }


def _answer(result: Result, event: int, kind: int) -> dict[str, Any]:
    columns = result.columns
    outcome = int(columns["outcome"][event])
    return {
        "answer": NAMES[outcome] if outcome != OUT_NONE else result_text(int(columns["ret"][event]), kind),
        "minor": int(columns["minor"][event]),
        "major": int(columns["major"][event]),
        "map_count": int(columns["map_count"][event]),
        "value": int(columns["value"][event]),
    }


def _reason(reason: Reason | None) -> list[dict[str, str]] | None:
    if reason is None:
        return None
    return [
        {
            "rule": name,
            "base": values[0],
            "other": values[1],
            "doc": "page-table geometry, PTE words, layout" if name == ARCH else RULES[name].doc,
        }
        for name, values in zip(reason.rules, reason.values, strict=True)
    ]


def _protection(p: ProtectionDifference) -> dict[str, Any]:
    return {
        "start": p.start,
        "end": p.end,
        "base": {"vma": p.first.vma, "effective": p.first.effective, "reason": p.first.reason},
        "other": {"vma": p.second.vma, "effective": p.second.effective, "reason": p.second.reason},
    }
