"""Measuring lookups: the copied areas follow the replay, and the costs are those of a simple twin."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remaptrace.api import load, machine_of
from remaptrace.engine.look.inspect import vmas
from remaptrace.engine.run.driver import walk
from remaptrace.engine.state import MM_ID, V_END, V_START
from remaptrace.lookup.areas import Areas
from remaptrace.lookup.measure import follow_range, measure, touched

TRACES = Path(__file__).parent.parent / "traces"


@pytest.mark.parametrize("name", ["ls", "zoo", "fuzz-2", "remapwin-256"])
def test_areas_near_the_range_of_an_event_are_all_that_it_changes(name: str) -> None:
    trace = load(TRACES / name)
    rows = trace.rows(0, len(trace))
    spaces: dict[int, Areas] = {}
    for event, m, mm, result in walk(trace, machine_of(trace)):
        if not mm:
            continue
        whole = [(int(m[v + V_START]), int(m[v + V_END])) for v in vmas(m, mm)]
        areas = spaces.get(m[mm + MM_ID])
        if areas is None:
            areas = spaces[m[mm + MM_ID]] = Areas()
            areas.update(0, 1 << 64, whole)
        for low, high in touched(rows[event].tolist(), result):
            follow_range(areas, m, mm, low, high)
        assert areas.areas() == whole, event


@given(st.lists(st.lists(st.booleans(), min_size=12, max_size=12), min_size=1, max_size=6))
def test_changes_turn_the_old_areas_into_the_new_ones(states: list[list[bool]]) -> None:
    """Applied to a dict one after the other, without ever two areas that overlap."""
    copied: dict[int, int] = {}
    areas = Areas()
    for pages in states:
        now = [(i * 2, i * 2 + 2) for i, there in enumerate(pages) if there]
        for change in areas.update(0, 100, now):
            if change.old is not None:
                assert copied.pop(change.old[0]) == change.old[1]
            if change.new is not None:
                assert all(end <= change.new[0] or start >= change.new[1] for start, end in copied.items())
                copied[change.new[0]] = change.new[1]
        assert sorted(copied.items()) == now


def test_a_cache_can_only_save_walks() -> None:
    trace = load(TRACES / "ls")
    costs = {c.name: c for c in measure(trace, machine_of(trace))}
    plain = costs["rbtree"]
    for name in ("rbtree-one", "rbtree-thread"):
        assert costs[name].lookups == plain.lookups
        assert costs[name].nodes_mean < plain.nodes_mean
        assert 0 < (costs[name].hit_rate or 0) < 1
    assert costs["maple"].nodes_mean < plain.nodes_mean
