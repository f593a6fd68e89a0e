"""Which machine a log is of: told from its names and its addresses, said, and never guessed without a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace import load
from remaptrace.abi import kinds as ev
from remaptrace.api import machine_of
from remaptrace.errors import InputError
from remaptrace.trace.detect import read_data
from remaptrace.trace.recorded.elf import machines_of
from remaptrace.trace.strace.origin import origin_of
from remaptrace.trace.strace.places import END_OF_32_BITS, X86_64_END, Places


def mapped(*places: tuple[int, int], call: str = "mmap") -> bytes:
    """Calls of mmap of each length, whose place the kernel chose."""
    return b"".join(
        b"%b(NULL, %d, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x%x\n"
        % (call.encode(), length, address)
        for address, length in places
    )


@pytest.mark.parametrize(
    ("log", "arch"),
    [
        (mapped((0x7F70BAF9C000, 8192), (0x7F70BAF99000, 12288)), None),
        (mapped((0x2AAAAAAAB000, 8192), (0x2AAAAAAAD000, 12288)), None),  # x86-64, bottom-up
        (mapped((0x7109D70000, 9152), (0x6EF9AE9000, 1044480)), "arm64-4k-39"),
        (mapped((0x3FF3037000, 143360), (0x3FF3016000, 8192)), "riscv64-sv39"),
        (mapped((0x3FF8D6FE000, 8192), (0x3FF8D500000, 1900000)), "s390x"),
        (mapped((0x3FFF9E6D0000, 65536), (0x3FFF9E6B1000, 4096)), "ppc64le-radix-4k"),
        (mapped(*((0x3FFF9E6D0000 - n * 65536, 65000) for n in range(9))), "ppc64le-radix-64k"),
        (mapped(*((0x3FFFF7F00000 - n * 65536, 8192) for n in range(9))), "ppc64le-radix-64k"),
        (mapped(*((0x7FFF9FFD0000 - n * 65536, 8192) for n in range(9))), "ppc64le-radix-64k"),
        (mapped(*((0x7FFFB7F00000 - n * 16384, 8192) for n in range(9))), "loongarch64"),
        (mapped(*((0x7FFFB7F00000 - n * 65536, 65536) for n in range(9))), None),  # whole pages prove nothing
        (mapped(*((0x3FFF7F00000 - n * 65536, 8192) for n in range(9))), "arm64-64k"),
        (mapped((0xFFFF829EE000, 8192)), "arm64-4k"),
        (b"mmap(NULL, 096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f70baf9c000\n", None),
        (mapped((0x40017000, 4096), call="old_mmap") + b"brk(0) = 0x807d000\n", "i386"),
        (mapped((0x40017000, 4096), call="mmap2") + b"brk(0) = 0x2a000\n", "arm"),
        (mapped((0xB6F37000, 4096), call="mmap2") + b"brk(0) = 0x2059000\n", "arm"),
        (mapped((0xF632E000, 8192), call="mmap2"), "ia32"),
        (
            b'openat(AT_FDCWD, "/lib/aarch64-linux-gnu/libc.so.6", O_RDONLY) = 3\n'
            + mapped((0x7FAB833000, 8192), (0x7FAB830000, 12288)),
            "arm64-4k-39",
        ),
    ],
)
def test_the_machine_shows_in_names_and_places(log: bytes, arch: str | None) -> None:
    origin = origin_of(log)
    assert origin.arch == arch
    assert bool(origin.note) == (arch is not None)
    assert read_data(log, "t").arch == arch


def elf(wide: bool, low_first: bool, machine: int) -> bytes:
    """A loader's read of a library's header."""
    number = machine.to_bytes(2, "little" if low_first else "big")
    head = b"\\177ELF\\%d\\%d\\1" % (1 + wide, 1 + (not low_first)) + b"\\0" * 9
    head += b"\\3\\0" if low_first else b"\\0\\3"
    return b'read(3, "%b"..., 832) = 832\n' % (head + b"".join(b"\\%03o" % byte for byte in number))


HIGH, LOW = mapped((0x7F70BAF9C000, 8192), (0x7F70BAF99000, 12288)), mapped((0x2AAAB000, 4096), call="mmap2")
BRK = b"brk(0) = 0x100000a0\n"
STARTED = b'execve("./p", ["p"], 0x%x /* 9 vars */) = 0\n'


@pytest.mark.parametrize(
    ("log", "arch", "words"),
    [
        (BRK + LOW + elf(False, True, 8), "i386", "32-bit MIPS, by the headers"),
        (BRK + LOW + elf(False, False, 20), "i386", "32-bit PPC, by the headers"),
        (LOW + elf(False, True, 40), "arm", "32-bit ARM, by the headers"),
        (LOW + elf(False, True, 3), "i386", "i386, by the headers"),
        (mapped((0xF7ED1000, 4096), call="mmap2") + elf(False, True, 3), "ia32", "ia32"),
        (mapped((0xF7ED1000, 4096), call="mmap2") + elf(False, False, 2), "ia32", "32-bit SPARC"),
        (HIGH + elf(True, True, 62), None, ""),
        (mapped((0x6E70D70000, 9152), (0x6EF9AE9000, 44480)) + elf(True, True, 62), None, ""),  # of Linux 2.4
        (HIGH + elf(True, True, 258), "loongarch64", "by the headers"),
        (mapped((0x3FF305A000, 8192)) + elf(True, True, 243), "riscv64-sv39", "by the headers"),
        (mapped((0x20000010000, 8192)) + elf(True, True, 0x9026), None, "alpha, by the headers"),
        (HIGH + elf(False, True, 40), None, ""),  # a linker's
        (HIGH + elf(True, True, 183) + elf(True, True, 62), None, ""),  # a debugger's
        (STARTED % 0x3FFFC25D40 + mapped((0x3FF305A000, 8192)), "riscv64-sv39", "38 bits"),
        (STARTED % 0x3FFDD9FDD30 + mapped((0x3FFB41FC000, 8192)), "s390x", "42 bits"),
        (STARTED % 0x7FE26C6408 + mapped((0x7FAB833000, 8192)), "arm64-4k-39", "39 bits"),
        (STARTED % 0x7FFD12345678 + mapped((0x3FF305A000, 8192)), None, ""),
    ],
)
def test_headers_of_libraries_and_the_stack_tell_the_machine(
    log: bytes, arch: str | None, words: str
) -> None:
    origin = origin_of(log)
    assert origin.arch == arch
    assert words in origin.note and not origin.foreign


def test_a_machine_that_nobody_here_is_like_is_refused_unless_one_is_named() -> None:
    log = b"brk(0) = 0x6000000000010000\n" + mapped((0x2000000000050000, 65536)) + elf(True, True, 50)
    trace = read_data(log, "t")
    with pytest.raises(InputError, match="the log is of ia64, by the headers"):
        machine_of(trace)
    assert machine_of(trace, "x86_64").arch.label == "x86_64"


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (b"set_thread_area(0x77efbdf0) = 0\n" + mapped((0x7793D000, 4096), call="mmap2"), "MIPS"),
        (mapped((0x2AAA8000, 4096), call="old_mmap") + b"brk(0) = 0x411000\n", "not of i386"),
        (mapped((0xFFF7B8C000, 8192), (0xFFF7B7C000, 65536)), "64-bit MIPS"),
        (mapped((0x4013F000, 4096), call="mmap2"), "nothing tells from others"),
    ],
)
def test_a_machine_that_stands_in_for_another_is_named_as_such(log: bytes, words: str) -> None:
    assert words in origin_of(log).note


def test_programs_of_other_machines_are_not_taken_for_those_of_a_log(tmp_path: Path) -> None:
    assert machines_of(None) == machines_of("x86_64-4l")
    assert machines_of("arm64-4k-39") == (183,)
    assert machines_of("arm64-64k") == ()
    log = b'execve("/bin/true", ["true"], 0xffffd0 /* 9 vars */) = 0\n' + mapped((0xFFFF829EE000, 8192))
    (tmp_path / "log").write_bytes(log)
    assert not any("on this machine" in note for note in load(tmp_path / "log").notes)


def test_what_an_exec_mapped_is_not_made_up_where_nothing_shows_it(tmp_path: Path) -> None:
    log = b'execve("/bin/x", ["x"], [/* 9 vars */]) = 0\nbrk(0) = 0x807d000\n'
    (tmp_path / "log").write_bytes(log + mapped((0x40017000, 4096), call="old_mmap"))
    trace = load(tmp_path / "log")
    assert trace.arch == "i386"
    assert ev.K_INIT_VMA not in trace.columns["kind"].tolist()
    assert any("what the exec of /bin/x mapped" in note for note in trace.notes)


def test_mappings_that_rise_or_lie_apart_prove_no_large_pages() -> None:
    """The kernel fills from the top; addresses that a person made up rise, or lie apart."""
    line = "mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {:#x}\n"
    for step in (0x10000, 0x100000, -0x100000):
        text = "".join(line.format(0x7F0000000000 + n * step) for n in range(1, 30))
        assert origin_of(text.encode()).arch is None, step
    text = "".join(line.format(0x7F0000000000 - n * 0x10000) for n in range(1, 30))
    assert origin_of(text.encode()).arch == "ppc64le-radix-64k"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("0x7975185000", "as arm64-4k-39 does"),
        ("0x3ffa1234000", "as s390x does"),
        ("0x3fff91230000", "as ppc64le-radix-64k does"),
        ("0xb6f00000", "--arch i386, arm, ia32"),
        ("0x7f0000000000", ""),
        ("0x2a9556c000", ""),
        ("0x2aaaaaaac000", ""),
    ],
)
def test_a_lone_mapping_where_x86_64_has_none_is_said_to_be_assumed(address: str, told: str) -> None:
    note = origin_of(
        f"mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {address}\n".encode()
    ).note
    assert note.startswith("nothing in the log names its machine: x86-64 is assumed") == bool(told)
    assert told in note


def test_protections_of_arm64_are_left_out_and_said() -> None:
    trace = read_data(
        b"mmap(NULL, 8192, PROT_READ|PROT_WRITE|PROT_MTE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xffff829ee000\n"
        b"mprotect(0xffff829ee000, 4096, PROT_READ|PROT_EXEC|PROT_BTI) = 0\n",
        "log",
    )
    assert trace.columns["a2"].tolist() == [3, 5]
    assert any(note.startswith("PROT_BTI and PROT_MTE of arm64: left out") for note in trace.notes)


def test_cacheflush_of_mips_has_other_arguments_than_that_of_arm() -> None:
    log = (
        "old_mmap(NULL, 20, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x2aaae000\n"
        "cacheflush(0x2aaae000, {}) = 0\n"
    )
    assert "MIPS" in origin_of(log.format("20, BCACHE").encode()).note
    assert "ARM" in origin_of(log.format("0x2aaaf000, 0, 0x1, 0").encode()).note


_CALLS = ("mmap(NULL, 4096, ", "brk(", "<... mmap resumed>", "fcntl(3, F_GETFL", "mremap(")
_ADDRESSES = (
    *(
        0x1000,
        0x8002,
        0xBFFF_F000,
        END_OF_32_BITS - 1,
        END_OF_32_BITS,
        0x7F20_A3F9_6000,
        X86_64_END - 1,
        X86_64_END,
    ),
    *(X86_64_END + 1, 0x7FFF_FFFF_FFFF, 0x8000_0000_0000, 0xFFFF_9000_0000, 1 << 56),
    *(0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_0000_0000),
)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(_CALLS),
            st.sampled_from(_ADDRESSES),
            st.sampled_from(["x", "016x", "014x"]),
        ),
        max_size=8,
    )
)
def test_what_is_asked_of_the_highest_address_is_told_without_it(lines: list[tuple[str, int, str]]) -> None:
    head = "".join(f"{call}) = 0x{address:{form}}\n" for call, address, form in lines).encode()
    places, highest = Places(head), Places(head).highest
    assert places.is_wide == (highest >= END_OF_32_BITS)
    assert places.is_beyond_x86 == (highest > X86_64_END)
    assert places.highest == highest
    assert places.results == Places(head).results
