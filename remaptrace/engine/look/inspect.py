"""Reading a simulated machine from Python: areas as /proc shows them, pages, PTE words, counters.

Every function takes the arena as a memoryview of int64 ('q' or 'l'), whichever engine filled it, and
changes nothing but the caches of lookups. Addresses and offsets are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...abi.special import FILE_AIO, SHOWN_NAMES
from ...machine.archwords import A_PAGE_SHIFT, A_WORD_BITS
from ...machine.limitrules import R_SOFT_DIRTY
from ...machine.rules import R_HEAP_NAME_STRICT, R_LF_NAMED, R_MAPS_ANON_PGOFF
from ...result.arearow import AreaWords, Layout, Shown, area_row
from ...result.manyareas import ASSUMED, COLUMNS, FILE, INODE, MULTI, OPENED, ManyAreas
from ...result.result import PagesRow, VmaRow
from ..marks import ALL_ONES, MARK_ASSUMED
from ..pages import pgwalk, pte
from ..state import (
    F_FLAGS,
    F_INDEX,
    F_MAPCOUNT,
    F_WORDS,
    FF_ANON,
    FF_ZERO,
    H_ARCH,
    H_FRAMES,
    H_RULES,
    I_BORN,
    I_ID,
    I_KIND,
    I_NAME,
    I_SHMID,
    I_TYPE,
    MM_BASE,
    MM_BRK,
    MM_CHS,
    MM_COUNT,
    MM_DATA,
    MM_EXEC,
    MM_FAC,
    MM_FIRST,
    MM_LEGACY,
    MM_LOCKED,
    MM_MAJFLT,
    MM_MINFLT,
    MM_PEAK,
    MM_STACK,
    MM_STACK_PTR,
    MM_START_BRK,
    MM_TABLES,
    MM_TOTAL,
    N_ATTRIBUTES,
    O_ID,
    O_INODE,
    OPS_FILE,
    OPS_HUGETLB,
    V_ATTRIBUTES,
    V_AV,
    V_AVMULTI,
    V_BORN,
    V_END,
    V_FILE,
    V_FLAGS,
    V_INODE,
    V_MARK,
    V_NAME,
    V_NEXT,
    V_PGOFF,
    V_START,
)

View = Any
"""A memoryview of the arena."""

_WORD = 1 << 64
_MANY = 20_000
"""Areas of an address space from which they are kept as columns."""
_IN_ORDER = (*(V_START, V_END, V_FLAGS, V_PGOFF, V_AV, V_AVMULTI, V_BORN, V_MARK, V_NAME),)
"""The words of an area that `result.manyareas` has first."""


def vmas(m: View, mm: int) -> Iterator[int]:
    """The VMAs of `mm` by address."""
    vma = m[mm + MM_FIRST]
    while vma != 0:
        yield vma
        vma = m[vma + V_NEXT]


def _hole_size(m: View, size: int) -> int:
    """cached_hole_size as the kernel's unsigned long."""
    if size != ALL_ONES:
        return int(size)
    return int((1 << m[H_ARCH + A_WORD_BITS]) - 1)


def object_name(name: str, ops: int, kind: int, segment: bool, born: int) -> str:
    """The name of an object: what it was opened or made as.

    Without one ``shm@N`` for shared memory and ``file@N`` for a file that event N made or first showed. `ops` is
    its I_TYPE, `kind` its I_KIND; `segment`: it is a System V segment.
    """
    if not name and ops == OPS_HUGETLB and not segment:
        return "/anon_hugepage (deleted)"
    if not name and kind == FILE_AIO:
        return SHOWN_NAMES[FILE_AIO]
    return name or f"{'file' if ops == OPS_FILE else 'shm'}@{born}"


def file_name(m: View, inode: int, strings: Sequence[str]) -> str:
    """The name of the object `inode`, see `object_name`."""
    name: str = strings[m[inode + I_NAME]] if 0 <= m[inode + I_NAME] < len(strings) else ""
    segment = m[inode + I_SHMID] != 0
    return object_name(name, m[inode + I_TYPE], m[inode + I_KIND], segment, m[inode + I_BORN])


def shown_of(m: View) -> Shown:
    """What of the machine decides how areas are shown."""
    rules = H_RULES
    return Shown(
        shift=m[H_ARCH + A_PAGE_SHIFT],
        bits=m[H_ARCH + A_WORD_BITS],
        heap_strict=bool(m[rules + R_HEAP_NAME_STRICT]),
        lf_named=bool(m[rules + R_LF_NAMED]),
        anon_pgoff=bool(m[rules + R_MAPS_ANON_PGOFF]),
        soft_dirty=bool(m[rules + R_SOFT_DIRTY]),
    )


def layout_of(m: View, mm: int) -> Layout:
    """Where `mm` has its heap and its stack."""
    return Layout(m[mm + MM_START_BRK], m[mm + MM_BRK], m[mm + MM_STACK_PTR])


def vma_row(m: View, layout: Layout, shown: Shown, vma: int, strings: Sequence[str]) -> VmaRow:
    """One area as /proc/PID/maps and smaps show it."""
    inode = m[vma + V_INODE]
    if m[vma + V_FILE]:  # private /dev/zero has a file, but its pages are anonymous
        inode = m[m[vma + V_FILE] + O_INODE]
    words = AreaWords(
        start=m[vma + V_START],
        end=m[vma + V_END],
        flags=m[vma + V_FLAGS],
        pgoff=m[vma + V_PGOFF],
        anon_vma=m[vma + V_AV],
        fork_child=m[vma + V_AVMULTI] != 0,
        born=m[vma + V_BORN],
        assumed=m[vma + V_MARK] == MARK_ASSUMED,
        special=m[vma + V_NAME],
        attributes=tuple(m[vma + V_ATTRIBUTES : vma + V_ATTRIBUTES + N_ATTRIBUTES]),
        opened=m[m[vma + V_FILE] + O_ID] if m[vma + V_FILE] else 0,
        inode=m[inode + I_ID] if inode else 0,
        file=file_name(m, inode, strings) if inode else "",
    )
    return area_row(words, layout, shown, strings)


def vma_rows(m: View, mm: int, strings: Sequence[str]) -> Sequence[VmaRow]:
    """All areas of an address space, by address; of very many no row is made before it is asked for."""
    if m[mm + MM_COUNT] >= _MANY:
        return _many_rows(m, mm, strings)
    layout, shown = layout_of(m, mm), shown_of(m)
    return tuple(vma_row(m, layout, shown, vma, strings) for vma in vmas(m, mm))


def _many_rows(m: View, mm: int, strings: Sequence[str]) -> ManyAreas:
    """The same as columns, read all at once."""
    arena: Any = getattr(m, "words", m)  # an arena whose rules are watched keeps its words so
    words = np.frombuffer(arena, dtype=np.int64)
    at = np.fromiter(vmas(m, mm), dtype=np.int64)
    opened, inode = words[at + V_FILE], words[at + V_INODE]
    inode = np.where(opened != 0, words[opened + O_INODE], inode)
    objects, file = np.unique(inode, return_inverse=True)
    table = np.empty((len(COLUMNS) + N_ATTRIBUTES, len(at)), dtype=np.int64)
    for i, word in enumerate(_IN_ORDER):
        table[i] = words[at + word]
    table[MULTI] = table[MULTI] != 0
    table[ASSUMED] = table[ASSUMED] == MARK_ASSUMED
    table[OPENED] = np.where(opened != 0, words[opened + O_ID], 0)
    table[INODE] = np.where(inode != 0, words[inode + I_ID], 0)
    table[FILE] = file.reshape(-1)
    for i in range(N_ATTRIBUTES):
        table[len(COLUMNS) + i] = words[at + V_ATTRIBUTES + i]
    files = [file_name(m, one, strings) if one else "" for one in objects.tolist()]
    return ManyAreas(table.T, files, layout_of(m, mm), shown_of(m), strings)


def pte_word(m: View, mm: int, addr: int) -> int:
    """The PTE word that translates `addr`; 0 if there is none. Inside a huge page: the huge page's word."""
    p = pgwalk.pte_lookup(m, mm, addr)
    if p:
        return int(m[p])
    slot = pgwalk.pmd_lookup(m, mm, addr)
    if slot and m[slot] == pgwalk.HUGE_ENTRY:
        return int(m[pgwalk.pmd_word(m, slot)])
    return 0


def frame_of(m: View, word: int) -> int:
    """The arena index of the frame that a present PTE word maps; of a huge page the first one."""
    return int(m[H_FRAMES] + pte.pte_pfn(m, word) * F_WORDS)


def page_state(m: View, mm: int, addr: int) -> tuple[str, str, int | None, int]:
    """Letter, access letter, file page and PTE word of one page, as a `pages` step reports them.

    Letters: ``.`` nothing, ``a`` private page mapped once, ``z`` the zero page or a private page mapped more
    than once, ``F`` file page mapped once, ``f`` more than once, ``G`` guard marker, ``n`` file PTE, ``s``
    swap PTE. Access: ``w``, ``r``, ``0`` present without access, ``-`` not present.
    """
    word = pte_word(m, mm, addr)
    if pte.pte_none(m, word):
        return ".", "-", None, word
    if not pte.pte_present(m, word):
        if pte.pte_guard(m, word):
            return "G", "-", None, word
        if pte.pte_file(m, word):
            return "n", "-", int(pte.pte_to_pgoff(m, word)), word
        return "s", "-", None, word
    f = frame_of(m, word)
    access = "w" if pte.pte_write(m, word) else "r"
    if pte.pte_protnone(m, word):
        access = "0"
    flags = m[f + F_FLAGS]
    many = m[f + F_MAPCOUNT] > 1
    if flags & FF_ZERO:
        return "z", access, None, word
    if flags & FF_ANON:
        return "z" if many else "a", access, None, word
    return "f" if many else "F", access, m[f + F_INDEX], word


def pages_row(m: View, mm: int, addr: int, count: int) -> PagesRow:
    """The state of `count` pages from `addr`."""
    size = 1 << m[H_ARCH + A_PAGE_SHIFT]
    states: list[tuple[str, str, int | None, int]] = []
    while len(states) < count:
        at = addr + len(states) * size
        run = min(_without_table(m, mm, at), count - len(states))
        states += [(".", "-", None, 0)] * run if run else [page_state(m, mm, at)]
    return PagesRow(
        addr=addr,
        pages="".join(s[0] for s in states),
        access="".join(s[1] for s in states),
        file_pages=tuple(s[2] for s in states),
        pte=tuple(s[3] % _WORD for s in states),
    )


def mm_facts(m: View, mm: int) -> dict[str, int]:
    """The numbers of an address space: layout in bytes, sizes in pages."""
    return {
        "mmap_base": m[mm + MM_BASE],
        "free_area_cache": m[mm + MM_FAC],
        "cached_hole_size": _hole_size(m, m[mm + MM_CHS]),
        "areas": m[mm + MM_COUNT],
        "peak_areas": m[mm + MM_PEAK],
        "total_pages": m[mm + MM_TOTAL],
        "data_pages": m[mm + MM_DATA],
        "stack_pages": m[mm + MM_STACK],
        "exec_pages": m[mm + MM_EXEC],
        "locked_pages": m[mm + MM_LOCKED],
        "start_brk": m[mm + MM_START_BRK],
        "brk": m[mm + MM_BRK],
        "stack_pointer": m[mm + MM_STACK_PTR],
        "legacy": m[mm + MM_LEGACY],
        "page_tables": m[mm + MM_TABLES],
        "minor_faults": m[mm + MM_MINFLT],
        "major_faults": m[mm + MM_MAJFLT],
    }


def resident_text(m: View, mm: int, addr: int, length: int) -> str:
    """What mincore wrote for [addr, addr + length): one digit a page, up to the first hole."""
    from ..areas.vmaset import find_exact
    from ..calls.mincore import mincore_page

    shift = m[H_ARCH + A_PAGE_SHIFT]
    digits: list[str] = []
    at, end = addr, addr + length
    while at < end:
        vma = find_exact(m, mm, at)
        if vma == 0:
            break
        run = 0 if m[vma + V_INODE] else _without_table(m, mm, at)
        if run:
            run = min(run, (min(end, m[vma + V_END]) - at + (1 << shift) - 1) >> shift)
            digits.append("0" * run)
        else:
            digits.append("1" if mincore_page(m, mm, at) else "0")
            run = 1
        at += run << shift
    return "".join(digits)


def _without_table(m: View, mm: int, addr: int) -> int:
    """How many pages from `addr` on have no page table and no huge page, at most to the end of one table's span."""
    slot = pgwalk.pmd_lookup(m, mm, addr)
    if slot and m[slot]:
        return 0
    span = 1 << pgwalk.span_shift(m)
    return int((span - addr % span) >> m[H_ARCH + A_PAGE_SHIFT])
