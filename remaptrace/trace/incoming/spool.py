"""Text that comes piece by piece and is read as a whole: a little in memory, much in a file that has no name.

Its pages are those of the page cache, which the system takes back when memory is short; what a process holds of its own
stays bounded. The file is gone with the process, however that ends.
"""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

_STEP = 1 << 20
"""Bytes that are gathered in memory in front of the file."""


class Spool:
    """Bytes in the order in which they are added; in memory while they are fewer than `most`."""

    def __init__(self, most: int) -> None:
        self._held = bytearray()
        self._most = most
        self._file: BinaryIO | None = None
        self._size = 0  # bytes in the file
        self._may_grow = True

    def __len__(self) -> int:
        return self._size + len(self._held)

    def add(self, piece: bytes) -> None:
        """Put `piece` behind what is there; where no file can take it, it is held in memory."""
        self._held += piece
        if self._may_grow and len(self._held) >= (self._most if self._file is None else _STEP):
            self._put_away()

    def whole(self, end: int | None = None) -> bytes | mmap.mmap:
        """The first `end` bytes, or all: mapped if there is a file, which must not be empty then."""
        if self._file is not None:
            self._put_away()
        if self._file is None:
            return bytes(self._held if end is None else self._held[:end])
        wanted = self._size if end is None else end
        try:
            return mmap.mmap(self._file.fileno(), wanted, access=mmap.ACCESS_READ)
        except OSError:
            return _beginning(self._file, wanted)

    def file(self) -> BinaryIO | None:
        """The file, at its beginning, with all that was added; None if it is in memory."""
        if self._file is not None:
            self._put_away()
        if self._file is not None:
            self._file.seek(0)
        return self._file

    def _put_away(self) -> None:
        """From memory to the file; back, where that cannot be."""
        at = 0
        try:
            if self._file is None:
                self._file = _file()
            while at < len(self._held):
                at += os.write(self._file.fileno(), memoryview(self._held)[at:])
        except OSError:
            self._may_grow = False
            if self._file is not None:
                self._held = bytearray(_beginning(self._file, self._size)) + self._held
                self._file.close()
                self._file, self._size = None, 0
            return
        self._size += at
        self._held.clear()


def _beginning(file: BinaryIO, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        data += os.pread(file.fileno(), min(size - len(data), 1 << 26), len(data))
    return bytes(data)


def _file() -> BinaryIO:
    """A file without a name where large files belong: TMPDIR, or /var/tmp, which is seldom in memory."""
    import tempfile

    chosen = os.environ.get("TMPDIR") or not os.access("/var/tmp", os.W_OK | os.X_OK)
    file: BinaryIO = tempfile.TemporaryFile(buffering=0, dir=None if chosen else "/var/tmp")  # noqa: SIM115
    return file
