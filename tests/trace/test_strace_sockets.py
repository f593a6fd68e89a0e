"""Ends of connections that strace -yy writes behind a descriptor have an arrow in their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.trace.detect import load
from remaptrace.trace.strace.args import split_arguments

PAIR = b"3<UNIX-STREAM:[2751653->2751654]>"
TCP = b"3<TCP:[192.0.2.1:5->192.0.2.2:80]>"


@pytest.mark.parametrize("end", [PAIR, TCP, b"3<socket:[5]>", b"3</tmp/a->b>"])
def test_what_stands_behind_the_arrow_belongs_to_the_descriptor(end: bytes) -> None:
    assert split_arguments(b"(" + end + b", F_GETFL) = 2", 1)[0] == [end, b"F_GETFL"]


def test_connections_leave_no_line_unread(tmp_path: Path) -> None:
    text = (
        '7 execve("/bin/x", ["x"], 0x7ffe0 /* 1 var */) = 0\n'
        "7 socketpair(AF_UNIX, SOCK_STREAM, 0, [3<UNIX-STREAM:[21->22]>, 4<UNIX-STREAM:[22->21]>]) = 0\n"
        "7 fcntl(3<UNIX-STREAM:[21->22]>, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
        "7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n"
    )
    (tmp_path / "log").write_text(text)
    (trace,) = load([str(tmp_path / "log")])
    assert not trace.skipped
