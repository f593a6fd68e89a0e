"""Huge pages mapped by one entry: map, zap, copy, move and split (mm/huge_memory.c).

A huge page of private memory is a run of consecutive frames. As long as nobody splits it only the head
frame is set up (FF_HUGE) and speaks for all. Splitting an *entry* gives its address space a leaf table
that maps the frames one by one; the first split also sets up the frames, each with the references that
the head had. Other address spaces may go on mapping the same frames by one entry.

The huge zero page has one frame with FF_ZERO and FF_HUGE; its split maps the ordinary zero page.
"""

from __future__ import annotations

from ...abi.rows import RSF_ASSUMED
from ...machine.archwords import A_INDEX_BITS, A_PAGE_SHIFT, P_INVERT, P_PFN_MASK, P_PFN_SHIFT, P_VALID
from ...machine.callrules import R_SPLIT_MAPS_ZERO
from ...machine.rules import R_PER_VMA_PTES_UPGRADE, UPGRADE_DIRTY
from ..jit import kernel, wrap
from ..state import (
    F_BYTES,
    F_FILL,
    F_FLAGS,
    F_INDEX,
    F_MAPCOUNT,
    F_OWNER,
    F_REFS,
    FF_ANON,
    FF_DIRTY,
    FF_EXCLUSIVE,
    FF_HUGE,
    FF_UNKNOWN,
    FF_UPTODATE,
    FF_ZERO,
    G_HUGE_ZERO,
    G_RSFLAGS,
    H_ARCH,
    H_NFRAMES,
    H_RULES,
    MM_LASTLEAF,
    MM_RSS,
    MM_TABLES,
    Mem,
    kalloc,
)
from .frames import (
    B_FROM,
    B_NEXT,
    B_VALUE,
    block_free,
    byte_store,
    bytes_free,
    frame,
    frame_block,
    frame_map,
    frame_unmap,
    zero_frame,
)
from .pgwalk import HUGE_ENTRY, pmd_word, table_words
from .pte import mk_pte, pte_dirty, pte_mkclean, pte_mkold, pte_pfn, pte_wrprotect


@kernel
def huge_pages(m: Mem) -> int:
    """Frames of a huge page."""
    return 1 << m[H_ARCH + A_INDEX_BITS]


@kernel
def huge_zero_frame(m: Mem) -> int:
    """The head of the huge zero page, set up at the first use."""
    pfn = m[G_HUGE_ZERO]
    if pfn == 0:
        count = huge_pages(m)
        pfn = (m[H_NFRAMES] + count - 1) & -count
        m[H_NFRAMES] = pfn + count
        m[G_HUGE_ZERO] = pfn
        m[frame(m, pfn) + F_REFS] = 1
        m[frame(m, pfn) + F_FLAGS] = FF_ZERO | FF_HUGE | FF_UPTODATE
    return pfn


@kernel
def huge_anon(m: Mem, mm: int, index: int) -> int:
    """A zeroed huge page for linear index `index`, mapped once; its head, 0: no memory."""
    pfn = frame_block(m, huge_pages(m))
    if pfn == 0:
        return 0
    f = frame(m, pfn)
    m[f + F_REFS] = 1
    m[f + F_MAPCOUNT] = 1
    m[f + F_FLAGS] = FF_ANON | FF_EXCLUSIVE | FF_DIRTY | FF_UPTODATE | FF_HUGE
    m[f + F_INDEX] = index
    m[f + F_OWNER] = mm
    return pfn


@kernel
def pte_with_pfn(m: Mem, w: int, pfn: int) -> int:
    """The present PTE word `w` with another frame number."""
    bits = wrap(pfn << m[H_ARCH + P_PFN_SHIFT])
    if (w & m[H_ARCH + P_VALID]) == 0:
        bits ^= m[H_ARCH + P_INVERT]
    return (w & ~wrap(m[H_ARCH + P_PFN_MASK] << m[H_ARCH + P_PFN_SHIFT])) | bits


@kernel
def _set_up_frames(m: Mem, head: int) -> int:
    """Set up every frame of the huge page `head` and hand its bytes out."""
    h = frame(m, head)
    shift = m[H_ARCH + A_PAGE_SHIFT]
    m[h + F_FLAGS] &= ~FF_HUGE
    for i in range(1, huge_pages(m)):
        f = frame(m, head + i)
        m[f + F_REFS] = m[h + F_REFS]
        m[f + F_MAPCOUNT] = m[h + F_MAPCOUNT]
        m[f + F_FLAGS] = m[h + F_FLAGS]
        m[f + F_INDEX] = m[h + F_INDEX] + i
        m[f + F_OWNER] = m[h + F_OWNER]
        m[f + F_FILL] = m[h + F_FILL]
    b = m[h + F_BYTES]
    m[h + F_BYTES] = 0
    first = b
    while b != 0:  # exceptions of an unsplit huge page are single bytes, each offset once
        offset = m[b + B_FROM]
        byte_store(m, head + (offset >> shift), offset & ((1 << shift) - 1), m[b + B_VALUE])
        b = m[b + B_NEXT]
    bytes_free(m, first)
    return 0


@kernel
def huge_zap(m: Mem, mm: int, slot: int) -> int:
    """Remove the huge page under level-1 entry `slot`."""
    word = pmd_word(m, slot)
    head = pte_pfn(m, m[word])
    m[slot] = 0
    m[word] = 0
    f = frame(m, head)
    flags = m[f + F_FLAGS]
    if flags & FF_ZERO:
        return 0
    m[mm + MM_RSS] -= huge_pages(m)
    if flags & FF_HUGE == 0:
        for i in range(huge_pages(m)):
            frame_unmap(m, head + i)
        return 0
    m[f + F_MAPCOUNT] -= 1
    m[f + F_REFS] -= 1
    if m[f + F_REFS] == 0:
        block_free(m, head, huge_pages(m))
    return 0


@kernel
def huge_split(m: Mem, mm: int, slot: int) -> int:
    """Replace the huge page under level-1 entry `slot` by a leaf table; 0 if the arena is full, else 1."""
    word = pmd_word(m, slot)
    w = m[word]
    head = pte_pfn(m, w)
    table = kalloc(m, table_words(m, 0))
    if table == 0:
        return 0
    flags = m[frame(m, head) + F_FLAGS]
    if flags & FF_ZERO:
        zero = zero_frame(m)
        for i in range(huge_pages(m)):
            m[table + i] = pte_with_pfn(m, w, zero)
    else:
        if flags & FF_HUGE:
            _set_up_frames(m, head)
        if m[H_RULES + R_PER_VMA_PTES_UPGRADE] == UPGRADE_DIRTY:
            if (
                pte_dirty(m, w) != 0
            ):  # 6.1: the page is dirty then, its PTEs are not (__split_huge_pmd_locked)
                for i in range(huge_pages(m)):
                    m[frame(m, head + i) + F_FLAGS] |= FF_DIRTY
            w = pte_mkclean(m, w)
        for i in range(huge_pages(m)):
            m[table + i] = pte_with_pfn(m, w, head + i)
    m[slot] = table
    m[word] = 0
    m[mm + MM_TABLES] += 1
    m[mm + MM_LASTLEAF] = 0
    return 1


@kernel
def huge_is_shared(m: Mem, slot: int) -> int:
    """1 if more than one address space maps the huge page under level-1 entry `slot`."""
    head = pte_pfn(m, m[pmd_word(m, slot)])
    return 1 if m[frame(m, head) + F_MAPCOUNT] > 1 else 0


@kernel
def huge_split_zeros(m: Mem, mm: int, slot: int, prot: int) -> int:
    """Split the page itself, mapped here alone: where it holds only zeros the zero page is mapped, with `prot`.

    split_folio, try_to_map_unused_to_zeropage (mm/migrate.c, since 6.12). Bytes that a log does not show are not
    taken for zeros, which is marked as assumed. 0 if the arena is full, else 1.
    """
    head = pte_pfn(m, m[pmd_word(m, slot)])
    flags = m[frame(m, head) + F_FLAGS]
    if huge_split(m, mm, slot) == 0:
        return 0
    if flags & (FF_ZERO | FF_ANON) != FF_ANON or m[H_RULES + R_SPLIT_MAPS_ZERO] == 0:
        return 1
    if flags & FF_UNKNOWN:
        m[G_RSFLAGS] |= RSF_ASSUMED
        return 1
    table = m[slot]
    zero = mk_pte(m, zero_frame(m), prot)
    for i in range(huge_pages(m)):
        f = frame(m, head + i)
        if m[f + F_FILL] != 0:
            continue
        b = m[f + F_BYTES]
        while b != 0 and m[b + B_VALUE] == 0:
            b = m[b + B_NEXT]
        if b == 0:
            m[table + i] = zero
            m[mm + MM_RSS] -= 1
            frame_unmap(m, head + i)
    return 1


@kernel
def huge_copy(m: Mem, mm: int, slot: int, to: int) -> int:
    """Share the huge page of `slot` with the child's level-1 entry `to`, write-protected in both."""
    word = pmd_word(m, slot)
    w = m[word]
    head = pte_pfn(m, w)
    f = frame(m, head)
    flags = m[f + F_FLAGS]
    if flags & FF_ZERO == 0:
        m[word] = pte_wrprotect(m, w)
        m[mm + MM_RSS] += huge_pages(m)
        if flags & FF_HUGE:
            m[f + F_FLAGS] &= ~FF_EXCLUSIVE
            frame_map(m, head)
        else:
            for i in range(huge_pages(m)):
                m[frame(m, head + i) + F_FLAGS] &= ~FF_EXCLUSIVE
                frame_map(m, head + i)
    m[to] = HUGE_ENTRY
    m[pmd_word(m, to)] = pte_mkold(m, m[word])
    return 0


@kernel
def huge_move(m: Mem, slot: int, to: int) -> int:
    """Move a huge page from level-1 entry `slot` to the empty entry `to`."""
    m[to] = HUGE_ENTRY
    m[pmd_word(m, to)] = m[pmd_word(m, slot)]
    m[slot] = 0
    m[pmd_word(m, slot)] = 0
    return 0


@kernel
def huge_reuse(m: Mem, head: int) -> int:
    """1, and marked exclusive, if only this entry maps the huge page `head` (do_huge_pmd_wp_page), else 0."""
    f = frame(m, head)
    if m[f + F_FLAGS] & FF_HUGE:
        if m[f + F_REFS] != 1:
            return 0
        m[f + F_FLAGS] |= FF_EXCLUSIVE
        return 1
    for pfn in range(head, head + huge_pages(m)):
        if m[frame(m, pfn) + F_REFS] != 1:
            return 0
    for pfn in range(head, head + huge_pages(m)):
        m[frame(m, pfn) + F_FLAGS] |= FF_EXCLUSIVE
    return 1
