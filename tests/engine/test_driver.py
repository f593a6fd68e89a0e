"""The front of the engine: observing, chunks, references between steps, engines, refusals."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from remaptrace.abi import kinds as ev
from remaptrace.abi.outcomes import OUT_OK
from remaptrace.abi.rows import RSF_DEAD, RSF_DIVERGED, RSF_UNMODELLED
from remaptrace.engine.run import driver, engines
from remaptrace.engine.run.driver import replay
from remaptrace.engine.run.engines import choose_engine
from remaptrace.errors import ReplayError, UsageError
from remaptrace.machine.machine import Machine
from remaptrace.machinecode import load
from remaptrace.result.result import Result
from remaptrace.trace.events import TraceBuilder
from remaptrace.trace.recorded.read import read_set
from remaptrace.trace.scenario.read import read_scenario

TRACES = Path(__file__).parents[2] / "traces"
HEAD = "name: t\npage_size: 4096\nsteps:\n"
ANON = "- mmap: {addr: 0x10000000, length: 16384, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}\n"
MACHINE = Machine.load()


def run(steps: str, **options: object) -> Result:
    """A scenario on linux-6.18."""
    return replay(read_scenario(HEAD + steps), MACHINE, **options)  # type: ignore[arg-type]


def test_observing_behind_and_before_an_event_shows_two_states() -> None:
    steps = ANON + "- munmap: {addr: 0x10000000, length: 4096}\n"
    behind = run(steps, observe_at=[1]).observed[1]
    before = run(steps, observe_before=[1]).observed[1]
    assert [(v.start, v.end) for v in behind.vmas] == [(0x10001000, 0x10004000)]
    assert [(v.start, v.end) for v in before.vmas] == [(0x10000000, 0x10004000)]


def test_a_step_gets_the_address_that_an_earlier_one_returned() -> None:
    result = run(
        "- mmap: {addr: 0, length: 8192, prot: rw, flags: [private, anonymous], fd: -1, offset: 0}\n"
        "- munmap: {addr: '@0+0x1000', length: 4096}\n"
        "- write: {addr: '@0', value: 7}\n- read: '@0'\n"
    )
    start = int(result.columns["ret"][0])
    assert [(v.start, v.end) for v in result.snapshots[-1].vmas] == [(start, start + 4096)]
    assert result.columns["value"][3] == 7


@pytest.mark.parametrize("chunk", [1, 7, 100, 1 << 16])
def test_chunks_of_any_size_give_the_same_result(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = read_set(TRACES / "fuzz-2", "ftrace")
    whole = replay(trace, MACHINE, counters=True, engine="interpreted")
    monkeypatch.setattr(driver, "CHUNK", chunk)
    parts = replay(trace, MACHINE, counters=True, engine="interpreted")
    for name, column in whole.columns.items():
        assert np.array_equal(column, parts.columns[name]), name
    assert parts.snapshots == whole.snapshots
    assert parts.observed == whole.observed


def test_processes_are_seen_at_their_exit_and_those_that_live_at_the_end() -> None:
    trace = read_set(TRACES / "bash-script", "ftrace")
    result = replay(trace, MACHINE)
    exits = [s for s in result.snapshots if s.event >= 0]
    assert len({int(trace.tasks["pid"][s.task]) for s in exits}) == 15
    assert all(s.vmas for s in exits)
    assert not [s for s in result.snapshots if s.event < 0]


def test_counters_are_columns_only_when_asked_for() -> None:
    assert "total_vm" not in run(ANON).columns
    assert run(ANON, counters=True).columns["total_vm"].tolist() == [4]


def test_present_pages_are_counted_as_the_kernel_does() -> None:
    """Rss of smaps_rollup after each of these calls of a C program on Linux 6.18: +10, +0, -5, +32, -16 pages."""
    steps = (
        "- mmap: {addr: 0x10000000, length: 262144, prot: rw, flags: [private, fixed, anonymous], fd: -1}\n"
        "- write: {addr: 0x10000000, pages: 10}\n"
        "- read: {addr: 0x10014000, pages: 10}\n"
        "- madvise: {addr: 0x10000000, length: 20480, advice: dontneed}\n"
        "- mmap: {addr: 0x20000000, length: 131072, prot: rw, flags: [shared, fixed, anonymous, populate], fd: -1}\n"
        "- munmap: {addr: 0x20000000, length: 65536}\n"
    )
    assert run(steps, changes=True).columns["rss"].tolist() == [0, 10, 10, 5, 37, 21]
    assert "rss" not in run(steps).columns


def test_pages_of_hugetlbfs_are_no_resident_ones() -> None:
    """VmRSS leaves them out, HugetlbPages has them."""
    steps = (
        "- mmap: {addr: 0x200000000, length: 4194304, prot: rw, flags: [private, fixed, anonymous, hugetlb], fd: -1}\n"
        "- write: {addr: 0x200000000}\n"
        "- fork: {child: 2}\n"
        "- write: {addr: 0x200000000}\n  pid: 2\n"
        "- munmap: {addr: 0x200000000, length: 4194304}\n"
    )
    result = replay(read_scenario(HEAD + steps), Machine.load(overrides={"nr_hugepages": 8}), counters=True)
    assert result.columns["outcome"].tolist().count(OUT_OK) == 2
    assert result.columns["rss"].tolist() == [0, 0, 0, 0, 0]


def test_a_result_that_is_not_the_recorded_one_is_marked() -> None:
    b = TraceBuilder()
    task = b.task(1, 1)
    b.event(ev.K_MUNMAP, task, (1, 4096), ret=0)
    b.event(ev.K_MUNMAP, task, (0, 4096), ret=0)
    flags = replay(b.finish(), MACHINE).columns["flags"]
    assert flags[0] & RSF_DIVERGED
    assert not flags[1] & RSF_DIVERGED


def test_a_call_that_is_not_modelled_is_marked_and_takes_the_recorded_answer() -> None:
    b = TraceBuilder()
    b.event(ev.K_UNMODELLED, b.task(1, 1), (0,), ret=9)
    result = replay(b.finish(), MACHINE)
    assert result.columns["flags"][0] & RSF_UNMODELLED
    assert result.columns["ret"][0] == 9


def test_an_injected_result_has_no_effect() -> None:
    b = TraceBuilder()
    task = b.task(1, 1)
    b.event(ev.K_MMAP, task, (0, 4096, 3, 0x22, -1, 0), ret=-12, flags=ev.EVF_INJECTED)
    result = replay(b.finish(), MACHINE)
    assert result.columns["ret"][0] == -12
    assert result.columns["map_count"][0] == 0


def test_words_of_the_dead_are_marked() -> None:
    b = TraceBuilder()
    task = b.task(1, 1)
    b.event(ev.K_EXIT, task, (0, 1))
    b.event(ev.K_MMAP, task, (0, 4096, 3, 0x22, -1, 0), ret=0x10000)
    result = replay(b.finish(), MACHINE)
    assert result.columns["flags"][1] & RSF_DEAD
    assert result.columns["map_count"][1] == -1


def test_an_empty_trace_gives_an_empty_result() -> None:
    result = replay(TraceBuilder().finish(), MACHINE)
    assert len(result.columns["ret"]) == 0
    assert result.snapshots == ()


def test_small_traces_run_interpreted_and_huge_ones_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = load.Function("engine", "run.loop.replay")
    monkeypatch.setattr(engines, "_is_at_hand", lambda: False)
    monkeypatch.setattr(engines, "_machine_code", lru_cache(lambda: engine))
    assert engines._machine_code() is engine  # made, not linked
    small = read_scenario(HEAD + ANON)
    huge = read_scenario(HEAD + ANON + "- write: {addr: 0x10000000, value: 1, pages: 2000000}\n")
    assert choose_engine(small) == "interpreted"
    assert choose_engine(huge) == "compiled"
    locked = read_scenario(HEAD + ANON + "- mlock: {addr: 0x10000000, length: 0x200000000}\n")
    assert choose_engine(locked) == "compiled"  # 8 GiB: a minute, in plain Python
    assert choose_engine(huge, "interpreted") == "interpreted"
    monkeypatch.setattr(load.Function, "linked", True)  # an earlier replay loaded it: nothing is cheaper
    assert choose_engine(small) == "compiled"


def test_an_engine_that_is_at_hand_takes_every_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_is_at_hand", lambda: True)
    assert choose_engine(read_scenario(HEAD + ANON)) == "compiled"
    assert choose_engine(read_scenario(HEAD + ANON), "interpreted") == "interpreted"


def test_a_small_replay_loads_no_compiler(tmp_path: Path) -> None:
    program = (
        "import sys; from remaptrace.engine.run.driver import replay; from remaptrace.machine.machine import Machine;"
        "from remaptrace.trace.scenario.read import read_scenario;"
        f"replay(read_scenario({HEAD + ANON!r}), Machine.load());"
        "sys.exit(any(name.startswith(('remaptrace.machinecode.build', 'llvmlite', 'numba')) for name in sys.modules))"
    )
    for more in ({}, {"REMAPTRACE_CACHE": str(tmp_path), "REMAPTRACE_SHIPPED": "0"}):
        env = {**os.environ, **more}
        assert subprocess.run([sys.executable, "-c", program], env=env, check=False).returncode == 0


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(UsageError, match="RT602"):
        run(ANON, engine="fast")


def test_an_event_of_no_task_is_refused() -> None:
    b = TraceBuilder()
    b.event(ev.K_MUNMAP, 3, (0, 4096))
    with pytest.raises(ReplayError, match="RT603"):
        replay(b.finish(), MACHINE)


def test_a_full_arena_ends_the_replay_with_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    from remaptrace.engine import arena

    monkeypatch.setattr(arena, "SIZES", (arena.SIZES[0], (1 << 14, 1 << 10)))
    monkeypatch.setattr(arena, "_share_of_address_space", lambda: 1 << 20)
    monkeypatch.setattr(arena, "_spare", [])
    steps = (
        "- repeat:\n    count: 2000\n    var: i\n    steps:\n    - mmap: {addr: 0x10000000 + i * 8192, "
        "length: 4096, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}\n"
    )
    with pytest.raises(ReplayError, match="RT600") as caught:
        run(steps)
    assert "mmap" in caught.value.text
    del caught
    gc.collect()
    assert not arena._spare


def test_progress_is_told_in_events() -> None:
    seen: list[tuple[str, int, int]] = []
    run(ANON * 3, progress=lambda phase, done, total: seen.append((phase, done, total)))
    assert seen == [("replay", 3, 3)]


def test_a_replay_made_for_one_look_sees_the_same_and_keeps_no_ends() -> None:
    steps = (
        "- mmap: {addr: 0x10000000, length: 65536, prot: rw, flags: [private, anonymous, fixed]}\n"
        "- fork: {child: 2}\n"
        "- mprotect: {addr: 0x10001000, length: 4096, prot: r}\n"
        "- exit: {}\n  pid: 2\n"
        "- munmap: {addr: 0x10002000, length: 4096}\n"
    )
    whole, look = run(steps, observe_at=[2]), run(steps, observe_at=[2], ends=False)
    assert look.observed == whole.observed and len(whole.observed[2].vmas) == 3
    assert len(whole.snapshots) == 2 and look.snapshots == () and look.totals == {}
    assert all((look.columns[name] == column).all() for name, column in whole.columns.items())
