"""The one way to write a file: whole or not at all, through what cannot be replaced, never over a device.

A regular file is written beside its place and renamed when complete; it keeps the mode of the file that it replaces,
and a symbolic link is followed, not replaced. Devices, FIFOs, terminals and descriptors (``/dev/stdout``,
``/dev/fd/N``, a shell's process substitution) are written through. Functions raise OSError; callers give it their
code.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


_DESCRIPTOR = r"/(?:dev/fd|proc/(?:self|thread-self|(?P<pid>\d+))/fd)/(?P<fd>\d+)\Z"  # compiled when needed
_MOST_LINKS = 40  # as the kernel follows (fs/namei.c: MAXSYMLINKS)
_unfinished: set[str] = set()
"""Temporary files of this process that are neither renamed nor taken away yet."""


def write_file(path: str | os.PathLike[str], chunks: Iterable[bytes], *, private: bool = False) -> None:
    """Write `chunks` to `path`. OSError with the reason; a regular file is then as it was before.

    `private`: a new file is for its owner alone (0600), and an existing one is replaced without a look at it: what
    caches keep. BrokenPipeError when the reader of a pipe is gone.
    """
    name = os.fspath(path)
    descriptor = own_descriptor(name)
    if descriptor is not None:
        sys.stdout.flush()
        _fill(os.fdopen(os.dup(descriptor), "wb"), chunks)
        return
    target = os.path.realpath(name)
    mode = None
    try:
        found = os.stat(target)
    except FileNotFoundError:
        found = None
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if found is not None and not stat.S_ISREG(found.st_mode):
        _fill(os.fdopen(os.open(target, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC), "wb"), chunks)
        return
    if found is not None and not private:
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        mode = stat.S_IMODE(found.st_mode)
    _replace(target, chunks, mode, 0o600 if private else 0o666, found)


def own_descriptor(path: str) -> int | None:
    """The descriptor of this process that `path` names, such as 1 for /dev/stdout; None for any other path."""
    import re  # loading it takes longer than a short run that writes nothing should

    at = os.path.abspath(path)
    for _ in range(_MOST_LINKS):
        match = re.match(_DESCRIPTOR, at)
        if match:
            return int(match["fd"]) if match["pid"] in (None, str(os.getpid())) else None
        try:
            at = os.path.normpath(os.path.join(os.path.dirname(at), os.readlink(at)))
        except OSError:
            return None
    return None


def forget_unfinished() -> None:
    """Take away what an interrupted write left; for the way out of a process."""
    for name in list(_unfinished):
        with suppress(OSError):
            os.unlink(name)


def _replace(
    target: str, chunks: Iterable[bytes], mode: int | None, made_with: int, found: os.stat_result | None
) -> None:
    """Write a file beside `target` and rename it; `mode` and owner as of what was there."""
    temporary = os.path.join(os.path.dirname(target), f".remaptrace-{os.urandom(6).hex()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, made_with)
    _unfinished.add(temporary)
    try:
        with os.fdopen(handle, "wb") as file:
            if found is not None and mode is not None:
                with suppress(
                    PermissionError
                ):  # a file of somebody else in a folder of ours: it becomes ours
                    os.fchown(file.fileno(), found.st_uid, found.st_gid)
                os.fchmod(file.fileno(), mode)
            _write(file, chunks)
        try:
            os.replace(temporary, target)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            _copy(temporary, target)  # a file that is a mount point cannot be renamed over
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        _unfinished.discard(temporary)


def _fill(file: BinaryIO, chunks: Iterable[bytes]) -> None:
    """Write and close; what could not be written is not tried again at closing."""
    try:
        _write(file, chunks)
        file.flush()
    except BaseException:
        file.raw.close()  # type: ignore[attr-defined]  # of a BufferedWriter, whose own methods write first
        raise
    file.close()


def _write(file: BinaryIO, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        file.write(chunk)


def _copy(source: str, target: str) -> None:
    with open(source, "rb") as data, open(target, "wb") as file:
        while piece := data.read(1 << 20):
            file.write(piece)
