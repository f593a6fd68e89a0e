"""When an area gets an anon_vma, and whose (mm/rmap.c, find_mergeable_anon_vma; linux-6.x 3.2)."""

from __future__ import annotations

from ...abi.vmflags import VM_ACCESS
from ..jit import kernel
from ..state import (
    V_AV,
    V_AVMULTI,
    V_NEXT,
    V_PREV,
    Mem,
)
from .changelog import note_vma
from .mergeable import VM_IGNORE_MERGE, object_apart, runs_on
from .vma import anon_vma_new


@kernel
def _reusable_anon_vma(m: Mem, owner: int, low: int, high: int) -> int:
    """The anon_vma of `owner` if the touching areas `low` and `high` could be one but for r, w, x."""
    if m[owner + V_AV] == 0 or m[owner + V_AVMULTI] != 0:
        return 0
    if object_apart(m, low, high, VM_ACCESS | VM_IGNORE_MERGE) != 0:
        return 0
    return m[owner + V_AV] if runs_on(m, low, high) != 0 else 0


@kernel
def anon_vma_prepare(m: Mem, mm: int, vma: int) -> int:
    """Give `vma` an anon_vma if it has none: the next area's, the previous one's, or a new one.

    find_mergeable_anon_vma, linux-6.x 3.2. Returns 0.
    """
    if m[vma + V_AV] != 0:
        return 0
    av = 0
    upper = m[vma + V_NEXT]
    if upper != 0:
        av = _reusable_anon_vma(m, upper, vma, upper)
    prev = m[vma + V_PREV]
    if av == 0 and prev != 0:
        av = _reusable_anon_vma(m, prev, prev, vma)
    if av == 0:
        anon_vma_new(m, vma)
    else:
        m[vma + V_AV] = av
        m[vma + V_AVMULTI] = 0
        note_vma(m, vma)
    return 0
