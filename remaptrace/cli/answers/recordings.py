"""`remaptrace diff BEFORE AFTER`: two recordings, each on its own machine, their largest processes side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errorcodes import RT_MOMENT
from ...errors import EXIT_FINDINGS, EXIT_OK, UsageError
from .. import session
from .mapadvice import deliver_areas
from .pages import is_page

if TYPE_CHECKING:
    from ...advice.bill import Bill
    from ...result.result import Result
    from ...trace.events import Trace


def diff_recordings(
    old: Trace,
    new: Trace,
    choice: session.Choice,
    placing: str | None,
    form: str,
    output: str | None,
    rows: int,
    picture: bool = False,
) -> int:
    """Report what two recordings need: areas by what they are for, calls, refusals, faults. 1: they differ."""
    from ...report.facts.recordings import recordings_facts

    draws = form == "rich" and is_page(output, picture)
    sides = [_side(trace, choice, placing, draws) for trace in (old, new)]
    facts = recordings_facts(*sides)
    drawn = [result for result, _ in sides] if draws else []
    deliver_areas(facts, form, output, rows, picture, "remaptrace diff", drawn)
    return EXIT_FINDINGS if any(facts["grown"].values()) else EXIT_OK


def _side(trace: Trace, choice: session.Choice, placing: str | None, draws: bool) -> tuple[Result, Bill]:
    from ...advice.bill import make_bill, peak

    result, _ = session.replay_timed(trace, choice.machine(trace), placing, changes=draws, peak="first")
    event, _ = peak(result)
    if event < 0:
        raise UsageError(RT_MOMENT, "no event of the trace has an address space", trace.name)
    return result, make_bill(result, session.with_look(result, event).observed[event])
