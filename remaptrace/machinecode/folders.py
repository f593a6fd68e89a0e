"""Where machine code is kept: one folder for each state of the sources it was made from.

numba's own cache does not notice that a function in another file changed, so that a hash of every source that may
be part of the code names the folder: what the compiled modules import, over and over (`remaptrace.sources`). The
processor and the versions of the compilers are part of it too.
"""

from __future__ import annotations

import os
from functools import lru_cache

from .. import errorcodes as ec
from ..digests import blake2b
from ..errors import UsageError
from ..kept import cache_place, cache_root, may_use, recalled, remembered
from . import SHIPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

ENGINE, READERS, WHATIF = "engine", "trace", "whatif"
_COMPILER = tuple(
    f"machinecode.{name}"
    for name in (
        *("build", "directcalls", "emit", "image", "linking", "target"),
        *("lean.answers", "lean.inference", "lean.lowering", "lean.onemodule", "lean.passes"),
        *("lean.quiet", "lean.reading", "lean.room"),
    )
)
ROOMS: dict[str, tuple[str, ...]] = {
    ENGINE: ("engine.run.loop", *_COMPILER),
    WHATIF: ("engine.whatif.loop", *_COMPILER),
    READERS: (
        *(
            f"trace.compiled.{name}"
            for name in ("acts", "blockcolumns", "eventrows", "kernellines", "kernellives", "lives", "scan")
        ),
        *(f"trace.compiled.{name}" for name in ("stracefollow", "stracelex", "writelines")),
        *_COMPILER,
    ),
}
"""What is compiled together: the modules of its entries, and those that compile them."""


def sources(room: str) -> list[Path]:
    """Every file of this package that may be part of the machine code of `room`.

    Of machine code's own modules those count that make it; what these import (errors, say) is in no object.
    """
    from .. import sources as own

    return own.import_closure(ROOMS[room], own.PACKAGE, leaves=("machinecode",))


@lru_cache(maxsize=1)
def can_compile() -> bool:
    """False where numba or llvmlite, which make machine code, is not installed."""
    from importlib.util import find_spec

    return find_spec("numba") is not None and find_spec("llvmlite") is not None


@lru_cache(maxsize=4)
def cache_folder(room: str) -> Path:
    """The folder of the code made from exactly these sources for this processor (not created).

    Finding out takes llvmlite and every source; it is remembered until one of them, or the processor, changes.
    """
    from .. import sources as own

    found = cache_root() / room / remembered(_subject(room), str(own.PACKAGE), lambda: _key(room))
    _recalled.pop(str(found.parent), None)
    return found


def _subject(room: str) -> str:
    from .processor import model

    return f"{room}-{model()}"


def _key(room: str) -> tuple[str, list[str]]:
    """The name of `folder_now`, and the files that it comes from."""
    from importlib.util import find_spec

    name = folder_now(room).name
    compilers = [find_spec("numba"), find_spec("llvmlite")]
    return name, [*map(str, sources(room)), *(one.origin or "" for one in compilers if one is not None)]


def folder_now(room: str) -> Path:
    """The same, by the sources as they are on disk now: they may have been edited since this process began.

    Raises UsageError RT605 where nothing here can compile.
    """
    if not can_compile():
        raise UsageError(
            ec.RT_NOT_COMPILED,
            "no machine code of these sources is here, and numba and llvmlite, which make it, are not installed",
            expected="both of them, or a wheel that brings machine code (make wheel)",
        )
    from importlib.metadata import version

    from llvmlite import binding as llvm

    from ..sources import PACKAGE

    digest = blake2b(digest_size=16)
    for path in sources(room):
        digest.update(str(path.relative_to(PACKAGE)).encode())
        digest.update(path.read_bytes())
    for part in (version("numba"), version("llvmlite"), llvm.get_host_cpu_name(), processor_features()):
        digest.update(part.encode())
    return cache_root() / room / digest.hexdigest()[:16]


@lru_cache(maxsize=1)
def processor_features() -> str:
    """What this processor can do, as LLVM writes it."""
    from llvmlite import binding as llvm

    features: str = llvm.get_host_cpu_features().flatten()
    return features


def object_file(room: str, name: str) -> Path:
    """Where the machine code of function `name` ("module.function") is kept."""
    return cache_folder(room) / f"{name}.code"


def is_kept(room: str, name: str) -> bool:
    """True when the machine code of `name`, made from these sources, is on disk already and may be used."""
    return can_compile() and may_use(object_file(room, name))


def known_object(room: str, name: str) -> str:
    """Where the machine code of `name` is kept, as far as an earlier process found out; empty: one has to find out."""
    kept_in = os.path.join(cache_place(), room)
    if kept_in not in _recalled:
        found = recalled(_subject(room), os.path.dirname(os.path.dirname(SHIPPED)))
        _recalled[kept_in] = "" if found is None else found
    folder = _recalled[kept_in]
    path = os.path.join(kept_in, folder, f"{name}.code")
    return path if folder and may_use(path) else ""


_recalled: dict[str, str] = {}
"""Folders found so, by what they lie in; empty: none. The sources of a process are those that it began with."""
