"""The report of `verify`: for people, as lines of words, as a table to paste."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..counting import number
from .errortext import printable
from .facts.verify import summary
from .layout import Cell, Sheet
from .markdown.diff import table
from .markdown.run import MARKER
from .phrases import listed
from .plain.run import line_of

if TYPE_CHECKING:
    from .documents.verify import Kind, KindRow
    from .documents.verify import Verify as Facts

_CLASSES = 4
"""Classes of arguments named in one row of a table; JSON has all."""


def verify_sheet(facts: Facts, width: int = 80) -> Sheet:
    """Who answered, the kinds as a table, and of each row the smallest program."""
    sheet = Sheet(width)
    for label, text in _head(facts):
        sheet.entry(label, printable(text))
    rows: list[list[Cell]] = [
        [("", ""), ("call", "dim"), ("there", "dim"), ("here", "dim"), ("arguments", "dim")]
    ]
    for row in facts["rows"]:
        rows.append([number(row["count"]), *(printable(c) for c in _cells(row))])
    if facts["rows"]:
        sheet.blank()
        sheet.table(rows, "rllll", gap=2, flexible=4, wrap=True)
    for row in facts["rows"]:
        sheet.blank()
        _example(sheet, facts["kinds"][row["smallest"]])
    sheet.blank()
    sheet.line((summary(facts), "bad" if facts["kinds"] else "good"))
    return sheet


def _head(facts: Facts) -> Iterator[tuple[str, str]]:
    other, machine = facts["other"], facts["machine"]
    yield "there", f"{other['name']}: {other['kernel'] or 'nothing said of itself'}"
    if other["emulated"]:
        yield "", f"{other['executable']} ran in the runner's place: it answered, not the kernel below it"
    second = facts["second"]
    if second:
        yield "here", f"{second['name']}: {second['kernel']}"
    else:
        yield "here", f"{machine['kernel']} on {machine['arch']}, {machine['chosen']}"
    if "derived" in machine["about"] and not second:
        yield "", machine["about"]
    if machine["settings"] and not second:
        yield "", "as read there: " + ", ".join(f"{k}={v}" for k, v in machine["settings"].items())
    if facts["not_compared"]:
        yield "left out", listed(facts["not_compared"])
    for flag, why in facts["flags_left_out"].items():
        yield "left out", f"VmFlags {flag} ({why})"
    for name, why in facts["skipped"].items():
        yield "left out", f"{name} left out: {why}"
    for note in facts["notes"]:
        yield "note", note
    if facts["unfinished"]:
        yield "note", f"{facts['unfinished']} programs have more disagreements than were counted"


def _cells(row: KindRow) -> list[str]:
    what = "" if row["what"] in ("result", "outcome", "end") else f"{row['what']}: "
    return [row["call"], what + row["there"], row["here"], _classes(row["arguments"])]


def _classes(arguments: list[str]) -> str:
    more = len(arguments) - _CLASSES
    return "; ".join(arguments[:_CLASSES]) + (f"; and {more} more" if more > 0 else "")


def _example(sheet: Sheet, kind: Kind) -> None:
    example = kind["example"]
    steps = example["steps"]
    for n, step in enumerate(steps):
        sheet.paragraph(f"{n} {printable(step)}", "", indent=2, hang=4)
    for found in example["differences"][:1]:
        sheet.paragraph(f"there {printable(found['there'])}", "dim", indent=4, hang=6)
        sheet.paragraph(f"here  {printable(found['here'])}", "dim", indent=4, hang=6)
    for words in rule_words(kind):
        sheet.paragraph(words, "", indent=4, hang=6)


def rule_words(kind: Kind) -> list[str]:
    """A line for each rule that explains the kind: ``rule guard_regions: anonymous or all there, none here``."""
    rules: dict[tuple[str, str], list[str]] = {}
    for found in kind["rules"]:
        rules.setdefault((found["rule"], found["here"]), []).append(found["there"])
    return [f"rule {name}: {' or '.join(there)} there, {here} here" for (name, here), there in rules.items()]


def verify_plain(facts: Facts) -> str:
    """The facts as lines of words."""
    other, machine, second = facts["other"], facts["machine"], facts["second"]
    lines = [
        line_of(
            "there",
            name=other["name"],
            kernel=other["kernel"] or None,
            emulated="yes" if other["emulated"] else "no",
            executable=other["executable"],
        ),
        line_of("here", name=second["name"], kernel=second["kernel"])
        if second
        else line_of("here", kernel=machine["kernel"], arch=machine["arch"], chosen=machine["chosen"]),
    ]
    lines += [line_of("setting", rule=k, value=v) for k, v in machine["settings"].items()]
    lines += [line_of("not-compared", what=what) for what in facts["not_compared"]]
    lines += [line_of("not-compared", what=f"VmFlags {k}", why=v) for k, v in facts["flags_left_out"].items()]
    lines += [line_of("left-out", what=k, why=v) for k, v in facts["skipped"].items()]
    lines += [line_of("note", text=note) for note in facts["notes"]]
    for kind in facts["kinds"]:
        counts: dict[str, str | int] = {"count": kind["count"], "programs": kind["programs"]}
        about = {"call": kind["call"], "arguments": kind["arguments"], "what": kind["what"]}
        lines.append(line_of("kind", **about, there=kind["there"], here=kind["here"], **counts))
        lines += [line_of("rule", name=r["rule"], there=r["there"], here=r["here"]) for r in kind["rules"]]
        lines += [line_of("step", number=n, text=s) for n, s in enumerate(kind["example"]["steps"])]
    lines.append(summary(facts))
    return "".join(line + "\n" for line in lines)


def verify_markdown(facts: Facts) -> str:
    """A table that can be pasted where the other side's authors read, and the smallest programs below it."""
    other, machine = facts["other"], facts["machine"]
    here = facts["second"]["name"] if facts["second"] else machine["kernel"]
    lines = [MARKER, f"### {printable(other['name'])} against {printable(here)}", "", summary(facts), ""]
    if facts["not_compared"]:
        lines += [f"Not compared: {listed(facts['not_compared'])}.", ""]
    head = ["call", other["name"], here, "arguments", "how often"]
    rows = [[*_cells(row), number(row["count"])] for row in facts["rows"]]
    lines += table(head, rows, right=4)
    for row in facts["rows"]:
        kind = facts["kinds"][row["smallest"]]
        title = f"{kind['call']}: {kind['there']}, {kind['here']} expected"
        body = "\n".join(kind["example"]["steps"])
        title += "".join(f"; {words}" for words in rule_words(kind))
        lines += ["", f"{printable(title)}", "", "```yaml", printable_lines(body), "```"]
    return "\n".join(lines) + "\n"


def printable_lines(text: str) -> str:
    """Lines without control characters."""
    return "\n".join(printable(line) for line in text.split("\n"))
