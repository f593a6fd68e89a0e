"""Recordings moved into a guest's address space."""

from __future__ import annotations

import pytest

from remaptrace.abi import kinds as ev
from remaptrace.api import load
from remaptrace.errors import UsageError
from remaptrace.machine import Machine
from remaptrace.trace.events import TraceBuilder
from remaptrace.uml import replay_uml
from remaptrace.uml.relocate import fit

GIB = 1 << 30
TASK = 0x7F80000000


def _trace(*rows):
    b = TraceBuilder()
    task = b.task(1, 1)
    for kind, args, ret in rows:
        b.event(kind, task, args, ret)
    return b.finish()


def test_order_distance_and_adjacency_survive():
    high = 0x7F00_0000_0000
    trace = _trace(
        (ev.K_MMAP, (0, 0x1000, 3, 0x22, -1, 0), high + 0x5000),
        (ev.K_READ, (high + 0x5008, -1), None),
        (ev.K_MUNMAP, (0x5555_5555_0000, 0x1000), 0),
        (ev.K_MMAP, (0, 0x2000, 3, 0x22, -1, 0), high + 4 * GIB - 0x1000),
    )
    c = fit(trace, TASK).columns
    first = int(c["ret"][0])
    assert first & 0xFFFF_FFFF == 0x5000
    assert int(c["a0"][1]) == first + 8
    assert (
        int(c["ret"][3]) == first - 0x5000 + 4 * GIB - 0x1000
    )  # a range over the edge of two blocks stays whole
    assert 4 * GIB < int(c["a0"][2]) < first
    assert first + 8 * GIB < TASK


def test_small_addresses_and_impossible_ones_stay():
    trace = _trace((ev.K_READ, (0x400000, -1), None), (ev.K_READ, (-4096, -1), None))
    assert fit(trace, TASK) is trace


def test_a_recording_that_reserves_too_much_is_refused():
    trace = _trace((ev.K_MMAP, (0, 1 << 41, 0, 0x4022, -1, 0), 0x7000_0000_0000))
    with pytest.raises(UsageError) as caught:
        fit(trace, TASK)
    assert caught.value.code == "RT410"


@pytest.mark.parametrize(("host", "peak"), [("linux-2.6.21", 90), ("linux-2.6.21-rfp-intended", 3)])
def test_a_recorded_program_runs_in_a_guest(host, peak):
    machine = Machine.load("um-x86_64", "linux-2.6.21", None, host)
    run = replay_uml(load("traces/ls"), machine)
    outcomes = run.guest.columns["outcome"]
    assert (outcomes[outcomes != 0] == 1).all()
    outcomes = run.host.columns["outcome"]
    assert (outcomes[outcomes != 0] == 1).all()
    most = int(run.host.columns["map_count"].max())
    assert most == peak if peak == 3 else most > peak
