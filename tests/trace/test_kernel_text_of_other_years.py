"""Kernel text as older kernels, other tracers and mails print it: read as what it says, or listed."""

from __future__ import annotations

import pytest

from remaptrace.abi import kinds as ev
from remaptrace.api import check, replay
from remaptrace.trace.detect import read_data
from remaptrace.trace.events import Trace
from remaptrace.trace.tracepoints.ftrace import ftrace_records
from remaptrace.trace.tracepoints.records import R_LINE, R_OP, R_TIME


def rows(trace: Trace) -> list[tuple[int, ...]]:
    columns = trace.columns
    return list(
        zip(*(columns[c].tolist() for c in ("kind", "a0", "a1", "a2", "a3", "a4", "a5", "ret")), strict=True)
    )


OLD = """\
            less-2130  [001]  3779.915324: sys_mmap(addr: 0, len: 1000, prot: 3, flags: 22, fd: ffffffff, off: 0)
            less-2130  [001]  3779.915331: sys_mmap -> 0x7fee22b17000
            less-2130  [001]  3779.915350: sys_mmap(addr: 38e8c00000, len: 3788a8, prot: 5, flags: 802, fd: 3, off: 16f)
            less-2130  [001]  3779.915357: sys_mmap -> 0x38e8c00000
            less-2130  [001]  3779.915392: sys_munmap(addr: 7fee22b17000, len: 10)
            less-2130  [001]  3779.915393: sys_munmap -> 0x0
"""
MAPPED = (ev.K_MMAP, 0, 0x1000, 3, 0x22, -1, 0, 0x7FEE22B17000)


def test_numbers_of_kernels_before_6_16_are_hexadecimal_without_saying_so() -> None:
    trace = read_data(OLD.encode(), "t")
    assert rows(trace) == [
        MAPPED,
        (ev.K_MMAP, 0x38E8C00000, 0x3788A8, 5, 0x802, 3, 0x16F, 0x38E8C00000),
        (ev.K_MUNMAP, 0x7FEE22B17000, 0x10, 0, 0, 0, 0, 0),
    ]
    assert not trace.skipped


@pytest.mark.parametrize("compiled", [False, True])
def test_both_readers_take_them_so(compiled: bool) -> None:
    cut = OLD.replace("flags: 802, fd: 3, off: 16f", "flags: 802").encode()
    text = ftrace_records(cut, compiled=compiled)
    assert text.records[:, 0].tolist()[5:11] == [0, 0x1000, 3, 0x22, 0xFFFFFFFF, 0]
    assert 3 not in text.records[R_LINE, text.records[R_OP] != 0].tolist()
    assert [skip.line for skip in text.skipped] == [3]


@pytest.mark.parametrize(
    "entry",
    [
        "syscalls:sys_enter_mmap: addr: 0x00000000, len: 0x08000000, prot",
        "syscalls:sys_enter_mmap: addr: 0x00000000, len: 0x08000000, prot: 0x00000003",
        "syscalls:sys_enter_munmap: addr: 0x7f0000000000",
        "syscalls:sys_enter_mprotect:",
    ],
)
def test_an_entry_that_was_cut_is_listed_and_not_filled_with_zeros(entry: str) -> None:
    name = entry.split(":")[1].removeprefix("sys_enter_")
    head = "memsqld   531 [003] 3033773.536620: "
    text = f"{head}{entry}\n{head}syscalls:sys_exit_{name}: 0x0\n"
    trace = read_data(text.encode(), "t")
    assert [skip.line for skip in trace.skipped] == [1]
    assert len(trace) == 0
    assert any("no entry" in note for note in trace.notes)


WRAPPED = {
    "perf": (
        "memsqld   531 [003] 3033773.536630: syscalls:sys_enter_mmap: addr: 0x00000000, \n"
        "len: 0x1000, prot: 0x00000003, flags: 0x00000022, fd: 0xffffffff, \noff: 0x00000000\n"
        "memsqld   531 [003] 3033773.536635: syscalls:sys_exit_mmap: 0x7fee22b17000\n"
    ),
    "ftrace": (
        "            less-2130  [001]  3779.915324: sys_mmap(addr: 0, len: 1000, prot: 3,\n"
        "flags: 22, fd: ffffffff, off: 0)\n"
        "            less-2130  [001]  3779.915331: sys_mmap -> 0x7fee22b17000\n"
    ),
    "perf trace": (
        "     0.106 ( 0.003 ms): tc/9491 mmap(len: 4096, prot: READ|WRITE,\n"
        "flags: PRIVATE|ANONYMOUS, fd: -1    ) = 0x7fee22b17000\n"
    ),
}


@pytest.mark.parametrize("form", WRAPPED)
@pytest.mark.parametrize("prefix", ["", "> ", "Mar 03 10:11:12 host1 tracer[42]: "])
def test_broken_lines_are_joined(form: str, prefix: str) -> None:
    text = "".join(prefix + line for line in WRAPPED[form].splitlines(keepends=True))
    trace = read_data(text.encode(), "t")
    assert rows(trace) == [MAPPED]
    assert not trace.skipped
    assert any("lines were broken" in note for note in trace.notes)


DUMP = """\
Dumping ftrace buffer:
---------------------------------
 systemd-1       1d... 346277983us : <user stack trace>
 =>  <00005614ef9dde48>
 systemd-1       1d... 346277984us : page_fault_user: address=0x7fee22b17000 ip=0x5614ef9dde48 error_code=0x7
 systemd-1       1d... 346277984us : <stack trace>
 => do_page_fault
 systemd-1       1.... 346277990us : sys_mmap(addr: 0, len: 1000, prot: 3, flags: 22, fd: ffffffff, off: 0)
 systemd-1       1.... 346277995us!: sys_mmap -> 0x7fee22b17000
---------------------------------
"""


@pytest.mark.parametrize("prefix", ["", "[  352.774334] "])
def test_a_buffer_dumped_to_the_console_is_read(prefix: str) -> None:
    trace = read_data("".join(prefix + line for line in DUMP.splitlines(keepends=True)).encode(), "t")
    assert [row[0] for row in rows(trace)] == [ev.K_FAULT, ev.K_MMAP]
    assert rows(trace)[1] == MAPPED
    assert not trace.skipped
    assert any("lines of stacks" in note for note in trace.notes)


GRAPH_HEAD = "# tracer: function_graph\n#\n"
EVENTS = (
    "/* sys_mmap(addr: 0, len: 1000, prot: 3, flags: 22, fd: ffffffff, off: 0) */",
    "/* sys_mmap -> 0x7fee22b17000 */",
)


@pytest.mark.parametrize(
    ("front", "tid"),
    [
        (" 2)               |  ", 1),
        (" 2)   bash-930   |               |  ", 930),
        (" 1234.567890 |   2)   bash-930   |               |  ", 930),
        ("   ls-931 => bash-930", 930),
    ],
)
def test_events_among_the_functions_of_function_graph_are_read(front: str, tid: int) -> None:
    plain = " 2)               |  "
    lines = [plain + "do_mmap() {", plain + "}"]
    if "=>" in front:
        lines = ["-" * 42, " 2)" + front, "-" * 42, *lines]
        front = plain
    text = (
        GRAPH_HEAD
        + "\n".join((*lines, front + EVENTS[0], plain + "  down_read();", front + EVENTS[1]))
        + "\n"
    )
    trace = read_data(text.encode(), "t")
    assert rows(trace) == [MAPPED]
    assert trace.tasks["tid"].tolist() == [tid]
    assert not trace.skipped
    assert any("function tracer" in note for note in trace.notes)


def test_events_whose_task_nothing_shows_are_left_out_beside_others() -> None:
    plain = " 2)               |  "
    brk = f"{plain}/* sys_brk(brk: 0) */\n 2)   a-5   =>   b-6  \n"
    text = GRAPH_HEAD + brk + f"{plain}{EVENTS[0]}\n{plain}{EVENTS[1]}\n"
    trace = read_data(text.encode(), "t")
    assert rows(trace) == [MAPPED]
    assert any(note.startswith("1 event left out: nothing shows whose") for note in trace.notes)


POINTS = """\
     0.000 true/17522 syscalls:sys_enter_brk()
     0.027 true/17522 syscalls:sys_exit_brk(__syscall_nr: 12, ret: 0x55c3cfbf6000)
     0.216 true/17522 syscalls:sys_enter_mmap(len: 4096, prot: READ|WRITE, flags: PRIVATE|ANONYMOUS)
     0.242 true/17522 syscalls:sys_exit_mmap(__syscall_nr: 9, ret: 140660760997888)
     0.646 true/17522 syscalls:sys_enter_munmap(addr: 0x7fee22b17000, len: 4096)
     0.670 true/17522 syscalls:sys_exit_munmap(__syscall_nr: 11)
"""


def test_calls_by_their_tracepoints_in_perf_trace_are_calls() -> None:
    trace = read_data(POINTS.encode(), "t")
    assert rows(trace) == [
        (ev.K_BRK, 0, 0, 0, 0, 0, 0, 0x55C3CFBF6000),
        MAPPED,
        (ev.K_MUNMAP, 0x7FEE22B17000, 0x1000, 0, 0, 0, 0, 0),
    ]


def test_entries_alone_are_calls_that_never_return() -> None:
    text = "     0.026 syscalls:sys_enter_mmap(addr: NULL, len: 8192, prot: READ|WRITE, flags: PRIVATE|ANONYMOUS)\n"
    trace = read_data(text.encode() * 2, "t")
    assert len(trace) == 0 and not trace.skipped and not trace.unmodelled
    assert any("never return" in note for note in trace.notes)


def test_a_call_that_has_a_line_of_its_own_is_not_read_twice() -> None:
    line = (
        "     0.216 ( 0.021 ms): true/17522 mmap(len: 4096, prot: READ|WRITE, flags: PRIVATE|ANONYMOUS)"
        " = 0x7fee22b17000\n"
    )
    trace = read_data((line + POINTS).encode(), "t")
    assert rows(trace) == [MAPPED]


def test_raw_tracepoints_of_perf_trace_are_said_to_have_no_arguments() -> None:
    text = "     0.051 true/22293 raw_syscalls:sys_enter(id: 12, args: 140658027680348)\n"
    trace = read_data(text.encode(), "t")
    assert len(trace) == 0
    assert any("prints no arguments" in note for note in trace.notes)


CALLS = (
    "sys_enter_mmap: addr: 0x0, len: 0x1000, prot: 0x3, flags: 0x22, fd: 0xffffffff, off: 0x0",
    "sys_exit_mmap: {:#x}",
)


def samples(front: str, places: dict[str, int]) -> bytes:
    """A call of each task by its name; `front` as -F prints it."""
    lines = []
    for tid, (name, place) in enumerate(places.items(), 100):
        for call in CALLS:
            lines.append(front.format(name=name, tid=tid) + "syscalls:" + call.format(place))
    return "\n".join([*lines, ""]).encode()


@pytest.mark.parametrize(
    ("front", "tids"),
    [
        ("{name:>16} {tid} U     32060.916109:            ", [100, 101]),
        ("{name:>16} {tid}/{tid} [000] U     32060.916109:            ", [100, 101]),
        ("{tid} 32060.916109: ", [100, 101]),
        ("{name:>16} 32060.916109: ", [1, 2]),
        ("{name:>16} [001] 32060.916109:          1 ", [1, 2]),
        ("{name:>16} ", [1, 2]),
        ("32060.916109: ", [1]),
        ("[000]            ", [1]),
    ],
)
def test_fields_of_perf_script_that_were_asked_for_tell_the_tasks_apart(front: str, tids: list[int]) -> None:
    trace = read_data(samples(front, {"sh": 0x7FEE22B17000, "Web Content": 0x7FEE22B07000}), "t")
    assert trace.tasks["tid"].tolist() == tids
    assert trace.columns["ret"].tolist() == [0x7FEE22B17000, 0x7FEE22B07000]
    assert not trace.skipped


def test_what_perf_says_around_the_samples_is_no_bad_line() -> None:
    said = "[ perf record: Woken up 1 times to write data ]\nWarning:\n1 out of order events recorded.\n$ perf script\n"
    trace = read_data(said.encode() + samples("{name:>16} {tid} 3.9: ", {"sh": 0x7FEE22B17000}), "t")
    assert not trace.skipped and len(trace) == 1
    assert "4 lines of perf's own words around the samples" in trace.notes


def test_a_word_that_begins_with_a_digit_is_no_result() -> None:
    text = samples("{name:>16} {tid} 3.9: ", {"sh": 0x7000}).replace(
        b"mmap: 0x7000", b"mmap:  7fee22b17000 mmap+0x3"
    )
    trace = read_data(text, "t")
    assert [skip.line for skip in trace.skipped] == [2]


@pytest.mark.parametrize("compiled", [False, True])
def test_times_of_clocks_that_count_from_1970_have_ten_digits(compiled: bool) -> None:
    text = OLD.replace(" 3779.", " 1795977984.").encode()
    records = ftrace_records(text, compiled=compiled)
    assert not records.skipped
    assert records.records[R_TIME].tolist()[0] == 1795977984_915324000


def test_the_option_fields_puts_pointers_to_names_in_brackets() -> None:
    line = "            p-3528    [000] ..... 45604.000751: sys_{}_memfd_create: "
    enter = line.format("enter") + "__syscall_nr=0x13f (319) uname=(0xffff888451f0b014) flags=0x3 (3)\n"
    leave = line.format("exit") + "__syscall_nr=0x13f (319) ret=0x3 (3)\n"
    trace = read_data((enter + leave).encode(), "t")
    assert not trace.skipped
    assert rows(trace)[0][:1] + rows(trace)[0][-1:] == (ev.K_MEMFD, 3)


def _fork_unseen() -> Trace:
    head = "            p-{}    [000] ..... 4560{}.000751: "
    text = (
        head.format(8, 1) + "sys_mmap(addr: 0, len: 0x2000, prot: 3, flags: 0x22, fd: 0xffffffff, off: 0)\n"
    )
    text += head.format(8, 2) + "sys_mmap -> 0x7f0000000000\n"
    fault = "page_fault_user: address=0x7f0000000008 ip=0x400000 error_code=0x{}\n"
    text += head.format(8, 3) + fault.format(6)
    text += head.format(9, 5) + "page_fault_user: address=0x7f0000001008 ip=0x400000 error_code=0x6\n"
    return read_data((text + head.format(8, 6) + fault.format(7)).encode(), "t")


def test_a_fork_that_no_line_shows_is_proved_by_a_write_on_a_present_page() -> None:
    outcome = check(result := replay(_fork_unseen()))
    assert outcome.agrees and outcome.tallies["faults"].total == 3
    assert any("forks: it shows no births" in note for note in result.notes)
