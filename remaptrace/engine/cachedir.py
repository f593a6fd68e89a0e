"""Where compiled engines are kept: one folder for each state of the sources."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path


def _sources() -> list[Path]:
    engine = Path(__file__).resolve().parent
    return sorted([*engine.glob("*.py"), *(engine.parent / "machine").glob("*.py")])


@lru_cache(maxsize=1)
def cache_folder() -> Path:
    """The folder of the compiled engine of exactly these sources (not created)."""
    import platformdirs

    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    root = os.environ.get("REMAPTRACE_CACHE") or platformdirs.user_cache_dir("remaptrace")
    return Path(root) / "engine" / digest.hexdigest()[:16]


def is_compiled() -> bool:
    """True when a compiled engine of these sources is on disk already."""
    return any(cache_folder().rglob("*.nbc"))


def prepare_cache() -> None:
    """Point numba's cache at `cache_folder`; must run before an engine module is compiled."""
    import numba

    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    numba.config.CACHE_DIR = str(folder)
