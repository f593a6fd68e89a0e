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


def test_mapping_records_of_perf_are_the_areas_of_execs_and_name_the_files() -> None:
    """Memory calls and perf's own records, no other tracepoint: every line of the kernel's maps at exit."""
    (trace,) = load([str(DATA / "perf-side-band")])
    outcome = check(replay(trace))
    assert outcome.agrees
    assert {what: tally.total for what, tally in outcome.tallies.items()} == {
        "answers": 192,
        "map_lines": 147,
        "map_files": 3,
    }
    assert any("5 execs" in note for note in trace.notes)


def test_an_attached_perf_recording_begins_with_what_perf_read_and_says_what_that_leaves_out() -> None:
    trace = recorded("attached.perf.gz")
    assert pids(trace) == {16073}
    result = replay(trace)
    assert check(result).agrees
    assert any("guard pages" in note for note in trace.notes)
    made = trace.columns["kind"] == ev.K_INIT_VMA
    assert int(made.sum()) == 122  # [vsyscall] among them, which is no area
    assert int((trace.columns["flags"][made].astype(int) & ev.EVF_ASSUMED != 0).sum()) == 1


_EXEC = "prog 7/7 [000] 1.0: PERF_RECORD_COMM exec: prog:7/7\n"
_AREA = "prog 7/7 [000] 1.{}: PERF_RECORD_MMAP2 7/7: [{}({}) @ {} {} {} 0]: {} {}\n"
_CALL = (
    "prog 7/7 [000] 2.0: syscalls:sys_enter_brk: brk: 0x00000000\n"
    "prog 7/7 [000] 2.1: syscalls:sys_exit_brk: 0x5000\n"
)


def areas_of(text: str, path: Path) -> list[tuple[int, int, str]]:
    path.write_text(text)
    (trace,) = load([str(path)])
    return [(row.start, row.end, row.perms) for row in replay(trace).vmas()]


def test_mapping_records_lie_over_one_another(tmp_path: Path) -> None:
    text = _EXEC + _AREA.format(1, "0x1000", "0x4000", "0", "fe:00", 5, "r--p", "/bin/prog")
    text += _AREA.format(2, "0x2000", "0x1000", "0x1000", "fe:00", 5, "r-xp", "/bin/prog")
    text += _AREA.format(3, "0x9000", "0x1000", "0", "00:00", 0, "r-xp", "[vdso]")
    text += _AREA.format(4, "0xb000", "0x1000", "0", "00:00", 0, "rw-p", "//anon") + _CALL
    assert areas_of(text, tmp_path / "p") == [
        (0x1000, 0x2000, "r--p"),
        (0x2000, 0x3000, "r-xp"),
        (0x3000, 0x5000, "r--p"),
        (0x9000, 0xA000, "r-xp"),
    ]


def test_executable_areas_alone_are_no_address_space(tmp_path: Path) -> None:
    text = _EXEC + _AREA.format(1, "0x2000", "0x1000", "0x1000", "fe:00", 5, "r-xp", "/bin/prog")
    text += _AREA.format(3, "0x9000", "0x1000", "0", "00:00", 0, "r-xp", "[vdso]") + _CALL
    (tmp_path / "p").write_text(text)
    (trace,) = load([str(tmp_path / "p")])
    assert any("executable areas alone" in note for note in trace.notes)
    made = trace.columns["kind"] == ev.K_INIT_VMA
    assert (trace.columns["flags"][made].astype(int) & ev.EVF_ASSUMED).all()


def test_three_records_of_one_birth_are_one_birth() -> None:
    text = (
        "sh 7/7 [000] 1.0: PERF_RECORD_FORK(8:8):(7:7)\n"
        "sh 7/7 [000] 1.1: task:task_newtask: pid=8 comm=sh clone_flags=1200000 oom_score_adj=0\n"
        "sh 7/7 [000] 1.2: sched:sched_process_fork: comm=sh pid=7 child_comm=sh child_pid=8\n"
        "sh 8/8 [000] 1.3: syscalls:sys_enter_brk: brk: 0x00000000\n"
        "sh 8/8 [000] 1.4: syscalls:sys_exit_brk: 0x5000\n"
    )
    trace = read_data(text.encode(), "t")
    forks = trace.columns["kind"] == ev.K_FORK
    assert int(forks.sum()) == 1
    assert int(trace.columns["a1"][forks][0]) == 0x1200000
    assert not any("clone flags" in note for note in trace.notes)


def test_side_band_records_that_cannot_be_read_are_listed() -> None:
    text = _EXEC + "prog 7/7 [000] 1.5: PERF_RECORD_MMAP2 7/7: [0x2000(0x1000) @ 0]: r-\n" + _CALL
    trace = read_data(text.encode(), "t")
    assert [skip.line for skip in trace.skipped] == [2]
