"""The log of changes: behind every event it gives the areas that the state itself has, at no price for others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import remaptrace
from remaptrace.api import machine_of
from remaptrace.engine.areas import changelog
from remaptrace.engine.look.inspect import vma_rows
from remaptrace.engine.run.driver import replay
from remaptrace.engine.run.engines import is_compiled
from remaptrace.engine.state import G_TASKS, T_MM
from remaptrace.machine.machine import Machine
from remaptrace.result.changes import NEVER
from remaptrace.trace.events import Trace
from remaptrace.trace.scenario.read import read_scenario

TRACES = Path(__file__).parents[2] / "traces"
PROGRAMS = sorted((TRACES / "conformance").glob("linux-*/*-02.yaml"))


def states(trace: Trace, machine: Machine, step: int = 1) -> tuple[Any, dict[int, Any]]:
    """The result with its log, and what the state itself shows behind events."""
    seen: dict[int, Any] = {}

    def watch(m: Any, event: int) -> None:
        if event % step == 0:
            mm = m[m[m[G_TASKS] + int(trace.columns["task"][event])] + T_MM]
            seen[event] = vma_rows(m, mm, trace.strings) if mm else None

    return replay(trace, machine, watch=watch, changes=True, engine="interpreted"), seen


def assert_equal(trace: Trace, machine: Machine, step: int = 1) -> None:
    result, seen = states(trace, machine, step)
    assert seen
    for event, rows in seen.items():
        task = int(trace.columns["task"][event])
        assert result.changes.areas_at(event, task) == rows, remaptrace.event_text(trace, event)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_state_of_a_program_is_in_the_log(path: Path) -> None:
    trace = remaptrace.load(path)
    assert_equal(trace, machine_of(trace))


@pytest.mark.parametrize("kernel", ["linux-2.6.21", "linux-2.6.21-rfp", "linux-6.1", "linux-7.2"])
def test_every_kernel_keeps_it(kernel: str) -> None:
    trace = remaptrace.load(TRACES / "conformance" / "linux-6.18" / "mixed-01.yaml")
    assert_equal(trace, machine_of(trace, kernel=kernel))


@pytest.mark.parametrize(("name", "step"), [("ls", 1), ("bash-script", 25), ("zoo", 5)])
def test_recorded_processes_are_in_the_log(name: str, step: int) -> None:
    trace = remaptrace.load(TRACES / name)
    assert_equal(trace, machine_of(trace), step)


def test_a_look_from_the_result_takes_the_log() -> None:
    trace = remaptrace.load(TRACES / "ls")
    machine = machine_of(trace)
    plain, logged = replay(trace, machine), replay(trace, machine, changes=True)
    event = len(trace) // 2
    assert logged.vmas(at=event) == plain.vmas(at=event)


def test_keeping_it_changes_nothing() -> None:
    trace = remaptrace.load(TRACES / "ls")
    machine = machine_of(trace)
    plain, logged = replay(trace, machine), replay(trace, machine, changes=True)
    assert plain.changes is None
    assert plain.totals == logged.totals
    assert plain.snapshots == logged.snapshots
    for name, column in plain.columns.items():
        assert np.array_equal(column, logged.columns[name])


@pytest.mark.parametrize("name", ["ls", "zoo", "redis-bgsave", "efence-500"])
@pytest.mark.skipif(not is_compiled(), reason="no compiled engine of these sources: run 'remaptrace warm'")
def test_compiled_code_keeps_the_same(name: str) -> None:
    trace = remaptrace.load(TRACES / name)
    machine = machine_of(trace)
    plain, compiled = (
        replay(trace, machine, changes=True, engine=engine).changes for engine in ("interpreted", "compiled")
    )
    assert plain is not None
    assert compiled is not None
    for word in ("event", "space", "start", "end", "pgoff", "anon_vma", "born", "kind", "tasks", "layouts"):
        assert np.array_equal(getattr(plain, word), getattr(compiled, word)), word
    assert plain.kinds == compiled.kinds
    assert plain.gone == compiled.gone


def test_rows_say_something_new() -> None:
    log = replay_of(TRACES / "efence-500")
    last: dict[tuple[int, int], tuple[int, ...]] = {}
    for i in range(len(log)):
        key = int(log.space[i]), int(log.start[i])
        row = tuple(int(c[i]) for c in (log.end, log.pgoff, log.anon_vma, log.born, log.kind))
        assert row[0] != 0 or last.get(key, (0,))[0] != 0
        assert row[0] == 0 or row != last.get(key)
        last[key] = row


def test_lives_are_what_is_alive() -> None:
    log = replay_of(TRACES / "redis-bgsave")
    for space in log.spaces():
        lives = log.lives(space)
        for event in np.linspace(0, int(log.event[-1]), 20).astype(int).tolist():
            alive = lives.row[(lives.first <= event) & (event < lives.until)]
            assert sorted(alive.tolist()) == sorted(log.alive(event, space).tolist())
        assert (lives.until[lives.until != NEVER] <= log.gone.get(space, NEVER)).all()


def test_a_log_that_overflows_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changelog, "_MOST", 12 * changelog.LOG_WORDS)
    trace = remaptrace.load(TRACES / "ls")
    result = replay(trace, machine_of(trace), changes=True, engine="interpreted")
    assert result.changes is None or len(result.changes)
    steps = "".join(
        f"- mmap: {{addr: {0x10000000 + i * 0x2000}, length: 4096, prot: rw, flags: [private, anonymous, fixed]}}\n"
        for i in range(40)
    )
    fork = read_scenario("steps:\n" + steps + "- fork: {}\n  as: c\n")
    lost = replay(fork, machine_of(fork), changes=True, engine="interpreted")
    assert lost.changes is None
    assert any("log of changes" in note for note in lost.notes)


def replay_of(path: Path) -> Any:
    trace = remaptrace.load(path)
    return replay(trace, machine_of(trace), changes=True).changes
