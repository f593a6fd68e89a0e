"""Recordings of ordinary programs with options that leave something out: what the rest proves, and what it does not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from remaptrace.abi import kinds as ev
from remaptrace.abi.signals import PF_UNKNOWN
from remaptrace.api import check, replay
from remaptrace.trace.detect import discover, load, read_data
from remaptrace.trace.events import Trace

DATA = Path(__file__).parent / "data" / "sweep"


def recorded(name: str) -> Trace:
    (trace,) = load([str(DATA / name)])
    return trace


def pids(trace: Trace) -> set[int]:
    return {int(pid) for pid in trace.tasks["pid"]}


def test_memory_calls_of_a_threaded_program_in_perf_text_are_one_process_behind_an_exec_that_is_not_shown() -> (
    None
):
    trace = recorded("memory-calls-only.perf.gz")
    assert pids(trace) == {754}
    assert len(trace.tasks) == 9
    result = replay(trace)
    outcome = check(result)
    assert outcome.agrees and outcome.tallies["answers"].total == 831
    assert result.columns["map_count"][-1] == 52  # lines of /proc/PID/maps at exit, [vsyscall] left out
    assert any("no execve" in note and "line 58" in note for note in trace.notes)


def test_memory_calls_of_a_threaded_program_in_strace_text_are_one_process() -> None:
    trace = recorded("memory-calls-only.strace.gz")
    assert pids(trace) == {32420}
    result = replay(trace)
    assert check(result).agrees
    counts = result.columns["map_count"]
    assert counts[counts >= 0][-1] == 183  # lines of /proc/PID/maps at exit, [vsyscall] left out


def test_perf_trace_of_memory_calls_alone_shows_two_programs() -> None:
    trace = recorded("memory-calls-only.perf-trace.gz")
    assert (trace.columns["kind"] == ev.K_EXEC).sum() == 1
    assert check(replay(trace)).agrees


def test_an_exec_that_the_log_shows_is_not_made_up() -> None:
    calls = '1 execve("/bin/a", [], 0x1) = 0\n1 brk(NULL) = 0x1000000\n1 brk(NULL) = 0x2000000\n'
    trace = read_data(calls.encode(), "t")
    assert (trace.columns["kind"] == ev.K_EXEC).sum() == 1


def test_frames_of_perf_trace_call_graphs_are_stacks_and_no_unreadable_lines() -> None:
    trace = recorded("call-graph.perf-trace.gz")
    assert not trace.skipped
    stacks = trace.columns["stack"]
    event = int((trace.columns["kind"] == ev.K_BRK).argmax())
    names = [trace.frames[frame] for frame in trace.stacks[int(stacks[event])]]
    assert names[0] == "brk (ld-linux-x86-64.so.2)"
    assert "[unknown]" not in " ".join(trace.frames)


def test_faults_alone_are_of_unknown_kind_and_can_be_compared() -> None:
    trace = recorded("faults-only.perf-trace")
    faults = trace.columns["kind"] == ev.K_FAULT
    assert (trace.columns["a1"][faults] & PF_UNKNOWN).all()
    assert check(replay(trace)).agrees
    assert not any("taken as reads" in note for note in trace.notes)


def test_faults_with_narrow_codes_can_be_compared() -> None:
    fault = "     {}.000 ( ): p/42 exceptions:page_fault_user(address: {:#x}, ip: 1, error_code: 4)\n"
    rows = "".join(fault.format(i, 0x7F0000000000 + i * 4096) for i in range(3))
    assert check(replay(read_data(rows.encode(), "t"))).agrees


def test_a_summary_with_errors_has_no_unreadable_lines() -> None:
    trace = recorded("summary.perf-trace")
    assert not trace.skipped and not len(trace)


def test_a_break_below_the_one_that_the_log_began_with_moves_the_start_of_the_heap() -> None:
    trace = recorded("late.perf-trace.gz")
    assert check(replay(trace)).agrees
    names = {trace.strings[int(name)] for name in trace.tasks["name"]}
    assert not any(name.startswith(":") for name in names)


def test_a_break_that_was_set_has_a_heap_below_it() -> None:
    trace = read_data(b"7 brk(0x1003000) = 0x1003000\n7 brk(0x1002000) = 0x1002000\n", "t")
    result = replay(trace)
    assert check(result).agrees
    assert result.columns["map_count"].tolist() == [1, 0]


@pytest.mark.parametrize("threads_of", [0, 754])
def test_one_process_can_be_said_of_perf_text(threads_of: int) -> None:
    text = gzip.decompress((DATA / "memory-calls-only.perf.gz").read_bytes())
    assert pids(read_data(text, "t", threads_of=threads_of)) == {754}


def test_one_process_can_be_said_of_a_family_of_files(tmp_path: Path) -> None:
    for tid in (10, 11, 12):
        address = 0x7F0000000000 + tid * 0x100000
        call = f"mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {address:#x}\n"
        (tmp_path / f"log.{tid}").write_text(call)
    (item,) = discover([str(tmp_path)])
    assert pids(item.load()) == {10, 11, 12}
    (item,) = discover([str(tmp_path)], threads_of=0)
    assert pids(item.load()) == {10}


def test_a_family_whose_threads_end_with_the_exit_group_of_one_is_a_process(tmp_path: Path) -> None:
    call = "1700000000.{} mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {:#x}\n"
    end = "1700000009.{} +++ exited with 0 +++\n"
    (tmp_path / "log.10").write_text(
        call.format(1, 0x7F0000100000) + "1700000008.1 exit_group(0) = ?\n" + end.format(1)
    )
    (tmp_path / "log.11").write_text(call.format(2, 0x7F0000200000) + end.format(0))
    (trace,) = load([str(tmp_path)])
    assert pids(trace) == {10}
