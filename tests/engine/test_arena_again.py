"""The arena of a small machine that nobody has any more serves the next one, as empty as a new one."""

from __future__ import annotations

import numpy as np
import pytest

from remaptrace.engine import arena
from remaptrace.engine.areas.changelog import log_open
from remaptrace.engine.run.driver import replay
from remaptrace.engine.state import F_WORDS, H_FRAMES, H_NFRAMES, H_TOP
from remaptrace.machine.machine import Machine
from remaptrace.trace.scenario.read import read_scenario

MACHINE = Machine.load()
SCENARIO = "name: x\nsteps:\n" + "".join(
    f"- mmap: {{addr: {0x10000000 + i * 0x4000:#x}, length: 8192, prot: rw, flags: [private, fixed, anonymous]}}\n"
    f"- write: {{addr: {0x10000000 + i * 0x4000:#x}, value: 7}}\n"
    for i in range(20)
)


@pytest.fixture(autouse=True)
def _none_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arena, "_spare", [])


def _small() -> np.ndarray:
    m: np.ndarray = arena.new_arena(MACHINE.rules, MACHINE.archwords, compiled=True, huge=False)
    return m


def test_an_arena_comes_again_as_empty_as_it_was_at_first() -> None:
    m = _small()
    address, top, frames = m.ctypes.data, int(m[H_TOP]), int(m[H_FRAMES])
    new = m[: top + 5000].copy()
    m[H_TOP], m[H_NFRAMES] = top + 4000, 30
    m[top : top + 4000] = 7
    m[frames : frames + 30 * F_WORDS] = 7
    del m
    again = _small()
    assert again.ctypes.data == address
    assert (again[: top + 5000] == new).all()
    assert not again[frames : frames + 31 * F_WORDS].any()


def test_what_somebody_still_looks_at_is_left_alone() -> None:
    m = _small()
    view = memoryview(m)
    address = m.ctypes.data
    del m
    other = _small()
    assert other.ctypes.data != address and view[H_NFRAMES] == 1


def test_a_machine_that_used_much_is_given_back() -> None:
    m = _small()
    m[H_TOP] = arena._LITTLE
    del m
    assert not arena._spare


def test_a_machine_with_a_log_of_changes_is_given_back() -> None:
    """Rows of the log lie at the end of the heap, where a new machine has zeros."""
    m = _small()
    log_open(m)
    del m
    assert not arena._spare


def test_replays_one_after_the_other_are_what_the_first_was() -> None:
    trace = read_scenario(SCENARIO)
    first = replay(trace, MACHINE, engine="compiled")
    columns = {name: column.copy() for name, column in first.columns.items()}
    totals, rows = first.totals, first.snapshots[0].vmas
    del first
    for _ in range(3):
        again = replay(trace, MACHINE, engine="compiled")
        assert again.totals == totals and again.snapshots[0].vmas == rows
        assert all((again.columns[name] == column).all() for name, column in columns.items())
