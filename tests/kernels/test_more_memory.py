"""Huge pages of hugetlbfs, NUMA policies, MADV_COLLAPSE, KSM by process, userfaultfd: programs that kernels answered.

The programs are those of 6.12.95 and 6.18.44 with the faults of their own stack taken off; `huge1` ran on a
processor without pages of 1 GiB.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.abi.outcomes import OUT_OK
from remaptrace.api import Machine, check, replay
from remaptrace.trace.detect import load
from remaptrace.trace.scenario.read import read_scenario

PROGRAMS = sorted((Path(__file__).parents[1] / "data" / "linux-more").glob("*.yaml"))
BASE = 0x100000000000
HUGE = 0x200000


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_is_answered_as_the_kernel_did(program: Path) -> None:
    outcome = check(replay(load([str(program)])[0]))
    assert outcome.agrees, outcome.disagreements[0]
    assert sum(t.total for t in outcome.tallies.values()) > 5


def _answers(steps: str, **settings: object) -> object:
    trace = read_scenario("name: t\nsteps:\n" + steps, name="t.yaml")
    return check(replay(trace, Machine.load(**settings)))  # type: ignore[arg-type]


HUGE_MAP = f"- mmap: {{addr: {BASE:#x}, length: {2 * HUGE}, prot: rw, flags: [private, fixed, anonymous, hugetlb]}}\n"


def test_a_pool_decides_whether_huge_pages_can_be_mapped() -> None:
    refused = HUGE_MAP + "  expect: {error: ENOMEM}\n"
    mapped = HUGE_MAP + f"  expect: {{result: {BASE:#x}}}\n"
    assert _answers(refused).agrees  # type: ignore[attr-defined]
    with_pool = read_scenario("name: t\nsteps:\n" + mapped, name="t.yaml")
    machine = Machine.load(overrides={"nr_hugepages": 2})
    assert check(replay(with_pool, machine)).agrees


def test_a_recorded_success_proves_the_pool(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "mmap(NULL, 4194304, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB, -1, 0) = 0x7f0000000000\n"
        "munmap(0x7f0000000000, 4096) = -1 EINVAL (Invalid argument)\n"
        "munmap(0x7f0000000000, 4194304) = 0\n"
    )
    result = replay(load([str(log)])[0])
    assert check(result).agrees


def test_a_file_of_the_usual_mount_of_hugetlbfs_has_huge_pages(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        'openat(AT_FDCWD, "/dev/hugepages/pool", O_RDWR|O_CREAT, 0600) = 3\n'
        "ftruncate(3, 4194304) = 0\n"
        "mmap(NULL, 4194304, PROT_READ|PROT_WRITE, MAP_SHARED, 3, 0) = 0x7f0000000000\n"
        "munmap(0x7f0000000000, 4096) = -1 EINVAL (Invalid argument)\n"
    )
    result = replay(load([str(log)])[0])
    assert check(result).agrees
    assert [v.vmflags for v in result.snapshots[-1].vmas if v.start == 0x7F0000000000] == [
        "rd wr sh mr mw me ms de ht"
    ]


def test_an_ioctl_that_the_log_shows_is_replayed_and_one_it_hides_is_named(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "userfaultfd(0) = 3\n"
        "ioctl(3, UFFDIO_API, {api=0xaa, features=0 => features=UFFD_FEATURE_SIGBUS, ioctls=0x1}) = 0\n"
        "mmap(NULL, 16384, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n"
        "ioctl(3, UFFDIO_REGISTER, {range={start=0x7f0000000000, len=0x1000},"
        " mode=UFFDIO_REGISTER_MODE_MISSING, ioctls=0}) = 0\n"
        "ioctl(3, UFFDIO_WRITEPROTECT, 0x7ffee3933160) = 0\n"
    )
    trace = load([str(log)])[0]
    assert trace.unmodelled == {"ioctl(UFFDIO_WRITEPROTECT)": 1}
    areas = [v for v in replay(trace).snapshots[-1].vmas if v.start >= 0x7F0000000000]
    assert [v.vmflags.split().count("um") for v in areas if v.end <= 0x7F0000004000] == [1, 0]


def test_a_letter_is_given_only_for_pages_that_an_expectation_names() -> None:
    steps = (
        "- mmap: {addr: 0x200000000000, length: 0x200000000000, prot: none, flags: [private, fixed, anonymous]}\n"
        "- dump: {}\n  expect: {vmas: [{start: 0x200000000000, end: 0x400000000000, pages: '..'}]}\n"
    )
    assert not _answers(steps).agrees  # type: ignore[attr-defined]


def _copied(source: str, src: int) -> int:
    """The byte that a load answers of a page that UFFDIO_COPY filled from `src`."""
    steps = (
        f"- mmap: {{addr: {BASE:#x}, length: 0x1000, prot: rw, flags: [private, fixed, anonymous]}}\n"
        + source
        + "- userfaultfd: {id: u, flags: 0}\n"
        + "- uffdio_api: {fd: u, features: [0]}\n"
        + f"- uffdio_register: {{fd: u, addr: {BASE:#x}, length: 0x1000, mode: [missing]}}\n"
        + f"- uffdio_copy: {{fd: u, dst: {BASE:#x}, src: {src:#x}, length: 0x1000, mode: [0]}}\n"
        + f"- read: {BASE:#x}\n"
    )
    result = replay(read_scenario("name: t\nsteps:\n" + steps, name="t.yaml"), Machine.load())
    assert int(result.columns["outcome"][-1]) == OUT_OK
    return int(result.columns["value"][-1])


def test_bytes_copied_from_memory_that_nobody_told_are_unknown() -> None:
    assert _copied("", 0x447080) == -1


def test_bytes_copied_from_memory_of_the_scenario_are_known() -> None:
    at = BASE + 0x100000
    area = f"- mmap: {{addr: {at:#x}, length: 0x2000, prot: rw, flags: [private, fixed, anonymous]}}\n"
    assert _copied(area, at) == 0
    assert _copied(area + f"- write: {{addr: {at:#x}, value: 7}}\n", at) == 7
    assert _copied(area + f"- write: {{addr: {at:#x}, value: 7}}\n", at + 8) == 0  # parts of two pages
    assert _copied(area + f"- write: {{addr: {at + 8:#x}, value: 7}}\n", at + 8) == 7
