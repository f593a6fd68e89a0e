"""Lines like a line before are read as if there had been none: every byte of a line changed, and every number."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.genlog import generate
from remaptrace.trace.compiled import lexrows as lex
from remaptrace.trace.compiled.alike.forms import FORM_WORDS, FORMS_WORDS, LONGEST_FORM, SEEN
from remaptrace.trace.compiled.stracelex import lex_lines
from remaptrace.trace.compiled.wide import SLACK
from remaptrace.trace.strace.nametables import known_names

from .test_strace_fast import DATA, RECORDED, SEED_LINES, assert_same, content

HEADS = [
    b"",
    b"5  ",
    b"[pid 12345] ",
    b"1795375722.001234 ",
    b"4003  1795375722.001234 ",
    b"[pid  4003] 1795375722.001234567 ",
    b"     0.000123 ",
    b"77 12:34:56 ",
    b"77 12:34:56.123456 ",
    b"4003<bash> ",
    b"4003  1795375722.001234 [00007f623c388ca3] ",
    b"4003  [   9] ",
]
CALLS = [
    b"mmap(NULL, 135168, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7effffe00000",
    b"mmap(NULL, 4096, PROT_READ, MAP_SHARED, 3</usr/lib64/libz.so.6>, 0x15000) = 0x7efff000",
    b"mmap2(NULL, 4096, PROT_READ, MAP_SHARED, 3, 0x15) = 0xb7e00000",
    b"munmap(0x7effffe00000, 8)  = 0",
    b"munmap(0x7effffe00000, 12345678901234567) = 0",
    b"munmap(0x7effffe0, 1234567890123456) = -1 EINVAL (Invalid argument)",
    b"mprotect(0x7effffe00000, 4096, PROT_READ|PROT_WRITE) = 0",
    b"brk(0x555500021000)          = 0x555500021000",
    b"brk(NULL) = 0x1000",
    b"mremap(0x7effffe00000, 4096, 8192, MREMAP_MAYMOVE) = 0x7ef000000000",
    b'openat(AT_FDCWD</srv>, "/srv/16384/2606\\177", O_RDONLY|O_CLOEXEC) = 3</srv/16384/2606>',
    b'openat(AT_FDCWD, "/a1", O_RDWR|O_CREAT, 0644) = 31',
    b"close(12</srv/16384/2606>)   = 0",
    b"dup2(5, 17) = 17",
    b"fcntl(9, F_SETFD, FD_CLOEXEC) = 0",
    b"fcntl(9</a>, F_GETFD) = 0x1 (flags FD_CLOEXEC)",
    b"ioctl(9, TCGETS, {c_iflag=ICRNL|IXON, c_oflag=123}) = 0",
    b'read(9<socket:[222068]>, "\\27\\3a1("..., 8192) = 4711',
    b"futex(0x7f0012cd, FUTEX_WAKE_PRIVATE, 1) = 0xd",
    b"futex(0x7f0012cd, FUTEX_WAIT, 2, NULL <unfinished ...>",
    b"<... futex resumed>)  = 0",
    b"<... mmap resumed>)   = 0x7effffe00000",
    b"<... munmap resumed>) = 0",
    b"mmap(NULL, 135168, PROT_READ, MAP_PRIVATE, 7, 0 <unfinished ...>",
    b"mprotect(0x7effffe00000, 4096, 0x3 /* PROT_READ|PROT_WRITE */) = 0",
    b"madvise(0x7effffe00000, 4096, MADV_DONTNEED) = 0",
    b"--- SIGALRM {si_signo=SIGALRM, si_code=SI_TIMER, si_timerid=12, si_ptr=NULL} ---",
    b"set_robust_list(0x7f00a9d0, 24) = 0",
    b'write(1, "' + b"0123456789 " * 15 + b'"..., 8192) = 4711',
    b'read(7, "' + b"x" * 230 + b'", 8192) = 47',
]
BETWEEN = b"munmap(0x7effffe00000, 4096) = 0"
TAILS = [b"", b" <0.000034>", b" <12.345678>", b" <0.000000001>", b"\r"]
BYTES = [b"0", b"1", b"8", b"9", b"a", b"d", b"f", b"g", b"x", b" ", b"-", b'"', b"<", b"(", b")", b",", b"/"]
BYTES += [b":", b".", b"\\", b"\0", b"\xb0", b"\r", b"|", b"_"]
ALWAYS = (
    lex.L_OP,
    lex.L_TID,
    lex.L_TIME,
    lex.L_CLOCK,
    lex.L_STATE,
    lex.L_ARG,
    lex.L_SHOWN,
    lex.L_BEGIN,
    lex.L_TOOK,
)
Words = np.ndarray


class Lexer:
    """Rows of lines, and what was remembered of them."""

    def __init__(self) -> None:
        self.names = known_names()
        self.rows = np.zeros((80_001, lex.W), dtype=np.int64)
        self.forget()

    def forget(self) -> None:
        self.known = np.zeros((lex.KNOWN_ROWS, lex.KNOWN_WORDS), dtype=np.int64)
        self.forms = np.zeros(FORMS_WORDS, dtype=np.int64)

    def lexed(self, text: np.ndarray, start: int, stop: int) -> Words:
        """A row for each line of text[start:stop]."""
        tables = self.names.words, self.names.plain, self.names.texts
        count = lex_lines(text, start, stop, self.rows, *tables, self.known, self.forms)
        return self.rows[:count].copy()

    def forms_made(self) -> int:
        return int(np.count_nonzero(self.forms[SEEN::FORM_WORDS]))


def told(row: Words) -> list[int]:
    """What following a row looks at."""
    op, state = int(row[lex.L_OP]), int(row[lex.L_STATE])
    if op == lex.OP_SLOW:
        return [op]
    words = [int(row[word]) for word in ALWAYS]
    if op == lex.OP_FAULT:
        words += row[lex.L_A0 : lex.L_A0 + 3].tolist()
    of_descriptors = lex.OP_OPENAT <= op <= lex.OP_CLOSE or lex.OP_DUP <= op <= lex.OP_FDCTL
    if of_descriptors or lex.OP_PLAIN <= op < lex.OP_IGNORED:
        if state != lex.ST_RESUMED:
            words += row[lex.L_A0 : lex.L_A0 + 6].tolist()
        if state != lex.ST_UNFINISHED:
            words.append(int(row[lex.L_RET]))
    return words


def assert_alike(lexer: Lexer, lines: list[bytes]) -> None:
    """Read with what is remembered of those before, a line is what it is by itself.

    Each stands behind one of a memory call: forms are not looked for among lines of other calls.
    """
    lines = [one for line in lines for one in (BETWEEN, line)]
    log = b"\n".join(lines) + b"\n"
    text = np.frombuffer(log + bytes(SLACK), dtype=np.uint8)
    lexer.forget()
    together = lexer.lexed(text, 0, len(log))
    start = 0
    for line, row in zip(lines, together, strict=True):
        lexer.forms[:] = 0
        alone = lexer.lexed(text, start, start + len(line) + 1)
        assert told(row) == told(alone[0]), line
        start += len(line) + 1


@pytest.fixture(scope="module")
def lexer() -> Lexer:
    return Lexer()


def changed(line: bytes, rng: random.Random) -> bytes:
    """The line with other digits, as many."""
    return re.sub(rb"\d", lambda found: b"%d" % rng.randrange(10) if rng.random() < 0.5 else found[0], line)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[:16].decode())
def test_a_line_with_any_byte_changed_is_read_as_if_it_stood_alone(lexer: Lexer, call: bytes) -> None:
    rng = random.Random(len(call))
    for head in HEADS if len(call) < 100 else HEADS[3:6]:
        line = head + call + (TAILS[1] if call.endswith((b"0", b"1", b"7")) else b"")
        lines = [line] * 3
        for at in range(len(line)):
            lines += [line[:at] + byte + line[at + 1 :] for byte in rng.sample(BYTES, 9)]
        lines += [line[:at] + line[at + 1 :] for at in range(0, len(line), 3)]
        lines += [changed(line, rng) for _ in range(40)]
        assert_alike(lexer, [one.replace(b"\n", b"") for one in lines])


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("head", HEADS)
def test_lines_with_other_numbers_are_read_as_if_they_stood_alone(
    lexer: Lexer, head: bytes, tail: bytes
) -> None:
    rng = random.Random(7)
    lines = [head + call + tail for call in CALLS for _ in range(2)]
    lines += [changed(head + call + tail, rng) for _ in range(30) for call in rng.sample(CALLS, len(CALLS))]
    assert_alike(lexer, lines)


def test_recorded_lines_are_read_as_if_they_stood_alone(lexer: Lexer) -> None:
    rng = random.Random(3)
    lines = [line for line in SEED_LINES if b"\n" not in line and line]
    assert_alike(lexer, [*lines, *lines, *(changed(line, rng) for _ in range(12) for line in lines)][:39_000])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(HEADS),
    st.sampled_from(CALLS),
    st.sampled_from(TAILS),
    st.lists(st.tuples(st.integers(0, 300), st.binary(min_size=1, max_size=1)), max_size=8),
    st.integers(0, 1 << 30),
)
def test_lines_changed_in_several_places_are_read_as_if_they_stood_alone(
    head: bytes, call: bytes, tail: bytes, places: list[tuple[int, bytes]], seed: int
) -> None:
    rng = random.Random(seed)
    line = head + call + tail
    lines = [line, line]
    for place, byte in places:
        at = place % len(line)
        lines += [changed(line[:at] + byte.replace(b"\n", b"0") + line[at + 1 :], rng), changed(line, rng)]
    assert_alike(Lexer(), lines)


@pytest.mark.parametrize(
    "length",
    [
        7,
        8,
        9,
        63,
        64,
        65,
        127,
        128,
        129,
        191,
        192,
        193,
        LONGEST_FORM - 1,
        LONGEST_FORM,
        LONGEST_FORM + 1,
        640,
    ],
)
def test_lines_of_every_length_end_where_they_end(lexer: Lexer, length: int) -> None:
    path = b'openat(AT_FDCWD, "/%s", O_RDONLY) = 3'
    fill = length - len(path) + 2
    line = path % (b"a" * fill) if fill > 0 else b"1 gettid() = 1"[:length]
    for behind in (b"", b"\r"):
        assert_alike(lexer, [line + behind, line, line, line[:-1] + b"4", line + b"4", line[:-1], b"", line])


def test_usual_lines_are_of_forms(lexer: Lexer) -> None:
    log = generate(20_000, seed=5)
    text = np.frombuffer(log + bytes(SLACK), dtype=np.uint8)
    lexer.forget()
    lexer.lexed(text, 0, len(log))
    assert 50 < lexer.forms_made() < 500


def test_a_form_gives_way_to_lines_that_come_more_often_than_it(lexer: Lexer) -> None:
    lines = [
        b"munmap(0x7effffe00000, %s) = 0" % size
        for size in (b"0001", b"4096", b"0002", b"0003", b"0777", b"9999")
    ]
    assert_alike(lexer, [line for line in lines for _ in range(40)])


def test_logs_of_changed_lines_are_read_alike() -> None:
    rng = random.Random(11)
    lines = [line for line in generate(3000, seed=9, split=0.4).splitlines() if b"clone" not in line]
    assert_same(b"\n".join([*lines, *(changed(line, rng) for line in lines)]) + b"\n")


@pytest.mark.parametrize(
    "name", [b"x (12, 3)", b"a b(1, 4096, 7", b"(sd-pam) 0x10", b"1 munmap(12, 3", b"(7)"]
)
@pytest.mark.parametrize(
    "call", [b"munmap(12, 3) = 0", b"dup2(1, 7) = 7", b"pread64(1, 4096, 7, 0) = 7", b"brk(NULL) = 0x1000"]
)
def test_numbers_in_the_name_of_a_thread_are_none_of_its_call(lexer: Lexer, name: bytes, call: bytes) -> None:
    rng = random.Random(len(name))
    line = b"4003<%s> %s" % (name, call)
    lines = [line] * 4 + [changed(line, rng) for _ in range(60)]
    lines += [line.replace(name, changed(name, rng)) for _ in range(20)]
    assert_alike(lexer, lines)
    assert_same(b"\n".join([*lines, b""]))


@pytest.mark.parametrize(
    "path", [*sorted(DATA.glob("f*.gz")), *RECORDED], ids=lambda path: path.parts[-2] + path.name
)
def test_recorded_logs_with_other_digits_are_read_as_the_plain_reader_reads_them(path: Path) -> None:
    rng = random.Random(path.name)
    lines = [line for line in content(path).splitlines()[:1500] for _ in range(rng.randrange(1, 3))]
    assert_same(b"\n".join([*(changed(line, rng) if rng.random() < 0.3 else line for line in lines), b""]))
