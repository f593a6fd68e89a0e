"""What is kept between runs, and believed only when proved: machine code, parsed presets, parsed traces, the runner.

Whoever can write into the cache could choose what code runs and what a report says. So a folder is used only if it is
this user's (or root's) and nobody else may write to it or swap it; a file likewise; and a file is believed only if the
checksum in front of it, which covers its name, is right. What is refused or damaged is told once on standard error and
made again. Folders are made 0700, files 0600.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from .digests import blake2b
from .outfile import write_file

_SEAL = 32  # bytes of the checksum in front of a kept file
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_said: set[str] = set()


def cache_root() -> Path:
    """$REMAPTRACE_CACHE, or this program's folder among the user's caches (not created)."""
    root = os.environ.get("REMAPTRACE_CACHE")
    if not root:
        root = _user_cache()
    return Path(root)


def _user_cache() -> str:
    """This program's folder among the user's caches: on Linux by the XDG base directories, without a library."""
    if sys.platform == "linux":
        base = os.environ.get("XDG_CACHE_HOME", "")
        return os.path.join(base if base.strip() else os.path.expanduser("~/.cache"), "remaptrace")
    import platformdirs

    return platformdirs.user_cache_dir("remaptrace")


def refused_folder(folder: Path) -> str:
    """Why nothing in `folder`, which is in the cache, may be believed; empty: nothing speaks against it.

    A folder that is not there yet speaks for itself. Folders above the cache may be written by others if they are
    sticky, as /tmp is: nobody else can then swap what is in them.
    """
    root = Path(os.path.realpath(cache_root()))
    at = Path(os.path.realpath(folder))
    while True:
        inside = at == root or root in at.parents
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
        if at == at.parent:
            return ""
        at = at.parent


def _refused(found: os.stat_result, *, sticky_is_fine: bool = False) -> str:
    if found.st_uid not in (os.geteuid(), 0):
        return f"belongs to user {found.st_uid}"
    if found.st_mode & _OTHERS_WRITE and not (sticky_is_fine and found.st_mode & stat.S_ISVTX):
        return "can be written by others"
    return ""


def refused_file(path: Path) -> str:
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
    return f"{path} {why}" if why else refused_folder(path.parent)


def may_use(path: Path) -> bool:
    """True if the kept file `path` is there and nothing speaks against its owner and mode; else it is told."""
    why = refused_file(path)
    if why and why != "missing":
        say(f"not used: {why}")
    return not why


def make_folder(folder: Path) -> None:
    """Make `folder` and what is missing above it, for this user alone. OSError, PermissionError if it is refused."""
    why = refused_folder(folder)
    if why:
        raise PermissionError(f"the cache is not used: {why}")
    missing = []
    at = folder
    while not at.exists():
        missing.append(at)
        at = at.parent
    for one in reversed(missing):
        with suppress(FileExistsError):  # two at once
            one.mkdir(mode=0o700)


def keep(path: Path, data: bytes) -> None:
    """Keep `data` at `path` with its checksum: whole or not at all, also when two do it at once. OSError."""
    make_folder(path.parent)
    write_file(path, (_checksum(path, data), data), private=True)


def kept(path: Path) -> bytes | None:
    """What `keep` kept at `path`; None if there is nothing, or nothing that may be believed, which is told."""
    if not may_use(path):
        return None
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    data = whole[_SEAL:]
    if len(whole) >= _SEAL and _checksum(path, data) == whole[:_SEAL]:
        return data
    damaged(path)
    return None


def damaged(path: Path) -> None:
    """Tell that `path` is damaged and will be made again; it is taken away."""
    say(f"damaged, made again: {path}")
    with suppress(OSError):
        path.unlink()


def say(text: str) -> None:
    """A line about the cache on standard error, each once a run."""
    if text not in _said:
        _said.add(text)
        with suppress(OSError, ValueError):
            sys.stderr.write(f"remaptrace cache: {text.encode('unicode_escape').decode('ascii')}\n")


def _checksum(path: Path, data: bytes) -> bytes:
    digest = blake2b(path.name.encode("utf-8", "surrogateescape") + b"\0", digest_size=_SEAL)
    digest.update(data)
    return digest.digest()
