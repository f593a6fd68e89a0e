"""The report of `check` for people: what disagrees, then one line of sums."""

from __future__ import annotations

import os

from ...counting import counted, number
from ..errortext import printable
from ..layout import Cell, Sheet
from ..phrases import noun, nouns
from .run import write_differences

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..documents.check import Check as Facts
    from ..documents.run import Agreement

_DIFFERENCES = 3
"""Differences in full for each source; -n shows more."""


def check_sheet(facts: Facts, width: int = 80, differences: int = _DIFFERENCES) -> Sheet:
    """Lay out the facts of report.checkfacts: agreeing sources in a line each group, others in full."""
    sheet = Sheet(width)
    folders: dict[tuple[str, str], list[Agreement]] = {}
    for outcome in facts["outcomes"]:
        folder = os.path.dirname(outcome["path"].rstrip("/"))
        folders.setdefault((folder, outcome["kind"]), []).append(outcome)
    for (folder, _), outcomes in folders.items():
        machines = list(dict.fromkeys((o["kernel"], o["arch"]) for o in outcomes if o["kernel"]))
        if len(machines) == 1:
            where = ", ".join(machines[0])
        else:
            where = counted(len(machines), "machine") if machines else ""
        _group(sheet, printable(folder) or ".", where, outcomes, differences)
    _sums(sheet, facts)
    return sheet


def _group(sheet: Sheet, folder: str, machine: str, outcomes: list[Agreement], differences: int) -> None:
    sheet.blank()
    what = counted(len(outcomes), "program" if outcomes[0]["kind"] == "program" else "recorded set")
    sheet.sides((folder, "head"), (f"{what} on {machine}" if machine else what, "dim"))
    sets = [o for o in outcomes if o["kind"] == "set" and not o["error"]]
    if sets:
        _set_table(sheet, sets)
    agreeing = [o for o in outcomes if o["agrees"]]
    if agreeing and not sets:
        compared = [(w, t["total"]) for o in agreeing for w, t in o["compared"].items()]
        steps = sum(n for what, n in compared if what != "end_areas")
        ends = sum(n for what, n in compared if what == "end_areas")
        areas = f", {noun('end_areas', ends)}" if ends else ""
        names = "all" if len(agreeing) == len(outcomes) else number(len(agreeing))
        sheet.line((f"{names} agree", "good"), f", {counted(steps, 'step')}{areas}")
    for outcome in outcomes:
        if outcome["error"]:
            error = outcome["error"]
            place = ":".join(str(p) for p in (error["file"] or outcome["path"], error["line"]) if p)
            sheet.paragraph(
                f"{printable(place)}  {error['code']}: {printable(error['problem'])}", "bad", hang=4
            )
        elif not outcome["compared"]:
            sheet.paragraph(f"{printable(outcome['path'])}  nothing to compare with", "warn", hang=4)
        elif not outcome["agrees"]:
            shown = outcome["differences"] if differences == 0 else outcome["differences"][:differences]
            write_differences(sheet, shown)
            wrong = sum(t["total"] - t["agree"] for t in outcome["compared"].values())
            if wrong > len(shown):
                name = printable(outcome["name"])
                sheet.line(
                    (f"    {name}: {counted(wrong - len(shown), 'more difference')}; -n 0 shows more", "dim")
                )


def _set_table(sheet: Sheet, sets: list[Agreement]) -> None:
    columns = list(dict.fromkeys(w for o in sets for w in o["compared"]))
    rows: list[list[Cell]] = [["", *[(nouns(c), "dim") for c in columns]]]
    for o in sets:
        row: list[Cell] = [printable(o["name"])]
        for c in columns:
            tally = o["compared"].get(c)
            if not tally:
                row.append("")
            elif tally["agree"] == tally["total"]:
                row.append((number(tally["total"]), "good"))
            else:
                row.append((f"{number(tally['agree'])}/{number(tally['total'])}", "bad"))
        rows.append(row)
    sheet.table(rows, "l" + "r" * len(columns), gap=2, flexible=0)


def _sums(sheet: Sheet, facts: Facts) -> None:
    sheet.blank()
    skipped = sum(o["skipped_lines"] for o in facts["outcomes"])
    if skipped:
        sheet.line((f"{counted(skipped, 'unreadable line was', 'unreadable lines were')} skipped", "warn"))
    sheet.line(check_answer(facts))


def check_answer(facts: Facts) -> tuple[str, str]:
    """How many programs and steps agree."""
    programs, steps = facts["programs"], facts["steps"]
    fine = programs["agree"] == programs["total"]
    text = (
        f"programs {number(programs['agree'])}/{number(programs['total'])}, "
        f"steps {number(steps['agree'])}/{number(steps['total'])}"
    )
    return text, "good" if fine else "bad"
