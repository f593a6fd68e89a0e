"""Lines of threads in another order than the kernel took their calls, told from the addresses."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from remaptrace.abi import kinds as ev
from remaptrace.api import check, replay
from remaptrace.trace.detect import load
from remaptrace.trace.events import TASK_DTYPE, Trace
from remaptrace.trace.recorded.overtaken import _reorder

FIELD = Path(__file__).parents[1] / "data" / "field"
CALL = "{} mmap(NULL, {}, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {:#x}\n"
BORN = "7 clone(child_stack=0x1, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD) = {}\n"
LOW, HIGH = 0x7F0000010000, 0x7F0000014000  # wall to wall with 0x4000 bytes


def places(folder: Path, text: str) -> list[int]:
    (folder / "log").write_text(BORN.format(8) + text)
    trace = read(folder / "log")
    return [int(ret) for ret in trace.columns["ret"][trace.columns["kind"] == ev.K_MMAP]]


def read(path: Path) -> Trace:
    (trace,) = load([str(path)])
    return trace


def test_areas_of_sixteen_threads_end_as_the_kernel_had_them() -> None:
    trace = read(FIELD / "mt-jemalloc" / "strace.txt.gz")
    assert any("that they overtook" in note for note in trace.notes)
    result = replay(trace)
    assert check(result).agrees
    counts = result.columns["map_count"]
    assert int(counts[counts >= 0][-1]) == 77  # lines of /proc/PID/maps at exit, [vsyscall] left out


def test_the_upper_of_two_mappings_wall_to_wall_was_made_first(tmp_path: Path) -> None:
    text = CALL.format(7, 0x4000, LOW) + CALL.format(8, 0x4000, HIGH)
    assert places(tmp_path, text) == [HIGH, LOW]


def test_calls_of_one_thread_stay_in_their_order(tmp_path: Path) -> None:
    text = CALL.format(7, 0x4000, LOW) + CALL.format(7, 0x4000, HIGH)
    assert places(tmp_path, text) == [LOW, HIGH]


def test_room_that_a_call_made_in_between_explains_the_place(tmp_path: Path) -> None:
    text = CALL.format(7, 0x4000, LOW) + f"7 munmap({HIGH:#x}, 16384) = 0\n" + CALL.format(8, 0x4000, HIGH)
    assert places(tmp_path, text) == [LOW, HIGH]


def test_a_mapping_placed_by_huge_pages_has_a_hole_above_it(tmp_path: Path) -> None:
    low = 0x7F0000000000
    text = CALL.format(7, 0x200000, low) + CALL.format(8, 0x4000, low + 0x200000)
    assert places(tmp_path, text) == [low, low + 0x200000]


def test_each_goes_right_in_front_of_the_line_that_it_overtook() -> None:
    rng = random.Random(5)
    for _ in range(60):
        size = rng.randrange(4, 40)
        order: dict[int, int] = {}
        for event in range(1, size):
            if rng.random() < 0.3:
                order[event] = rng.randrange(max(0, event - 6), event)
        columns = {"kind": np.arange(size), "line": np.arange(size, dtype=np.int16)}
        columns["kind"].flags.writeable = False
        trace = Trace(dict(columns), np.zeros(1, dtype=TASK_DTYPE), recorded=True)
        _reorder(trace, order)
        expected = list(range(size))
        for event, first in sorted(order.items()):
            expected.remove(event)
            expected.insert(expected.index(first), event)
        assert trace.columns["kind"].tolist() == expected
        assert trace.columns["line"].tolist() == expected
        assert columns["kind"].tolist() == list(range(size))
