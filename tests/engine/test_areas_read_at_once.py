"""Areas of all processes at the end, read at once, are those that are read one by one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from benchmarks.genlog import generate
from remaptrace import replay
from remaptrace.engine.look import observe
from remaptrace.report.facts.processes import process_facts, process_rows
from remaptrace.result.manyareas import LateAreas
from remaptrace.trace.strace.door import read_strace

LOGS = [
    generate(1_500, seed=5),
    b"1 brk(NULL) = 0x55550000\n2 brk(NULL) = 0x55550000\n",  # processes without an area
    b"".join(
        b"%d mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = %#x\n"
        % (1 + (i % 3) ** 2, 0x7F0000000000 + 8192 * i)
        for i in range(200)
    ),
]


@pytest.mark.parametrize("log", LOGS, ids=["made up", "no areas", "three processes"])
def test_areas_read_at_once_are_those_read_one_by_one(log: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = read_strace(log, name="log")
    monkeypatch.setattr(observe, "_MANY_ROWS", 1 << 60)
    singly = replay(trace).snapshots
    monkeypatch.setattr(observe, "_MANY_ROWS", 1)
    together = replay(trace).snapshots
    assert len(singly) == len(together)
    for one, other in zip(singly, together, strict=True):
        assert tuple(one.vmas) == tuple(other.vmas)
        assert (one.event, one.task, one.facts) == (other.event, other.task, other.facts)
        assert len(one.vmas) == len(other.vmas)
        assert other.vmas == one.vmas
    if any(len(one.vmas) for one in singly):
        assert any(isinstance(other.vmas, LateAreas) for other in together)


@pytest.mark.parametrize("seed", range(6))
def test_courses_of_processes_are_those_of_a_slow_twin(seed: int) -> None:
    rng = random.Random(seed)
    log = generate(rng.randrange(40, 900), seed=seed)
    result = replay(read_strace(log, name="log"))
    counts, trace = result.columns["map_count"].tolist(), result.trace
    of_task = process_rows(trace)[np.asarray(trace.columns["task"])].tolist()
    points = min(60, len(trace))
    courses, ends, peaks = {}, {}, {}
    for number in dict.fromkeys(n for n, c in zip(of_task, counts, strict=True) if c >= 0):
        mine = [i for i, n in enumerate(of_task) if n == number and counts[i] >= 0]
        course = [0] * points
        for point in range(mine[0] * points // len(trace), mine[-1] * points // len(trace) + 1):
            here = [counts[i] for i in mine if i * points // len(trace) == point]
            before = [counts[i] for i in mine if i * points // len(trace) < point]
            course[point] = max(here) if here else before[-1]
        courses[number], ends[number] = course, counts[mine[-1]]
        peaks[number] = max(counts[i] for i in mine)
    found = process_facts(result)
    assert sorted((str(p["course"]), p["end"], p["peak"]) for p in found) == sorted(
        (str(courses[n]), ends[n], peaks[n]) for n in courses
    )
