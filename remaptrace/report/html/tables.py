"""The tables of a page beside its pictures: calls, notes, the bill, the sides of a diff. From facts alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...counting import number
from ...machine.machine import Machine
from ..facts.run import rule_ground
from ..phrases import nouns, saved_words

if TYPE_CHECKING:
    from ...abi.places import Place
    from ..documents.advise import Advise, AdviseGrowth, AdviseMap
    from ..documents.check import Check
    from ..documents.diff import Diff, DiffRecordings
    from ..documents.page import Cell, Table
    from ..documents.run import Run, Tally


def _table(
    title: str, head: Sequence[str], rows: Sequence[Sequence[Cell]], folded: bool = False, lead: bool = False
) -> list[Table]:
    """A table, unless it would be empty; a `lead` one stands in front of the pictures."""
    return (
        [
            {
                "title": title,
                "head": list(head),
                "rows": [list(row) for row in rows],
                "folded": folded,
                "lead": lead,
            }
        ]
        if rows
        else []
    )


def _known(value: int | None) -> Cell:
    return "not recorded" if value is None else value


def _spot(at: Place) -> str:
    return f"event {number(at['event'])}" + (f", line {number(at['line'])}" if at["line"] else "")


def run_tables(facts: Run) -> list[Table]:
    """What a run did: processes, calls with their refusals, what is not modelled, notes, lines that were skipped."""
    of = f" of {facts['trace']['name']} on {facts['machine']['kernel']}"
    processes: list[list[Cell]] = [
        [str(p["pid"] or ""), p["name"], p["start"], p["peak"], p["end"]] for p in facts["processes"]
    ]
    calls: list[list[Cell]] = [
        [
            call["name"],
            call["done"],
            sum(r["count"] for r in call["refused"]),
            "; ".join(f"{r['errno']}: first at {_spot(r['first'])}" for r in call["refused"]),
        ]
        for call in facts["calls"]
    ]
    skipped = facts["trace"]["skipped"]
    lines: list[list[Cell]] = [
        [s["file"], s["line"], s["code"], s["found"], s["expected"]] for s in skipped["first"]
    ]
    return [
        *_table(
            "Processes" + of,
            ["process", "name", "VMAs first", "VMAs peak", "VMAs last"],
            processes,
            len(processes) > 12,
        ),
        *_table("Calls" + of, ["call", "done", "refused", "how"], calls),
        *_table(
            "Calls that are not modelled",
            ["call", "count"],
            [[c["name"], c["count"]] for c in facts["not_modelled"]],
        ),
        *_table("Notes", ["note"], [[note] for note in facts["notes"]]),
        *_table(
            f"The first of {number(skipped['lines'])} skipped lines",
            ["file", "line", "code", "found", "expected"],
            lines,
        ),
    ]


def letters_of(facts: Diff) -> list[str]:
    """What stands in front of the names of machines: the letters of the report, where it has letters for them."""
    from ..rich.diff import LETTERS, column_names

    names = column_names(facts)
    return [f"{name}: " if names[0] == LETTERS[0] else "" for name in names]


_MEASURES = (
    ("VMAs, first", ("vmas", "start")),
    ("VMAs, peak", ("vmas", "peak")),
    ("VMAs, last", ("vmas", "end")),
    ("refused calls", ("refused_calls",)),
    ("minor faults", ("minor",)),
    ("major faults", ("major",)),
    ("refused accesses", ("refused_accesses",)),
)


_OF_HOST = (
    ("host mmap", ("host", "calls", "mmap")),
    ("host munmap", ("host", "calls", "munmap")),
    ("host VMAs, peak", ("host", "peak_vmas")),
)


def diff_tables(facts: Diff) -> list[Table]:
    """The machines side by side, the first difference with its reason, outcomes against each other, notes."""
    names = [
        f"{letters}{m['machine']['kernel']}, {m['machine']['arch']}"
        for letters, m in zip(letters_of(facts), facts["machines"], strict=True)
    ]
    rows = []
    guests = any(m["host"] for m in facts["machines"])
    for label, path in (*_MEASURES, *(_OF_HOST if guests else ())):
        values = []
        for column in facts["machines"]:
            value: Any = column
            for step in path:
                value = value.get(step) if value is not None else None
            values.append(_known(value))
        rows.append([label, *values])
    found = _table("Side by side", ["", *names], rows, lead=True)
    for pair in facts["pairs"]:
        base, other = names[pair["base"]], names[pair["other"]]
        first = pair["first_difference"]
        if first:
            reasons = [f"{r['rule']}: {r['base']} | {r['other']} ({r['doc']})" for r in first["reason"] or ()]
            answers = [
                [f"{first[side]['answer']}, {_vmas(first[side]['map_count'])}"] for side in ("base", "other")
            ]
            found += _table(
                f"The first difference: {base} and {other}",
                ["where", "call or access", base, other, "because of"],
                [[_spot(first["at"]), first["text"], *answers[0], *answers[1], "; ".join(reasons)]],
                lead=True,
            )
        matrix: list[list[Cell]] = [
            [m["base"], m["other"], m["count"], m["first"]["access"]] for m in pair["outcome_matrix"]
        ]
        found += _table(
            f"Accesses by outcome: {base} and {other}", [base, other, "accesses", "first"], matrix, lead=True
        )
        found += _table(f"Notes: {base} and {other}", ["note"], [[note] for note in pair["notes"]])
    return found


def _vmas(count: int) -> str:
    return f"{number(count)} VMAs" if count >= 0 else "no address space"


def advise_tables(facts: Advise) -> list[Table]:
    """The bill and what would save, as tables."""
    bill: list[list[Cell]] = [
        [view, item["label"], _part(item["vmas"], sum(i["vmas"] for i in items)), item["bytes"]]
        for view, items in facts["bill"].items()
        for item in items
    ]
    most = max((r["before"] for r in facts["remedies"]), default=0)
    saving: list[list[Cell]] = [
        [r["label"], r["kernel"], _part(r["before"], most), _part(r["after"], most), saved_words(r, 1)]
        for r in facts["remedies"]
    ]
    return [
        *_table(
            "What would save", ["remedy", "kernel", "VMAs before", "VMAs after", "saved"], saving, lead=True
        ),
        *_table("The bill", ["view", "what", "VMAs", "bytes"], bill, lead=True),
    ]


def dump_tables(facts: AdviseMap) -> list[Table]:
    """The bill of a map, what keeps its areas apart, and what its form does not show."""
    bill: list[list[Cell]] = [
        [view, item["label"], _part(item["vmas"], facts["total"]), item["bytes"]]
        for view, items in facts["bill"].items()
        for item in items
    ]
    apart: list[list[Cell]] = [[word, count] for word, count in (facts["apart"] or {}).items()]
    missing: list[list[Cell]] = [[one["what"], one["see"] or ""] for one in facts["not_shown"]]
    return [
        *_table("The bill", ["view", "what", "VMAs", "bytes"], bill, lead=True),
        *_table("Neighbours kept apart by", ["by", "neighbours"], apart),
        *_table(f"Not shown in a {facts['form']}", ["what", "where it is"], missing),
    ]


def growth_tables(facts: AdviseGrowth | DiffRecordings) -> list[Table]:
    """What grew between two maps or recordings, a table a view."""
    found: list[Table] = []
    for view, lines in facts["grown"].items():
        rows: list[list[Cell]] = [
            [g["label"], g["before"], g["after"], f"{g['after'] - g['before']:+,}"] for g in lines
        ]
        head = [view, "before", "after", "more"]
        if any(g["bytes_before"] or g["bytes_after"] for g in lines):
            head += ["bytes before", "bytes after"]
            rows = [[*row, g["bytes_before"], g["bytes_after"]] for row, g in zip(rows, lines, strict=True)]
        found += _table(f"What differs, by {view}", head, rows, lead=True)
    new: list[list[Cell]] = [[one["label"], one["vmas"], one["bytes"]] for one in facts["new"] or ()]
    return found + _table("Areas where nothing was before", ["what", "VMAs", "bytes each"], new)


def check_tables(facts: Check) -> list[Table]:
    """Each program or set with what of it agrees, and the differences."""
    compared = list(dict.fromkeys(what for o in facts["outcomes"] for what in o["compared"] or {}))
    rows: list[list[Cell]] = [
        [
            o["path"],
            o["kernel"] or "",
            "error" if o["error"] else "agrees" if o["agrees"] else "differs",
            *(_share((o["compared"] or {}).get(what)) for what in compared),
        ]
        for o in facts["outcomes"]
    ]
    head = ["path", "kernel", "outcome", *map(nouns, compared)]
    apart: list[list[Cell]] = [
        [
            d["at"]["file"] or o["path"],
            d["at"]["line"],
            d["what"],
            d["call"],
            str(d["expected"]),
            str(d["simulated"]),
        ]
        for o in facts["outcomes"]
        for d in o["differences"]
    ]
    return [
        *_table("How much agrees", head, rows, lead=True),
        *_table("Differences", ["file", "line", "what", "call", "expected", "simulated"], apart),
    ]


def _part(value: int, whole: int) -> Cell:
    """A cell that the page draws as a bar."""
    return {"part": [value, whole]}


def _share(tally: Tally | None) -> Cell:
    """A cell that the page draws as a bar."""
    return {"share": [tally["agree"], tally["total"]]} if tally and tally["total"] else ""


def ground_tables(machine: Machine) -> list[Table]:
    """On what the rules of a machine rest, if its kernel is no preset."""
    found = rule_ground(machine.kernel)
    if not found["derived"]:
        return []
    groups = (
        ("asked of a running kernel", found["asked"]),
        ("read in its source", found["read"]),
        ("not known at this version: the older value", found["undecided"]),
        ("given", found["given"]),
        ("of the machine, as it is common: RAM, limits, configuration", found["common"]),
    )
    rows: list[list[Cell]] = [[words, len(rules), ", ".join(rules)] for words, rules in groups if rules]
    title = f"What the rules of {machine.kernel.name} rest on"
    return _table(title, ["ground", "rules", "which"], rows, folded=True)
