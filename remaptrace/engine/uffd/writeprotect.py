"""UFFDIO_WRITEPROTECT: the write protection that userfaultfd puts on pages (mm/userfaultfd.c: mwriteprotect_range)."""

from __future__ import annotations

from ...abi.errnos import (
    EINVAL,
    ENOENT,
    ENOMEM,
    ESRCH,
)
from ...abi.mman import UFFD_FEATURES
from ...abi.vmflags import (
    VM_HUGETLB,
    VM_UFFD_WP,
)
from ...machine.archwords import A_HUGE_SHIFT
from ...machine.callrules import R_UFFD_WP_UNDO
from ..areas.vma import object_wants_writenotify, vma_is_anonymous
from ..areas.vmaset import find_vma
from ..files.hugepool import hugefile_shift
from ..jit import kernel
from ..pages.pgwalk import (
    HUGE_ENTRY,
    next_leaf,
    pmd_lookup,
    pmd_word,
    pte_ensure,
    pte_index,
    span_end,
    span_shift,
)
from ..pages.pte import (
    MARKER_UFFD_WP,
    mk_pte_marker,
    pte_clear_uffd_wp,
    pte_mkuffd_wp,
    pte_present,
    pte_uffd_wp,
)
from ..pages.thp import huge_split
from ..ranges.hugetlb import hugetlb_protect
from ..ranges.pgtable import protect_word
from ..state import (
    H_ARCH,
    H_RULES,
    U_FEATURES,
    V_END,
    V_FLAGS,
    V_INODE,
    V_NEXT,
    V_PROT,
    V_START,
    V_UFFD,
    Mem,
)
from .fill import bad_range

WP_ASYNC, WP_UNPOPULATED = UFFD_FEATURES["wp_async"], UFFD_FEATURES["wp_unpopulated"]
_WRITEPROTECT_WP = 1


@kernel
def huge_misfit(m: Mem, vma: int, start: int, end: int) -> int:
    """1 if the range begins or ends inside a huge page of hugetlb area `vma`."""
    if m[vma + V_FLAGS] & VM_HUGETLB == 0:
        return 0
    size = 1 << hugefile_shift(m, m[vma + V_INODE])
    if m[vma + V_START] <= start and start & (size - 1):
        return 1
    return 1 if end <= m[vma + V_END] and end & (size - 1) else 0


@kernel
def _protected_word(m: Mem, vma: int, w: int, protect: int) -> int:
    """The present PTE word with or without userfaultfd's write protection (uffd_wp_range, change_pte_range).

    Lifting it gives every page the protection that the area has now, which a shared area of write protection has
    without the right to write: only private pages get it back (6.2).
    """
    if protect != 0:
        return pte_mkuffd_wp(m, w)
    if m[H_RULES + R_UFFD_WP_UNDO] == 0:
        return pte_clear_uffd_wp(m, w) if pte_uffd_wp(m, w) != 0 else w
    flags = m[vma + V_FLAGS]
    notify = object_wants_writenotify(m, vma, flags)
    return protect_word(m, pte_clear_uffd_wp(m, w), m[vma + V_PROT], flags, notify)


@kernel
def _markers(m: Mem, vma: int) -> int:
    """1 if absent pages of the area can be write-protected (userfaultfd_wp_use_markers)."""
    if m[vma + V_FLAGS] & VM_UFFD_WP == 0 or m[vma + V_UFFD] == 0:
        return 0
    if vma_is_anonymous(m, vma) == 0:
        return 1
    return 1 if m[m[vma + V_UFFD] + U_FEATURES] & WP_UNPOPULATED else 0


@kernel
def uffd_protect(m: Mem, mm: int, vma: int, start: int, end: int, protect: int) -> int:
    """Write-protect the pages of [start, end) of `vma`, or lift that (uffd_wp_range): 0 or -ENOMEM."""
    if m[vma + V_FLAGS] & VM_HUGETLB:
        if hugefile_shift(m, m[vma + V_INODE]) != m[H_ARCH + A_HUGE_SHIFT]:
            return 0  # pages of 1 GiB: there are none
        return hugetlb_protect(m, mm, start, end, protect)
    whole = 1 << span_shift(m)
    marker = mk_pte_marker(m, MARKER_UFFD_WP)
    markers = _markers(m, vma) if protect != 0 else 0
    addr = start if markers != 0 else next_leaf(m, mm, start, end)
    while addr < end:
        limit = span_end(m, addr, end)
        slot = pmd_lookup(m, mm, addr)
        if slot != 0 and m[slot] == HUGE_ENTRY and limit - addr == whole:
            word = pmd_word(m, slot)
            m[word] = _protected_word(m, vma, m[word], protect)
        else:
            if slot != 0 and m[slot] == HUGE_ENTRY and huge_split(m, mm, slot) == 0:
                return -ENOMEM
            p = pte_ensure(m, mm, addr) if markers != 0 else m[slot] + pte_index(m, addr)
            if p == 0:
                return -ENOMEM
            for q in range(p, p + pte_index(m, limit - 1) - pte_index(m, addr) + 1):
                w = m[q]
                if w == 0:
                    if markers != 0:
                        m[q] = marker
                elif pte_present(m, w) != 0:
                    m[q] = _protected_word(m, vma, w, protect)
                elif protect == 0 and w == marker:
                    m[q] = 0
        addr = limit if markers != 0 else next_leaf(m, mm, limit, end)
    return 0


@kernel
def uffd_writeprotect(m: Mem, mm: int, start: int, length: int, mode: int) -> int:
    """UFFDIO_WRITEPROTECT (mwriteprotect_range)."""
    if bad_range(m, start, length) != 0 or mode & ~3 or mode == 3:
        return -EINVAL
    if mm == 0:
        return -ESRCH
    end = start + length
    error = -ENOENT
    vma = find_vma(m, mm, start)
    while vma != 0 and m[vma + V_START] < end:
        if m[vma + V_FLAGS] & VM_UFFD_WP == 0:
            return -ENOENT
        if huge_misfit(m, vma, start, end) != 0:
            return -EINVAL
        low = max(start, m[vma + V_START])
        error = uffd_protect(m, mm, vma, low, min(end, m[vma + V_END]), mode & _WRITEPROTECT_WP)
        if error != 0:
            return error
        vma = m[vma + V_NEXT]
    return error
