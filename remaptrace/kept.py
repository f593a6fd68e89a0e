"""What is kept between runs, and believed only when proved: machine code, parsed presets, parsed traces, the runner.

Whoever can write into the cache could choose what code runs and what a report says. So a folder is used only if it is
this user's (or root's) and nobody else may write to it or swap it; a file likewise; and a file is believed only if the
checksum in front of it, which covers its name, is right. What is refused or damaged is told once on standard error and
made again. Folders are made 0700, files 0600.

What was found out by reading many files is kept with their identities (`remembered`): a file that has the times and the
size that it had is the file that it was, since the time of its last change of any kind cannot be set by anyone. What
changed a moment ago may change again within the same tick of the clock, so that nothing is kept of it yet. Where that
time is a whole second, it is one that somebody chose for an image of a file system, and the content is part of it.
"""

from __future__ import annotations

# ruff: noqa: SIM105  # `contextlib` is not loaded here, see below
import marshal
import os
import stat
import sys
import time

from .digests import blake2b

# what modules are found by (`startup.bundle`) stands on few itself: no `typing`, no `contextlib`
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any, TypeAlias, TypeVar

    StrPath: TypeAlias = str | os.PathLike[str]
    Identity: TypeAlias = tuple[int, int, int, bytes]
    T = TypeVar("T")

_SECOND = 10**9
_SETTLED = 2 * _SECOND
"""Nanoseconds for which a file has not changed, so that another change gives it another time."""
_SEAL = 32  # bytes of the checksum in front of a kept file
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_said: set[str] = set()


def cache_root() -> Path:
    """`cache_place` as a Path."""
    from pathlib import Path

    return Path(cache_place())


def cache_place() -> str:
    """$REMAPTRACE_CACHE, or this program's folder among the user's caches (not created)."""
    return os.environ.get("REMAPTRACE_CACHE") or _user_cache()


def _user_cache() -> str:
    """This program's folder among the user's caches: on Linux by the XDG base directories, without a library."""
    if sys.platform == "linux":
        base = os.environ.get("XDG_CACHE_HOME", "")
        return os.path.join(base if base.strip() else os.path.expanduser("~/.cache"), "remaptrace")
    import platformdirs

    return platformdirs.user_cache_dir("remaptrace")


def refused_folder(folder: StrPath) -> str:
    """Why nothing in `folder`, which is in the cache, may be believed; empty: nothing speaks against it.

    A folder that is not there yet speaks for itself. Folders above the cache may be written by others if they are
    sticky, as /tmp is: nobody else can then swap what is in them.
    """
    root = os.path.realpath(cache_place())
    at = os.path.realpath(folder)
    while True:
        inside = at == root or at.startswith(root.rstrip("/") + "/")
        try:
            found = os.stat(at)
        except FileNotFoundError:
            found = None
        except OSError as error:
            return f"{at}: {error.strerror}"
        if found is not None:
            why = _refused(found, sticky_is_fine=not inside)
            if why:
                return f"{at} {why}"
        above = os.path.dirname(at)
        if at == above:
            return ""
        at = above


def _refused(found: os.stat_result, *, sticky_is_fine: bool = False) -> str:
    if found.st_uid not in (os.geteuid(), 0):
        return f"belongs to user {found.st_uid}"
    if found.st_mode & _OTHERS_WRITE and not (sticky_is_fine and found.st_mode & stat.S_ISVTX):
        return "can be written by others"
    return ""


def refused_file(path: StrPath) -> str:
    """Why the kept file `path` may not be believed, or "" ; "missing" if there is none."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"{path}: {error.strerror}"
    if not stat.S_ISREG(found.st_mode):
        return f"{path} is no regular file"
    why = _refused(found)
    return f"{path} {why}" if why else refused_folder(os.path.dirname(path))


def may_use(path: StrPath) -> bool:
    """True if the kept file `path` is there and nothing speaks against its owner and mode; else it is told."""
    why = refused_file(path)
    if why and why != "missing":
        say(f"not used: {why}")
    return not why


def make_folder(folder: StrPath) -> None:
    """Make `folder` and what is missing above it, for this user alone. OSError, PermissionError if it is refused."""
    why = refused_folder(folder)
    if why:
        raise PermissionError(f"the cache is not used: {why}")
    missing = []
    at = os.fspath(folder)
    while at and not os.path.exists(at):
        missing.append(at)
        at = os.path.dirname(at)
    for one in reversed(missing):
        try:
            os.mkdir(one, mode=0o700)
        except FileExistsError:
            pass  # two at once


def keep(path: StrPath, data: bytes) -> None:
    """Keep `data` at `path` with its checksum: whole or not at all, also when two do it at once. OSError."""
    from .outfile import write_file

    make_folder(os.path.dirname(path))
    write_file(path, (_checksum(path, data), data), private=True)


def kept(path: StrPath) -> bytes | None:
    """What `keep` kept at `path`; None if there is nothing, or nothing that may be believed, which is told."""
    if not may_use(path):
        return None
    try:
        with open(path, "rb") as file:
            whole = file.read()
    except OSError:
        return None
    data = whole[_SEAL:]
    if len(whole) >= _SEAL and _checksum(path, data) == whole[:_SEAL]:
        return data
    damaged(path)
    return None


def damaged(path: StrPath) -> None:
    """Tell that `path` is damaged and will be made again; it is taken away."""
    say(f"damaged, made again: {path}")
    try:
        os.unlink(path)
    except OSError:
        pass  # whoever may write there sees that it is damaged


def identity(path: str) -> Identity | None:
    """What changes when the file or folder `path` does: its times in nanoseconds, its size; None if there is none.

    Images (squashfs, ISO 9660) are made with times that their maker chose, often one for all: there a checksum of the
    content, or of the names, joins them; else it is empty.
    """
    try:
        found = os.stat(path)
        content = b"" if found.st_ctime_ns % _SECOND else _content(path, stat.S_ISDIR(found.st_mode))
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, content


def _content(path: str, folder: bool) -> bytes:
    if folder:
        data = b"\0".join(sorted(map(os.fsencode, os.listdir(path))))
    else:
        with open(path, "rb") as file:
            data = file.read()
    return blake2b(data, digest_size=16).digest()


def settled(path: str, now: int) -> Identity | None:
    """`identity` of what has been as it is for a while at `now` (nanoseconds); None if it has not, or is not there."""
    known = identity(path)
    return known if known is not None and max(known[:2]) < now - _SETTLED else None


def remembered(subject: str, root: str, make: Callable[[], tuple[T, Sequence[str]]]) -> T:
    """What `make` gives with the files and folders that it read, or what it gave when these were as they are now.

    The value is one that `marshal` knows; without a file it is not kept. The source of the function `make` counts as
    read: it says what the value is made of and looks like. `subject` and the folder `root` name it in the user's cache
    folder.
    """
    found: T | None = recalled(subject, root)
    if found is not None:
        return found
    now = time.time_ns()  # what changes from here on has not settled
    value, read = make()
    maker: str = make.__code__.co_filename  # type: ignore[attr-defined]
    files = [(file, settled(file, now)) for file in (*read, maker)]
    if read and all(known is not None for _, known in files):
        try:
            keep(_memory(subject, root), marshal.dumps((files, value)))  # type: ignore[arg-type]
        except OSError:
            pass  # a cache that cannot be written costs time
    return value


def recalled(subject: str, root: str) -> Any:
    """What `remembered` would give without making it; None if it would have to."""
    data = kept(_memory(subject, root))
    if data is None:
        return None
    files, value = marshal.loads(data)
    return value if all(identity(file) == known for file, known in files) else None


def _memory(subject: str, root: str) -> str:
    name = f"{subject}-{blake2b(os.fsencode(root), digest_size=8).hexdigest()}-{sys.implementation.cache_tag}"
    return os.path.join(cache_place(), "remembered", name)


def say(text: str) -> None:
    """A line about the cache on standard error, each once a run."""
    if text not in _said:
        _said.add(text)
        try:
            sys.stderr.write(f"remaptrace cache: {text.encode('unicode_escape').decode('ascii')}\n")
        except (OSError, ValueError):
            pass  # nobody reads it


def _checksum(path: StrPath, data: bytes) -> bytes:
    digest = blake2b(os.path.basename(path).encode("utf-8", "surrogateescape") + b"\0", digest_size=_SEAL)
    digest.update(data)
    return digest.digest()
