"""perf trace text: recorded sets, its words, its faults, what it leaves out."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.abi import kinds as ev
from remaptrace.abi.calls import KIND_NAMES
from remaptrace.api import check, replay
from remaptrace.trace.detect import load, read_data, recognise
from remaptrace.trace.events import Trace
from remaptrace.trace.tracepoints.perf import read_perf

SETS = Path(__file__).parents[2] / "traces"
DATA = Path(__file__).parent / "data"


def read(*rows: str) -> Trace:
    lines = [f"     {i}.000 ( 0.010 ms): prog/42 {row}\n" for i, row in enumerate(rows)]
    return read_perf("".join(lines).encode(), name="t")


def only(row: str) -> tuple[int, ...]:
    (found,) = read(row).rows(0, 1).tolist()
    return tuple(found)


def test_the_recorded_set_answers_as_the_kernel_did_and_ends_with_its_map() -> None:
    (trace,) = load([str(SETS / "perf-trace")])
    assert trace.format == "perf trace"
    assert not trace.skipped
    assert trace.unmodelled == {"madvise(behavior not told)": 1}  # 102 is younger than that perf
    assert sorted({int(pid) for pid in trace.tasks["pid"]}) == [27344, 27348]
    outcome = check(replay(trace))
    assert outcome.agrees
    assert outcome.tallies["answers"].total == 51
    assert outcome.tallies["faults"].total == 126


def test_faults_of_the_option_f_have_addresses_where_no_file_lies_behind() -> None:
    data = gzip.decompress((DATA / "perf-trace-faults.txt.gz").read_bytes())
    trace = read_perf(data, name="t")
    assert not trace.skipped
    assert int((trace.columns["kind"] == ev.K_FAULT).sum()) == 57
    assert any("faults in files left out" in note for note in trace.notes)
    counts = replay(trace).columns["map_count"]
    assert int(counts.max()) == 34


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("0x7f911ba0f000", 0x7F911BA0F000),
        ("-1 ENOMEM (Cannot allocate memory)", -12),
        ("-1 EINVAL (Invalid argument)", -22),
        ("0", 0),
        ("140057612247040", 140057612247040),
    ],
)
def test_results_are_read_whole(text: str, result: int) -> None:
    row = only(f"mmap(len: 8192, prot: READ|WRITE, flags: PRIVATE|ANONYMOUS)      = {text}")
    assert row[8] == result
    assert row[2:8] == (0, 8192, 3, 0x22, -1, 0)


@pytest.mark.parametrize(
    ("row", "kind", "args"),
    [
        (
            "openat(dfd: CWD, filename: 0x1, flags: RDWR|DIRECTORY|TMPFILE, mode: IRUGO|IWUGO) = 5",
            "open",
            0x410002,
        ),
        ('openat(dfd: CWD, filename: "/a, b", flags: O_RDWR|O_CREAT, mode: IRUGO) = 5</a, b>', "open", 0o102),
        ("fcntl(fd: 4</memfd:w (deleted)>, cmd: ADD_SEALS, arg: 2) = 0", "seal", 2),
        ("fcntl(fd: 4, cmd: ADD_SEALS, arg: SEAL_SHRINK|SEAL_WRITE) = 0", "seal", 10),
        ("fcntl(fd: 4, cmd: SETFD, arg: CLOEXEC) = 0", "setfd", 1),
        ("fcntl(fd: 4, cmd: SETFD) = 0", "setfd", 0),
        ("memfd_create(uname: 0x1, flags: 3) = 4", "memfd_create", 3),
        ("mlockall(flags: CURRENT|FUTURE) = 0", "mlockall", None),
        ("madvise(start: 0x1000, len_in: 4096, behavior: MADV_DONTFORK) = 0", "madvise", 4096),
    ],
)
def test_words_come_to_their_numbers(row: str, kind: str, args: int | None) -> None:
    trace = read(row)
    assert not trace.skipped
    assert [KIND_NAMES[int(k)] for k in trace.columns["kind"]] == [kind]
    assert args is None or int(trace.columns["a1"][0]) == args


@pytest.mark.parametrize(
    "row",
    [
        "fcntl(fd: 4, cmd: GETFD) = CLOEXEC",
        "fcntl(fd: 4, cmd: GETFL) = RDONLY|LARGEFILE",
        "fcntl(fd: 4, cmd: SETFL, arg: RDWR|NONBLOCK|SOME_NEW_WORD) = 0",
        "prctl(option: SET_NAME, arg2: 0x7f) = 0",
        "ioctl(fd: 1, cmd: (READ, 0x54, 07, 0x4), arg: 0x7f) = 0",
        "futex(uaddr: 0x7f2cb1e98990, op: WAIT_BITSET|CLOCK_REALTIME, val3: MATCH_ANY) = 0",
    ],
)
def test_calls_without_an_effect_on_memory_may_have_any_words(row: str) -> None:
    trace = read(row)
    assert not trace.skipped
    assert not trace.unmodelled


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("madvise(start: 0x1000, len_in: 4096, behavior: ) = 0", "madvise(behavior not told)"),
        ("mmap(len: 4096, flags: PRIVATE|SOME_NEW_WORD) = 0x1000", "mmap(flags not told)"),
        ("ioctl(fd: 3, cmd: (READ|WRITE, 0xaa, 0x3, 0x28), arg: 0x7f) = 0", "ioctl(UFFDIO_COPY)"),
        ("fcntl(fd: 3, cmd: SOME_NEW_WORD) = 0", "fcntl(cmd not told)"),
    ],
)
def test_a_word_that_nobody_knows_is_counted_as_not_modelled(row: str, name: str) -> None:
    trace = read(row)
    assert len(trace) == 0
    assert trace.unmodelled == {name: 1}


def test_tracepoints_among_the_calls_tell_faults_births_and_ends() -> None:
    trace = read(
        "exceptions:page_fault_user(address: 0x7f38f219ee06, ip: 139882556581805, error_code: 7)",
        "minfault [work+0x29] => //anon@0x7f521a2c5000 (d.)",
        "clone3(uargs: 0x7ffe25777660, size: 88) ...",
        'task:task_newtask(pid: 43 (prog), comm: "prog", clone_flags: 4001536)',
        " ... [continued]: clone3())  = 43",
        'sched:sched_process_exit(comm: "prog", pid: 43 (prog), prio: 120)',
        "signal:signal_deliver(sig: 11, code: 1, sa_handler: 0x1)",
        "sched:sched_wakeup(pid: 1)",
    )
    assert not trace.skipped
    kinds = [KIND_NAMES[int(k)] for k in trace.columns["kind"]]
    assert kinds == ["page_fault", "fork", "mark", "exit", "signal"]
    assert trace.columns["a1"].tolist()[:2] == [7, 4001536]
    assert trace.tasks["pid"].tolist() == [42, 42]
    assert any("sched_wakeup x 1" in note for note in trace.notes)


def test_lost_events_break_the_calls_across_them() -> None:
    trace = read_perf(
        b"   0.001 (         ): p/1 munmap(addr: 0x1000, len: 4096) ...\n"
        b"LOST 163 events!\n"
        b"   0.001 ( 1.000 ms): p/1  ... [continued]: munmap()) = 0\n"
        b"   2.001 ( 0.100 ms): p/1 munmap(addr: 0x2000, len: 4096) = 0\n",
        name="t",
    )
    assert not trace.skipped
    assert trace.columns["a0"].tolist() == [0x2000]
    assert any("lost 163 events" in note for note in trace.notes)


def test_lines_without_a_name_of_the_task_are_read() -> None:
    text = b"   0.001 ( 0.010 ms): 77 munmap(addr: 0x1000, len: 4096) = 0\n"
    assert recognise(text) == "perf"
    assert read_perf(text, name="t").tasks["tid"].tolist() == [77]


@settings(max_examples=200)
@given(st.data())
def test_mutated_lines_are_read_or_counted(data: st.DataObject) -> None:
    lines = gzip.decompress((SETS / "perf-trace" / "perf.txt.gz").read_bytes()).split(b"\n")[:-1]
    number = data.draw(st.integers(0, len(lines) - 1))
    line = bytearray(lines[number])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(line) - 1))
        line[place] = data.draw(st.sampled_from(list(b' ,:|()=-0x9afz"<>?.\r\t\xff')))
    trace = read_perf(b"\n".join([*lines[:40], bytes(line), *lines[40:60]]) + b"\n", name="t")
    assert len(trace.skipped) <= 1


def whole(*lines: str) -> Trace:
    return read_perf("".join(f"{line}\n" for line in lines).encode(), name="t")


def test_times_before_the_first_event_are_below_zero_and_read() -> None:
    """perf counts from the first event that it sees; those of other processors may be earlier, and wrap."""
    mapped = "mmap(len: 8192, prot: READ, flags: PRIVATE|ANONYMOUS) = 0x7f0000000000"
    gone = "munmap(addr: 0x7f0000000000, len: 8192) = 0"
    trace = whole(
        f"     0.000 ( 0.001 ms): a/7 {gone}",
        f"18446744073709.246 ( 0.042 ms): a/8 {mapped}",
        "         ? (         ): a/9  ... [continued]: munmap()) = 0",
    )
    assert not trace.skipped
    assert trace.columns["line"].tolist()[:2] == [2, 1]
    times = trace.columns["time"].tolist()
    assert times[0] == 42_000 and 300_000 < times[1] < 310_000


def test_tasks_of_one_name_may_be_threads_of_one_process() -> None:
    mapped = "mmap(len: 8192, prot: READ, flags: PRIVATE|ANONYMOUS) = 0x7f000{}000000"
    rows = [f"     0.00{i} ( 0.001 ms): {name}/{i} " + mapped.format(i) for i, name in ((1, "a"), (2, "a"))]
    assert any("taken for processes (2 a): they may" in note for note in whole(*rows).notes)
    assert not any("of one name" in note for note in whole(rows[0], rows[1].replace("a/2", "b/2")).notes)


def test_call_chains_between_the_lines_are_no_text_behind_a_prefix() -> None:
    chain = "".join(f"{' ' * 39}frame_{i} (/usr/lib/x86_64-linux-gnu/libc.so.6)\n" for i in range(12))
    event = (
        "     {}.000 ( 0.061 ms): p/32028 mmap(len: 8192, prot: READ, flags: PRIVATE|ANONYMOUS) = 0x{:x}\n"
    )
    text = "".join(event.format(i, (0x7F0000000 + 4 * i) << 12) + chain for i in range(40))
    trace = read_data(text.encode(), "log")
    assert (trace.format, len(trace), len(trace.skipped), trace.notes) == ("perf trace", 40, 0, [])


def test_an_exec_of_which_only_faults_are_known_is_said_to_be(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        '     0.000 ( 0.061 ms): p/7 execve(filename: "/nowhere/p") = 0\n'
        "     1.000 (         ): p/7 exceptions:page_fault_user(address: 0x7f38f219e, ip: 1398, error_code: 6)\n"
    )
    (trace,) = load([str(log)])
    assert any("only pages are known that the log shows being touched" in note for note in trace.notes)


def test_flags_that_are_all_small_stand_in_a_narrow_column(tmp_path: Path) -> None:
    """perf trace of 32-bit programs names no MAP_DENYWRITE: nothing may ask a byte for bits beyond it."""
    mapped = "mmap(len: 8192, prot: READ, flags: PRIVATE, fd: 3) = 0x7f0000000000"
    (tmp_path / "log").write_text(f"     0.000 ( 0.001 ms): a/7 {mapped}\n")
    (trace,) = load([str(tmp_path / "log")])
    assert trace.columns["a3"].dtype.itemsize == 1
    assert check(replay(trace)).agrees
