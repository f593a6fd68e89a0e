"""Reading a simulated machine from Python: areas as /proc shows them, pages, PTE words, counters.

Every function takes the arena as a memoryview of int64 ('q' or 'l'), whichever engine filled it, and
changes nothing but the caches of lookups. Addresses and offsets are bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ...abi.special import FILE_AIO, SHOWN_NAMES
from ...abi.vmflags import VM_PFNMAP
from ...machine.archwords import A_PAGE_SHIFT, A_WORD_BITS
from ...machine.limitrules import R_SOFT_DIRTY
from ...machine.rules import R_HEAP_NAME_STRICT, R_LF_NAMED, R_MAPS_ANON_PGOFF
from ...result.arearow import AreaWords, Layout, Shown, area_row
from ...result.manyareas import ASSUMED, MULTI, LateAreas, ManyAreas
from ...result.result import PagesRow, VmaRow
from ..areas import areatree
from ..areas.vmaset import find_exact
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
    MM_SET,
    MM_STACK,
    MM_STACK_PTR,
    MM_START_BRK,
    MM_TABLES,
    MM_TOTAL,
    MM_WORDS,
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
    V_WORDS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    import numpy.typing as npt


Words: TypeAlias = "npt.NDArray[np.int64]"
View: TypeAlias = "Any"
"""A memoryview of the arena."""

_WORD = 1 << 64
_new = tuple.__new__
_MANY = 20_000
"""Areas of an address space from which they are kept as columns."""
_AT_ONCE = 4096
"""Areas whose words are read at a time: the caches hold them."""
_IN_ORDER = (*(V_START, V_END, V_FLAGS, V_PGOFF, V_AV, V_AVMULTI, V_BORN, V_MARK, V_NAME),)
"""The words of an area that `result.manyareas` has first."""
_READ = (*_IN_ORDER, V_FILE, V_INODE, *range(V_ATTRIBUTES, V_ATTRIBUTES + N_ATTRIBUTES))


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
    v = m[vma : vma + V_WORDS].tolist()
    inode, opened = v[V_INODE], v[V_FILE]
    if opened:  # private /dev/zero has a file, but its pages are anonymous
        inode = m[opened + O_INODE]
    words: AreaWords = _new(  # by itself, a named tuple goes through Python
        AreaWords,
        (
            v[V_START],
            v[V_END],
            v[V_FLAGS],
            v[V_PGOFF],
            v[V_AV],
            v[V_AVMULTI] != 0,
            v[V_BORN],
            v[V_MARK] == MARK_ASSUMED,
            v[V_NAME],
            tuple(v[V_ATTRIBUTES : V_ATTRIBUTES + N_ATTRIBUTES]),
            m[opened + O_ID] if opened else 0,
            m[inode + I_ID] if inode else 0,
            file_name(m, inode, strings) if inode else "",
        ),
    )
    return area_row(words, layout, shown, strings)


def vma_rows(m: View, mm: int, strings: Sequence[str]) -> Sequence[VmaRow]:
    """All areas of an address space, by address; of very many no row is made before it is asked for."""
    if m[mm + MM_COUNT] >= _MANY:
        return _many_rows(m, mm, strings)
    layout, shown = layout_of(m, mm), shown_of(m)
    return tuple([vma_row(m, layout, shown, vma, strings) for vma in vmas(m, mm)])


def rows_of_all(m: View, spaces: Sequence[int], strings: Sequence[str]) -> list[Sequence[VmaRow]]:
    """`vma_rows` of each of many address spaces; their areas are read all at once."""
    words = _arena(m)
    at = np.array(spaces, dtype=np.int64)
    counts, roots = words[at + MM_COUNT], words[at + MM_SET]
    ends = np.cumsum(counts)
    if not len(at) or not ends[-1] or counts.max() >= _MANY:
        return [vma_rows(m, mm, strings) for mm in spaces]
    areas = np.zeros(int(ends[-1]), dtype=np.int64)
    levels = np.where(counts != 0, words[roots + areatree.N_LEVEL], -1)
    for level in set(levels.tolist()) - {-1}:
        mine = np.flatnonzero(levels == level)
        inside = np.arange(int(counts[mine].sum())) - np.repeat(
            np.cumsum(counts[mine]) - counts[mine], counts[mine]
        )
        areas[np.repeat((ends - counts)[mine], counts[mine]) + inside] = _in_order(words, roots[mine])
    every = _as_columns(m, words, areas, spaces[0], strings)
    return [
        LateAreas(every, slice(end - count, end), layout_of(m, mm))
        for mm, end, count in zip(spaces, ends.tolist(), counts.tolist(), strict=True)
    ]


def _arena(m: View) -> Words:
    arena: Any = getattr(m, "words", m)  # an arena whose rules are watched keeps its words so
    return np.frombuffer(arena, dtype=np.int64)


def _many_rows(m: View, mm: int, strings: Sequence[str]) -> ManyAreas:
    """The same as columns, read all at once."""
    words = _arena(m)
    return _as_columns(m, words, _in_order(words, np.array([m[mm + MM_SET]], dtype=np.int64)), mm, strings)


def _as_columns(m: View, words: Words, areas: Words, mm: int, strings: Sequence[str]) -> ManyAreas:
    """The areas at `areas` as columns, with the layout of `mm`."""
    found = _words_of(words, areas)
    opened, inode = found[V_FILE], found[V_INODE]
    inode = _each(lambda o, i: np.where(o != 0, words[o + O_INODE], i), opened, inode)
    objects, file = _numbered(inode) if inode.any() else (inode[:1], inode)
    columns = [
        *(found[word] for word in _IN_ORDER),
        _each(lambda o: np.where(o != 0, words[o + O_ID], 0), opened),
        _each(lambda i: np.where(i != 0, words[i + I_ID], 0), inode),
        file.reshape(-1),
    ]
    columns[MULTI] = _each(lambda multi: (multi != 0).astype(np.int64), found[V_AVMULTI])
    columns[ASSUMED] = _each(lambda mark: (mark == MARK_ASSUMED).astype(np.int64), found[V_MARK])
    columns += [found[V_ATTRIBUTES + i] for i in range(N_ATTRIBUTES)]
    files = [file_name(m, one, strings) if one else "" for one in objects.tolist()]
    return ManyAreas(columns, files, layout_of(m, mm), shown_of(m), strings)


def _numbered(objects: Words) -> tuple[Words, Words]:
    """What occurs in `objects`, ascending, and the number therein of each; most are 0, which is not sorted."""
    some = np.flatnonzero(objects)
    found, numbers = np.unique(objects[some], return_inverse=True)
    if len(some) == len(objects):
        return found, numbers
    every = np.zeros(len(objects), dtype=np.int64)
    every[some] = numbers + 1
    return np.concatenate([np.zeros(1, dtype=np.int64), found]), every


def _each(made: Callable[..., Words], *of: Words) -> Words:
    """`made` of columns; of columns that are one value each, of that."""
    if any(column.strides[0] for column in of):
        return made(*of)
    return np.broadcast_to(made(*(column[:1] for column in of)), len(of[0]))


def _in_order(words: Words, nodes: Words) -> Words:
    """The areas below tree nodes of one level by node and address: a level of the tree at a time."""
    entries = np.arange(areatree.FAN)
    for _ in range(int(words[nodes[0] + areatree.N_LEVEL]) + 1):
        there = entries < words[nodes + areatree.N_COUNT][:, None]
        slots = words[nodes + areatree.N_ORDER][:, None] >> 4 * entries & 15
        nodes = words[(nodes[:, None] + areatree.N_REFS + slots)[there]]
    return nodes


def _words_of(words: Words, at: Words) -> list[Words]:
    """The words of the areas at `at`: a column for each of V_WORDS. One whose values are all the same takes no memory.

    An area is two or three cache lines: they are read once, those of some thousand areas at a time.
    """
    areas = np.lib.stride_tricks.as_strided(
        words, (len(words) - V_WORDS + 1, V_WORDS), (words.itemsize, words.itemsize), writeable=False
    )
    first = areas[at[0]].copy()
    columns: list[Words | None] = [None] * V_WORDS
    for begin in range(0, len(at), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        rows = areas[at[some]]
        differ = (rows != first).any(axis=0)
        for word in _READ:
            column = columns[word]
            if column is None and differ[word]:
                column = columns[word] = np.empty(len(at), dtype=np.int64)
                column[:begin] = first[word]
            if column is not None:
                column[some] = rows[:, word]
    return [np.broadcast_to(first[word], len(at)) if one is None else one for word, one in enumerate(columns)]


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

    Letters: ``.`` nothing, or a page frame that a driver mapped (VM_PFNMAP), ``a`` private page mapped once, ``z``
    the zero page or a private page mapped more than once, ``F`` file page mapped once, ``f`` more than once, ``G``
    guard marker, ``n`` file PTE, ``s`` swap PTE. Access: ``w``, ``r``, ``0`` present without access, ``-`` not present.
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
    area = find_exact(m, mm, addr)
    bare = (
        area != 0 and m[area + V_FLAGS] & VM_PFNMAP
    )  # fs/proc/task_mmu.c passes page frames over (walk_page_test)
    access = "w" if pte.pte_write(m, word) else "r"
    if pte.pte_protnone(m, word):
        access = "0"
    flags = m[f + F_FLAGS]
    many = m[f + F_MAPCOUNT] > 1
    if bare:
        return ".", access, m[f + F_INDEX], word
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
    words = m[mm : mm + MM_WORDS].tolist()
    return {
        "mmap_base": words[MM_BASE],
        "free_area_cache": words[MM_FAC],
        "cached_hole_size": _hole_size(m, words[MM_CHS]),
        "areas": words[MM_COUNT],
        "peak_areas": words[MM_PEAK],
        "total_pages": words[MM_TOTAL],
        "data_pages": words[MM_DATA],
        "stack_pages": words[MM_STACK],
        "exec_pages": words[MM_EXEC],
        "locked_pages": words[MM_LOCKED],
        "start_brk": words[MM_START_BRK],
        "brk": words[MM_BRK],
        "stack_pointer": words[MM_STACK_PTR],
        "legacy": words[MM_LEGACY],
        "page_tables": words[MM_TABLES],
        "minor_faults": words[MM_MINFLT],
        "major_faults": words[MM_MAJFLT],
    }


def resident_text(m: View, mm: int, addr: int, length: int) -> str:
    """What mincore wrote for [addr, addr + length): one digit a page, up to the first hole."""
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
