"""Lines that are looked at eight bytes at a time are read as the plain reader reads them, byte by byte."""

import mmap
import random
from pathlib import Path

import pytest

from benchmarks.genlog import generate

from .test_strace_fast import assert_same

BEHIND = [
    b",",
    b")",
    b" ",
    b"x",
    b"/",
    b":",
    b"g",
    b"`",
    b"\0",
    b"\x10",
    b"\x7f",
    b"\x80",
    b"\xb0",
    b"\xb9",
    b"\xff",
]
MMAP = b"7 mmap(NULL, 4096, %s, %s, -1, 0) = 0x7f0b87c9a000\n"
FLAGS = [
    b"MAP_PRIVATE",
    b"MAP_ANONYMOUS",
    b"MAP_FIXED",
    b"MAP_STACK",
    b"MAP_NORESERVE",
    b"0x40",
    b"MAP_32BIT",
    b"8",
]


@pytest.mark.parametrize("begin", [b"", b"0x", b"0", b"-", b"-0x", b"0x0"])
def test_numbers_of_every_length_are_read_alike(begin: bytes) -> None:
    lines = []
    for digits in (
        b"7654321098765432109876",
        b"89abcdef0123456789abcdef",
        b"0000000000000000000000",
        b"ABCDEFG",
    ):
        for length in range(len(digits) + 1):
            number = begin + digits[:length]
            for behind in BEHIND:
                lines.append(b"7 munmap(%s%s 4096) = 0" % (number, behind))
                lines.append(b"7 munmap(4096, %s%s = 0" % (number, behind))
                lines.append(b"7 brk(0x1000) = %s%s" % (number, behind))
            lines.append(b"7 munmap(%s, %s) = 0" % (number, number))
            lines.append(b"7 brk(NULL)  = %s" % number)
    assert_same(b"\n".join(lines) + b"\n")


@pytest.mark.parametrize(
    "line",
    [
        b"7 mprotect(0x1000, 4096, PROT_READ) = 0",
        b"7 <... mprotect resumed>) = 0",
        b"7 process_madvise(5, [], 0, MADV_COLD, 0) = 0",
        b"7 1795375722.000172 brk(NULL)    = -1 ENOMEM (Cannot) <0.000012>",
        b'7 openat(AT_FDCWD</srv>, "/srv/\\"a", O_RDONLY) = 3</srv/a>',
        b"7 --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10} ---",
    ],
)
def test_any_byte_anywhere_in_a_line_is_read_alike(line: bytes) -> None:
    begun = b"7 mprotect(0x1000, 4096, PROT_READ <unfinished ...>\n" if b"resumed" in line else b""
    put = [line[:at] + bytes([byte]) + line[at:] for at in range(len(line)) for byte in range(256)]
    changed = [line[:at] + bytes([byte]) + line[at + 1 :] for at in range(len(line)) for byte in range(256)]
    for some in (put, changed):
        assert_same(begun + (b"\n" + begun).join(some) + b"\n")


@pytest.mark.parametrize("letters", [b"a", b"mmap", b"get_x9", b"SYS_"])
def test_names_of_every_length_are_read_alike(letters: bytes) -> None:
    names = [(letters * 30)[:length] for length in range(30)]
    shapes = (b"7 %s(1) = 0", b"7 <... %s resumed>) = 0", b"7 %s", b"7 %s\0(1) = 0", b"7 %s<1> = 0")
    assert_same(b"".join(shape % name + b"\n" for name in names for shape in shapes))


def test_time_stamps_and_durations_of_every_length_are_read_alike() -> None:
    rng = random.Random(1)
    lines = []
    for _ in range(6000):
        digits = b"1795375722"[: rng.choice([10, 10, 10, 10, 9, 8, 1, 0])] + rng.choice(
            [b"", b"", b"", b"", b"3", b"x"]
        )
        fraction = b"0123456789"[: rng.choice([6, 6, 6, 9, 8, 7, 3, 1, 0, 10])]
        stamp = (
            digits
            + rng.choice([b".", b".", b".", b".", b"", b",", b":"])
            + fraction
            + rng.choice([b" ", b" ", b"  ", b""])
        )
        took = b" <%s.%s>" % (
            rng.choice([b"0", b"0", b"", b"12", b"00"]),
            b"9876543210"[: rng.choice([6, 6, 9, 8, 0, 10])],
        )
        who = rng.choice(
            [b"7 ", b"7  ", b"[pid 7] ", b"17795375722 ", b"99999999 ", b"100000000 ", b"7<a b> ", b""]
        )
        lines.append(
            who + stamp + b"brk(NULL) = 0x1000" + rng.choice([took, took, b"", took + b" ", took[:-1]])
        )
    assert_same(b"\n".join(lines) + b"\n")


def test_arguments_that_are_remembered_are_those_that_stand_there() -> None:
    rng = random.Random(2)
    lines = []
    for _ in range(6000):
        flags = b"|".join(rng.choice(FLAGS) for _ in range(rng.randint(1, 6)))
        prot = rng.choice(
            [b"PROT_READ", b"PROT_READ|PROT_WRITE", b"PROT_NONE", b"PROT_READ|PROT_EXEC", b"PROT_REED"]
        )
        kind = rng.randrange(6)
        if kind == 0:  # another byte
            at = rng.randrange(len(flags))
            flags = flags[:at] + bytes([rng.choice(b"_|A0<x \xdf")]) + flags[at + 1 :]
        elif kind == 1:
            flags += rng.choice([b" /* x */", b"<1>", b"|", b"||", b"|x", b" |", b"=1"])
        lines.append(MMAP % (prot, flags))
        lines.append(
            b"7 madvise(0x7f0b87c9a000, 4096, %s%s\n"
            % (flags, rng.choice([b") = 0", b" <unfinished ...>", b""]))
        )
    assert_same(b"".join(lines))


def test_blanks_and_lines_of_every_length_are_read_alike() -> None:
    lines = [b"7 brk(NULL)%s= 0x1000" % (b" " * count) for count in range(40)]
    lines += [b'7 read(3, "%s", 4096) = 1' % (b"(" * count) for count in range(140)]
    lines += [b'7 read(3, "%sx(", 4096) = 1' % (b"." * count) for count in range(140)]
    lines += [b'7 read(3, "%s <... x", 4096) = 1' % (b"." * count) for count in range(30)]
    lines += [b'7 open("/%s", O_RDONLY) = 3</%s>' % (b"a" * count, b"b" * count) for count in range(40)]
    lines += [b"7 munmap(0x1000, 4096) = 0" + b"\r" * count for count in range(3)] + [b"\r", b"", b" "]
    assert_same(b"\n".join(lines) + b"\n")
    assert_same(b"\n".join(lines * 3))


@pytest.mark.parametrize(
    "behind",
    [
        *(
            b"<unfinished ...>",
            b"<detached ...>",
            b"<ptrace(SYSCALL):No such process>",
            b"<unfinished ...> <0.000003>",
        ),
        *(b"</a>", b"</a> <0.000003>", b"</a ...>", b"<>", b"<pipe:[5]>", b"<anon_inode:inotify>"),
    ],
)
@pytest.mark.parametrize("result", [b"-1", b"-22", b"-4096", b"0", b"3", b"0x10000"])
def test_a_result_that_something_in_angles_touches_is_read_alike(result: bytes, behind: bytes) -> None:
    calls = (b"munmap(0x1000, 4096", b"brk(NULL", b"dup(3", b'open("/a", O_RDONLY', b"close(3", b"vfork(")
    whole = b"".join(b"7 %s) = %s%s\n" % (call, result, behind) for call in calls)
    for call in calls:
        name = call.partition(b"(")[0]
        assert_same(
            whole + b"7 %s <unfinished ...>\n7 <... %s resumed>) = %s%s\n" % (call, name, result, behind)
        )


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_nothing_behind_the_end_of_a_mapped_log_is_read(cut: int, tmp_path: Path) -> None:
    """The page behind its last one cannot be read: the process would end here."""
    text = generate(400, seed=5)
    text = text[-(len(text) // 4096) * 4096 :]
    text = text[cut:] + text[len(text) - cut - 1 : -1] + b"\n" if cut else text
    path = tmp_path / "log"
    path.write_bytes(text[: len(text) // 4096 * 4096])
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as log:
        assert len(log) % 4096 == 0
        assert_same(log)


def test_blocks_of_short_lines_take_several_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remaptrace.trace.strace.fast.BLOCK_BYTES", 4096)
    short = b"".join(b"%d brk(%d) = 1\n" % (number % 9 + 1, number) for number in range(3000)) + b"\n" * 3000
    for threads in (1, 3):
        assert_same(short + b"5 munmap(0x1000, 4096) = 0\n" + short, threads)


def test_a_line_that_a_notice_broke_goes_on_in_the_next_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remaptrace.trace.strace.fast.BLOCK_BYTES", 1)
    lines = [b"7 munmap(strace: Process 8 attached", b"7 munmap(0x1000, 4096) = 0", b"0x1000, 4096) = 0"]
    for order in ((0, 2), (0, 1), (1, 0, 1), (0, 0, 2, 1), (1, 0, 2, 1, 1, 0, 1, 0)):
        assert_same(b"".join(lines[line] + b"\n" for line in order))
