"""Where compiled code is kept: one folder for each state of the sources it was made from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
ROOMS: dict[str, tuple[str, ...]] = {"engine": ("engine", "machine"), "trace": ("trace/compiled",)}
"""What is compiled together, and the folders of its sources."""


def _sources(room: str) -> list[Path]:
    return sorted(path for folder in ROOMS[room] for path in (_PACKAGE / folder).glob("*.py"))


@lru_cache(maxsize=4)
def cache_folder(room: str = "engine") -> Path:
    """The folder of the code compiled from exactly these sources (not created)."""
    import platformdirs

    digest = hashlib.sha256()
    for path in _sources(room):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    root = os.environ.get("REMAPTRACE_CACHE") or platformdirs.user_cache_dir("remaptrace")
    return Path(root) / room / digest.hexdigest()[:16]


def is_compiled(room: str = "engine", function: str = "") -> bool:
    """True when code compiled from these sources is on disk already: some, or that of `module.function`."""
    return any(cache_folder(room).rglob(f"{function}*.nbc"))


@contextmanager
def caching(room: str) -> Iterator[None]:
    """Functions that numba is given inside are kept in `cache_folder(room)`."""
    import numba

    folder = cache_folder(room)
    folder.mkdir(parents=True, exist_ok=True)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def prepare_cache() -> None:
    """Point numba's cache at the engine's folder; must run before an engine module is compiled."""
    import numba

    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    numba.config.CACHE_DIR = str(folder)
