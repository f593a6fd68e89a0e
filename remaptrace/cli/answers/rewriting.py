"""`--rewrite`: the trace as the program would have made it with other calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...lateclasses import replace
from .. import session

if TYPE_CHECKING:
    from ...machine.machine import Machine
    from ...rewrite.output import Rewritten
    from ...trace.events import Trace


def rewritten_for(trace: Trace, names: Sequence[str], choice: session.Choice) -> tuple[Trace, Machine]:
    """`trace` rewritten by the passes of `names`, and the machine for it; its notes say what was done and checked."""
    from ...rewrite.equivalence import check
    from ...rewrite.passes import rewrite

    if choice.kernel is None:
        choice = replace(choice, kernel=kernel_for(trace, names))
    machine = choice.machine(trace)
    results = _results(trace)
    done = rewrite(trace, names, results)
    own = session.Choice().machine(trace)
    sentence = check(trace, done, own, machine, results).sentence()
    return _told(trace, done, names, sentence), machine


def rewritten(trace: Trace, names: Sequence[str]) -> Trace:
    """`trace` rewritten by the passes of `names`; its notes say what was done. Unchanged without names."""
    if not names:
        return trace
    from ...rewrite.passes import rewrite

    return _told(trace, rewrite(trace, names, _results(trace)), names)


def _told(trace: Trace, done: Rewritten, names: Sequence[str], *more: str) -> Trace:
    """The rewritten trace; its notes say what was done, and `more`."""
    notes = [*done.trace.notes, *_done(done.counts), *more]
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
