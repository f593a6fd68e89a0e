"""What ``remaptrace explain`` knows: codes, outcomes, traps of the per-PTE series, terms, errnos, names, rules."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

from ..abi.calls import KIND_NAMES
from ..codes.code import ErrorCode
from ..codes.table import CODES
from ..defects import DEFECTS
from ..machine.rules import RULES, Rule
from ..machine.system.described import SYSCTLS
from .errnos import ERRNOS
from .names import FLAGS, LIMITS
from .outcomes import OUTCOMES, TRAPS
from .terms import TERMS

__all__ = ["ERRNOS", "OUTCOMES", "TRAPS", "explain", "topics"]


def topics() -> dict[str, list[str]]:
    """Everything that can be explained, by section."""
    return {
        "error codes": sorted(CODES),
        "outcomes of an access": list(OUTCOMES),
        "traps of the per-PTE series": list(TRAPS),
        "defects of PTE words": list(DEFECTS),
        "terms of the reports": list(TERMS),
        "errors of memory calls": list(ERRNOS),
        "limits, rights and names": list(LIMITS),
        "flags of areas in smaps": list(FLAGS),
        "rules of kernels": list(RULES),
    }


def explain(name: str) -> str | None:
    """A paragraph about `name`, a word or label of a report, or None when nothing is known. Case does not matter."""
    for wanted in dict.fromkeys(_readings(name)):
        found = _known(wanted)
        if found:
            return found
    return None


def _known(wanted: str) -> str:
    found: list[str] = []
    for code, entry in CODES.items():
        if code.lower() == wanted:
            found.append(_code_text(entry))
    for table in (OUTCOMES, TRAPS, DEFECTS, TERMS, ERRNOS, LIMITS, FLAGS):
        for key, text in table.items():
            if wanted in _spellings(key):
                found.append(_paragraph(key, text))
    asked_rule = SYSCTLS.get(wanted, wanted)
    for rule in RULES.values():
        if asked_rule == rule.name.lower():
            found.append(_paragraph(f"{rule.name} (rule of a kernel)", _rule_text(rule)))
    if wanted in _CALLS:
        found.append(_paragraph(f"{wanted}(2)", _call_text(wanted)))
    return "\n\n".join(found)


_CALLS = {**dict.fromkeys(KIND_NAMES.values()), "execve": None}
"""Calls and events by name."""


def _call_text(name: str) -> str:
    """Which errors of a call are explained, and where the rest stands."""
    errors = [errno for errno, text in ERRNOS.items() if re.search(rf"\b{name}\b", text)]
    told = f" Errors explained here: {', '.join(errors)}." if errors else ""
    return f"A call as the man page {name}(2) has it, or an event of that name in scenarios and JSON Lines.{told}"


def _spellings(key: str) -> Iterable[str]:
    low = key.lower()
    return {
        low,
        *low.split("/"),
        low.replace("-", " "),
        low.replace(" ", "-"),
        f"{low}s",
        f"{low}es",
        low.removesuffix("s"),
    }


def _readings(name: str) -> Iterator[str]:
    """What a heading or label of a report may be known as, the fullest first."""
    low = name.strip().lower().removesuffix(":")
    yield low
    bare = re.sub(r" *\(.*\)", "", low)
    yield bare
    for lead in _LEADS:
        if bare.startswith(lead):
            yield bare[len(lead) :]
    head, comma, tail = bare.partition(", ")
    if comma:
        yield tail
        yield head
    yield bare.partition(" ")[0] if bare.endswith((" refused", " differs")) else bare
    if re.fullmatch(r"(1 page|to [0-9]+ [km]ib|larger)", bare):
        yield "size"


_LEADS = ("by ", "the ", "of them ", "minor ", "major ", "neighbours ", "peak ")


def _code_text(entry: ErrorCode) -> str:
    text = _paragraph(f"{entry.code}: {entry.title}", entry.meaning)
    if entry.example:
        text += "\n\n" + textwrap.indent(entry.example, "      ")
    if entry.advice:
        text += "\n\n" + textwrap.fill(entry.advice, width=78, initial_indent="  ", subsequent_indent="  ")
    return text


def _rule_text(rule: Rule) -> str:
    if rule.choices:
        default = rule.choices[rule.default]
        values = f"One of: {', '.join(rule.choices)}."
    else:
        default = str(bool(rule.default)).lower() if rule.kind == "bool" else str(rule.default)
        values = "true or false." if rule.kind == "bool" else "A number."
    return f"{rule.doc}. {values} Without a preset: {default}. Change it with --set {rule.name}=VALUE."


def _paragraph(title: str, text: str) -> str:
    body = textwrap.fill(text, width=78, initial_indent="  ", subsequent_indent="  ")
    return f"{title}\n{body}"
