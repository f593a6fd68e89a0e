"""Areas of an address space that has very many are columns; each row is what it would be alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from remaptrace.api import load, machine_of
from remaptrace.engine.look import inspect
from remaptrace.engine.run.driver import replay
from remaptrace.report.facts.run import peak_facts
from remaptrace.result.manyareas import ManyAreas

TRACES = Path(__file__).parents[2] / "traces"
PROGRAMS = sorted((TRACES / "conformance").glob("linux-*/*-04.yaml"))[::4]


def shots(path: str) -> list[Any]:
    trace = load(path)
    result = replay(trace, machine_of(trace), engine="interpreted", observe_at=range(0, len(trace), 3))
    return [*result.snapshots, *(result.observed[e] for e in sorted(result.observed))]


@pytest.mark.parametrize("path", [*map(str, PROGRAMS), str(TRACES / "ls"), str(TRACES / "redis-bgsave")])
def test_rows_and_facts_are_the_same(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = shots(path)
    monkeypatch.setattr(inspect, "_MANY", 1)
    trace, many = load(path), shots(path)
    assert len(plain) == len(many)
    seen = 0
    for one, other in zip(plain, many, strict=True):
        assert one.vmas == tuple(other.vmas)
        if isinstance(other.vmas, ManyAreas):
            seen += 1
            assert other.vmas == one.vmas
            assert other.vmas[0] == one.vmas[0]
            assert other.vmas[-1] == one.vmas[-1]
            assert other.vmas[1:] == one.vmas[1:]
            assert peak_facts(trace, other) == peak_facts(trace, one)
    assert seen
