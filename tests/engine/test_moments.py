"""A look at a peak goes on from a copy of the machine, and shows what a replay from the beginning shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.api import load, machine_of
from remaptrace.engine.run import driver, moments
from remaptrace.engine.run.driver import replay
from remaptrace.engine.run.engines import is_compiled

TRACES = Path(__file__).parents[2] / "traces"
PROGRAMS = sorted((TRACES / "conformance").glob("linux-*/*-03.yaml"))
SETS = ["ls", "redis-bgsave", "fuzz-2"]


@pytest.fixture(autouse=True)
def copies_before_every_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "_SPACING", 0.0)
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


@pytest.mark.parametrize("program", PROGRAMS[::9], ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_looks_in_any_order_show_the_same(program: Path) -> None:
    trace = load(str(program))
    machine = machine_of(trace)
    result = replay(trace, machine, engine="interpreted", peak="last")
    assert result.looks is not None
    events = [*range(len(trace) - 1, -1, -3), *range(0, len(trace), 2), len(trace) - 1]
    for event in events:
        alone = replay(trace, machine, engine="interpreted", observe_at=[event], ends=False)
        assert result.looks(event) == alone.observed.get(event)


def test_a_copy_goes_where_one_lies_that_nobody_keeps() -> None:
    trace = load(str(PROGRAMS[0]))
    run = driver._Run(trace, machine_of(trace), driver.load_engine(compiled=False), False, False)
    kept = moments.Moments(run.m, "first", 40)
    places = set()
    for event in range(1, 40):
        kept.in_front(event)
        assert kept._latest is not None
        places.add(kept._latest.heap.__array_interface__["data"][0])
        if event == 20:  # a new peak behind it: this one stays
            kept._best = kept._latest
    assert len(places) == 2
    assert [kept.before(event).event for event in (20, 30, 39)] == [20, 20, 39]  # type: ignore[union-attr]
