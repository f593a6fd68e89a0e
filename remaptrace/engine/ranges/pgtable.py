"""What calls do to the PTEs of a range: zap, protect, move (mm/memory.c, mm/mprotect.c, mm/mremap.c).

Walking, making and freeing the tables themselves is `remaptrace.engine.pages.pgwalk`; its public names are
offered here too.
"""

from __future__ import annotations

from ...abi.vmflags import VM_ACCESS, VM_HUGETLB, VM_PKEY, VM_SHARED, VM_UFFD_WP, VM_WRITE
from ...machine.rules import (
    R_PER_VMA_PTES_UPGRADE,
    R_PT_RECLAIM,
    UPGRADE_DIRTY,
    UPGRADE_EXCLUSIVE,
)
from ..areas.vma import object_wants_writenotify, vma_is_anonymous
from ..jit import apart, kernel
from ..pages.frames import frame
from ..pages.pgwalk import (
    HUGE_ENTRY,
    free_pgtables,
    free_tables,
    has_no_tables,
    leaf_drop,
    next_leaf,
    pgd_free,
    pgd_new,
    pmd_ensure,
    pmd_lookup,
    pmd_word,
    pte_ensure,
    pte_index,
    pte_lookup,
    span_end,
    span_shift,
)
from ..pages.pte import (
    MARKER_UFFD_WP,
    mk_pte_marker,
    pte_clear_uffd_wp,
    pte_dirty,
    pte_file,
    pte_marker,
    pte_mkwrite,
    pte_modify,
    pte_pfn,
    pte_poison,
    pte_present,
    pte_swap_offset,
    pte_uffd_wp,
    pte_write,
)
from ..pages.swap import page_unmap, swap_put
from ..pages.thp import huge_move, huge_split, huge_zap
from ..state import (
    F_FLAGS,
    FF_ANON,
    FF_DIRTY,
    FF_EXCLUSIVE,
    FF_ZERO,
    H_RULES,
    MM_LASTLEAF,
    MM_RSS,
    V_FLAGS,
    V_PROT,
    Mem,
)
from .hugetlb import hugetlb_protect, hugetlb_zap

__all__ = [
    "ZAP_DONTNEED",
    "ZAP_PUNCH",
    "ZAP_TRUNCATE",
    "ZAP_UNMAP",
    "free_pgtables",
    "free_tables",
    "leaves_wp_marker",
    "move_range",
    "pgd_free",
    "pgd_new",
    "protect_range",
    "protect_word",
    "pte_ensure",
    "pte_lookup",
    "unprotect_moved",
    "zap_range",
]

ZAP_UNMAP = 0  # everything, guard markers too: munmap, exit, MAP_FIXED, MADV_GUARD_INSTALL
ZAP_DONTNEED = 1  # guard markers stay; nonlinear areas keep file PTEs
ZAP_TRUNCATE = 2  # pages behind the new end of a file: private copies too, guard markers stay
ZAP_PUNCH = 3  # a hole in a file: pages of the file only, private copies stay


# ---- zap -------------------------------------------------------------------------------------


@kernel
def zap_pte(m: Mem, mm: int, p: int, how: int) -> int:
    """Clear the PTE word at `p`, which is not empty; 1 if it is empty now."""
    w = m[p]
    if pte_present(m, w) != 0:
        pfn = pte_pfn(m, w)
        f = frame(m, pfn)
        flags = m[f + F_FLAGS]
        if flags & FF_ZERO == 0:
            if how == ZAP_PUNCH and flags & FF_ANON:
                return 0
            if flags & FF_ANON == 0 and pte_dirty(m, w) != 0:
                m[f + F_FLAGS] = flags | FF_DIRTY
            m[mm + MM_RSS] -= 1
            page_unmap(m, pfn)
        elif how == ZAP_PUNCH:
            return 0
        m[p] = 0
        return 1
    if pte_marker(m, w) != 0:
        if pte_poison(m, w) != 0 and how != ZAP_PUNCH:
            m[p] = 0
            return 1
        if how != ZAP_UNMAP:
            return 0
        m[p] = 0
        return 1
    if pte_file(m, w) == 0:
        if how == ZAP_PUNCH:
            return 0
        swap_put(m, pte_swap_offset(m, w))
    elif how != ZAP_UNMAP:
        return 0
    m[p] = 0
    return 1


@kernel
def leaves_wp_marker(m: Mem, vma: int, w: int) -> int:
    """1 if the page of word `w` stays write-protected by userfaultfd when it is unmapped from `vma`.

    That is so for pages of an object, private copies too (pte_install_uffd_wp_if_needed).
    """
    if m[vma + V_FLAGS] & VM_UFFD_WP == 0 or vma_is_anonymous(m, vma) != 0:
        return 0
    return pte_uffd_wp(m, w)


@kernel
def _zap_registered(m: Mem, mm: int, vma: int, p: int, how: int) -> int:
    """`zap_pte` in an area whose pages userfaultfd may protect; 1 if the PTE is empty now.

    A marker of protection goes from private memory with its pages, else only with the area (zap_nonpresent_ptes).
    """
    w = m[p]
    if zap_pte(m, mm, p, how) != 0:
        if how == ZAP_UNMAP or leaves_wp_marker(m, vma, w) == 0:
            return 1
        m[p] = mk_pte_marker(m, MARKER_UFFD_WP)
        return 0
    if how == ZAP_DONTNEED and vma_is_anonymous(m, vma) != 0 and pte_uffd_wp(m, w) != 0:
        m[p] = 0
        return 1
    return 0


@kernel
def zap_range(m: Mem, mm: int, vma: int, start: int, end: int, how: int) -> int:
    """Remove the PTEs of `vma` in [start, end), which lies inside it; `how` is one of ZAP_*.

    Frames lose a reference, swap slots a user. Leaf tables stay, but with `pt_reclaim` a DONTNEED that
    empties a table over its whole span frees it. Cost: the tables and PTEs there are.
    """
    if m[vma + V_FLAGS] & VM_HUGETLB:
        return hugetlb_zap(m, mm, vma, start, end, 1 if how in (ZAP_DONTNEED, ZAP_PUNCH) else 0)
    return 0 if has_no_tables(m, mm) != 0 else _zap_tables(m, mm, vma, start, end, how)


@apart
def _zap_tables(m: Mem, mm: int, vma: int, start: int, end: int, how: int) -> int:
    """`zap_range` of pages that are not those of hugetlbfs, where there are page tables."""
    whole = 1 << span_shift(m)
    protects = m[vma + V_FLAGS] & VM_UFFD_WP
    addr = next_leaf(m, mm, start, end)
    while addr < end:
        limit = span_end(m, addr, end)
        slot = pmd_lookup(m, mm, addr)
        if m[slot] == HUGE_ENTRY and limit - addr == whole:
            huge_zap(m, mm, slot)
        else:
            if m[slot] == HUGE_ENTRY:
                huge_split(m, mm, slot)
            p = m[slot] + pte_index(m, addr)
            left = 0
            for q in range(p, p + pte_index(m, limit - 1) - pte_index(m, addr) + 1):
                if m[q] == 0:
                    continue
                if protects != 0:
                    left += 1 - _zap_registered(m, mm, vma, q, how)
                elif zap_pte(m, mm, q, how) == 0:
                    left += 1
            if how == ZAP_DONTNEED and limit - addr == whole and left == 0 and m[H_RULES + R_PT_RECLAIM] != 0:
                leaf_drop(m, mm, slot)
        addr = next_leaf(m, mm, limit, end)
    return 0


# ---- protect ---------------------------------------------------------------------------------


@kernel
def protect_word(m: Mem, w: int, prot: int, flags: int, notify: int) -> int:
    """The present PTE word under a new protection (change_pte_range, can_change_pte_writable).

    `notify`: the object of a shared mapping wants to know of writes, so that what is dirty may be written. A mapping
    that only userfaultfd protects gets nothing back (vma_wants_manual_pte_write_upgrade).
    """
    w = pte_modify(m, w, prot)
    if flags & VM_WRITE == 0 or pte_write(m, w) != 0 or pte_uffd_wp(m, w) != 0:
        return w
    if flags & VM_SHARED:
        return pte_mkwrite(m, w) if notify != 0 and pte_dirty(m, w) != 0 else w
    upgrades = m[H_RULES + R_PER_VMA_PTES_UPGRADE]
    if upgrades == UPGRADE_EXCLUSIVE or (upgrades == UPGRADE_DIRTY and pte_dirty(m, w) != 0):
        page = m[frame(m, pte_pfn(m, w)) + F_FLAGS]
        if page & (FF_ANON | FF_EXCLUSIVE) == FF_ANON | FF_EXCLUSIVE:
            return pte_mkwrite(m, w)
    return w


@kernel
def protect_range(m: Mem, mm: int, vma: int, start: int, end: int, old_flags: int) -> int:
    """Give the present PTEs of [start, end) the protection that `vma` has now (change_protection).

    `old_flags` are the area's flags before: nothing happens if its protection did not change. Absent
    PTEs (swap, file, guard) stay as they are. Returns the number of PTEs looked at.
    """
    flags = m[vma + V_FLAGS]
    if (flags ^ old_flags) & (VM_ACCESS | VM_SHARED | VM_PKEY) == 0 or has_no_tables(m, mm) != 0:
        return 0
    return _protect_tables(m, mm, vma, start, end)


@apart
def _protect_tables(m: Mem, mm: int, vma: int, start: int, end: int) -> int:
    """`protect_range` where there are page tables and the protection changed."""
    flags = m[vma + V_FLAGS]
    prot = m[vma + V_PROT]
    notify = object_wants_writenotify(m, vma, flags)
    whole = 1 << span_shift(m)
    seen = 0
    addr = next_leaf(m, mm, start, end)
    while addr < end:
        limit = span_end(m, addr, end)
        slot = pmd_lookup(m, mm, addr)
        if m[slot] == HUGE_ENTRY and limit - addr != whole:
            huge_split(m, mm, slot)
        if m[slot] == HUGE_ENTRY:
            word = pmd_word(m, slot)
            if pte_present(m, m[word]) != 0:  # else a marker of a hugetlb area
                m[word] = protect_word(m, m[word], prot, flags, notify)
        else:
            p = m[slot] + pte_index(m, addr)
            for q in range(p, p + pte_index(m, limit - 1) - pte_index(m, addr) + 1):
                w = m[q]
                if w != 0 and pte_present(m, w) != 0:
                    m[q] = protect_word(m, w, prot, flags, notify)
                    seen += 1
        addr = next_leaf(m, mm, limit, end)
    return seen


# ---- move ------------------------------------------------------------------------------------


@kernel
def _move_span(m: Mem, mm: int, slot: int, old: int, new: int, length: int) -> int:
    """Move the PTEs of one old leaf span to `new`, which also lies in one span; 0: arena full."""
    p = m[slot] + pte_index(m, old)
    count = pte_index(m, old + length - 1) - pte_index(m, old) + 1
    target = 0
    for i in range(count):
        if m[p + i] != 0:
            if target == 0:
                target = pte_ensure(m, mm, new)
                if target == 0:
                    return 0
            m[target + i] = m[p + i]
            m[p + i] = 0
    return 1


@kernel
def unprotect_moved(m: Mem, mm: int, vma: int, start: int, end: int) -> int:
    """Take userfaultfd's write protection off pages that moved out of its reach (need_clear_uffd_wp, 6.13 and stable).

    They get no write bit by that. Before, the marks stayed without effect until the area was registered again.
    """
    if m[vma + V_FLAGS] & VM_HUGETLB:
        return hugetlb_protect(m, mm, start, end, 0)
    addr = next_leaf(m, mm, start, end)
    while addr < end:
        limit = span_end(m, addr, end)
        slot = pmd_lookup(m, mm, addr)
        if m[slot] == HUGE_ENTRY:
            word = pmd_word(m, slot)
            m[word] = pte_clear_uffd_wp(m, m[word])
        else:
            p = m[slot] + pte_index(m, addr)
            for q in range(p, p + pte_index(m, limit - 1) - pte_index(m, addr) + 1):
                if m[q] != 0 and pte_uffd_wp(m, m[q]) != 0:
                    m[q] = pte_clear_uffd_wp(m, m[q]) if pte_present(m, m[q]) != 0 else 0
        addr = next_leaf(m, mm, limit, end)
    return 0


@kernel
def move_range(m: Mem, mm: int, old_vma: int, old: int, new_vma: int, new: int, length: int) -> int:
    """Move the PTEs of [old, old + length) to [new, new + length), which is empty (move_page_tables).

    Present pages, swap entries, file PTEs and guard markers all move; whole tables and huge pages are
    handed over where both addresses allow it. Returns 0, or -12 (ENOMEM) when the arena is full.
    """
    if has_no_tables(m, mm) != 0:
        return 0
    whole = 1 << span_shift(m)
    done = 0
    while done < length:
        done = next_leaf(m, mm, old + done, old + length) - old
        if done >= length:
            break
        step = span_end(m, old + done, old + length) - (old + done)
        into = span_end(m, new + done, new + length) - (new + done)
        slot = pmd_lookup(m, mm, old + done)
        if step == whole and into == whole:
            to = pmd_ensure(m, mm, new + done)
            if to == 0:
                return -12
            if m[to] == 0:
                if m[slot] == HUGE_ENTRY:
                    huge_move(m, slot, to)
                else:
                    m[to] = m[slot]
                    m[slot] = 0
                m[mm + MM_LASTLEAF] = 0
                done += step
                continue
        if m[slot] == HUGE_ENTRY and huge_split(m, mm, slot) == 0:
            return -12
        step = min(step, into)
        if _move_span(m, mm, slot, old + done, new + done, step) == 0:
            return -12
        done += step
    return 0
