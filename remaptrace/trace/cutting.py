"""Parts of a trace: its first events, as a trace of its own."""

from __future__ import annotations

from dataclasses import replace

from .events import Trace


def first_events(trace: Trace, count: int) -> Trace:
    """The first `count` events of `trace`, with what belongs to them; tables are shared, not copied."""
    if count >= len(trace):
        return trace
    truth, relocations = trace.truth, trace.relocations
    return replace(
        trace,
        columns={name: column[:count] for name, column in trace.columns.items()},
        truth=None if truth is None else truth[truth["event"] < count],
        relocations=None if relocations is None else relocations[relocations["event"] < count],
        expects=[e for e in trace.expects if 0 <= e.event < count],
    )
