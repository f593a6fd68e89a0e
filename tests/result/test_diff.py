"""Two replays side by side: nothing differs from itself, and what differs is told by event and by page."""

from __future__ import annotations

import pytest

from remaptrace.api import compare, replay
from remaptrace.errors import UsageError
from remaptrace.machine.machine import Machine
from remaptrace.result.diff import Diff
from remaptrace.trace.scenario.read import read_scenario

HEAD = "name: t\npage_size: 4096\nsteps:\n"
ANON = "- mmap: {addr: 0x10000000, length: 16384, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}\n"
SEAL = "- mseal: {addr: 0x10000000, length: 4096}\n"
PROTECT = "- mprotect: {addr: 0x10000000, length: 4096, prot: r}\n"
GUARD = "- madvise: {addr: 0x10001000, length: 4096, advice: guard_install}\n"


def diff(steps: str, left: str = "linux-6.18", right: str = "linux-6.1") -> Diff:
    """The differences of a scenario between two kernels."""
    trace = read_scenario(HEAD + steps)
    return compare(replay(trace, Machine.load(kernel=left)), replay(trace, Machine.load(kernel=right)))


def test_a_result_does_not_differ_from_itself() -> None:
    found = diff(ANON + SEAL + PROTECT, right="linux-6.18")
    assert found.equal
    assert found.first == -1
    assert set(found.counts.values()) == {0}


def test_a_call_with_two_answers_is_told_by_its_event() -> None:
    found = diff(ANON + SEAL)
    assert found.events["results"].tolist() == [1]
    assert found.counts["results"] == 1
    assert found.first == 1


def test_events_with_two_counts_are_told_from_the_first_on() -> None:
    assert diff(ANON + "- brk: {addr: 0}\n" + SEAL + GUARD).events["counts"].tolist() == [2, 3]


def test_pages_with_two_protections_are_told_as_ranges() -> None:
    found = diff(ANON + SEAL + PROTECT)
    assert [(p.start, p.end, p.first.effective, p.second.effective) for p in found.protections] == [
        (0x10000000, 0x10001000, "rw-", "r--")
    ]
    assert found.counts["pages"] == 1


def test_pages_mapped_on_one_side_only_differ_from_unmapped() -> None:
    found = diff(ANON + SEAL + "- munmap: {addr: 0x10000000, length: 16384}\n")
    assert {(p.first.effective, p.second.effective) for p in found.protections} == {("rw-", "unmapped")}
    assert found.counts["pages"] == 4


def test_accesses_with_two_outcomes_are_told() -> None:
    assert diff(ANON + GUARD + "- read: 0x10001000\n").events["outcomes"].tolist() == [2]


def test_guarded_pages_differ_although_their_areas_are_equal() -> None:
    found = diff(ANON + GUARD)
    assert [(p.start, p.first.effective, p.first.reason, p.second.effective) for p in found.protections] == [
        (0x10001000, "---", "guard", "rw-")
    ]


def test_results_of_different_traces_are_refused() -> None:
    one, two = (replay(read_scenario(HEAD + steps)) for steps in (ANON, ANON + SEAL))
    with pytest.raises(UsageError, match="RT604"):
        compare(one, two)
