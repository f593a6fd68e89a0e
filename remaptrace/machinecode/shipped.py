"""Machine code that comes with the package, made when it was built: loaded without numba, llvmlite or a compiler.

``shipped/stamp.json`` says of which sources it was made: every file with all of them hashed together, and the checksum
of each image. In a checkout whose sources were edited the stamp does not fit, and the code is not used.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache

from ..digests import blake2b
from ..kept import remembered
from . import SHIPPED
from .target import own_level

FOLDER = SHIPPED
_PACKAGE = os.path.dirname(os.path.dirname(SHIPPED))
STAMP = "stamp.json"
_loaded: dict[tuple[str, str], int] = {}


def digest_of(files: Iterable[str], root: str = _PACKAGE) -> str:
    """One hash over sources, by their names below the package's folder. OSError if one is not there."""
    digest = blake2b(digest_size=16)
    for name in files:
        digest.update(name.encode() + b"\0" + _read(os.path.join(root, name)) + b"\0")
    return digest.hexdigest()


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def seal_of(data: bytes) -> str:
    """The checksum of one file of code."""
    return blake2b(data, digest_size=32).hexdigest()


@lru_cache(maxsize=4)
def _fitting(room: str) -> dict[str, dict[str, str]]:
    """For each level, and "bitcode", the checksums of the functions of `room`, if they were made of these sources."""
    if os.environ.get("REMAPTRACE_SHIPPED") == "0" or not os.path.isdir(FOLDER):
        return {}
    return remembered(f"shipped-{room}", os.fspath(FOLDER), lambda: _compared(room))


def _compared(room: str) -> tuple[dict[str, dict[str, str]], list[str]]:
    """The same, and the files that say so.

    A source that imports more than it did has changed itself, so that hashing the files of the stamp is enough.
    """
    import json

    path = os.path.join(FOLDER, STAMP)
    try:
        made_of = json.loads(_read(path))["rooms"][room]
        found: dict[str, dict[str, str]] = {**made_of["objects"], "bitcode": made_of.get("bitcode", {})}
        fits = digest_of(made_of["files"]) == made_of["digest"]
    except (OSError, ValueError, KeyError):
        return {}, []
    return found if fits else {}, [path, *(os.path.join(_PACKAGE, name) for name in made_of["files"])]


def _seals(room: str) -> dict[str, str]:
    """Of each function of `room` the checksum of its object for this processor."""
    level = own_level()
    return {} if level is None else _fitting(room).get(level.name, {})


def shipped_bitcode(room: str, name: str) -> bytes | None:
    """What LLVM makes an object of, for a processor that no shipped object is for; None if none fits the sources."""
    try:
        data = _read(bitcode_file(room, name))
    except OSError:
        return None
    if seal_of(data) != _fitting(room).get("bitcode", {}).get(name):
        return None
    import lzma

    return lzma.decompress(data)


def bitcode_file(room: str, name: str) -> str:
    """Where the bitcode of a function lies."""
    return os.path.join(FOLDER, "bitcode", f"{room}.{name}.bc.xz")


def is_shipped(room: str, name: str) -> bool:
    """True when code of function `name` that fits sources and processor came with the package."""
    return name in _seals(room)


def shipped_image(level: str, room: str, name: str) -> str:
    """Where the image of a function lies."""
    return os.path.join(FOLDER, level, f"{room}.{name}.code")


def shipped_address(room: str, name: str) -> int:
    """The address of a shipped function, loaded now; 0 if there is none that fits, or it is damaged."""
    level = own_level()
    if level is None or not is_shipped(room, name):
        return 0
    if (room, name) not in _loaded:
        from .image import placed

        try:
            image = _read(shipped_image(level.name, room, name))
            if seal_of(image) != _seals(room)[name]:
                return 0
            _loaded[room, name] = placed(image)
        except (OSError, ValueError):
            return 0
    return _loaded[room, name]
