"""The facts of `diff` on two recordings (remaptrace/diff-recordings/1): of two runs, what each needed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, cast

from ...abi.calls import KIND_NAMES
from ...advice.bill import Bill, memory_call_events
from ...advice.dumped import grown
from ...result.result import Result
from ...trace.events import has_accesses
from ..words import counted, number
from .processes import process_facts

if TYPE_CHECKING:
    from ..documents.diff import DiffRecordings, Grown

SCHEMA: Final = "remaptrace/diff-recordings/1"


def recordings_facts(old: tuple[Result, Bill], new: tuple[Result, Bill]) -> DiffRecordings:
    """Areas of the largest processes at their peaks by purpose, file and size; calls, refusals and faults of all."""
    views: dict[str, list[Grown]] = {
        view: [cast("Grown", vars(g)) for g in grown(old[1], new[1], view)]
        for view in ("pattern", "file", "size")
    }
    views["process, VMAs at the peak"] = _lines(*(_peaks(result) for result, _ in (old, new)))
    views["memory call"] = _lines(*(_calls(result, refused=False) for result, _ in (old, new)))
    views["refused call"] = _lines(*(_calls(result, refused=True) for result, _ in (old, new)))
    told = [not r.trace.recorded or has_accesses(r.trace) for r, _ in (old, new)]
    if all(told):
        views["faults"] = _lines(*(_faults(result) for result, _ in (old, new)))
    facts: DiffRecordings = {
        "schema": SCHEMA,
        "sources": [r.trace.name for r, _ in (old, new)],
        "before": old[1].total,
        "after": new[1].total,
        "same_process": False,
        "seconds": None,
        "per_second": None,
        "grown": views,
        "new": None,
        "faults_recorded": told,
        "sentences": [],
    }
    facts["sentences"] = _sentences(facts)
    return facts


def _lines(before: Counter[str], after: Counter[str]) -> list[Grown]:
    """The counts that differ, those that grew most first."""
    labels = [label for label in {**after, **before} if after[label] != before[label]]
    labels.sort(key=lambda label: before[label] - after[label])
    return [
        {"label": label, "before": before[label], "after": after[label], "bytes_before": 0, "bytes_after": 0}
        for label in labels
    ]


def _peaks(result: Result) -> Counter[str]:
    """The highest peak of the processes of each name: ids differ between runs."""
    found: Counter[str] = Counter()
    for process in process_facts(result):
        name = process["name"] or "(no name)"
        found[name] = max(found[name], int(process["peak"]))
    return found


def _calls(result: Result, refused: bool) -> Counter[str]:
    ret = result.columns["ret"]
    wanted = memory_call_events(result.trace)
    if refused:
        wanted = wanted & (ret < 0) & (ret >= -4095)
    return Counter(KIND_NAMES[kind] for kind in result.trace.columns["kind"][wanted].tolist())


def _faults(result: Result) -> Counter[str]:
    return Counter({"minor": int(result.columns["minor"].sum()), "major": int(result.columns["major"].sum())})


def _sentences(facts: DiffRecordings) -> list[str]:
    more = facts["after"] - facts["before"]
    became = f"{number(facts['before'])} became {number(facts['after'])}"
    change = (
        f"{counted(abs(more), 'VMA')} {'more' if more > 0 else 'fewer'} at the peak"
        if more
        else "Equal peaks"
    )
    out = [f"{change}: {became}." if more else f"{change}: {number(facts['after'])} VMAs."]
    changed = sorted(facts["grown"]["pattern"], key=lambda g: -abs(int(g["after"]) - int(g["before"])))
    if changed:
        g = changed[0]
        out.append(f"What changed most: {g['label']}, {number(g['before'])} to {number(g['after'])}.")
    if not all(facts["faults_recorded"]):
        out.append("Faults: not recorded in both.")
    return out
