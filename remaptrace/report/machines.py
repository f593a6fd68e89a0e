"""Kernels and architectures in tables: lists, one with its rules, two compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ..machine.kernel import Kernel
from ..machine.notmodelled import NOT_MODELLED
from ..machine.rules import RULES, Rule
from ..machine.versions.derive import ground_of
from ..machine.versions.ground import ground_by_rule
from .layout import Cell, Sheet, length, spans

if TYPE_CHECKING:
    from ..machine.arch import Arch
    from .documents.machines import Arches, ArchFacts, Kernels, KernelsCompare

_SENTENCE = 30
"""Columns below which a sentence does not stand beside other columns."""

LIST_SCHEMA: Final = "remaptrace/kernels/1"


def rule_value(rule: Rule, value: int) -> str:
    """A rule's value as a preset writes it."""
    if rule.kind == "enum":
        return rule.choices[value]
    if rule.kind == "bool":
        return "yes" if value else "no"
    return str(value)


def kernel_facts(kernel: Kernel) -> Kernels:
    """One kernel with every rule, where its value comes from and on what it rests."""
    grounds = ground_by_rule(kernel)
    return {
        "schema": LIST_SCHEMA,
        "name": kernel.name,
        "about": kernel.about,
        "rules": {
            rule.name: {
                "value": rule_value(rule, kernel.values[rule.name]),
                "origin": kernel.origins[rule.name],
                "ground": grounds[rule.name],
                "doc": rule.doc,
            }
            for rule in RULES.values()
        },
    }


def not_modelled_facts() -> Kernels:
    """What is left out, by call."""
    return {
        "schema": LIST_SCHEMA,
        "not_modelled": [{"call": call, "what": what} for call, what in NOT_MODELLED],
    }


def not_modelled_sheet(width: int) -> Sheet:
    """A line a call: what is left out, and what happens instead."""
    sheet = Sheet(width)
    rows: list[list[Cell]] = [[("call", "head"), ("left out", "head")]]
    rows += [[call, what] for call, what in NOT_MODELLED]
    sheet.table(rows, "ll", flexible=1, wrap=True)
    return sheet


def _by_version(kernel: Kernel) -> tuple[list[int], str]:
    return [int(n) for n in re.findall(r"\d+", kernel.name)[:3]], kernel.name


def kernel_list_sheet(kernels: Sequence[Kernel], width: int) -> Sheet:
    """A line a kernel."""
    sheet = Sheet(width)
    rows: list[list[Cell]] = [[("kernel", "head"), ("rules", "head"), ("about", "head")]]
    rows += [
        [kernel.name, ground_of(kernel.name), kernel.about] for kernel in sorted(kernels, key=_by_version)
    ]
    sheet.table(rows, "lll", flexible=2, wrap=True)
    return sheet


def kernel_sheet(kernel: Kernel, width: int) -> Sheet:
    """Every rule of one kernel: value, origin, what it rests on, meaning."""
    sheet = Sheet(width)
    sheet.line((kernel.name, "head"))
    sheet.paragraph(kernel.about, indent=2)
    sheet.blank()
    grounds = ground_by_rule(kernel)
    heads = ("rule", "value", "from", "rests on", "meaning")
    rows: list[list[Cell]] = [[(head, "head") for head in heads]]
    for rule in RULES.values():
        origin = kernel.origins[rule.name]
        rows.append(
            [
                rule.name,
                rule_value(rule, kernel.values[rule.name]),
                (origin, "dim" if origin == "default" else ""),
                (grounds[rule.name], "" if grounds[rule.name] == "asked" else "dim"),
                (rule.doc, "dim"),
            ]
        )
    _with_meaning(sheet, rows)
    return sheet


def compare_facts(first: Kernel, second: Kernel) -> KernelsCompare:
    """The rules in which two kernels differ."""
    return {
        "schema": "remaptrace/kernels-compare/1",
        "kernels": [first.name, second.name],
        "differing": {
            rule.name: {
                "values": [rule_value(rule, k.values[rule.name]) for k in (first, second)],
                "origins": [k.origins[rule.name] for k in (first, second)],
                "doc": rule.doc,
            }
            for rule in RULES.values()
            if first.values[rule.name] != second.values[rule.name]
        },
        "same": sum(first.values[n] == second.values[n] for n in RULES),
    }


def compare_sheet(facts: KernelsCompare, width: int) -> Sheet:
    """The differing rules, a line each."""
    sheet = Sheet(width)
    first, second = facts["kernels"]
    differing = facts["differing"]
    if not differing:
        sheet.line(f"{first} and {second} have the same rules ({facts['same']}).")
        return sheet
    sheet.line(f"{len(differing)} rules differ, {facts['same']} are the same.")
    sheet.blank()
    rows: list[list[Cell]] = [[("rule", "head"), (first, "head"), (second, "head"), ("meaning", "head")]]
    rows += [[name, *rule["values"], (rule["doc"], "dim")] for name, rule in differing.items()]
    _with_meaning(sheet, rows)
    return sheet


def _with_meaning(sheet: Sheet, rows: Sequence[Sequence[Cell]]) -> None:
    """A table whose last column is a sentence: beside the others where there is room, else below each row."""
    others = sum(max(length(row[i]) for row in rows) for i in range(len(rows[0]) - 1))
    if sheet.width - others - 2 * (len(rows[0]) - 1) >= _SENTENCE:
        sheet.table(rows, "l" * len(rows[0]), gap=2, flexible=len(rows[0]) - 1, wrap=True)
        return
    part = Sheet(sheet.width)
    part.table([row[:-1] for row in rows], "l" * (len(rows[0]) - 1), gap=2)
    for i, (line, row) in enumerate(zip(part.lines, rows, strict=True)):
        sheet.lines.append(line)
        if i:
            sheet.paragraph("".join(text for text, _ in spans(row[-1])), "dim", indent=4)


def arch_facts(arches: Sequence[Arch]) -> Arches:
    """Every architecture: geometry, what its PTEs can hold, what it does with per-PTE protections."""
    return {
        "schema": "remaptrace/arches/1",
        "arches": [
            {
                "name": a.name,
                "about": a.about,
                "page_size": a.page_size,
                "word_bits": a.word_bits,
                "pte_bytes": a.pte_bytes,
                "levels": len(a.index_bits),
                "index_bits": list(a.index_bits),
                "map_chgprot": a.chgprot,
                "pte_file_max_bits": a.max_bits,
                "chgprot_support": a.support,
                "refusal_leads_to": a.reaction if a.support == "dummy" else None,
                "series_builds": a.builds,
                "host_arch": a.host_arch or None,
            }
            for a in arches
        ],
    }


def _support_words(a: ArchFacts) -> str:
    """What the architecture does with MAP_CHGPROT, and what a refused access leads to where it is unknown."""
    words: str = a["chgprot_support"]
    if a["refusal_leads_to"]:
        words += f": {a['refusal_leads_to']}"
    return words if a["series_builds"] else f"{words}, does not build"


def arch_sheet(facts: Arches, width: int) -> Sheet:
    """A line an architecture."""
    sheet = Sheet(width)
    heads = ("arch", "page", "word", "levels", "PTE", "file bits", "chgprot", "about")
    rows: list[list[Cell]] = [[(h, "head") for h in heads]]
    for a in facts["arches"]:
        rows.append(
            [
                a["name"],
                f"{a['page_size'] >> 10}K",
                str(a["word_bits"]),
                str(a["levels"]),
                str(8 * a["pte_bytes"]),
                str(a["pte_file_max_bits"] or "–"),
                _support_words(a),
                (a["about"], "dim"),
            ]
        )
    sheet.table(rows, "lrrrrrll", gap=2, flexible=7, wrap=True)
    return sheet
