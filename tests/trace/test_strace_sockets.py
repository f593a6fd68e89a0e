"""Ends of connections that strace -yy writes behind a descriptor have an arrow in their names."""

from __future__ import annotations

from pathlib import Path

import pytest

import remaptrace
from remaptrace.trace.detect import load
from remaptrace.trace.strace.args import split_arguments
from remaptrace.trace.strace.knownfiles import NO_CLOSES

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


LOADER = (
    '7 execve("/bin/x", ["x"], 0x7ffe0 /* 1 var */) = 0\n'
    '7 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3\n'
    "7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f0000000000\n"
    "{close}"
    '7 openat(AT_FDCWD, "/lib/libc.so.6", O_RDONLY|O_CLOEXEC) = 3\n'
    "{close}"
)
RECEIVED = (
    '7 recvmsg(4, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="x", iov_len=1}], msg_iovlen=1, '
    "msg_control=[{cmsg_len=20, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[3]}], msg_controllen=24, "
    "msg_flags=MSG_CMSG_CLOEXEC}, MSG_CMSG_CLOEXEC) = 1\n"
    "7 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_SHARED, 3, 0) = 0x7f0000100000\n"
)


def names_at_the_end(path: Path, text: str) -> tuple[list[str], list[str]]:
    path.write_text(text)
    (trace,) = load([str(path)])
    result = remaptrace.replay(trace, remaptrace.Machine.load())
    return [row.file or "" for row in result.vmas() if row.start == 0x7F0000100000], trace.notes


def test_a_file_that_came_through_a_socket_has_no_name_but_what_the_log_tells(tmp_path: Path) -> None:
    text = LOADER.replace("{close}", "7 close(3) = 0\n") + RECEIVED
    (name,), notes = names_at_the_end(tmp_path / "log", text)
    assert name.startswith("file@") and NO_CLOSES not in notes
    (told,), _ = names_at_the_end(
        tmp_path / "log", text.replace("SHARED, 3,", "SHARED, 3</memfd:m>(deleted),")
    )
    assert told.startswith("/memfd:m")


def test_a_log_without_closes_says_that_names_of_files_are_a_guess(tmp_path: Path) -> None:
    _, notes = names_at_the_end(tmp_path / "log", LOADER.replace("{close}", "") + RECEIVED)
    assert NO_CLOSES in notes
    once = LOADER.replace("{close}", "").splitlines(keepends=True)[:3]
    assert NO_CLOSES not in names_at_the_end(tmp_path / "log", "".join(once))[1]
    again = "".join(once) + "".join(once)  # execve closed what it had open
    assert NO_CLOSES not in names_at_the_end(tmp_path / "log", again)[1]
