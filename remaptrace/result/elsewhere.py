"""Areas of files that no call in the log opened: what nobody told of them is not compared."""

from __future__ import annotations

from .result import VmaRow

_NAMELESS = ("file@", "shm@")
MODE_FLAGS = frozenset(("sh", "mw", "mr", "me"))
"""Words of VmFlags that depend on how a descriptor was opened."""


def came_from_elsewhere(area: VmaRow) -> bool:
    """True for shared mappings of a descriptor that no call in the log made: nobody told how it was opened.

    A file open for reading only is mapped without VM_SHARED and VM_MAYWRITE (mm/mmap.c:do_mmap).
    """
    return is_nameless(area) and area.perms[1] == "-" and area.perms[3] == "s"


def is_nameless(area: VmaRow) -> bool:
    """True if the log does not tell which file an area maps: two such objects may be one file."""
    name = area.file or ""
    return name.startswith(_NAMELESS) or (name.startswith("/memfd:") and "#" in name)
