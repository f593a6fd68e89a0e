"""Lines of strace that say in which mode a process runs."""

from __future__ import annotations

from remaptrace.api import check, replay
from remaptrace.trace.strace.door import read_strace

X32 = b"""\
[ Process PID=50 runs in x32 mode. ]
50 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xf7ffd000
50 exit_group(0) = ?
"""
MIXED = b"""\
50 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000
50 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f0000100000) = 51
51 execve("/opt/old32", ["old32"], 0x7ffd0 /* 1 vars */) = 0
[ Process PID=51 runs in 32 bit mode. ]
51 mmap2(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xf7ffd000
51 exit_group(0) = ?
50 exit_group(0) = ?
"""


def test_a_program_of_x32_has_the_address_space_of_ia32() -> None:
    trace = read_strace(X32, name="x32")
    assert trace.arch == "ia32"
    assert any("x32" in note and "asked of" in note for note in trace.notes)


def test_a_log_with_programs_of_both_widths_says_what_is_not_simulated() -> None:
    trace = read_strace(MIXED, name="mixed")
    assert trace.arch in (None, "x86_64")
    assert any("32 bit mode, too" in note for note in trace.notes)
    assert check(replay(trace)).agrees
