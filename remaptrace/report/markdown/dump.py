"""The reports of `advise` on maps as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...counting import number
from ..facts.dump import size_words
from .diff import table

if TYPE_CHECKING:
    from ..documents.advise import AdviseGrowth, AdviseMap
    from ..documents.diff import DiffRecordings

    Facts = AdviseMap
    Growth = AdviseGrowth | DiffRecordings


def dump_markdown(facts: Facts | Growth) -> str:
    """The bill of one map, or what grew between two."""
    if facts["schema"] != "remaptrace/advise-map/1":
        return _growth(facts)
    lines = [f"### remaptrace advise: {facts['source']} (a {facts['form']})", ""]
    lines += [f"- {sentence}" for sentence in facts["sentences"]]
    lines += table(
        ["the bill", "VMAs", "size"],
        [[i["label"], number(i["vmas"]), size_words(i["bytes"])] for i in facts["bill"]["pattern"]],
        right=2,
    )
    if facts["apart"]:
        lines += table(
            ["neighbours kept apart by", "borders"],
            [[k, number(v)] for k, v in facts["apart"].items()],
            right=1,
        )
    return "\n".join(lines) + "\n"


def _growth(facts: Growth) -> str:
    command = "diff" if facts["schema"] == "remaptrace/diff-recordings/1" else "advise"
    lines = [f"### remaptrace {command}: {facts['sources'][0]} to {facts['sources'][1]}", ""]
    lines += [f"- {sentence}" for sentence in facts["sentences"]]
    for view, found in facts["grown"].items():
        if found:
            lines += table(
                [f"by {view}", "before", "after"],
                [[g["label"], number(g["before"]), number(g["after"])] for g in found],
                right=1,
            )
    return "\n".join(lines) + "\n"
