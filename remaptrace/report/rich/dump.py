"""The reports of `advise` on one map and on two, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...counting import counted, number
from ..errortext import printable
from ..facts.dump import is_lower_bound, size_words
from ..layout import Cell, Sheet

if TYPE_CHECKING:
    from ..documents.advise import AdviseGrowth, AdviseMap, FaultFacts, NamedArea
    from ..documents.diff import DiffRecordings, Grown

    Facts = AdviseMap
    Growth = AdviseGrowth | DiffRecordings


def dump_answer(facts: Facts) -> str:
    """How many areas there are, and how many the limit leaves."""
    limit = facts["limit"]
    shown = facts["total"] if facts["counted"] is None else max(facts["total"], facts["counted"])
    least, most = ("At least ", "at most ") if is_lower_bound(facts) else ("", "")
    return f"{least}{counted(shown, 'VMA')}, limit {number(limit['limit'])} ({limit['of']})" + (
        ": met." if limit["met"] else f": {most}{number(limit['left'])} left."
    )


def dump_sheet(facts: Facts, width: int = 80, rows: int = 4) -> Sheet:
    """Lay out the facts of report.facts.dump; `rows` of each smaller view, 0: all."""
    sheet = Sheet(width)
    sheet.sides([(printable(facts["source"]), "head")], (f"a {facts['form']}, no calls", "dim"))
    sheet.paragraph(dump_answer(facts))
    table: list[list[Cell]] = [[("the bill", "head"), ("VMAs", "dim"), ("size", "dim")]]
    for item in facts["bill"]["pattern"]:
        table.append([item["label"], number(item["vmas"]), size_words(item["bytes"])])
    table.append(["", number(facts["total"]), ""])
    sheet.blank()
    sheet.table(table, "lrr", flexible=0)
    for title, words in (
        ("neighbours kept apart by", _apart(facts)),
        ("holes between equal areas", _holes(facts)),
    ):
        if words:
            sheet.paragraph(f"{title}   {words}", hang=4)
    if facts["guards"] and facts["guards"]["areas"]:
        g = facts["guards"]
        sheet.paragraph(
            f"guards   {number(g['areas'])}; as guard regions {number(facts['total'])} VMAs become "
            f"{number(g['left'])} at best",
            hang=4,
        )
    if facts["untouched"] and facts["untouched"]["areas"]:
        u = facts["untouched"]
        sheet.paragraph(
            f"nothing resident in   {counted(u['areas'], 'area')}, {size_words(u['bytes'])}", hang=4
        )
    if facts["fault"]:
        sheet.paragraph(_fault(facts["fault"]), hang=4)
    sheet.blank()
    for view in ("file", "size"):
        items = facts["bill"][view]
        some = items if rows == 0 else items[:rows]
        named = [f"{_short(i['label'])} {number(i['vmas'])}" for i in some]
        rest = sum(i["vmas"] for i in items[len(some) :])
        sheet.entry(f"by {view}", " · ".join(named + ([f"others {number(rest)}"] if rest else [])))
    sheet.blank()
    for sentence in facts["sentences"]:
        sheet.paragraph(printable(sentence))
    for note in facts["notes"]:
        sheet.paragraph(f"note: {printable(note)}", "dim", hang=4)
    if facts["not_shown"]:
        told = [n["what"] + (f" ({n['see']})" if n["see"] else "") for n in facts["not_shown"]]
        sheet.paragraph(f"not shown in a {facts['form']}: {', '.join(told)}", "dim", hang=4)
    return sheet


def _apart(facts: Facts) -> str:
    return " · ".join(f"{printable(k)} {number(v)}" for k, v in (facts["apart"] or {}).items())


def _holes(facts: Facts) -> str:
    return " · ".join(f"{h['size']} {number(h['count'])}" for h in facts["holes"] or ())


def _fault(fault: FaultFacts) -> str:
    inside, below, above = fault["inside"], fault["below"], fault["above"]
    if inside:
        return f"the access that ended it   {fault['address']:#x}, inside {_area(inside)}"
    near = [f"{fault['address'] - below['end']:,} bytes above {_area(below)}"] if below else []
    near += [f"{above['start'] - fault['address']:,} bytes below {_area(above)}"] if above else []
    return f"the access that ended it   {fault['address']:#x}, between areas: {', '.join(near)}"


def _area(area: NamedArea) -> str:
    return f"{area['start']:x}-{area['end']:x} {area['perms']} {printable(area['name'])}".rstrip()


def _short(label: str) -> str:
    return printable(label if label.startswith("[") else label.rpartition("/")[2] or label)


def _what(facts: Growth) -> str:
    return "two maps" if "advise-growth" in facts["schema"] else "two recordings"


def _ends(lines: list[Grown], most: int) -> tuple[list[Grown], int]:
    """The lines that grew most and those that shrank most, `most` of each, and how many lie between."""
    if len(lines) <= 2 * most:
        return lines, 0
    return [*lines[:most], *lines[-most:]], len(lines) - 2 * most


def _has_bytes(line: Grown) -> bool:
    return bool(line["bytes_before"] or line["bytes_after"])


def growth_sheet(facts: Growth, width: int = 80, rows: int = 4) -> Sheet:
    """Lay out what grew between two maps."""
    sheet = Sheet(width)
    sheet.sides([(" -> ".join(printable(s) for s in facts["sources"]), "head")], (_what(facts), "dim"))
    for sentence in facts["sentences"]:
        sheet.paragraph(printable(sentence))
    for view, lines in facts["grown"].items():
        if not lines:
            continue
        some, left = _ends(lines, max(rows, 1)) if rows else (lines, 0)
        table: list[list[Cell]] = [
            [(f"by {view}", "head"), ("before", "dim"), ("after", "dim"), ("VMAs", "dim"), ("bytes", "dim")]
        ]
        for g in some:
            more = g["bytes_after"] - g["bytes_before"]
            table.append(
                [
                    _short(g["label"]),
                    number(g["before"]),
                    number(g["after"]),
                    f"{g['after'] - g['before']:+,}",
                    ("+" if more >= 0 else "-") + size_words(abs(more)) if _has_bytes(g) else "",
                ]
            )
        sheet.blank()
        sheet.table(table, "lrrrr", flexible=0)
        if left:
            sheet.line((f"{counted(left, 'line')} between them; -n 0 shows all", "dim"))
    for item in (facts["new"] or [])[: rows or None]:
        sheet.entry(
            "new", f"{number(item['vmas'])} of {size_words(item['bytes'])}, {printable(item['label'])}"
        )
    return sheet
