"""When areas join: the rules of mm/vma.c, for new ranges and for changed ones.

A merge is described by the VMG_* words at G_VMG (struct vma_merge_struct), laid out as a VMA: the range,
the flags, file, page offset and anon_vma it would have, and its neighbours. What must be equal stands in
mergeable.py. Rules by kernel: linux-6.x 3 and 7, linux-2.6.21 3.1 to 3.3. The cases of 2.6 (1 to 8) give
the same areas as the two functions here; what differs is who may join whom:

==========================  =====================================================================
rule                        an anon_vma on one side only
==========================  =====================================================================
merge_faulted_unfaulted     joins either way, unless the side that has it is a fork child
merge_refuses_fork_child    joins only a neighbour that has it, with a chain of one entry
neither (2.6)               joins
==========================  =====================================================================
"""

from __future__ import annotations

from ...abi.vmflags import VM_MAYBE_GUARD
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.rules import R_MERGE_LEFT_FIRST, R_STICKY_GUARD
from ..jit import kernel
from ..state import (
    G_VMG,
    G_VMG_EXPAND,
    H_ARCH,
    H_RULES,
    N_ATTRIBUTES,
    V_ATTRIBUTES,
    V_AV,
    V_AVMULTI,
    V_END,
    V_FILE,
    V_FLAGS,
    V_NEXT,
    V_PGOFF,
    V_PREV,
    V_START,
    V_UFFD,
    Mem,
)
from .changelog import note_vma
from .mergeable import VM_SPECIAL, anon_vma_joins, attributes_apart, has_close, runs_on
from .split import split_vma
from .vma import vma_free, vma_set_flags
from .vmaset import join_vmas, move_boundary, set_bounds

VMG_START = G_VMG + V_START  # bytes
VMG_END = G_VMG + V_END
VMG_PGOFF = G_VMG + V_PGOFF  # pages
VMG_FLAGS = G_VMG + V_FLAGS
VMG_FILE = G_VMG + V_FILE
VMG_AV = G_VMG + V_AV  # anon_vma that the range brings, 0: none
VMG_AVMULTI = G_VMG + V_AVMULTI  # 1: ... and it is a fork child's
VMG_PREV = G_VMG + V_PREV
VMG_NEXT = G_VMG + V_NEXT
VMG_ATTRIBUTES = G_VMG + V_ATTRIBUTES
VMG_EXPAND = G_VMG_EXPAND  # 1: only the area below may grow (brk)


@kernel
def vmg_init(m: Mem, start: int, end: int, pgoff: int, flags: int, file: int) -> int:
    """Describe a merge of [start, end) with these attributes; anon_vma and those of abi.attributes: none."""
    m[VMG_START] = start
    m[VMG_END] = end
    m[VMG_PGOFF] = pgoff
    m[VMG_FLAGS] = flags
    m[VMG_FILE] = file
    m[VMG_AV] = 0
    m[VMG_AVMULTI] = 0
    m[VMG_EXPAND] = 0
    for i in range(N_ATTRIBUTES):
        m[VMG_ATTRIBUTES + i] = 0
    return 0


@kernel
def vmg_like(m: Mem, vma: int, start: int, end: int, pgoff: int) -> int:
    """Describe a merge of [start, end) with every attribute of `vma`."""
    vmg_init(m, start, end, pgoff, m[vma + V_FLAGS], m[vma + V_FILE])
    m[VMG_AV] = m[vma + V_AV]
    m[VMG_AVMULTI] = m[vma + V_AVMULTI]
    for i in range(N_ATTRIBUTES):
        m[VMG_ATTRIBUTES + i] = m[vma + V_ATTRIBUTES + i]
    return 0


@kernel
def _joins_prev(m: Mem, av: int, multi: int) -> int:
    """1 if the range can follow its lower neighbour (can_vma_merge_after)."""
    prev = m[VMG_PREV]
    if prev == 0 or runs_on(m, prev, G_VMG) == 0 or attributes_apart(m, prev, G_VMG) != 0:
        return 0
    return anon_vma_joins(m, prev, av, multi)


@kernel
def _joins_next(m: Mem) -> int:
    """1 if the range can stand before its upper neighbour (can_vma_merge_before)."""
    upper = m[VMG_NEXT]
    if upper == 0 or runs_on(m, G_VMG, upper) == 0 or attributes_apart(m, upper, G_VMG) != 0:
        return 0
    return anon_vma_joins(m, upper, m[VMG_AV], m[VMG_AVMULTI])


@kernel
def _neighbours_agree(m: Mem) -> int:
    """1 if the anon_vmas of both neighbours allow them to become one area."""
    left = m[m[VMG_PREV] + V_AV]
    right = m[m[VMG_NEXT] + V_AV]
    return 1 if left in (0, right) or right == 0 else 0


@kernel
def _take_anon_vma(m: Mem, vma: int, av: int, multi: int) -> int:
    """Let `vma` inherit an anon_vma if it has none (dup_anon_vma)."""
    if m[vma + V_AV] == 0 and av != 0:
        m[vma + V_AV] = av
        m[vma + V_AVMULTI] = multi
        note_vma(m, vma)
    return 0


@kernel
def _stick(m: Mem, vma: int, flags: int) -> int:
    """Let the guard flag of a part pass to the whole (sticky flags)."""
    if m[H_RULES + R_STICKY_GUARD] != 0 and flags & ~m[vma + V_FLAGS] & VM_MAYBE_GUARD:
        vma_set_flags(m, vma, m[vma + V_FLAGS] | VM_MAYBE_GUARD)
    return 0


@kernel
def _absorb(m: Mem, mm: int, keep: int, gone: int) -> int:
    """Let area `keep` reach over its neighbour `gone`, whose anon_vma and guard flag it gets; `gone` is freed."""
    _take_anon_vma(m, keep, m[gone + V_AV], m[gone + V_AVMULTI])
    _stick(m, keep, m[gone + V_FLAGS])
    if m[keep + V_NEXT] == gone:
        join_vmas(m, mm, keep, gone, keep)
    else:
        m[keep + V_PGOFF] -= (m[keep + V_START] - m[gone + V_START]) >> m[H_ARCH + A_PAGE_SHIFT]
        join_vmas(m, mm, gone, keep, keep)
    vma_free(m, gone)
    return 0


@kernel
def _grow_down(m: Mem, mm: int, vma: int, start: int) -> int:
    """Move the start of `vma` down to `start`, and its page offset with it."""
    m[vma + V_PGOFF] -= (m[vma + V_START] - start) >> m[H_ARCH + A_PAGE_SHIFT]
    set_bounds(m, mm, vma, start, m[vma + V_END])
    return 0


@kernel
def merge_new(m: Mem, mm: int) -> int:
    """Let a neighbour take in the free range of the merge (vma_merge_new_range); it, or 0.

    The survivor's flags get the guard flag of every part, no other change. 6.1 asks the
    upper neighbour first, and the lower one only if it agrees with that (merge_prefers_left: no).
    """
    prev = m[VMG_PREV]
    upper = m[VMG_NEXT]
    if m[VMG_FLAGS] & VM_SPECIAL:
        return 0
    av = m[VMG_AV]
    multi = m[VMG_AVMULTI]
    right = 0
    if m[VMG_EXPAND] == 1:
        left = _joins_prev(m, av, multi)
    elif m[H_RULES + R_MERGE_LEFT_FIRST] != 0:
        left = _joins_prev(m, av, multi)
        right = _joins_next(m)
        if left == 1 and right == 1:
            right = _neighbours_agree(m)
    else:
        right = _joins_next(m)
        left = (
            _joins_prev(m, m[upper + V_AV], m[upper + V_AVMULTI]) if right == 1 else _joins_prev(m, av, multi)
        )
    if left == 1:
        if right == 1 and has_close(m, upper) == 0:
            _absorb(m, mm, prev, upper)
        else:
            set_bounds(m, mm, prev, m[prev + V_START], m[VMG_END])
        target = prev
    elif right == 1:
        _grow_down(m, mm, upper, m[VMG_START])
        target = upper
    else:
        return 0
    _take_anon_vma(m, target, av, multi)
    _stick(m, target, m[VMG_FLAGS])
    return target


@kernel
def _merge_changed(m: Mem, mm: int, middle: int) -> int:
    """Let neighbours take in a part of `middle` (vma_merge_existing_range); the survivor, or 0."""
    start = m[VMG_START]
    end = m[VMG_END]
    at_start = 1 if start == m[middle + V_START] else 0
    at_end = 1 if end == m[middle + V_END] else 0
    if m[VMG_FLAGS] & VM_SPECIAL or at_start + at_end == 0:
        return 0
    prev = m[middle + V_PREV]
    upper = m[middle + V_NEXT]
    m[VMG_PREV] = prev
    m[VMG_NEXT] = upper
    av = m[VMG_AV]
    multi = m[VMG_AVMULTI]
    left = _joins_prev(m, av, multi) if at_start == 1 else 0
    right = _joins_next(m) if at_end == 1 else 0
    if left == 1 and right == 1:
        right = _neighbours_agree(m)
    if left + right == 0:
        return 0
    whole = at_start & at_end
    if whole == 1 and has_close(m, middle) != 0:
        return 0
    if left == 1 and right == 1 and has_close(m, upper) != 0:
        right = 0
    if left == 1:
        target = prev
        _stick(m, prev, m[VMG_FLAGS])
        if right == 1:
            _take_anon_vma(m, prev, m[upper + V_AV], m[upper + V_AVMULTI])
            _stick(m, prev, m[upper + V_FLAGS])
            join_vmas(m, mm, middle, upper, middle)
            vma_free(m, upper)
        _take_anon_vma(m, prev, av, multi)
        if whole == 1:
            _absorb(m, mm, prev, middle)
        else:
            m[middle + V_PGOFF] += (end - start) >> m[H_ARCH + A_PAGE_SHIFT]
            move_boundary(m, mm, prev, middle, end)
    else:
        target = upper
        _stick(m, upper, m[VMG_FLAGS])
        _take_anon_vma(m, upper, av, multi)
        if whole == 1:
            _absorb(m, mm, upper, middle)
        else:
            m[upper + V_PGOFF] -= (end - start) >> m[H_ARCH + A_PAGE_SHIFT]
            move_boundary(m, mm, middle, upper, start)
    return target


@kernel
def _touches(m: Mem, vma: int, start: int, end: int) -> int:
    """1 if the part [start, end) of `vma` adjoins another area, so that a merge is to be thought of."""
    prev = m[vma + V_PREV]
    if prev != 0 and m[prev + V_END] == start:
        return 1
    upper = m[vma + V_NEXT]
    return 1 if upper != 0 and m[upper + V_START] == end else 0


@kernel
def _modify(m: Mem, mm: int, vma: int, start: int, end: int, flags: int, word: int, value: int) -> int:
    """The area that holds exactly the changed range, or one that took it in; -errno if a split fails.

    [start, end) lies in `vma`. Merges as if it had `flags` and `value` in the attribute `word`, else splits so that an
    area holds the range alone (vma_modify). The caller stores both; flags that stick are in the
    result already. A split that worked stays when the other fails.
    """
    if _touches(m, vma, start, end) != 0:
        pgoff = m[vma + V_PGOFF] + ((start - m[vma + V_START]) >> m[H_ARCH + A_PAGE_SHIFT])
        vmg_like(m, vma, start, end, pgoff)
        m[VMG_FLAGS] = flags
        m[G_VMG + word] = value
        merged = _merge_changed(m, mm, vma)
        if merged != 0:
            return merged
    if m[vma + V_START] < start:
        error = split_vma(m, mm, vma, start, 1)
        if error != 0:
            return error
    if m[vma + V_END] > end:
        error = split_vma(m, mm, vma, end, 0)
        if error != 0:
            return error
    return vma


@kernel
def vma_modify_uffd(m: Mem, mm: int, vma: int, start: int, end: int, flags: int, uffd: int) -> int:
    """Give [start, end) of `vma` the flags and the userfaultfd `uffd` (0: none); the area that holds it, or -errno."""
    target = _modify(m, mm, vma, start, end, flags, V_UFFD, uffd)
    if target > 0:
        if m[H_RULES + R_STICKY_GUARD] != 0:
            flags |= m[target + V_FLAGS] & VM_MAYBE_GUARD
        m[target + V_UFFD] = uffd
        vma_set_flags(m, target, flags)
    return target


@kernel
def vma_modify_attribute(m: Mem, mm: int, vma: int, start: int, end: int, word: int, value: int) -> int:
    """Give [start, end) of `vma` the `value` (0: none) of attribute `word`, V_POLICY say.

    The area that holds it now, or -errno.
    """
    if m[vma + word] == value:
        return vma
    target = _modify(m, mm, vma, start, end, m[vma + V_FLAGS], word, value)
    if target > 0:
        m[target + word] = value
        note_vma(m, target)
    return target


@kernel
def vma_modify_flags(m: Mem, mm: int, vma: int, start: int, end: int, flags: int) -> int:
    """Give [start, end) of `vma` the `flags`, with those that stick; the area that holds it now, or -errno."""
    target = _modify(m, mm, vma, start, end, flags, V_ATTRIBUTES, m[vma + V_ATTRIBUTES])
    if target > 0:
        if m[H_RULES + R_STICKY_GUARD] != 0:
            flags |= m[target + V_FLAGS] & VM_MAYBE_GUARD
        vma_set_flags(m, target, flags)
    return target
