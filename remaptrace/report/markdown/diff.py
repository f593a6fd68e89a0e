"""Reports as Markdown, for pull requests: the same facts in tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...counting import number
from ..errortext import printable
from ..layout import percent, size
from ..phrases import event_place, file_place, outcome_word
from ..rich.diff import OF_PAGES, column_names, derived_phrases, legend, side

if TYPE_CHECKING:
    from ..documents.diff import Diff as Facts
    from ..documents.diff import Pair


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: int = 1) -> list[str]:
    """A Markdown table; columns from `right` on are aligned right. Empty when there are no rows."""
    if not rows:
        return []
    marks = ["---" if i < right else "---:" for i in range(len(head))]
    return ["", _row(head), _row(marks), *map(_row, rows)]


def inline(text: str) -> str:
    """`text` inside a line of Markdown: nothing acts, no HTML begins."""
    return printable(text).replace("&", "&amp;").replace("<", "&lt;")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(inline(c).replace("|", "\\|") for c in cells) + " |"


def diff_markdown(facts: Facts) -> str:
    """The facts of a diff; what is long stands in a folded section."""
    names = column_names(facts)
    lines = [f"### remaptrace diff: {inline(facts['trace']['name'])}"]
    letters, differing, shared = legend(facts, names)
    lines += ["", *(f"* {name}: {inline(text)}" for name, text in letters)] if letters else []
    lines += ["", inline(shared[0].upper() + shared[1:]) + "."] if shared else []
    lines += table(["setting", *names], differing)
    for phrase in derived_phrases(facts):
        lines += ["", inline(phrase)]
    machines = facts["machines"]
    rows: list[list[str]] = []

    def add(label: str, values: Sequence[int | None], form: Any = number) -> None:
        if label in OF_PAGES and all(v is None for v in values):
            rows.append([label, *["not recorded"] * len(values), ""])
        elif any(values):
            cells = ["–" if v is None else form(v) for v in values]
            change = ""
            if len(values) == 2:
                before, after = values
                change = percent(after, before) if before and after is not None and before != after else ""
            rows.append([label, *cells, change])

    for key in ("start", "peak", "end"):
        add(f"VMAs, {key}", [m["vmas"][key] if m["vmas"] else None for m in machines])
    add("calls refused", [m["refused_calls"] for m in machines])
    add("accesses refused", [m["refused_accesses"] for m in machines])
    add("minor faults", [m["minor"] for m in machines])
    add("VMA records", [m["memory"].get("vma_bytes") for m in machines], size)
    add("page tables", [m["memory"].get("page_table_bytes") for m in machines], size)
    if any(m["host"] for m in machines):
        add("host calls", [sum(m["host"]["calls"].values()) if m["host"] else None for m in machines])
        add("host VMAs, peak", [m["host"]["peak_vmas"] if m["host"] else None for m in machines])
    lines += table(["", *names, ""], rows)
    for pair in facts["pairs"]:
        lines += _pair(facts, names, pair)
    return "\n".join(lines) + "\n"


def _pair(facts: Facts, names: Sequence[str], pair: Pair) -> list[str]:
    base, other = names[pair["base"]], names[pair["other"]]
    if not pair["differs"]:
        return ["", f"Nothing differs between {base} and {other}."]
    lines: list[str] = []
    first = pair["first_difference"]
    if first:
        lines += [
            "",
            f"**First difference**: {inline(event_place(first['at']))}, `{printable(first['text'])}`: "
            f"{base} {outcome_word(first['base']['answer'])}, {other} {outcome_word(first['other']['answer'])}.",
        ]
        for rule in first["reason"] or ():
            lines.append(
                f"Because of `{rule['rule']}`: {rule['base']} against {rule['other']} ({rule['doc']})."
            )
    lines += table(
        ["call", base, other, "first", "count"],
        [
            [r["call"], r["base"], r["other"], file_place(r["first"]), number(r["count"])]
            for r in pair["results_by_answer"]
        ],
        right=4,
    )
    changed = [c for c in pair["outcome_matrix"] if c["base"] != c["other"]]
    lines += table(
        [f"access on {base}", f"on {other}", "first", "count"],
        [
            [
                outcome_word(c["base"]),
                outcome_word(c["other"]),
                f"{c['first']['access']} {file_place(c['first']['at'])}",
                number(c["count"]),
            ]
            for c in changed
        ],
        right=3,
    )
    if pair["protections"]:
        page = facts["machines"][0]["machine"]["page_size"]
        pages = sum(p["end"] - p["start"] for p in pair["protections"]) // page
        lines += ["", f"<details><summary>protection differs on {number(pages)} pages</summary>"]
        lines += table(
            ["range", base, other, "pages"],
            [
                [
                    f"{p['start']:#x}-{p['end']:#x}",
                    side(p["base"]),
                    side(p["other"]),
                    number((p["end"] - p["start"]) // page),
                ]
                for p in pair["protections"]
            ],
            right=3,
        )
        lines += ["", "</details>"]
    return lines
