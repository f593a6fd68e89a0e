"""A recorded set in one file: a tar archive, plain or compressed, as `record -o x.rtset.zst` and tar make it.

Only files and folders are unpacked, below one folder, up to a bound: no links, no devices, no way out of it.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from .. import errorcodes as ec
from ..errors import InputError
from .opening import bare_name, read_input, shown

_MOST_MEMBERS = 100_000
_MOST_BYTES = 8 << 30
_WANTED = "files and folders of one recorded set"


@contextmanager
def unpacked(path: str) -> Iterator[Path]:
    """The folder of the set in `path`, for as long as the context lasts.

    InputError RT203 if it is damaged, RT326 if it is no set or holds what it must not.
    """
    data = read_input(path)
    with tempfile.TemporaryDirectory(prefix="remaptrace-set-") as name:
        folder = Path(name) / (bare_name(path) or "set")
        folder.mkdir()
        try:
            with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
                _unpack(archive, folder, shown(path))
        except (tarfile.TarError, EOFError, UnicodeError, ValueError) as error:
            raise InputError(
                ec.RT_COMPRESSED, "not an archive, or a damaged one", shown(path), found=str(error)[:100]
            ) from None
        yield _set_in(folder)


def _unpack(archive: tarfile.TarFile, folder: Path, path: str) -> None:
    total = 0
    for number, member in enumerate(archive):
        if number >= _MOST_MEMBERS:
            raise InputError(ec.RT_SET, f"more than {_MOST_MEMBERS:,} files", path, expected=_WANTED)
        parts = PurePosixPath(member.name).parts
        if member.name.startswith("/") or ".." in parts or "\0" in member.name:
            raise InputError(
                ec.RT_SET, "a name leads out of the set", path, found=member.name[:100], expected=_WANTED
            )
        target = folder.joinpath(*parts)
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        total += member.size
        content = archive.extractfile(member) if member.isreg() else None
        if content is None:
            raise InputError(
                ec.RT_SET, "not a file or folder", path, found=member.name[:100], expected=_WANTED
            )
        if total > _MOST_BYTES:
            raise InputError(ec.RT_SET, f"more than {_MOST_BYTES >> 30} GiB", path, expected=_WANTED)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("xb") as file:
                while piece := content.read(1 << 20):
                    file.write(piece)
        except OSError as error:
            raise InputError(
                ec.RT_SET, f"cannot be unpacked: {error.strerror}", path, found=member.name[:100]
            ) from None


def _set_in(folder: Path) -> Path:
    """The set itself: the folder, or the only folder in it."""
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder
