"""The report of `run` for people: the answer first, one screen in the common case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errortext import printable
from .layout import Cell, Sheet, Span, counted, number, size, sparkline, squeezed
from .phrases import agreement_phrase, event_place, file_place, full_place, outcome_word

Facts = Mapping[str, Any]
_PROCESSES = 3
"""Processes shown when there are more; the rest is summed up."""

_CALLS = 6
_DIFFERENCES = 5


def run_sheet(facts: Facts, width: int = 80, processes: int = _PROCESSES) -> Sheet:
    """Lay out `facts` (of report.facts.run_facts). `processes` 0 shows all of them, and all calls."""
    sheet = Sheet(width)
    _head(sheet, facts)
    _differences(sheet, facts)
    _processes(sheet, facts, processes)
    _calls(sheet, facts, 0 if processes == 0 else _CALLS)
    _accesses(sheet, facts)
    _left_out(sheet, facts)
    return sheet


def _head(sheet: Sheet, facts: Facts) -> None:
    trace, machine = facts["trace"], facts["machine"]
    effort = f"{counted(trace['events'], 'event')}, {facts['seconds']:.1f} s"
    title = [(printable(trace["name"]), "head"), (" on ", ""), (machine_phrase(machine), "head")]
    sheet.sides(title, (effort, "dim"))
    agreement = facts["agreement"]
    answer: Span = agreement_phrase(agreement) if agreement else (_plain_answer(facts), "")
    sheet.paragraph(answer[0], answer[1])


def machine_phrase(machine: Mapping[str, Any]) -> str:
    """``kernel, arch`` with what was overridden and the host."""
    text = f"{machine['kernel']}, {machine['arch']}"
    if machine["overrides"]:
        text += " with " + ", ".join(f"{k}={v}" for k, v in machine["overrides"].items())
    if machine["host"]:
        text += f" on host {machine['host']}"
    return text


def _plain_answer(facts: Facts) -> str:
    done = sum(c["done"] for c in facts["calls"])
    refused = sum(r["count"] for c in facts["calls"] for r in c["refused"])
    faults = sum(r["count"] for r in facts["accesses"]["refused"])
    words = [f"{counted(done, 'call')} done", f"{number(refused)} refused"]
    if facts["accesses"]["total"]:
        words.append(
            f"{number(faults)} of {counted(facts['accesses']['total'], 'access', 'accesses')} refused"
        )
    return ", ".join(words) + "."


def _processes(sheet: Sheet, facts: Facts, shown: int) -> None:
    found = facts["processes"]
    if not found:
        return
    listed_rows = found if shown == 0 else found[:shown]
    rest = found[len(listed_rows) :]
    highest = max(p["peak"] for p in found)
    wide = min(60, max(11, sheet.width - 66))
    rows: list[list[Cell]] = [
        [("VMAs", "head"), ("start", "dim"), ("peak", "dim"), ("end", "dim"), ("course", "dim")]
    ]
    for p in listed_rows:
        rows.append(
            [
                f"{p['pid']} {printable(p['name'])}".rstrip(),
                number(p["start"]),
                number(p["peak"]),
                number(p["end"]),
                (sparkline(squeezed(p["course"], wide), highest), "spark"),
            ]
        )
    if rest:
        rows.append(
            [
                f"{number(len(rest))} more",
                "",
                number(max(p["peak"] for p in rest)),
                "",
                ("-n 0 shows all", "dim"),
            ]
        )
    sheet.blank()
    sheet.table(rows, "lrrrl", flexible=0)
    peak = facts["peak"]
    if peak:
        kinds = [(k, c) for k, c in peak["kinds"].items() if c]
        extra = [(k, c) for k, c in peak["of_them"].items() if c]
        parts = [f"{k} {number(c)}" for k, c in kinds]
        text = "peak by kind   " + " · ".join(parts)
        if extra:
            text += "; of them " + " · ".join(f"{k} {number(c)}" for k, c in extra)
        sheet.paragraph(text, hang=15)
        sheet.line("peak at        ", event_place(peak["at"]))


def _calls(sheet: Sheet, facts: Facts, most: int) -> None:
    calls = facts["calls"]
    if not calls:
        return
    main = [c for c in calls if c["sort"] != "file"] if most else calls
    shown = main[:most] + [c for c in main[most:] if c["refused"]] if most else main
    rows: list[list[Cell]] = [[("calls", "head"), ("done", "dim"), ("refused", "dim"), ("", "")]]
    for call in shown:
        refused: list[Cell] = [_refusal(r) for r in call["refused"]]
        rows.append([call["name"], number(call["done"]), refused[0] if refused else ""])
        rows += [["", "", cell] for cell in refused[1:]]
    sheet.blank()
    sheet.table(rows, "lrll", flexible=2)
    rest = [c for c in calls if c not in shown]
    if rest:
        done = sum(c["done"] for c in rest)
        refusals = sum(r["count"] for c in rest for r in c["refused"])
        names = ", ".join(c["name"] for c in rest[:4]) + (", ..." if len(rest) > 4 else "")
        sheet.line((f"{names}: {number(done)} done, {number(refusals)} refused; -n 0 shows all", "dim"))


def _refusal(r: Mapping[str, Any]) -> list[Span]:
    text: list[Span] = [
        (f"{number(r['count'])} {r['errno']}", "bad"),
        (f"  first {file_place(r['first'])}", "dim"),
    ]
    if r["why"]:
        text.append((f"  {r['why']}", "dim"))
    return text


def _accesses(sheet: Sheet, facts: Facts) -> None:
    accesses, peak, memory = facts["accesses"], facts["peak"], facts["memory"]
    rows: list[list[Cell]] = []
    if accesses["total"]:
        cell: list[Span] = [
            (f"{number(accesses['total'])}: ok {number(accesses['ok'])}", ""),
        ]
        for r in accesses["refused"]:
            cell += [(" · ", "dim"), (f"{outcome_word(r['outcome'])} {number(r['count'])}", "bad")]
        rows.append([("accesses", "head"), cell])
        for r in accesses["refused"]:
            first = r["first"][0]
            text = f"{outcome_word(r['outcome']).rpartition('/')[2]}  {first['access']}  {event_place(first['at'])}"
            rows.append([("  first", "dim"), (text, "")])
    calls = accesses["in_calls"]
    if accesses["minor"] or accesses["major"] or calls["minor"] or calls["major"]:
        text = f"minor {number(accesses['minor'])} · major {number(accesses['major'])}"
        if calls["minor"] or calls["major"]:
            text += f"; inside calls minor {number(calls['minor'])} · major {number(calls['major'])}"
        rows.append([("faults", "head"), text])
    if peak and peak["pages_by_protection"] is not None:
        pages = peak["pages_by_protection"]
        text = " · ".join(f"{k} {counted(c, 'page')}" for k, c in sorted(pages.items(), key=lambda i: -i[1]))
        differing = sum(r["end"] - r["start"] for r in peak["differing"]) // facts["machine"]["page_size"]
        rows.append([("protections", "head"), text or "no page present"])
        rows.append(
            ["", (f"PTE and VMA differ on {counted(differing, 'page')}", "warn" if differing else "")]
        )
        for r in peak["differing"][:_DIFFERENCES]:
            rows.append(
                ["", f"  {r['start']:#x}-{r['end']:#x}  VMA {r['vma']}  PTE {r['pte']}  {r['reason']}"]
            )
    memory_cell = memory_phrase(memory)
    if memory_cell:
        rows.append([("memory", "head"), memory_cell])
    if rows:
        sheet.blank()
        sheet.table(rows, "ll", gap=2, flexible=1)


def memory_phrase(memory: Mapping[str, int]) -> str:
    """Page tables and VMA records of the largest process in bytes."""
    if "vmas" not in memory:
        return ""
    return (
        f"page tables {number(memory['page_tables'])} ({size(memory['page_table_bytes'])}) · "
        f"VMA records {number(memory['vmas'])} ({size(memory['vma_bytes'])}) · "
        f"resident {counted(memory['rss_pages'], 'page')}"
    )


def _differences(sheet: Sheet, facts: Facts) -> None:
    agreement = facts["agreement"]
    if not agreement or not agreement["differences"]:
        return
    sheet.blank()
    sheet.line(("first differences", "head"))
    write_differences(sheet, agreement["differences"][:_DIFFERENCES])


def write_differences(sheet: Sheet, differences: list[dict[str, Any]]) -> None:
    """Differences in full: place and call, then expected and simulated below each other."""
    for d in differences:
        at = d["at"]
        where = full_place(at) or f"event {at['event']}"
        sheet.line((f"{where}  ", ""), (printable(d["call"]), ""))
        what = d["what"].replace("_", " ")
        sheet.paragraph(f"expected   {what} {printable(d['expected'])}", "good", indent=4, hang=11)
        sheet.paragraph(f"simulated  {what} {printable(d['simulated'])}", "bad", indent=4, hang=11)


def _left_out(sheet: Sheet, facts: Facts) -> None:
    sheet.blank()
    skipped = facts["trace"]["skipped"]
    if skipped["lines"]:
        first = skipped["first"][0]
        text = f"{counted(skipped['lines'], 'line')} skipped, first {file_place(first)}: {first['code']}"
        if first["expected"]:
            text += f", expected {first['expected']}"
        sheet.paragraph(printable(text), "warn", hang=2)
    missing = facts["not_modelled"]
    if missing:
        names = [c["name"] if c["count"] == 1 else f"{c['name']} ({number(c['count'])})" for c in missing]
        shown = names[:6]
        more = f" and {counted(len(names) - 6, 'more', 'more')}" if len(names) > 6 else ""
        total = sum(c["count"] for c in missing)
        text = f"{counted(total, 'call is', 'calls are')} not modelled: {', '.join(shown)}{more}"
        sheet.paragraph(printable(text), "warn", hang=2)
    if facts["assumed_areas"]:
        sheet.paragraph(
            f"{counted(facts['assumed_areas'], 'area was', 'areas were')} assumed to exist; "
            "map files (--maps) would say",
            "warn",
            hang=2,
        )
    for note in facts["notes"]:
        sheet.paragraph(printable(note), "dim", hang=2)
