"""What recorded answers prove of limits, and what another machine is asked that would have other ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remaptrace.api import check, compare, convert, load, replay, rewrite_trace
from remaptrace.machine.machine import Machine
from remaptrace.trace.events import Trace
from remaptrace.trace.proved import _lie_in
from remaptrace.trace.strace.door import read_strace

BASE = 0x7F0000000000
ANON = "MAP_PRIVATE|MAP_ANONYMOUS, -1, 0"
EXEC = 'execve("./p", ["./p"], 0x7ffd0 /* 9 vars */) = 0\n'


def areas(count: int) -> str:
    return "".join(
        f"mmap(NULL, 4096, {'PROT_READ' if n % 2 else 'PROT_NONE'}, {ANON}) = {BASE + 4096 * n:#x}\n"
        for n in range(count)
    )


def refused(size: int = 4096) -> str:
    return f"mmap(NULL, {size}, PROT_READ|PROT_WRITE, {ANON}) = -1 ENOMEM (Cannot allocate memory)\n"


def log(text: str, **settings: Any) -> Trace:
    """`text` of a machine with `settings`, as the recording says."""
    trace = read_strace(text.encode(), name="log")
    if settings:
        trace.machine = {"set": settings}
    return trace


def last(trace: Trace, **settings: Any) -> int:
    return int(replay(trace, Machine.load(overrides=settings)).columns["ret"][-1])


def test_more_areas_than_the_limit_prove_a_higher_one() -> None:
    result = replay(log(areas(40), max_map_count=8))
    assert check(result).agrees
    assert int(result.columns["map_count"].max()) == 40
    assert any("vm.max_map_count was higher than assumed" in note for note in result.notes)


def test_more_memory_than_may_be_charged_proves_more() -> None:
    size = 256 << 30
    trace = log(f"mmap(NULL, {size}, PROT_READ|PROT_WRITE, {ANON}) = {BASE:#x}\n")
    result = replay(trace)
    assert check(result).agrees
    assert any("granted more memory than this machine would" in note for note in result.notes)
    assert last(trace, ram="8GiB") == -12  # told to have less, it would have refused


def test_a_refusal_at_the_limit_is_granted_where_the_limit_is_higher() -> None:
    trace = log(areas(9) + refused(), max_map_count=8)
    assert int(replay(trace).columns["ret"][-1]) == -12
    assert last(trace, max_map_count=100) > 0


def test_a_refusal_that_the_recording_machine_cannot_explain_stays_on_every_machine() -> None:
    trace = log(EXEC + areas(3) + refused())
    assert last(trace) == -12
    for settings in ({"max_map_count": 100000}, {"ram": "64GiB"}, {"guard_regions": "none"}):
        assert last(trace, **settings) == -12
    other = replay(trace, Machine.load(kernel="linux-4.0"))
    assert compare(replay(trace), other).events.get("results", ()) is not None
    assert int(other.columns["ret"][-1]) == -12


def test_areas_that_the_log_does_not_show_do_not_hold_a_higher_limit_down() -> None:
    text = f"mmap(NULL, 65536, PROT_READ, {ANON}) = {BASE:#x}\n"
    text += f"mprotect({BASE:#x}, 4096, PROT_NONE) = -1 ENOMEM (Cannot allocate memory)\n"
    assert last(log(text)) == -12
    assert last(log(text), max_map_count=1_000_000) == 0


def test_a_rewritten_trace_keeps_what_only_the_recording_shows(tmp_path: Path) -> None:
    guard = f"mmap(NULL, 12288, PROT_READ|PROT_WRITE, {ANON}) = {BASE + (1 << 20):#x}\n"
    guard += f"mprotect({BASE + (1 << 20):#x}, 4096, PROT_NONE) = 0\n"
    trace = log(EXEC + guard + refused())
    rewritten = rewrite_trace(trace, "guards").trace
    assert int(replay(rewritten).columns["ret"][-1]) == -12
    convert(rewritten, tmp_path / "guards.jsonl")
    assert int(replay(load(tmp_path / "guards.jsonl")).columns["ret"][-1]) == -12


def test_a_prediction_takes_nothing_from_the_recording() -> None:
    result = replay(log(EXEC + areas(3) + refused()), follow=False)
    assert int(result.columns["ret"][-1]) > 0


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint16, ">i2"])
def test_bounds_are_held_whatever_the_type(dtype: Any) -> None:
    for values, low, high, holds in (
        ([0, 5, 100], 0, 100, True),
        ([0, 5, 101], 0, 100, False),
        ([], 0, -1, True),
        ([0], 0, -1, False),
        ([3, 7], 3, 7, True),
        ([2, 7], 3, 7, False),
    ):
        assert _lie_in(np.array(values, dtype=dtype), low, high) == holds
    if np.dtype(dtype).kind == "i":
        most = 0xFFFF if np.dtype(dtype).itemsize <= 2 else 1 << 20
        assert not _lie_in(np.array([4, -1], dtype=dtype), 0, most)
        assert _lie_in(np.array([4, -1], dtype=dtype), -1, 4)
