"""Swap slots: contents of pages that are not in RAM, counted by the PTEs and objects that name them.

The slot table (`G_SWAP`) has S_WORDS words a slot and is made at the first use, `R_SWAP_PAGES` slots
large. Slot 0 is the header of the swap area and never used. A slot keeps the bytes of its page as a
frame does; while the page is also in RAM (swap cache) S_FRAME names the frame, whose F_SLOT is the
slot + 1.
"""

from __future__ import annotations

from ...machine.limitrules import R_SWAP_PAGES
from ..jit import kernel
from ..state import (
    F_BYTES,
    F_FILL,
    F_FLAGS,
    F_REFS,
    F_SLOT,
    FF_SWAPCACHE,
    FF_UPTODATE,
    G_NSWAP,
    G_SWAP,
    G_SWAP_USED,
    H_RULES,
    Mem,
    kalloc,
)
from .frames import bytes_clone, bytes_free, frame, frame_alloc, frame_put, frame_unmap

S_COUNT = 0  # PTEs and objects that name the slot
S_FILL = 1
S_BYTES = 2
S_FRAME = 3  # frame in the swap cache, 0: only on disk
S_WORDS = 4


@kernel
def slot_words(m: Mem, slot: int) -> int:
    """The arena index of swap slot `slot`."""
    return m[G_SWAP] + slot * S_WORDS


@kernel
def swap_alloc(m: Mem) -> int:
    """A free slot with no users, 0 if swap is full or there is none."""
    slots = m[H_RULES + R_SWAP_PAGES]
    if m[G_SWAP_USED] >= slots:
        return 0
    if m[G_SWAP] == 0:
        m[G_SWAP] = kalloc(m, (slots + 1) * S_WORDS)
        if m[G_SWAP] == 0:
            return 0
        m[G_NSWAP] = 0
    slot = m[G_NSWAP]
    for _ in range(slots):
        slot = slot + 1 if slot < slots else 1
        if m[slot_words(m, slot) + S_COUNT] == 0 and m[slot_words(m, slot) + S_FRAME] == 0:
            m[G_NSWAP] = slot
            m[G_SWAP_USED] += 1
            return slot
    return 0


@kernel
def swap_get(m: Mem, slot: int) -> int:
    """Count one more user of `slot`."""
    m[slot_words(m, slot) + S_COUNT] += 1
    return 0


@kernel
def _slot_release(m: Mem, slot: int) -> int:
    """Forget the contents of a slot that nobody names and that is not in the swap cache."""
    s = slot_words(m, slot)
    bytes_free(m, m[s + S_BYTES])
    m[s + S_BYTES] = 0
    m[s + S_FILL] = 0
    m[G_SWAP_USED] -= 1
    return 0


@kernel
def swap_put(m: Mem, slot: int) -> int:
    """Drop a user of `slot`; the last one frees it, together with its page in the swap cache if unmapped."""
    s = slot_words(m, slot)
    m[s + S_COUNT] -= 1
    if m[s + S_COUNT] > 0:
        return 0
    pfn = m[s + S_FRAME]
    if pfn == 0:
        _slot_release(m, slot)
    elif m[frame(m, pfn) + F_REFS] == 1:
        swap_cache_drop(m, pfn)
    return 0


@kernel
def swap_write(m: Mem, slot: int, pfn: int) -> int:
    """Write the contents of frame `pfn` to `slot`."""
    s = slot_words(m, slot)
    bytes_free(m, m[s + S_BYTES])
    m[s + S_FILL] = m[frame(m, pfn) + F_FILL]
    m[s + S_BYTES] = bytes_clone(m, m[frame(m, pfn) + F_BYTES])
    return 0


@kernel
def swap_cache_add(m: Mem, slot: int, pfn: int) -> int:
    """Enter frame `pfn` into the swap cache under `slot` (takes a reference to the frame)."""
    f = frame(m, pfn)
    m[slot_words(m, slot) + S_FRAME] = pfn
    m[f + F_SLOT] = slot + 1
    m[f + F_FLAGS] |= FF_SWAPCACHE
    m[f + F_REFS] += 1
    return 0


@kernel
def swap_cache_drop(m: Mem, pfn: int) -> int:
    """Take frame `pfn` out of the swap cache; a slot that nobody names becomes free."""
    f = frame(m, pfn)
    slot = m[f + F_SLOT] - 1
    m[f + F_SLOT] = 0
    m[f + F_FLAGS] &= ~FF_SWAPCACHE
    s = slot_words(m, slot)
    m[s + S_FRAME] = 0
    if m[s + S_COUNT] == 0:
        _slot_release(m, slot)
    frame_put(m, pfn)
    return 0


@kernel
def swap_read(m: Mem, slot: int) -> int:
    """The frame that holds the page of `slot`, read from disk if it is not in the swap cache; 0: no memory.

    The frame is in the swap cache afterwards; no reference is given to the caller. Whether the disk was
    needed the caller sees beforehand in S_FRAME.
    """
    s = slot_words(m, slot)
    if m[s + S_FRAME] != 0:
        return m[s + S_FRAME]
    pfn = frame_alloc(m)
    if pfn == 0:
        return 0
    f = frame(m, pfn)
    m[f + F_FILL] = m[s + S_FILL]
    m[f + F_BYTES] = bytes_clone(m, m[s + S_BYTES])
    m[f + F_FLAGS] = FF_UPTODATE
    swap_cache_add(m, slot, pfn)
    return pfn


@kernel
def page_unmap(m: Mem, pfn: int) -> int:
    """Count one PTE of `pfn` less (page_remove_rmap); a page that only the swap cache keeps for nobody goes."""
    f = frame(m, pfn)
    if m[f + F_FLAGS] & FF_SWAPCACHE == 0:
        return frame_unmap(m, pfn)
    frame_unmap(m, pfn)
    if m[f + F_REFS] == 1 and m[slot_words(m, m[f + F_SLOT] - 1) + S_COUNT] == 0:
        swap_cache_drop(m, pfn)
    return 0
