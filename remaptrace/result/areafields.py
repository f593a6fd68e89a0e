"""An area under the names that scenarios use, and whether it is the one that a scenario expects."""

from __future__ import annotations

from operator import itemgetter

from ..abi.vmflags import pkey_of
from .result import PagesRow, VmaRow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def as_wanted(row: VmaRow, area: dict[str, Any], prelude: int) -> bool:
    """Whether all that `area` tells is as in `row`; False, too, if it tells what takes more than a look."""
    if len(area) == len(_USUAL):
        try:
            told = _usual(area)
        except KeyError:
            pass
        else:
            return bool(told == (row.start, row.end, row.perms, row.offset, _file(row, prelude)))
    for key, wanted in area.items():
        if key == "file":
            if _file(row, prelude) != wanted:
                return False
        elif key not in _AS_THEY_ARE or getattr(row, key) != wanted:
            return False
    return True


_USUAL = ("start", "end", "perms", "offset", "file")
_usual = itemgetter(*_USUAL)
"""What most lists tell of an area."""
_AS_THEY_ARE = frozenset(("start", "end", "perms", "offset", "vmflags"))
"""Fields of an area that are those of its row."""


def _file(row: VmaRow, prelude: int) -> str | None:
    """The `file` of an area; ``shm@N`` counts steps, not events."""
    if row.file is None and not row.name:
        return None
    named = row.name.startswith("[anon")  # a name that the program gave: not what the area is
    file = row.file or (None if named else row.name) or None
    return f"shm@{int(file[4:]) - prelude}" if file and file.startswith("shm@") else file


def same_field(key: str, got: Any, wanted: Any) -> bool:
    """Whether one field of an area is as expected; the number of a socket is the kernel's own."""
    if key == "path" and isinstance(wanted, str) and isinstance(got, str) and wanted.startswith("socket:["):
        return got.startswith("socket:[")
    return bool(got == wanted)


def area_fields(row: VmaRow, pages: PagesRow | None, prelude: int) -> dict[str, Any]:
    """An area under the names that scenarios use."""
    file = _file(row, prelude)
    out: dict[str, Any] = {
        "start": row.start,
        "end": row.end,
        "perms": row.perms,
        "offset": row.offset,
        "file": file,
        "name": row.name or None,
        "path": row.name or file,
        "pkey": pkey_of(row.vm_flags),
        "vmflags": row.vmflags,
    }
    if pages is not None:
        out |= {"pages": pages.pages, "access": pages.access, "file_pages": list(pages.file_pages)}
    return out


def area_words(area: dict[str, Any]) -> str:
    """One area in one line."""
    words = [f"{area['start']:x}-{area['end']:x}"]
    words += [f"{k}={v}" for k, v in area.items() if k not in ("start", "end")]
    return " ".join(words)
