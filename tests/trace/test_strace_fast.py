"""The compiled reader of large strace logs reads exactly what the plain one reads, and nothing raises."""

import gzip
import mmap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.genlog import generate
from remaptrace.abi import kinds as ev
from remaptrace.errors import InputError
from remaptrace.machinecode import ready
from remaptrace.trace import detect, opening
from remaptrace.trace.events import Trace
from remaptrace.trace.strace import door
from remaptrace.trace.strace import read as strace
from remaptrace.trace.strace.door import read_strace
from remaptrace.trace.strace.fast import FastStraceReader
from remaptrace.trace.strace.read import StraceReader

from .strace_case_file import read_cases

DATA = Path(__file__).parent / "data" / "strace"
RECORDED = sorted((Path(__file__).parents[2] / "traces").glob("*/strace.txt*"))
CASES = [line.encode() for case in read_cases() for line in (*case.before, case.line)]
INSERTED = [b"<", b">", b'"', b"(", b")", b", ", b"|", b"0x", b" = ", b"9" * 19, b"-", b"-0xfffffffffffff000"]
INSERTED += [
    b"0xffffffffffffffff",
    b"(INJECTED)",
    b"(deleted)",
    b" <0.1>",
    b"\r",
    b" munmap(0x1000, 4096) = 0",
    b"\t",
    b" # why",
    b" <-- here",
]
INSERTED += [
    b"<unfinished ...>",
    b" -1",
    b" errno=12",
    b"SYS_9(",
    b"old_mmap(",
    b"syscall_0x9(",
    b"/* x */",
    b" attached",
]
REPORTS = sorted((Path(__file__).parent / "data" / "reports").glob("strace-*"))
SEED_LINES = [*CASES, *generate(400, seed=3, split=0.5).splitlines()]


def content(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def read_with(reader: StraceReader) -> Trace | str:
    try:
        reader.read_all()
        return reader.finish()
    except InputError as error:
        return str(error)


def assert_same(data: bytes, threads: int = 1) -> None:
    plain, fast = read_with(StraceReader(data, "log")), read_with(FastStraceReader(data, "log", 0, threads))
    if isinstance(plain, str) or isinstance(fast, str):
        assert plain == fast
        return
    assert set(plain.columns) == set(fast.columns)
    for name, column in plain.columns.items():
        assert np.array_equal(column, fast.columns[name]), name
    assert np.array_equal(plain.tasks, fast.tasks)
    for field in ("strings", "skipped", "unmodelled", "ignored", "notes"):
        assert getattr(plain, field) == getattr(fast, field), field


@pytest.mark.parametrize("path", sorted(DATA.glob("*.gz")), ids=lambda path: path.name)
def test_every_form_is_read_alike(path: Path) -> None:
    assert_same(content(path))


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.name)
def test_lines_that_were_once_read_differently_are_read_alike(path: Path) -> None:
    assert_same(path.read_bytes())


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.parent.name)
def test_every_recorded_log_is_read_alike(path: Path) -> None:
    data = content(path)
    assert_same(data[: data.rfind(b"\n", 0, 2_000_000) + 1])


@pytest.mark.parametrize("threads", [1, 2])
def test_a_made_up_log_of_many_blocks_is_read_alike(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remaptrace.trace.strace.fast.BLOCK_BYTES", 20_000)
    assert_same(generate(20_000, seed=7, split=0.4), threads)


def test_more_events_than_a_block_holds_are_all_kept() -> None:
    data = b"".join(b"10 munmap(0x%x, 4096) = 0\n" % (number * 4096) for number in range(1, 40_000))
    trace = read_with(FastStraceReader(data, "log"))
    assert isinstance(trace, Trace)
    assert trace.columns["a0"].tolist() == [number * 4096 for number in range(1, 40_000)]
    assert trace.columns["line"].tolist() == list(range(1, 40_000))


@st.composite
def mangled_lines(draw: st.DrawFn) -> bytes:
    """A real line, or one that is cut, has a byte changed or some dropped, or something put into it."""
    line = draw(st.sampled_from(SEED_LINES))
    at = draw(st.integers(0, max(len(line) - 1, 0)))
    change = draw(st.integers(0, 9))
    if change == 0:
        return line[:at]
    if change == 1:
        return line[:at] + bytes([draw(st.integers(0, 255))]) + line[at + 1 :]
    if change == 2:
        return line[:at] + line[at + draw(st.integers(1, 9)) :]
    if change == 3:
        return line[:at] + draw(st.sampled_from(INSERTED)) + line[at:]
    return line + b"\r" if change == 4 else line


mangled_logs = st.builds(
    lambda lines, end: b"\n".join(lines) + end,
    st.lists(mangled_lines(), min_size=1, max_size=25),
    st.sampled_from([b"\n", b"", b"\r\n", b"\n\n"]),
)


@settings(max_examples=300)
@given(mangled_logs)
def test_mangled_lines_are_read_alike(data: bytes) -> None:
    assert_same(data)


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_but_an_input_error(data: bytes) -> None:
    assert_same(data)
    strace.looks_like_strace(data)


@settings(max_examples=60)
@given(st.integers(0, 60_000))
@example(50_377)  # in the middle of a signal
def test_a_log_cut_anywhere_loses_only_its_last_line(length: int) -> None:
    data = generate(800, seed=5)[:length]
    assert_same(data)
    trace = read_with(StraceReader(data, "log"))
    if isinstance(trace, Trace):
        whole_lines = data.count(b"\n")
        assert all(bad.line == whole_lines + 1 and bad.code == "RT302" for bad in trace.skipped)


def test_a_line_of_ten_megabytes_is_read() -> None:
    data = b'10 brk(NULL) = 0x1000\n10 openat(AT_FDCWD, "/' + b"a" * 10_000_000 + b'", O_RDONLY) = 3\n'
    assert_same(data)
    trace = read_strace(data, name="log")
    assert trace.columns["kind"].tolist() == [ev.K_BRK, ev.K_OPEN]


def test_a_mapped_file_is_read_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "COMPILED_FROM", 0)
    monkeypatch.setitem(ready.COMPILE_FOR, "strace", 0)
    path = tmp_path / "log"
    path.write_bytes(generate(500))
    seen: list[tuple[str, int, int]] = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        trace = read_strace(memoryview(mapped), name="log", progress=lambda *step: seen.append(step))
    assert len(trace) == len(read_strace(path.read_bytes(), name="log"))
    assert seen[-1][0] == "read"
    assert seen[-1][1] == seen[-1][2] == path.stat().st_size


def test_small_logs_are_read_without_numba() -> None:
    import subprocess
    import sys

    program = (
        "import sys; from remaptrace.trace.strace.door import read_strace;"
        "read_strace(b'10 brk(NULL) = 0x1000\\n', name='log'); sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"10 vfork() = 0x7f7f36c35000", "RT305"),
        (b"0 brk(NULL) = 0x1000", "RT305"),
        (b"3000000000 1.5 brk(NULL) = 0x1000", "RT305"),
        (b"10 munmap(0x1000) = 0", "RT305"),
        (b"10 munmap(0x10000000000000000, 4096) = 0", "RT305"),
        (b"10 munmap(0x1000, -18446744073709551616) = 0", "RT305"),
        (b"10 mmap(NULL, 4096, PROT_REED, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x1000", "RT304"),
        (b"10 munmap(0x1000, 4096) = -1 EWRONG (?)", "RT301"),
        (b"10 munmap(0x1000, 4096", "RT301"),
        (b"10 --- SIGNAL", "RT301"),
        (b"10 +++ vanished +++", "RT301"),
        (b"\xff\xfe\x00", "RT301"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_read(line: bytes, code: str) -> None:
    data = b"10 brk(NULL) = 0x1000\n" + line + b"\n10 brk(NULL) = 0x2000\n"
    assert_same(data)
    trace = read_strace(data, name="log")
    assert [(bad.line, bad.code) for bad in trace.skipped] == [(2, code)]
    assert trace.columns["ret"].tolist() == [0x1000, 0x2000]


def test_names_of_unmodelled_calls_need_not_be_text() -> None:
    trace = read_strace(b"10 ioctl(5, UFFDIO_\xd7, 1) = 0\n", name="log")
    assert trace.unmodelled == {r"ioctl(UFFDIO_\xd7)": 1}


@pytest.mark.parametrize(
    "line",
    [b"9999999999 brk(NULL) = 0x1000\n", b"10 99999999.0 brk(NULL) = 0x1000\n"],
    ids=["absolute", "differences"],
)
def test_times_beyond_63_bits_stand_still(line: bytes) -> None:
    data = b"10 1.0 brk(NULL) = 0x1000\n" + line * 100
    assert_same(data)
    times = read_strace(data, name="log").columns["time"]
    assert (np.diff(times) >= 0).all()


def test_descriptors_copied_and_marked_are_read_alike() -> None:
    data = (
        b'10 openat(AT_FDCWD</srv>, "a", O_RDONLY) = 3</srv/a>\n'
        b'10 openat(AT_FDCWD</srv>, "a", O_RDONLY) = 4</srv/a>\n'
        b"10 dup(3</srv/a>) = 5</srv/a>\n10 dup(-1) = -1 EBADF (Bad file descriptor)\n"
        b"10 dup2(5</srv/a>, 7) = 7</srv/a>\n10 dup2(7</srv/a>, 7) = 7</srv/a>\n"
        b"10 dup3(7</srv/a>, 9, O_CLOEXEC) = 9</srv/a>\n"
        b"10 fcntl(9</srv/a>, F_DUPFD_CLOEXEC, 20) = 20</srv/a>\n10 fcntl(20</srv/a>, F_DUPFD, 0) = 1</srv/a>\n"
        b"10 fcntl(7</srv/a>, F_SETFD, FD_CLOEXEC) = 0\n10 fcntl(7</srv/a>, F_SETFL, O_RDWR) = 0\n"
        b"10 fcntl(7</srv/b>, F_SETFD, 0) = 0\n10 fcntl(8</srv/b>, F_SETFD, 0 <unfinished ...>\n"
        b'10 <... fcntl resumed>) = 0\n10 prctl(PR_SET_NAME, "x") = 0\n10 arch_prctl(ARCH_SET_FS, 0x7f) = 0\n'
        b"10 mmap(NULL, 4096, PROT_READ, MAP_SHARED, 20</srv/a>, 0) = 0x1000\n"
    )
    assert_same(data)
    trace = read_strace(data, name="log")
    copies = trace.columns["kind"] == ev.K_DUP
    assert [
        tuple(int(trace.columns[c][i]) for c in ("a0", "a1", "a2", "ret")) for i in np.flatnonzero(copies)
    ] == [
        (3, -1, 0, 5),
        (5, 7, 0, 7),
        (7, 9, 1, 9),
        (9, -1, 1, 20),
        (20, -1, 0, 1),
    ]
    assert trace.ignored == {"dup": 1, "dup2": 1, "fcntl": 1, "prctl": 1, "arch_prctl": 1}


def test_a_large_log_is_read_where_it_lies_as_if_it_were_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = generate(500)
    for name, text in {"plain": data, "colours": data.replace(b"mmap(", b"\x1b[1mmmap\x1b[0m(", 3)}.items():
        path = tmp_path / name
        path.write_bytes(text)
        monkeypatch.setattr(opening, "MAP_FROM", 1 << 40)
        copied = detect.load([str(path)])[0]
        monkeypatch.setattr(opening, "MAP_FROM", 0)
        mapped = detect.load([str(path)])[0]
        assert mapped.notes == copied.notes
        assert mapped.strings == copied.strings
        for column, values in copied.columns.items():
            assert np.array_equal(values, mapped.columns[column]), column


BIRTHS = [
    b"clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f20a3f96a10) = %d",
    b"clone(child_stack=0x7f01, flags=CLONE_VM|CLONE_THREAD|CLONE_FILES, parent_tid=[12], tls=0x7f02) = %d <0.000012>",
    b"clone(flags=CLONE_PIDFD|SIGCHLD, pidfd=[5]) = %d",
    b"clone3({flags=CLONE_VM|CLONE_THREAD, exit_signal=0, stack=0x7f00, stack_size=0x7fff80}, 88) = %d",
    b"clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x7f00} => {parent_tid=[9]}, 88)   = %d",
    b"clone3({flags=CLONE_PIDFD, pidfd=0x7f00} => {pidfd=[7]}, 88) = %d",
    b"clone3({flags=CLONE_UNHEARD_OF}, 88) = %d",
    b"clone(child_stack=NULL, flags=SIGCHLD) = -1 EAGAIN (no %d)",
    b"clone3({flags=CLONE_VM}, 88) = ? (no %d)",
    b"clone3({flags=CLONE_VM <unfinished ...> %d",
    b"clone3({flags=CLONE_VM}, 88 <unfinished ...>%.0d",
    b"<... clone3 resumed>) = %d",
    b"vfork() = %d",
    b"brk(NULL) = 0x%d",
    b'execve("/bin/x", ["x"], NULL) = 0%.0d',
    b'execve("/bin/y", ["y", "-a"..., "b c"], 0x7ffc6fad0b80 /* 12 vars */) = 0%.0d',
    b'execve("/bin/z", [], 0x7ffc6fad0b80 /* 1 var */) = 0 <0.000035>%.0d',
    b'execve("/bin/z", ["z", ...], 0x7ffc6fad0b80 /* 1 var */)    = 0%.0d',
    b'execve("/bin/w", ["w"], 0x7ffc6fad0b80 /* 2 vars */) = -1 ENOENT (No such file or directory)%.0d',
    b"exit_group(0) = ?%.0d",
]
STAMPS = [b"", b"1690000000.000001 ", b"9000000001.000001 ", b"12.000001 ", b"12:00:00.000001 "]


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.sampled_from(BIRTHS), st.integers(0, 8)), max_size=30),
    st.sampled_from(STAMPS),
)
def test_births_are_read_alike(calls: list[tuple[int, bytes, int]], stamp: bytes) -> None:
    assert_same(b"".join(b"%d %s%s\n" % (who, stamp, call % whom) for who, call, whom in calls))


@pytest.mark.parametrize("result", ["00", "07", "010000", "-01", "-0", "0", "0x0", "0x1000"])
def test_results_with_a_zero_in_front_are_read_alike(result: str) -> None:
    calls = ("brk(NULL)", "vfork()", "munmap(0x1000, 4096)", 'open("/x", O_RDONLY)')
    assert_same("".join(f"7 {call} = {result}\n" for call in calls for _ in range(2)).encode())


@pytest.mark.parametrize("behind", ["<... futex resumed>) = 0", "7 <... futex resumed>) = 0", "getpid() = 7"])
@pytest.mark.parametrize("first", ["<... futex resumed>) = 0", "futex(1) = 0", "munmap(0x1000, 4096) = 0"])
def test_two_calls_of_which_one_is_only_counted_are_read_alike(first: str, behind: str) -> None:
    assert_same(f"7 futex(1) = 0\n7 getpid() = 7\n7 {first} {behind}\n".encode())
    text = f"7 futex(1) = 0\n7  0.1 {first} 0.2 {behind}\n7 0.3 munmap(0x1000, 4096) = 0\n"
    assert_same(text.encode())


def test_protections_that_are_left_out_are_told_alike() -> None:
    calls = (
        "mmap(NULL, 8192, PROT_READ|PROT_WRITE|PROT_MTE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xffff829ee000",
        "mprotect(0xffff829ee000, 4096, PROT_READ|PROT_EXEC|PROT_BTI) = 0",
        'write(1, "PROT_BTI", 8) = 8',
    )
    for last in range(1, 4):
        assert_same("".join(f"7 {call}\n" for call in calls[:last]).encode())
    log = "".join(f"7 {call}\n" for call in calls)
    assert any("PROT_BTI and PROT_MTE" in note for note in read_strace(log.encode(), name="log").notes)
    assert not any(
        "PROT_" in note for note in read_strace(b"7 " + calls[2].encode() + b"\n", name="log").notes
    )


@pytest.mark.parametrize("before", [b"", b"munmap(0x7f147ac4000, 4096) = 0\n"])
@pytest.mark.parametrize("between", [b"", b"[pid 311] munmap(0x7f147ac4000, 4096) = 0\n"])
@pytest.mark.parametrize("tid", [b"[pid 310] ", b"310 "])
def test_a_call_under_way_stays_when_the_id_of_its_thread_shows(
    before: bytes, between: bytes, tid: bytes
) -> None:
    born = b"clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f0) = 311\n"
    begun, ended = b"munmap(0x7f147ac4000, 4096 <unfinished ...>\n", tid + b"<... munmap resumed>) = 0\n"
    for log in (before + begun + between + ended, before + born + begun + between + ended):
        assert_same(log)
    trace = read_with(FastStraceReader(before + begun + ended, "log"))
    assert isinstance(trace, Trace)
    assert not trace.skipped
    assert trace.columns["kind"].tolist() == [ev.K_MUNMAP] * (1 + len(before.splitlines()))


def test_a_call_that_did_not_return_before_the_id_of_its_thread_showed_is_left_out_aloud() -> None:
    log = b"munmap(0x7f147ac4000, 4096 <unfinished ...>\n310 munmap(0x7f147ac4000, 8192) = 0\n"
    assert_same(log)
    trace = read_with(FastStraceReader(log, "log"))
    assert isinstance(trace, Trace)
    assert any("did not return" in note for note in trace.notes)


_OPENED = (
    *("/a", "/b", "/dev/zero", "/dev/null", "/dev/shm/x", "/proc/self/maps", "/proc/self/fd/3", "/dev/fd/3"),
    *(
        "/sys/bus/resource0",
        "/memfd:x",
        "relative",
        "/with blank",
        r"/\141",
        r"/\141b",
        "/ab",
        r"/\303\251",
        "/\xe9",
    ),
)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(_OPENED),
            st.sampled_from((None, None, *_OPENED, "/dev/null<char 1:3>", "/a>(deleted)", "pipe:[5]")),
            st.sampled_from(("openat(AT_FDCWD, ", "open(", "openat(3</srv>, ", "unfinished")),
        ),
        min_size=1,
        max_size=25,
    )
)
@example([(r"/\141", None, "open("), ("/a", None, "open("), (r"/\141", None, "open("), ("/a", None, "open(")])
def test_paths_that_are_opened_for_the_first_time_are_read_alike(
    calls: list[tuple[str, str | None, str]],
) -> None:
    text = ""
    for at, (path, shown, call) in enumerate(calls):
        answer = f"{3 + at % 5}" + ("" if shown is None else f"<{shown}" + ">" * (not shown.endswith(")")))
        if call == "unfinished":
            text += f'10 open("{path}", O_RDONLY <unfinished ...>\n11 brk(NULL) = 0x1000\n'
            text += f"10 <... open resumed>) = {answer}\n"
        else:
            text += f'10 {call}"{path}", O_RDONLY|O_CLOEXEC) = {answer}\n'
        text += f"10 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, {3 + at % 5}<{shown or path}>, 0) = 0x7f0000000000\n"
    assert_same(text.encode("latin-1"))


def test_more_new_paths_than_a_table_holds_are_read_alike() -> None:
    assert_same(b"".join(b'10 open("/some/%d", O_RDONLY) = 3\n10 close(3) = 0\n' % at for at in range(3000)))
