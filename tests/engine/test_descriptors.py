"""Descriptors of recorded programs: what execve closes, what cannot be mapped."""

import pytest

from remaptrace.api import replay
from remaptrace.trace.strace.door import read_strace

EBADF, ENODEV = 9, 19
MAP = "10 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) = {}\n"


def answer(text: str) -> int:
    """What the last call of a log answers on the machine."""
    result = replay(read_strace(text.encode(), name="log"), engine="interpreted")
    return int(result.columns["ret"][-1])


@pytest.mark.parametrize(("marked", "expected"), [("FD_CLOEXEC", -EBADF), ("0", 0x7000_0000_0000)])
def test_execve_closes_a_descriptor_marked_later(marked: str, expected: int) -> None:
    text = (
        '10 openat(AT_FDCWD, "/lib/a.so", O_RDONLY) = 3\n'
        f"10 fcntl(3, F_SETFD, {marked}) = 0\n"
        '10 execve("/bin/true", ["true"], 0x7ffe /* 1 var */) = 0\n'
    )
    shown = "-1 EBADF (Bad file descriptor)" if expected < 0 else "0x700000000000"
    assert answer(text + MAP.format(shown)) == expected


@pytest.mark.parametrize("call", ["pidfd_open(10, 0)", "userfaultfd(O_CLOEXEC)", "epoll_create1(0)"])
def test_descriptors_of_no_file_cannot_be_mapped(call: str) -> None:
    assert answer(f"10 {call} = 3\n" + MAP.format("-1 ENODEV (No such device)")) == -ENODEV
