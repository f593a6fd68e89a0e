"""Opens inputs: plain, gzip or zstd, a path or `-` for standard input.

A pipe gives what it holds once: whoever opens one has read it, so nobody looks at its beginning first.
Compression is known by content, never by name. Damaged, truncated and over-large data end in an
InputError with a stable code.
"""

from __future__ import annotations

import os
import stat
import sys

from .. import errorcodes as ec
from ..errors import InputError

MAX_BYTES = 8 << 30
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_CHUNK = 1 << 24
_ZSTD_STEP = 1 << 16  # of compressed data: bounds what one step can expand to


def read_input(path: str) -> bytes:
    """The whole content of `path` (`-`: standard input), decompressed.

    InputError: RT200 cannot be opened, RT201 empty, RT203 damaged or too large.
    """
    data = sys.stdin.buffer.read() if path == "-" else _read_file(path)
    if not data:
        raise InputError(ec.RT_EMPTY, "the input is empty", shown(path), expected="a trace or scenario")
    return decompressed(data, shown(path))


def shown(path: str) -> str:
    """The path as messages show it."""
    return "<stdin>" if path == "-" else path


def can_be_read_again(path: str) -> bool:
    """Whether what one look takes from `path` is still there for the next: a regular file, not a pipe."""
    try:
        return path != "-" and stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _read_file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            device = stat.S_ISCHR(mode) and not file.isatty() and not os.path.samefile(path, os.devnull)
            if device or not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
                raise InputError(ec.RT_MISSING, "not a regular file", path, expected="a file or a pipe")
            return file.read()
    except OSError as e:
        raise InputError(
            ec.RT_MISSING, e.strerror or "cannot be opened", path, expected="a readable file"
        ) from None


def decompressed(data: bytes, path: str) -> bytes:
    """`data` without its gzip or zstd compression, if it has one."""
    if data.startswith(_GZIP):
        return _gunzip(data, path)
    if data.startswith(_ZSTD):
        return _unzstd(data, path)
    return data


def _gunzip(data: bytes, path: str) -> bytes:
    import zlib

    out: list[bytes] = []
    size = 0
    rest = data
    while rest.startswith(_GZIP):
        member = zlib.decompressobj(wbits=31)
        try:
            while rest and not member.eof:
                piece = member.decompress(rest, _CHUNK)
                size += len(piece)
                out.append(piece)
                _check_size(size, path)
                rest = member.unconsumed_tail
        except zlib.error as e:
            raise _damaged(path, f"gzip: {e}") from None
        if not member.eof:
            raise _damaged(path, f"the gzip data ends early, after {size:,} bytes of text")
        rest = member.unused_data.lstrip(b"\0")
    if rest:
        raise _damaged(path, f"{len(rest):,} bytes of something else behind the gzip data")
    return b"".join(out)


def _unzstd(data: bytes, path: str) -> bytes:
    import zstandard

    out: list[bytes] = []
    size = position = 0
    frame = zstandard.ZstdDecompressor().decompressobj()
    try:
        while position < len(data):
            piece = frame.decompress(data[position : position + _ZSTD_STEP])
            position += _ZSTD_STEP
            size += len(piece)
            out.append(piece)
            _check_size(size, path)
            if frame.eof:
                position = min(position, len(data)) - len(frame.unused_data)
                if position < len(data):
                    frame = zstandard.ZstdDecompressor().decompressobj()
    except zstandard.ZstdError as e:
        raise _damaged(path, f"zstd: {e}") from None
    if not frame.eof:
        raise _damaged(path, f"the zstd data ends early, after {size:,} bytes of text")
    return b"".join(out)


def _check_size(size: int, path: str) -> None:
    if size > MAX_BYTES:
        raise _damaged(path, f"it expands to more than {MAX_BYTES >> 30} GiB")


def _damaged(path: str, problem: str) -> InputError:
    return InputError(ec.RT_COMPRESSED, problem, path, expected="a whole gzip or zstd file")


_SETS = (".rtset.zst", ".rtset.gz", ".rtset", ".tar.zst", ".tzst", ".tar.gz", ".tgz", ".tar")
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
