"""`remaptrace diff BEFORE AFTER`: two recordings, each on its own machine, their largest processes side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errorcodes import RT_MOMENT
from ...errors import EXIT_FINDINGS, EXIT_OK, UsageError
from .. import session
from .mapadvice import deliver_areas
from .pages import is_page

if TYPE_CHECKING:
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
    from ...advice.bill import make_bill
    from ...report.facts.recordings import Side, peaks_of, recordings_facts
    from ...result.images import compared_by

    draws = form == "rich" and is_page(output, picture)
    results = [_replayed(trace, choice, placing, draws) for trace in (old, new)]
    peaks = [peaks_of(result) for result in results]
    sides = []
    for result, found, name in zip(results, peaks, compared_by(peaks[0], peaks[1]), strict=True):
        event = found[name][1]
        sides.append(
            Side(result, make_bill(result, session.with_look(result, event).observed[event]), name, found)
        )
    facts = recordings_facts(*sides)
    drawn = results if draws else []
    deliver_areas(facts, form, output, rows, picture, "remaptrace diff", drawn)
    return EXIT_FINDINGS if any(facts["grown"].values()) else EXIT_OK


def _replayed(trace: Trace, choice: session.Choice, placing: str | None, draws: bool) -> Result:
    from ...advice.bill import peak

    result, _ = session.replay_timed(trace, choice.machine(trace), placing, changes=draws, peak="first")
    if peak(result)[0] < 0:
        raise UsageError(RT_MOMENT, "no event of the trace has an address space", trace.name)
    return result
