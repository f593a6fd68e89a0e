"""`--maps`: whose map a file is, what was done with it, and why it had no effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.abi import kinds as ev
from remaptrace.api import replay
from remaptrace.errors import InputError
from remaptrace.trace.detect import load
from remaptrace.trace.events import Trace

MAPS = (
    "00400000-00401000 r-xp 00000000 08:01 131 /usr/bin/prog\n"
    "00600000-00602000 rw-p 00000000 08:01 131 /usr/bin/prog\n"
    "{heap}"
    "7f0000000000-7f0000001000 r-xp 00000000 08:01 132 /lib/ld.so\n"
    "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]\n"
)
HEAP = "01000000-01021000 rw-p 00000000 00:00 0 [heap]\n"
EXEC = (
    '7 execve("/usr/bin/prog", ["prog"], 0x7ffd /* 9 vars */) = 0\n'
    "7 brk(NULL) = {brk:#x}\n"
    "7 mprotect(0x600000, 4096, PROT_READ) = 0\n"
    "7 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7effff000000\n"
)


def with_maps(folder: Path, log: str, maps: str, name: str = "any.txt") -> Trace:
    (folder / "log").write_text(log)
    (folder / name).write_text(maps)
    (trace,) = load([str(folder / "log")], maps=[str(folder / name)])
    return trace


def areas(trace: Trace) -> int:
    return int((trace.columns["kind"] == ev.K_INIT_VMA).sum())


def last(trace: Trace) -> int:
    return int(replay(trace).columns["map_count"][-1])


def test_a_map_from_behind_the_exec_goes_behind_it(tmp_path: Path) -> None:
    trace = with_maps(tmp_path, EXEC.format(brk=0x1000000), MAPS.format(heap=""))
    assert trace.columns["kind"].tolist()[:3] == [ev.K_EXEC, ev.K_INIT_MM, ev.K_INIT_VMA]
    assert any("4 areas, used for process 7 behind its execve of /usr/bin/prog" in n for n in trace.notes)
    assert last(trace) == 6


def test_a_later_map_tells_what_exec_made(tmp_path: Path) -> None:
    trace = with_maps(tmp_path, EXEC.format(brk=0x1000000), MAPS.format(heap=HEAP))
    assert any("taken some time after the execve of /usr/bin/prog by process 7" in n for n in trace.notes)
    assert last(trace) == 6


def test_a_map_of_another_run_is_not_used_and_said_why(tmp_path: Path) -> None:
    trace = with_maps(tmp_path, EXEC.format(brk=0x5000000), MAPS.format(heap=HEAP))
    (note,) = (n for n in trace.notes if "any.txt" in n)
    assert "not used: its heap begins at 0x1000000" in note
    assert "0x5000000" in note
    assert "PID.exec1.maps" in note


def test_an_attached_process_gets_the_map_at_its_first_event_whichever_thread_made_it(tmp_path: Path) -> None:
    log = (
        "mprotect(0x600000, 4096, PROT_READ) = 0\n"
        "mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7effff000000\n"
    )
    trace = with_maps(tmp_path, log, MAPS.format(heap=HEAP))
    assert trace.columns["kind"].tolist()[0] == ev.K_INIT_MM
    assert any("5 areas, used for the process where its log begins" in n for n in trace.notes)


def test_the_process_whose_calls_fit_gets_the_map(tmp_path: Path) -> None:
    log = "8 mprotect(0x900000, 4096, PROT_READ) = 0\n9 mprotect(0x600000, 4096, PROT_READ) = 0\n"
    trace = with_maps(tmp_path, log, MAPS.format(heap=""))
    assert any("used for process 9" in n for n in trace.notes)


def test_a_pid_in_the_text_is_believed(tmp_path: Path) -> None:
    log = (
        "8 munmap(NULL, 0) = -1 EINVAL (Invalid argument)\n9 munmap(NULL, 0) = -1 EINVAL (Invalid argument)\n"
    )
    trace = with_maps(tmp_path, log, "$ cat /proc/9/maps\n" + MAPS.format(heap=""))
    assert any("used for process 9" in n for n in trace.notes)
    trace = with_maps(tmp_path, log, "$ cat /proc/10/maps\n" + MAPS.format(heap=""))
    assert any("not used: process 10 is not in the log" in n for n in trace.notes)


def test_a_start_map_before_an_exec_is_told_to_have_no_effect(tmp_path: Path) -> None:
    trace = with_maps(tmp_path, EXEC.format(brk=0x1000000), MAPS.format(heap=""), "7.start.maps")
    assert any("which replaces what was mapped before" in n and "7.exec1.maps" in n for n in trace.notes)


def test_files_without_effect_are_named(tmp_path: Path) -> None:
    for name in ("9.exit.maps", "7.exec4.maps", "9.exec1.maps", "7.exit.maps"):
        log = 'prctl(PR_SET_NAME, "x") = 0\n7 brk(NULL) = 0x1000000\n'
        trace = with_maps(tmp_path, log, MAPS.format(heap=""), name)
        assert any(name in n and n.endswith("it was not used") for n in trace.notes), name


def test_a_log_without_calls_on_memory_starts_from_its_map(tmp_path: Path) -> None:
    trace = with_maps(tmp_path, 'write(1, "x", 1) = 1\n', MAPS.format(heap=""))
    assert last(trace) == 4


@pytest.mark.parametrize(
    "steps", ["[]", "\n- munmap: {addr: 0x600000, length: 0x1000}\n  expect: {result: 0}\n"]
)
def test_a_scenario_starts_from_a_map(tmp_path: Path, steps: str) -> None:
    trace = with_maps(tmp_path, f"name: x\nsteps: {steps}\n", MAPS.format(heap=""))
    assert last(trace) == 4
    assert all(trace.columns["kind"][e.event] == ev.K_MUNMAP for e in trace.expects)


def test_references_of_a_scenario_move_with_its_steps(tmp_path: Path) -> None:
    steps = (
        "\n- mmap: {length: 0x2000, prot: rw, flags: [private, anonymous]}\n  as: a\n"
        "- munmap: {addr: '@a', length: 0x2000}\n"
    )
    trace = with_maps(tmp_path, f"name: x\nsteps: {steps}\n", MAPS.format(heap=""))
    assert replay(trace).columns["ret"].tolist()[-1] == 0
    assert last(trace) == 4


def test_a_scenario_with_areas_of_its_own_takes_no_map(tmp_path: Path) -> None:
    own = "initial:\n- {start: 0x10000, end: 0x11000, perms: rw-p}\n"
    with pytest.raises(InputError) as error:
        with_maps(tmp_path, f"name: x\n{own}steps: []\n", MAPS.format(heap=""))
    assert error.value.code == "RT325"
