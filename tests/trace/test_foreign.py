"""Other tracers: read as they print, named, or told what to record instead."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.abi import kinds as ev
from remaptrace.abi.calls import KIND_NAMES
from remaptrace.abi.errnos import ERRNO_NOT_SHOWN
from remaptrace.abi.rows import RSF_DIVERGED
from remaptrace.api import replay
from remaptrace.errors import InputError
from remaptrace.trace.detect import load, read_data, recognise
from remaptrace.trace.events import Trace
from remaptrace.trace.foreign.translate import split_arguments

DATA = Path(__file__).parent / "data"
FILES = {"gvisor": "gvisor.txt", "valgrind": "valgrind-syscalls.txt.gz", "qemu": "qemu-strace.txt.gz"}
GVISOR = "I0705 23:27:43.247488       1 strace.go:614] [   1:   1] app X {}\n"
VALGRIND = "SYSCALL[7840,1]( 9) {}\n"
SYZKALLER = """# a program
mmap(&(0x7f0000000000/0x3000)=nil, 0x3000, 0x3, 0x32, 0xffffffffffffffff, 0x0)
r0 = memfd_create(&(0x7f0000000040)='m,)\\x00', 0x0)
ftruncate(r0, 0x4000)
mmap(&(0x7f0000ffc000/0x4000)=nil, 0x4000, 0x3, 0x11, r0, 0x0)
mremap(&(0x7f0000001000/0x1000)=nil, 0x1000, 0x2000, 0x3, &(0x7f0000004000/0x2000)=nil)
madvise(&(0x7f0000000000/0x600000)=nil, 0x600003, 0x4) (fail_nth: 3)
"""


def content(name: str) -> bytes:
    data = (DATA / FILES[name]).read_bytes()
    return gzip.decompress(data) if FILES[name].endswith(".gz") else data


def read(text: str) -> Trace:
    return read_data(text.encode(), "t")


def row(trace: Trace, event: int = 0) -> tuple[int, ...]:
    return tuple(trace.rows(event, event + 1)[0].tolist())


@pytest.mark.parametrize("name", FILES)
def test_recordings_are_recognised_and_the_tracer_is_named(name: str) -> None:
    assert recognise(content(name)) == name
    (trace,) = load([str(DATA / FILES[name])])
    assert name in trace.notes[0].lower()
    assert len(trace) > 2


def test_gvisor_answers_are_read_from_exit_lines() -> None:
    trace = read_data(content("gvisor"), "t")
    assert not trace.skipped
    assert [KIND_NAMES[int(k)] for k in trace.columns["kind"]] == ["mmap", "mmap", "munmap"]
    assert trace.columns["ret"].tolist() == [0x7F32170E2000, 0x7F32170C2000, 0]
    assert replay(trace).columns["map_count"].tolist() == [1, 2, 1]


@pytest.mark.parametrize(
    ("call", "kind", "args", "ret"),
    [
        (
            "mmap(0x0, 0x2000, 0x3, 0x22, 0xffffffffffffffff, 0x0) = 4096 (0x1000) (1µs)",
            "mmap",
            (0, 8192, 3, 34, -1),
            4096,
        ),
        (
            "mmap(0x0, 0x2000, PROT_READ, MAP_PRIVATE, 0x3 /lib/a b.so, 0x1000) = 4096 (0x1000) (1µs)",
            "mmap",
            (0, 8192, 1, 2, 3, 4096),
            4096,
        ),
        ("munmap(0x1, 0x0) = 0 (0x0) errno=22 (invalid argument) (1.2µs)", "munmap", (1, 0), -22),
        ("brk(0x0) = 93824992231424 (0x555555555000) (3ms)", "brk", (0,), 0x555555555000),
    ],
)
def test_lines_of_gvisor(call: str, kind: str, args: tuple[int, ...], ret: int) -> None:
    trace = read(GVISOR.format(call))
    assert not trace.skipped
    at = [KIND_NAMES[int(k)] for k in trace.columns["kind"]].index(kind)
    assert row(trace, at)[2 : 2 + len(args)] == args
    assert row(trace, at)[8] == ret


def test_threads_of_gvisor_are_told_by_clone() -> None:
    flags = "CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM"
    text = GVISOR.format(f"clone({flags}, 0x7f00, 0x0, 0x0, 0x0) = 2 (0x2) (1µs)")
    text += GVISOR.format("munmap(0x1000, 0x1000) = 0 (0x0) (1µs)").replace("[   1:   1]", "[   2:   2]")
    trace = read(text)
    assert not trace.skipped
    assert trace.tasks["pid"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("line", "kind", "args", "ret"),
    [
        (
            "sys_mmap ( 0x0, 8192, 3, 34, 4294967295, 0 ) --> [pre-success] Success(0x4835000) ",
            "mmap",
            (0, 8192, 3, 34, -1),
            0x4835000,
        ),
        ("sys_munmap ( 0x1001, 4096 )[sync] --> Failure(0x16) ", "munmap", (0x1001, 4096), -22),
        ("sys_fcntl[ARG3=='arg'] ( 3, 1033, 2 )[sync] --> Success(0x0) ", "seal", (3, 2), 0),
    ],
)
def test_lines_of_valgrind(line: str, kind: str, args: tuple[int, ...], ret: int) -> None:
    trace = read(VALGRIND.format(line))
    assert not trace.skipped
    assert [KIND_NAMES[int(k)] for k in trace.columns["kind"]] == [kind]
    assert row(trace)[2 : 2 + len(args)] == args
    assert row(trace)[8] == ret


def test_a_call_that_valgrind_prints_on_two_lines_is_one() -> None:
    text = "sys_openat ( 4294967196, 0x40290b1(/etc/ld.so.cache), 524288 ) --> [async] ... "
    trace = read(VALGRIND.format(text) + VALGRIND.format("... [async] --> Success(0x3) "))
    assert not trace.skipped
    assert trace.strings[int(trace.columns["a0"][0])] == "/etc/ld.so.cache"
    assert trace.columns["ret"].tolist() == [3]


def test_a_valgrind_recording_answers_as_recorded() -> None:
    trace = read_data(content("valgrind"), "t")
    assert {int(p) for p in trace.tasks["pid"]} == {1358, 1364}
    result = replay(trace)
    calls = trace.columns["kind"] < 40
    assert (result.columns["ret"][calls] == trace.columns["ret"][calls]).all()
    assert len(trace.skipped) <= 4  # where two threads wrote into one line


def test_errors_of_qemu_have_their_numbers_and_threads_their_process() -> None:
    trace = read_data(content("qemu"), "t")
    assert {int(p) for p in trace.tasks["pid"]} == {1370, 1378}
    failed = trace.columns["ret"][trace.columns["ret"] < 0].tolist()
    assert -1 not in failed
    assert -22 in failed
    text = "4242 mprotect(0x0000000000010000,4096,PROT_NONE) = -1 errno=12 (Cannot allocate memory)\n"
    assert recognise(text.encode()) == "qemu"
    assert read(text).columns["ret"].tolist() == [-12]


def test_a_program_of_syzkaller_becomes_a_scenario_without_answers() -> None:
    trace = read(SYZKALLER)
    assert not trace.recorded
    assert not trace.skipped
    assert trace.columns["line"].tolist() == [0, 0, 0, 2, 3, 4, 5, 6, 7]
    result = replay(trace)
    assert result.columns["ret"].tolist()[3:8] == [0x20000000, 0, 0, 0x20FFC000, 0x20004000]
    assert result.columns["ret"].tolist()[8] == -12  # the old place of what was moved is a hole


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"PERFILE2" + bytes(100), "perf script"),
        (b"\x17\x08\x44tracing6\0", "trace-cmd report"),
        (b"\x7fELF\2\1\1" + bytes(20), "ELF"),
        (
            b"# tracer: function_graph\n#\n# CPU  DURATION                  FUNCTION CALLS\n"
            b" 0)               |  do_mmap() {\n 0)   0.541 us    |    get_unmapped_area();\n 0)   1.663 us    |  }\n",
            "this tracer has no calls",
        ),
        (b"1234 12:01:02.123456789 0 cat (4242) > mmap addr=0 length=8192\n", "sysdig"),
        (
            b"[12:01:02.123456789] (+?.?????????) host syscall_entry_mmap: { cpu_id = 0 }, { addr = 0x0 }\n",
            "LTTng",
        ),
        (b"mmap(0x0,2097152,PROT_READ,MAP_PRIVATE|MAP_ANON,-1,0x0) = 34366029824 (0x800600000)\n", "truss"),
        (b"open(\"/etc/x\",O_RDONLY,00)\t ERR#2 'No such file or directory'\n", "truss"),
        (b"SYSCALL(args) \t\t = return\nmmap(0x0, 0x1000, 0x3) = 0 0\n", "dtruss"),
        (
            b"% time     seconds  usecs/call     calls    errors syscall\n------ ----\n 50.00  0.0  1  10  mmap\n",
            "strace -c",
        ),
    ],
)
def test_what_is_not_read_is_named_and_told_what_to_do(text: bytes, words: str) -> None:
    assert recognise(text) is None
    with pytest.raises(InputError) as error:
        read_data(text, "t")
    assert error.value.code == "RT202"
    assert words in str(error.value.found)


def test_events_among_functions_are_read() -> None:
    event = b"            sh-7       [000] .....     1.000001: sys_munmap(addr: 0x1000, len: 0x1000)\n"
    text = b"# tracer: function_graph\n" + event
    assert recognise(text) == "ftrace"


@settings(max_examples=150)
@given(st.data())
def test_mutated_lines_are_read_or_counted(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    lines = content(name).split(b"\n")[:60]
    number = data.draw(st.integers(0, len(lines) - 1))
    line = bytearray(lines[number] or b"x")
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(line) - 1))
        line[place] = data.draw(st.sampled_from(list(b' ,:|()=-0x9afz"<>?.\r\t\xff')))
    lines[number] = bytes(line)
    before = len(read_data(content(name)[: 1 << 20], "t", name).skipped)
    trace = read_data(b"\n".join(lines) + b"\n", "t", name)
    assert len(trace.skipped) <= before + 2


LTRACE = Path(__file__).parent / "data" / "ltrace-0.7.3.txt.gz"


def test_system_calls_of_ltrace_are_read_and_calls_of_libraries_counted() -> None:
    trace = read_data(gzip.decompress(LTRACE.read_bytes()), "t")
    kinds = Counter(trace.columns["kind"].tolist())
    assert (kinds[ev.K_EXEC], kinds[ev.K_MMAP], kinds[ev.K_MUNMAP], kinds[ev.K_FORK]) == (2, 59, 3, 2)
    assert len(set(trace.tasks["pid"].tolist())) == 3
    assert not trace.skipped and not trace.unmodelled
    assert any("lines of calls of libraries" in note for note in trace.notes)
    assert any("prints no descriptor and no offset" in note for note in trace.notes)
    assert sum(RSF_DIVERGED & flags != 0 for flags in replay(trace).columns["flags"].tolist()) == 0


@pytest.mark.parametrize(
    ("text", "args", "ret"),
    [
        ("mmap@SYS(nil, 8192, 3, 34, -1, 0) = 0x7fb7bfd24000", (0, 8192, 3, 34, -1, 0), 0x7FB7BFD24000),
        ("SYS_mmap(0, 0x2000, 3, 34) = 0x7fb7bfd24000", (0, 8192, 3, 34, -1, 0), 0x7FB7BFD24000),
        ("SYS_mmap(0, 0x2000, 3, 34, 0xffffffff) = 0x7fb7bfd24000", None, 0),
        ("SYS_clone(017, 0, 0) = 8\n7 SYS_mmap(0, 010, 3, 34) = 0x7fb7bfd24000", None, 0),
        ("mmap@SYS(nil, 1, 5, 2050, 3, 4096) = -13", (0, 1, 5, 2050, 3, 4096), -13),
    ],
)
def test_lines_of_ltrace(text: str, args: tuple[int, ...] | None, ret: int) -> None:
    trace = read_data(f"SYS_getpid() = 7\n7 {text}\n".encode(), "t")
    if args is None:
        assert trace.skipped[-1].line == 1 + text.count("\n") + 1
        return
    columns = trace.columns
    assert tuple(int(columns[f"a{i}"][0]) for i in range(6)) == args
    assert int(columns["ret"][0]) == ret


def test_ltrace_of_libraries_alone_is_named() -> None:
    text = b'strlen("abc") = 3\nmalloc(32) = 0x55d0c0000010\nfree(0x55d0c0000010) = <void>\n'
    assert recognise(text) is None
    with pytest.raises(InputError) as error:
        read_data(text, "t")
    assert "ltrace -S" in str(error.value.found)


def test_strace_of_threads_that_end_is_no_ltrace() -> None:
    text = (
        b"17593 <... futex resumed>)              = 0\n17593 exit(0) = ?\n17594 exit(0) = ?\n17594 free(0) = 0\n"
        b"17582 madvise(0x7f63b0200000, 2895872, MADV_DONTNEED <unfinished ...>\n17582 malloc(1) = 5\n"
    )
    assert recognise(text) == "strace"


U_ROOT = """\
[pid 2780] E mmap(0x0, 0x2000, 0x3, 0x22, 0xffffffffffffffff, 0x0)
[pid 2780] X mmap(0x0, 0x2000, 0x3, 0x22, 0xffffffffffffffff, 0x0) = 0x7fa1f8d12000 (165.636µs)
[pid 2780] X mprotect(0x7fa1f8d12000, 0x1000, 0x0) = 0x0 (45.3µs)
[pid 2781] X munmap(0x1, 0x1000) = invalid argument (0x16) (4.1µs)
[pid 2781] X mprotect(0x1, 0x1000, 0x0) = invalid argument (4.1µs)
"""


def test_strace_of_u_root_keeps_the_threads_and_the_answers() -> None:
    trace = read_data(U_ROOT.encode(), "t")
    assert trace.columns["ret"].tolist() == [0x7FA1F8D12000, 0, -22, -ERRNO_NOT_SHOWN]
    assert sorted(trace.tasks["tid"].tolist()) == [2780, 2781]
    assert any("u-root" in note for note in trace.notes)


@pytest.mark.parametrize("string", [rb'"a\\"', rb'"a\", 1"', rb'"a\\\", 1"', rb'"\\\\"', rb'"(, ["'])
def test_a_quote_ends_a_string_unless_a_backslash_that_is_none_itself_stands_before(string: bytes) -> None:
    assert split_arguments(string + b", 2, {a=1, b=2}") == [string, b"2", b"{a=1, b=2}"]


def test_gvisor_of_years_ago_names_threads_alone_and_answers_in_hexadecimal() -> None:
    line = "I0424 10:57:18.938700   18306 strace.go:618] [   2] python3 {}\n"
    trace = read(
        line.format("E munmap(0x7f65b831f000, 0x40000)")
        + line.format(
            "X mmap(0x0, 0x10000001000, 0x3, 0x22, 0xffffffffffffffff (bad FD), 0x0) = 0x7e65b7f2a000 (33.8µs)"
        )
        + line.format("X munmap(0x7e65b7f2a000, 0x1000) = 0x0 (20.1µs)")
    )
    assert not trace.skipped
    assert trace.columns["ret"].tolist() == [0x7E65B7F2A000, 0]
    assert int(trace.tasks["pid"][0]) == 2
