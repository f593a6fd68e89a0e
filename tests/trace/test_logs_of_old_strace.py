"""What old versions of strace printed in their own way."""

from __future__ import annotations

import pytest

from remaptrace.api import check, replay
from remaptrace.trace.detect import read_data
from remaptrace.trace.events import Trace

NARROW = (
    'execve("./old", ["./old"], [/* 20 vars */]) = 0\n'
    "[ Process PID=29 runs in 32 bit mode. ]\n"
    "brk(0)                                  = 0x804c000\n"
    "mmap2(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xfffffffff7ed1000\n"
    'open("/lib32/libx.so", O_RDONLY) = 3\n'
    "mmap2(NULL, 20480, PROT_READ, MAP_PRIVATE, 3, 0) = 0xfffffffff7ecc000\n"
    "mmap2(0xf7ece000, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED, 3, 0x12) = 0xfffffffff7ece000\n"
    "set_thread_area(0xffff1230)             = 0\n"
    "munmap(0xf7ecc000, 8192)                = 0\n"
)


def read(text: str) -> Trace:
    return read_data(text.encode(), "log")


@pytest.mark.parametrize("said", [True, False])
def test_addresses_whose_sign_was_extended_are_those_of_32_bits(said: bool) -> None:
    trace = read(NARROW if said else NARROW.replace("[ Process PID=29 runs in 32 bit mode. ]\n", ""))
    assert not trace.skipped
    assert trace.arch == "ia32"
    assert 0xF7ED1000 in trace.columns["ret"].tolist()
    tally = check(replay(trace)).tallies["answers"]
    assert tally.agree == tally.total == 5


def test_a_process_that_was_gone_left_its_call_unfinished() -> None:
    trace = read(
        "brk(0x2000) = 0x2000\nbrk(0x3000 <ptrace(SYSCALL):No such process>\n+++ killed by SIGKILL +++\n"
    )
    assert not trace.skipped
    assert any("brk at line 2" in note for note in trace.notes)
