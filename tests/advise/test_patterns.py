"""What areas are for, told from small logs: stacks, heaps in reservations, decommitted memory, generated code."""

from __future__ import annotations

from collections import Counter

import pytest

from remaptrace.advice.bill import calls_behind, make_bill
from remaptrace.advice.whole import advise_on
from remaptrace.engine.run.driver import replay
from remaptrace.machine.machine import Machine
from remaptrace.trace.detect import read_data

MACHINE = Machine.load("x86_64", "linux-6.18")
ANON = "MAP_PRIVATE|MAP_ANONYMOUS"


def patterns(log: str) -> Counter[str]:
    result = replay(read_data(log.encode(), "log"), MACHINE)
    return Counter(advise_on(result).bill.patterns)


@pytest.mark.parametrize("prot", ["PROT_READ|PROT_WRITE|PROT_EXEC", "PROT_READ|PROT_EXEC"])
def test_executable_memory_of_no_file_is_generated_code(prot: str) -> None:
    log = f"5 mmap(NULL, 1048576, {prot}, {ANON}, -1, 0) = 0x7f0000000000\n"
    assert patterns(log) == {"generated code (JIT)": 1}


def test_an_arena_is_a_heap_inside_its_reservation() -> None:
    """What glibc does for a thread: 128 MiB reserved, cut to 64 MiB at a multiple, the beginning opened."""
    log = (
        f"5 mmap(NULL, 134217728, PROT_NONE, {ANON}|MAP_NORESERVE, -1, 0) = 0x7f0001000000\n"
        "5 munmap(0x7f0001000000, 50331648) = 0\n"
        "5 munmap(0x7f0008000000, 16777216) = 0\n"
        "5 mprotect(0x7f0004000000, 135168, PROT_READ|PROT_WRITE) = 0\n"
    )
    assert patterns(log) == {
        "heaps inside reservations (arenas, GC)": 1,
        "address space reserved, not used": 1,
    }


def test_memory_mapped_over_without_access_is_decommitted_and_a_reservation_is_not() -> None:
    log = (
        f"5 mmap(NULL, 4194304, PROT_READ|PROT_WRITE, {ANON}, -1, 0) = 0x7f0000000000\n"
        f"5 mmap(0x7f0000100000, 1048576, PROT_NONE, {ANON}|MAP_FIXED|MAP_NORESERVE, -1, 0) = 0x7f0000100000\n"
        f"5 mmap(0x7f1000000000, 1048576, PROT_NONE, {ANON}|MAP_FIXED|MAP_NORESERVE, -1, 0) = 0x7f1000000000\n"
    )
    found = patterns(log)
    assert found["decommitted memory (mapped PROT_NONE over it)"] == 1
    assert found["address space reserved, not used"] == 1


@pytest.mark.parametrize(("flags", "stack"), [("|MAP_STACK", True), ("", False)])
def test_small_stacks_of_coroutines_are_told_by_what_was_asked_for(flags: str, stack: bool) -> None:
    log = "".join(
        f"5 mmap(NULL, 36864, PROT_READ|PROT_WRITE, {ANON}{flags}, -1, 0) = {at:#x}\n"
        f"5 mprotect({at:#x}, 4096, PROT_NONE) = 0\n"
        for at in range(0x7F0000000000, 0x7F0001000000, 0x100000)
    )
    want = (
        ("guards, one per stack", "stacks above guards")
        if stack
        else ("guards, one per allocation", "data between guards")
    )
    assert patterns(log) == dict.fromkeys(want, 16)


def test_a_child_is_billed_for_the_calls_that_made_what_it_inherited() -> None:
    maps = "".join(
        f"5 mmap(NULL, 4096, PROT_READ, {ANON}, -1, 0) = {0x7F0000000000 + n * 0x10000:#x}\n"
        for n in range(50)
    )
    one = f"6 mmap(NULL, 4096, PROT_READ, {ANON}, -1, 0) = 0x7e0000000000\n"
    trace = read_data((maps + "5 fork() = 6\n" + one + maps).encode(), "log")
    child = int(trace.columns["task"][51])
    assert calls_behind(trace, child, 51) == 51
    assert calls_behind(trace, int(trace.columns["task"][0]), len(trace) - 1) == 100
    result = replay(trace, MACHINE, observe_at=[51])
    (item,) = make_bill(result, result.observed[51]).views["call"]
    assert (item.vmas, item.per_thousand) == (51, 1000.0)


def test_calls_before_an_exec_made_nothing_of_what_is_there() -> None:
    log = (
        f"5 mmap(NULL, 4096, PROT_READ, {ANON}, -1, 0) = 0x7f0000000000\n"
        '5 execve("/opt/a", ["a"], 0x7ffc0 /* 2 vars */) = 0\n'
        f"5 mmap(NULL, 4096, PROT_READ, {ANON}, -1, 0) = 0x7f0000000000\n"
    )
    trace = read_data(log.encode(), "log")
    assert calls_behind(trace, 0, len(trace) - 1) == 1
