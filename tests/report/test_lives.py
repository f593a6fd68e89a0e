"""The lives of processes, counted by machine code, are those that numpy counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remaptrace.abi import kinds as ev
from remaptrace.machinecode.folders import READERS
from remaptrace.machinecode.ready import is_compiled
from remaptrace.report.documents.run import ProcessFacts
from remaptrace.report.facts import processes
from remaptrace.report.facts.processes import process_facts
from remaptrace.trace.events import TraceBuilder

from . import handmade

pytestmark = pytest.mark.skipif(
    not is_compiled(READERS, "lives.count_lives"), reason="needs machine code: remaptrace warm"
)

EVENTS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(-1, 5), st.sampled_from((0, ev.EVF_MADE))),
    min_size=1,
    max_size=200,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(EVENTS, st.booleans())
def test_both_ways_tell_the_same(
    monkeypatch: pytest.MonkeyPatch, events: list[tuple[int, int, int]], recorded: bool
) -> None:
    b = TraceBuilder()
    tasks = [b.task(tid, pid) for tid, pid in ((1, 1), (2, 1), (3, 3), (4, 4), (1, 1))]
    for task, _, flags in events:
        b.event(ev.K_MUNMAP, tasks[task], (0, 4096), 0, flags)
    made = b.finish(sources=["x"], recorded=recorded)
    made.columns["task"] = made.columns["task"].astype(np.int8)
    result = handmade.result(made, map_count=np.array([count for _, count, _ in events], dtype=np.int32))

    def told(compiled: bool) -> list[ProcessFacts]:
        monkeypatch.setattr(processes, "pays", lambda name, events: compiled)
        return process_facts(result)

    assert told(True) == told(False)
