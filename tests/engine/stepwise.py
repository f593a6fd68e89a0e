"""A replay that tests drive event by event, looking at the whole state in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from remaptrace.abi.rows import EV_WORDS, RC_WORDS, RS_WORDS
from remaptrace.engine.arena import new_arena
from remaptrace.engine.run.loop import replay as loop
from remaptrace.engine.run.setup import set_up
from remaptrace.machine.machine import Machine
from remaptrace.trace.events import Trace


def steps(trace: Trace, machine: Machine) -> Iterator[tuple[int, Any]]:
    """Each event's number with the arena behind it."""
    m = new_arena(machine.rules, machine.archwords, compiled=False, small=True)
    set_up(m, trace, trace.recorded)
    import numpy as np

    ev = memoryview(np.ascontiguousarray(trace.rows(0, len(trace))).reshape(-1))
    rs = memoryview(np.zeros(len(trace) * RS_WORDS, dtype=np.int64))
    rc = memoryview(np.zeros(len(trace) * RC_WORDS, dtype=np.int64))
    assert len(ev) == len(trace) * EV_WORDS
    for event in range(len(trace)):
        loop(m, ev, rs, rc, 1, 0, event, event + 1)
        yield event, m
