"""OpenMetrics text of runs and checks: gauges that node_exporter's textfile collector and Prometheus read.

What was not recorded has no sample. A set of labels occurs once a metric: of further ones the label `copy` counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..printable import printable

if TYPE_CHECKING:
    from .documents.check import Check
    from .documents.run import Agreement, Run

Labels = Mapping[str, str]

_HELP = {
    "vmas_peak": "Highest VMA count of a process.",
    "vmas_end": "VMA count of a process at its end.",
    "events": "Events of the trace.",
    "skipped_lines": "Lines that could not be read.",
    "calls_done": "Calls that succeeded, by name.",
    "calls_refused": "Calls that were refused, by name and errno.",
    "accesses_refused": "Accesses by outcome other than ok.",
    "faults": "Page faults of the whole trace, those inside calls among them.",
    "rss_pages": "Resident pages of the largest process at its peak.",
    "page_table_bytes": "Bytes of page tables of the largest process at its peak.",
    "compared": "Comparisons with the truth, by what was compared.",
    "agreeing": "Comparisons that agree, by what was compared.",
    "agrees": "1: everything compared agrees; 0: it does not. Absent where nothing was compared.",
    "unreadable": "1: the input could not be read.",
}


class _Families:
    def __init__(self) -> None:
        self.rows: dict[str, dict[tuple[tuple[str, str], ...], int]] = {}

    def add(self, name: str, labels: Labels, value: int | None) -> None:
        if value is None:
            return
        rows = self.rows.setdefault(name, {})
        key, copy = tuple(labels.items()), 1
        while key in rows:
            copy += 1
            key = (*labels.items(), ("copy", str(copy)))
        rows[key] = value

    def text(self) -> str:
        lines = []
        for name, text in _HELP.items():
            if name in self.rows:
                lines += [f"# TYPE remaptrace_{name} gauge", f"# HELP remaptrace_{name} {text}"]
                lines += [
                    f"remaptrace_{name}{_labels(key)} {value}" for key, value in self.rows[name].items()
                ]
        return "\n".join([*lines, "# EOF"]) + "\n"


def openmetrics(facts: Sequence[Run | Check]) -> str:
    """The numbers of runs (remaptrace/run/1) or of a check (remaptrace/check/1)."""
    families = _Families()
    for one in facts:
        if one["schema"] == "remaptrace/check/1":
            for outcome in one["outcomes"]:
                about = {
                    "trace": outcome["path"],
                    "kernel": outcome["kernel"] or "",
                    "arch": outcome["arch"] or "",
                }
                families.add("unreadable", about, int(outcome["error"] is not None))
                families.add("skipped_lines", about, None if outcome["error"] else outcome["skipped_lines"])
                _agreement(families, about, outcome)
        else:
            _run(families, one)
    return families.text()


def _run(families: _Families, facts: Run) -> None:
    machine = facts["machine"]
    about = {"trace": facts["trace"]["name"], "kernel": machine["kernel"], "arch": machine["arch"]}
    families.add("events", about, facts["trace"]["events"])
    families.add("skipped_lines", about, facts["trace"]["skipped"]["lines"])
    for process in facts["processes"]:
        own = {**about, "pid": str(process["pid"]), "process": process["name"]}
        families.add("vmas_peak", own, process["peak"])
        families.add("vmas_end", own, process["end"])
    for call in facts["calls"]:
        families.add("calls_done", {**about, "call": call["name"]}, call["done"])
        for refused in call["refused"]:
            own = {**about, "call": call["name"], "errno": refused["errno"]}
            families.add("calls_refused", own, refused["count"])
    accesses = facts["accesses"]
    for ended in accesses["refused"]:
        families.add("accesses_refused", {**about, "outcome": ended["outcome"]}, ended["count"])
    inside = accesses["in_calls"]
    for sort in ("minor", "major"):
        if inside is not None and (own_faults := accesses[sort]) is not None:
            families.add("faults", {**about, "sort": sort}, own_faults + inside[sort])
    for name in ("rss_pages", "page_table_bytes"):
        families.add(name, about, facts["memory"].get(name))
    if facts["agreement"]:
        _agreement(families, about, facts["agreement"])


def _agreement(families: _Families, about: Labels, agreement: Agreement) -> None:
    compared = {what: tally for what, tally in agreement["compared"].items() if tally["total"]}
    for what, tally in compared.items():
        families.add("compared", {**about, "what": what}, tally["total"])
        families.add("agreeing", {**about, "what": what}, tally["agree"])
    if compared and not agreement["error"]:
        families.add("agrees", about, int(agreement["agrees"]))


def _labels(labels: Sequence[tuple[str, str]]) -> str:
    cells = []
    for name, value in labels:
        text = printable(value).replace("\\", "\\\\").replace('"', '\\"')
        cells.append(f'{name}="{text}"')
    return "{" + ",".join(cells) + "}"
