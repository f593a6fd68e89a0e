"""The HTML page of a report: what each command puts on it. Pictures of the terminal are `output.show`'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from ...report.formats import PAGES, ending_of
from .. import output as out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...report.documents.advise import Advise, AdviseGrowth, AdviseMap
    from ...report.documents.check import Check
    from ...report.documents.diff import Diff, DiffRecordings
    from ...report.documents.page import Table
    from ...report.documents.run import Run
    from ...report.layout import Sheet
    from ...result.result import Result

    Page = Run | Diff | Advise | Check | AdviseMap | AdviseGrowth | DiffRecordings
    """Facts that a page can be made of."""


def is_page(path: str | None, picture: bool) -> bool:
    """True if the file asks for a page: by its ending, unless a picture was asked for."""
    return not picture and ending_of(path, PAGES) is not None


def write_page(
    path: str,
    title: str,
    sheet: Sheet,
    facts: Sequence[Page],
    results: Sequence[Result] = (),
    tables: Sequence[Table] = (),
    machines: bool = False,
    hosts: Mapping[int, Any] | None = None,
    wrong: Sequence[Sequence[tuple[int, str]]] = (),
) -> None:
    """Write the page of a report: its sentences, one side for each of `results`, tables, and the report as text.

    The replays must have been asked for their changes. `machines`: they share one time, one trace on several machines.
    `hosts` has for the place of each host among `results`, right behind its guest, the guest's event that brought each
    of the host's events about. `wrong` has for each result the events that came out otherwise than recorded or
    expected.
    """
    from ...report.html.page import page
    from ...report.html.series import carried, side
    from ...report.html.tables import ground_tables, letters_of

    several = len(facts) > 1
    answer = list(chain.from_iterable(_sentences(one, several) for one in facts))
    every: list[Table] = [
        {
            "title": "Every number of this report",
            "head": ["name", "value"],
            "rows": [],
            "facts": carried(one),
            "folded": True,
        }
        for one in facts
    ]
    apart, at = _differing(results) if machines else ((), -1)
    hosts = hosts or {}
    letters = [w for f in facts if f["schema"] == "remaptrace/diff/1" for w in letters_of(f)] or [""] * len(
        results
    )
    sides = [
        side(
            result,
            letters[i] + _name(result, results),
            differing=apart if i < 2 else (),
            differing_at=at,
            moments=hosts.get(i),
            wrong=wrong[i] if wrong else (),
        )
        for i, result in enumerate(results)
    ]
    grounds = list(
        chain.from_iterable(map(ground_tables, {id(r.machine): r.machine for r in results}.values()))
    )
    groups: list[tuple[str, Sequence[int]]] = [("machines", range(len(sides)))] if machines else []
    if hosts:
        groups = [
            ("host", (i, i + 1)) if i + 1 in hosts else ("several", (i,))
            for i in range(len(sides))
            if i not in hosts
        ]
    out.write_text(
        [page(title, answer, sheet.text(), sides=sides, groups=groups, tables=[*tables, *grounds, *every])],
        path,
    )


def _sentences(facts: Page, several: bool) -> list[tuple[str, str]]:
    """The answer of a report with its ground, each sentence with its style; of `several` with the trace's name."""
    from ...report.phrases import agreement_phrase, ground_phrases
    from ...report.rich import advise, check, diff, dump, run

    if facts["schema"] == "remaptrace/diff/1":
        return [diff.diff_answer(facts, diff.column_names(facts))]
    if facts["schema"] == "remaptrace/advise/1":
        return [(advise.advise_answer(facts), ""), *((sentence, "") for sentence in facts["sentences"])]
    if facts["schema"] == "remaptrace/check/1":
        return [check.check_answer(facts)]
    if facts["schema"] == "remaptrace/advise-map/1":
        return [(dump.dump_answer(facts), ""), *((sentence, "") for sentence in facts["sentences"])]
    if facts["schema"] == "remaptrace/advise-growth/1" or facts["schema"] == "remaptrace/diff-recordings/1":
        return [(sentence, "") for sentence in facts["sentences"]]
    whole = f"{facts['trace']['name']}: " if several else ""
    first = agreement_phrase(facts["agreement"]) if facts["agreement"] else (run.plain_answer(facts), "")
    return [(whole + first[0], first[1]), *ground_phrases(facts)]


def _differing(results: Sequence[Result]) -> tuple[Sequence[Sequence[Any]], int]:
    """Ranges that the first two machines protect differently where both were looked at, and behind which event."""
    from ...result.protdiff import protection_differences

    for event in sorted(results[0].observed.keys() & results[1].observed.keys()):
        shots = results[0].observed[event], results[1].observed[event]
        if all(shot.protections is not None for shot in shots):
            found = protection_differences(*shots)
            return [[d.start, d.end, _effective(d.first), _effective(d.second)] for d in found], event
    return (), -1


def _effective(side: Any) -> str:
    """What is effective, and of what area."""
    return f"{side.effective} ({side.vma})" if side.vma else str(side.effective)


def _name(result: Result, results: Sequence[Result]) -> str:
    own = result.machine.name
    several = len({id(one.trace) for one in results}) > 1
    return f"{result.trace.name} on {own}" if several else own
