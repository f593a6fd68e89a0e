"""The report of `advise` as Markdown, for pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...counting import number
from ..phrases import file_place, saved_words
from ..rich.advise import vmas_at_the_peak
from ..rich.run import machine_phrase
from .diff import inline, table

if TYPE_CHECKING:
    from ..documents.advise import Advise as Facts


def advise_markdown(facts: Facts) -> str:
    """The bill, what would help, three sentences."""
    limit = facts["limit"]
    lines = [
        f"### remaptrace advise: {inline(facts['trace']['name'])} on {machine_phrase(facts['machine'])}",
        "",
        *[f"- {sentence}" for sentence in facts["sentences"]],
        "",
        f"{vmas_at_the_peak(facts)}; limit {number(limit['limit'])}.",
    ]
    lines += table(
        ["the bill", "first", "VMAs", "per 1,000 calls"],
        [
            [
                item["label"],
                file_place(item["first"]) if item["first"] else "before the log",
                number(item["vmas"]),
                f"{item['per_1000_calls']:g}",
            ]
            for item in facts["bill"]["pattern"]
        ],
        right=2,
    )
    lines += table(
        ["what would help, measured by replay", "kernel", "VMAs", "then", "saved"],
        [
            [r["label"], r["kernel"], number(r["before"]), number(r["after"]), saved_words(r)]
            for r in facts["remedies"]
        ],
        right=2,
    )
    if facts["lookup"]:
        lines += table(
            ["VMA lookup", "hit rate", "nodes, mean", "nodes, p99", "lines, mean", "lines, p99", "bytes"],
            [
                [
                    e["label"],
                    "–" if e["hit_rate"] is None else f"{100 * e['hit_rate']:.0f} %",
                    f"{e['nodes_mean']:.1f}",
                    number(e["nodes_p99"]),
                    f"{e['lines_mean']:.1f}",
                    number(e["lines_p99"]),
                    number(e["bytes"]),
                ]
                for e in facts["lookup"]
            ],
        )
    return "\n".join(lines) + "\n"
