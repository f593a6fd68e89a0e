"""The files of a recorded set, written while it is recorded."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from .. import errorcodes as ec
from ..errors import InputError
from ..trace.recorded.elf import KEPT, read_headers

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
        self._headers: dict[str, Any] = {}
        self._strangers: set[str] = set()
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
        """Keep the program headers of a file that `pid` has mapped, and of its interpreter, once."""
        name = os.fsdecode(path)
        if name in self._headers or name in self._strangers:
            return
        try:
            with open(b"/proc/%d/root%s" % (pid, path), "rb") as file:
                headers = read_headers(file.read(_HEADERS), os.fstat(file.fileno()).st_size)
        except OSError:
            headers = None
        if headers is None or headers.script:
            self._strangers.add(name)
            return
        self._headers[name] = asdict(headers)
        if headers.interpreter:
            self.elf(pid, os.fsencode(headers.interpreter))

    def json(self, name: str, facts: Mapping[str, Any]) -> None:
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
        if self._headers:
            self.json(KEPT, dict(sorted(self._headers.items())))
