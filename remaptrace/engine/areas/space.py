"""Choosing an address: get_unmapped_area and what stands behind it.

Modern kernels search the free gaps (highest_gap, lowest_gap of `gaps`); 2.6 walks areas from
`free_area_cache` (linux-2.6.21 1.3 to 1.7). While following a recording, a request without
MAP_FIXED goes where the recorded result says.
"""

from __future__ import annotations

from ...abi.errnos import EINVAL, ENOMEM, EPERM
from ...abi.mman import MAP_32BIT, MAP_FIXED
from ...abi.vmflags import VM_SEALED
from ...machine.archwords import (
    A_HAS_32BIT,
    A_HUGE_SHIFT,
    A_PAGE_SHIFT,
    A_TASK_SIZE,
    A_UNMAPPED_BASE,
    A_WORD_BITS,
)
from ...machine.limitrules import R_DAC_MMAP_MIN_ADDR, R_MMAP_MIN_ADDR, R_THP_SHMEM
from ...machine.rules import (
    R_HINT_MIN,
    R_HUGETLB_GENERIC,
    R_SEARCH,
    R_THP_ALIGN,
    R_THP_ALIGN_FILE,
    R_THP_ALIGN_TOP,
)
from ..account import capable
from ..addr import beyond, page_align, page_floor, page_offset
from ..jit import kernel, ult, wrap
from ..state import (
    G_FOLLOW,
    G_HAS_RET,
    G_REC_RET,
    G_UNPLACED,
    G_WHY,
    H_ARCH,
    H_RULES,
    MM_BASE,
    MM_LEGACY,
    OPS_FILE,
    OPS_SHM,
    OPS_SHMEM,
    T_MM,
    V_END,
    V_FLAGS,
    V_NEXT,
    V_START,
    Mem,
)
from ..why import WHY_BEYOND, WHY_LOW_ADDRESS, WHY_NO_GAP, refuse, take
from .area26 import bottomup_2_6, topdown_2_6
from .gaps import highest_gap, lowest_gap, vm_start_gap
from .vmaset import find_vma

MAP_ABOVE4G = 0x80
LOW_BEGIN = 0x40000000  # MAP_32BIT: [1 GiB, 2 GiB)
LOW_END = 0x80000000
FOUR_GIB = 1 << 32

HUGE_KIND = 256
"""Plus log2 of the page size: the `kind` of a mapping of hugetlbfs."""

ALIGN_NEVER, ALIGN_ANY_LENGTH, ALIGN_MULTIPLES, ALIGN_MULTIPLES_NO_HINT = 0, 1, 2, 3  # R_THP_ALIGN
SHMEM_NEVER, SHMEM_DENY = 0, 4  # R_THP_SHMEM


@kernel
def is_followed(m: Mem) -> int:
    """1 if the current event has a recorded result, which placing follows: what it proves is to be looked at."""
    return 1 if m[G_FOLLOW] != 0 and m[G_HAS_RET] != 0 else 0


@kernel
def recorded_success(m: Mem) -> int:
    """1 if the current event follows a recorded result that is no error."""
    if is_followed(m) == 0:
        return 0
    return 1 if m[G_REC_RET] >= 0 or m[G_REC_RET] < -4095 else 0


@kernel
def range_is_free(m: Mem, mm: int, start: int, end: int) -> int:
    """1 if no area overlaps [start, end) (find_vma_intersection)."""
    vma = find_vma(m, mm, start)
    return 1 if vma == 0 or wrap(end) <= m[vma + V_START] else 0


@kernel
def recorded_place(m: Mem, task: int, length: int) -> int:
    """1 if the current event follows a recorded address at which `length` bytes can be mapped.

    They can where the machine has whole pages of user space and nothing is mapped; anywhere else the log cannot be
    followed (another page size, another end of user space, an area that could not go), and the machine chooses.
    """
    if recorded_success(m) == 0:
        return 0
    place = m[G_REC_RET]
    if page_offset(m, place) == 0 and beyond(m, place, length) == 0:
        if range_is_free(m, m[task + T_MM], place, place + length) != 0:
            return 1
    m[G_UNPLACED] += 1
    return 0


@kernel
def round_hint_to_min(m: Mem, hint: int) -> int:
    """The hint as the search sees it: down to a page, 0 below one page, raised to mmap_min_addr."""
    if m[H_RULES + R_HINT_MIN] == 0:
        return hint
    hint = page_floor(m, hint)
    low = m[H_RULES + R_MMAP_MIN_ADDR]
    if hint != 0 and ult(hint, low) != 0:
        return page_align(m, low)
    return hint


@kernel
def _hint_is_free(m: Mem, mm: int, hint: int, length: int, end: int) -> int:
    """1 if [hint, hint + length) lies below `end` and clear of the next area and its guard gap."""
    if ult(end - length, hint) != 0:
        return 0
    vma = find_vma(m, mm, hint)
    return 1 if vma == 0 or hint + length <= vm_start_gap(m, vma) else 0


@kernel
def _bottomup(m: Mem, mm: int, hint: int, length: int, flags: int) -> int:
    """arch_get_unmapped_area of 3.9 and later: hint, then the lowest gap."""
    begin = m[mm + MM_BASE] if m[mm + MM_LEGACY] != 0 else m[H_ARCH + A_UNMAPPED_BASE]
    end = m[H_ARCH + A_TASK_SIZE]
    if flags & MAP_32BIT and m[H_ARCH + A_HAS_32BIT] != 0:
        begin = LOW_BEGIN
        end = LOW_END
    if length > end:
        return refuse(m, WHY_NO_GAP, ENOMEM)
    if hint != 0:
        hint = page_align(m, hint)
        if _hint_is_free(m, mm, hint, length, end) != 0:
            return hint
    found = lowest_gap(m, mm, max(begin, m[H_RULES + R_MMAP_MIN_ADDR]), end, length)
    return found if found >= 0 else refuse(m, WHY_NO_GAP, ENOMEM)


@kernel
def _topdown(m: Mem, mm: int, hint: int, length: int, flags: int) -> int:
    """arch_get_unmapped_area_topdown: hint, then the highest gap below mmap_base, then bottom-up."""
    if flags & MAP_32BIT and m[H_ARCH + A_HAS_32BIT] != 0:
        return _bottomup(m, mm, hint, length, flags)
    if hint != 0 and _hint_is_free(m, mm, page_floor(m, hint), length, m[H_ARCH + A_TASK_SIZE]) != 0:
        return page_floor(m, hint)
    low = m[H_RULES + R_MMAP_MIN_ADDR]
    if low == 0:
        low = 1 << m[H_ARCH + A_PAGE_SHIFT]
    if flags & MAP_ABOVE4G and m[H_ARCH + A_HAS_32BIT] != 0:
        low = FOUR_GIB
    found = highest_gap(m, mm, low, m[mm + MM_BASE], length)
    return found if found >= 0 else _bottomup(m, mm, hint, length, flags)


@kernel
def _search(m: Mem, mm: int, hint: int, length: int, flags: int) -> int:
    """The mm's own get_unmapped_area; -errno if nothing fits."""
    if length > m[H_ARCH + A_TASK_SIZE]:
        return -ENOMEM
    if m[H_RULES + R_SEARCH] == 1:
        if m[mm + MM_LEGACY] != 0:
            return bottomup_2_6(m, mm, hint, length, flags)
        return topdown_2_6(m, mm, hint, length, flags)
    if m[mm + MM_LEGACY] != 0:
        return _bottomup(m, mm, hint, length, flags)
    return _topdown(m, mm, hint, length, flags)


@kernel
def _huge_aligned(m: Mem, mm: int, hint: int, length: int, flags: int, offset: int) -> int:
    """A place congruent to `offset` modulo a huge page (__thp_get_unmapped_area); -1: do without.

    Searches for a huge page more than asked for, so a gap that only just fits is passed over.
    """
    size = 1 << m[H_ARCH + A_HUGE_SHIFT]
    aligned = (offset + size - 1) & -size
    if offset + length <= aligned or offset + length - aligned < size:
        return -1
    found = _search(m, mm, hint, length + size, flags)
    if found < 0:
        return -1
    if found == hint:
        return hint
    rest = (offset - found) & (size - 1)
    if rest == 0 and m[mm + MM_LEGACY] == 0 and m[H_RULES + R_THP_ALIGN_TOP] != 0:
        return found + size
    return found + rest


@kernel
def _wants_huge(m: Mem, hint: int, length: int, kind: int) -> int:
    """1 if a request for an object of type `kind` (-1: private anonymous) is aligned to huge pages."""
    rules = H_RULES
    if m[H_ARCH + A_HUGE_SHIFT] == 0 or m[H_ARCH + A_WORD_BITS] == 32:
        return 0
    if kind == OPS_FILE:
        return m[rules + R_THP_ALIGN_FILE]
    if m[rules + R_THP_ALIGN] == ALIGN_NEVER:
        return 0
    size = 1 << m[H_ARCH + A_HUGE_SHIFT]
    if kind != -1 or length < size:
        return 0
    if m[rules + R_THP_ALIGN] == ALIGN_ANY_LENGTH:
        return 1
    if length & (size - 1) != 0:
        return 0
    return 1 if m[rules + R_THP_ALIGN] == ALIGN_MULTIPLES or hint == 0 else 0


@kernel
def _shmem_aligned(m: Mem, mm: int, found: int, hint: int, length: int, flags: int, offset: int) -> int:
    """`found`, or a place congruent to `offset` modulo a huge page (mm/shmem.c shmem_get_unmapped_area)."""
    mode = m[H_RULES + R_THP_SHMEM]
    size = 1 << m[H_ARCH + A_HUGE_SHIFT]
    if mode in (SHMEM_NEVER, SHMEM_DENY) or m[H_ARCH + A_HUGE_SHIFT] == 0 or m[H_ARCH + A_WORD_BITS] == 32:
        return found
    offset &= size - 1
    if length < size or (hint != 0 and found == hint) or found & (size - 1) == offset:
        return found
    if offset != 0 and offset + length < 2 * size:
        return found
    wide = _search(m, mm, 0, length - (1 << m[H_ARCH + A_PAGE_SHIFT]) + size, flags)
    if wide < 0:
        return found
    rest = wide & (size - 1)
    wide += offset - rest + (size if rest > offset else 0)
    return found if wide > m[H_ARCH + A_TASK_SIZE] - length else wide


@kernel
def _hugetlb_place(m: Mem, mm: int, hint: int, length: int, flags: int, shift: int) -> int:
    """hugetlb_get_unmapped_area: the hint rounded, then the search for a gap aligned to 1 << shift."""
    size = 1 << shift
    if length & (size - 1):
        return -EINVAL
    if m[H_RULES + R_HUGETLB_GENERIC] != 0:
        hint += size - 1
    hint &= -size
    top = m[H_ARCH + A_TASK_SIZE]
    if hint != 0 and length <= top and _hint_is_free(m, mm, hint, length, top) != 0:
        return hint
    if m[H_RULES + R_HUGETLB_GENERIC] == 0:
        flags &= ~MAP_32BIT
    spare = length + size - (1 << m[H_ARCH + A_PAGE_SHIFT])
    down = m[mm + MM_LEGACY] == 0 and not (flags & MAP_32BIT and m[H_ARCH + A_HAS_32BIT] != 0)
    if down:
        low = max(m[H_RULES + R_MMAP_MIN_ADDR], 1 << m[H_ARCH + A_PAGE_SHIFT])
        found = highest_gap(m, mm, low, m[mm + MM_BASE], spare)
        if found >= 0:
            return (found + spare - length) & -size
    found = _bottomup(m, mm, 0, spare, flags)
    return found if found < 0 else (found + size - 1) & -size


@kernel
def get_unmapped_area(m: Mem, task: int, addr: int, length: int, pgoff: int, flags: int, kind: int) -> int:
    """The address for a mapping of `length` (page aligned) bytes, or -errno (__get_unmapped_area).

    `kind` is -1 for private anonymous memory, else the OPS_* type of the object (hugetlbfs: HUGE_KIND);
    `pgoff` is its page offset (0 for anonymous memory). Order: length, search or fixed, end of user space,
    alignment, lowest address.
    """
    top = m[H_ARCH + A_TASK_SIZE]
    if length < 0 or length > top:
        return refuse(m, WHY_NO_GAP, ENOMEM)
    mm = m[task + T_MM]
    if flags & MAP_FIXED == 0:
        if recorded_place(m, task, length) != 0:
            return m[G_REC_RET]
        found = -1
        if kind >= HUGE_KIND:
            found = _hugetlb_place(m, mm, addr, length, flags, kind - HUGE_KIND)
            if found < 0:
                return found
        elif _wants_huge(m, addr, length, kind) != 0:
            found = _huge_aligned(m, mm, addr, length, flags, pgoff << m[H_ARCH + A_PAGE_SHIFT])
        if found < 0:
            found = _search(m, mm, addr, length, flags)
            if found >= 0 and kind in (OPS_SHMEM, OPS_SHM):
                found = _shmem_aligned(m, mm, found, addr, length, flags, pgoff << m[H_ARCH + A_PAGE_SHIFT])
        if found < 0:
            return found
        m[G_WHY] = 0  # an attempt before the one that worked may have left its reason
        addr = found
    if beyond(m, addr, length) != 0:
        return refuse(m, WHY_BEYOND, ENOMEM)
    if page_offset(m, addr) != 0:
        return -EINVAL
    if kind >= HUGE_KIND and (addr | length) & ((1 << (kind - HUGE_KIND)) - 1):
        return -EINVAL
    if addr < m[H_RULES + R_DAC_MMAP_MIN_ADDR]:
        if capable(m, task) == 0:
            return refuse(m, WHY_LOW_ADDRESS, EPERM)
        if take(m, WHY_LOW_ADDRESS, EPERM) != 0:
            return -EPERM
    return addr


@kernel
def range_is_sealed(m: Mem, mm: int, start: int, end: int) -> int:
    """1 if an area in [start, end) is sealed."""
    vma = find_vma(m, mm, start)
    while vma != 0 and m[vma + V_START] < end:
        if m[vma + V_FLAGS] & VM_SEALED:
            return 1
        vma = m[vma + V_NEXT]
    return 0


@kernel
def range_has_hole(m: Mem, mm: int, start: int, end: int) -> int:
    """1 if a part of [start, end) is not mapped."""
    vma = find_vma(m, mm, start)
    at = start
    while at < end:
        if vma == 0 or m[vma + V_START] > at:
            return 1
        at = m[vma + V_END]
        vma = m[vma + V_NEXT]
    return 0
