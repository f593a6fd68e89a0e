"""A finished set as one file."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import zstandard

from ..outfile import write_file

ENDINGS = (".rtset.zst", ".tar.zst")


def pack(folder: Path, path: Path) -> None:
    """Write the set in `folder` to `path` as a zstd-compressed tar archive, without owners. OSError if it cannot be."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(folder, arcname=".", filter=_without_owner)
    write_file(path, [zstandard.ZstdCompressor(level=3).compress(buffer.getvalue())])


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
