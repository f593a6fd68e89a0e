"""Everything that `advise` finds out about a replay: the bill, the limit, what would help, what failed, what leaks."""

from __future__ import annotations

from ..engine.run.driver import Progress, replay
from ..errorcodes import RT_MOMENT
from ..errors import UsageError
from ..lateclasses import dataclass
from ..result.result import Result, Snapshot
from ..trace.cutting import first_events
from ..trace.wording import ONLY_FAILED
from .bill import Bill, make_bill, peak
from .failure import Failure, failure_of, recorded_failure
from .leaks import Leak, find_leaks
from .limit import Limit, find_limit
from .remedies import Remedy, remedies


@dataclass(frozen=True, repr=False)
class Advice:
    """What the process with the most VMAs spends them on, and what was measured to lower that.

    Each view of `bill` adds up to its total; `remedies` were replayed, the most helpful first. `failure`: the
    recorded refusal that the log ends in, and its possible causes, the likeliest first. `given_back`: what grew like a
    leak, but was unmapped by the last calls of the process.
    """

    result: Result
    bill: Bill
    limit: Limit
    remedies: list[Remedy]
    failure: Failure | None
    leaks: list[Leak]
    given_back: list[Leak]

    def __repr__(self) -> str:
        best = next((r for r in self.remedies if r.saved > 0 and r.allowed_alike), None)
        saves = f", {best.name} leaves {best.after:,} of {best.before:,}" if best else ""
        return f"<Advice: {self.result.trace.name or 'unnamed'}, {self.bill.total:,} VMAs at the peak{saves}>"


def advise_on(
    result: Result,
    *,
    follow: bool | None = None,
    progress: Progress | None = None,
) -> Advice:
    """The advice on `result`, whose replay may have kept its first peak (`replay` with `peak`): that is quicker.

    `follow` as in `replay`. Raises UsageError RT503 if no event has an address space, or
    if the log has calls that failed alone, so that what was mapped is not in it.
    """
    event, task = peak(result)
    if event < 0 or (ONLY_FAILED in result.trace.notes and result.columns["map_count"][event] <= 0):
        raise UsageError(
            RT_MOMENT,
            "no event of the trace has an address space",
            result.trace.name,
            found=f"{len(result.trace)} event{'s' * (len(result.trace) != 1)} without a mapping",
            expected="a recording with the calls that map, and that succeeded",
        )
    failed = recorded_failure(result, task)
    shot = _look(result, event, follow)
    bill = make_bill(result, shot)
    limit = find_limit(result, task, bill)
    leaks, given_back = find_leaks(result, bill, limit)
    return Advice(
        result,
        bill,
        limit,
        remedies(result, task, result.machine.arch.label, follow, progress, bill.patterns.found()),
        failure_of(result, failed) if failed >= 0 else None,
        leaks,
        given_back,
    )


def _look(result: Result, event: int, follow: bool | None) -> Snapshot:
    shot = result.looks(event) if result.looks is not None else None
    if shot is not None:
        return shot
    first = first_events(result.trace, event + 1)
    again = replay(first, result.machine, follow=follow, observe_at=[event], ends=False)
    return again.observed[event]
