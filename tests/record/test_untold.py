"""A thread that is born while its process is killed stops on its way out, and nobody tells of its birth."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from remaptrace.record import libc, watcher
from remaptrace.record.folder import SetFolder
from remaptrace.record.watcher import Watcher

LEAVING = (libc.EV_EXIT << 16) | (signal.SIGTRAP << 8) | 0x7F  # as waitpid gives a stop on the way out


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Watcher, list[int]]:
    """A watcher without processes, and the tasks that it let go on."""
    resumed: list[int] = []
    made = Watcher(SetFolder(tmp_path / "set"))
    monkeypatch.setattr(watcher, "group_of", lambda tid: 50)
    monkeypatch.setattr(made, "resume", lambda task, *_: resumed.append(task.tid))
    monkeypatch.setattr(made, "exit_maps", lambda *_: None)
    return made, resumed


def test_it_is_let_go_on_though_nobody_tells_of_it(seen: tuple[Watcher, list[int]]) -> None:
    """Else its process is never done, and the recorder waits for ever (chromium killed while it starts)."""
    made, resumed = seen
    made._changed(77, LEAVING)
    made.tick(time.monotonic())
    assert resumed == []  # its birth may be told yet
    made.tick(time.monotonic() + 10)
    assert resumed == [77]
    made._changed(77, signal.SIGKILL)
    assert not made.tasks


def test_a_birth_that_is_told_late_brings_no_dead_task_back(
    seen: tuple[Watcher, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = seen
    made.tasks[50] = watcher.Tracee(50, 50)
    made._changed(77, LEAVING)
    made.tick(time.monotonic() + 10)
    made._changed(77, signal.SIGKILL)
    monkeypatch.setattr(libc, "event_message", lambda tid: 77)
    made.stopped(made.tasks[50], signal.SIGTRAP, libc.EV_CLONE)
    assert list(made.tasks) == [50]
