"""What a process of a recording did becomes steps; what it had becomes setup; the rest is named and counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from remaptrace.abi import kinds as ev
from remaptrace.errors import UsageError
from remaptrace.trace.detect import load
from remaptrace.trace.events import Trace
from remaptrace.trace.scenario.write import write_yaml
from remaptrace.trace.workload.build import Workload, workload
from remaptrace.trace.workload.places import Places
from remaptrace.trace.workload.processes import stretches

TRACES = Path(__file__).parents[2] / "traces"
LOG = """\
10 execve("/bin/x", ["x"], 0x7ffc0 /* 1 var */) = 0
10 brk(NULL) = 0x5578e7709000
10 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f71599e0000
10 openat(AT_FDCWD, "/lib/y", O_RDONLY) = 3
10 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3, 4096) = 0x7f71599d0000
10 close(3) = 0
10 brk(0x5578e772a000) = 0x5578e772a000
10 mprotect(0x5578e7709000, 4096, PROT_READ) = 0
10 mremap(0x7f71599e0000, 8192, 16384, MREMAP_MAYMOVE) = 0x7f7159900000
10 madvise(0x7f7159900000, 4096, MADV_DONTNEED) = 0
10 munmap(0x1, 1) = -1 EINVAL (Invalid argument)
10 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD) = 11
11 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f71598f0000
11 munmap(0x7f71598f0000, 4096) = 0
11 exit_group(0) = ?
10 exit_group(0) = ?
"""


def recorded(tmp_path: Path, text: str = LOG) -> Trace:
    (tmp_path / "log").write_text(text)
    return load([str(tmp_path / "log")])[0]


def lines(made: Workload) -> list[str]:
    return [line for line in "".join(write_yaml(made.trace)).splitlines() if line.startswith("- ")]


def test_calls_become_steps_at_the_addresses_that_were_recorded(tmp_path: Path) -> None:
    made = workload(recorded(tmp_path), 10)
    assert [line for line in lines(made) if "memfd" not in line and "growsdown" not in line][-9:] == [
        "- brk: {addr: 0x0}",
        "- mmap: {addr: 0x7f71599e0000, length: 8192, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}",
        "- mmap: {addr: 0x7f71599d0000, length: 8192, prot: r, flags: [private, fixed], fd: f0, offset: 4096}",
        "- brk: {addr: '@1+0x21000'}",
        "- mprotect: {addr: '@1', length: 4096, prot: r}",
        "- mremap: {addr: 0x7f71599e0000, old_length: 8192, new_length: 16384, flags: [maymove, fixed],"
        " new_addr: 0x7f7159900000}",
        "- madvise: {addr: 0x7f7159900000, length: 4096, advice: dontneed}",
        "- munmap: {addr: 0x1, length: 1}",
        "- fork_wait: {}",
    ]
    assert "- memfd: {id: f0, pages: 3, fill: true}" in lines(made)
    assert "calls on descriptors: 2" in made.notes and "forks whose child ends at once: 1" in made.notes
    assert "other processes, left out: 1" in made.notes


def test_a_child_has_what_its_parent_had_and_goes_on_behind_the_fork(tmp_path: Path) -> None:
    made = workload(recorded(tmp_path), 11)
    assert lines(made)[-3:] == [
        "- fork: {}",
        "- mmap: {addr: 0x7f71598f0000, length: 4096, prot: r, flags: [private, fixed, anonymous], fd: -1, offset: 0}",
        "- munmap: {addr: 0x7f71598f0000, length: 4096}",
    ]
    assert any("7f71599e0000" in line for line in lines(made))


def test_the_busiest_process_is_taken_and_an_unknown_one_refused(tmp_path: Path) -> None:
    trace = recorded(tmp_path)
    assert workload(trace).pid == 10 and [s.pid for s in stretches(trace, 11)] == [10, 11]
    with pytest.raises(UsageError, match="RT503"):
        workload(trace, 12)


def test_areas_behind_an_exec_are_mapped_first_but_for_the_kernels_own() -> None:
    made = workload(load([str(TRACES / "ls")])[0])
    kinds = Counter(made.trace.columns["kind"].tolist())
    assert kinds[ev.K_MMAP] == 30 + 10 and kinds[ev.K_MAKEFILE] == 19
    assert kinds[ev.K_EXECUTE] + kinds[ev.K_READ] + kinds[ev.K_WRITE] == 103
    assert "accesses to areas of the kernel's own: 2" in made.notes


def test_what_lies_where_the_asking_process_lies_is_moved() -> None:
    assert Places.of([(0x400000, 0x401000)], fixed_low=False).at(0x401234) == 0x0200_0040_1234
    assert Places.of([(0x400000, 0x401000)], fixed_low=True).at(0x401234) == 0x401234
    assert (
        Places.of([(0x7FFF_FFFD_E000, 0x7FFF_FFFF_F000)], fixed_low=False).at(0x7FFF_FFFE_0000)
        == 0x7EFF_FFFE_0000
    )
    assert Places.of([(0x5578_0000_0000, 0x5578_0001_0000)], fixed_low=False).words() == []
    assert Places.of([(0x400000, 0x401000)], fixed_low=False).at(0) == 0
