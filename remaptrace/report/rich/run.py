"""The report of `run` for people: the answer first, one screen in the common case."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from ...counting import counted, number
from ..errortext import printable
from ..layout import Cell, Sheet, Span, size, sparkline, squeezed
from ..phrases import (
    agreement_phrase,
    event_place,
    full_place,
    ground_phrases,
    line_place,
    outcome_word,
    process_words,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..documents.run import Difference, MachineFacts, Peak, Refusal, TraceFacts
    from ..documents.run import Run as Facts

_PROCESSES = 3
"""Processes shown when there are more; the rest is summed up."""

_VERDICTS = ("Equivalent: ", "Not equivalent: ")
"""How the note begins that says whether a rewritten trace means the same; it stands at the top."""

_CALLS = 6
_RANGES = 4
_DIFFERENCES = 5
_LONGEST = 240


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
    title = [(printable(trace["name"]), "head"), (" on ", ""), (machine_phrase(machine), "head")]
    sheet.sides(title, (f"{counted(trace['events'], 'event')}, {facts['seconds']:.1f} s", "dim"))
    agreement = facts["agreement"]
    answer: Span = agreement_phrase(agreement) if agreement else (plain_answer(facts), "")
    sheet.paragraph(answer[0], answer[1])
    for text, style in ground_phrases(facts):
        sheet.paragraph(text, style, hang=2)
    for note in facts["notes"]:
        if note.startswith(_VERDICTS):
            sheet.paragraph(note, "good" if note.startswith(_VERDICTS[0]) else "bad")
    sheet.line((_source(trace), "dim"))


def _source(trace: TraceFacts) -> str:
    """Which file, how many processes, over how much time."""
    sources = [printable(s).rpartition("/")[2] for s in trace["sources"]]
    words = [sources[0] if len(sources) == 1 else counted(len(sources), "file")]
    if trace["processes"] > 1:
        words.append(counted(trace["processes"], "process", "processes"))
    if trace["span_ns"]:
        words.append(f"{trace['span_ns'] / 1e9:.1f} s recorded")
    return ", ".join(words)


_SETTINGS = 4
"""Settings that a heading names; the JSON has them all."""


def machine_phrase(machine: MachineFacts) -> str:
    """``kernel, arch`` with what was overridden and the host."""
    text = f"{machine['kernel']}, {machine['arch']}"
    if machine["overrides"]:
        given = [f"{k}={v}" for k, v in machine["overrides"].items()]
        shown = given if len(given) <= _SETTINGS + 1 else given[:_SETTINGS]
        text += " with " + ", ".join(shown)
        if len(shown) < len(given):
            text += f" and {len(given) - len(shown)} more"
    if machine["host"]:
        text += f" on host {machine['host']}"
    return text


def plain_answer(facts: Facts) -> str:
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
                process_words(p["pid"], p["name"]),
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
    if peak and peak["vmas"]:
        kinds = [(k, c) for k, c in peak["kinds"].items() if c]
        extra = [(k, c) for k, c in peak["of_them"].items() if c]
        parts = [f"{k} {number(c)}" for k, c in kinds]
        text = "peak by kind   " + " · ".join(parts)
        if extra:
            text += "; of them " + " · ".join(f"{k} {number(c)}" for k, c in extra)
        sheet.paragraph(text, hang=15)
        sheet.line("peak until     ", event_place(peak["at"], facts["trace"]["sources"]))


def _calls(sheet: Sheet, facts: Facts, most: int) -> None:
    calls = facts["calls"]
    if not calls:
        return
    main = [c for c in calls if c["sort"] != "file"] if most else calls
    shown = main[:most] + [c for c in main[most:] if c["refused"]] if most else main
    sources = facts["trace"]["sources"]
    rows: list[list[Cell]] = [[("calls", "head"), ("done", "dim"), ("refused, first at", "dim")]]
    for call in shown:
        rows.append([call["name"], number(call["done"]), _refusals(call["refused"], sources)])
    sheet.blank()
    sheet.table(rows, "lrl", flexible=2, wrap=True)
    rest = [c for c in calls if c not in shown]
    if rest:
        done = sum(c["done"] for c in rest)
        refusals = sum(r["count"] for c in rest for r in c["refused"])
        names = ", ".join(c["name"] for c in rest[:4]) + (", ..." if len(rest) > 4 else "")
        text = f"{names}: {number(done)} done, {number(refusals)} refused; -n 0 shows all"
        sheet.paragraph(text, "dim", hang=2)


def _refusals(refused: Sequence[Refusal], sources: Sequence[str]) -> list[Span]:
    """All refusals of one call on a line; the reason where there is only one."""
    out: list[Span] = []
    for r in refused:
        if out:
            out.append((" · ", "dim"))
        out += [(f"{number(r['count'])} {r['errno']}", "bad"), (f" {line_place(r['first'], sources)}", "dim")]
    if len(refused) == 1 and refused[0]["why"]:
        out.append((f"  {refused[0]['why']}", "dim"))
    return out


def _accesses(sheet: Sheet, facts: Facts) -> None:
    accesses, peak, sources = facts["accesses"], facts["peak"], facts["trace"]["sources"]
    sheet.blank()
    if accesses["total"]:
        cell: list[Span] = [(f"{number(accesses['total'])}: ok {number(accesses['ok'])}", "")]
        for r in accesses["refused"]:
            cell += [(" · ", "dim"), (f"{outcome_word(r['outcome'])} {number(r['count'])}", "bad")]
        sheet.entry("accesses", cell)
        for r in accesses["refused"]:
            first = r["first"][0]
            word = outcome_word(r["outcome"]).rpartition("/")[2]
            sheet.entry(
                "",
                [(f"first {word}  ", "dim"), (first["access"], ""), ("  ", "")],
                event_place(first["at"], sources),
            )
    calls = accesses["in_calls"]
    if calls is None:
        sheet.entry("faults", [("not recorded, nor which pages were resident", "dim")])
    elif accesses["minor"] or accesses["major"] or calls["minor"] or calls["major"]:
        text = f"minor {number(accesses['minor'] or 0)} · major {number(accesses['major'] or 0)}"
        if calls["minor"] or calls["major"]:
            text += f"; inside calls minor {number(calls['minor'])} · major {number(calls['major'])}"
        sheet.entry("faults", text)
    if peak and peak["vmas"] and peak["pages_by_protection"] is not None:
        _protections(sheet, facts, peak)
    memory = memory_phrase(facts["memory"])
    if memory:
        sheet.entry("memory", memory)


def _protections(sheet: Sheet, facts: Facts, peak: Peak) -> None:
    """Pages by what may be done with them, and where that is not what their VMA says."""
    pages = sorted((peak["pages_by_protection"] or {}).items(), key=lambda item: -item[1])
    words = [f"{k} {number(c)}" for k, c in pages]
    sheet.entry("pages", " · ".join(words) or "none present")
    differing = sum(r["end"] - r["start"] for r in peak["differing"]) // facts["machine"]["page_size"]
    text = f"PTE and VMA differ on {counted(differing, 'page')}"
    sheet.entry("", [(text, "warn" if differing else "dim")])
    for r in peak["differing"][:_RANGES]:
        sheet.entry("", f"  {r['start']:#x}-{r['end']:#x}  VMA {r['vma']}  PTE {r['pte']}  {r['reason']}")
    if len(peak["differing"]) > _RANGES:
        more = counted(len(peak["differing"]) - _RANGES, "more range")
        sheet.entry("", [(f"  {more}; --format json has all", "dim")])


def memory_phrase(memory: Mapping[str, int | None]) -> str:
    """Page tables and VMA records of the largest process in bytes."""
    if not memory.get("vmas"):
        return ""
    records = f"VMA records {number(memory['vmas'] or 0)} ({size(memory['vma_bytes'] or 0)})"
    tables, table_bytes, resident = (memory[k] for k in ("page_tables", "page_table_bytes", "rss_pages"))
    if tables is None or table_bytes is None or resident is None:
        return records
    return f"page tables {number(tables)} ({size(table_bytes)}) · {records} · resident {counted(resident, 'page')}"


def _differences(sheet: Sheet, facts: Facts) -> None:
    agreement = facts["agreement"]
    if not agreement or not agreement["differences"]:
        return
    sheet.blank()
    sheet.line(("first differences", "head"))
    write_differences(sheet, agreement["differences"][:_DIFFERENCES])


def write_differences(sheet: Sheet, differences: list[Difference]) -> None:
    """Differences in full: place and call, then expected and simulated below each other; one entry an event."""
    for _, group in itertools.groupby(
        differences, key=lambda d: (d["at"]["file"], d["at"]["line"], d["call"])
    ):
        same = list(group)
        at = same[0]["at"]
        where = full_place(at) or f"event {at['event']}"
        sheet.line((f"{where}  ", ""), (printable(same[0]["call"]), ""))
        for side, style, texts in (
            ("expected", "good", [d["expected"] for d in same]),
            ("simulated", "bad", [d["simulated"] for d in same]),
        ):
            words = [
                f"{d['what'].replace('_', ' ')} {_shortened(printable(text))}"
                for d, text in zip(same, texts, strict=True)
            ]
            sheet.paragraph(f"{side.ljust(11)}{' · '.join(words)}", style, indent=4, hang=11)


def _shortened(text: str) -> str:
    """`text`, its middle left out where it would fill the screen; the JSON has all of it."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 60]} ... {text[-50:]}"


def _left_out(sheet: Sheet, facts: Facts) -> None:
    sheet.blank()
    skipped = facts["trace"]["skipped"]
    if skipped["lines"]:
        first = skipped["first"][0]
        where = line_place(first, facts["trace"]["sources"])
        text = f"{counted(skipped['lines'], 'line')} skipped, first {where}: {first['code']}"
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
    for note in facts["notes"]:
        if not note.startswith(_VERDICTS):
            sheet.paragraph(printable(note), "dim", hang=2)
