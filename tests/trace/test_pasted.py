"""Logs as mails, pages and other logs pass them on are read as if nothing had happened to them."""

from __future__ import annotations

import contextlib
import html
import json
import quopri
import re
import textwrap
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.errors import InputError
from remaptrace.trace.detect import read_data
from remaptrace.trace.events import Trace
from remaptrace.trace.pasted import broken, unpasted

WITH_PIDS = (
    b'15328 execve("/bin/sh", ["sh"], 0x7ffc /* 9 vars */) = 0\n'
    b"15328 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0b87c9a000\n"
    b'15328 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3\n'
    b"15328 mprotect(0x7f0b87c9a000, 4096, PROT_NONE) = 0\n"
    b"15328 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD <unfinished ...>\n"
    b"15330 munmap(0x7f0b87c9a000, 8192) = 0\n"
    b"15328 <... clone resumed>, child_tidptr=0x7f20a3f96a10) = 15330\n"
    b"15330 mprotect(0x1, 4096, PROT_NONE) = -1 EINVAL (Invalid argument)\n"
    b"15330 +++ exited with 0 +++\n"
    b"15328 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=15330, si_uid=0, si_status=0} ---\n"
    b"15328 exit_group(0) = ?\n"
    b"15328 +++ exited with 0 +++\n"
)
NO_PIDS = (
    b"brk(NULL) = 0x55d0c0000000\n"
    b"mmap(NULL, 69632, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_STACK, -1, 0) = 0x7f73baf9c000\n"
    b"mprotect(0x7f73baf9c000, 4096, PROT_NONE) = 0\n"
    b"munmap(0x7f73baf9c000, 69632) = 0\n"
)
Change = Callable[[bytes], bytes]


def prefixed(make: Callable[[int], str]) -> Change:
    return lambda log: b"".join(
        make(number).encode() + line + b"\n" for number, line in enumerate(log.splitlines(), 1)
    )


def wrapped(width: int) -> Change:
    def change(log: bytes) -> bytes:
        out = []
        for line in log.decode().splitlines():
            out += textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
        return "\n".join(out).encode() + b"\n"

    return change


def hard_wrapped(log: bytes) -> bytes:
    return b"".join(line[at : at + 80] + b"\n" for line in log.splitlines() for at in range(0, len(line), 80))


def highlighted(line: bytes) -> bytes:
    before, paren, behind = (html.escape(part, quote=False) for part in line.decode().partition("("))
    return f'<span class="nf">{before}</span><span class="p">{paren}</span><span>{behind}</span>\n'.encode()


def docker(log: bytes) -> bytes:
    rows = [
        json.dumps({"log": line + "\n", "stream": "stderr", "time": "2024-03-03T10:11:12.1Z"})
        for line in log.decode().splitlines()
    ]
    return "\n".join(rows).encode() + b"\n"


CHANGES: dict[str, Change] = {
    "indented": prefixed(lambda _: "    "),
    "tab": prefixed(lambda _: "\t"),
    "quoted": prefixed(lambda _: "> "),
    "quoted twice": prefixed(lambda _: "> > "),
    "quoted close": prefixed(lambda _: ">"),
    "added": prefixed(lambda _: "+ "),
    "bar": prefixed(lambda _: "| "),
    "journald": prefixed(lambda n: f"Mar {n % 9:2} 10:11:{n % 60:02} host1 strace[4242]: "),
    "iso syslog": prefixed(lambda n: f"2024-03-03T10:11:{n % 60:02}.123456+00:00 host-1 prog: "),
    "github": prefixed(lambda n: f"2024-03-03T10:11:{n % 60:02}.1234567Z "),
    "console": prefixed(lambda n: f"[{n:5}.123456] "),
    "logcat": prefixed(lambda n: f"03-03 10:11:{n % 60:02}.123  4242  4243 I strace  : "),
    "kubernetes": prefixed(lambda n: f"2024-03-03T10:11:{n % 60:02}.123456789Z stderr F "),
    "compose": prefixed(lambda _: "web-1  | "),
    "less -N": prefixed(lambda n: f"{n:7} "),
    "numbered": prefixed(lambda n: f"({n}) "),
    "br": lambda log: log.replace(b"\n", b"<br>\n"),
    "br alone": lambda log: log.replace(b"\n", b"<br/>"),
    "list of html": lambda log: b"".join(
        b"<li><code>" + html.escape(line.decode(), quote=False).encode() + b"</code></li>\n"
        for line in log.splitlines()
    ),
    "highlighted": lambda log: b"".join(highlighted(line) for line in log.splitlines()),
    "backquoted": lambda log: b"".join(b"`" + line + b"`\n" for line in log.splitlines()),
    "strings of a list": lambda log: b"".join(b"  '" + line + b"',\n" for line in log.splitlines()),
    "gdb": lambda log: b"".join(
        b"&%b\n" % json.dumps(f"{line}\n").encode() for line in log.decode().splitlines()
    ),
    "strings of JSON": lambda log: json.dumps(log.decode().splitlines(), indent=1).encode()[2:-2],
    "returns twice": lambda log: log.replace(b"\n", b"\r\r\n"),
    "backslashes": lambda log: log.replace(b") = 0x7f", b") \\\n= 0x7f"),
    "backslashes in arguments": lambda log: log.replace(b"MAP_ANONYMOUS, -1", b"MAP_ANONYMOUS, \\\n  -1"),
    "multiplied": lambda log: log.replace(b"0x", "0×".encode()),
    "wordpress": lambda log: log.replace(b"---", "—".encode()).replace(b'"', "“".encode()),
    "wide": lambda log: log.replace(b"(", "（".encode()).replace(b", ", "，".encode()),
    "grep -n": prefixed(lambda n: f"{n}:"),
    "grep -H": prefixed(lambda _: "strace.log:"),
    "grep -Hn": prefixed(lambda n: f"./out/strace.log:{n}:"),
    "cat -n": prefixed(lambda n: f"{n:6}\t"),
    "colours": prefixed(lambda _: "\x1b[1;32m\x1b[0m"),
    "mark": lambda log: b"\xef\xbb\xbf" + log,
    "utf-16": lambda log: log.decode().encode("utf-16"),
    "utf-16-le": lambda log: log.decode().encode("utf-16-le"),
    "utf-16-be": lambda log: log.decode().encode("utf-16-be"),
    "no-break blanks": lambda log: log.replace(b" ", b"\xc2\xa0"),
    "latin no-break blanks": lambda log: log.replace(b" ", b"\xa0"),
    "quoted-printable": quopri.encodestring,
    "html": lambda log: html.escape(log.decode()).encode(),
    "docker": docker,
    "returns": lambda log: log.replace(b"\n", b"\r"),
    "windows": lambda log: log.replace(b"\n", b"\r\n"),
    "fence": lambda log: b"```\n" + log + b"```\n",
    "fence in list": lambda log: b"```console\n" + prefixed(lambda _: "  ")(log) + b"```\n",
    "mail 72": wrapped(72),
    "mail 80": wrapped(80),
    "terminal": hard_wrapped,
    "quoted and wrapped": lambda log: prefixed(lambda _: "> ")(wrapped(70)(log)),
    "wrapped behind the quote": lambda log: wrapped(74)(prefixed(lambda _: "> ")(log)),
    "journald in windows": lambda log: prefixed(lambda _: "Mar 03 10:11:12 h x[1]: ")(log).replace(
        b"\n", b"\r\n"
    ),
}


def same(one: Trace, other: Trace) -> None:
    for name in ("kind", "task", "a0", "a1", "a2", "a3", "a4", "a5", "ret", "flags"):
        assert np.array_equal(one.columns[name], other.columns[name]), name
    assert one.tasks.tolist() == other.tasks.tolist()
    assert one.ignored == other.ignored


@pytest.mark.parametrize("log", [WITH_PIDS, NO_PIDS], ids=["pids", "none"])
@pytest.mark.parametrize("name", CHANGES)
def test_what_was_done_to_a_log_is_undone(name: str, log: bytes) -> None:
    plain = read_data(log, "log")
    pasted = read_data(CHANGES[name](log), "log")
    assert not [bad for bad in pasted.skipped if not bad.found.startswith("```")]
    same(plain, pasted)


@pytest.mark.parametrize("log", [WITH_PIDS, NO_PIDS], ids=["pids", "none"])
def test_a_log_as_it_was_recorded_stays_as_it_is(log: bytes) -> None:
    assert unpasted(log) == (log, [])


@pytest.mark.parametrize(
    "name", [n for n in CHANGES if n not in ("mark", "windows", "fence", "returns twice")]
)
def test_what_was_undone_is_said(name: str) -> None:
    assert unpasted(CHANGES[name](WITH_PIDS))[1]


@pytest.mark.parametrize("name", ["indented", "journald", "mail 72", "quoted-printable", "docker"])
def test_lines_keep_their_numbers(name: str) -> None:
    changed = CHANGES[name](WITH_PIDS)
    lines = changed.split(b"\n")
    trace = read_data(changed, "log")
    at = int(trace.columns["line"][trace.columns["kind"].tolist().index(2)])
    assert b"munmap(" in lines[at - 1]


@settings(max_examples=150)
@given(st.binary(max_size=300), st.sampled_from(sorted(CHANGES)), st.integers(0, 700))
def test_nothing_that_was_pasted_raises(junk: bytes, name: str, at: int) -> None:
    for data in (junk, WITH_PIDS[:at] + junk + WITH_PIDS[at:], CHANGES[name](WITH_PIDS)[:at] + junk):
        unpasted(data)
        with contextlib.suppress(InputError):
            read_data(data, "log")


@pytest.mark.parametrize("front", ["[{}] ", "{}: ", "[pid:{}] ", "pid {}: ", "[tid {}] ", "PID={} ", "{} | "])
def test_thread_ids_as_other_tracers_print_them_are_thread_ids(front: str) -> None:
    log = WITH_PIDS
    changed = b"".join(
        front.format(line[:5].decode()).encode() + line[6:] + b"\n" for line in log.splitlines()
    )
    same(read_data(log, "log"), read_data(changed, "log"))
    assert "the numbers in front of the lines are read as thread ids" in unpasted(changed)[1]


def test_numbers_of_calls_are_no_thread_ids() -> None:
    numbers = {b"brk": b"[  12] ", b"mmap": b"[   9] ", b"mprotect": b"[  10] ", b"munmap": b"[  11] "}
    log = NO_PIDS + NO_PIDS.replace(b"0x7f73", b"0x7f83")
    changed = b"".join(numbers[line.split(b"(")[0]] + line + b"\n" for line in log.splitlines())
    assert unpasted(changed) == (changed, [])
    same(read_data(log, "log"), read_data(changed, "log"))


def test_what_a_mailer_broke_inside_of_a_quoted_quotation_is_joined() -> None:
    text = (
        b">>>   > 2370  mmap(NULL, 262144, PROT_READ|PROT_WRITE,\n"
        b">>> MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>\n"
        b">>>   > 2370  <... mmap resumed>)               = 0x7fca68249000\n"
        b">>>   > 2370  munmap(0x7fca68249000, 4096) = 0\n"
    )
    trace = read_data(text, "log")
    assert not trace.skipped
    assert trace.columns["ret"].tolist() == [0x7FCA68249000, 0]


def test_calls_that_a_mailer_filled_into_paragraphs_are_read_apart() -> None:
    text = (
        b"mmap(NULL, 1052672, PROT_READ|PROT_EXEC, MAP_PRIVATE, 3, 0) =\n"
        b"0x2a95600000 mprotect(0x2a95604000, 1036288, PROT_NONE) = 0\n"
        b"mprotect(0x7fbfe09000, 4096,\nPROT_READ|PROT_WRITE|PROT_GROWSDOWN) = -1 EINVAL (Invalid\n"
        b"argument) mprotect(0x7fbfe02000, 32768,\nPROT_READ|PROT_WRITE) = -1\n"
        b"ENOMEM (Cannot allocate memory) close(3) = 0\n"
    )
    trace = read_data(text, "log")
    assert not trace.skipped
    assert trace.columns["ret"].tolist() == [0x2A95600000, 0, -22, -12, 0]


def test_results_that_a_terminal_broke_at_its_edge_are_joined() -> None:
    log = b"".join(
        b"mmap(0x73135%02x000, %d, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x73135%02x000\n"
        % (at, 10 ** (at % 7) * 4, at)
        for at in range(10, 40)
    )
    broken = b"\n".join(line[at : at + 90] for line in log.splitlines() for at in range(0, len(line), 90))
    trace = read_data(broken + b"\n", "log")
    assert not trace.skipped
    assert trace.columns["ret"].tolist() == [0x7313500000 + (at << 12) for at in range(10, 40)]


def test_results_at_the_edge_where_lines_were_cut_are_not_believed() -> None:
    lines = [
        b"mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0b8%03x0000" % n
        for n in range(8)
    ]
    cut = [line[:85] for line in lines]  # the last three digits are gone
    cut[1:3] = [
        b"mmap(0x7f0b80010000, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, "[:85]
    ] * 2
    trace = read_data(b"\n".join([*cut, b"munmap(0x7f0b80010000, 4096) = 0", b""]), "log")
    assert trace.columns["ret"].tolist() == [0]
    assert len(trace.skipped) == 8
    assert any("cut at 85 columns" in note for note in trace.notes)


def test_long_lines_of_a_whole_log_are_not_taken_for_cut_ones() -> None:
    line = b"mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0b80000000\n"
    assert unpasted(line * 5) == (line * 5, [])


_COLUMNS = st.sampled_from(
    [b"", b"15328 ", b"  1 ", b"[pid 7] ", b"123456789012 ", b"7 1690000000.123456 ", b"12:00:00 "]
)
_CALLED = st.sampled_from(
    [b"brk", b"mmap", b"x", b"<... brk resumed>", b"--- SIGHUP ", b"?", b"Brk", b"+++ exited"]
)
_INSIDE = st.text(alphabet='0x1ab ,|A_()[]{}<>"/*\\=', max_size=12).map(str.encode)
_BEHIND = st.sampled_from(
    [b") = 0", b") = 0x7f00", b")  = -1 E", b") = ?", b") =", b"", b" <unfinished ...>"]
)
_TOOK = st.sampled_from([b"", b" <0.000004>", b"\r", b" <0.1>\r", b" attached"])


@given(st.tuples(_COLUMNS, _CALLED, st.sampled_from([b"(", b""]), _INSIDE, _BEHIND, _TOOK).map(b"".join))
def test_lines_told_by_their_looks_are_told_as_by_their_parts(line: bytes) -> None:
    quick = broken.is_start(line), broken.lacks_end(line)
    with pytest.MonkeyPatch.context() as patch:
        never = re.compile(rb"(?!)")
        patch.setattr(broken, "_BEGINS", never)
        patch.setattr(broken, "_WHOLE", never)
        assert quick == (broken.is_start(line), broken.lacks_end(line))
