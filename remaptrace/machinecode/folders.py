"""Where machine code is kept: one folder for each state of the sources it was made from.

numba's own cache does not notice that a function in another file changed, so that a hash of every source that may
be part of the code names the folder; the processor and the versions of the compilers are part of it too.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
ENGINE, READERS = "engine", "trace"
ROOMS: dict[str, tuple[str, ...]] = {
    ENGINE: ("engine", "machine", "machinecode"),
    READERS: ("trace/compiled", "machinecode"),
}
"""What is compiled together, and the folders of its sources."""


def _sources(room: str) -> list[Path]:
    return sorted(path for folder in ROOMS[room] for path in (_PACKAGE / folder).glob("*.py"))


@lru_cache(maxsize=4)
def cache_folder(room: str) -> Path:
    """The folder of the code made from exactly these sources for this processor (not created)."""
    from importlib.metadata import version

    import platformdirs
    from llvmlite import binding as llvm

    digest = hashlib.sha256()
    for path in _sources(room):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    for part in (version("numba"), version("llvmlite"), llvm.get_host_cpu_name(), processor_features()):
        digest.update(part.encode())
    root = os.environ.get("REMAPTRACE_CACHE") or platformdirs.user_cache_dir("remaptrace")
    return Path(root) / room / digest.hexdigest()[:16]


@lru_cache(maxsize=1)
def processor_features() -> str:
    """What this processor can do, as LLVM writes it."""
    from llvmlite import binding as llvm

    features: str = llvm.get_host_cpu_features().flatten()
    return features


def object_file(room: str, name: str) -> Path:
    """Where the machine code of function `name` ("module.function") is kept."""
    return cache_folder(room) / f"{name}.obj"


def is_compiled(room: str, name: str) -> bool:
    """True when the machine code of `name`, made from these sources, is on disk already."""
    return object_file(room, name).is_file()
