"""Make the machine code that a wheel carries: ``python -m remaptrace.machinecode.ship``.

Each function is compiled once by numba; LLVM then makes an object for every level of processor, which becomes an image
(`linking`); for processors that have none of these levels what LLVM starts from comes along (bitcode). Made from the
same sources by the same versions it is the same, byte for byte. Needs numba and llvmlite, and no linker.
"""

from __future__ import annotations

import json
import lzma
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..sources import PACKAGE
from . import shipped
from .build import SOURCES_CHANGED, make_bitcode
from .emit import object_of, retargeted
from .folders import ENGINE, READERS, ROOMS, WHATIF, sources
from .linking import image_of
from .ready import FUNCTIONS
from .target import LEVELS, SYMBOL, level_machine

WHOLE = (
    (ENGINE, "run.loop.replay"),
    (WHATIF, "whatif.loop.rewrite"),
    *((READERS, name) for name in FUNCTIONS),
)
"""Every function that is compiled."""


def ship(
    folder: Path = Path(shipped.FOLDER), functions: Sequence[tuple[str, str]] = WHOLE, say: Any = print
) -> list[str]:
    """Compile `functions` into `folder`; the levels that were made.

    RuntimeError if one cannot be, or if the sources were edited meanwhile: the stamp would vouch for other code.
    """
    begun = _states()
    with ThreadPoolExecutor(2) as pool:
        codes = dict(zip(functions, pool.map(lambda one: make_bitcode(*one), functions), strict=True))
    shutil.rmtree(folder, ignore_errors=True)
    objects: dict[str, dict[str, dict[str, str]]] = {room: {} for room in ROOMS}
    bitcodes: dict[str, dict[str, str]] = {room: {} for room in ROOMS}
    for (room, name), bitcode in codes.items():
        path = folder / Path(shipped.bitcode_file(room, name)).relative_to(shipped.FOLDER)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lzma.compress(bitcode))
        bitcodes[room][name] = shipped.seal_of(path.read_bytes())
    for level in LEVELS:
        machine = level_machine(level)
        (folder / level.name).mkdir(parents=True)
        for (room, name), bitcode in codes.items():
            path = folder / Path(shipped.shipped_image(level.name, room, name)).relative_to(shipped.FOLDER)
            path.write_bytes(image_of(object_of(retargeted(bitcode, level.triple, machine), machine), SYMBOL))
            seal = shipped.seal_of(path.read_bytes())
            objects[room].setdefault(level.name, {})[name] = seal
        say(f"{level.name}: {len(codes)} functions", file=sys.stderr)
    if _states() != begun:
        raise RuntimeError(SOURCES_CHANGED)
    rooms = {
        room: {**begun[room], "objects": made, "bitcode": bitcodes[room]} for room, made in objects.items()
    }
    (folder / shipped.STAMP).write_text(json.dumps({"rooms": rooms}, indent=1) + "\n", encoding="utf-8")
    return [level.name for level in LEVELS]


def _states() -> dict[str, dict[str, Any]]:
    """For each room its sources by name, and one hash over them as they are now."""
    states = {}
    for room in ROOMS:
        files = [str(path.relative_to(PACKAGE)) for path in sources(room)]
        states[room] = {"files": files, "digest": shipped.digest_of(files)}
    return states


if __name__ == "__main__":
    try:
        ship()
    except RuntimeError as error:
        sys.exit(f"ship: {error}")
