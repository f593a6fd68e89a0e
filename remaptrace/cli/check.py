"""`remaptrace check`: replay everything that has its truth with it, and compare."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..errors import EXIT_FINDINGS, EXIT_INPUT, EXIT_OK, RemapTraceError
from . import output as out
from . import session
from .options import choice_options, format_option, maps_option, output_option, placing_options

if TYPE_CHECKING:
    from ..result.agreement import CheckOutcome
    from ..trace.detect import Item


@click.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@choice_options
@placing_options
@maps_option
@click.option(
    "-n",
    "--differences",
    default=3,
    show_default=True,
    metavar="N",
    help="Differences shown in full for each source; 0: all kept.",
)
@format_option("rich", "plain", "junit", "github", "json")
@output_option
def command(
    paths: tuple[str, ...],
    choice: session.Choice,
    placing: str | None,
    maps: tuple[str, ...],
    differences: int,
    form: str,
    output: str | None,
) -> int:
    """Replay every scenario and recorded set in each PATH and compare with its truth.

    The truth is what a scenario expects, and what recorders saw: results, VMA counts, maps at exit,
    fault outcomes. Every expected field is compared. Exit status 1 on any disagreement.
    """
    from ..trace.detect import discover

    items = discover(paths, maps=maps)
    outcomes = []
    ticker = _Ticker(len(items))
    for item in items:
        ticker.show(item.name)
        outcomes.append(_check(item, choice, placing))
    ticker.close()
    _deliver(outcomes, form, output, differences)
    if any(not o.agrees and not o.error for o in outcomes):
        return EXIT_FINDINGS
    return EXIT_INPUT if any(o.error for o in outcomes) else EXIT_OK


def _check(item: Item, choice: session.Choice, placing: str | None) -> CheckOutcome:
    """The outcome for one item; an unreadable one is an outcome too."""
    from ..result.agreement import CheckOutcome

    try:
        trace = item.load()
        machine = choice.machine(trace)
        result, seconds = session.replay_timed(trace, machine, placing, counters=trace.truth is not None)
        outcome = session.agreement(result, item, True, seconds)
    except RemapTraceError as error:
        return CheckOutcome(item.name, item.paths[0], "program", {}, error=error)
    return outcome or CheckOutcome(item.name, item.paths[0], "program", {})


def _deliver(outcomes: list[CheckOutcome], form: str, path: str | None, differences: int) -> None:
    from ..report.facts.check import check_facts

    facts = check_facts(outcomes)
    if form == "rich":
        from ..report.rich.check import check_sheet

        out.show(check_sheet(facts, out.width(), differences), path, "remaptrace check")
    elif form == "plain":
        from ..report.plain.run import check_plain

        out.write_text([check_plain(facts)], path)
    elif form == "junit":
        from ..report.junit import check_junit

        out.write_text([check_junit(facts)], path)
    elif form == "github":
        from ..report.github import check_github

        out.write_text([check_github(facts)], path)
    else:
        from ..report.jsonout import to_json

        out.write_text([to_json(facts)], path)


class _Ticker:
    """Says on a terminal's standard error which of many sources is being replayed."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.live = sys.stderr.isatty() and total > 1

    def show(self, name: str) -> None:
        """One more is begun."""
        self.done += 1
        if self.live:
            sys.stderr.write(f"\r\x1b[K{self.done}/{self.total} {name[:60]}")
            sys.stderr.flush()

    def close(self) -> None:
        """Take the line away."""
        if self.live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
