"""Who is a thread and who a process where no record tells: what the ends of groups prove; when a fork copies."""

from __future__ import annotations

import pytest

from remaptrace.abi import kinds as ev
from remaptrace.api import replay

from .test_kernelevents import ftrace


def pids(*lines: str) -> list[int]:
    return [int(pid) for pid in ftrace(*lines).tasks["pid"]]


def born(parent: int, child: int) -> list[str]:
    return [
        f"{parent} sys_clone3(uargs: 0x7f00, size: 0x58)",
        f"{parent} sched_process_fork: comm=a pid={parent} child_comm=a child_pid={child}",
        f"{parent} sys_clone3 -> {child:#x}",
    ]


def end(tid: int, dead: bool) -> str:
    return f"{tid} sched_process_exit: comm=a pid={tid} prio=120 group_dead={str(dead).lower()}"


def test_the_last_thread_to_die_is_no_process() -> None:
    assert pids(*born(100, 101), "100 sys_exit_group(error_code: 0)", end(100, False), end(101, True)) == [
        100,
        100,
    ]


def test_threads_that_die_behind_their_leader_are_its_threads_whichever_is_last() -> None:
    lines = [*born(100, 101), *born(100, 102), *born(101, 103)]
    assert pids(*lines, end(100, False), end(102, False), end(101, False), end(103, True)) == [100] * 4


def test_a_child_whose_group_is_dead_before_its_parent_is_a_process() -> None:
    assert pids(*born(100, 101), end(101, True), end(100, True)) == [100, 101]
    assert pids(*born(100, 101), end(101, True)) == [100, 101]


def test_a_child_that_outlives_its_parents_group_is_a_process() -> None:
    assert pids(*born(100, 101), end(100, True), end(101, True)) == [100, 101]


def test_a_group_has_one_last_thread() -> None:
    lines = [*born(100, 101), *born(100, 102), end(100, False), end(101, True), end(102, True)]
    assert pids(*lines) == [100, 100, 102]


def test_an_exec_that_takes_another_id_is_a_threads() -> None:
    lines = [*born(100, 101), "101 sched_process_exec: filename=/bin/x pid=100 old_pid=101"]
    assert pids(*lines) == [100, 100]


def test_kernels_without_group_dead_show_threads() -> None:
    lines = [*born(100, 101), "101 sched_process_exit: comm=a pid=101 prio=120"]
    assert pids(*lines) == [100, 100]


THREADED = [
    "100 sys_mmap(addr: 0, len: 0x2000, prot: 3, flags: 0x22, fd: 0xffffffff, off: 0)",
    "100 sys_mmap -> 0x7f0000000000",
    *born(100, 101),
    "101 page_fault_user: address=0x7f0000000010 ip=0x1 error_code=0x6",
    "100 sys_clone(clone_flags: 0x1200011, newsp: 0, parent_tidptr: 0, child_tidptr: 0, tls: 0)",
]
FORKED = [
    "100 sched_process_fork: comm=a pid=100 child_comm=a child_pid=200",
    "100 sys_clone -> 0xc8",
]


@pytest.mark.parametrize(
    ("between", "proved"),
    [
        ("101 page_fault_user: address=0x7f0000000018 ip=0x1 error_code=0x7", True),
        ("101 page_fault_user: address=0x7f0000001018 ip=0x1 error_code=0x7", False),  # never written before
        ("101 page_fault_user: address=0x7f0000000018 ip=0x1 error_code=0x5", False),
        ("300 page_fault_user: address=0x7f0000000018 ip=0x1 error_code=0x7", False),  # not of this process
    ],
)
def test_a_write_fault_on_a_written_page_inside_a_fork_proves_that_the_copy_is_made(
    between: str, proved: bool
) -> None:
    trace = ftrace(*THREADED, between, *FORKED)
    kinds = trace.columns["kind"].tolist()
    fork = max(i for i, kind in enumerate(kinds) if kind == ev.K_FORK)
    fault = max(i for i, kind in enumerate(kinds) if kind == ev.K_FAULT)
    assert (fork < fault) == proved
    if proved:
        assert replay(trace).columns["value"][fault] == 7


def test_a_page_that_an_earlier_fork_made_read_only_proves_nothing() -> None:
    again = [
        *THREADED,
        *FORKED,
        THREADED[-1],
        "101 page_fault_user: address=0x7f0000000018 ip=0x1 error_code=0x7",
    ]
    trace = ftrace(*again, *(line.replace("200", "201").replace("c8", "c9") for line in FORKED))
    kinds = trace.columns["kind"].tolist()
    assert kinds.index(ev.K_FAULT) < kinds.index(ev.K_FORK, 3)
    assert kinds[-2] == ev.K_FORK
