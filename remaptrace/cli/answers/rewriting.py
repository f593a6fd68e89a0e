"""`--rewrite`: the trace as the program would have made it with other calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...lateclasses import replace
from .. import session

if TYPE_CHECKING:
    from ...engine.run.trials import Trials
    from ...machine.machine import Machine
    from ...result.result import Result
    from ...rewrite.equivalence import Check
    from ...rewrite.output import Rewritten
    from ...trace.events import Trace


class Checked:
    """A rewritten trace and the machine for it; its notes say what was done and, when it was replayed, checked."""

    def __init__(self, trace: Trace, machine: Machine, check: Check | None) -> None:
        self.trace = trace
        self.machine = machine
        self._check = check

    @property
    def trials(self) -> Trials | None:
        """What the replay of the trace is to try on its way: None if it is checked already."""
        return None if self._check is None else self._check.trials

    def told(self, result: Result) -> Result:
        """That replay, of a trace whose notes say what it showed."""
        if self._check is None:
            return result
        notes = [*self.trace.notes, self._check.compared(result).sentence()]
        return replace(result, trace=replace(self.trace, notes=notes))


def rewritten_for(
    trace: Trace, names: Sequence[str], choice: session.Choice, *, alone: bool = False
) -> Checked:
    """`trace` rewritten by the passes of `names`. `alone`: the replay that is to follow cannot check it on its way."""
    from ...engine.run.driver import replay
    from ...rewrite.equivalence import AREAS, Check
    from ...rewrite.passes import rewrite
    from ...rewrite.rows import rows_of

    if choice.kernel is None:
        choice = replace(choice, kernel=kernel_for(trace, names))
    machine = choice.machine(trace)
    rows = rows_of(trace, _results(trace), areas=AREAS)
    done = rewrite(trace, names, rows=rows)
    own = session.Choice().machine(trace)
    check = Check(rows, done, own)
    told = _told(trace, done, names)
    if not (alone or check.alone or machine.host is not None):
        return Checked(told, machine, check)
    after = replay(done.trace, machine, follow=True, ends=False, trials=check.trials)
    return Checked(replace(told, notes=[*told.notes, check.compared(after).sentence()]), machine, None)


def rewritten(trace: Trace, names: Sequence[str]) -> Trace:
    """`trace` rewritten by the passes of `names`; its notes say what was done. Unchanged without names."""
    if not names:
        return trace
    from ...rewrite.passes import rewrite

    return _told(trace, rewrite(trace, names, _results(trace)), names)


def _told(trace: Trace, done: Rewritten, names: Sequence[str]) -> Trace:
    """The rewritten trace; its notes say what was done."""
    notes = [*done.trace.notes, *_done(done.counts)]
    return replace(done.trace, notes=notes, kernel=kernel_for(trace, names) or trace.kernel)


def _results(trace: Trace) -> Any:
    """What the calls of a scenario return, on the machine it is for; None for a recording, which says so."""
    if trace.recorded:
        return None
    return session.replay_timed(trace, session.Choice().machine(trace), None)[0].columns["ret"]


def _done(counts: dict[str, int]) -> list[str]:
    return (
        ["rewritten: " + ", ".join(f"{number:,} {what}" for what, number in counts.items())] if counts else []
    )


def kernel_for(trace: Trace, names: Sequence[str]) -> str | None:
    """The kernel on which the rewritten calls mean what they should; None if the trace's own is one."""
    from ...rewrite.passes import PASSES

    own = session.Choice().machine(trace)
    for name in names:
        wanted = PASSES[name].kernel
        if name == "guards" and own.rule("guard_regions") != "none":
            continue
        if wanted:
            return wanted
    return None
