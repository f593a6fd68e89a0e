"""The reports of `advise` on maps as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..facts.dump import size_words
from ..words import number
from .diff import table

Facts = Mapping[str, Any]


def dump_markdown(facts: Facts) -> str:
    """The bill of one map, or what grew between two."""
    if "grown" in facts:
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


def _growth(facts: Facts) -> str:
    lines = [f"### remaptrace advise: {facts['sources'][0]} to {facts['sources'][1]}", ""]
    lines += [f"- {sentence}" for sentence in facts["sentences"]]
    for view, found in facts["grown"].items():
        if found:
            lines += table(
                [f"by {view}", "before", "after"],
                [[g["label"], number(g["before"]), number(g["after"])] for g in found],
                right=2,
            )
    return "\n".join(lines) + "\n"
