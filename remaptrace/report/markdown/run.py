"""The report of `run` as Markdown, for pull requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..phrases import agreement_phrase, event_place, ground_phrases, outcome_word
from .diff import inline, table

if TYPE_CHECKING:
    from ..documents.run import Run as Facts

MARKER = "<!-- remaptrace -->"
"""First line of a report: what a script finds its own comment by, to renew it instead of adding one more."""

_PROCESSES = 10


def runs_markdown(facts: Sequence[Facts], _results: Sequence[Any]) -> Iterator[str]:
    """The reports of several runs, one behind the other, with what a script finds its own comment by."""
    yield MARKER + "\n"
    yield from map(run_markdown, facts)


def run_markdown(facts: Facts) -> str:
    """The answer with its ground, processes, refused calls and accesses, and what was left out."""
    trace, machine = facts["trace"], facts["machine"]
    sources = trace["sources"]
    lines = [
        f"### remaptrace run: {inline(trace['name'])}",
        "",
        f"{trace['events']:,} events on {inline(machine['kernel'])} {inline(machine['arch'])}.",
    ]
    if facts["agreement"]:
        lines += ["", inline(agreement_phrase(facts["agreement"])[0])]
    lines += [inline(sentence) for sentence, _ in ground_phrases(facts)]
    processes = facts["processes"]
    rows = [
        [
            str(p["pid"] or ""),
            p["name"],
            f"{p['start']:,}",
            f"{p['peak']:,}",
            f"{p['end']:,}",
            event_place(p["peak_at"], sources),
        ]
        for p in processes[:_PROCESSES]
    ]
    lines += table(["pid", "process", "start", "peak VMAs", "end", "peak at"], rows, right=2)
    if len(processes) > _PROCESSES:
        lines += ["", f"and {len(processes) - _PROCESSES:,} more processes."]
    refused = [
        [c["name"], r["errno"], f"{r['count']:,}", r["call"], r["why"], event_place(r["first"], sources)]
        for c in facts["calls"]
        for r in c["refused"]
    ]
    lines += table(["refused call", "errno", "count", "first", "why", "at"], refused, right=9)
    accesses = [
        [
            outcome_word(a["outcome"]),
            f"{a['count']:,}",
            a["first"][0]["access"],
            event_place(a["first"][0]["at"], sources),
        ]
        for a in facts["accesses"]["refused"]
    ]
    lines += table(["access", "count", "first", "at"], accesses, right=9)
    skipped = trace["skipped"]["lines"]
    notes = [f"{skipped:,} lines could not be read."] if skipped else []
    notes += [f"Not recorded: {', '.join(facts['not_recorded'])}."] if facts["not_recorded"] else []
    notes += facts["notes"]
    lines += ["", *(f"- {inline(str(note))}" for note in notes)] if notes else []
    return "\n".join(lines) + "\n"
