"""The facts of a replay as plain data: what every output of `run` shows, under the same names.

`run_facts` computes; renderers only lay out. The shape is the JSON schema `remaptrace/run/1`
(docs/json.md): dicts, lists, strings and ints, ready for json.dumps.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...abi import kinds as ev
from ...abi.calls import KIND_NAMES
from ...abi.errnos import errno_name
from ...abi.kinds import ACCESSES, EVF_MADE
from ...abi.mman import CLONE_THREAD
from ...abi.outcomes import NAMES, OUT_NONE, OUT_OK
from ...abi.rows import RSF_ASSUMED, RSF_UNMODELLED
from ...engine.why import TAKEN, WHY_NO_BREAK, WHY_NONE
from ...machine.versions.ground import basis_of
from ...result.manyareas import grouped
from ...result.result import PIECE, Result, Snapshot
from ...trace.events import Trace, are_memory_calls, one_of, rows_where
from ...trace.wording import event_text, place
from .memory import memory_facts, not_recorded
from .processes import process_facts
from .refusals import refusal_facts, refusal_notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, Literal

    import numpy.typing as npt

    from ...machine.kernel import Kernel
    from ...machine.machine import Machine
    from ...result.agreement import CheckOutcome, Disagreement, Ground
    from ..documents.run import (
        Accesses,
        Agreement,
        CallFacts,
        Difference,
        GroundAnswers,
        GroundFacts,
        GroundFaults,
        MachineFacts,
        MmFacts,
        NotModelled,
        Peak,
        RefusedAccesses,
        RuleGround,
        Run,
        TraceFacts,
    )

SCHEMA: Final = "remaptrace/run/1"

_FIRST = 5
"""Examples kept of each finding."""

_NEW_THREAD = -1
"""Stands for the births of threads, which are no processes."""
_PROCESS_CALLS = (ev.K_FORK, ev.K_EXEC, ev.K_EXIT)
_ON_MEMORY = (*ev.MEMORY_CALLS, *ev.MORE_MEMORY_CALLS)
_CALLS = (
    *_ON_MEMORY,
    *range(ev.K_OPEN, ev.K_CLOSE_RANGE + 1),
    *_PROCESS_CALLS,
)


def run_facts(
    result: Result,
    agreement: CheckOutcome | None = None,
    peak: Snapshot | None = None,
    seconds: float = 0.0,
    not_compared: str = "",
) -> Run:
    """Everything that a report of `run` says.

    `agreement` is the comparison with the recording or the expectations, if there was one, `not_compared` the
    reason why a recording was not compared; `peak` the snapshot of the process with the highest VMA count
    at that moment.
    """
    trace = result.trace
    processes = process_facts(result)
    return {
        "schema": SCHEMA,
        "trace": trace_facts(trace, len(processes)),
        "machine": machine_facts(result.machine),
        "seconds": round(seconds, 3),
        "agreement": agreement_facts(agreement) if agreement else None,
        "not_compared": not_compared or None,
        "not_recorded": not_recorded(trace),
        "processes": processes,
        "peak": peak_facts(trace, peak) if peak else None,
        "calls": call_facts(result),
        "accesses": access_facts(result),
        "memory": memory_facts(result, peak),
        "assumed_areas": _assumed(result),
        "not_modelled": _not_modelled(result),
        "taken_refusals": len(rows_where(lambda why: one_of(why, TAKEN), result.columns["why"])),
        "notes": [*trace.notes, *result.notes, *refusal_notes(result)],
    }


def trace_facts(trace: Trace, processes: int) -> TraceFacts:
    """The trace itself: where it comes from, how long it is, what could not be read."""
    span: int | None = None
    if "time" in trace.columns:
        parts = (trace.columns["time"][at : at + PIECE] for at in range(0, len(trace), PIECE))
        known = (part if part.all() else part[part != 0] for part in parts)
        ends = [(int(part.min()), int(part.max())) for part in known if len(part)]
        span = max(high for _, high in ends) - min(low for low, _ in ends) if ends else None
    return {
        "name": trace.name,
        "format": trace.format,
        "sources": list(trace.sources),
        "events": len(trace),
        "processes": processes,
        "span_ns": span,
        "recorded": trace.recorded,
        "skipped": {
            "lines": len(trace.skipped),
            "first": [
                {
                    "file": trace.sources[s.source] if s.source < len(trace.sources) else "",
                    "line": s.line,
                    "column": s.column,
                    "code": s.code,
                    "found": s.found,
                    "expected": s.expected,
                }
                for s in trace.skipped[:_FIRST]
            ],
        },
    }


def machine_facts(machine: Machine) -> MachineFacts:
    """The machine by name, with what was overridden."""
    return {
        "kernel": machine.kernel.name,
        "arch": machine.arch.label,
        "page_size": machine.arch.page_size,
        "overrides": {name: machine.rule(name) for name in machine.overrides},
        "host": machine.host.name if machine.host else None,
        "ground": rule_ground(machine.kernel),
    }


def rule_ground(kernel: Kernel) -> RuleGround:
    """On what the rules of a kernel rest, by ground."""
    found = basis_of(kernel)
    return {
        "about": found.about,
        "derived": found.derived,
        "asked": list(found.asked),
        "read": list(found.read),
        "undecided": list(found.undecided),
        "given": list(found.given),
        "common": list(found.common),
    }


def call_facts(result: Result) -> list[CallFacts]:
    """Memory and process calls by name: how many were done, how many refused with which error."""
    trace = result.trace
    kinds, returned = trace.columns["kind"], result.columns["ret"]
    counts, refusals = _called(result)
    forks = np.flatnonzero(kinds == ev.K_FORK)
    births = forks[trace.columns["a1"][forks].astype(np.int64) & CLONE_THREAD != 0]
    births = births[_is_call(result, births)]
    counts[ev.K_FORK] -= len(births)
    thread = np.zeros(len(refusals), dtype=np.bool_)
    if len(births) and len(refusals):
        thread = np.isin(refusals, births)
    out: list[CallFacts] = []
    for kind in [*np.flatnonzero(counts).tolist(), *([_NEW_THREAD] if len(births) else [])]:
        if kind not in _CALLS and kind != _NEW_THREAD:
            continue
        refused = refusals[thread if kind == _NEW_THREAD else (kinds[refusals] == kind) & ~thread]
        number = len(births) if kind == _NEW_THREAD else int(counts[kind])
        entry: CallFacts = {
            "name": KIND_NAMES.get(kind, "new thread"),
            "sort": _sort_of(kind),
            "done": number - len(refused),
            "refused": [],
        }
        if len(refused):
            why = result.columns["why"][refused].astype(np.int64)
            unchanged = (kind == ev.K_BRK) & (why != WHY_NO_BREAK)
            keys = np.where(unchanged, 0, returned[refused]) * 256 - why
            _, firsts, times = np.unique(keys, return_index=True, return_counts=True)
            for i in np.argsort(-times, kind="stable").tolist():
                event = int(refused[firsts[i]])
                entry["refused"].append(
                    {
                        "errno": "unchanged" if unchanged[firsts[i]] else errno_name(-int(returned[event])),
                        "count": int(times[i]),
                        "first": place(trace, event),
                        "call": event_text(trace, event),
                        **refusal_facts(result, event),
                    }
                )
        out.append(entry)
    order = ("memory", "process", "file")
    return sorted(
        out, key=lambda c: (order.index(c["sort"]), -c["done"] - sum(r["count"] for r in c["refused"]))
    )


def _is_call(result: Result, events: Any) -> npt.NDArray[np.bool_]:
    """Which of `events` the program called for.

    What a reader adds of itself is no call of the program; what a rewriting puts in its place is.
    """
    columns = result.trace.columns
    made = (columns["flags"][events] & EVF_MADE) != 0
    return np.asarray(~made | are_memory_calls(columns["kind"][events]))


def _called(result: Result) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """How many events of each kind were called for, and those of them that were refused."""
    kinds = result.trace.columns["kind"]
    counts = np.zeros(256, dtype=np.int64)
    refusals = []
    for first in range(0, len(kinds), PIECE):
        part = slice(first, first + PIECE)
        wanted, kind, ret = _is_call(result, part), kinds[part], result.columns["ret"][part]
        counts += np.bincount(kind if wanted.all() else kind[wanted], minlength=256)
        refused = (ret < 0) & (ret >= -4095) & (kind != ev.K_BRK)
        refused |= (kind == ev.K_BRK) & (result.columns["why"][part] != WHY_NONE)  # a break that stays
        refusals.append(np.flatnonzero(refused & wanted) + first)
    return counts, np.concatenate(refusals) if refusals else np.zeros(0, dtype=np.intp)


def _sort_of(kind: int) -> Literal["memory", "process", "file"]:
    if kind == _NEW_THREAD or kind in _PROCESS_CALLS:
        return "process"
    return "memory" if kind in _ON_MEMORY else "file"


def access_facts(result: Result) -> Accesses:
    """Accesses by outcome, with the faults that they and the calls took."""
    trace = result.trace
    kinds, outcomes = trace.columns["kind"], result.columns["outcome"]
    minor, major = result.columns["minor"], result.columns["major"]
    rows = rows_where(lambda kind, out: one_of(kind, ACCESSES) & (out != OUT_NONE), kinds, outcomes)
    mine = outcomes[rows]
    found: list[RefusedAccesses] = []
    for number in np.flatnonzero(np.bincount(mine, minlength=1)).tolist():
        if number == OUT_OK:
            continue
        events = rows[mine == number]
        found.append(
            {
                "outcome": NAMES[number],
                "count": len(events),
                "first": [
                    {"access": event_text(trace, e), "at": place(trace, e)} for e in events[:_FIRST].tolist()
                ],
            }
        )
    seen = not not_recorded(trace)
    by_access = int(minor[rows].sum()), int(major[rows].sum())
    inside = int(minor.sum()) - by_access[0], int(major.sum()) - by_access[1]
    return {
        "total": len(rows),
        "ok": int((mine == OUT_OK).sum()),
        "minor": by_access[0] if seen else None,
        "major": by_access[1] if seen else None,
        "in_calls": {"minor": inside[0], "major": inside[1]} if seen else None,
        "refused": sorted(found, key=lambda f: -f["count"]),
    }


def peak_facts(trace: Trace, snapshot: Snapshot) -> Peak:
    """The address space with the most VMAs at that moment: kinds, protections, page tables."""
    kinds = {"anonymous": 0, "private file": 0, "shared": 0}
    extra = {"none": 0, "non-linear": 0, "many-protections": 0, "assumed": 0}
    pages: dict[str, int] = {}
    for row, number in grouped(snapshot.vmas):
        shared = row.perms.endswith("s")
        kinds["shared" if shared else "private file" if row.file is not None else "anonymous"] += number
        flags = row.vmflags.split()
        extra["none"] += number * row.perms.startswith("---")
        extra["non-linear"] += number * ("nl" in flags)
        extra["many-protections"] += number * ("mp" in flags)
        extra["assumed"] += number * row.assumed
        pages[row.perms] = pages.get(row.perms, 0) + number
    protections = None if not_recorded(trace) else snapshot.protections
    differing = protections.differing if protections else ()
    return {
        "at": place(trace, snapshot.event),
        "vmas": len(snapshot.vmas),
        "kinds": kinds,
        "of_them": extra,
        "vmas_by_protection": pages,
        "pages_by_protection": dict(protections.pages) if protections else None,
        "differing": [
            {"start": r.start, "end": r.end, "vma": r.vma, "pte": r.pte, "reason": r.reason}
            for r in differing
        ],
        "facts": _told(snapshot.facts, bool(not_recorded(trace))),
    }


_UNSEEN = ("resident", "page_tables")
"""Facts of a snapshot that calls alone do not tell."""


def _told(facts: Mapping[str, Any], calls_only: bool) -> MmFacts:
    told = {k: None if calls_only and k in _UNSEEN else v for k, v in facts.items()}
    return told  # type: ignore[return-value]  # of `engine.look.inspect.mm_facts`


def agreement_facts(outcome: CheckOutcome) -> Agreement:
    """A comparison with the truth: counts by what was compared, and the first differences in full."""
    return {
        "name": outcome.name,
        "path": outcome.path,
        "kind": outcome.kind,
        "agrees": outcome.agrees,
        "compared": {k: {"agree": t.agree, "total": t.total} for k, t in outcome.tallies.items()},
        "differences": [difference_facts(d) for d in outcome.disagreements],
        "skipped_lines": outcome.skipped,
        "notes": list(outcome.notes),
        "error": None
        if outcome.error is None
        else {
            "code": outcome.error.code,
            "problem": outcome.error.problem,
            "file": outcome.error.path,
            "line": outcome.error.line,
            "column": outcome.error.column,
        },
        "ground": ground_facts(outcome.ground) if outcome.ground else None,
        "seconds": round(outcome.seconds, 3),
        "arch": outcome.arch,
        "kernel": outcome.kernel,
    }


def ground_facts(ground: Ground) -> GroundFacts:
    """What the agreement rests on: answers and faults by how they came to agree, and what has no truth."""
    answers: GroundAnswers = {
        "free": ground.free,
        "placed": ground.placed,
        "assumed": ground.assumed,
        "guessed": ground.guessed,
    }
    faults: GroundFaults = {
        "free": ground.faults_free,
        "kind": ground.faults_kind,
        "assumed": ground.faults_assumed,
    }
    return {"answers": answers, "faults": faults, "no_truth": list(ground.no_truth)}


def difference_facts(found: Disagreement) -> Difference:
    """One difference with its way back."""
    return {
        "what": found.what,
        "call": found.call,
        "expected": found.expected,
        "simulated": found.simulated,
        "at": {"event": found.event, "tid": found.tid, "file": found.path, "line": found.line},
    }


def _assumed(result: Result) -> int:
    return int(((result.columns["flags"] & RSF_ASSUMED) != 0).sum())


def _not_modelled(result: Result) -> list[NotModelled]:
    """Calls that were not carried out, by name: those the readers named and those the engine passed by."""
    counts = dict(result.trace.unmodelled)
    kinds = result.trace.columns["kind"][(result.columns["flags"] & RSF_UNMODELLED) != 0]
    for kind in kinds.tolist():
        if kind != ev.K_UNMODELLED:
            name = KIND_NAMES.get(kind, str(kind))
            counts[name] = counts.get(name, 0) + 1
    return [{"name": n, "count": c} for n, c in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
