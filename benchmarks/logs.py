"""Logs that the benchmarks read: made up, each written once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

from .genlog import Log
from .spent import folder

LINES = 1_000_000
PAGE = 4096
TIMES = 10


@cache
def usual() -> Path:
    """LINES lines of a busy server and its workers."""
    return _written("usual.strace", islice(Log(1).lines(), LINES))


@cache
def large() -> Path:
    """The same server for TIMES as long; takes a minute or two to write."""
    return _written("large.strace", islice(Log(1).lines(), TIMES * LINES))


@cache
def of_processes(number: int, lines: int = LINES // 2) -> Path:
    """A log of a server with so many processes."""
    log = Log(1, processes=number, areas=min(700, 5600 // number + 20))
    return _written(f"processes-{number}.strace", islice(log.lines(), lines))


@cache
def of_one_process(areas: int = LINES) -> Path:
    """One process that maps `areas` areas and takes access from the second of each two pages."""
    return _written("one.strace", _areas(areas))


def _areas(number: int) -> Iterator[bytes]:
    yield b'1000 execve("/bin/one", ["one"], 0x7ffc6fad0b80 /* 1 var */) = 0\n'
    low = 0x7000_0000_0000
    for i in range(number // 2):
        at = low + 3 * PAGE * i
        call = f"mmap({at:#x}, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0)"
        yield f"1000 {call} = {at:#x}\n".encode()
        yield f"1000 mprotect({at + PAGE:#x}, 4096, PROT_NONE) = 0\n".encode()


def _written(name: str, lines: Iterator[bytes]) -> Path:
    path = folder() / name
    with path.open("wb") as file:
        while some := b"".join(islice(lines, 100_000)):
            file.write(some)
    return path
