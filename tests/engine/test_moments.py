"""A look at a peak goes on from a copy of the machine, and shows what a replay from the beginning shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.api import load, machine_of
from remaptrace.engine import arena
from remaptrace.engine.run import driver, moments
from remaptrace.engine.run.driver import replay
from remaptrace.engine.run.engines import is_compiled

TRACES = Path(__file__).parents[2] / "traces"
PROGRAMS = sorted((TRACES / "conformance").glob("linux-*/*-03.yaml"))
SETS = ["ls", "redis-bgsave", "fuzz-2"]


@pytest.fixture(autouse=True)
def copies_before_every_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "_SHARE", 1e9)
    monkeypatch.setattr(driver, "CHUNK_INTERPRETED", 7)
    monkeypatch.setattr(driver, "CHUNK", 7)


def assert_looks_equal(path: str, engine: str, peak: str) -> None:
    trace = load(path)
    machine = machine_of(trace)
    result = replay(trace, machine, engine=engine, peak=peak)
    counts = result.columns["map_count"]
    event = int(counts.argmax()) if peak == "first" else len(counts) - 1 - int(counts[::-1].argmax())
    whole = replay(trace, machine, engine=engine, observe_at=[event], ends=False)
    assert result.looks is not None
    assert result.looks(event) == whole.observed.get(event)
    assert result.looks(event) == whole.observed.get(event)  # a look leaves the copy as it is
    last = len(trace) - 1  # what the machine of the replay itself still shows
    assert result.looks(last) == replay(
        trace, machine, engine=engine, observe_at=[last], ends=False
    ).observed.get(last)
    early = event // 2
    expected = replay(trace, machine, engine=engine, observe_at=[early], ends=False).observed.get(early)
    assert result.looks(early) == expected


@pytest.mark.parametrize("peak", moments.PEAKS)
@pytest.mark.parametrize("program", PROGRAMS[::3], ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_of_programs(program: Path, peak: str) -> None:
    assert_looks_equal(str(program), "interpreted", peak)


@pytest.mark.parametrize("name", SETS)
def test_of_recordings_compiled(name: str) -> None:
    if not is_compiled():
        pytest.skip("no compiled engine at hand")
    assert_looks_equal(str(TRACES / name), "compiled", "last")


def test_without_room_for_the_same_arena_the_trace_is_replayed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = load(str(PROGRAMS[0]))
    machine = machine_of(trace)
    result = replay(trace, machine, engine="interpreted", peak="last")
    expected = [s and s.vmas for s in map(result.looks or (lambda _: None), range(len(trace)))]
    monkeypatch.setattr(arena, "SIZES", arena.SIZES[3:])
    assert [s and s.vmas for s in map(result.looks or (lambda _: None), range(len(trace)))] == expected
