"""Opens inputs: plain, gzip, zstd, xz or bzip2, a path or `-` for standard input.

A pipe gives what it holds once: whoever opens one has read it, so nobody looks at its beginning first.
Compression is known by content, never by name.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager, suppress
from itertools import chain

from .. import errorcodes as ec
from ..errors import InputError
from .incoming.unpacking import INPUT_BLOCK, is_compressed, plain_blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap
    from typing import BinaryIO

MAP_FROM = 8 << 20
"""Bytes from which a file is read where it lies instead of being copied."""
SPOOL_FROM = 32 << 20
"""Bytes from which what is compressed or comes through a pipe goes into a file instead of being held."""


def read_input(path: str) -> bytes:
    """The whole content of `path` (`-`: standard input), decompressed.

    InputError: RT200 cannot be opened, RT201 empty, RT203 damaged or too large.
    """
    with _opened(path) as (file, _):
        data = file.read()
    if not data:
        raise _empty(path)
    return decompressed(data, shown(path))


def text_of(path: str) -> bytes | mmap:
    """The same of text that may be large: mapped where it lies, or from a file without a name, which what is compressed
    or comes through a pipe is put into block by block.
    """
    with _opened(path) as (file, size):
        if size >= MAP_FROM:
            from mmap import ACCESS_READ, mmap

            with suppress(OSError):
                lies = mmap(file.fileno(), 0, access=ACCESS_READ)
                if not is_compressed(lies[:INPUT_BLOCK]):
                    return lies
        head = file.read(INPUT_BLOCK)
        if not head:
            raise _empty(path)
        if len(head) < INPUT_BLOCK and not is_compressed(head):
            return head
        from .incoming.spool import Spool

        spool = Spool(SPOOL_FROM)
        for piece in plain_blocks(chain((head,), iter(lambda: file.read(INPUT_BLOCK), b"")), shown(path)):
            spool.add(piece)
        return spool.whole()


def _empty(path: str) -> InputError:
    return InputError(ec.RT_EMPTY, "the input is empty", shown(path), expected="a trace or scenario")


def standard_input() -> BinaryIO:
    """What `-` stands for. InputError RT200 if it is closed."""
    if sys.stdin is None:
        raise InputError(ec.RT_MISSING, "standard input is closed", shown("-"), expected="a file or a pipe")
    return sys.stdin.buffer


def shown(path: str) -> str:
    """The path as messages show it."""
    return "<stdin>" if path == "-" else path


def can_be_read_again(path: str) -> bool:
    """Whether what one look takes from `path` is still there for the next: a regular file, not a pipe."""
    try:
        return path != "-" and stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


@contextmanager
def _opened(path: str) -> Iterator[tuple[BinaryIO, int]]:
    """`path` to be read, and its bytes if it is a regular file that lies there from its beginning; else 0."""
    try:
        if path == "-":
            given = standard_input()
            yield given, _lying(given)
            return
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            device = stat.S_ISCHR(mode) and not file.isatty() and not os.path.samefile(path, os.devnull)
            if device or not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
                raise InputError(ec.RT_MISSING, "not a regular file", path, expected="a file or a pipe")
            yield file, _lying(file)
    except OSError as e:
        raise InputError(
            ec.RT_MISSING, e.strerror or "cannot be opened", path, expected="a readable file"
        ) from None


def _lying(file: BinaryIO) -> int:
    try:
        known = os.fstat(file.fileno())
        return known.st_size if stat.S_ISREG(known.st_mode) and file.tell() == 0 else 0
    except OSError:  # in memory, or a pipe
        return 0


def decompressed(data: bytes, path: str) -> bytes:
    """`data` without its compression, if it has one."""
    if not is_compressed(data[:INPUT_BLOCK]):
        return data
    blocks = (data[start : start + INPUT_BLOCK] for start in range(0, len(data), INPUT_BLOCK))
    return b"".join(plain_blocks(blocks, path))


PACKED = ("", ".gz", ".zst", ".xz", ".bz2")
"""How names end of files that hold what the name in front says."""
PACKED_END = "(?:" + "|".join(ending.replace(".", r"\.") for ending in PACKED[1:]) + ")?"
"""The same as the end of a regular expression."""
_SETS = (
    *(".rtset.zst", ".rtset.gz", ".rtset", ".tar.zst", ".tzst", ".tar.gz", ".tgz"),
    *(".tar.xz", ".txz", ".tar.bz2", ".tar"),
)
SET_ENDING = ".rtset.zst"
"""The ending that `record` gives a set in one file."""


def is_packed(path: str) -> bool:
    """True if a file's name says that it holds a set."""
    return path.endswith(_SETS)


def last_name(path: str) -> str:
    """The last part of a path (`PurePath.name`, which would load `pathlib`)."""
    return next((part for part in reversed(path.split("/")) if part not in ("", ".")), "")


def bare_name(path: str) -> str:
    """The name of the set in a file."""
    name = last_name(path)
    return next((name.removesuffix(ending) for ending in _SETS if name.endswith(ending)), name)
