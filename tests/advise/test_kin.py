"""What would help is measured on the calls of one program: other programs of the recording are left out."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from benchmarks.genlog import Log
from remaptrace.advice.remedies import _alone, remedies
from remaptrace.engine.run.driver import replay
from remaptrace.machine.machine import Machine
from remaptrace.trace import cutting
from remaptrace.trace.cutting import kin, part_of
from remaptrace.trace.detect import read_data

FORKS = """\
100 execve("/bin/a", ["a"], 0x7ff0 /* 0 vars */) = 0
100 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000
100 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7f10) = 200
200 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000010000
100 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7f10) = 300
300 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000020000
300 execve("/bin/b", ["b"], 0x7ff0 /* 0 vars */) = 0
300 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000030000
100 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000040000
400 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000050000
"""
"""100 has two children: 200 stays the same program, 300 becomes another; where 400 comes from is not shown."""


@pytest.mark.parametrize(
    ("pid", "lines"),
    [
        (100, [1, 2, 3, 4, 5, 6, 7, 9]),  # its copies, of 300 only what it did before its own program
        (200, [1, 2, 3, 4, 5, 6, 7, 9]),  # the parent shares the memory it began with, and goes on
        (300, [1, 2, 3, 5, 6, 7, 8]),  # of its parent what was before its birth
        (400, [10]),
    ],
)
def test_kin_are_the_copies_of_an_address_space_and_what_led_to_it(pid: int, lines: list[int]) -> None:
    trace = read_data(FORKS.encode(), "log")
    task = int(np.flatnonzero(trace.tasks["pid"] == pid)[0])
    events = kin(trace, task)
    found = sorted({int(line) for line in trace.columns["line"][events].tolist()})
    assert found == lines


@pytest.mark.parametrize("seed", range(4))
def test_what_helps_is_the_same_without_the_other_programs(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"".join(islice(Log(seed, processes=4, areas=40).lines(), 700))
    trace, machine = read_data(text, "log"), Machine.load()
    whole = replay(trace, machine)
    for task in range(len(trace.tasks)):
        if int(trace.tasks["pid"][task]) != int(trace.tasks["tid"][task]):
            continue
        monkeypatch.setattr(cutting, "_WORTH", 1.0)
        assert len(_alone(whole, task, None).trace) < len(trace)
        alone = remedies(whole, task, machine.arch.label, None)
        monkeypatch.setattr(cutting, "_WORTH", 0.0)
        slow = {r.name: (r.before, r.after) for r in remedies(whole, task, machine.arch.label, None)}
        fast = {r.name: (r.before, r.after) for r in alone}
        assert slow
        assert all(slow[name] == numbers for name, numbers in fast.items())
        assert all(before == after for name, (before, after) in slow.items() if name not in fast)


def test_a_scenario_and_the_most_of_a_log_stay_whole() -> None:
    trace = read_data(FORKS.encode(), "log")
    assert part_of(trace, np.arange(len(trace) - 1)) is None
    part = part_of(trace, np.arange(3))
    assert part is not None
    assert len(part) == 3
    trace.recorded = False
    assert part_of(trace, np.arange(3)) is None
