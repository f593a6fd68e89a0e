"""The files of a recorded set, written while it is recorded."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from .. import errorcodes as ec
from ..errors import InputError

_HEADERS = 1 << 16
"""Bytes of an ELF file kept at most: its header and its program headers, whatever lies between."""


class SetFolder:
    """A new folder that becomes a recorded set. Nothing that exists is overwritten.

    InputError RT502 if it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            (path / "maps").mkdir(parents=True)
            (path / "elf").mkdir()
        except OSError as error:
            raise InputError(ec.RT_OUTPUT, f"cannot record here: {error.strerror}", str(path)) from None
        self._texts: dict[str, zstandard.ZstdCompressionWriter] = {}
        self._known: set[tuple[int, int]] = set()
        self.written = 0

    def write(self, name: str, text: str | bytes) -> None:
        """Append to one of the set's texts, kept compressed."""
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        writer = self._texts.get(name)
        if writer is None:
            file: BinaryIO = open(self.path / (name + ".zst"), "xb")  # noqa: SIM115
            writer = zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=True)
            self._texts[name] = writer
        writer.write(data)
        self.written += len(data)

    def maps(self, tid: int, moment: str, content: bytes) -> None:
        """Keep a maps file of process `tid`: the last of a moment stays."""
        if content:
            (self.path / "maps" / f"{tid}.{moment}").write_bytes(content)

    def elf(self, pid: int, path: bytes) -> None:
        """Keep the headers of a file that `pid` has mapped executable, once."""
        try:
            with open(b"/proc/%d/root%s" % (pid, path), "rb") as file:
                found = os.fstat(file.fileno())
                if (found.st_dev, found.st_ino) in self._known:
                    return
                self._known.add((found.st_dev, found.st_ino))
                head = elf_headers(file)
        except OSError:
            return
        if head:
            digest = hashlib.sha256(path + head).hexdigest()[:12]
            name = os.fsdecode(os.path.basename(path))
            (self.path / "elf" / f"{name}-{digest}.elf").write_bytes(head)
            self.write("elf.jsonl", json.dumps(
                {"path": os.fsdecode(path), "file": f"{name}-{digest}.elf", "size": found.st_size,
                 "inode": found.st_ino}) + "\n")  # fmt: skip

    def json(self, name: str, facts: dict[str, Any]) -> None:
        """A file of facts."""
        (self.path / name).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")

    def file(self, name: str, content: bytes) -> None:
        """Keep a file as it is, or as gzip if its name says so."""
        (self.path / name).write_bytes(
            gzip.compress(content) if name.endswith(".gz") and content[:2] != b"\x1f\x8b" else content
        )

    def close(self) -> None:
        """Complete the texts."""
        for writer in self._texts.values():
            writer.close()  # type: ignore[no-untyped-call]
        self._texts.clear()


def elf_headers(file: BinaryIO) -> bytes:
    """The beginning of an ELF file up to the end of its program headers; empty if it is no ELF file."""
    head = file.read(64)
    if len(head) < 52 or head[:4] != b"\x7fELF":
        return b""
    order = "<" if head[5] == 1 else ">"
    if head[4] == 2:
        (offset,) = struct.unpack_from(order + "Q", head, 32)
        size, count = struct.unpack_from(order + "HH", head, 54)
    else:
        (offset,) = struct.unpack_from(order + "I", head, 28)
        size, count = struct.unpack_from(order + "HH", head, 42)
    file.seek(0)
    return file.read(min(max(offset + size * count, 64), _HEADERS))
