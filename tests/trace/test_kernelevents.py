"""Records become events: pairing, births, execs, exits, signals; held equal to an obvious twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.abi import kinds as ev
from remaptrace.abi.calls import ARGUMENTS, KIND_NAMES
from remaptrace.trace.events import Trace
from remaptrace.trace.tracepoints.assemble import assemble
from remaptrace.trace.tracepoints.ftrace import read_ftrace
from remaptrace.trace.tracepoints.plan import CallNames
from remaptrace.trace.tracepoints.records import (
    OP_ENTER,
    OP_EXIT,
    OP_FAULT,
    OP_LOST,
    RECORD_WORDS,
    KernelText,
)

NAMES = ("mmap", "munmap", "mprotect", "getpid", "close", "openat")


def ftrace(*lines: str) -> Trace:
    """A trace of lines `TID BODY`, one microsecond apart."""
    text = "".join(
        f"{'prog':>16}-{line.split(' ', 1)[0]:<7} [000] .....     1.{i:06}: {line.split(' ', 1)[1]}\n"
        for i, line in enumerate(lines, 1)
    )
    return read_ftrace(text.encode(), name="t")


def events(t: Trace) -> list[tuple[object, ...]]:
    """Kind, thread id and arguments that the kind has."""
    out: list[tuple[object, ...]] = []
    for r in range(len(t)):
        kind = int(t.columns["kind"][r])
        args = tuple(int(t.columns[f"a{i}"][r]) for i in range(len(ARGUMENTS[kind])))
        out.append((KIND_NAMES[kind], int(t.tasks["tid"][t.columns["task"][r]]), args))
    return out


def twin(rows: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Positions, kinds, first arguments and results, record by record with a dictionary."""
    kinds = {"mmap": ev.K_MMAP, "munmap": ev.K_MUNMAP, "mprotect": ev.K_MPROTECT, "close": ev.K_CLOSE}
    out: list[tuple[int, int, int, int]] = []
    pending: dict[int, tuple[str, int]] = {}
    for position, (op, tid, name, value) in enumerate(rows):
        call = NAMES[name]
        if op == OP_LOST:
            pending.clear()
        elif op == OP_FAULT:
            out.append((position, ev.K_FAULT, value, 0))
        elif op == OP_ENTER:
            pending[tid] = (call, value)
        elif op == OP_EXIT:
            entered = pending.pop(tid, None)
            if entered is None or entered[0] != call:
                continue
            if call == "openat":
                if value >= 0:
                    out.append((position, ev.K_OPEN, 0, value))
            elif call in kinds:
                first = entered[1]
                if call == "close":
                    first = ((first & 0xFFFF_FFFF) ^ 0x8000_0000) - 0x8000_0000
                out.append((position, kinds[call], first, value))
    return out


RECORDS = st.lists(
    st.tuples(
        st.sampled_from((OP_ENTER, OP_EXIT, OP_ENTER, OP_EXIT, OP_FAULT, OP_LOST)),
        st.integers(1, 4),
        st.integers(0, len(NAMES) - 1),
        st.integers(-(1 << 63), (1 << 63) - 1),
    ),
    max_size=60,
)


@settings(max_examples=300)
@given(RECORDS)
def test_pairing_equals_the_obvious_twin(rows: list[tuple[int, int, int, int]]) -> None:
    calls = CallNames()
    table = np.zeros((RECORD_WORDS, len(rows)), dtype=np.int64)
    for i, (op, tid, name, value) in enumerate(rows):
        table[[0, 1, 4, 5, 11], i] = (op, tid if op != OP_LOST else -1, calls.number(NAMES[name]), value, i)
    t = assemble(KernelText(b"", table, calls), name="t", fmt="ftrace")
    found = list(zip(*(t.columns[c].tolist() for c in ("line", "kind", "a0", "ret")), strict=True))
    assert found == twin(rows)


def test_a_call_is_one_event_where_it_returns() -> None:
    t = ftrace(
        "7 sys_mmap(addr: 0, len: 0x2000, prot: 3, flags: 0x22, fd: 0xffffffff, off: 0)",
        "8 sys_close(fd: 3)",
        "8 sys_close -> 0x0",
        "7 sys_mmap -> 0xfffffffffffffff4",
    )
    assert events(t) == [("close", 8, (3,)), ("mmap", 7, (0, 0x2000, 3, 0x22, -1, 0))]
    assert t.columns["ret"].tolist() == [0, -12]
    assert t.columns["line"].tolist() == [3, 4]


def test_a_return_without_an_entry_is_no_event() -> None:
    t = ftrace("7 sys_exit_group -> 0xffffffffffffffda", "7 sys_munmap -> 0x0")
    assert len(t) == 0
    assert t.notes == ["1 return has no entry in the trace and was left out"]


def test_calls_across_lost_events_do_not_pair() -> None:
    data = b"""\
            prog-7       [000] .....     1.000001: sys_munmap(addr: 0x1000, len: 0x1000)
CPU:1 [LOST 12 EVENTS]
            prog-7       [000] .....     1.000003: sys_munmap -> 0x0
"""
    t = read_ftrace(data, name="t")
    assert len(t) == 0
    assert any("lost" in note for note in t.notes)


def test_a_fork_stands_where_the_scheduler_announces_the_child() -> None:
    t = ftrace(
        "7 sys_clone(clone_flags: 0x1200011, newsp: 0, parent_tidptr: 0, child_tidptr: 0, tls: 0)",
        "7 task_newtask: pid=8 comm=prog clone_flags=1200000 oom_score_adj=0",
        "7 sched_process_fork: comm=prog pid=7 child_comm=prog child_pid=8",
        "8 sys_clone -> 0x0",
        "7 sys_clone -> 0x8",
    )
    assert events(t) == [("fork", 7, (1, 0x1200000)), ("mark", 8, (1,)), ("mark", 7, (1,))]
    assert t.strings[1] == "clone"
    assert t.tasks[["tid", "pid", "parent"]].tolist() == [(7, 7, -1), (8, 8, 0)]


def test_a_child_seen_before_its_parents_call_returns_is_born_before_its_first_event() -> None:
    t = ftrace(
        "7 sys_vfork()",
        "8 page_fault_user: address=0x1000 ip=0x2 error_code=0x6",
        "7 sys_vfork -> 0x8",
    )
    assert [e[0] for e in events(t)] == ["fork", "page_fault", "mark"]
    assert events(t)[0] == ("fork", 7, (1, 0x4100)) or events(t)[0] == ("fork", 7, (0, 0x4100))
    assert t.columns["ret"][0] == 8


def test_clone3_flags_come_from_task_newtask() -> None:
    t = ftrace(
        "7 sys_clone3(uargs: 0x7ffd, size: 0x58)",
        "7 task_newtask: pid=8 comm=prog clone_flags=3d0f00 oom_score_adj=0",
        "7 sys_clone3 -> 0x8",
    )
    assert events(t)[0] == ("fork", 7, (1, 0x3D0F00))
    assert t.tasks["pid"].tolist() == [7, 7]
    assert t.notes == []


def test_clone3_flags_that_nobody_tells_are_deduced_and_noted() -> None:
    spawn = ftrace(
        "7 sys_clone3(uargs: 0x7ffd, size: 0x58)",
        "7 sys_clone3 -> 0x8",
        "8 sched_process_exec: filename=/bin/true pid=8 old_pid=8",
    )
    assert events(spawn)[0] == ("fork", 7, (1, 0x4100))
    thread = ftrace(
        "7 sys_clone3(uargs: 0x7ffd, size: 0x58)",
        "7 sys_clone3 -> 0x8",
        "8 sched_process_exit: comm=prog pid=8 prio=120 group_dead=false",
    )
    assert events(thread)[0] == ("fork", 7, (1, 0x3D0F00))
    assert any("assumed to be threads" in note for note in thread.notes)


def test_a_stub_of_user_mode_linux_copies_the_memory_and_shares_the_files() -> None:
    t = ftrace(
        "7 sys_clone(clone_flags: 0x8411, newsp: 0x7fff, parent_tidptr: 0, child_tidptr: 0, tls: 0)",
        "7 sched_process_fork: comm=prog pid=7 child_comm=prog child_pid=9",
        "7 sys_clone -> 0x9",
    )
    assert events(t)[0] == ("fork", 7, (1, 0x8400))
    assert t.tasks["parent"].tolist() == [-1, 0]  # the fork event names the stub


def test_exec_stands_at_its_return_with_the_path_of_the_scheduler() -> None:
    t = ftrace(
        "7 sys_execve(filename: 0x1, argv: 0x2, envp: 0x3)",
        "7 sys_execve -> 0xfffffffffffffffe",
        "7 sys_execve(filename: 0x1, argv: 0x2, envp: 0x3)",
        "7 sched_process_exec: filename=/bin/my prog pid=7 old_pid=7",
        "7 sys_execve -> 0x0",
    )
    assert t.columns["kind"].tolist() == [ev.K_EXEC, ev.K_EXEC]
    assert t.columns["ret"].tolist() == [-2, 0]
    assert t.columns["line"].tolist() == [2, 5]
    assert [t.strings[i] for i in t.columns["a0"].tolist()] == ["", "/bin/my prog"]


def test_a_thread_that_execs_goes_on_under_the_leaders_id() -> None:
    t = ftrace(
        "7 sys_clone(clone_flags: 0x3d0f00, newsp: 0, parent_tidptr: 0, child_tidptr: 0, tls: 0)",
        "7 sched_process_fork: comm=prog pid=7 child_comm=prog child_pid=8",
        "7 sys_clone -> 0x8",
        "7 sched_process_exit: comm=prog pid=7 prio=120 group_dead=false",
        "7 sched_process_exec: filename=/bin/true pid=7 old_pid=8",
        "7 sys_execve -> 0x0",
        "7 sys_brk(brk: 0)",
        "7 sys_brk -> 0x5000",
    )
    assert [(KIND_NAMES[k], r) for k, r in zip(t.columns["kind"], t.columns["task"], strict=True)] == [
        ("fork", 0),
        ("mark", 0),
        ("exit", 0),
        ("execve", 1),
        ("brk", 1),
    ]


def test_a_reused_thread_id_is_another_task() -> None:
    t = ftrace(
        "7 sys_clone(clone_flags: 0x11, newsp: 0, parent_tidptr: 0, child_tidptr: 0, tls: 0)",
        "7 sched_process_fork: comm=prog pid=7 child_comm=prog child_pid=8",
        "7 sys_clone -> 0x8",
        "8 page_fault_user: address=0x1000 ip=0x2 error_code=0x6",
        "8 sched_process_exit: comm=prog pid=8 prio=120",
        "7 sys_clone(clone_flags: 0x11, newsp: 0, parent_tidptr: 0, child_tidptr: 0, tls: 0)",
        "7 sched_process_fork: comm=prog pid=7 child_comm=prog child_pid=8",
        "7 sys_clone -> 0x8",
        "8 page_fault_user: address=0x2000 ip=0x2 error_code=0x4",
    )
    faults = t.columns["kind"] == ev.K_FAULT
    assert t.columns["task"][faults].tolist() == [1, 2]


def test_the_code_of_an_exit_is_that_of_its_group() -> None:
    t = ftrace(
        "7 sys_exit_group(error_code: 3)",
        "7 sched_process_exit: comm=prog pid=7 prio=120 group_dead=true",
    )
    assert events(t) == [("mark", 7, (1,)), ("exit", 7, (3, 0))]
    assert t.strings[1] == "exit_group"


def test_without_records_of_exits_the_call_itself_ends_the_process() -> None:
    t = ftrace("7 sys_exit_group(error_code: 0)")
    assert events(t)[-1] == ("exit", 7, (0, 1))


def test_a_signal_takes_the_address_of_the_fault_before_it() -> None:
    t = ftrace(
        "7 page_fault_user: address=0xdead000 ip=0x2 error_code=0x6",
        "8 page_fault_user: address=0x1000 ip=0x2 error_code=0x6",
        "7 signal_deliver: sig=11 errno=0 code=1 sa_handler=0 sa_flags=0",
        "8 signal_deliver: sig=10 errno=0 code=0 sa_handler=0 sa_flags=0",
    )
    assert events(t)[2:] == [("signal", 7, (11, 1, 0xDEAD000)), ("signal", 8, (10, 0, 0))]


def test_fcntl_and_prctl_mean_what_their_command_says() -> None:
    t = ftrace(
        "7 sys_fcntl(fd: 3, cmd: 0x406, arg: 0xa)",
        "7 sys_fcntl -> 0xa",
        "7 sys_fcntl(fd: 3, cmd: 3, arg: 0)",
        "7 sys_fcntl -> 0x8002",
        "7 sys_prctl(option: 0x53564d41, arg2: 0, arg3: 0x7000, arg4: 0x1000, arg5: 0x10)",
        "7 sys_prctl -> 0x0",
    )
    assert events(t) == [("dup", 7, (3, -1, 0x80000)), ("prctl_vma_name", 7, (0x7000, 0x1000, 2))]


def test_calls_without_an_event_are_counted_by_what_they_touch() -> None:
    t = ftrace(
        "7 sys_getpid()",
        "7 sys_getpid -> 0x7",
        "7 sys_process_madvise(pidfd: 8, vec: 0x7ffd, vlen: 2, behavior: 4, flags: 0)",
        "7 sys_process_madvise -> 0x3000",
    )
    assert t.ignored == {"getpid": 1}
    assert t.unmodelled == {"process_madvise": 1}


def test_damaged_lines_are_skipped_with_their_place() -> None:
    t = read_ftrace(
        b"            prog-7       [000] .....     1.000001: page_fault_user: address=0x7fe7\n"
        b"\xff\xfe noise\n"
        b"            prog-7       [000] .....     1.000002: sys_mmap(addr: 0, len: 0x10",
        name="t",
    )
    assert [(s.line, s.code) for s in t.skipped] == [(1, "RT320"), (2, "RT320"), (3, "RT320")]
    assert len(t) == 0


def test_commands_that_change_areas_are_never_among_the_harmless() -> None:
    t = ftrace(
        "7 sys_ioctl(fd: 0x3, cmd: 0xc020aa00, arg: 0x7f00)",
        "7 sys_ioctl -> 0x0",
        "7 sys_ioctl(fd: 0x3, cmd: 0xc018aa3f, arg: 0x7f00)",
        "7 sys_ioctl -> 0x0",
        "7 sys_prctl(option: 0x23, arg2: 0x1, arg3: 0x0, arg4: 0x0, arg5: 0x0)",
        "7 sys_prctl -> 0x0",
        "7 sys_arch_prctl(option: 0x5001, arg2: 0x1)",
        "7 sys_arch_prctl -> 0x0",
    )
    assert t.unmodelled == {
        "ioctl(UFFDIO_REGISTER)": 1,
        "arch_prctl(ARCH_SHSTK_ENABLE)": 1,
    }
    assert t.ignored == {"ioctl": 1}
