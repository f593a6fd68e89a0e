"""All preset files, parsed; kept as one JSON file in the user's cache folder, because YAML is slow to read.

The cache is named by the content of every preset file, so an edit is noticed, and a cache that cannot be
read or written only costs time.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from functools import cache
from typing import Any

from ..digests import blake2b
from ..errors import InputError
from ..kept import cache_place, keep, kept

ROOMS = ("kernels", "arches")
Parsed = dict[str, dict[str, dict[str, Any]]]
"""room -> name -> content."""

_FOLDER = os.path.join(os.path.dirname(os.path.realpath(__file__)), "presets")


@cache
def all_presets() -> Parsed:
    """Every preset file of every room. InputError RT406 for one that is not a mapping."""
    files = {
        (room, name[:-5]): _bytes_of(room, name)
        for room in ROOMS
        for name in sorted(os.listdir(os.path.join(_FOLDER, room)))
        if name.endswith(".yaml")
    }
    digest = blake2b(digest_size=12)
    for (room, name), data in files.items():
        digest.update(f"{room}/{name}:{len(data)}\n".encode() + data)
    path = _cache_file(digest.hexdigest())
    parsed = _load(path, {room: {name for r, name in files if r == room} for room in ROOMS})
    if parsed is None:
        parsed = _parse(files)
        _store(parsed, path)
    return parsed


def _bytes_of(room: str, name: str) -> bytes:
    with open(os.path.join(_FOLDER, room, name), "rb") as file:
        return file.read()


def _parse(files: dict[tuple[str, str], bytes]) -> Parsed:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    out: Parsed = {room: {} for room in ROOMS}
    for (room, name), data in files.items():
        content = yaml.load(data.decode("utf-8"), Loader=loader)
        if not isinstance(content, dict):
            path = os.path.join(_FOLDER, room, f"{name}.yaml")
            raise InputError("RT406", "a preset must be a mapping", path=path)
        out[room][name] = content
    return out


def _cache_file(digest: str) -> str:
    return os.path.join(cache_place(), "presets", f"{digest}.json")


def _load(path: str, names: dict[str, set[str]]) -> Parsed | None:
    """What is kept at `path`, if it holds presets of exactly these names."""
    data = kept(path)
    if data is None:
        return None
    parsed: Parsed = json.loads(data)
    return parsed if {room: set(found) for room, found in parsed.items()} == names else None


def _store(parsed: Parsed, path: str) -> None:
    text = json.dumps(parsed)
    if json.loads(text) != parsed:
        return  # keys that JSON cannot hold: YAML stays the only form
    with suppress(OSError):  # a read-only home: the next start parses again
        keep(path, text.encode())
