"""Logs that begin when the process has long been running: what their answers prove, and what stays open."""

from __future__ import annotations

import pytest

from remaptrace.abi.rows import RSF_ASSUMED, RSF_DIVERGED
from remaptrace.api import replay
from remaptrace.engine.why import WHY_NOT_SHOWN, WHY_REFUSED
from remaptrace.result.result import Result
from remaptrace.trace.strace.door import read_strace

AT = 0x7F0000000000
MAP_FD = "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, {}, {}) = -1 {} (x)"


def replayed(*lines: str) -> Result:
    return replay(read_strace("".join(f"1000 {line}\n" for line in lines).encode(), name="log"))


def differing(result: Result) -> list[int]:
    return [row for row, flags in enumerate(result.columns["flags"].tolist()) if flags & RSF_DIVERGED]


LATE = {
    "a break refused as the first": [
        "brk(0x5555557a0000) = 0x555555779000",
        "brk(0x5555557a1000) = 0x555555779000",
    ],
    "a break asked below the heap": ["brk(0x1000) = 0x555555779000", "brk(0x55555579a000) = 0x55555579a000"],
    "a part of a huge page": [
        f"munmap({AT:#x}, 4096) = -1 EINVAL (Invalid argument)",
        f"munmap({AT:#x}, 2097152) = 0",
    ],
    "a part of a huge page that was used": [
        f"mprotect({AT:#x}, 16384, PROT_READ) = 0",
        f"munmap({AT:#x}, 4096) = -1 EINVAL (Invalid argument)",
    ],
    "growth of a special area": [
        f"mprotect({AT:#x}, 4096, PROT_READ) = 0",
        f"mremap({AT:#x}, 4096, 8192, MREMAP_MAYMOVE) = -1 EFAULT (Bad address)",
    ],
    "growth of nothing that is known": [
        f"mremap({AT:#x}, 4096, 8192, MREMAP_MAYMOVE) = -1 EFAULT (Bad address)"
    ],
    "a segment that others made": [
        f"shmat(5, NULL, 0) = {AT:#x}",
        f"mprotect({AT:#x}, 4096, PROT_READ) = 0",
        f"shmdt({AT:#x}) = 0",
    ],
    "growth that something above did not let happen": [
        f"mprotect({AT:#x}, 4096, PROT_READ|PROT_WRITE) = 0",
        f"mremap({AT:#x}, 4096, 8192, MREMAP_MAYMOVE) = {AT - 0x10000:#x}",
        f"mremap({AT - 0x10000:#x}, 8192, 16384, MREMAP_MAYMOVE) = {AT - 0x20000:#x}",
    ],
    "a segment where something is": ["shmat(5, 0x559ff7355651, SHM_RND) = -1 EINVAL (Invalid argument)"],
    "commands on a segment that others made": [
        "shmctl(5, IPC_STAT, 0x7ffd) = 0",
        "shmctl(5, IPC_RMID, NULL) = 0",
        "shmctl(6, IPC_SET, NULL) = -1 EFAULT (x)",
    ],
    "an attach before the log": [
        f"shmdt({AT:#x}) = 0",
        "shmdt(0x7f1000000000) = -1 EINVAL (Invalid argument)",
    ],
    **{
        f"a descriptor from before the log, {errno}": [MAP_FD.format(11, 0, errno)]
        for errno in (
            "EINVAL",
            "ENXIO",
            "EOVERFLOW",
            "ETXTBSY",
            "ENFILE",
            "EAGAIN",
            "ENOMEM",
            "EACCES",
            "ENODEV",
        )
    },
    **{
        f"{path}, {errno}": [f'openat(AT_FDCWD, "{path}", O_RDWR) = 3', MAP_FD.format(3, 0, errno)]
        for path in (
            "/dev/dri/card0",
            "/dev/nvidia0",
            "/sys/bus/pci/devices/0000:00:02.0/resource0",
            "/dev/video0",
        )
        for errno in ("EINVAL", "EBUSY", "EAGAIN", "ENXIO")
    },
    "a packet socket without a ring": [
        "socket(AF_PACKET, SOCK_RAW, 768) = 3",
        MAP_FD.format(3, 0, "EINVAL"),
    ],
}


@pytest.mark.parametrize("name", LATE)
def test_what_the_kernel_could_have_answered_is_no_difference(name: str) -> None:
    assert differing(replayed(*LATE[name])) == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['openat(AT_FDCWD, "/etc/x", O_RDONLY) = 3', MAP_FD.format(3, 0, "EBADF")], "EBADF"),
        (["mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 EINVAL (x)"], "EINVAL"),
        (
            [
                f"mmap(NULL, 16384, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {AT:#x}",
                f"munmap({AT:#x}, 4096) = -1 EINVAL (x)",
            ],
            "EINVAL",
        ),
        (
            [
                f"mmap(NULL, 16384, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {AT:#x}",
                f"mremap({AT:#x}, 16384, 32768, MREMAP_MAYMOVE) = -1 EFAULT (x)",
            ],
            "EFAULT",
        ),
        (
            [
                'execve("/x", ["x"], 0x7ffd0 /* 9 vars */) = 0',
                f"mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {AT:#x}",
                "shmat(7, 0x400000, 0) = -1 EINVAL (x)",
                f"mremap({AT:#x}, 4096, 8192, 0) = -1 EFAULT (x)",
            ],
            "EFAULT",
        ),
        (["brk(NULL) = 0x555555779000", "brk(0x55555579a000) = 0x555555780000"], "a lower break"),
    ],
)
def test_what_no_kernel_answers_for_memory_that_the_log_made_is_a_difference(
    lines: list[str], expected: str
) -> None:
    result = replayed(*lines)
    assert differing(result) == [len(result.columns["flags"]) - 1], expected


def test_a_refusal_on_memory_from_before_the_log_states_no_hole() -> None:
    result = replayed(*LATE["growth of nothing that is known"])
    assert result.columns["why"].tolist() == [WHY_NOT_SHOWN]


def test_a_driver_s_own_refusal_is_said_to_be_taken() -> None:
    result = replayed(*LATE["/dev/nvidia0, EINVAL"])
    assert int(result.columns["why"][-1]) == WHY_REFUSED
    assert int(result.columns["flags"][-1]) & RSF_ASSUMED


def test_of_a_segment_that_others_made_one_page_is_assumed() -> None:
    result = replayed(f"shmat(5, NULL, SHM_RDONLY) = {AT:#x}")
    assert int(result.columns["flags"][0]) & RSF_ASSUMED
    assert [(a.start, a.end) for a in result.vmas()] == [(AT, AT + 4096)]


def test_what_is_left_of_memory_that_was_trimmed_is_taken_as_written() -> None:
    """A hole that a new mapping fills joins the area below; the one above, written by itself, stays apart."""
    low, size = 0x7F1155E00000, 0x4000
    mapping = "mmap(NULL, {}, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {:#x}"
    lines = [
        mapping.format(size, low),
        "getpid() = 1000",
        mapping.format(2 * size, low + 2 * size),
        f"munmap({low + 2 * size:#x}, {size}) = 0",  # what is left lies above the hole of two sizes
        mapping.format(2 * size, low + size),
        f"munmap({low + size:#x}, {size}) = 0",
    ]
    areas = [(a.start, a.end) for a in replayed(*lines).vmas()]
    assert areas == [(low, low + size), (low + 2 * size, low + 3 * size), (low + 3 * size, low + 4 * size)]


def test_a_shmctl_that_failed_removes_nothing() -> None:
    lines = [
        "shmget(IPC_PRIVATE, 4096, IPC_CREAT|0600) = 7",
        "shmctl(7, IPC_SET, NULL) = -1 EFAULT (Bad address)",
        "shmctl(7, IPC_RMID, NULL) = -1 EPERM (Operation not permitted)",
        f"shmat(7, NULL, 0) = {AT:#x}",
    ]
    assert differing(replayed(*lines)) == []
