"""Threads and processes in strace text: births before their cause, deaths, ids that change hands."""

from pathlib import Path

import pytest

from remaptrace import load
from remaptrace.abi.calls import KIND_NAMES
from remaptrace.trace.strace.door import read_strace
from remaptrace.trace.strace.fast import FastStraceReader
from remaptrace.trace.strace.read import StraceReader
from remaptrace.trace.wording import counts_are_lower_bounds

from .strace_case_file import event_text


def events(text: str) -> list[str]:
    trace = read_strace(text.encode(), name="log")
    assert trace.skipped == []
    return [event_text(trace, number) for number in range(len(trace))]


def test_a_child_that_speaks_first_is_born_before_its_first_line() -> None:
    assert events(
        "10 vfork( <unfinished ...>\n11 munmap(0x1000, 4096) = 0\n10 <... vfork resumed>) = 11\n"
    ) == [
        "10 fork child=1 flags=0x4100 = 11",
        "11 munmap addr=0x1000 length=0x1000 = 0",
        "10 mark name='vfork' = 11",
    ]


def test_of_two_forks_under_way_the_log_tells_whose_child_came_first() -> None:
    text = (
        "10 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>\n"
        "10 <... clone resumed>, child_tidptr=0x7f) = 20\n"
        "10 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>\n"
        "20 vfork( <unfinished ...>\n"
        "31 munmap(0x1000, 4096) = 0\n"
        "32 munmap(0x2000, 4096) = 0\n"
        "10 <... clone resumed>, child_tidptr=0x7f) = 32\n"
        "20 <... vfork resumed>) = 31\n"
    )
    trace = read_strace(text.encode(), name="log")
    assert trace.notes == []
    assert trace.tasks["parent"].tolist() == [-1, 0, 1, 0]
    assert trace.tasks["tid"].tolist() == [10, 20, 31, 32]


def test_a_thread_belongs_to_the_process_of_its_maker() -> None:
    trace = read_strace(
        b"10 clone3({flags=CLONE_VM|CLONE_THREAD|CLONE_FILES, exit_signal=0}, 88) = 11\n"
        b"11 clone3({flags=CLONE_VM|CLONE_THREAD|CLONE_FILES, exit_signal=0}, 88) = 12\n",
        name="log",
    )
    assert trace.tasks["pid"].tolist() == [10, 10, 10]
    assert trace.tasks["parent"].tolist() == [-1, 0, 1]


def test_the_end_of_a_group_ends_its_threads_once() -> None:
    assert events(
        "10 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 11\n"
        "11 futex(0x1000, FUTEX_WAIT_PRIVATE, 0, NULL <unfinished ...>\n"
        "10 exit_group(3 <unfinished ...>\n"
        "11 <... futex resumed>) = ?\n"
        "11 +++ exited with 3 +++\n"
        "10 <... exit_group resumed>) = ?\n"
        "10 +++ exited with 3 +++\n"
    ) == [
        "10 fork child=1 flags=0x10100 = 11",
        "11 exit code=3 group=0",
        "10 exit code=3 group=1",
    ]


def test_a_signal_kills_every_thread() -> None:
    assert events(
        "10 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 11\n"
        "11 +++ killed by SIGSEGV (core dumped) +++\n"
        "10 +++ killed by SIGSEGV (core dumped) +++\n"
    ) == ["10 fork child=1 flags=0x10100 = 11", "11 exit code=139 group=1"]


def test_a_thread_that_executes_goes_on_as_the_leader() -> None:
    assert events(
        "10 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 11\n"
        "10 pause( <unfinished ...>\n"
        '11 execve("/bin/true", ["true"], 0x7f /* 1 var */ <unfinished ...>\n'
        "10 <... pause resumed>) = ?\n"
        "10 +++ superseded by execve in pid 11 +++\n"
        "10 <... execve resumed>) = 0\n"
        "10 brk(NULL) = 0x5000\n"
    ) == [
        "10 fork child=1 flags=0x10100 = 11",
        "10 execve path='/bin/true' maps=0x0 = 0",
        "10 brk addr=0x0 = 0x5000",
    ]


def test_a_thread_id_used_again_is_another_life() -> None:
    trace = read_strace(
        b"10 vfork() = 11\n11 exit_group(0) = ?\n11 +++ exited with 0 +++\n"
        b"10 vfork() = 11\n11 brk(NULL) = 0x5000\n",
        name="log",
    )
    assert trace.tasks["tid"].tolist() == [10, 11, 11]
    assert trace.columns["task"].tolist() == [0, 1, 0, 2]


def test_an_id_used_again_without_a_word_of_the_end_ends_the_old_life() -> None:
    assert events("10 vfork() = 11\n11 brk(NULL) = 0x5000\n10 vfork() = 11\n11 brk(NULL) = 0x6000\n") == [
        "10 fork child=1 flags=0x4100 = 11",
        "11 brk addr=0x0 = 0x5000",
        "11 exit code=0 group=0",
        "10 fork child=2 flags=0x4100 = 11",
        "11 brk addr=0x0 = 0x6000",
    ]


def test_concurrent_calls_stand_in_the_order_of_their_returns() -> None:
    assert events(
        "10 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 11\n"
        "10 munmap(0x1000, 4096 <unfinished ...>\n"
        "11 munmap(0x2000, 4096 <unfinished ...>\n"
        "11 <... munmap resumed>) = 0\n"
        "10 <... munmap resumed>) = 0\n"
    )[1:] == ["11 munmap addr=0x2000 length=0x1000 = 0", "10 munmap addr=0x1000 length=0x1000 = 0"]


def test_a_call_that_is_made_again_counts_once() -> None:
    assert events(
        "10 munmap(0x1000, 4096) = ? ERESTARTNOINTR (To be restarted)\n10 munmap(0x1000, 4096) = 0\n"
    ) == ["10 munmap addr=0x1000 length=0x1000 = 0"]


def test_a_call_that_never_returned_is_marked() -> None:
    assert events("10 munmap(0x1000, 4096) = ?\n10 +++ killed by SIGKILL +++\n") == [
        "10 munmap addr=0x1000 length=0x1000 unfinished",
        "10 exit code=137 group=1",
    ]


def test_a_result_without_its_call_is_reported_and_skipped() -> None:
    trace = read_strace(b"10 <... mmap resumed>) = 0x7f0000001000\n10 brk(NULL) = 0x5000\n", name="log")
    assert [(bad.line, bad.code) for bad in trace.skipped] == [(1, "RT303")]
    assert trace.columns["line"].tolist() == [2]


def test_lines_without_an_id_belong_to_the_process_that_is_named_later() -> None:
    trace = read_strace(
        b"brk(NULL) = 0x5000\n"
        b"vfork(strace: Process 11 attached\n"
        b" <unfinished ...>\n"
        b"[pid 11] brk(NULL) = 0x5000\n"
        b"[pid 10] <... vfork resumed>) = 11\n"
        b"[pid 11] +++ exited with 0 +++\n"
        b"brk(NULL) = 0x5000\n",
        name="log",
    )
    assert trace.skipped == []
    assert trace.tasks["tid"].tolist() == [10, 11]
    kinds = [KIND_NAMES[k] for k in trace.columns["kind"].tolist()]
    assert kinds == ["brk", "fork", "brk", "mark", "exit", "brk"]
    assert trace.columns["task"].tolist() == [0, 0, 1, 0, 1, 0]


def test_clocks_that_pass_midnight_go_on() -> None:
    trace = read_strace(b"10 23:59:59.5 brk(NULL) = 0x5000\n10 00:00:00.5 brk(NULL) = 0x5000\n", name="log")
    assert (trace.columns["time"][1] - trace.columns["time"][0]) == 1_000_000_000


def test_differences_of_time_add_up_over_all_lines() -> None:
    trace = read_strace(
        b"10      0.000001 brk(NULL) = 0x5000\n10      0.000002 getpid() = 10\n"
        b"10      0.000004 brk(NULL) = 0x5000\n",
        name="log",
    )
    assert trace.columns["time"].tolist() == [1000, 7000]


def test_advice_to_another_process_is_an_event_of_that_process() -> None:
    assert events(
        "10 vfork() = 11\n"
        "10 pidfd_open(11, 0) = 5\n"
        "10 process_madvise(5, [{iov_base=0x1000, iov_len=4096}, {iov_base=0x8000, iov_len=8192},"
        " {iov_base=0x9000, iov_len=4096}], 3, MADV_COLD, 0) = 4096\n"
    )[2:] == [
        "11 process_madvise addr=0x1000 length=0x1000 advice=0x14 pidfd=0x5 flags=0x0 index=0x0 = 4096",
        "11 process_madvise addr=0x8000 length=0x2000 advice=0x14 pidfd=0x5 flags=0x0 index=0x1",
    ]


@pytest.mark.parametrize(
    "fork",
    [
        b"10 clone(child_stack=NULL, flags=SIGCHLD) = 10\n",
        b"10 vfork( <unfinished ...>\n10 <... vfork resumed>) = 10\n",
    ],
)
@pytest.mark.parametrize("reader", [StraceReader, FastStraceReader])
def test_a_fork_that_returns_its_callers_own_id_is_a_bad_line(
    fork: bytes, reader: type[StraceReader]
) -> None:
    strace = reader(b"10 munmap(0x1000, 4096) = 0\n" + fork + b"10 munmap(0x2000, 4096) = 0\n", "log")
    strace.read_all()
    trace = strace.finish()
    assert [bad.line for bad in trace.skipped] == [1 + fork.count(b"\n")]
    assert trace.tasks["tid"].tolist() == [10]
    assert [event_text(trace, number) for number in range(len(trace))] == [
        "10 munmap addr=0x1000 length=0x1000 = 0",
        "10 munmap addr=0x2000 length=0x1000 = 0",
    ]


@pytest.mark.parametrize(
    ("acts", "silent"),
    [("", True), ("+++ exited with 0 +++\n", False), ("munmap(0x7f0000000000, 4096) = 0\n", False)],
)
def test_threads_that_are_born_and_do_nothing_may_have_mapped_unseen(
    tmp_path: Path, acts: str, silent: bool
) -> None:
    """strace without -f shows their births alone."""
    flags = "CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD"
    log = tmp_path / "log"
    born = "".join(f"7 clone(child_stack=0x1, flags={flags}) = {tid}\n" for tid in (8, 9))
    log.write_text(
        born + "7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n"
    )
    if acts:
        log.write_text(log.read_text() + f"8 {acts}")
    trace = load(str(log))
    assert any("none of the 2 threads" in note for note in trace.notes) == silent
    assert counts_are_lower_bounds([note for note in trace.notes if "threads" in note]) == silent


@pytest.mark.parametrize(
    ("call", "errno", "words"),
    [
        ("clone(child_stack=NULL, flags=SIGCHLD, child_tidptr=0x3b4c7650)", "ENOMEM", "a child is charged"),
        ("clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, exit_signal=0}, 88)", "ENOMEM", "memory was short"),
        ("fork()", "EAGAIN", "RLIMIT_NPROC"),
    ],
)  # fmt: skip
def test_a_refused_birth_is_told_with_what_it_can_come_from(call: str, errno: str, words: str) -> None:
    log = (
        f'1 execve("/bin/a", ["a"], 0x7ffc0 /* 2 vars */) = 0\n1 {call} = -1 {errno} (refused)\n'
        + "1 brk(NULL) = 0x5000\n"
    )
    notes = read_strace((log + f"1 {call} = -1 {errno} (refused)\n").encode(), name="log").notes
    (note,) = [note for note in notes if "refused" in note]
    assert note.startswith(
        f"{call.partition('(')[0]} refused with {errno} at line 2, and 1 more: not simulated"
    )
    likeliest = note.partition("the likeliest first: ")[2].partition("; ")[0]
    assert words in likeliest
