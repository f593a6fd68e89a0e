"""The facts of a diff as plain data (remaptrace/diff/1): what every output of `diff` shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ...abi.calls import KIND_NAMES
from ...abi.outcomes import NAMES, OUT_NONE
from ...blame import ARCH, Reason
from ...machine.rules import RULES
from ...machine.system.options import CONCERNS
from ...result.diff import Diff, SideBySide, refused
from ...result.protdiff import ProtectionDifference
from ...result.result import Result, Snapshot
from ...trace.wording import event_text, place, result_text
from .memory import memory_facts, not_recorded
from .processes import process_facts
from .run import machine_facts, peak_facts, trace_facts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ...machine.machine import Machine
    from ...machine.system.options import Configurations
    from ...uml import UmlRun
    from ..documents.diff import (
        Answer,
        ConfigurationFacts,
        DifferingAnswers,
        DifferingEvent,
        DifferingProtection,
        HostCalls,
        MachineColumn,
        Pair,
        RuleReason,
        Setting,
    )
    from ..documents.diff import Diff as DiffDocument

SCHEMA: Final = "remaptrace/diff/1"
_FIRST = 5


def diff_facts(
    found: SideBySide,
    peaks: Sequence[Snapshot | None],
    seconds: float = 0.0,
    configurations: Configurations | None = None,
    hosts: Sequence[UmlRun | None] = (),
) -> DiffDocument:
    """Everything that a report of `diff` says; `peaks` holds a snapshot (or None) for each result.

    `hosts`, where given, holds for each result the guest's run on its host (or None).
    """
    return {
        "schema": SCHEMA,
        "trace": trace_facts(found.trace, len(process_facts(found.results[0]))),
        "seconds": round(seconds, 3),
        "differs": not found.equal,
        "not_recorded": not_recorded(found.trace),
        "configurations": _configurations(configurations) if configurations else None,
        "settings": _settings([r.machine for r in found.results]),
        "machines": [
            _machine_column(r, peak, hosts[i] if hosts else None)
            for i, (r, peak) in enumerate(zip(found.results, peaks, strict=True))
        ],
        "pairs": [_pair_facts(i, diff, found.reasons.get(i)) for i, diff in enumerate(found.diffs)],
    }


def _configurations(found: Configurations) -> ConfigurationFacts:
    return {
        "deciding": [{"option": o, "values": v, "about": ""} for o, v in found.deciding.items()],
        "not_modelled": [
            {"option": o, "values": v, "about": CONCERNS[o]} for o, v in found.concerning.items()
        ],
        "others": found.others,
    }


def _settings(machines: Sequence[Machine]) -> list[Setting]:
    """Every rule that was set on one of the machines, with its value on each."""
    rules = sorted({name for machine in machines for name in machine.overrides}, key=lambda n: RULES[n].index)
    return [{"rule": name, "values": [_value(m, name) for m in machines]} for name in rules]


def _value(machine: Machine, name: str) -> int | str:
    value: int | str = machine.rule(name)
    return ("yes" if value else "no") if RULES[name].kind == "bool" else value


def _host_calls(run: UmlRun | None) -> HostCalls | None:
    if run is None:
        return None
    counts = run.host.columns["map_count"]
    return {"calls": dict(sorted(run.calls.items())), "peak_vmas": int(counts.max(initial=0))}


def _machine_column(result: Result, peak: Snapshot | None, host: UmlRun | None) -> MachineColumn:
    processes = process_facts(result)
    top = processes[0] if processes else None
    returned = result.columns["ret"]
    wrong = refused(returned)
    outcomes = result.columns["outcome"]
    seen = not not_recorded(result.trace)
    return {
        "machine": machine_facts(result.machine),
        "process": {"pid": top["pid"], "name": top["name"]} if top else None,
        "vmas": {"start": top["start"], "peak": top["peak"], "end": top["end"]} if top else None,
        "course": top["course"] if top else [],
        "refused_calls": int(wrong.sum()),
        "refused_by_errno": _errnos(returned[wrong]),
        "minor": int(result.columns["minor"].sum()) if seen else None,
        "major": int(result.columns["major"].sum()) if seen else None,
        "refused_accesses": int((outcomes > 1).sum()),
        "memory": memory_facts(result, peak),
        "peak": peak_facts(result.trace, peak) if peak else None,
        "host": _host_calls(host),
    }


def _errnos(values: npt.NDArray[np.integer[Any]]) -> dict[str, int]:
    import numpy as np

    numbers, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {result_text(int(numbers[i])): int(counts[i]) for i in order}


def _pair_facts(row: int, diff: Diff, reason: Reason | None) -> Pair:
    trace, first = diff.left.trace, diff.first
    return {
        "base": 0,
        "other": row + 1,
        "differs": not diff.equal,
        "events": {
            name: {"count": len(events), "first": [_event(diff, int(e)) for e in events[:_FIRST]]}
            for name, events in diff.events.items()
        },
        "results_by_answer": _answers(diff),
        "first_difference": None if first < 0 else {**_event(diff, first), "reason": _reason(reason)},
        "outcome_matrix": [
            {
                "base": NAMES[a] or "–",
                "other": NAMES[b] or "–",
                "count": count,
                "first": {"at": place(trace, event), "access": event_text(trace, event)},
            }
            for (a, b), (count, event) in sorted(diff.matrix.items())
        ],
        "protections": [_protection(p) for p in diff.protections],
        "notes": list(diff.notes),
    }


def _answers(diff: Diff) -> list[DifferingAnswers]:
    """Differing results by call and both answers, the most frequent first."""
    trace = diff.left.trace
    found: dict[tuple[str, str, str], list[int]] = {}
    for event in diff.events.get("results", ()):
        kind = int(trace.columns["kind"][event])
        a, b = int(diff.left.columns["ret"][event]), int(diff.right.columns["ret"][event])
        key = KIND_NAMES.get(kind, str(kind)), _done(a), _done(b)
        found.setdefault(key, []).append(int(event))
    rows: list[DifferingAnswers] = [
        {
            "call": call,
            "base": a,
            "other": b,
            "count": len(events),
            "first": place(trace, events[0]),
            "text": event_text(trace, events[0]),
        }
        for (call, a, b), events in found.items()
    ]
    return sorted(rows, key=lambda row: -row["count"])


def _done(value: int) -> str:
    return result_text(value) if -4095 <= value < 0 else "done"


def _event(diff: Diff, event: int) -> DifferingEvent:
    trace = diff.left.trace
    kind = int(trace.columns["kind"][event])
    return {
        "at": place(trace, event),
        "text": event_text(trace, event),
        "base": _answer(diff.left, event, kind),
        "other": _answer(diff.right, event, kind),
    }


def _answer(result: Result, event: int, kind: int) -> Answer:
    columns = result.columns
    outcome = int(columns["outcome"][event])
    return {
        "answer": NAMES[outcome] if outcome != OUT_NONE else result_text(int(columns["ret"][event]), kind),
        "minor": int(columns["minor"][event]),
        "major": int(columns["major"][event]),
        "map_count": int(columns["map_count"][event]),
        "value": int(columns["value"][event]),
    }


def _reason(reason: Reason | None) -> list[RuleReason] | None:
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


def _protection(p: ProtectionDifference) -> DifferingProtection:
    return {
        "start": p.start,
        "end": p.end,
        "base": {"vma": p.first.vma, "effective": p.first.effective, "reason": p.first.reason},
        "other": {"vma": p.second.vma, "effective": p.second.effective, "reason": p.second.reason},
    }
