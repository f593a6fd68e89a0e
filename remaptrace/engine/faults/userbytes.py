"""The bytes behind an address: what a load or store that the MMU let through reads or writes."""

from __future__ import annotations

from ...machine.archwords import A_HUGE_SHIFT, A_PAGE_SHIFT
from ..jit import kernel
from ..pages.frames import UNTOLD_BYTE, byte_load, byte_store, bytes_fill, frame
from ..pages.pgwalk import pte_lookup
from ..pages.pte import pte_pfn, pte_present
from ..state import F_FLAGS, FF_HUGE, FF_UNKNOWN, H_ARCH, Mem
from .fault import pte_of


@kernel
def _frame_at(m: Mem, mm: int, addr: int) -> int:
    """The frame whose list of bytes has the byte at `addr`, 0 if no page is present."""
    p = pte_of(m, mm, addr)
    if p == 0 or pte_present(m, m[p]) == 0:
        return 0
    pfn = pte_pfn(m, m[p])
    if pte_lookup(m, mm, addr) == 0 and m[frame(m, pfn) + F_FLAGS] & FF_HUGE == 0:
        pfn += (addr & ((1 << m[H_ARCH + A_HUGE_SHIFT]) - 1)) >> m[H_ARCH + A_PAGE_SHIFT]
    return pfn


@kernel
def _offset(m: Mem, pfn: int, addr: int) -> int:
    """The offset of `addr` in its page, or in its huge page while that is not split."""
    huge = m[frame(m, pfn) + F_FLAGS] & FF_HUGE
    return addr & ((1 << m[H_ARCH + (A_HUGE_SHIFT if huge else A_PAGE_SHIFT)]) - 1)


@kernel
def user_load(m: Mem, mm: int, addr: int) -> int:
    """The byte at `addr`, -1 if no page is present."""
    pfn = _frame_at(m, mm, addr)
    return byte_load(m, pfn, _offset(m, pfn, addr)) if pfn != 0 else -1


@kernel
def user_unknown(m: Mem, mm: int, addr: int) -> int:
    """A byte that nobody told was stored at `addr`: note it of a huge page, which may not be taken for zeros."""
    if pte_lookup(m, mm, addr) == 0:
        pfn = _frame_at(m, mm, addr)
        if pfn != 0:
            m[frame(m, pfn) + F_FLAGS] |= FF_UNKNOWN
    return 0


@kernel
def user_untold(m: Mem, mm: int, start: int, end: int) -> int:
    """The bytes [start, end) of one page were stored, and nobody told which: UNTOLD_BYTE from now on."""
    pfn = _frame_at(m, mm, start)
    if pfn != 0:
        at = _offset(m, pfn, start)
        bytes_fill(m, pfn, at, at + end - start, UNTOLD_BYTE)
    return 0


@kernel
def user_store(m: Mem, mm: int, addr: int, value: int) -> int:
    """Store `value` at `addr`; 0 if no page is present, else 1."""
    pfn = _frame_at(m, mm, addr)
    if pfn == 0:
        return 0
    byte_store(m, pfn, _offset(m, pfn, addr), value)
    return 1
