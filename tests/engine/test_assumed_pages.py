"""A log of faults without maps: which areas its resolved faults prove, and how many."""

from __future__ import annotations

from remaptrace.abi import kinds as ev
from remaptrace.abi.outcomes import OUT_OK
from remaptrace.engine.run.driver import replay
from remaptrace.machine.machine import Machine
from remaptrace.result.result import VmaRow
from remaptrace.trace.events import TraceBuilder

PAGE = 4096
CODE = 0x5555_5555_0000
READ, WRITE, FETCH = 4, 6, 0x14


def touched(*faults: tuple[int, int]) -> tuple[list[int], tuple[VmaRow, ...]]:
    """Outcomes of faults (page, error code) of a process that execve made, and its areas behind them."""
    b = TraceBuilder()
    task = b.task(7, 7)
    b.event(ev.K_EXEC, task, (b.string("/bin/prog"), 0), 0)
    events = [b.event(ev.K_FAULT, task, (CODE + page * PAGE, code, 0)) for page, code in faults]
    result = replay(b.finish(), Machine.load(), observe_at=[events[-1]], engine="interpreted")
    return [int(result.columns["outcome"][e]) for e in events], result.observed[events[-1]].vmas


def shape(areas: tuple[VmaRow, ...]) -> list[tuple[int, int, str]]:
    return [((v.start - CODE) // PAGE, (v.end - CODE) // PAGE, v.perms) for v in areas]


def test_pages_near_each_other_are_of_one_area() -> None:
    outcomes, areas = touched((0, FETCH), (9, FETCH), (4, READ))
    assert outcomes == [OUT_OK] * 3
    assert shape(areas) == [(0, 10, "r-xp")]
    assert all(area.assumed for area in areas)


def test_an_area_grows_downwards_too() -> None:
    _, areas = touched((9, WRITE), (3, WRITE))
    assert shape(areas) == [(3, 10, "rw-p")]


def test_code_and_data_are_kept_apart() -> None:
    _, areas = touched((0, FETCH), (1, WRITE), (2, FETCH))
    assert shape(areas) == [(0, 1, "r-xp"), (1, 2, "rw-p"), (2, 3, "r-xp")]


def test_pages_far_from_each_other_are_of_two_areas() -> None:
    _, areas = touched((0, READ), (500, READ))
    assert shape(areas) == [(0, 1, "r--p"), (500, 501, "r--p")]


def test_a_resolved_write_proves_that_its_area_may_be_written() -> None:
    outcomes, areas = touched((0, READ), (0, 7))
    assert outcomes == [OUT_OK, OUT_OK]
    assert shape(areas) == [(0, 1, "rw-p")]


def test_a_refused_access_proves_nothing() -> None:
    b = TraceBuilder()
    task = b.task(7, 7)
    b.event(ev.K_EXEC, task, (b.string("/bin/prog"), 0), 0)
    fault = b.event(ev.K_FAULT, task, (CODE, WRITE, 0))
    b.event(ev.K_SIGNAL, task, (11, 1, CODE))
    result = replay(b.finish(), Machine.load(), observe_at=[fault], engine="interpreted")
    assert result.columns["outcome"][fault] != OUT_OK
    assert result.observed[fault].vmas == ()


def test_a_child_that_faults_on_assumed_text_shows_that_it_was_not_copied() -> None:
    b = TraceBuilder()
    parent, child = b.task(7, 7), b.task(8, 8, parent=0)
    b.event(ev.K_EXEC, parent, (b.string("/bin/prog"), 0), 0)
    b.event(ev.K_FAULT, parent, (CODE, FETCH, 0))
    b.event(ev.K_FORK, parent, (child, 0), 8)
    again = b.event(ev.K_FAULT, child, (CODE, FETCH, 0))
    result = replay(b.finish(), Machine.load(), engine="interpreted")
    assert result.columns["minor"][again] == 1


def test_pages_of_a_stack_are_of_one_area_however_far_apart() -> None:
    top = (0x7FFF_0ACF_2000 - CODE) // PAGE
    _, areas = touched((top, WRITE), (top - 2000, WRITE), (top - 5000, WRITE))
    assert shape(areas) == [(top - 5000, top - 4999, "rw-p"), (top - 2000, top + 1, "rw-p")]
