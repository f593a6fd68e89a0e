"""The facts of `advise` as plain data (remaptrace/advise/1), and the sentences that end it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...advise.bill import Bill, Item
from ...advise.limit import Limit
from ...advise.neighbours import Neighbours
from ...advise.remedies import Remedy
from ...advise.whatif import remaining
from ...result.result import Result
from ...trace.events import Trace
from ...trace.wording import Place, event_text, place
from ..words import counted, number
from .run import machine_facts, process_facts, trace_facts

SCHEMA = "remaptrace/advise/1"
_WORTH = 0.05
"""The share of VMAs from which a remedy is worth a sentence."""


def advise_facts(
    result: Result,
    bill: Bill,
    limit: Limit,
    remedies: Sequence[Remedy],
    lookup: Sequence[Any] | None = None,
    seconds: float = 0.0,
) -> dict[str, Any]:
    """Everything that a report of `advise` says; each view of the bill adds up to its total."""
    trace = result.trace
    pid = int(trace.tasks["pid"][bill.task])
    name = next((p["name"] for p in process_facts(result) if p["pid"] == pid), "")
    asked = Neighbours(result.machine.rules.tolist(), result.machine.page_size)
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "trace": trace_facts(trace, len(process_facts(result))),
        "machine": machine_facts(result.machine),
        "seconds": round(seconds, 3),
        "process": {"pid": pid, "name": name},
        "total": bill.total,
        "memory_calls": bill.calls,
        "peak_at": place(trace, bill.event),
        "limit": _limit_facts(trace, limit),
        "bill": {view: [_item(trace, item) for item in items] for view, items in bill.views.items()},
        "apart": dict(bill.apart),
        "left_if_pages_differ_in": {
            "protection": remaining(bill.vmas, protection=True, neighbours=asked),
            "offset": remaining(bill.vmas, offset=True, neighbours=asked),
            "both": remaining(bill.vmas, protection=True, offset=True, neighbours=asked),
        },
        "remedies": [_remedy(r) for r in remedies],
        "lookup": list(lookup) if lookup is not None else None,
    }
    facts["sentences"] = sentences(facts)
    return facts


def _limit_facts(trace: Trace, limit: Limit) -> dict[str, Any]:
    reached = limit.reached_event
    return {
        "limit": limit.limit,
        "peak": limit.peak,
        "reached_at": place(trace, reached) if reached >= 0 else None,
        "reached_by": event_text(trace, reached) if reached >= 0 else None,
        "calls_left": limit.calls_left if limit.calls_left >= 0 else None,
        "growth_per_1000_calls": round(1000 * limit.growth_per_call, 1),
        "first_to_fail": limit.first_to_fail or None,
    }


def _item(trace: Trace, item: Item) -> dict[str, Any]:
    first: Place | None = place(trace, item.first_event) if item.first_event >= 0 else None
    return {
        "label": "execve" if item.label == "init_vma" else item.label,
        "vmas": item.vmas,
        "bytes": item.bytes,
        "per_1000_calls": item.per_thousand,
        "first": first,
    }


def _remedy(r: Remedy) -> dict[str, Any]:
    return {
        "name": r.name,
        "label": r.label,
        "kernel": r.machine.kernel.name,
        "before": r.before,
        "after": r.after,
        "saved": round(r.saved, 4),
        "allowed_alike": r.allowed_alike,
        "refused_calls": r.refused_calls,
        "changed": r.changed,
        "notes": list(r.notes),
    }


def sentences(facts: dict[str, Any]) -> list[str]:
    """Three plain sentences: who spends the VMAs, what would save them, what the limit means."""
    return [_spender(facts), _saver(facts), _limiter(facts)]


def _spender(facts: dict[str, Any]) -> str:
    total, patterns = facts["total"], facts["bill"]["pattern"]
    if not patterns or not total:
        return "The trace has no mappings to pay for."
    top = patterns[0]
    guards = sum(p["vmas"] for p in patterns if p["label"].startswith("guards"))
    if guards * 3 >= total:
        share = "Half" if 0.45 <= guards / total <= 0.55 else f"{100 * guards / total:.0f} per cent"
        return f"{share} of the {number(total)} mappings are guard pages, and most others are what they keep apart."
    return f"Most of the {number(total)} mappings are {top['label']}: {number(top['vmas'])} of them."


def _saver(facts: dict[str, Any]) -> str:
    useful = [
        r for r in facts["remedies"] if r["name"] != "limit" and r["saved"] >= _WORTH and r["allowed_alike"]
    ]
    if not useful:
        return "No other way of mapping that was tried saves a twentieth of them."
    real = [r for r in useful if r["name"] in ("guards", "merge-order")] or useful
    best = real[0]
    counts = f"{number(best['before'])} mappings become {number(best['after'])}"
    if best["name"] == "guards":
        return (
            f"Installing the guards with MADV_GUARD_INSTALL keeps the protection and needs no VMA: {counts}."
        )
    if best["name"] == "merge-order":
        return f"Changing the protection of neighbours in one call lets them merge: {counts}."
    return f"With {best['label']}, on {best['kernel']}, {counts}; no kernel of today has it."


def _limiter(facts: dict[str, Any]) -> str:
    limit = facts["limit"]
    size = f"vm.max_map_count ({number(limit['limit'])})"
    if limit["reached_at"]:
        at = limit["reached_at"]
        return (
            f"The limit {size} is met at line {at['line']}, where {_call(limit)} fails; raising it only moves "
            "the failure."
        )
    if limit["calls_left"] is not None:
        return (
            f"At this rate {size} is met after {counted(limit['calls_left'], 'more memory call')}, and "
            f"{_call(limit)} is the first to fail; raising it only moves the failure."
        )
    left = number(limit["limit"] - limit["peak"])
    return f"The limit {size} is {left} mappings away, and no steady growth leads to it."


def _call(limit: dict[str, Any]) -> str:
    """``mprotect, with ENOMEM,``: the call that fails."""
    call, _, errno = str(limit["first_to_fail"]).partition(" with ")
    return f"{call} ({errno})" if errno else call
