"""Signals that a command answers itself end nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from remaptrace import interrupts
from remaptrace.interrupts import answered, is_answered


def test_a_signal_is_nobodys_unless_a_command_answers_it() -> None:
    interrupts._closed[0] = float("-inf")
    assert not is_answered()
    with answered():
        assert all(is_answered() for _ in range(5))


def test_a_second_ctrl_c_of_a_reading_ends_the_process() -> None:
    with answered(1):
        assert is_answered()
        assert not is_answered()


def test_a_signal_that_is_looked_at_late_was_answered_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(interrupts, "time", SimpleNamespace(monotonic=lambda: now))
    with answered(1):
        pass
    now += interrupts._LATE / 2
    assert is_answered()
    now += interrupts._LATE
    assert not is_answered()
