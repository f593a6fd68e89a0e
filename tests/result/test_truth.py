"""Comparing with a recording: one changed number of the recording is one disagreement, in the right place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as with_fields
from pathlib import Path

import numpy as np
import pytest

from remaptrace.abi import kinds as ev
from remaptrace.api import replay
from remaptrace.result import truth
from remaptrace.result.agreement import CheckOutcome
from remaptrace.result.result import VmaRow
from remaptrace.result.truth import check_recorded, compare_maps
from remaptrace.trace.events import MapsFile, MapsRow, Trace
from remaptrace.trace.recorded.read import read_set

LS = Path(__file__).parents[2] / "traces" / "ls"


def outcome(change: Callable[[Trace], None], text: str = "ftrace") -> CheckOutcome:
    """The agreement with the recording of `ls` after `change` of what was recorded."""
    trace = read_set(LS, text)
    change(trace)
    return check_recorded(replay(trace, counters=True))


def wrong(found: CheckOutcome) -> dict[str, int]:
    """How many comparisons of each kind disagree."""
    return {name: t.total - t.agree for name, t in found.tallies.items() if not t.complete}


def test_the_recording_itself_agrees() -> None:
    found = outcome(lambda trace: None)
    assert found.agrees
    assert {"answers", "map_counts", "counters", "map_lines", "map_files", "faults"} == found.tallies.keys()


def test_a_wrong_answer_is_one_disagreement_with_its_line() -> None:
    lines: list[int] = []

    def change(trace: Trace) -> None:
        calls = (trace.columns["kind"] == ev.K_MUNMAP).nonzero()[0]
        trace.columns["ret"] = trace.columns["ret"].astype("int64")
        trace.columns["ret"][calls[0]] = -22
        lines.append(int(trace.columns["line"][calls[0]]))

    found = outcome(change)
    assert wrong(found) == {"answers": 1}
    (difference,) = found.disagreements
    assert (difference.expected, difference.simulated) == ("EINVAL", "0")
    assert difference.line == lines[0] > 0
    assert difference.path.endswith("ftrace.txt.gz")


@pytest.mark.parametrize(
    ("column", "kind", "words"),
    [
        ("map_count", "map_counts", "areas"),
        ("total_vm", "counters", "total_vm"),
        ("data_vm", "counters", "data_vm"),
        ("stack_vm", "counters", "stack_vm"),
        ("locked_vm", "counters", "locked_vm"),
    ],
)
def test_each_counter_is_compared(column: str, kind: str, words: str) -> None:
    def change(trace: Trace) -> None:
        assert trace.truth is not None
        trace.truth[column][7] += 1

    found = outcome(change)
    assert wrong(found) == {kind: 1}
    assert words in found.disagreements[0].expected


@pytest.mark.parametrize(
    "change",
    [
        lambda row: with_fields(row, end=row.end + 4096),
        lambda row: with_fields(row, perms="rwxp"),
        lambda row: with_fields(row, offset=row.offset + 4096),
        lambda row: with_fields(row, inode=1, dev="00:01"),
    ],
)
def test_each_column_of_a_map_is_compared(change: Callable[[MapsRow], MapsRow]) -> None:
    def in_trace(trace: Trace) -> None:
        i = next(i for i, file in enumerate(trace.maps) if file.moment == "exit")
        rows = list(trace.maps[i].rows)
        k = next(k for k, row in enumerate(rows) if row.name.endswith("libc.so.6") and row.perms == "r-xp")
        rows[k] = change(rows[k])
        trace.maps[i] = with_fields(trace.maps[i], rows=tuple(rows))

    found = outcome(in_trace)
    assert wrong(found).keys() == {"map_lines", "map_files"}


def test_a_missing_and_an_extra_area_are_told() -> None:
    area = VmaRow(0x1000, 0x2000, "rw-p", 0, None, 0, "")
    row = MapsRow(0x5000, 0x6000, "rw-p", 0, "00:00", 0, "")
    pairs = list(compare_maps(MapsFile("m", 1, "exit", (row,)), (area,)))
    assert [left == "no area" for left, _ in pairs] == [True, False]
    assert [right == "no area" for _, right in pairs] == [False, True]


def test_one_file_in_the_log_must_be_one_object() -> None:
    rows = tuple(MapsRow(a, a + 4096, "r--p", 0, "fe:00", 7, "/f") for a in (0x1000, 0x3000))
    same = tuple(VmaRow(r.start, r.end, "r--p", 0, "/f", 0, "", inode=5) for r in rows)
    other = (same[0], with_fields(same[1], inode=6))
    maps = MapsFile("m", 1, "exit", rows)
    assert all(left == right for left, right in compare_maps(maps, same))
    assert sum(left != right for left, right in compare_maps(maps, other)) == 1


def test_one_object_must_be_one_file_in_the_log() -> None:
    rows = (
        MapsRow(0x1000, 0x2000, "r--p", 0, "fe:00", 7, "/f"),
        MapsRow(0x3000, 0x4000, "r--p", 0, "fe:00", 8, "/g"),
    )
    areas = tuple(VmaRow(r.start, r.end, "r--p", 0, "/f", 0, "", inode=5) for r in rows)
    assert sum(a != b for a, b in compare_maps(MapsFile("m", 1, "exit", rows), areas)) == 1


def test_vsyscall_is_no_area() -> None:
    row = MapsRow(0xFFFFFFFFFF600000, 0xFFFFFFFFFF601000, "--xp", 0, "00:00", 0, "[vsyscall]")
    assert list(compare_maps(MapsFile("m", 1, "exit", (row,)), ())) == []


def test_a_signal_that_was_not_recorded_disagrees() -> None:
    def change(trace: Trace) -> None:
        fault = int((trace.columns["kind"] == ev.K_FAULT).nonzero()[0][5])
        trace.columns["kind"][fault + 1] = ev.K_SIGNAL
        for name, value in (("a0", 11), ("a1", 1), ("a2", 0)):
            trace.columns[name][fault + 1] = value
        trace.columns["task"][fault + 1] = trace.columns["task"][fault]

    assert "faults" in wrong(outcome(change))


def test_text_without_faults_is_not_blamed_for_stacks_that_grow() -> None:
    def change(trace: Trace) -> None:
        assert trace.truth is not None
        trace.truth["stack_vm"] += 3
        trace.truth["total_vm"] += 3

    assert outcome(change, "strace").agrees
    assert not outcome(change, "ftrace").agrees


def test_a_column_that_is_that_of_the_trace_is_known_as_such() -> None:
    recorded = np.arange(10, dtype=np.int64)
    simulated = recorded[:]
    simulated.flags.writeable = False  # as results have it
    assert truth._is_one(recorded[2:5], simulated[2:5])
    assert not truth._is_one(recorded[2:5], simulated[3:6])
    assert not truth._is_one(recorded[2:5], simulated[2:6])
    assert not truth._is_one(recorded, recorded.copy())
