"""How many pages of each area are present, and of what sort: the counts that smaps shows. Read from Python."""

from __future__ import annotations

from ..pages import pte
from ..state import F_FLAGS, F_MAPCOUNT, FF_ANON, FF_DIRTY, FF_ZERO, MM_COUNT, MM_TABLES, V_END, V_START
from .inspect import frame_of, vmas
from .protections import ptes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


COUNTS = ("rss", "anonymous", "shared", "dirty", "huge", "swap", "file_ptes", "guards")
"""Pages present; of them private copies, mapped more than once, dirty, in huge pages; then absent ones."""


def resident(m: Any, mm: int) -> list[dict[str, int]]:
    """One dict of COUNTS, in pages, for each area of `mm` by address. The zero page counts nowhere, as in smaps."""
    if m[mm + MM_TABLES] == 0:
        return [dict.fromkeys(COUNTS, 0)] * m[mm + MM_COUNT]
    return [_area(m, mm, int(m[vma + V_START]), int(m[vma + V_END])) for vma in vmas(m, mm)]


def _area(m: Any, mm: int, start: int, end: int) -> dict[str, int]:
    counts = dict.fromkeys(COUNTS, 0)
    for _, pages, word in ptes(m, mm, start, end):
        if not pte.pte_present(m, word):
            what = "guards" if pte.pte_guard(m, word) else "file_ptes" if pte.pte_file(m, word) else "swap"
            counts[what] += pages
            continue
        f = frame_of(m, word)
        flags = m[f + F_FLAGS]
        if flags & FF_ZERO:
            continue
        counts["rss"] += pages
        counts["anonymous"] += pages if flags & FF_ANON else 0
        counts["shared"] += pages if m[f + F_MAPCOUNT] > 1 else 0
        counts["dirty"] += pages if pte.pte_dirty(m, word) or flags & FF_DIRTY else 0
        counts["huge"] += pages if pages > 1 else 0
    return counts
