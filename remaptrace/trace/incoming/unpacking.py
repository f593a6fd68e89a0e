"""Compressed text block by block: gzip, zstd, xz and bzip2, known by how they begin.

What one step gives is bounded, and so is what all give together. Damaged, truncated and over-large data end in an
InputError with a stable code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from ... import errorcodes as ec
from ...errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 8 << 30
INPUT_BLOCK = 1 << 16
"""Bytes that are best given at once: it bounds what one step can expand to."""
_CHUNK = 1 << 24
_MOST_MEMORY = 256 << 20  # bytes that xz may want for looking back; -9 takes 65 MiB


class _Gzip:
    name, magic, padded = "gzip", b"\x1f\x8b", True

    def __init__(self) -> None:
        import zlib

        self._member = zlib.decompressobj(wbits=31)
        self.errors: tuple[type[Exception], ...] = (zlib.error,)

    def take(self, data: bytes) -> Iterator[bytes]:
        while data and not self._member.eof:
            yield self._member.decompress(data, _CHUNK)
            data = self._member.unconsumed_tail

    def behind(self) -> bytes | None:
        return self._member.unused_data if self._member.eof else None


class _Zstd:
    name, magic, padded = "zstd", b"", False  # a skippable frame may follow another one

    def __init__(self) -> None:
        import zstandard

        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self.errors: tuple[type[Exception], ...] = (zstandard.ZstdError,)

    def take(self, data: bytes) -> Iterator[bytes]:
        yield self._frame.decompress(data)

    def behind(self) -> bytes | None:
        return self._frame.unused_data if self._frame.eof else None


class _Bounded:
    """What the decompressors of lzma and bz2 have in common."""

    def __init__(self, member: Any, *errors: type[Exception]) -> None:
        self._member = member
        self.errors = errors

    def take(self, data: bytes) -> Iterator[bytes]:
        yield self._member.decompress(data, _CHUNK)
        while not self._member.eof and not self._member.needs_input:
            yield self._member.decompress(b"", _CHUNK)

    def behind(self) -> bytes | None:
        return self._member.unused_data if self._member.eof else None


class _Xz(_Bounded):
    name, magic, padded = "xz", b"\xfd7zXZ\0", True

    def __init__(self) -> None:
        import lzma

        super().__init__(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_MEMORY), lzma.LZMAError)


class _Bzip2(_Bounded):
    name, magic, padded = "bzip2", b"BZh", False

    def __init__(self) -> None:
        import bz2

        super().__init__(bz2.BZ2Decompressor(), OSError, ValueError)


_Kind = type[_Gzip] | type[_Zstd] | type[_Xz] | type[_Bzip2]
_BEGIN: tuple[tuple[bytes, _Kind], ...] = (
    (b"\x1f\x8b", _Gzip),
    (b"\x28\xb5\x2f\xfd", _Zstd),
    (b"\xfd7zXZ\0", _Xz),
    *((b"BZh%d1AY&SY" % level, _Bzip2) for level in range(1, 10)),
)
"""How data begins that is compressed; the number of blocks of 100 kB and the first block's mark: text may begin BZh."""
_LONGEST = max(len(begin) for begin, _ in _BEGIN)


def is_compressed(head: bytes) -> bool:
    """Whether data that begins so, in 10 bytes or more, is compressed in one of the known ways."""
    return _kind_of(head) is not None


def _kind_of(head: bytes) -> _Kind | None:
    return next((kind for begin, kind in _BEGIN if head.startswith(begin)), None)


def plain_blocks(blocks: Iterable[bytes], path: str) -> Iterator[bytes]:
    """What `blocks` (not empty ones; best of INPUT_BLOCK bytes) hold, decompressed if it is compressed.

    `path` is for errors: RT203 of what is damaged, ends early, expands beyond MAX_BYTES, or cannot be undone here.
    """
    blocks = iter(blocks)
    head = b""
    for block in blocks:
        head += block
        if len(head) >= _LONGEST:
            break
    kind = _kind_of(head)
    if kind is None:
        if head:
            yield head
        yield from blocks
        return
    size = 0
    for piece in _undone(kind, chain((head,), blocks), path):
        size += len(piece)
        if size > MAX_BYTES:
            raise _damaged(path, kind, f"it expands to more than {MAX_BYTES >> 30} GiB")
        yield piece


def _undone(kind: _Kind, blocks: Iterable[bytes], path: str) -> Iterator[bytes]:
    member = None
    size = 0
    rest = b""
    for block in blocks:
        rest += block
        while rest:
            if member is None:
                rest = rest.lstrip(b"\0") if kind.padded and size else rest
                if not rest or (len(rest) < len(kind.magic) and kind.magic.startswith(rest)):
                    break
                if not rest.startswith(kind.magic):
                    raise _damaged(path, kind, f"something else stands behind the {kind.name} data")
                member = _begun(kind, path)
            try:
                for piece in member.take(rest):
                    size += len(piece)
                    yield piece
                behind = member.behind()
            except member.errors as error:
                raise _damaged(path, kind, f"{kind.name}: {error}") from None
            member, rest = (member, b"") if behind is None else (None, behind)
    if member is not None:
        raise _damaged(path, kind, f"the {kind.name} data ends early, after {size:,} bytes of text")
    if rest:
        raise _damaged(path, kind, f"something else stands behind the {kind.name} data")


def _begun(kind: _Kind, path: str) -> Any:
    try:
        return kind()
    except ImportError:
        raise InputError(
            ec.RT_COMPRESSED,
            f"this Python was built without what undoes {kind.name}",
            path,
            expected="text, as another program decompresses it: ... | remaptrace run -",
        ) from None


def _damaged(path: str, kind: _Kind, problem: str) -> InputError:
    return InputError(ec.RT_COMPRESSED, problem, path, expected=f"a whole {kind.name} file")
