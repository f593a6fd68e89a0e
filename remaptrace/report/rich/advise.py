"""The report of `advise` for people: the bill, what would help, three sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...counting import counted, number
from ...trace.wording import counts_are_lower_bounds
from ..errortext import printable
from ..layout import Cell, Sheet
from ..phrases import event_place, line_place, process_words
from .run import machine_phrase

if TYPE_CHECKING:
    from ..documents.advise import Advise as Facts
    from ..documents.advise import LookupCost, RemedyFacts


VIEWS = {"call": "by call", "thread": "by thread", "file": "by file", "size": "by size"}
_ROWS = 4


def advise_sheet(facts: Facts, width: int = 80, rows: int = _ROWS) -> Sheet:
    """Lay out the facts of report.advisefacts; `rows` of each smaller view, 0: all."""
    sheet = Sheet(width)
    trace, process = facts["trace"], facts["process"]
    title = [(printable(trace["name"]), "head"), (" on ", ""), (machine_phrase(facts["machine"]), "head")]
    sheet.sides(title, (f"{counted(trace['events'], 'event')}, {facts['seconds']:.1f} s", "dim"))
    sheet.paragraph(advise_answer(facts))
    _bill(sheet, facts)
    _views(sheet, facts, rows)
    _remedies(sheet, facts)
    if facts["lookup"] is not None:
        lookup_table(sheet, facts["lookup"])
    sheet.blank()
    for sentence in facts["sentences"]:
        sheet.paragraph(sentence)
    who = ("pid " if process["pid"] else "") + process_words(process["pid"], process["name"])
    sheet.blank()
    for note in facts["notes"]:
        sheet.paragraph(note, "dim", hang=2)
    peak = event_place(facts["peak_at"], trace["sources"])
    sheet.paragraph(f"of {who}, at its peak: {peak}", "dim", hang=2)
    return sheet


_BORDERS = 6
"""Kinds of borders that are named; the JSON has them all."""


def vmas_at_the_peak(facts: Facts) -> str:
    """``12 VMAs at the peak``; ``At least`` where a note says that areas are missing."""
    at_least = "At least " if counts_are_lower_bounds(facts["notes"]) else ""
    return f"{at_least}{counted(facts['total'], 'VMA')} at the peak"


def advise_answer(facts: Facts) -> str:
    """One sentence: the VMAs at the peak, the limit, and when it is met."""
    limit = facts["limit"]
    text = f"{vmas_at_the_peak(facts)}, limit {number(limit['limit'])}."
    if limit["reached_at"]:
        where = event_place(limit["reached_at"], facts["trace"]["sources"])
        return f"{text} The limit is met: {limit['first_to_fail']}, {where}."
    if limit["calls_left"] is not None:
        if limit["ended_at"]:
            return (
                f"{text} Its process ended; a run that went on at {limit['growth_per_1000_calls']:g} VMAs per 1,000 "
                f"calls would meet it after {counted(limit['calls_left'], 'more call')}."
            )
        return (
            f"{text} At {limit['growth_per_1000_calls']:g} VMAs per 1,000 calls the limit is met after "
            f"{counted(limit['calls_left'], 'more call')}; {fails_first(limit['first_to_fail'] or '')}."
        )
    return text


def fails_first(call_and_errno: str) -> str:
    """``mprotect fails first, with ENOMEM``."""
    call, _, errno = call_and_errno.partition(" with ")
    return f"{call} fails first, with {errno}" if errno else f"{call} fails first"


def _bill(sheet: Sheet, facts: Facts) -> None:
    sources = facts["trace"]["sources"]
    rows: list[list[Cell]] = [
        [("the bill", "head"), ("VMAs", "dim"), ("per 1,000 calls", "dim"), ("first", "dim")]
    ]
    for item in facts["bill"]["pattern"]:
        first = line_place(item["first"], sources) if item["first"] else "before the log"
        rows.append([item["label"], number(item["vmas"]), f"{item['per_1000_calls']:g}", first])
    rows.append(["", number(facts["total"]), "", ""])
    sheet.blank()
    sheet.table(rows, "lrrl", flexible=0)
    left = facts["left_if_pages_differ_in"]
    if left["both"] < facts["total"]:
        three = (("protection", left["protection"]), ("offset", left["offset"]), ("both", left["both"]))
        words = " · ".join(f"{k} {number(v)}" for k, v in three)
        sheet.paragraph(f"left, could the pages of one VMA differ in   {words}", hang=4)
    if facts["apart"]:
        kinds = list(facts["apart"].items())
        shown = kinds if len(kinds) <= _BORDERS + 1 else kinds[:_BORDERS]
        borders = [f"{printable(k)} {number(v)}" for k, v in shown]
        if len(shown) < len(kinds):
            borders.append(f"others {number(sum(v for _, v in kinds[len(shown) :]))}")
        sheet.paragraph(f"neighbours kept apart by   {' · '.join(borders)}", hang=4)


def _views(sheet: Sheet, facts: Facts, most: int) -> None:
    """The smaller views, a line each: the largest spenders."""
    sheet.blank()
    for view, label in VIEWS.items():
        items = facts["bill"].get(view, [])
        shown = items if most == 0 else items[:most]
        words = [f"{_short(item['label'])} {number(item['vmas'])}" for item in shown]
        rest = sum(item["vmas"] for item in items[len(shown) :])
        if rest:
            words.append(f"others {number(rest)}")
        sheet.entry(label, " · ".join(words))


def _short(label: str) -> str:
    return printable(label if label.startswith("[") else label.rpartition("/")[2] or label)


def _remedies(sheet: Sheet, facts: Facts) -> None:
    heads = ("what would help, measured by replay", "VMAs", "then", "saved")
    rows: list[list[Cell]] = [[(h, "dim" if i else "head") for i, h in enumerate(heads)]]
    shown = [r for r in facts["remedies"] if r["name"] == "limit" or r["before"] != r["after"]]
    savings = [r for r in shown if r["name"] != "limit"]
    for r in savings:
        saved = (f"{100 * r['saved']:.0f} %", "good" if r["saved"] >= 0.05 and r["allowed_alike"] else "")
        rows.append([r["label"], number(r["before"]), number(r["after"]), saved])
    part = Sheet(sheet.width)
    part.table(rows, "lrrr", flexible=0)
    lines = iter(part.lines)
    sheet.blank()
    if savings:
        sheet.lines.append(next(lines))
    else:
        sheet.paragraph("what would help   no other way of mapping that was tried saves a VMA", hang=4)
    for r in shown:
        if r["name"] == "limit":
            _cure(sheet, facts)
            continue
        sheet.lines.append(next(lines))
        remark = _remark(r, facts["machine"]["kernel"])
        if remark:
            sheet.paragraph(remark, "dim", indent=2, hang=2)
    for note in dict.fromkeys(n for r in shown for n in r["notes"]):
        sheet.paragraph(printable(note), "dim", hang=2)


def _cure(sheet: Sheet, facts: Facts) -> None:
    """What raising the limit is, in its place among what would help: no saving."""
    grows = bool(facts["leaks"]) and not facts["limit"]["ended_at"]
    what = (
        "no saving; it delays a program that grows, and cures none"
        if grows
        else "no saving; the cure if the program is bounded, a delay if it grows"
    )
    sheet.paragraph(f"raising vm.max_map_count ({number(facts['limit']['limit'])}): {what}", hang=2)


def _remark(r: RemedyFacts, own: str) -> str:
    """What a reader must know of a remedy beside its numbers."""
    words = []
    if r["kernel"] != own:
        words.append(f"on {r['kernel']}")
    if not r["allowed_alike"]:
        words.append("some accesses end differently")
    if r["refused_calls"]:
        words.append(f"{counted(r['refused_calls'], 'call')} refused that were done before")
    return "; ".join(words)


def lookup_table(sheet: Sheet, lookup: list[LookupCost]) -> None:
    """What a lookup costs in each structure, on this trace."""
    sheet.blank()
    heads = ("VMA lookup", "hits", "nodes", "p99", "lines", "p99", "bytes")
    rows: list[list[Cell]] = [[(h, "head" if i == 0 else "dim") for i, h in enumerate(heads)]]
    for entry in lookup:
        hits = f"{100 * entry['hit_rate']:.0f} %" if entry["hit_rate"] is not None else ""
        rows.append(
            [
                entry["label"],
                hits,
                f"{entry['nodes_mean']:.1f}",
                number(entry["nodes_p99"]),
                f"{entry['lines_mean']:.1f}",
                number(entry["lines_p99"]),
                number(entry["bytes"]),
            ]
        )
    sheet.table(rows, "lrrrrrr")
