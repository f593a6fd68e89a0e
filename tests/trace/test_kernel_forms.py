"""Every form that ftrace and perf print gives the same events as its siblings of the same program."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from remaptrace.abi import kinds as ev
from remaptrace.abi.calls import KIND_NAMES
from remaptrace.trace.detect import read_data
from remaptrace.trace.events import COLUMNS, Trace
from remaptrace.trace.tracepoints.ftrace import read_ftrace
from remaptrace.trace.tracepoints.look import looks_like_ftrace, looks_like_perf
from remaptrace.trace.tracepoints.perf import read_perf

FORMS = Path(__file__).parent / "data" / "kernel-text"

SAME_RECORDING = (
    "comm-pid-tid comm-tid-time default deltatime lat no-time period pid-only reltime tid-time-event timefmt-us with-ip"
).split()
"""perf script of one perf.data with other fields: not only alike, but equal."""

FTRACE_FORMS = (
    "clock-boot clock-counter clock-global clock-tsc fields-option hash-off latency-format no-context-info"
    " no-irq-info record-tgid trace-pipe verbose raw-syscalls"
).split()


def text(name: str) -> bytes:
    return gzip.decompress((FORMS / f"{name}.txt.gz").read_bytes())


def trace(name: str) -> Trace:
    read = read_ftrace if name.startswith("ftrace") else read_perf
    return read(text(name), name=name)


def table(t: Trace, columns: tuple[str, ...] = (*COLUMNS, "line")) -> list[tuple[int, ...]]:
    return list(zip(*(t.columns[c].tolist() for c in columns), strict=True))


SHAPE = {
    ev.K_MMAP: ("a1", "a2", "a3", "a5"),
    ev.K_MUNMAP: ("a1",),
    ev.K_MPROTECT: ("a1", "a2"),
    ev.K_MADVISE: ("a1", "a2"),
}
"""What address randomisation leaves equal between two runs."""


def shape(t: Trace, task: int, program: int) -> list[tuple[object, ...]]:
    """The memory calls of a task behind its exec number `program`, without addresses."""
    rows = [r for r in range(len(t)) if t.columns["task"][r] == task]
    execs = 0
    out: list[tuple[object, ...]] = []
    for r in rows:
        kind = int(t.columns["kind"][r])
        if kind == ev.K_EXEC and t.columns["ret"][r] == 0:
            execs += 1
        elif execs == program and kind in SHAPE:
            out.append((KIND_NAMES[kind], *(int(t.columns[c][r]) for c in SHAPE[kind])))
    return out


def names(t: Trace) -> list[str]:
    return [t.strings[i] for i in t.tasks["name"].tolist()]


@pytest.mark.parametrize("form", FTRACE_FORMS)
def test_ftrace_forms_show_the_calls_of_the_default_form(form: str) -> None:
    reference = shape(trace("ftrace-default"), 0, 1)
    found = shape(trace(f"ftrace-{form}"), 0, 1)
    assert len(found) >= 14
    assert found == reference[: len(found)]


@pytest.mark.parametrize("form", FTRACE_FORMS)
def test_ftrace_forms_are_recognised_and_read_without_loss(form: str) -> None:
    data = text(f"ftrace-{form}")
    t = read_ftrace(data, name=form)
    assert looks_like_ftrace(data[:65536])
    assert not looks_like_perf(data[:65536])
    assert t.skipped == []
    assert (t.columns["kind"] == ev.K_FAULT).sum() >= 40


@pytest.mark.parametrize("form", SAME_RECORDING)
def test_perf_script_fields_do_not_change_the_events(form: str) -> None:
    reference = table(trace("perf-ns"))
    found = table(trace(f"perf-{form}"))
    length = min(len(reference), len(found))
    assert length >= 90
    assert found[:length] == reference[:length]


@pytest.mark.parametrize("form", ["header", "mmap-events", "task-events", "script-f-trace-only"])
def test_lines_of_other_kinds_between_the_events_do_not_change_them(form: str) -> None:
    no_lines = tuple(c for c in COLUMNS)
    reference = table(trace("perf-ns"), no_lines)
    found = [
        row for row in table(trace(f"perf-{form}"), no_lines) if row[0] != ev.K_KNOWN_FD
    ]  # which mmap2 tells
    assert len(found) >= 40
    assert found[: len(reference)] == reference[: len(found)]


@pytest.mark.parametrize(
    "form", ["raw-syscalls-ns", "raw-syscalls", "perf-trace", "perf-trace-mem", "callgraph", "tod"]
)
def test_other_recordings_of_the_program_show_the_same_calls(form: str) -> None:
    mapped = {ev.K_MMAP} if form in ("callgraph", "tod") else set(SHAPE)
    wanted = {KIND_NAMES[k] for k in mapped}
    reference = [call for call in shape(trace("perf-default"), 0, 1) if call[0] in wanted]
    program = 0 if form in ("callgraph", "tod") else 1  # no exec was recorded
    found = [call for call in shape(trace(f"perf-{form}"), 0, program) if call[0] in wanted]
    assert len(found) >= 7
    length = min(len(found), len(reference))
    assert found[:length] == reference[:length]


@pytest.mark.parametrize(
    "form", ["ftrace-default", "ftrace-raw-syscalls", "perf-default", "perf-raw-syscalls", "perf-perf-trace"]
)
def test_the_whole_program_is_seven_tasks_of_which_three_are_threads(form: str) -> None:
    t = trace(form)
    pids = t.tasks["pid"].tolist()
    assert len(pids) == 7
    assert pids.count(pids[1]) == 4  # thr and its three threads
    assert t.tasks["parent"].tolist()[:5] == [-1, 0, 1, 1, 1]
    forks = [int(f) for f in t.columns["a1"][t.columns["kind"] == ev.K_FORK]]
    assert [bool(f & 0x10000) for f in forks] == [False, True, True, True, False, False]
    assert forks[0] == 0x4100  # vfork
    assert (t.columns["kind"] == ev.K_EXIT).sum() == 7
    assert {"sh", "thr", "true"} <= set(names(t))


def test_times_are_nanoseconds_when_the_form_has_them() -> None:
    assert trace("perf-ns").columns["time"][0] == 2042_701_017_478
    assert trace("perf-default").columns["time"][0] == 2042_701_017_000
    assert trace("ftrace-latency-format").columns["time"][0] == 28_077_000
    assert "time" not in trace("perf-no-time").columns
    assert "time" not in trace("ftrace-clock-counter").columns


def test_the_tgid_column_names_the_process() -> None:
    data = (
        b"             thr-101     (    100) [001] .....     1.000001: sys_brk(brk: 0)\n"
        b"             thr-101     (    100) [001] .....     1.000002: sys_brk -> 0x1000\n"
    )
    t = read_ftrace(data, name="t")
    assert t.tasks[["tid", "pid"]].tolist() == [(100, 100), (101, 100)]
    assert t.columns["kind"].tolist() == [ev.K_FORK, ev.K_BRK]
    assert t.columns["flags"][0] & ev.EVF_MADE


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("ftrace-raw-option", "no arguments"),
        ("ftrace-annotate-lost", "322 events"),
        ("ftrace-clock-tsc", "ticks"),
        ("ftrace-no-context-info", "does not print the task"),
        ("perf-page-faults-sw-default", "without an address"),
        ("perf-page-faults-sw-addr", "do not tell reads from writes"),
        ("perf-script-f-trace-only", "left out from the first fork on"),
        ("perf-perf-trace-summary", "no events"),
        ("perf-perf-trace-F-all", "file offset"),
    ],
)
def test_a_form_that_lacks_something_says_so(form: str, words: str) -> None:
    assert any(words in note for note in trace(form).notes)


def test_lines_that_say_too_little_are_counted_as_skipped() -> None:
    assert {s.code for s in trace("ftrace-raw-option").skipped} == {"RT321"}
    skipped = trace("perf-page-faults-sw-default").skipped
    assert {s.code for s in skipped} == {"RT321"}
    assert skipped[0].line == 1


def test_software_page_faults_count_once_and_only_with_an_address() -> None:
    t = trace("perf-page-faults-sw-addr")
    rows = text("perf-page-faults-sw-addr").count(b" page-faults:u:")
    assert (t.columns["kind"] == ev.K_FAULT).sum() == rows
    assert t.columns["a1"][0] == 0x14  # address and instruction are the same: a fetch
    assert len(trace("perf-page-faults-sw-default")) == 0


def test_traced_faults_make_software_ones_superfluous() -> None:
    data = (
        b"              sh 184/184  2.701025: exceptions:page_fault_user: address=0x1000 ip=0x2 error_code=0x6\n"
        b"              sh 184/184  2.701026:  page-faults:u:     1000 a     2 b\n"
    )
    assert len(read_perf(data, name="t")) == 1


RAW = "             p32 {tid} [000] 46403.45{at}:   raw_syscalls:sys_{what}\n"


def _raw(tid: int, *calls: tuple[str, int]) -> str:
    text = ""
    for at, (asked, answer) in enumerate(calls):
        number = asked.partition(" ")[0]
        text += RAW.format(tid=tid, at=4000 + 2 * at, what=f"enter: NR {asked}")
        text += RAW.format(tid=tid, at=4001 + 2 * at, what=f"exit: NR {number} = {answer}")
    return text


MMAP2 = ("192 (0, 2000, 3, 22, ffffffff, ff8a33cc)", 0xF7F4E000)


def test_raw_calls_of_32_bit_programs_are_read_by_their_own_numbers() -> None:
    """Number 192 is mmap2 there and lgetxattr here, 91 munmap and fchmod, 3 read and close, 125 mprotect and capget."""
    trace = read_data(
        _raw(
            7,
            MMAP2,
            ("125 (f7f4e000, 1000, 1, 3, 4, 5)", 0),
            ("91 (f7f4f000, 1000, 0, 0, 0, 0)", 0),
            ("3 (5, 0, 0, 0, 0, 0)", 0),
            ("90 (ff8a3000, 0, 0, 0, 0, 0)", 0xF7F4C000),
            ("324 (4, 1, 1000, 0, 2000, 1)", 0),
        ).encode(),
        "t",
    )
    assert [KIND_NAMES[kind] for kind in trace.columns["kind"].tolist()] == [
        "mmap",
        "mprotect",
        "munmap",
        "fallocate",
    ]
    assert trace.columns["a5"][0] == 0  # of anonymous memory the register is noise
    assert (trace.columns["a2"][3], trace.columns["a3"][3]) == (0x1000, 0x1_0000_2000)
    assert any(
        "6 calls of 32-bit programs (p32), read by the numbers of i386" in note for note in trace.notes
    )
    assert any("1 x old_mmap: the trace has a pointer" in note for note in trace.notes)
    assert trace.arch == "ia32"


def test_what_a_32_bit_program_makes_is_one_and_others_are_none() -> None:
    born = RAW.replace(
        "raw_syscalls:sys_{what}", "sched:sched_process_fork: comm=p pid=7 child_comm=p child_pid=8"
    )
    text = (
        _raw(7, MMAP2)
        + born.format(tid=7, at=4100)
        + _raw(8, ("125 (f7f4e000, 1000, 1, 0, 0, 0)", 0)).replace("45400", "45410")
    )
    text += _raw(9, ("9 (0, 2000, 3, 22, ffffffff, 0)", 0x7F0000000000)).replace("45400", "45420")
    trace = read_data(text.encode(), "t")
    kinds = [KIND_NAMES[kind] for kind in trace.columns["kind"].tolist()]
    assert kinds.count("mmap") == 2 and kinds.count("mprotect") == 1
    assert trace.arch != "ia32"


def test_an_exec_that_returns_as_number_11_is_of_a_32_bit_program(tmp_path: Path) -> None:
    """From a recording of Linux 6.18: entered as 59, and what the shell did before it is 64-bit."""
    head = "  t-7 [000] ..... 5479{at}: "
    text = "".join(
        head.format(at=f"7.4{number:05d}") + words + "\n"
        for number, words in enumerate(
            (
                "sys_enter: NR 11 (7f0000000000, 1000, 0, 0, 0, 0)",
                "sys_exit: NR 11 = 0",
                "sys_enter: NR 59 (559afa701b40, 559afa701b70, 559afa703ce8, 7b97, 2, 1)",
                "sched_process_exec: filename=/srv/t pid=7 old_pid=7",
                "sys_exit: NR 11 = 0",
                "sys_enter: NR 45 (0, 0, 0, 0, 0, ff8a33cc)",
                "sys_exit: NR 45 = 163749888",
                "sys_enter: NR 91 (9c2a000, 1000, 0, 0, 0, ff8a33cc)",
                "sys_exit: NR 91 = 0",
            )
        )
    )
    trace = read_data(b"# tracer: nop\n#\n" + text.encode(), "t")
    kinds = [KIND_NAMES[kind] for kind in trace.columns["kind"].tolist()]
    assert [kind for kind in kinds if kind in ("munmap", "execve", "brk")] == [
        "munmap",
        "execve",
        "brk",
        "munmap",
    ]
    assert int(trace.columns["ret"][kinds.index("brk")]) == 163749888


def test_perf_trace_prints_too_few_arguments_of_32_bit_calls() -> None:
    text = "".join(
        f"     {at}.000 ( 0.028 ms): p32/7 {call}\n"
        for at, call in enumerate(
            (
                "lgetxattr(name: 0x2000, value: 0x3, size: 34) = 4160000000",
                "lgetxattr(name: 0x2000, value: 0x3, size: 34) = 0xf7f4e000",
                "fchmod(fd: 4159000576, mode: IFDIR|0x2000) = 0",
            )
        )
    )
    trace = read_data(text.encode(), "t")
    assert not {"mmap", "munmap"} & {KIND_NAMES[kind] for kind in trace.columns["kind"].tolist()}
    assert any("calls of 32-bit programs (p32), left out" in note for note in trace.notes)


def test_an_attribute_of_a_file_has_any_size_that_attributes_have() -> None:
    trace = read_data(
        _raw(
            7, ("192 (1, 2, 3, 10000, 0, 0)", 65536), ("9 (0, 2000, 3, 22, ffffffff, 0)", 0x7F0000000000)
        ).encode(),
        "t",
    )
    assert len(trace) == 1 and not trace.notes


def test_perf_script_that_a_page_indented_less_or_more_is_read() -> None:
    """The name stands in sixteen columns; what lists and code blocks make of them is another number."""
    text = (
        "prog  4242/4242  [001]  5000.000001:    syscalls:sys_enter_munmap: addr: 0x7f0000000000, len: 0x00001000\n"
        "prog  4242/4242  [001]  5000.000002:     syscalls:sys_exit_munmap: 0x0\n"
    )
    for indent in ("", "    ", "        "):
        trace = read_data("".join(indent + line + "\n" for line in text.splitlines()).encode(), "t")
        assert [KIND_NAMES[kind] for kind in trace.columns["kind"].tolist()] == ["munmap"], indent


def test_the_first_line_of_trace_cmd_report_is_a_header() -> None:
    text = (
        "cpus=2\n"
        "            prog-4242  [000]   100.000003: sys_enter_munmap:     addr: 0x7f0000000000, len: 0x00001000\n"
        "            prog-4242  [000]   100.000004: sys_exit_munmap:      0x0\n"
    )
    trace = read_data(text.encode(), "t")
    assert not trace.skipped and len(trace) == 1
