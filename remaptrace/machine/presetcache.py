"""All preset files, parsed; kept in the user's cache folder, because YAML is slow to read.

A change of any file, or of what files there are, is noticed (`kept.remembered`); a cache that cannot be read or
written only costs time.
"""

from __future__ import annotations

import os
from functools import cache

from ..errorcodes import RT_IN_ARCHIVE
from ..errors import InputError, UsageError
from ..kept import remembered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

ROOMS = ("kernels", "arches")
Parsed: TypeAlias = "dict[str, dict[str, dict[str, Any]]]"
"""room -> name -> content."""

_FOLDER = os.path.join(os.path.dirname(os.path.realpath(__file__)), "presets")


@cache
def all_presets() -> Parsed:
    """Every preset file of every room. InputError RT406 for one that is not a mapping.

    UsageError RT607 if the package is no folder: what is read beside its sources (presets, machine code, programs for
    other kernels) has to be files.
    """
    if not os.path.isdir(_FOLDER):
        raise UsageError(
            RT_IN_ARCHIVE,
            "remaptrace cannot be run from inside an archive: it reads files that lie beside its sources",
            found=_FOLDER,
            expected="a folder: the archive unpacked, or pip install",
        )
    return remembered("presets", _FOLDER, _parsed)


def _parsed() -> tuple[Parsed, list[str]]:
    """Every preset, and the files and folders that say so."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    out: Parsed = {}
    read = []
    for room in ROOMS:
        folder = os.path.join(_FOLDER, room)
        out[room] = {}
        read.append(folder)
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".yaml"):
                continue
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                content = yaml.load(file.read().decode("utf-8"), Loader=loader)
            if not isinstance(content, dict):
                raise InputError("RT406", "a preset must be a mapping", path=path)
            out[room][name[:-5]] = content
            read.append(path)
    return out, read
