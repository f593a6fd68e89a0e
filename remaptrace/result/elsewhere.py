"""What nobody told of an area is not compared: flags that others set, files that no call in the log opened."""

from __future__ import annotations

from .result import VmaRow

_NAMELESS = ("file@", "shm@")
_UNTOLD_FLAGS = frozenset(("sd", "??", "lf"))
"""Words of VmFlags that tell when somebody cleared soft-dirty bits, and one that kernels before 6.x cannot name."""
_MODE_FLAGS = frozenset(("sh", "mw", "mr", "me"))
"""Words of VmFlags that depend on how a descriptor was opened."""


def _came_from_elsewhere(area: VmaRow) -> bool:
    """True for shared mappings of a descriptor that no call in the log made: nobody told how it was opened.

    A file open for reading only is mapped without VM_SHARED and VM_MAYWRITE (mm/mmap.c:do_mmap).
    """
    return is_nameless(area) and area.perms[1] == "-" and area.perms[3] == "s"


def is_nameless(area: VmaRow) -> bool:
    """True if the log does not tell which file an area maps: two such objects may be one file."""
    name = area.file or ""
    return name.startswith(_NAMELESS) or (name.startswith("/memfd:") and "#" in name)


def same_flags(recorded: str, area: VmaRow, *, sees_writes: bool = True) -> bool:
    """Whether the VmFlags of a recorded line are those of `area`, as far as the recording can tell.

    Without `sees_writes` it does not tell whether private memory was written before it was made read-only: then it
    stays accounted (mm/mprotect.c:mprotect_fixup, after 6.1 only where it has an anon_vma).
    """
    untold = _MODE_FLAGS if _came_from_elsewhere(area) else frozenset()
    if not sees_writes and area.perms[1] == "-" and area.perms[3] == "p" and "ac" in recorded.split():
        untold |= {"ac"}
    return _words(recorded) - untold == _words(area.vmflags) - untold


def only_in(these: str, those: str) -> str:
    """The words that only the first have."""
    return " ".join(w for w in these.split() if w in _words(these) - _words(those)) or "none of them"


def _words(flags: str) -> frozenset[str]:
    return frozenset(flags.split()) - _UNTOLD_FLAGS
