"""Page-table geometry: walking, making and freeing tables.

A table is an array of 2**bits words. In a leaf table (level 0) they are PTE words; in the others the
arena index of the table below, 0 if there is none. Level 1 (the PMD; on two-level machines the top
table) can map a huge page: its entry is then HUGE_ENTRY, and the PTE word of the huge page stands in
the second half of the table, which level-1 tables of machines with huge pages have for that purpose.

    addr | top index | ... | index 1 | index 0 | offset in page |
                                 \\         \\__ PTE word
                                  \\__ leaf table, or HUGE_ENTRY

`MM_LASTLEAF` remembers the leaf table used last (its span number + 1), so that neighbouring pages cost
no walk.
"""

from __future__ import annotations

from ...machine.archwords import A_HUGE_SHIFT, A_INDEX_BITS, A_LEVEL_SHIFT, A_LEVELS, A_PAGE_SHIFT
from ..jit import apart, kernel, shr, ult
from ..state import G_NO_TABLES, H_ARCH, MM_LASTLEAF, MM_LASTTABLE, MM_PGD, MM_TABLES, Mem, kalloc, kfree

HUGE_ENTRY = -1


@kernel
def table_words(m: Mem, level: int) -> int:
    """Words of a table at `level` as the engine keeps it."""
    words = 1 << m[H_ARCH + A_INDEX_BITS + level]
    return 2 * words if level == 1 and m[H_ARCH + A_HUGE_SHIFT] != 0 else words


@kernel
def pgd_new(m: Mem) -> int:
    """An empty top table; 0: the arena is full.

    Of three levels and more it is one for all, until `pmd_ensure` makes an address space its own: a log without
    accesses may have thousands of address spaces and no pages. On two levels entries of the top table are written
    where `pmd_lookup` finds them.
    """
    level = m[H_ARCH + A_LEVELS] - 1
    if level < 2:
        return kalloc(m, table_words(m, level))
    if m[G_NO_TABLES] == 0:
        m[G_NO_TABLES] = kalloc(m, table_words(m, level))
    return m[G_NO_TABLES]


@kernel
def span_shift(m: Mem) -> int:
    """log2 of the bytes that one leaf table spans."""
    return m[H_ARCH + A_LEVEL_SHIFT + 1]


@kernel
def level_shift(m: Mem, level: int) -> int:
    """log2 of the bytes that one entry of a table at `level` spans."""
    return m[H_ARCH + A_LEVEL_SHIFT + level]


@kernel
def pmd_lookup(m: Mem, mm: int, addr: int) -> int:
    """The arena index of the level-1 entry that covers `addr`, 0 if a table above is missing."""
    level = m[H_ARCH + A_LEVELS] - 1
    shift = level_shift(m, level)
    table = m[mm + MM_PGD]
    while level > 1:
        table = m[table + (shr(addr, shift) & ((1 << m[H_ARCH + A_INDEX_BITS + level]) - 1))]
        if table == 0:
            return 0
        level -= 1
        shift -= m[H_ARCH + A_INDEX_BITS + level]
    return table + (shr(addr, shift) & ((1 << m[H_ARCH + A_INDEX_BITS + 1]) - 1))


@kernel
def pmd_ensure(m: Mem, mm: int, addr: int) -> int:
    """As `pmd_lookup`, making the tables that are missing; 0 only when the arena is full."""
    level = m[H_ARCH + A_LEVELS] - 1
    shift = level_shift(m, level)
    table = m[mm + MM_PGD]
    if table == m[G_NO_TABLES]:
        table = kalloc(m, table_words(m, level))
        if table == 0:
            return 0
        m[mm + MM_PGD] = table
    while level > 1:
        slot = table + (shr(addr, shift) & ((1 << m[H_ARCH + A_INDEX_BITS + level]) - 1))
        level -= 1
        shift -= m[H_ARCH + A_INDEX_BITS + level]
        table = m[slot]
        if table == 0:
            table = kalloc(m, table_words(m, level))
            if table == 0:
                return 0
            m[slot] = table
            m[mm + MM_TABLES] += 1
    return table + (shr(addr, shift) & ((1 << m[H_ARCH + A_INDEX_BITS + 1]) - 1))


@kernel
def pte_index(m: Mem, addr: int) -> int:
    """The index of `addr` in its leaf table."""
    return shr(addr, m[H_ARCH + A_PAGE_SHIFT]) & ((1 << m[H_ARCH + A_INDEX_BITS]) - 1)


@kernel
def pte_lookup(m: Mem, mm: int, addr: int) -> int:
    """The arena index of the PTE word of `addr`; 0 if there is no leaf table (or a huge page is mapped)."""
    span = shr(addr, span_shift(m)) + 1
    if m[mm + MM_LASTLEAF] == span:
        return m[mm + MM_LASTTABLE] + pte_index(m, addr)
    slot = pmd_lookup(m, mm, addr)
    if slot == 0 or m[slot] <= 0:
        return 0
    m[mm + MM_LASTLEAF] = span
    m[mm + MM_LASTTABLE] = m[slot]
    return m[slot] + pte_index(m, addr)


@kernel
def pte_ensure(m: Mem, mm: int, addr: int) -> int:
    """As `pte_lookup`, making what is missing; 0 when the arena is full or a huge page is mapped there."""
    span = shr(addr, span_shift(m)) + 1
    if m[mm + MM_LASTLEAF] == span:
        return m[mm + MM_LASTTABLE] + pte_index(m, addr)
    slot = pmd_ensure(m, mm, addr)
    if slot == 0 or m[slot] == HUGE_ENTRY:
        return 0
    if m[slot] == 0:
        table = kalloc(m, table_words(m, 0))
        if table == 0:
            return 0
        m[slot] = table
        m[mm + MM_TABLES] += 1
    m[mm + MM_LASTLEAF] = span
    m[mm + MM_LASTTABLE] = m[slot]
    return m[slot] + pte_index(m, addr)


@kernel
def pmd_word(m: Mem, slot: int) -> int:
    """The arena index of the PTE word of the huge page whose level-1 entry is `slot`."""
    return slot + (1 << m[H_ARCH + A_INDEX_BITS + 1])


@kernel
def span_end(m: Mem, addr: int, end: int) -> int:
    """The end of the leaf span that holds `addr`, at most `end`."""
    limit = (addr | ((1 << span_shift(m)) - 1)) + 1
    return limit if ult(addr, limit) and ult(limit, end) else end


@kernel
def has_no_tables(m: Mem, mm: int) -> int:
    """1 if nothing is mapped: no table below the top one, which itself names no huge pages."""
    return 1 if m[mm + MM_TABLES] == 0 and m[H_ARCH + A_LEVELS] > 2 else 0


@kernel
def next_leaf(m: Mem, mm: int, addr: int, end: int) -> int:
    """The first address in [addr, end) under a leaf table or huge page, `end` if there is none.

    Absent upper tables are skipped as a whole, so the cost is that of the tables there are.
    """
    while ult(addr, end):
        level = m[H_ARCH + A_LEVELS] - 1
        shift = level_shift(m, level)
        entry = m[mm + MM_PGD]
        while True:
            entry = m[entry + (shr(addr, shift) & ((1 << m[H_ARCH + A_INDEX_BITS + level]) - 1))]
            if entry == 0 or level == 1:
                break
            level -= 1
            shift -= m[H_ARCH + A_INDEX_BITS + level]
        if entry != 0:
            return addr
        following = ((addr >> shift) + 1) << shift
        if ult(following, addr):
            return end
        addr = following
    return end


@kernel
def leaf_drop(m: Mem, mm: int, slot: int) -> int:
    """Free the leaf table under level-1 entry `slot`; its PTEs must be gone."""
    kfree(m, m[slot], table_words(m, 0))
    m[slot] = 0
    m[mm + MM_TABLES] -= 1
    m[mm + MM_LASTLEAF] = 0
    return 0


@kernel
def _parent(m: Mem, mm: int, addr: int, level: int) -> int:
    """The entry that names the table at `level` covering `addr`.

    Without one: the empty entry found on the way and its level, as -(8 * entry + level).
    """
    slot = m[mm + MM_PGD]
    at = m[H_ARCH + A_LEVELS] - 1
    shift = level_shift(m, at)
    while True:
        slot += shr(addr, shift) & ((1 << m[H_ARCH + A_INDEX_BITS + at]) - 1)
        if at == level + 1:
            return slot
        if m[slot] == 0:
            return -(8 * slot + at)
        slot = m[slot]
        at -= 1
        shift -= m[H_ARCH + A_INDEX_BITS + at]


@kernel
def free_pgtables(m: Mem, mm: int, start: int, end: int, floor: int, ceiling: int) -> int:
    """Free the tables under [start, end) whose whole span lies in [floor, ceiling) (free_pgtables).

    `floor` is the end of the area before (0 if none), `ceiling` the start of the area behind, or the end
    of the address space. PTEs in the range must have been zapped.
    """
    return 0 if m[mm + MM_TABLES] == 0 else _free_below(m, mm, start, end, floor, ceiling)


@apart
def _free_below(m: Mem, mm: int, start: int, end: int, floor: int, ceiling: int) -> int:
    """`free_pgtables` where there is a table below the top one."""
    for level in range(m[H_ARCH + A_LEVELS] - 1):
        shift = level_shift(m, level + 1)
        size = 1 << shift
        addr = start & -size
        if ult(addr, floor):
            addr += size
        if ult(ceiling, addr) or ult(ceiling - addr, size):
            return 0
        m[mm + MM_LASTLEAF] = 0
        while ult(addr, end) and not ult(ceiling - addr, size):
            slot = _parent(m, mm, addr, level)
            skip = shift
            if slot < 0:  # skip what is empty in that table
                skip = level_shift(m, -slot & 7)
                entry = -slot >> 3
                words = 1 << m[H_ARCH + A_INDEX_BITS + (-slot & 7)]
                rest = words - (shr(addr, skip) & (words - 1))
                count = 1
                while count < rest and m[entry + count] == 0 and ult(addr + (count << skip), end):
                    count += 1
                addr += (count - 1) << skip
            else:
                words = 1 << m[H_ARCH + A_INDEX_BITS + level + 1]
                rest = words - (shr(addr, shift) & (words - 1))
                most = shr((end if ult(end, ceiling) else ceiling) - 1 - addr, shift) + 1
                count = min(rest, most)
                if ult(ceiling - addr, count << shift):
                    count -= 1
                for entry in range(slot, slot + count):
                    if m[entry] > 0:
                        kfree(m, m[entry], table_words(m, level))
                        m[entry] = 0
                        m[mm + MM_TABLES] -= 1
                addr += (count - 1) << shift
            following = ((addr >> skip) + 1) << skip
            if not ult(addr, following):
                break
            addr = following
    return 0


@kernel
def free_tables(m: Mem, mm: int, start: int, end: int) -> int:
    """Free every table below the top one whose whole span lies in [start, end); see `free_pgtables`."""
    return free_pgtables(m, mm, start, end, start, end)


@kernel
def pgd_free(m: Mem, mm: int) -> int:
    """Free every table of `mm`, the top one too; PTEs must have been zapped."""
    levels = m[H_ARCH + A_LEVELS]
    free_tables(m, mm, 0, 1 << level_shift(m, levels - 1) + m[H_ARCH + A_INDEX_BITS + levels - 1])
    if m[mm + MM_PGD] != m[G_NO_TABLES]:
        kfree(m, m[mm + MM_PGD], table_words(m, levels - 1))
    m[mm + MM_PGD] = 0
    return 0
