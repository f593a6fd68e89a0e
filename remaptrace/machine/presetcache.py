"""All preset files, parsed; kept as one JSON file in the user's cache folder, because YAML is slow to read.

The cache is named by the content of every preset file, so an edit is noticed, and a cache that cannot be
read or written only costs time.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from ..digests import blake2b
from ..errors import InputError
from ..kept import cache_root, keep, kept

ROOMS = ("kernels", "arches")
Parsed = dict[str, dict[str, dict[str, Any]]]
"""room -> name -> content."""

_FOLDER = Path(__file__).resolve().parent / "presets"


@cache
def all_presets() -> Parsed:
    """Every preset file of every room. InputError RT406 for one that is not a mapping."""
    files = {
        (room, entry.name[:-5]): entry.read_bytes()
        for room in ROOMS
        for entry in sorted((_FOLDER / room).iterdir())
        if entry.name.endswith(".yaml")
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


def _parse(files: dict[tuple[str, str], bytes]) -> Parsed:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    out: Parsed = {room: {} for room in ROOMS}
    for (room, name), data in files.items():
        content = yaml.load(data.decode("utf-8"), Loader=loader)
        if not isinstance(content, dict):
            path = _FOLDER / room / f"{name}.yaml"
            raise InputError("RT406", "a preset must be a mapping", path=str(path))
        out[room][name] = content
    return out


def _cache_file(digest: str) -> Path:
    return cache_root() / "presets" / f"{digest}.json"


def _load(path: Path, names: dict[str, set[str]]) -> Parsed | None:
    """What is kept at `path`, if it holds presets of exactly these names."""
    data = kept(path)
    if data is None:
        return None
    parsed: Parsed = json.loads(data)
    return parsed if {room: set(found) for room, found in parsed.items()} == names else None


def _store(parsed: Parsed, path: Path) -> None:
    text = json.dumps(parsed)
    if json.loads(text) != parsed:
        return  # keys that JSON cannot hold: YAML stays the only form
    with suppress(OSError):  # a read-only home: the next start parses again
        keep(path, text.encode())
