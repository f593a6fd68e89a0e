"""What a log must have had and does not show is said, and the counts are not told as if it were all."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace import load
from remaptrace.cli.entry import run_command
from remaptrace.trace.events import Trace

MAP = "MAP_PRIVATE|MAP_ANONYMOUS"
STACK = f"mmap(NULL, 8392704, PROT_NONE, {MAP}|MAP_STACK, -1, 0) = {{:#x}}\n"
OPENED = "mprotect({:#x}, 8388608, PROT_READ|PROT_WRITE) = 0\n"


def read(folder: Path, text: str) -> Trace:
    (folder / "log").write_text(text)
    return load(str(folder / "log"))


def noted(trace: Trace, words: str) -> bool:
    return any(words in note for note in trace.notes)


def said(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The report of a log, its lines joined."""
    (folder / "log").write_text(text)
    run_command(["run", "--no-cache", str(folder / "log")])
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("tid", ["", "7 "])
def test_stacks_of_threads_that_do_not_show_are_told(
    tid: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "".join(
        tid + line
        for at in (0x7F0001000000, 0x7F0002000000)
        for line in (STACK.format(at), OPENED.format(at + 4096))
    )
    assert noted(
        read(tmp_path, text), "2 stacks of threads are mapped (first at line 1), but only the thread"
    )
    assert "VMA counts are at least these" in said(tmp_path, text, capsys)


def test_stacks_whose_threads_show_are_no_cause_for_a_note(tmp_path: Path) -> None:
    stack = "7 " + STACK.format(0x7F0001000000)
    other = f"8 mmap(NULL, 4096, PROT_READ, {MAP}, -1, 0) = 0x7f0002000000\n"
    born = "7 clone(child_stack=0x7f0001800000, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD) = 8\n"
    assert not noted(read(tmp_path, stack + born + other), "stacks of threads")
    writable = STACK.format(0x7F0001000000).replace("PROT_NONE", "PROT_READ|PROT_WRITE")
    assert not noted(read(tmp_path, writable), "of threads")


UFFD = f"userfaultfd(O_CLOEXEC) = 3\nmmap(NULL, 65536, PROT_READ|PROT_WRITE, {MAP}, -1, 0) = 0x7f0001000000\n"
REGISTERED = (
    "ioctl(3, UFFDIO_REGISTER, {range={start=0x7f0001004000, len=0x1000}, mode=UFFDIO_REGISTER_MODE_MISSING,"
    " ioctls=0}) = 0\n"
)


def test_a_userfaultfd_without_its_ioctls_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert noted(read(tmp_path, UFFD), "a userfaultfd is made (line 1), but the log has no ioctl of it")
    assert "VMA counts are at least these" in said(tmp_path, UFFD, capsys)
    assert not noted(read(tmp_path, UFFD + REGISTERED), "no ioctl of it")
    pointer = "ioctl(3, UFFDIO_REGISTER, 0x7ffd00001000) = 0\n"
    assert not noted(read(tmp_path, UFFD + pointer), "no ioctl of it")


def test_calls_that_are_not_modelled_stand_in_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(tmp_path, UFFD + "ioctl(3, UFFDIO_REGISTER, 0x7ffd00001000) = 0\n", capsys)
    words = "1 call of kinds that are not modelled had no effect, so that VMA counts may be others than the kernel's"
    assert text.index("All as recorded") < text.index(words) < text.index("VMAs ")
    (tmp_path / "log").write_text(UFFD + "ioctl(3, UFFDIO_REGISTER, 0x7ffd00001000) = 0\n")
    run_command(["run", "--format", "markdown", str(tmp_path / "log")])
    assert words.split(",", maxsplit=1)[0] in capsys.readouterr().out


def test_calls_that_leave_areas_alone_do_not_question_the_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(tmp_path, UFFD + REGISTERED + "ioctl(3, UFFDIO_COPY, 0x7ffd00001000) = 0\n", capsys)
    assert "1 call of kinds that are not modelled had no effect, see below" in text


def test_a_mapping_where_the_log_has_one_questions_the_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"mmap(NULL, 4096, PROT_READ, {MAP}, -1, 0) = 0x7f0001000000\n"
    exec_ = 'execve("/nowhere", ["a"], 0x1) = 0\n'
    maps = "00400000-00401000 r-xp 00000000 fe:00 12      /nowhere\n"
    (tmp_path / "1.exec1.maps").write_text(maps)
    assert "VMA counts may be others than the kernel's" not in said(tmp_path, exec_ + line, capsys)
    (tmp_path / "log").write_text(exec_ + line + line)
    run_command(["run", "--no-cache", "--maps", str(tmp_path / "1.exec1.maps"), str(tmp_path / "log")])
    assert "VMA counts may be others than the kernel's" in " ".join(capsys.readouterr().out.split())


RECORD = "prog 7/7 [000] 1.{:06d}: {}\n"
EXEC = RECORD.format(1, "PERF_RECORD_COMM exec: prog:7/7")


def area(time: int, start: int, length: int, name: str) -> str:
    return RECORD.format(
        time, f"PERF_RECORD_MMAP2 7/7: [{start:#x}({length:#x}) @ 0 fe:00 12 0]: rw-p {name}"
    )


def call(time: int, name: str, arguments: str, result: int) -> str:
    enter = RECORD.format(time, f"syscalls:sys_enter_{name}: {arguments}")
    return enter + "{}" + RECORD.format(time + 2, f"syscalls:sys_exit_{name}: {result:#x}")


START = EXEC + area(2, 0x400000, 0x1000, "/bin/prog") + area(3, 0x7FFF00000000, 0x2000, "[vdso]")
MMAP = call(
    10,
    "mmap",
    "addr: 0x00000000, len: 0x00002000, prot: 0x00000003, flags: 0x00000022, fd: 0xffffffff, off: 0x0",
    0x7F0000100000,
)


def test_areas_that_perf_recorded_and_no_call_made_are_told(tmp_path: Path) -> None:
    made = MMAP.format(area(11, 0x7F0000100000, 0x2000, "//anon"))
    joined = MMAP.format(area(11, 0x7F00000FE000, 0x4000, "//anon"))
    segment = area(20, 0x7F0000200000, 0x4000, "/SYSV00000000 (deleted)")
    for text in (made, joined):
        assert not noted(read(tmp_path, START + text), "that no call of the text made")
        trace = read(tmp_path, START + segment + text)
        assert noted(trace, "perf recorded 1 area that no call of the text made (line 4)")
        assert noted(trace, "it is missing from the counts")
    assert noted(read(tmp_path, START + made + segment), "no call of the text made (line 7)")


def test_areas_that_grow_by_faults_are_not_taken_for_made_ones(tmp_path: Path) -> None:
    grows = MMAP.replace("flags: 0x00000022", "flags: 0x00000122").format(
        area(11, 0x7F0000100000, 0x2000, "//anon")
    )
    assert not noted(
        read(tmp_path, START + grows + area(20, 0x7F00000FF000, 0x3000, "//anon")), "no call of the text"
    )


@pytest.mark.parametrize(
    ("who", "copies"),
    [("", False), ("prog 7/7", True), ("prog 9/9", True), ("prog 8/8", False)],
)
def test_what_runs_between_a_birth_and_an_exec_tells_a_copy_from_a_loan(
    who: str, copies: bool, tmp_path: Path
) -> None:
    """The parent (7) of vfork stands still until then, and its child (9) maps nothing; others (8) do what they like."""
    born = RECORD.format(20, "sched:sched_process_fork: comm=prog pid=7 child_comm=prog child_pid=9")
    between = MMAP.format("").replace("1.0000", "1.0003").replace("prog 7/7", who) if who else ""
    exec_ = "prog 9/9 [000] 1.000400: sched:sched_process_exec: filename=/bin/x pid=9 old_pid=9\n"
    ended = "prog 9/9 [000] 1.000500: sched:sched_process_exit: comm=prog pid=9 prio=120\n"
    own = MMAP.replace("1.0000", "1.0006").replace("100000", "300000").format("")
    trace = read(tmp_path, MMAP.format("") + born + between + exec_ + ended + own)
    assert noted(trace, "forks with a copy") is copies
    assert noted(trace, "posix_spawn or vfork") is not copies


def test_faults_without_a_memory_call_leave_counts_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As of ``perf trace -F all --no-syscalls``: an area is seen where it is touched."""
    fault = (
        "prog-7 [000] ..... 1.00000{}: page_fault_user: address=0x7f000010{}000 ip=0x400000 error_code=0x6\n"
    )
    text = "".join(fault.format(at, at) for at in range(1, 6))
    assert "VMA counts are at least these" in said(tmp_path, text, capsys)
    assert noted(read(tmp_path, text), "page faults and no memory call")


def test_flags_that_perf_trace_has_no_word_for_are_not_taken_for_none(tmp_path: Path) -> None:
    """perf 6.1 of MAP_DROPPABLE: nothing in front of the bar."""
    line = (
        " 1.000 ( 0.001 ms): prog/7 mmap(len: 4096, prot: READ|WRITE, flags:{}|ANONYMOUS) = 0x7f0000100000\n"
    )
    assert read(tmp_path, line.format(" PRIVATE")).unmodelled == {}
    assert read(tmp_path, line.format("")).unmodelled == {"mmap(flags not told)": 1}


def test_what_a_segment_is_asked_about_is_read(tmp_path: Path) -> None:
    line = "shmctl(17, IPC_INFO, {shmmax=1, shmmin=1, shmmni=4096, shmseg=4096, shmall=1}) = 17\n"
    assert not read(tmp_path, line + line.replace("IPC_INFO", "IPC_64|IPC_INFO")).skipped
