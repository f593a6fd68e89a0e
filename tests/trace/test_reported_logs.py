"""Logs of strace as people's reports have them: each with what is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.abi.calls import KIND_NAMES
from remaptrace.abi.errnos import ERRNO_NOT_SHOWN
from remaptrace.api import check, load, replay
from remaptrace.trace.events import Trace
from remaptrace.trace.strace.door import read_strace

REPORTS = Path(__file__).parent / "data" / "reports"


def reported(name: str) -> Trace:
    return load(str(next(REPORTS.glob(f"{name}*"))))


def kinds(trace: Trace) -> list[str]:
    return [KIND_NAMES[kind] for kind in trace.columns["kind"].tolist()]


def agree(trace: Trace) -> tuple[int, int]:
    tally = check(replay(trace)).tallies["answers"]
    return tally.agree, tally.total


def read(*lines: str) -> Trace:
    return read_strace("".join(f"{line}\n" for line in lines).encode(), name="log")


def skipped(trace: Trace) -> list[tuple[int, str]]:
    return [(bad.line, bad.code) for bad in trace.skipped]


def test_old_mmap_of_i386_is_mmap() -> None:
    trace = reported("02")
    assert kinds(trace).count("mmap") == 2
    assert trace.arch == "i386"
    assert not trace.skipped
    assert agree(trace) == (4, 4)


def test_two_calls_in_a_line_are_both_read_and_said() -> None:
    trace = reported("03")
    assert kinds(trace) == ["mmap", "mprotect", "munmap"]
    assert trace.columns["line"].tolist() == [1, 1, 2]
    assert not trace.skipped
    assert "a line holds several calls: each is read" in trace.notes


def test_a_carriage_return_alone_ends_a_line() -> None:
    assert kinds(reported("04")) == ["mmap", "mprotect", "munmap"]


def test_an_address_that_no_mmap_returns_is_not_believed() -> None:
    trace = reported("05")
    assert kinds(trace) == ["munmap"]
    assert skipped(trace) == [(1, "RT305")]


def test_errors_are_read_as_qemu_spells_them() -> None:
    trace = reported("06")
    assert trace.columns["ret"].tolist() == [0x4000803000, -12, -22]


def test_a_log_of_arm64_is_told_by_its_addresses() -> None:
    trace = reported("13")
    assert trace.arch == "arm64-4k"
    assert any("0x7ffffffff000" in note for note in trace.notes)
    assert agree(trace) == (8, 8)


def test_mmap2_of_old_strace_shows_pages() -> None:
    trace = reported("14")
    assert trace.columns["a5"].tolist()[3] == 0x15C000
    assert any("pages" in note for note in trace.notes)
    assert agree(trace) == (3, 3)


@pytest.mark.parametrize("name", ["18", "19", "20", "21", "22"])
def test_a_pasted_log_is_read_whole(name: str) -> None:
    trace = reported(name)
    assert not trace.skipped
    assert kinds(trace)[0] == "mmap"
    assert len(trace) == (2 if name in ("19", "21") else 3)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("-1 ENOMEM (Cannot allocate memory)", 12),
        ("-1 ENOMEM", 12),
        ("-1 ENOMEM (Nicht genügend Hauptspeicher verfügbar)", 12),
        ("-1 errno=12 (Cannot allocate memory)", 12),
        ("-1 (errno 12)", 12),
        ("-1 (errno=12)", 12),
        ("-1 (ENOMEM)", 12),
        ("-1 ERRNO_133 (Unknown error 133)", 133),
        ("-12 ENOMEM (Cannot allocate memory)", 12),
        ("-12", 12),
        ("-1 EPERM (Operation not permitted) <0.000004>", 1),
        ("-1", ERRNO_NOT_SHOWN),
        ("-1 <0.000004>", ERRNO_NOT_SHOWN),
    ],
)
def test_every_spelling_of_an_error_is_its_number(written: str, number: int) -> None:
    trace = read(f"munmap(0x1000, 4096) = {written}")
    assert not trace.skipped
    assert trace.columns["ret"].tolist() == [-number]


def test_an_error_that_is_not_shown_agrees_with_any_and_not_with_success() -> None:
    first = "mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000"
    refused = read(first, "mprotect(0x7f0000000001, 4096, PROT_NONE) = -1")
    assert agree(refused) == (2, 2)
    granted = read(first, "mprotect(0x7f0000000000, 4096, PROT_NONE) = -1")
    assert agree(granted) == (1, 2)
    words = check(replay(granted)).disagreements[0]
    assert words.expected == "an error (which is not shown)"


@pytest.mark.parametrize(
    "behind",
    [
        "mprotect(0x1000, 4096, PROT_NONE) = 0",
        " ENOMEM",
        " <0.0001",
        " x",
        "00",
        " (unclosed",
        " # mprotect(0x1000, 4096, PROT_NONE) = 0",
        "# torn",
    ],
)
def test_what_stands_behind_a_result_is_known_or_the_line_is_unreadable(behind: str) -> None:
    trace = read(f"mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f2d1c0e1{behind}")
    assert not len(trace)
    assert len(trace.skipped) == 1


@pytest.mark.parametrize(
    "behind",
    [
        "",
        " (INJECTED)",
        " (DELAYED)",
        " <0.000123>",
        " <unavailable>",
        " /* note */",
        " (flags X) <1.2>",
        " ;",
        " ## and here = it ends",
        "    <--- the heap (all of it)",
        " <0.000012> // never used",
    ],
)
def test_remarks_and_durations_may_stand_behind_a_result(behind: str) -> None:
    trace = read(f"munmap(0x1000, 4096) = 0{behind}")
    assert kinds(trace) == ["munmap"]


@pytest.mark.parametrize(
    "line",
    [
        'read(3, "", 5) = 5munmap(0x1000, 4096) = 0',
        'write(1, "abc munmap(0x1000, 4096) = 0',
        "<... read resumed>) = 5munmap(0x1000, 4096) = 0",
        "ioctl(1, TCGETS, {}) = 0 <munmap(0x1000, 4096) = 0",
        "strace: Process 12 attachedmunmap(0x1000, 4096) = 0",
    ],
)
def test_a_call_behind_a_harmless_one_is_not_lost_in_silence(line: str) -> None:
    trace = read("brk(NULL) = 0x1000", line)
    assert skipped(trace) == [(2, "RT301")]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('read(3, "", 5) = 5 munmap(0x1000, 4096) = 0', ["munmap"]),
        ("ioctl(1, TCGETS, {}) = 0 (x) <0.1> 12 munmap(0x1000, 4096) = 0", ["munmap"]),
        ("brk(0x2000) = 0x2000 12 <... read resumed>) = 5 munmap(0x1000, 4096) = 0", ["brk", "munmap"]),
        (
            "mprotect(0x1000, 4096, PROT_NONE) = -1 ENOMEM (Cannot allocate memory) brk(0x2000) = 0x2000",
            ["mprotect", "brk"],
        ),
        ("munmap(0x1000, 4096) = 0 mprotect(0x1000, 4096, PROT_NONE) = 5x", ["munmap"]),
    ],
)
def test_each_of_several_whole_calls_in_a_line_is_read(line: str, found: list[str]) -> None:
    trace = read("brk(NULL) = 0x1000", line)
    assert kinds(trace)[1:] == found
    assert len(trace.skipped) == line.endswith("5x")


def test_words_of_calls_in_strings_are_no_calls() -> None:
    trace = read('write(1, "munmap(0x1000, 4096) = 0", 24) = 24')
    assert not trace.skipped
    assert trace.ignored == {"write": 1}


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("munmap(0x1000, 4096)", "5"),
        ("mremap(0x1000, 4096, 8192, MREMAP_MAYMOVE)", "0x1234"),
        ("shmat(3, NULL, 0)", "17"),
        ("brk(NULL)", "3"),
        ("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)", "9223372036854775807"),
        ("mprotect(0x1000, 4096, PROT_READ)", "0xffffffffffffffff"),
        ("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)", "010000"),
        ("clone(child_stack=NULL, flags=SIGCHLD)", "0144"),
    ],
)
def test_a_result_that_no_kernel_gives_is_not_believed(call: str, result: str) -> None:
    trace = read(f"{call} = {result}")
    assert not len(trace)
    assert skipped(trace) == [(1, "RT305")]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("old_mmap", "mmap"),
        ("mmap64", "mmap"),
        ("svr4_mmap", "mmap"),
        ("mmap_pgoff", "mmap"),
        ("syscall_0x9", "mmap"),
        ("syscall_9", "mmap"),
        ("SYS_9", "mmap"),
        ("syscall_0x40000009", "mmap"),
    ],
)
def test_every_name_of_mmap_is_mmap(name: str, meant: str) -> None:
    trace = read(f"{name}(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000")
    assert kinds(trace) == [meant]


@pytest.mark.parametrize("number", [462, 4462, 5462, 6462, 572, 1486])
def test_a_new_call_is_known_by_its_number_on_every_architecture(number: int) -> None:
    assert kinds(read(f"syscall_{number:#x}(0x7f0000000000, 0x1000, 0) = 0")) == ["mseal"]


def test_a_call_that_nobody_knows_is_named_unless_it_failed() -> None:
    trace = read("frobnicate(3) = 0", "frobnicate(4) = -1 EINVAL (Invalid argument)", "getpid() = 5")
    assert trace.unmodelled == {"frobnicate (an unknown call)": 1}
    assert trace.ignored == {"frobnicate": 1, "getpid": 1}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("arch_prctl(0x5001, 0x1) = 0", "arch_prctl(0x5001)"),
        ("ioctl(3, 0xc020aa00, 0x7ffc) = 0", "ioctl(0xc020aa00)"),
        ("ioctl(3, DRM_IOCTL_I915_GEM_MMAP, 0x7ffc) = 0", "ioctl(DRM_IOCTL_I915_GEM_MMAP)"),
        ("ipc(SHMAT, 5, 0, 0xbffff, 0) = 0xb7000000", "ipc(SHMAT)"),
        ("map_shadow_stack(NULL, 4096, 0) = 0x7f0000000000", "map_shadow_stack"),
    ],
)
def test_a_call_that_changes_areas_is_never_only_counted(line: str, name: str) -> None:
    assert read(line).unmodelled == {name: 1}


def test_a_log_of_a_32_bit_program_on_a_64_bit_kernel_is_called_so() -> None:
    trace = read(
        'execve("/bin/x", ["x"], 0xff /* 3 vars */) = 0',
        "[ Process PID=42 runs in 32 bit mode. ]",
        "mmap2(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xf7fc2000",
    )
    assert trace.arch == "ia32"
    assert any("32-bit program" in note for note in trace.notes)
