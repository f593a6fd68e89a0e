"""The facts of `diff` on two recordings (remaptrace/diff-recordings/1): of two runs, what each needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from ...abi.calls import KIND_NAMES
from ...advice.bill import Bill, memory_call_events
from ...advice.dumped import grown
from ...counting import counted, number
from ...lateclasses import dataclass
from ...result.images import program_peaks
from ...result.result import Result
from ...trace.events import has_accesses
from .processes import names_of, process_facts, process_rows

if TYPE_CHECKING:
    from ..documents.diff import DiffRecordings, Grown

_NAMELESS = "(no name)"

SCHEMA: Final = "remaptrace/diff-recordings/1"


@dataclass(frozen=True)
class Side:
    """A recording: its replay, the bill of the program that is compared at its peak, and the peaks of all."""

    result: Result
    bill: Bill
    program: str
    peaks: Mapping[str, tuple[int, int]]  # program: its highest peak, the event

    @property
    def name(self) -> str:
        return self.program or _NAMELESS


def peaks_of(result: Result) -> dict[str, tuple[int, int]]:
    """The highest peaks of the programs that ran, see `result.images`: ids differ between runs."""
    return program_peaks(result, {p["pid"]: p["name"] for p in process_facts(result)})


def recordings_facts(old: Side, new: Side) -> DiffRecordings:
    """Areas of the compared programs at their peaks by purpose, file and size; calls, refusals and faults of all."""
    sides, results = (old, new), (old.result, new.result)
    views: dict[str, list[Grown]] = {
        view: [cast("Grown", vars(g)) for g in grown(old.bill, new.bill, view)]
        for view in ("pattern", "file", "size")
    }
    names = [side.name for side in sides]
    peaks = [Counter({name or _NAMELESS: count for name, (count, _) in side.peaks.items()}) for side in sides]
    views["process, VMAs at the peak"] = _lines(*_renamed(peaks, names))
    views["memory call"] = _lines(*(_calls(result, refused=False) for result in results))
    views["refused call"] = _lines(*(_calls(result, refused=True) for result in results))
    told = [not r.trace.recorded or has_accesses(r.trace) for r in results]
    if all(told):
        views["faults"] = _lines(*(_faults(result) for result in results))
        by_process = [_faults_by_process(result) for result in results]
        views["process, faults"] = _lines(*_renamed(by_process, names))
    facts: DiffRecordings = {
        "schema": SCHEMA,
        "sources": [r.trace.name for r in results],
        "before": old.bill.total,
        "after": new.bill.total,
        "same_process": False,
        "compared": names,
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


def _renamed(counts: Sequence[Counter[str]], largest: Sequence[str]) -> list[Counter[str]]:
    """Counts by process, in which the largest ones of both are one where neither run has the name of the other."""
    (old, new), (before, after) = counts, largest
    if before in new or after in old or _NAMELESS in largest:
        return list(counts)
    label = f"{before} -> {after}"
    return [
        Counter({label if name == own else name: count for name, count in side.items()})
        for side, own in ((old, before), (new, after))
    ]


def _faults_by_process(result: Result) -> Counter[str]:
    """Page faults of the processes of each name."""
    of_task = process_rows(result.trace)
    names = names_of(result.trace, of_task)
    taken = result.columns["minor"].astype(np.int64) + result.columns["major"]
    found: Counter[str] = Counter()
    sums = np.bincount(of_task[result.trace.columns["task"]], weights=taken)
    for process, count in enumerate(sums.astype(np.int64).tolist()):
        if count:
            found[names.get(process, "") or _NAMELESS] += count
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
    before, after = facts["compared"]
    if before != after:
        out.append(f"Areas are those of the largest process of each: {before} before, {after} after.")
    elif before != _NAMELESS:
        out.append(f"Areas are those of {before}.")
    told = facts["faults_recorded"]
    if not any(told):
        out.append("Faults: not recorded, neither before nor after.")
    elif not all(told):
        out.append(f"Faults: not recorded {'after' if told[0] else 'before'}, so not compared.")
    return out
