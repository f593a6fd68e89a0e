"""`remaptrace advise`: the VMA bill and what would lower it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ..errorcodes import RT_MOMENT, RT_USAGE
from ..errors import UsageError
from . import output as out
from . import session
from .options import choice_options, format_option, output_option, placing_options

if TYPE_CHECKING:
    from ..result.result import Result


@click.command("advise")
@click.argument("trace", metavar="TRACE")
@choice_options
@placing_options
@click.option(
    "--maps", multiple=True, type=click.Path(), metavar="FILE", help="/proc/PID/maps files, as in run."
)
@click.option("--lookup", is_flag=True, help="Add what VMA lookups cost in the trees that kernels have used.")
@click.option(
    "-n", "--rows", default=4, show_default=True, metavar="N", help="Rows of the smaller views; 0: all."
)
@format_option("rich", "plain", "json", "markdown")
@output_option
def command(
    trace: str,
    choice: session.Choice,
    placing: str | None,
    maps: tuple[str, ...],
    lookup: bool,
    rows: int,
    form: str,
    output: str | None,
) -> None:
    """Show where the VMAs of TRACE go and what would save them.

    The bill counts every VMA of the largest process at its peak once, by what it is there for. What would
    help is measured: the rewritten trace is replayed.
    """
    loaded = [t for _, t in session.load_traces([trace], maps=maps)]
    if len(loaded) != 1:
        raise UsageError(RT_USAGE, f"'{trace}' holds {len(loaded)} traces", expected="one trace; name it")
    machine = choice.machine(loaded[0])
    start = time.perf_counter()
    result, _ = session.replay_timed(loaded[0], machine, placing)
    facts = _facts(result, placing, lookup, start)
    if form == "json":
        from ..report.jsonout import to_json

        out.write_text([to_json(facts)], output)
    elif form == "plain":
        from ..report.plain.advise import advise_plain

        out.write_text([advise_plain(facts)], output)
    elif form == "markdown":
        from ..report.markdown.advise import advise_markdown

        out.write_text([advise_markdown(facts)], output)
    else:
        from ..report.rich.advise import advise_sheet

        out.show(
            advise_sheet(facts, out.width(), rows), output, f"remaptrace advise {facts['trace']['name']}"
        )


def _facts(result: Result, placing: str | None, lookup: bool, start: float) -> dict[str, Any]:
    from ..advise.bill import make_bill, peak
    from ..advise.limit import find_limit
    from ..advise.remedies import remedies
    from ..report.facts.advise import advise_facts

    event, task = peak(result)
    if event < 0:
        raise UsageError(RT_MOMENT, "no event of the trace has an address space")
    shot = session.with_look(result, event, placing).observed[event]
    follow = None if placing is None else placing == "follow"
    progress = session.Progress(result.trace.name)
    try:
        found = remedies(result, task, result.machine.arch.label, follow, progress)
    finally:
        progress.close()
    costs = None
    if lookup:
        from ..lookup.measure import measure

        costs = [vars(cost) for cost in measure(result.trace, result.machine, follow)]
    return advise_facts(
        result, make_bill(result, shot), find_limit(result, task), found, costs, time.perf_counter() - start
    )
