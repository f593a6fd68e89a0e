"""The HTML page of a report: what each command puts on it. Pictures of the terminal are `output.show`'s."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import output as out
from .. import session

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...report.layout import Sheet
    from ...result.result import Result

PAGES = (".html", ".htm")
Facts = Mapping[str, Any]


def is_page(path: str | None, picture: bool) -> bool:
    """True if the file asks for a page: by its ending, unless a picture was asked for."""
    return path is not None and not picture and os.path.splitext(path)[1].lower() in PAGES


def write_page(
    path: str,
    title: str,
    sheet: Sheet,
    facts: Sequence[Facts],
    results: Sequence[Result] = (),
    placing: str | None = None,
    tables: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write the page of a report: its sentences, one side for each of `results`, tables, and the report as text."""
    from ...report.html.page import page
    from ...report.html.series import flat, side
    from ...report.phrases import agreement_phrase, ground_phrases

    answer: list[tuple[str, str]] = []
    for one in facts:
        if one.get("agreement"):
            answer.append(agreement_phrase(one["agreement"]))
        answer += ground_phrases(one) if "agreement" in one else []
        answer += [(sentence, "") for sentence in one.get("sentences") or ()]
    if not answer:
        answer = [(line, "") for line in sheet.text().splitlines()[1:3] if line.strip()]
    every = [
        {"title": "Every number of this report", "head": ["name", "value"], "rows": flat(one), "folded": True}
        for one in facts
    ]
    machines = {id(r.machine): r.machine for r in results}.values()
    grounds = [table for machine in machines for table in ground_tables(machine)]
    sides = [side(result, _frames(result, placing), _name(result, results)) for result in results]
    out.write_text([page(title, answer, sheet.text(), sides=sides, tables=[*tables, *grounds, *every])], path)


def _name(result: Result, results: Sequence[Result]) -> str:
    own = result.machine.name
    several = len({id(one.trace) for one in results}) > 1
    return f"{result.trace.name} on {own}" if several else own


def _frames(result: Result, placing: str | None) -> Any:
    """Address spaces at some 240 moments, the peak, and refused calls among them: one replay more."""
    import numpy as np

    from ...engine.look.frames import FrameTaker, moments

    peak = session.peak_event(result)
    ret, outcomes = result.columns["ret"], result.columns["outcome"]
    refused = np.flatnonzero((outcomes == 0) & (ret < 0) & (ret > -4096))[:20].tolist()
    taker = FrameTaker(result.trace)
    wanted = moments(result.columns["map_count"], [*([] if peak is None else [peak]), *refused])
    session.replay_timed(result.trace, result.machine, placing, frames_at=wanted, frame=taker)
    return taker.found


def ground_tables(machine: Machine) -> list[dict[str, Any]]:
    """On what the rules of a machine rest, if its kernel is no preset."""
    from ...report.facts.run import rule_ground

    found = rule_ground(machine.kernel)
    if not found["derived"]:
        return []
    groups = (
        ("asked of a running kernel", found["asked"]),
        ("read in its source", found["read"]),
        ("not known at this version: the older value", found["undecided"]),
        ("given", found["given"]),
    )
    rows = [[words, len(rules), ", ".join(rules)] for words, rules in groups if rules]
    title = f"What the rules of {machine.kernel.name} rest on"
    return [{"title": title, "head": ["ground", "rules", "which"], "rows": rows, "folded": True}]


def advise_tables(facts: Facts) -> list[dict[str, Any]]:
    """The bill and what would save, as tables."""
    bill = [
        [view, item["label"], item["vmas"], item["bytes"]]
        for view, items in facts["bill"].items()
        for item in items
    ]
    saving = [
        [r["label"], r["kernel"], r["before"], r["after"], f"{r['saved']:.1%}"] for r in facts["remedies"]
    ]
    return [
        {"title": "The bill", "head": ["view", "what", "VMAs", "bytes"], "rows": bill},
        {
            "title": "What would save",
            "head": ["remedy", "kernel", "before", "after", "saved"],
            "rows": saving,
        },
    ]


def check_tables(facts: Facts) -> list[dict[str, Any]]:
    """Each program or set with what of it agrees."""
    rows = [
        [
            o["path"],
            "error" if o["error"] else "agrees" if o["agrees"] else "differs",
            ", ".join(f"{what} {t['agree']}/{t['total']}" for what, t in (o["compared"] or {}).items()),
            o["kernel"] or "",
        ]
        for o in facts["outcomes"]
    ]
    return [{"title": "Checked", "head": ["path", "outcome", "compared", "kernel"], "rows": rows}]
