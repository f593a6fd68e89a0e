"""The report of `diff` for people: machines in columns, then what parts them and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...counting import counted, number
from ..errortext import printable
from ..layout import Cell, Sheet, Span, percent, size, sparkline, squeezed
from ..phrases import derived_phrase, event_place, file_place, outcome_word, process_words
from .run import machine_phrase

if TYPE_CHECKING:
    from ..documents.diff import Diff as Facts
    from ..documents.diff import Effective, Pair
    from ..documents.run import MachineFacts


_WORDS = {
    "results": ("call answered differently", "calls answered differently"),
    "addresses": ("address chosen differently", "addresses chosen differently"),
    "outcomes": ("access that ends differently", "accesses that end differently"),
    "faults": ("event with other fault counts", "events with other fault counts"),
    "counts": ("event with another VMA count", "events with other VMA counts"),
    "values": ("byte read differently", "bytes read differently"),
}
OF_PAGES = ("minor faults", "major faults", "page tables")
"""Rows of what only page faults tell; a recording of calls has them not recorded, which is not 0."""

_ROWS = 6
_LABELS = {"ram_pages": "ram", "swap_pages": "swap"}
_HEADS = 58
"""Columns that the heads of a table may take beside its labels on a terminal of 80."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def diff_sheet(facts: Facts, width: int = 80, rows: int = _ROWS) -> Sheet:
    """Lay out the facts of report.difffacts; `rows` ranges and answers of each kind, 0: all."""
    sheet = Sheet(width)
    names = column_names(facts)
    effort = f"{counted(facts['trace']['events'], 'event')}, {facts['seconds']:.1f} s"
    sheet.sides((printable(facts["trace"]["name"]), "head"), (effort, "dim"))
    answer = diff_answer(facts, names)
    sheet.paragraph(answer[0], answer[1])
    sheet.blank()
    _options(sheet, facts)
    _legend(sheet, facts, names)
    _machines(sheet, facts, names)
    for pair in facts["pairs"]:
        _pair(sheet, facts, names, pair, rows)
    return sheet


def column_names(facts: Facts) -> list[str]:
    """The shortest name of each machine that keeps them apart: its kernel or architecture, else a letter."""
    machines = [m["machine"] for m in facts["machines"]]
    plain = not facts["settings"] and not any(m["host"] for m in machines)
    kernels = [printable(m["kernel"]) for m in machines]
    arches = [m["arch"] for m in machines]
    for names, others in ((kernels, arches), (arches, kernels)):
        apart = len(set(names)) == len(names) and len(set(others)) == 1
        if plain and apart and sum(map(len, names)) + 3 * len(names) <= _HEADS:
            return names
    return [LETTERS[i] if i < len(LETTERS) else str(i + 1) for i in range(len(machines))]


def legend(facts: Facts, names: Sequence[str]) -> tuple[list[tuple[str, str]], list[list[str]], str]:
    """What the letters at the heads stand for; settings whose values differ, by rule; and those that all share.

    Empty where the heads are names.
    """
    machines = [m["machine"] for m in facts["machines"]]
    if names[0] != LETTERS[0]:
        return [], [], ""
    lines = [(n, machine_phrase({**m, "overrides": {}})) for n, m in zip(names, machines, strict=True)]
    values = {s["rule"]: [setting_word(s["rule"], v, m) for v, m in zip(s["values"], machines, strict=True)]
              for s in facts["settings"]}  # fmt: skip
    differing = [[_LABELS.get(rule, rule), *words] for rule, words in values.items() if len(set(words)) > 1]
    shared = [
        f"{_LABELS.get(rule, rule)}={words[0]}" for rule, words in values.items() if len(set(words)) == 1
    ]
    return (
        lines,
        differing,
        f"{'both' if len(names) == 2 else 'all'} with {', '.join(shared)}" if shared else "",
    )


def setting_word(rule: str, value: int | str, machine: MachineFacts) -> str:
    """The value of a rule; numbers of pages of memory as sizes."""
    if rule in ("ram_pages", "swap_pages") and isinstance(value, int):
        return size(value * machine["page_size"])
    return number(value) if isinstance(value, int) and rule != "personality" else str(value)


def diff_answer(facts: Facts, names: Sequence[str]) -> Span:
    """One sentence: are the answers the same, and what becomes of the VMA count."""
    if not facts["differs"]:
        return f"Nothing differs between {' and '.join(names)}.", "good"
    machines, sentences = facts["machines"], []
    for pair in facts["pairs"]:
        counts = {k: e["count"] for k, e in pair["events"].items()}
        if not pair["differs"]:
            text = "nothing differs"
        elif counts.get("results") or counts.get("outcomes"):
            words = [counted(counts[k], *_WORDS[k]) for k in ("results", "outcomes") if counts.get(k)]
            text = " and ".join(words)
        else:
            text = "every call and access ends alike"
        if len(facts["pairs"]) > 1:
            text = f"{names[pair['other']]}: {text}"
        base, other = machines[pair["base"]]["vmas"], machines[pair["other"]]["vmas"]
        if base and other and base["peak"] != other["peak"]:
            text += f"; {number(base['peak'])} VMAs at the peak become {number(other['peak'])}"
        sentences.append(text[:1].upper() + text[1:] + ".")
    same = not any("differently" in sentence for sentence in sentences)
    return " ".join(sentences), "good" if same else "warn"


def _options(sheet: Sheet, facts: Facts) -> None:
    """What the configurations differ in: what decides something, what does not, and how many others."""
    found = facts["configurations"]
    if found is None:
        return
    count = max((len(o["values"]) for o in found["deciding"] + found["not_modelled"]), default=0)
    heads = [(LETTERS[i], "head") for i in range(count)]
    if found["deciding"]:
        rows: list[list[Cell]] = [[("options that decide", "head"), *heads]]
        rows += [[o["option"], *map(printable, o["values"])] for o in found["deciding"]]
        sheet.table(rows, "l" * (count + 1))
    else:
        sheet.line("No option that decides anything simulated differs.")
    if found["not_modelled"]:
        rows = [[("not modelled", "head"), *heads, ""]]
        rows += [
            [o["option"], *map(printable, o["values"]), (o["about"], "dim")] for o in found["not_modelled"]
        ]
        sheet.table(rows, "l" * (count + 2), flexible=count + 1, wrap=True)
    others = counted(found["others"], "other option")
    differ = (
        "No other option differs." if not found["others"] else f"{others} differ and have no bearing on it."
    )
    sheet.paragraph(differ, "dim")
    sheet.blank()


def _legend(sheet: Sheet, facts: Facts, names: Sequence[str]) -> None:
    lines, differing, shared = legend(facts, names)
    for name, text in lines:
        sheet.paragraph(f"{name}  {text}", hang=3)
    if shared:
        sheet.paragraph(f"   {shared}", "dim", hang=3)
    if differing:
        sheet.table([["", *[(n, "head") for n in names]], *differing], "l" + "r" * len(names))
    phrases = derived_phrases(facts)
    for phrase in phrases:
        sheet.paragraph(phrase, "dim", hang=2)
    if lines or phrases:
        sheet.blank()


def derived_phrases(facts: Facts) -> list[str]:
    """What the rules of the kernels that are no presets rest on, each once."""
    phrases = [derived_phrase(m["machine"]) for m in facts["machines"]]
    return [phrase for phrase in dict.fromkeys(phrases) if phrase]


def _machines(sheet: Sheet, facts: Facts, names: Sequence[str]) -> None:
    machines = facts["machines"]
    highest = max((m["vmas"]["peak"] for m in machines if m["vmas"]), default=0)
    room = max(12, (sheet.width - 24 - 3 * len(machines)) // len(machines))
    courses = [sparkline(squeezed(m["course"], min(24, room)), highest) for m in machines]
    rows: list[list[Cell]] = [["", *[(n, "head") for n in names], ""]]

    def add(label: str, values: Sequence[int | None], form: Any = number) -> None:
        if label in OF_PAGES and all(v is None for v in values):
            rows.append([label, *[("not recorded", "dim")] * len(values), ""])
            return
        if not any(values):
            return
        cells: list[Cell] = ["–" if v is None else form(v) for v in values]
        change = ""
        if len(values) == 2 and values[0] and values[1] is not None and values[0] != values[1]:
            change = percent(values[1], values[0])
        rows.append([label, *cells, (change, "dim")])

    add("VMAs, start", [m["vmas"]["start"] if m["vmas"] else None for m in machines])
    add("VMAs, peak", [m["vmas"]["peak"] if m["vmas"] else None for m in machines])
    add("VMAs, end", [m["vmas"]["end"] if m["vmas"] else None for m in machines])
    rows.append(["course", *[(c, "spark") for c in courses], ""])
    add("calls refused", [m["refused_calls"] for m in machines])
    add("accesses refused", [m["refused_accesses"] for m in machines])
    add("minor faults", [m["minor"] for m in machines])
    add("major faults", [m["major"] for m in machines])
    add("VMA records", [m["memory"].get("vma_bytes") for m in machines], size)
    add("page tables", [m["memory"].get("page_table_bytes") for m in machines], size)
    both = [
        (m["memory"]["vma_bytes"] or 0) + tables if (tables := m["memory"].get("page_table_bytes")) else None
        for m in machines
    ]
    add("both together", both, size)
    add("host calls", [sum(m["host"]["calls"].values()) if m["host"] else None for m in machines])
    add("host VMAs, peak", [m["host"]["peak_vmas"] if m["host"] else None for m in machines])
    sheet.table(rows, "l" + "r" * len(machines) + "l")
    process = machines[0]["process"]
    if process:
        who = ("pid " if process["pid"] else "") + process_words(process["pid"], process["name"])
        sheet.line((f"of {who}", "dim"))


def _pair(sheet: Sheet, facts: Facts, names: Sequence[str], pair: Pair, rows: int) -> None:
    base, other = names[pair["base"]], names[pair["other"]]
    if len(facts["pairs"]) > 1:
        sheet.blank()
        sheet.line((f"{base} | {other}", "head"), "" if pair["differs"] else "   nothing differs")
    if not pair["differs"]:
        return
    _first_difference(sheet, pair, base, other)
    _answers(sheet, pair, base, other, rows)
    _matrix(sheet, pair, base, other)
    _protections(sheet, facts, pair, base, other, rows)
    counts = [
        (k, e["count"]) for k, e in pair["events"].items() if e["count"] and k not in ("results", "outcomes")
    ]
    if counts:
        sheet.blank()
        sheet.paragraph(" · ".join(counted(c, *_WORDS[k]) for k, c in counts), "dim")


def _first_difference(sheet: Sheet, pair: Pair, base: str, other: str) -> None:
    first = pair["first_difference"]
    if not first:
        return
    sheet.blank()
    sheet.line(("first difference  ", "head"), event_place(first["at"]))
    sheet.paragraph(printable(first["text"]), indent=2, hang=4)
    a, b = first["base"], first["other"]
    wide = max(len(base), len(other))
    for name, answer in ((base, a), (other, b)):
        words = [outcome_word(answer["answer"])]
        words += [f"minor {answer['minor']}"] if a["minor"] != b["minor"] else []
        words += [f"major {answer['major']}"] if a["major"] != b["major"] else []
        words += [f"VMAs {answer['map_count']}"] if a["map_count"] != b["map_count"] else []
        words += [f"value {answer['value']}"] if a["value"] != b["value"] else []
        sheet.line(f"  {name.ljust(wide)}  {', '.join(words)}")
    reason = first["reason"]
    if reason:
        for rule in reason:
            text = f"because {rule['rule']}: {rule['base']} | {rule['other']}   {rule['doc']}"
            sheet.paragraph(text, "warn", indent=2, hang=10)
    elif reason is not None:
        sheet.line(("  no small set of rules explains it alone", "dim"))


def _answers(sheet: Sheet, pair: Pair, base: str, other: str, most: int) -> None:
    found = pair["results_by_answer"]
    if not found:
        return
    sheet.blank()
    rows: list[list[Cell]] = [
        [
            ("calls answered differently", "head"),
            (base, "dim"),
            (other, "dim"),
            ("count", "dim"),
            ("first", "dim"),
        ]
    ]
    for r in found if most == 0 else found[:most]:
        style = {"done": ""}
        rows.append(
            [
                r["call"],
                (r["base"], style.get(r["base"], "bad")),
                (r["other"], style.get(r["other"], "bad")),
                number(r["count"]),
                file_place(r["first"]),
            ]
        )
    sheet.table(rows, "lllrl")
    if most and len(found) > most:
        sheet.line((f"{counted(len(found) - most, 'more kind', 'more kinds')}; -n 0 shows all", "dim"))


def _matrix(sheet: Sheet, pair: Pair, base: str, other: str) -> None:
    cells = {(c["base"], c["other"]): c for c in pair["outcome_matrix"]}
    if all(a == b for a, b in cells):
        return
    left = list(dict.fromkeys(a for a, _ in cells))
    top = list(dict.fromkeys(b for _, b in cells))
    sheet.blank()
    sheet.line(("accesses that end differently", "head"), f"   rows: {base}, columns: {other}")
    rows: list[list[Cell]] = [["", *[(outcome_word(t), "dim") for t in top]]]
    for a in left:
        row: list[Cell] = [outcome_word(a)]
        for b in top:
            count = cells[a, b]["count"] if (a, b) in cells else 0
            row.append((number(count), "" if a == b or not count else "warn"))
        rows.append(row)
    sheet.table(rows, "l" + "r" * len(top))
    for (a, b), cell in cells.items():
        if a != b:
            first = cell["first"]
            sheet.line(
                (f"  first {outcome_word(a)} | {outcome_word(b)}  ", "dim"),
                f"{first['access']}  {event_place(first['at'])}",
            )


def _protections(sheet: Sheet, facts: Facts, pair: Pair, base: str, other: str, most: int) -> None:
    found = pair["protections"]
    if not found:
        return
    page = facts["machines"][0]["machine"]["page_size"]
    pages = sum(r["end"] - r["start"] for r in found) // page
    sheet.blank()
    sheet.line((f"protection differs on {counted(pages, 'page')}", "head"), f"   {base} | {other}")
    rows: list[list[Cell]] = []
    for r in found if most == 0 else found[:most]:
        count = counted((r["end"] - r["start"]) // page, "page")
        rows.append([f"{r['start']:#x}-{r['end']:#x}", count, side(r["base"]), "|", side(r["other"])])
    sheet.table(rows, "lrlll", gap=2)
    if most and len(found) > most:
        sheet.line((f"{counted(len(found) - most, 'more range')}; -n 0 shows all", "dim"))


def side(one: Effective) -> str:
    """What one machine allows on a range, and by what."""
    if not one["vma"]:
        return "not mapped"
    if one["reason"] == "vma":
        return f"VMA {one['vma']}"
    return f"VMA {one['vma']} {one['reason'].upper() if one['reason'] == 'pte' else one['reason']} {one['effective']}"
