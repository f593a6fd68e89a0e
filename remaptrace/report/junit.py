"""JUnit XML of a check: a suite each folder, a case each scenario or recorded set."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from .errortext import printable
from .phrases import full_place

if TYPE_CHECKING:
    from .documents.check import Check as Facts
    from .documents.run import Agreement, Difference


def check_junit(facts: Facts) -> str:
    """One XML document with a final newline. Disagreement is a failure, unreadable input an error."""
    suites: dict[str, list[Agreement]] = {}
    for outcome in facts["outcomes"]:
        suites.setdefault(os.path.dirname(outcome["path"].rstrip("/")) or ".", []).append(outcome)
    total = facts["programs"]["total"]
    failures = sum(_failed(o) for o in facts["outcomes"])
    seconds = sum(o["seconds"] for o in facts["outcomes"])
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="remaptrace check" tests="{total}" failures="{failures}" '
        f'errors="{facts["unreadable"]}" time="{seconds:.3f}">',
    ]
    for folder, outcomes in suites.items():
        lines += _suite(folder, outcomes)
    lines.append("</testsuites>")
    return "".join(line + "\n" for line in lines)


def _failed(outcome: Agreement) -> bool:
    return not outcome["error"] and bool(outcome["compared"]) and not outcome["agrees"]


def _skipped(outcome: Agreement) -> bool:
    return not outcome["error"] and not outcome["compared"]


def _suite(folder: str, outcomes: list[Agreement]) -> list[str]:
    seconds = sum(o["seconds"] for o in outcomes)
    lines = [
        f'  <testsuite name={_attribute(folder)} tests="{len(outcomes)}" '
        f'failures="{sum(map(_failed, outcomes))}" errors="{sum(bool(o["error"]) for o in outcomes)}" '
        f'skipped="{sum(map(_skipped, outcomes))}" time="{seconds:.3f}">'
    ]
    for o in outcomes:
        compared = ", ".join(f"{k} {t['agree']}/{t['total']}" for k, t in o["compared"].items())
        classname = f"{o['kernel']}.{o['arch']}".strip(".")
        head = f"    <testcase name={_attribute(o['name'])} classname={_attribute(classname)}"
        lines.append(f'{head} file={_attribute(o["path"])} time="{o["seconds"]:.3f}">')
        if o["error"]:
            error = o["error"]
            message = f"{error['code']}: {error['problem']}"
            lines.append(f"      <error message={_attribute(message)} type={_attribute(error['code'])}/>")
        elif _skipped(o):
            lines.append('      <skipped message="nothing to compare with"/>')
        elif _failed(o):
            body = "\n".join(_difference(d) for d in o["differences"])
            lines.append(
                f'      <failure message={_attribute(compared)} type="disagreement">{_text(body)}</failure>'
            )
        lines.append(f"      <system-out>{_text(compared)}</system-out>")
        lines.append("    </testcase>")
    lines.append("  </testsuite>")
    return lines


def _difference(d: Difference) -> str:
    return (
        f"{full_place(d['at'])} event {d['at']['event']} {d['call']}\n"
        f"  {d['what']}: expected {d['expected']}, simulated {d['simulated']}"
    )


def _clean(text: str) -> str:
    """XML 1.0 has no control characters, not even as references."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _text(text: str) -> str:
    return escape(_clean(text))


def _attribute(text: str) -> str:
    return quoteattr(_clean(text).replace("\n", " "))
