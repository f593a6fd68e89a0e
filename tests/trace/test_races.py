"""Calls that overlapped stand in the order that recorded counters prove."""

from __future__ import annotations

import numpy as np

from remaptrace.abi import kinds as ev
from remaptrace.trace.events import TRUTH_DTYPE, MapsFile, Trace, TraceBuilder
from remaptrace.trace.recorded.races import settle_races

TIMES = np.array([10, 20, 30])


def race(counts: tuple[int, int, int], *, between: bool = False, neutral: int = ev.K_PRCTL) -> Trace:
    """A call of thread 1, a neutral call of thread 2 and an mmap of thread 1, with these VMA counts behind them."""
    b = TraceBuilder()
    one, two = b.task(10, 10), b.task(11, 10)
    first = b.event(ev.K_MUNMAP, one, (0x1000, 0x1000), 0, line=1)
    reading = b.event(neutral, two, (15, 0), 0, line=2)
    if between:
        b.event(ev.K_FAULT, one, (0x5000, 6, 0), line=3)
    last = b.event(ev.K_MMAP, one, (0, 0x1000, 3, 0x22, -1, 0), 0x7000, line=4)
    truth = [(e, c, 0, 0, 0, 0) for e, c in zip((first, reading, last), counts, strict=True)]
    return b.finish(truth=np.array(truth, dtype=TRUTH_DTYPE))


def lines(t: Trace) -> list[int]:
    settle_races(t, TIMES)
    return [int(line) for line in t.columns["line"]]


def test_a_reading_that_shows_the_next_calls_effect_comes_behind_it() -> None:
    t = race((5, 6, 6))
    assert lines(t) == [1, 4, 2]
    assert t.truth is not None
    assert t.truth[["event", "map_count"]].tolist() == [(0, 5), (1, 6), (2, 6)]
    assert t.columns["line"][t.truth["event"]].tolist() == [1, 4, 2]
    assert any(note.startswith("1 call was moved") for note in t.notes)


def test_a_reading_that_does_not_show_it_stays() -> None:
    assert lines(race((5, 5, 6))) == [1, 2, 4]


def test_a_call_whose_thread_did_something_in_between_was_not_in_flight() -> None:
    assert lines(race((5, 6, 6), between=True)) == [1, 2, 3, 4]


def test_a_call_that_may_have_changed_the_counters_itself_stays() -> None:
    assert lines(race((5, 6, 6), neutral=ev.K_MPROTECT)) == [1, 2, 4]


def test_exit_maps_keep_their_event() -> None:
    t = race((5, 6, 6))
    t.maps = [MapsFile("x", 10, "exit", (), 1)]
    settle_races(t, TIMES)
    assert t.maps[0].event == 2


def test_a_line_that_was_printed_late_goes_where_its_reading_was_taken() -> None:
    t = race((5, 5, 6))
    settle_races(t, np.array([10, 30, 20]))
    assert t.columns["line"].tolist() == [1, 4, 2]
    assert t.truth is not None
    assert t.truth["map_count"].tolist() == [5, 6, 5]


def test_a_threads_own_lines_keep_their_order() -> None:
    t = race((5, 5, 6), between=True)
    settle_races(t, np.array([10, 30, 20]))
    assert t.columns["line"].tolist() == [1, 2, 3, 4]
