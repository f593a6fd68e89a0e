"""The address search of 2.6: first fit from a remembered place (free_area_cache, cached_hole_size).

linux-2.6.21 1.3 to 1.6; the formulas are the kernel's, also where they miss their intent. The
search walks areas one by one, as the kernel did.
"""

from __future__ import annotations

from ...abi.errnos import ENOMEM
from ...abi.mman import MAP_32BIT
from ...machine.archwords import A_HAS_32BIT, A_TASK_SIZE, A_UNMAPPED_BASE, A_WORD_BITS
from ..addr import page_align
from ..jit import kernel, ult
from ..marks import ALL_ONES
from ..state import H_ARCH, MM_BASE, MM_CHS, MM_FAC, MM_LEGACY, V_END, V_NEXT, V_START, Mem
from ..why import WHY_NO_GAP, refuse
from .vmaset import find_vma

_LOW_BEGIN = 0x40000000
_LOW_END = 0x80000000


@kernel
def _hint_2_6(m: Mem, mm: int, hint: int, length: int, end: int) -> int:
    """The hint, up to a page, if it is free; else -1. A hint near the top wraps to address 0."""
    if hint == 0:
        return -1
    addr = page_align(m, hint)
    vma = find_vma(m, mm, addr)
    if ult(end - length, addr) == 0 and (vma == 0 or addr + length <= m[vma + V_START]):
        return addr
    return -1


@kernel
def _first_fit(m: Mem, mm: int, length: int, start: int, begin: int, end: int) -> int:
    """Scan upwards from `start`, once more from `begin` if that fails; -ENOMEM if nothing fits."""
    addr = start
    again = 0 if start == begin else 1
    while True:
        vma = find_vma(m, mm, addr)
        while addr <= end - length:
            if vma == 0 or addr + length <= m[vma + V_START]:
                m[mm + MM_FAC] = addr + length
                return addr
            if addr + m[mm + MM_CHS] < m[vma + V_START]:
                m[mm + MM_CHS] = m[vma + V_START] - addr
            addr = m[vma + V_END]
            vma = m[vma + V_NEXT]
        if again == 0:
            return refuse(m, WHY_NO_GAP, ENOMEM)
        again = 0
        addr = begin
        m[mm + MM_CHS] = 0


@kernel
def bottomup_2_6(m: Mem, mm: int, hint: int, length: int, flags: int) -> int:
    """arch_get_unmapped_area of 2.6: the generic one, or x86_64's where MAP_32BIT exists."""
    begin = m[H_ARCH + A_UNMAPPED_BASE]
    end = m[H_ARCH + A_TASK_SIZE]
    x86_64 = m[H_ARCH + A_HAS_32BIT]
    low = 1 if x86_64 != 0 and flags & MAP_32BIT else 0
    if low != 0:
        begin = _LOW_BEGIN
        end = _LOW_END
    if length > end:
        return refuse(m, WHY_NO_GAP, ENOMEM)
    addr = _hint_2_6(m, mm, hint, length, end)
    if addr >= 0:
        return addr
    start = m[mm + MM_FAC]
    shortcut = 1 if x86_64 == 0 or low != 0 or m[H_ARCH + A_WORD_BITS] == 32 else 0
    if shortcut != 0 and length <= m[mm + MM_CHS]:
        m[mm + MM_CHS] = 0
        start = begin
    elif x86_64 != 0:
        start = max(start, begin)
    return _first_fit(m, mm, length, start, begin, end)


@kernel
def _scan_down(m: Mem, mm: int, length: int) -> int:
    """The part of the top-down search that looks at areas; -1 if nothing fits below mmap_base."""
    base = m[mm + MM_BASE]
    if length <= m[mm + MM_CHS]:
        m[mm + MM_CHS] = 0
        m[mm + MM_FAC] = base
    addr = m[mm + MM_FAC]
    if addr > length:
        vma = find_vma(m, mm, addr - length)
        if vma == 0 or addr <= m[vma + V_START]:
            m[mm + MM_FAC] = addr - length
            return addr - length
    if base < length:
        return -1
    addr = base - length
    while True:
        vma = find_vma(m, mm, addr)
        if vma == 0 or addr + length <= m[vma + V_START]:
            m[mm + MM_FAC] = addr
            return addr
        # not the size of the hole: the kernel's formula (1.5 step 6)
        if addr + m[mm + MM_CHS] < m[vma + V_START]:
            m[mm + MM_CHS] = m[vma + V_START] - addr
        if length >= m[vma + V_START]:
            return -1
        addr = m[vma + V_START] - length


@kernel
def topdown_2_6(m: Mem, mm: int, hint: int, length: int, flags: int) -> int:
    """arch_get_unmapped_area_topdown of 2.6."""
    if length > m[H_ARCH + A_TASK_SIZE]:
        return refuse(m, WHY_NO_GAP, ENOMEM)
    addr = _hint_2_6(m, mm, hint, length, m[H_ARCH + A_TASK_SIZE])
    if addr >= 0:
        return addr
    addr = _scan_down(m, mm, length)
    if addr >= 0:
        return addr
    m[mm + MM_CHS] = ALL_ONES
    m[mm + MM_FAC] = m[H_ARCH + A_UNMAPPED_BASE]
    addr = bottomup_2_6(m, mm, hint, length, flags)
    m[mm + MM_FAC] = m[mm + MM_BASE]
    m[mm + MM_CHS] = ALL_ONES
    return addr


@kernel
def unmapped_2_6(m: Mem, mm: int, below: int, above: int) -> int:
    """Update the cache behind a munmap; `below` and `above` are the areas around the hole, 0: none."""
    if m[mm + MM_LEGACY] != 0:
        addr = m[below + V_END] if below != 0 else m[mm + MM_BASE]
        if m[H_ARCH + A_UNMAPPED_BASE] <= addr < m[mm + MM_FAC]:
            m[mm + MM_FAC] = addr
            m[mm + MM_CHS] = ALL_ONES
        return 0
    addr = m[above + V_START] if above != 0 else m[mm + MM_BASE]
    m[mm + MM_FAC] = max(m[mm + MM_FAC], addr)
    m[mm + MM_FAC] = min(m[mm + MM_FAC], m[mm + MM_BASE])
    return 0
