"""The fuzzers find nothing in a short run, and what they once found stays mended."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from remaptrace.abi import kinds as ev
from remaptrace.engine.look.invariants import violations
from remaptrace.engine.run.driver import replay, walk
from remaptrace.errors import InputError
from remaptrace.machine.limitrules import R_MAX_MAP_COUNT, R_NR_HUGEPAGES
from remaptrace.machine.machine import Machine
from remaptrace.result.result import Result
from remaptrace.trace.detect import read_data
from remaptrace.trace.dumps.door import read_dump
from remaptrace.trace.events import TraceBuilder
from remaptrace.trace.recorded.mapcount import read_mapcount
from remaptrace.trace.scenario.read import read_scenario
from remaptrace.trace.stored.jsonlread import read_jsonl
from remaptrace.trace.tracepoints.ftrace import ftrace_records
from remaptrace.trace.tracepoints.perf import perf_records
from tools.fuzz import tried
from tools.fuzzing.surfaces import SURFACES

INPUTS = 60
"""Of each surface; `make fuzz` tries as many as it has time for."""


@pytest.mark.parametrize("surface", SURFACES)
def test_a_short_run_of_the_fuzzers_finds_nothing(surface: str) -> None:
    fallen = [(number, *tried(surface, 17, number, hangs=600)) for number in range(INPUTS)]
    assert [row for row in fallen if row[1]] == []


def test_an_input_can_be_made_again_from_seed_and_number() -> None:
    assert tried("strace", 3, 5) == tried("strace", 3, 5)
    assert tried("strace", 3, 5)[1] != tried("strace", 4, 5)[1]


def both(kind: int, args: tuple[int, ...], arch: str, kernel: str) -> tuple[Result, Result]:
    b = TraceBuilder()
    b.event(kind, b.task(1, 1), args)
    trace = b.finish()
    machine = Machine.load(arch, kernel)
    first, second = (replay(trace, machine, engine=engine) for engine in ("interpreted", "compiled"))
    return first, second


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        (ev.K_PROCESS_VM, (4096, (1 << 63) - 4096, 0, 0, 0, 0)),
        (ev.K_PROCESS_VM, ((1 << 63) - 4096, (1 << 63) - 1, 1, 0, 0, 0)),
        (ev.K_EXECUTE, (0, 0, 1 << 24, 0, 0, 0)),
        (ev.K_READ, ((1 << 63) - 4096, -1, 1 << 24, 0, 0, 0)),
        (ev.K_SYSCTL, (R_MAX_MAP_COUNT, (1 << 63) - 1, 1, 0, 0, 0)),
    ],
)
@pytest.mark.parametrize(("arch", "kernel"), [("arm64-64k", "linux-6.18"), ("i386", "linux-2.6.20")])
def test_sizes_that_end_beyond_a_signed_word_are_answered_alike(
    kind: int, args: tuple[int, ...], arch: str, kernel: str
) -> None:
    first, second = both(kind, args, arch, kernel)
    for name, column in first.columns.items():
        assert np.array_equal(column, second.columns[name]), name


@pytest.mark.parametrize(
    "row", ['"kind": "read", "addr": 0, "pages": {}', '"kind": "pages", "addr": 0, "count": {}']
)
def test_more_pages_than_a_step_may_report_are_refused_in_every_format(row: str) -> None:
    read_jsonl(("{" + row.format(1 << 24) + "}").encode())
    with pytest.raises(InputError) as error:
        read_jsonl(("{" + row.format((1 << 24) + 1) + "}").encode())
    assert error.value.code == "RT211" and error.value.line == 1


def test_page_letters_and_residence_of_a_large_reservation_are_exact() -> None:
    trace = read_scenario(
        "steps:\n"
        "- mmap: {addr: 0x100000000000, length: 64GiB, prot: rw, flags: [private, anonymous, fixed, noreserve]}\n"
        "- write: {addr: 0x100000a01000}\n"
        "- pages: {addr: 0x1000009fe000, count: 1200}\n"
        "- mincore: {addr: 0x100000000000, length: 64GiB}\n"
    )
    result = replay(trace, Machine.load())
    pages = result.observed[2].pages
    assert pages is not None
    assert pages.pages == "..." + "a" + "." * 1196
    assert result.observed[3].facts["resident"] == "0" * 2561 + "1" + "0" * ((64 << 18) - 2562)


@pytest.mark.parametrize("number", ["9223372036854775808", "4294967295", "-9223372036854775809"])
def test_counters_that_no_kernel_has_make_their_line_unreadable(number: str) -> None:
    line = "1 10 10 mmap 7f0000000000 {} 5 4 3 0\n"
    rows, skipped = read_mapcount((line.format(12) + line.format(number)).encode())
    assert [row.counters[0] for row in rows] == [12]
    assert [(skip.line, skip.code) for skip in skipped] == [(2, "RT327")]


def test_a_number_too_long_behind_a_signal_is_read_alike() -> None:
    line = b"  a-1 [1] ..1. 3.7: signal_deliver: sig=11 errno=0 code=1 sa_handler=0 sa_flags=%s\n"
    for tail in (
        b"14000000",
        b"ffffffffffffffff",
        b"f" * 17,
        b"9" * 20,
        b"0 = " + b"9" * 20,
        b"0 x: 0x" + b"f" * 17,
    ):
        plain, fast = (ftrace_records(line % tail, compiled=how) for how in (False, True))
        assert plain.skipped == fast.skipped and plain.records.shape == fast.records.shape


@pytest.mark.parametrize(
    "point",
    [
        b"sched:sched_process_fork(comm: a, pid: 4, child_comm: a, child_pid: %d)",
        b"task:task_newtask(pid: %d, comm: a, clone_flags: 0)",
        b"sched:sched_process_exit(comm: a, pid: %d, prio: 1)",
        b'sched:sched_process_exec(filename: "/bin/a", pid: %d, old_pid: 4)',
    ],
)
def test_ids_that_no_task_has_make_a_line_of_perf_trace_unreadable(point: bytes) -> None:
    line = b"     8.311 (         ): a/4 " + point + b"\n"
    call = b"     8.355 ( 0.020 ms): a/4 munmap(addr: 0x7f0000000000, len: 4096) = 0\n"
    assert not read_data(call + line % 7, "t").skipped
    for wrong in (1 << 31, 1 << 32, 7766279631452241919, -1):
        assert [skip.line for skip in read_data(call + line % wrong, "t").skipped] == [2]


def test_a_private_mapping_of_the_zero_device_is_whole_without_an_object() -> None:
    line = b"5 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE, 6</dev/zero>, 0) = 0x7f0000001000\n"
    for _, m, _, _ in walk(read_data(line, "log"), Machine.load()):
        assert violations(m) == []


def test_a_long_number_of_a_signal_is_read_alike() -> None:
    line = b"  a-1 [1] ..1. 3.7: signal_deliver: sig=%s errno=%s code=%s sa_handler=0\n"
    for number in (b"2" * 16, b"2" * 17, b"2" * 18, b"2" * 20):
        for values in (
            (number, b"0", b"1"),
            (b"11", number, b"1"),
            (b"11", b"0", number),
            (b"11", b"0", b"-" + number),
        ):
            plain, fast = (ftrace_records(line % values, compiled=how) for how in (False, True))
            assert plain.records.tolist() == fast.records.tolist() and plain.skipped == fast.skipped, values


def test_a_number_where_a_name_should_be_is_read_alike() -> None:
    line = b"         mmfuzz2 19509 2.5: s:sys_enter_mprotect: %s: 06, : 0, : 0\n"
    for name in (b"0", b"-92", b"-922337200x7fff", b"9" * 20, b"start", b""):
        plain, fast = (perf_records(line % name, compiled=how) for how in (False, True))
        assert plain.records.tolist() == fast.records.tolist() and plain.skipped == fast.skipped, name


def test_a_process_number_that_cannot_be_is_none() -> None:
    text = (b"%s:   ./a\n         Address Perm   Offset Device   Inode  Size   Rss   Pss Mapping\n"
            b"    55d7a2c00000 r--p 00000000  08:01  1234     4     4     4 a\n")  # fmt: skip
    assert read_dump(text % b"4711", "x").pid == 4711
    assert read_dump(text % (b"2" + b"9" * 40), "x").pid == 0


def test_an_identifier_of_a_segment_beyond_an_int_is_no_answer() -> None:
    b = TraceBuilder()
    b.event(ev.K_SHMGET, b.task(1, 1), (0, 4096, 0o1600, 0, 0, 0), ret=(1 << 63) - 1)
    trace = b.finish(recorded=True)
    for engine in ("interpreted", "compiled"):
        assert replay(trace, Machine.load("x86_64", "linux-6.18"), engine=engine).columns["ret"][0] < 1 << 31


def test_a_table_of_pmap_without_sizes_is_no_list_of_areas() -> None:
    text = b"1:   ./a\n         Address Perm   Offset Device   Inode Sice Rss Mapping\n"
    text += b"00400000 r--p 00000000  00:1d 100  4 4 a\n"
    with pytest.raises(InputError):
        read_dump(text, "x", "pmap")


@pytest.mark.parametrize("call", ["pread", "pwrite"])
def test_a_byte_that_ends_beyond_a_signed_word_is_einval(call: str) -> None:
    """As Linux 6.18.44 answers for a memfd and a file on ext4."""
    b = TraceBuilder()
    task = b.task(1, 1)
    b.event(ev.K_MAKEFILE, task, (3, 8, 1, 0, 0))
    b.event(ev.K_PREAD if call == "pread" else ev.K_PWRITE, task, (3, (1 << 63) - 1, 7))
    for engine in ("interpreted", "compiled"):
        assert (
            replay(b.finish(), Machine.load("x86_64", "linux-6.18"), engine=engine).columns["ret"][1] == -22
        )


def test_a_pool_of_more_pages_than_a_signed_word_counts_is_what_memory_has() -> None:
    b = TraceBuilder()
    b.event(ev.K_SYSCTL, b.task(1, 1), (R_NR_HUGEPAGES, -(1 << 63), 0))
    for engine in ("interpreted", "compiled"):
        assert replay(b.finish(), Machine.load("x86_64", "linux-6.18"), engine=engine).columns["ret"][0] == 0


def test_odd_numbers_in_expressions_say_nothing_but_the_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError):
            read_scenario(
                b"steps:\n- repeat:\n    count: 2\n    steps:\n    - read: i * 4096for\n", path="x.yaml"
            )


def test_a_fork_that_returns_its_own_caller_is_no_birth() -> None:
    text = (
        b"     8.961 ( 0.140 ms): thr/19133 clone3(uargs: 0x7ffea5135bc0, size: 88)     = 19133 (thr)\n" * 2
    )
    text += b"     9.100 ( 0.010 ms): thr/19133 munmap(addr: 0x7f6f91fcd000, len: 37619)     = 0\n"
    assert len(read_data(text, "x", "perf").tasks) == 1


@pytest.mark.parametrize(
    "record",
    [
        b"task_newtask: pid=100 comm=x clone_flags=1200000 oom_score_adj=0",
        b"sched_process_fork: comm=x pid=100 child_comm=x child_pid=100",
    ],
)
def test_a_record_of_a_task_that_makes_itself_is_no_birth(record: bytes) -> None:
    line = b"           <...>-100     [000] .....  1.00000%d: %b\n"
    calls = (b"sys_munmap(addr: 7f0000000000, len: 1000)", b"sys_munmap -> 0x0")
    text = b"# tracer: nop\n#\n" + b"".join(line % row for row in enumerate((*calls, record, *calls)))
    trace = read_data(text, "x", "ftrace")
    assert [int(parent) for parent in trace.tasks["parent"]] == [-1]
    assert [int(kind) for kind in trace.columns["kind"]] == [ev.K_MUNMAP] * 2
