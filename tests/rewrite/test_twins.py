"""Passes that are compiled write what their plain twins write: of recordings, programs, and calls at random."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remaptrace.abi import kinds as ev
from remaptrace.abi.mman import ADVICE
from remaptrace.api import load, replay
from remaptrace.rewrite import walk
from remaptrace.rewrite.follow import Follower
from remaptrace.rewrite.passes import PASSES
from remaptrace.rewrite.row import Row
from remaptrace.rewrite.rows import Rows, rows_of
from remaptrace.trace.events import COLUMNS, TASK_DTYPE, Trace

from .plain import PLAIN

TRACES = Path(__file__).parent.parent.parent / "traces"
PAGE = 4096
TASKS = 4


def ways() -> list[str]:
    return ["interpreted", "compiled"] if walk.is_ready() else ["interpreted"]


def trace_of(rows: list[Row]) -> Trace:
    table = np.array(rows, dtype=np.int64)
    columns: dict[str, Any] = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(COLUMNS)}
    columns["line"] = np.arange(len(rows), dtype=np.int64)
    tasks = np.array([(i + 1, i + 1, 0, -1) for i in range(TASKS)], dtype=TASK_DTYPE)
    return Trace(columns, tasks, recorded=True)


def made_up(seed: int, events: int = 600) -> Trace:
    """Calls over a few dozen pages, of which some failed; forks, execs, exits; accesses in every second trace."""
    rng = random.Random(seed)
    base = 0x100000
    rows: list[Row] = []

    def place() -> tuple[int, int]:
        first = rng.randrange(48)
        return base + first * PAGE, rng.randrange(1, 12) * PAGE

    for event in range(events):
        addr, size = place()
        ret, flags = 0, ev.EVF_HAS_RET
        kind = rng.choice(
            (ev.K_MMAP, ev.K_MMAP, ev.K_MUNMAP, *[ev.K_MPROTECT] * 4, ev.K_MREMAP, ev.K_MADVISE, 0, 1000)
        )
        args = [addr, size, rng.choice((0, 0, 1, 3, 3)), 0, 0, 0]
        if kind == ev.K_MMAP:
            args[2:6] = [rng.choice((0, 3, 3, 1)), rng.choice((0x22, 0x22, 0x21, 0x02, 0x32)), 3, 0]
            ret = addr
        elif kind == ev.K_MREMAP:
            target = rng.choice((addr, place()[0]))
            args, ret = [addr, size, place()[1], rng.choice((1, 3, 5)), target, 0], target
        elif kind == ev.K_MADVISE:
            args[2] = rng.choice((ADVICE["dontneed"], ADVICE["nohugepage"]))
        elif kind == 0:
            kind, child = rng.choice(
                ((ev.K_FORK, 0), (ev.K_FORK, 0x100), (ev.K_EXEC, 0), (ev.K_EXIT, 0), (ev.K_BRK, 0))
            )
            args = [rng.randrange(TASKS), child, 0, 0, 0, 0] if kind == ev.K_FORK else [0, 1, 0, 0, 0, 0]
            ret = base + 64 * PAGE + rng.randrange(9) * PAGE if kind == ev.K_BRK else 0
        elif kind == 1000:
            kind = rng.choice((ev.K_READ, ev.K_WRITE, ev.K_EXECUTE)) if seed % 2 else ev.K_SIGNAL
            args, flags = [addr + rng.randrange(PAGE), -1, rng.randrange(3), 0, 0, 0], 0
        if flags and rng.random() < 0.1:
            ret = rng.choice((-12, -22))
        rows.append(Row(kind, rng.choice((0, 0, 0, rng.randrange(TASKS))), *args, ret, flags))
        assert event < events
    return trace_of(rows)


def assert_alike(trace: Trace, results: Any = None) -> dict[str, int]:
    done = {}
    for engine in ways():
        for name, plain in PLAIN.items():
            expected = plain(rows_of(trace, results))
            found = PASSES[name].run(rows_of(trace, results, engine))
            assert found.counts == expected.counts, (name, engine)
            assert found.origin.tolist() == expected.origin.tolist(), (name, engine)
            for column in COLUMNS:
                mine, theirs = found.trace.columns[column], expected.trace.columns[column]
                assert np.array_equal(mine, theirs), (name, engine, column)
            done[name] = sum(found.counts.values())
    return done


@pytest.mark.parametrize("seed", range(12))
def test_of_calls_at_random(seed: int) -> None:
    assert_alike(made_up(seed))


def test_every_pass_writes_something_of_them() -> None:
    total: dict[str, int] = {}
    for seed in range(100, 106):
        for name, count in assert_alike(made_up(seed)).items():
            total[name] = total.get(name, 0) + count
    assert all(total[name] > 0 for name in PLAIN), total


@pytest.mark.parametrize("name", ["ls", "gcc-compile"])
def test_of_recordings(name: str) -> None:
    assert_alike(load(str(TRACES / name)))


@pytest.mark.parametrize("name", ["guard-02", "merge-05", "mixed-01", "layout-05"])
def test_of_programs(name: str) -> None:
    path = TRACES / "conformance" / "linux-6.18" / f"{name}.yaml"
    trace = load(str(path))
    assert_alike(trace, replay(trace, engine="interpreted").columns["ret"])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["probes", "guards", "rfp-guards", "merge-order"])
def test_areas_are_followed_as_by_the_plain_follower(seed: int, name: str) -> None:
    trace = made_up(seed)
    for engine in ways():
        rows = rows_of(trace, None, engine, areas=1 << 14)
        rows.walk.run(name)
        events, words = rows.walk.probes()
        assert (np.diff(events) >= 0).all()
        found = [
            (event, int(task), int(addr))
            for event, (kind, task, addr, *_) in zip(events.tolist(), words.tolist(), strict=True)
            if kind == ev.K_READ
        ]
        assert found == ends_of(rows)


def ends_of(rows: Rows) -> list[tuple[int, int, int]]:
    """Where each address space ends, of which task, and the first and last pages of its areas then."""
    follower = Follower(rows.trace)
    alive: set[int] = set()
    found: list[tuple[int, int, int]] = []

    def probe(event: int, task: int) -> None:
        for area in follower.spaces[task].areas:
            found.append((event, task, area.start))
            if area.end - PAGE != area.start:
                found.append((event, task, area.end - PAGE))

    for event, row in enumerate(rows.each):
        if row.kind == ev.K_EXIT and not row.failed:
            if row.task in alive:
                alive.discard(row.task)
                space = follower.spaces[row.task]
                if row.a1 or all(follower.spaces[other] is not space for other in alive):
                    probe(event, row.task)
            continue
        before = dict(follower.spaces)
        follower.step(event, row)
        alive |= {task for task, space in follower.spaces.items() if before.get(task) is not space}
        if row.kind == ev.K_FORK and not row.failed:
            alive.add(row.a0)
    first: dict[int, int] = {}
    for task in sorted(alive):
        first.setdefault(follower.spaces[task].number, task)
    for task in first.values():
        probe(len(rows), task)
    return found


def test_a_call_with_impossible_numbers_is_followed_alike() -> None:
    top = (1 << 63) - 1
    rows = [
        Row(ev.K_MMAP, 0, 0x1000, 0x4000, 3, 0x32, -1, 0, 0x1000, 1),
        Row(ev.K_MPROTECT, 0, 0x1000, top, 0, 0, 0, 0, 0, 1),
        Row(ev.K_MUNMAP, 0, top - 4095, top, 0, 0, 0, 0, 0, 1),
        Row(ev.K_MREMAP, 0, 0x1000, 0x1000, top, 1, 0, 0, top - 4095, 1),
        Row(ev.K_REMAP_FILE_PAGES, 0, 0x2008, 0x1fff, 0, top, 0, 0, 0, 1),
        Row(ev.K_BRK, 0, top, 0, 0, 0, 0, 0, top, 1),
        Row(ev.K_BRK, 0, 0, 0, 0, 0, 0, 0, -(1 << 63), 1),
        Row(ev.K_MMAP, 0, -4096, -1, 3, 0x32, -1, 0, -(1 << 62), 1),
        Row(ev.K_INIT_VMA, 0, -4096, -4096, 3, 0, 0, 0, 0, 0),
        Row(ev.K_READ, 0, top, -1, 5, 0, 0, 0, 0, 0),
    ]  # fmt: skip
    trace = trace_of([row for row in rows if row.kind != ev.K_INIT_VMA])
    outcomes = [
        PASSES[name].run(rows_of(trace, None, engine)).origin.tolist() for name in PLAIN for engine in ways()
    ]
    assert all(outcomes)
