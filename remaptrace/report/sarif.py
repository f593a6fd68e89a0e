"""SARIF 2.1.0 of runs and checks: every difference with its file and line, as code scanning shows it.

Rules: `difference` (error), `unreadable` (error), `skipped-lines` (warning), `nothing-compared` (note).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ..printable import printable

if TYPE_CHECKING:
    from .documents.check import Check
    from .documents.foreign import PhysicalLocation, ReportingDescriptor, Sarif, SarifResult
    from .documents.run import Agreement, Run

VERSION: Final = "2.1.0"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
TOOL = "remaptrace"
_RULES = {
    "difference": ("error", "The replay differs from what was recorded or expected."),
    "unreadable": ("error", "The input could not be read."),
    "skipped-lines": ("warning", "Lines of the recording could not be read and were left out."),
    "nothing-compared": ("note", "There is nothing to compare the replay with."),
}


def sarif(reports: Sequence[Run | Check]) -> str:
    """One document with one run. Differences beyond those that the facts keep are counted, not listed."""
    results = [result for report in reports for result in _results(report)]
    rules: list[ReportingDescriptor] = [
        {"id": name, "shortDescription": {"text": text}, "defaultConfiguration": {"level": level}}
        for name, (level, text) in _RULES.items()
    ]
    document: Sarif = {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [{"tool": {"driver": {"name": TOOL, "rules": rules}}, "results": results}],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _results(facts: Run | Check) -> Iterator[SarifResult]:
    if facts["schema"] == "remaptrace/check/1":
        for outcome in facts["outcomes"]:
            path = outcome["path"]
            yield from _differences(outcome, path)
            if outcome["skipped_lines"]:
                yield _result(
                    "skipped-lines", f"{outcome['skipped_lines']} unreadable lines skipped", path, 0
                )
            if not outcome["compared"] and not outcome["error"]:
                yield _result("nothing-compared", "nothing to compare with", path, 0)
        return
    path = (facts["trace"]["sources"] or [facts["trace"]["name"]])[0]
    agreement = facts["agreement"]
    if agreement:
        yield from _differences(agreement, path)
    if not agreement or not (agreement["compared"] or agreement["error"]):
        yield _result("nothing-compared", facts["not_compared"] or "nothing to compare with", path, 0)
    skipped = facts["trace"]["skipped"]
    for one in skipped["first"]:
        text = f"{one['code']}: found {one['found']}, expected {one['expected']}"
        yield _result("skipped-lines", text, one["file"] or path, one["line"], one["column"])
    if skipped["lines"] > len(skipped["first"]):
        text = f"{skipped['lines'] - len(skipped['first'])} more unreadable lines skipped"
        yield _result("skipped-lines", text, path, 0)


def _differences(agreement: Agreement, path: str) -> Iterator[SarifResult]:
    error = agreement["error"]
    if error:
        text = f"{error['code']}: {error['problem']}"
        yield _result("unreadable", text, error["file"] or path, error["line"] or 0, error["column"] or 0)
    for d in agreement["differences"]:
        text = f"{d['what']}: expected {d['expected']}, simulated {d['simulated']} ({d['call']})"
        yield _result("difference", text, d["at"]["file"] or path, d["at"]["line"])
    differ = sum(t["total"] - t["agree"] for t in agreement["compared"].values())
    if differ > len(agreement["differences"]):
        yield _result(
            "difference", f"{differ} comparisons differ, {len(agreement['differences'])} listed", path, 0
        )


def _result(rule: str, text: str, path: str, line: int, column: int = 0) -> SarifResult:
    place: PhysicalLocation = {"artifactLocation": {"uri": _uri(path)}}
    if line > 0:
        place["region"] = {"startLine": line}
        if column > 0:
            place["region"]["startColumn"] = column
    return {
        "ruleId": rule,
        "level": _RULES[rule][0],
        "message": {"text": printable(text)},
        "locations": [{"physicalLocation": place}],
    }


def _uri(path: str) -> str:
    """A path as a URI reference: absolute ones as file:, relative ones relative to where the command ran."""
    text = quote(path.encode("utf-8", "surrogateescape"), safe="/")
    return f"file://{text}" if text.startswith("/") else text
