"""The facts of `advise` as plain data (remaptrace/advise/1), and the sentences that end it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from ...advice.bill import Item
from ...advice.failure import Failure
from ...advice.leaks import Leak
from ...advice.limit import Limit
from ...advice.neighbours import Neighbours
from ...advice.remedies import HYPOTHETICAL, Remedy
from ...advice.shape import shape_of
from ...advice.whatif import remaining
from ...advice.whole import Advice
from ...counting import counted, number
from ...trace.events import Trace
from ...trace.wording import counts_are_lower_bounds, event_text, place
from .dump import share_of, size_words
from .processes import process_facts
from .run import machine_facts, trace_facts

if TYPE_CHECKING:
    from ...abi.places import Place
    from ...lookup.measure import Cost
    from ..documents.advise import (
        Advise,
        BillItem,
        FailureFacts,
        LeakFacts,
        LimitFacts,
        LookupCost,
        RemedyFacts,
    )

SCHEMA: Final = "remaptrace/advise/1"
_WORTH = 0.05
"""The share of VMAs from which a remedy is worth a sentence."""


def advise_facts(advice: Advice, lookup: Sequence[Cost] | None = None, seconds: float = 0.0) -> Advise:
    """Everything that a report of `advise` says; each view of the bill adds up to its total."""
    result, bill, limit, failure = advice.result, advice.bill, advice.limit, advice.failure
    trace = result.trace
    pid = int(trace.tasks["pid"][bill.task])
    processes = process_facts(result)
    name = next((p["name"] for p in processes if p["pid"] == pid), "")
    asked = Neighbours(result.machine.rules.tolist(), result.machine.page_size)
    shape = shape_of(bill.vmas, asked)
    facts: Advise = {
        "schema": SCHEMA,
        "trace": trace_facts(trace, len(processes)),
        "machine": machine_facts(result.machine),
        "seconds": round(seconds, 3),
        "process": {"pid": pid, "name": name},
        "total": bill.total,
        "memory_calls": bill.calls,
        "peak_at": place(trace, bill.event),
        "limit": _limit_facts(trace, limit),
        "bill": {view: [_item(trace, item) for item in items] for view, items in bill.views.items()},
        "apart": dict(bill.apart),
        "failure": _failure(trace, failure) if failure else None,
        "notes": [*trace.notes, *advice.result.notes],
        "leaks": [_leak(trace, leak) for leak in advice.leaks],
        "given_back": [_leak(trace, group) for group in advice.given_back],
        "borders": {k: {"pairs": n, "alone": a} for k, (n, a) in shape.borders.items()},
        "holes": [{"size": s, "count": n, "bytes": b} for s, n, b in shape.holes],
        "guards": {"areas": shape.guards, "left": shape.left_with_guards},
        "left_if_pages_differ_in": {
            "protection": remaining(bill.vmas, protection=True, neighbours=asked),
            "offset": remaining(bill.vmas, offset=True, neighbours=asked),
            "both": remaining(bill.vmas, protection=True, offset=True, neighbours=asked),
        },
        "remedies": [_remedy(r) for r in advice.remedies],
        "lookup": [cast("LookupCost", vars(cost)) for cost in lookup] if lookup is not None else None,
        "sentences": [],
    }
    facts["sentences"] = sentences(facts)
    return facts


def _limit_facts(trace: Trace, limit: Limit) -> LimitFacts:
    reached = limit.reached_event
    return {
        "limit": limit.limit,
        "peak": limit.peak,
        "reached_at": place(trace, reached) if reached >= 0 else None,
        "reached_by": event_text(trace, reached) if reached >= 0 else None,
        "calls_left": limit.calls_left if limit.calls_left >= 0 else None,
        "growth_per_1000_calls": round(1000 * limit.growth_per_call, 1),
        "first_to_fail": limit.first_to_fail or None,
        "ended_at": place(trace, limit.ended_event) if limit.ended_event >= 0 else None,
    }


def _failure(trace: Trace, failure: Failure) -> FailureFacts:
    return {
        "at": place(trace, failure.event),
        "call": event_text(trace, failure.event),
        "name": failure.call,
        "errno": failure.errno,
        "bytes": failure.length,
        "vmas": failure.count,
        "sure": failure.sure,
        "at_map_limit": failure.sure and failure.causes[0].startswith("vm.max_map_count"),
        "causes": list(failure.causes),
    }


def _leak(trace: Trace, leak: Leak) -> LeakFacts:
    return {
        "bytes": leak.size,
        "largest_bytes": leak.largest,
        "mappings": leak.mappings,
        "of": leak.file or ("files" if leak.of_files else "anonymous memory"),
        "stay_bytes": leak.stay,
        "unmapped": leak.unmapped,
        "in_last_half": leak.late,
        "first": place(trace, leak.first_event),
        "last": place(trace, leak.last_event),
        "threads": [{"tid": tid, "mappings": count} for tid, count in leak.threads],
        "by_quarter": list(leak.ages),
        "callers": [{"frames": list(frames), "mappings": count} for frames, count in leak.callers]
        if "stack" in trace.columns
        else None,
        "given_back_at": place(trace, leak.given_back_event) if leak.given_back_event >= 0 else None,
    }


def _item(trace: Trace, item: Item) -> BillItem:
    first: Place | None = place(trace, item.first_event) if item.first_event >= 0 else None
    return {
        "label": "execve" if item.label == "init_vma" else item.label,
        "vmas": item.vmas,
        "bytes": item.bytes,
        "per_1000_calls": item.per_thousand,
        "first": first,
    }


def _remedy(r: Remedy) -> RemedyFacts:
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


def sentences(facts: Advise) -> list[str]:
    """Plain sentences: what failed and what never went away, who spends, what would save, what the limit means."""
    found = [_failed(facts["failure"])] if facts["failure"] else []
    if not facts["total"]:
        return [*found, _spender(facts), _limiter(facts)]
    found += [_leaked(leak, facts["limit"]["ended_at"]) for leak in facts["leaks"][:2]]
    found += [_given_back(group) for group in facts["given_back"][:1]]
    return [*found, _spender(facts), _saver(facts), _limiter(facts)]


def _failed(failure: FailureFacts) -> str:
    head = f"{failure['name']} was refused with {failure['errno']} at line {failure['at']['line']}, "
    head += f"with {counted(failure['vmas'], 'mapping')} known"
    if failure["sure"]:
        return f"{head}: {failure['causes'][0]}."
    return f"{head}. The log cannot tell why; possible, the likeliest first: {'; '.join(failure['causes'])}."


def _leaked(leak: LeakFacts, ended: Place | None) -> str:
    given = f", {number(leak['unmapped'])} were" if leak["unmapped"] else ""
    who = leak["threads"]
    by = (
        f", most by thread {who[0]['tid']}"
        if len(who) > 1 and who[0]["mappings"] * 2 > leak["mappings"]
        else ""
    )
    if leak["callers"] is None:
        called = "Who called was not recorded (`record --stacks`, strace -k)."
    else:
        top = leak["callers"][0]
        all_of_them = top["mappings"] == leak["mappings"]
        share = "All" if all_of_them else f"{number(top['mappings'])} of them"
        called = f"{share} were asked for by {' < '.join(top['frames'])}."
    until = "and they still come. That is a leak, or memory that is meant to stay."
    if ended:
        until = (
            f"until the process ended at line {ended['line']}. "
            "That is a leak if it is to run longer, or memory that it needs."
        )
    return (
        f"{_mappings(leak)} were never unmapped{given} ({size_words(leak['stay_bytes'])} stay mapped): "
        f"from line {leak['first']['line']} to line {leak['last']['line']}{by}, {until} {called}"
    )


def _mappings(leak: LeakFacts) -> str:
    size = size_words(leak["bytes"])
    if leak["largest_bytes"] != leak["bytes"]:
        size += f" to {size_words(leak['largest_bytes'])}"
    what = "" if leak["of"] == "anonymous memory" else f" of {leak['of']}"
    if leak["of"].startswith("file@"):
        what = " of one file"
    return f"{number(leak['mappings'])} mappings of {size}{what}"


def _given_back(group: LeakFacts) -> str:
    """What came to the end of the work, and went at the end of the process."""
    began = group["given_back_at"]
    at = f", from line {began['line']} on" if began else ""
    return (
        f"{_mappings(group)} ({size_words(group['stay_bytes'])}) came from line {group['first']['line']} to line "
        f"{group['last']['line']} and were given back at the end{at}, just before the process ended: no leak, but a "
        "run that goes on longer may hold more."
    )


def _spender(facts: Advise) -> str:
    total, patterns = facts["total"], facts["bill"]["pattern"]
    if not patterns or not total:
        return "The trace has no mappings to pay for."
    top = patterns[0]
    guards = sum(p["vmas"] for p in patterns if p["label"].startswith("guards"))
    if guards * 3 >= total:
        return f"{share_of(guards, total)}: guard pages, {number(guards)}."
    return f"{share_of(top['vmas'], total)}: {top['label']}, {number(top['vmas'])}."


_NOTHING = "No other way of mapping that was tried saves a twentieth of them."


def _nothing(facts: Advise) -> str:
    """That nothing saves, but for what no kernel of today has: that was measured, and stands in the table."""
    past = [
        r
        for r in facts["remedies"]
        if r["name"] in HYPOTHETICAL
        and r["saved"] >= _WORTH
        and r["allowed_alike"]
        and not r["refused_calls"]
    ]
    if not past:
        return _NOTHING
    best = max(past, key=lambda r: r["saved"])
    counts = f"{number(best['before'])} mappings become {number(best['after'])}"
    return f"No way of mapping that today's kernels have saves a twentieth of them; {best['label']} would: {counts}."


def _still_apart(facts: Advise) -> str:
    """The attributes, beside access, that keep neighbours apart, those of most borders first."""
    access = ("rd", "wr", "ex", "ac")
    left = [
        (k, b["pairs"]) for k, b in facts["borders"].items() if k not in access and k != "special mapping"
    ]
    words = [f"{k} ({number(n)})" for k, n in left[:3]]
    return f"beside access, neighbours differ in {', '.join(words)}" if words else ""


def _saver(facts: Advise) -> str:
    useful = [
        r
        for r in facts["remedies"]
        if r["name"] not in ("limit", *HYPOTHETICAL) and r["saved"] >= _WORTH and r["allowed_alike"]
    ]
    if not useful:
        tried = [r for r in facts["remedies"] if r["name"] == "guards"]
        guards = facts["guards"]
        if (
            guards["areas"]
            and guards["areas"] >= _WORTH * facts["total"]
            and not (tried and tried[0]["changed"])
        ):
            return (
                "No call of the log that makes guards can be rewritten; set as guard regions from the start the "
                f"{counted(guards['areas'], 'guard')} would leave {counted(guards['left'], 'mapping')} at best."
            )
        if guards["areas"] and guards["areas"] >= _WORTH * facts["total"]:
            why = _still_apart(facts)
            return f"Guard regions save less than a twentieth: {why}." if why else _nothing(facts)
        return _nothing(facts)
    best = useful[0]
    counts = f"{number(best['before'])} mappings become {number(best['after'])}"
    if best["name"] == "guards":
        return (
            f"Installing the guards with MADV_GUARD_INSTALL keeps the protection and needs no VMA: {counts}."
        )
    if best["name"] == "merge-order":
        return f"Changing the protection of neighbours in one call lets them merge: {counts}."
    return f"{best['label'][:1].upper()}{best['label'][1:]}: {counts}."


def _limiter(facts: Advise) -> str:
    limit = facts["limit"]
    size = f"vm.max_map_count ({number(limit['limit'])})"
    grows = bool(facts["leaks"])
    ended = limit["ended_at"]
    cure = "raising it is the cure if the program is bounded"
    if grows:
        cure = "raising it only moves the failure as long as they come"
    if limit["reached_at"]:
        at = limit["reached_at"]
        return f"The limit {size} is met at line {at['line']}, where {_call(limit)} fails; {cure}."
    if limit["calls_left"] is not None:
        if ended:
            return (
                f"The process ended {number(limit['limit'] - limit['peak'])} mappings below {size}; a run that went on "
                f"at the rate of its last half would meet it after {counted(limit['calls_left'], 'more memory call')}, "
                f"and {_call(limit)} would be the first to fail."
            )
        return (
            f"At the rate of its last half {size} is met after {counted(limit['calls_left'], 'more memory call')}, "
            f"and {_call(limit)} is the first to fail; {cure}."
        )
    left = number(limit["limit"] - limit["peak"])
    failure = facts["failure"]
    if failure and failure["at_map_limit"]:
        return f"The limit {size} was met at line {failure['at']['line']}; {cure}."
    if failure and not failure["sure"]:
        return f"The replay counts {left} mappings less than {size}; areas that the log does not show come on top."
    if failure and failure["causes"][0].startswith("vm.max_map_count"):
        known = counted(limit["peak"], "mapping")
        return f"The process was at its limit {size}: the log shows {known} of it."
    if counts_are_lower_bounds(facts["notes"]):
        return (
            f"The limit {size} is at most {left} mappings away, for areas that the log does not show count too; no "
            "steady growth of what it shows leads to it."
        )
    return f"The limit {size} is {left} mappings away, and no steady growth leads to it."


def _call(limit: LimitFacts) -> str:
    """``mprotect, with ENOMEM,``: the call that fails."""
    call, _, errno = str(limit["first_to_fail"]).partition(" with ")
    return f"{call} ({errno})" if errno else call
