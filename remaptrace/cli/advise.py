"""`remaptrace advise`: the VMA bill and what would lower it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ..errorcodes import RT_USAGE
from ..errors import UsageError
from ..report.formats import text
from . import output as out
from . import session
from .answers.callers import check_form, deliver, is_profile
from .answers.mapadvice import advise_dumps, advise_process, dumps_of
from .answers.pages import is_page, write_page
from .options import (
    choice_options,
    page_option,
    placing_options,
    process_options,
    report_option,
    seconds_of,
)

if TYPE_CHECKING:
    from ..report.documents.advise import Advise
    from ..result.result import Result


_FEW = 4


@click.command("advise")
@click.argument("traces", nargs=-1, metavar="TRACE [NEWER]")
@process_options
@choice_options
@placing_options
@click.option(
    "--maps", multiple=True, type=click.Path(), metavar="FILE", help="/proc/PID/maps files, as in run."
)
@click.option(
    "-p", "--pid", type=click.IntRange(1), metavar="PID", help="Of this running process, as it is now."
)
@click.option(
    "--every",
    callback=seconds_of,
    metavar="TIME",
    help="With -p: look again and again (5s, 2m), and say what grew at the end.",
)
@click.option(
    "--times",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="With --every: looks in all. [default: until it ends]",
)
@click.option("--lookup", is_flag=True, help="Add what VMA lookups cost in the trees that kernels have used.")
@click.option(
    "-n", "--rows", default=_FEW, show_default=True, metavar="N", help="Rows of the smaller views; 0: all."
)
@click.option(
    "--by", type=click.Choice(["caller"]), help="The bill by who called, of a recording with stacks."
)
@click.option(
    "--depth", type=click.IntRange(0), default=3, show_default=True, help="Frames of a caller; 0: all."
)
@click.option(
    "--unit",
    type=click.Choice(["areas", "made", "kept", "faults", "refused"]),
    default="areas",
    show_default=True,
    help="Areas alive at the peak, made ever, never unmapped; page faults; refused calls.",
)
@report_option("advise")
@page_option
def command(
    threads_of: int | None,
    traces: tuple[str, ...],
    choice: session.Choice,
    placing: str | None,
    maps: tuple[str, ...],
    pid: int | None,
    every: float | None,
    times: int,
    lookup: bool,
    rows: int,
    by: str | None,
    depth: int,
    unit: str,
    form: str,
    output: str | None,
    picture: bool,
) -> None:
    """Show where the VMAs of TRACE go and what would save them.

    The bill counts every VMA of the largest process at its peak once, by what it is there for. What would
    help is measured: the rewritten trace is replayed. TRACE may be a map alone (/proc/PID/maps, smaps, pmap,
    a core file, hs_err, a tombstone, lists of gdb, valgrind and sanitizers); with a second, NEWER one: what grew.
    """
    if pid is not None:
        if traces:
            raise UsageError(RT_USAGE, "-p and a TRACE are named", expected="one of them")
        advise_process(pid, every, times, choice, form, output, rows, picture)
        return
    if by is not None:
        check_form(form, output)
    if every is not None:
        raise UsageError(RT_USAGE, "--every looks at a running process", expected="-p PID")
    if not traces:
        raise UsageError(RT_USAGE, "no input is named", expected="a TRACE, maps, or -p PID")
    dumps = dumps_of(traces) if not maps else None
    if dumps is not None:
        advise_dumps(dumps, choice, form, output, rows, picture)
        return
    if len(traces) != 1:
        raise UsageError(RT_USAGE, f"{len(traces)} traces are named", expected="one trace; two only of maps")
    trace = traces[0]
    loaded = [t for _, t in session.load_traces([trace], threads_of=threads_of, maps=maps)]
    if len(loaded) != 1:
        raise UsageError(RT_USAGE, f"'{trace}' holds {len(loaded)} traces", expected="one trace; name it")
    machine = choice.machine(loaded[0])
    start = time.perf_counter()
    callers = by is not None or is_profile(output)
    changes = callers or (form == "rich" and is_page(output, picture))
    result, _ = session.replay_timed(loaded[0], machine, placing, changes=changes, peak="first")
    if callers:
        deliver(result, unit, depth, rows if rows != _FEW else 10, form, output)
        return
    facts = _facts(result, placing, lookup, start)
    parts = text("advise", form, facts)
    if parts is not None:
        out.write_text(parts, output)
    else:
        from ..report.rich.advise import advise_sheet

        sheet, title = advise_sheet(facts, out.width(), rows), f"remaptrace advise {facts['trace']['name']}"
        if output is not None and is_page(output, picture):
            from ..report.html.tables import advise_tables

            write_page(output, title, sheet, [facts], [result], advise_tables(facts))
        else:
            out.show(sheet, output, title)


def _facts(result: Result, placing: str | None, lookup: bool, start: float) -> Advise:
    from ..advice.whole import advise_on
    from ..report.facts.advise import advise_facts

    follow = session.follows(placing)
    progress = session.Progress(result.trace.name)
    try:
        advice = advise_on(
            result,
            follow=follow,
            progress=progress,
        )
    finally:
        progress.close()
    costs = None
    if lookup:
        from ..lookup.measure import measure

        costs = measure(result.trace, result.machine, follow)
    return advise_facts(advice, costs, time.perf_counter() - start)
