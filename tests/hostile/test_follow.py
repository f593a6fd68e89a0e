"""Logs that lost calls, or that another machine recorded, leave no broken state behind any of their events."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.engine.look.invariants import violations
from remaptrace.engine.run.driver import replay, walk
from remaptrace.errors import RemapTraceError
from remaptrace.machine.machine import Machine
from remaptrace.trace.detect import load

DATA = Path(__file__).parents[1] / "data" / "hostile"
LOGS = sorted(p.name for p in DATA.iterdir() if p.suffix in (".strace", ".txt"))
MACHINES = [
    ("x86_64", "linux-6.18"),
    ("arm64-16k", "linux-6.18"),
    ("arm64-64k", "linux-6.18"),
    ("i386", "linux-2.6.21"),
]


def _machine(arch: str, kernel: str) -> Machine:
    return Machine.load(arch, kernel)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m[0])
@pytest.mark.parametrize("name", LOGS)
def test_no_log_breaks_the_state(name: str, machine: tuple[str, str]) -> None:
    try:
        (trace,) = load([str(DATA / name)])
    except RemapTraceError as error:
        assert error.exit_status == 3  # told, with its code
        return
    for event, m, _, _ in walk(trace, _machine(*machine)):
        assert violations(m) == [], f"behind event {event}"


def test_the_recorded_place_of_a_move_is_cleared_first() -> None:
    (trace,) = load([str(DATA / "strace-follow-overlap.strace")])
    (shot,) = replay(trace, Machine.load()).snapshots
    assert [(v.start, v.end) for v in shot.vmas] == [
        (0x7F0000010000, 0x7F0000020000),
        (0x7F0000040000, 0x7F0000044000),
        (0x7F0000044000, 0x7F0000054000),
    ]


def test_a_recording_of_smaller_pages_says_what_could_not_be_placed() -> None:
    (trace,) = load([str(DATA / "ftrace-16k-hang.txt")])
    result = replay(trace, Machine.load("arm64-16k", "linux-6.18"))
    assert any("recorded places could not be taken" in note for note in result.notes)
    for shot in result.snapshots:
        assert all((v.start | v.end) % 16384 == 0 for v in shot.vmas)


@pytest.mark.parametrize("traces", ["ls", "fuzz-2"])
def test_recorded_sets_leave_whole_pages_on_machines_with_larger_ones(traces: str) -> None:
    (trace,) = load([str(Path(__file__).parents[2] / "traces" / traces)])
    result = replay(trace, Machine.load("arm64-16k", "linux-6.18"), engine="interpreted")
    assert all((v.start | v.end) % 16384 == 0 for shot in result.snapshots for v in shot.vmas)
