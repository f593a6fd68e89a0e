"""Logs of qemu-user that several guests wrote, and those that -d page broke into pieces."""

from __future__ import annotations

from remaptrace.abi import kinds as ev
from remaptrace.abi.calls import KIND_NAMES
from remaptrace.api import check, replay
from remaptrace.trace.detect import read_data
from remaptrace.trace.events import Trace

WIDE = (
    "71 brk(NULL) = 0x0000004000005000\n"
    '71 openat(-100,"/lib/{0}-linux-gnu/libc.so.6",O_RDONLY|O_CLOEXEC) = 3\n'
    "71 mmap(NULL,8192,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0) = 0x000000400284c000\n"
)
NARROW = (
    "72 brk(NULL) = 0x0804c000\n"
    "72 mmap2(NULL,8192,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0x4080092c) = 0x3fffb000\n"
    "72 munmap(0x3fffb000,4096) = 0\n"
)
PAGES = """\
host mmap_min_addr=0x1000
pgb_static: base @ 0 for 34267776 bytes
page layout changed following mmap
start            end              size             prot
0000000000400000-00000000024af000 00000000020af000 ---
ffffffffff600000-ffffffffff601000 0000000000001000 --x
guest_base  (nil)
start_brk   0x0000000000000000
start_stack 0x0000004000800870
71 brk(NULL) = 0x00000000004af000
71 brk(0x00000000004b0d00)page layout changed following mmap
start            end              size             prot
0000000000400000-0000000000401000 0000000000001000 r--
 = 0x00000000004b0d00
71 mmap(NULL,65536,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0)page layout changed following mmap
start            end              size             prot
0000004000001000-0000004000813000 0000000000812000 rw-
 = 0x0000004000803000
71 munmap(0x0000004000804000,4096)page layout changed following munmap
"""


def read(text: str) -> Trace:
    return read_data(text.encode(), "t")


def kinds(trace: Trace) -> list[str]:
    return [KIND_NAMES[kind] for kind in trace.columns["kind"].tolist()]


def test_processes_of_another_width_are_left_out_by_name() -> None:
    trace = read(WIDE.format("x86_64") + '71 execve("./t32",{"./t32",NULL}) = ?\n' + NARROW)
    assert [int(pid) for pid in trace.tasks["pid"]] == [71]
    assert any("3 lines of guests of another architecture than x86_64, 64 bits" in n for n in trace.notes)
    assert any("processes 72 (32 bits)" in n for n in trace.notes)
    assert not trace.skipped


def test_a_process_that_becomes_another_guest_is_left_out_from_its_execve_on() -> None:
    log = WIDE.format("x86_64") + '71 execve("./t32",{"./t32",NULL}) = ?\n' + NARROW.replace("72 ", "71 ")
    assert "mmap" in kinds(read(log))
    assert kinds(read(log)).count("munmap") == 0
    assert any("processes 71 (32 bits)" in n for n in read(log).notes)


def test_two_guests_of_one_width_are_told_by_what_they_open() -> None:
    both = WIDE.format("x86_64") + WIDE.format("aarch64").replace("71 ", "72 ")
    assert any("processes 72 (arm64)" in n for n in read(both).notes)
    assert len(set(read(both).columns["task"].tolist())) == 1
    alike = WIDE.format("x86_64") * 2
    assert not any("another architecture" in n for n in read(alike).notes)


def test_a_guest_of_32_bits_is_not_taken_for_x86_64() -> None:
    trace = read(NARROW)
    assert trace.arch == "i386"
    assert not any("offset in pages" in n for n in trace.notes)  # that of anonymous memory says nothing
    named = read("72 brk(NULL) = 0x0804c000\n72 munmap(0x0804c000,4096) = 0\n")
    assert named.arch == "ia32"
    assert any("the guest has 32 bits" in n for n in named.notes)
    high = read(
        "72 brk(NULL) = 0x00108000\n"
        '72 openat(AT_FDCWD,"/usr/lib/arm-linux-gnueabihf/gconv/x",O_RDONLY) = 3\n'
        "72 mmap2(NULL,2596864,PROT_READ,MAP_PRIVATE,3,0x6b) = 0xff375000\n"
        "72 munmap(0xff375000,2596864) = 0\n"
    )
    assert check(replay(high)).agrees


def test_calls_that_a_layout_of_pages_broke_are_joined() -> None:
    trace = read(PAGES)
    assert kinds(trace) == ["brk", "brk", "mmap"]
    assert trace.columns["line"].tolist() == [10, 14, 18]
    assert trace.columns["ret"].tolist() == [0x4AF000, 0x4B0D00, 0x4000803000]
    assert any("13 lines of qemu's own words" in n for n in trace.notes)
    assert [bad.line for bad in trace.skipped] == [19]  # its result never came
    assert check(replay(trace)).agrees
    assert ev.K_MUNMAP not in trace.columns["kind"].tolist()
