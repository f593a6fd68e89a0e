"""Threads whose birth a log does not show: one process where other lines prove it, or where the user says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from remaptrace.cli.entry import run_command
from remaptrace.trace.events import Trace
from remaptrace.trace.strace.door import read_strace

_MMAP = "mmap(NULL, 12288, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)"
_TWO = (f"101 {_MMAP} = 0x7f0000003000", f"100 {_MMAP} = 0x7f0000009000")


def read(lines: Sequence[str], threads_of: int | None = None) -> Trace:
    return read_strace("".join(f"{line}\n" for line in lines).encode(), name="log", threads_of=threads_of)


def processes(trace: Trace) -> dict[int, int]:
    return {int(tid): int(pid) for tid, pid in zip(trace.tasks["tid"], trace.tasks["pid"], strict=True)}


ONE = {101: 100, 100: 100}
TWO = {101: 101, 100: 100}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            (*_TWO, "100 exit_group(0) = ?", "101 +++ exited with 0 +++", "100 +++ exited with 0 +++"),
            "exit_group",
        ),
        ((*_TWO, "101 getpid() = 100"), "getpid"),
        ((*_TWO, "100 tgkill(100, 101, SIGRT_1) = 0"), "tgkill"),
        (("strace: Process 100 attached with 2 threads", *_TWO), "attached"),
        ((*_TWO, "101 mprotect(0x7f0000009000, 4096, PROT_NONE) = 0"), "areas of each other"),
        ((*_TWO[:1], f"100 {_MMAP} = 0x7f0000000000"), "wall to wall"),
        (
            (
                *_TWO,
                "101 futex(0x7f0000003000, FUTEX_WAIT_PRIVATE, 2, NULL <unfinished ...>",
                "100 futex(0x7f0000003000, FUTEX_WAKE_PRIVATE, 1) = 1",
            ),
            "futex",
        ),
        ((*_TWO, "101 exit(0) = ?", "101 +++ exited with 0 +++"), "exit"),
    ],
)
def test_a_proof_makes_threads_one_process(lines: tuple[str, ...], reason: str) -> None:
    trace = read(lines)
    assert processes(trace) == ONE
    assert any(reason in note for note in trace.notes)


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("100 exit_group(0) = ?", "101 +++ exited with 7 +++"),
        ("100 exit_group(0) = ?", "101 exit_group(0) = ?", "101 +++ exited with 0 +++"),
        ("101 getpid() = 101", "100 getpid() = 100"),
        (f"100 {_MMAP} = 0x7f0000003000", "100 mprotect(0x7f0000003000, 4096, PROT_NONE) = 0"),
    ],
)
def test_without_proof_they_stay_apart(more: tuple[str, ...]) -> None:
    assert processes(read((*_TWO, *more))) == TWO


def test_the_user_may_say_whose_threads_they_are() -> None:
    assert processes(read(_TWO, 0)) == {101: 101, 100: 101}
    assert processes(read(_TWO, 100)) == ONE
    assert processes(read(_TWO, 99)) == {99: 99, 101: 99, 100: 99}


def test_the_commands_take_the_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"{line}\n" for line in _TWO))
    for words, pids in (([], 2), (["--one-process"], 1), (["--threads-of", "100"], 1)):
        assert run_command(["run", str(log), "--format", "plain", *words]) == 0
        out = capsys.readouterr().out
        assert sum(line.startswith("process pid ") for line in out.splitlines()) == pids, out
        for command in ("check", "advise", "maps"):
            assert run_command([command, str(log), *words]) == 0
    for command in ("run", "check", "advise", "maps", "convert", "diff"):
        assert run_command([command, str(log), "--one-process", "--threads-of", "5"]) == 2


def _takes(tid: int, place: int) -> str:
    return f"{tid} {_MMAP} = {place:#x}"


_LATE = (
    "100 munmap(0x7f0000100000, 12288 <unfinished ...>",
    f"101 {_MMAP} = 0x7f0000100000",
    "100 <... munmap resumed>) = 0",
)
"""The place of a mapping is told before the end of the call that made it free."""


def test_an_unmapping_that_is_told_late_is_no_clash() -> None:
    walls = [_takes(100 + i % 2, 0x7F0000100000 - i * 0x3000) for i in range(6)]
    assert processes(read([*walls, *_LATE])) == ONE
    # what is used by both at a time, or fits no oftener than it seems to clash, is apart
    assert processes(read([*walls, f"101 {_MMAP} = 0x7f0000100000"])) == TWO
    assert processes(read([*walls[:3], *_LATE])) == TWO


def test_forked_workers_in_step_stay_apart() -> None:
    """Both have the same free places, so that each takes what the other has just left."""
    lines = []
    for i in range(40):
        place = 0x7F0000100000 - i * 0x3000
        lines += [_takes(100, place), _takes(101, place)]
        if i % 4 == 1:
            lines += [f"100 munmap({place:#x}, 12288) = 0", f"101 munmap({place:#x}, 12288) = 0"]
    assert processes(read(lines)) == TWO
    pairs = [line for i in range(9) for line in (_takes(100 + i % 2, 0x7F0000100000), *_LATE[::2])]
    assert processes(read(pairs)) == TWO
