"""What `remaptrace run` does."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from ...errors import EXIT_FINDINGS, EXIT_INPUT, EXIT_OK, InputError
from ...report.formats import made, output_for, text
from .. import output as out
from .. import session
from ..answers.pages import is_page, write_page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...report.documents.run import Run
    from ...result.result import Result


def run(
    traces: tuple[str, ...],
    *,
    choice: session.Choice = session.AS_THE_SOURCE_SAYS,
    placing: str | None = None,
    maps: tuple[str, ...] = (),
    processes: int = 3,
    rewrites: tuple[str, ...] = (),
    threads_of: int | None = None,
    cache: bool = False,
    live: bool = False,
    form: str = "rich",
    output: str | None = None,
    picture: bool = False,
) -> int:
    """Replay each trace and report; the exit status."""
    if live:
        from ..answers.live import followed

        followed(traces, choice, placing)
    status = EXIT_OK
    facts: list[Run] = []
    results: list[Result] = []
    unread: list[InputError] = []
    hosts: dict[int, Any] = {}
    changes = form == "rich" and is_page(output, picture)
    asked = output_for("run", output)
    tracks = asked is not None and asked.name == "perfetto"
    for item, original in session.load_traces(
        traces, threads_of=threads_of, maps=maps, cache=cache, unread=unread
    ):
        checked = None
        if rewrites:
            from ..answers.rewriting import rewritten_for

            alone = tracks or changes or session.follows(placing) is False
            checked = rewritten_for(original, rewrites, choice, alone=alone)
            trace, machine = checked.trace, checked.machine
        else:
            trace, machine = original, choice.machine(original)
        if machine.host is not None:
            from ...report.facts.run import run_facts

            sides, origin = session.both_sides(trace, machine, placing, changes)
            facts += map(run_facts, sides)
            hosts[len(results) + 1] = origin
            results += sides
            continue
        result, seconds = session.replay_timed(
            trace,
            machine,
            placing,
            counters=trace.truth is not None or tracks,
            changes=changes,
            peak="last",
            trials=None if checked is None else checked.trials,
        )
        if checked is not None:
            result = checked.told(result)
        reason = "the trace was rewritten" if rewrites else choice.why_not_compared(trace, machine)
        agreement = session.agreement(result, item, not reason, seconds)
        from ...report.facts.run import run_facts

        found = run_facts(result, agreement, session.peak_snapshot(result), seconds, not_compared=reason)
        if (agreement and not agreement.agrees and agreement.tallies) or trace.skipped:
            status = EXIT_FINDINGS
        facts.append(found)
        results.append(result)
    if unread and not facts:
        raise unread[0]
    _deliver(facts, results, form, output, processes, picture, hosts)
    if unread:
        out.show_unread(unread, len(facts) + len(unread))
        return EXIT_INPUT
    return status


def _deliver(
    facts: list[Run],
    results: list[Result],
    form: str,
    path: str | None,
    processes: int,
    picture: bool = False,
    hosts: Mapping[int, Any] | None = None,
) -> None:
    parts = text("run", form, facts, results)
    if parts is not None:
        out.write_text(parts, path)
    elif path is not None and (asked := output_for("run", path)) is not None:
        out.write_bytes(made(asked, facts, results), path)
    else:
        from ...report.layout import Sheet
        from ...report.rich.run import run_sheet

        sheet = Sheet(out.width())
        for found in facts:
            sheet.blank()
            sheet.lines += run_sheet(found, sheet.width, processes).lines
        more = f" and {len(facts) - 1} more" if len(facts) > 1 and not hosts else ""
        title = f"remaptrace run {facts[0]['trace']['name']}{more}"
        if path is not None and is_page(path, picture):
            from ...report.html.tables import run_tables

            write_page(
                path,
                title,
                sheet,
                facts,
                results,
                list(chain.from_iterable(map(run_tables, facts))),
                hosts=hosts,
            )
        else:
            out.show(sheet, path, title)
