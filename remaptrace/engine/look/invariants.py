"""Everything that holds of a simulated machine between two events, written down once.

`violations` looks at the whole state and returns a sentence for each rule that is broken; tests call it after
every step. Slow on purpose: it counts again what the engine keeps count of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ...abi.vmflags import VM_ACCOUNT, VM_EXEC, VM_GROWSDOWN, VM_LOCKED, VM_WRITE
from ...machine.archwords import A_INDEX_BITS, A_LEVELS, A_PAGE_SHIFT, A_TASK_SIZE
from ..account import is_data_mapping
from ..areas.areatree import (
    FAN,
    N_COUNT,
    N_GAPS,
    N_HOME,
    N_KEYS,
    N_LEVEL,
    N_REFS,
    first_key,
    home_in,
    slot_at,
)
from ..jit import NO_KEY
from ..marks import ALIVE
from ..pages import pte
from ..pages.frames import frame
from ..state import (
    F_FLAGS,
    F_MAPCOUNT,
    F_REFS,
    FD_CAP,
    FD_TABLE,
    FF_HUGE,
    FF_ZERO,
    G_COMMITTED,
    G_INODE_LIST,
    G_MM_LIST,
    G_NO_TABLES,
    G_NPATHS,
    G_NTASKS,
    G_PATHS,
    G_SPACES,
    G_TASKS,
    H_ARCH,
    H_FREE,
    H_NFRAMES,
    H_TOP,
    HEAP,
    I_CHARGED,
    I_NEXT,
    I_REFS,
    I_VMAS,
    MM_COUNT,
    MM_DATA,
    MM_EXEC,
    MM_LOCKED,
    MM_NEXT,
    MM_PEAK,
    MM_PGD,
    MM_RSS,
    MM_SET,
    MM_STACK,
    MM_TABLES,
    MM_TOTAL,
    MM_USERS,
    O_INODE,
    O_REFS,
    OPS_ZERO,
    T_ALIVE,
    T_FILES,
    T_MM,
    V_END,
    V_FILE,
    V_FLAGS,
    V_HOME,
    V_INEXT,
    V_INODE,
    V_MM,
    V_OPS,
    V_PREV,
    V_START,
    class_words,
)
from .inspect import vmas
from .protections import ptes

_SIZE_CLASSES = 48


def violations(m: Any) -> list[str]:
    """A sentence for every invariant that the state in arena `m` (a memoryview) breaks; empty: all hold."""
    spaces = list(_list(m, m[G_MM_LIST], MM_NEXT))
    out: list[str] = []
    for mm in spaces:
        out += _areas(m, mm)
        out += _vmaset(m, mm)
        out += _counters(m, mm)
    if len(spaces) != m[G_SPACES]:
        out.append(f"there are {len(spaces)} address spaces, the counter says {m[G_SPACES]}")
    out += _references(m, spaces)
    out += _commitment(m, spaces)
    out += _pages(m, spaces)
    out += _free_lists(m)
    return out


def _list(m: Any, first: int, link: int) -> Iterator[int]:
    while first:
        yield first
        first = m[first + link]


# ---- areas -----------------------------------------------------------------------------------


def _areas(m: Any, mm: int) -> Iterator[str]:
    """Sorted, disjoint, aligned, inside user space, linked both ways."""
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    before, end, count = 0, 0, 0
    for vma in vmas(m, mm):
        start, stop = m[vma + V_START], m[vma + V_END]
        name = f"area {start:x}-{stop:x}"
        if start >= stop or start % page or stop % page:
            yield f"{name} is empty or not page aligned"
        if start < end:
            yield f"{name} begins before the area below it ends ({end:x})"
        if stop > m[H_ARCH + A_TASK_SIZE] or start < 0:
            yield f"{name} leaves user space"
        if m[vma + V_PREV] != before:
            yield f"{name} does not link back to the area below it"
        if m[vma + V_MM] != mm:
            yield f"{name} belongs to another address space"
        own = m[m[vma + V_FILE] + O_INODE] if m[vma + V_FILE] else m[vma + V_INODE]
        if m[vma + V_INODE] != (0 if m[vma + V_OPS] == OPS_ZERO else own):  # private /dev/zero is anonymous
            yield f"{name} has another object than its file"
        before, end, count = vma, stop, count + 1
    if count != m[mm + MM_COUNT]:
        yield f"map_count is {m[mm + MM_COUNT]}, there are {count} areas"
    if m[mm + MM_PEAK] < count:
        yield f"the peak of map_count, {m[mm + MM_PEAK]}, is below its value {count}"


def _vmaset(m: Any, mm: int) -> Iterator[str]:
    """The tree of areas: the same areas in the same order, exact keys and leaf gaps, bounds not too low."""
    in_order = list(vmas(m, mm))
    root = m[mm + MM_SET]
    if not root:
        if in_order:
            yield "the set of areas is empty, their list is not"
        return
    if m[root + N_HOME]:
        yield "the root of the set of areas has a parent"
    found: list[int] = []
    yield from _node(m, root, found)
    if found != in_order:
        yield f"the set holds {len(found)} areas in another order than their list of {len(in_order)}"


def _node(m: Any, node: int, found: list[int]) -> Iterator[str]:
    count = m[node + N_COUNT]
    if count < 1:
        yield "a node of the set of areas is empty"
    slots = [slot_at(m, node, place) for place in range(FAN)]
    if sorted(slots) != list(range(FAN)):
        yield "a node of the set of areas names a slot twice"
    if any(m[node + N_KEYS + slot] != NO_KEY for slot in slots[count:]):
        yield "a node of the set of areas has a key in a free slot"
    if any(m[node + N_GAPS + slot] for slot in slots[count:]):
        yield "a node of the set of areas has a gap in a free slot"
    for slot in slots[:count]:
        key, ref, gap = m[node + N_KEYS + slot], m[node + N_REFS + slot], m[node + N_GAPS + slot]
        if m[node + N_LEVEL] == 0:
            found.append(ref)
            below = m[ref + V_PREV]
            free = m[ref + V_START] - (m[below + V_END] if below else 0)
            if key != m[ref + V_START]:
                yield f"area {m[ref + V_START]:x} stands under the key {key:x}"
            if gap != free:
                yield f"the gap below area {key:x} is {free:x} bytes, the set says {gap:x}"
            if m[ref + V_HOME] != home_in(node, slot):
                yield f"area {key:x} does not know its node"
        else:
            if key != first_key(m, ref):
                yield f"a node that begins at {first_key(m, ref):x} stands under the key {key:x}"
            if m[ref + N_HOME] != home_in(node, slot):
                yield f"the node that begins at {key:x} has another parent"
            highest = max(m[ref + N_GAPS + j] for j in range(FAN))
            if gap < highest:
                yield f"the bound {gap:x} of the node at {key:x} is below a gap of {highest:x} bytes in it"
            yield from _node(m, ref, found)


def _counters(m: Any, mm: int) -> Iterator[str]:
    """total_vm and its parts, counted again."""
    shift = m[H_ARCH + A_PAGE_SHIFT]
    counted = Counter[str]()
    for vma in vmas(m, mm):
        pages = (m[vma + V_END] - m[vma + V_START]) >> shift
        flags = m[vma + V_FLAGS]
        counted["total"] += pages
        if flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN) == VM_EXEC:
            counted["exec"] += pages
        elif flags & VM_GROWSDOWN:
            counted["stack"] += pages
        elif is_data_mapping(flags):
            counted["data"] += pages
        if flags & VM_LOCKED:
            counted["locked"] += pages
    kept = {"total": MM_TOTAL, "exec": MM_EXEC, "stack": MM_STACK, "data": MM_DATA}
    for name, word in kept.items():
        if m[mm + word] != counted[name]:
            yield f"{name}_vm is {m[mm + word]} pages, the areas have {counted[name]}"
    # MREMAP_DONTUNMAP counts locked pages twice, as the kernel does (linux-6.x 4.3)
    if m[mm + MM_LOCKED] < counted["locked"]:
        yield f"locked_vm is {m[mm + MM_LOCKED]} pages, the areas have {counted['locked']}"


# ---- references ------------------------------------------------------------------------------


def _references(m: Any, spaces: list[int]) -> Iterator[str]:
    """Users of address spaces, references of descriptions and inodes, lists of areas of each inode."""
    tasks = [m[m[G_TASKS] + i] for i in range(m[G_NTASKS])]
    alive = [t for t in tasks if m[t + T_ALIVE] == ALIVE]
    users = Counter(m[t + T_MM] for t in alive)
    for mm in spaces:
        if m[mm + MM_USERS] != users[mm]:
            yield f"an address space has {users[mm]} tasks and counts {m[mm + MM_USERS]} users"
    files = Counter[int]()
    areas: dict[int, set[int]] = {}
    for table in {m[t + T_FILES] for t in alive}:
        files.update(o for fd in range(m[table + FD_CAP]) if (o := m[m[table + FD_TABLE] + fd]))
    for mm in spaces:
        for vma in vmas(m, mm):
            if m[vma + V_FILE]:
                files[m[vma + V_FILE]] += 1
            if m[vma + V_INODE]:
                areas.setdefault(m[vma + V_INODE], set()).add(vma)
    inodes = Counter[int]()
    for o, count in files.items():
        inodes[m[o + O_INODE]] += 1
        if m[o + O_REFS] < count:
            yield f"an open file has {count} users and counts {m[o + O_REFS]}"
    inodes.update(i for n in range(m[G_NPATHS]) if (i := m[m[G_PATHS] + n]))
    for inode in _list(m, m[G_INODE_LIST], I_NEXT):
        if m[inode + I_REFS] < inodes[inode]:
            yield f"an inode has {inodes[inode]} users and counts {m[inode + I_REFS]}"
        listed = set(_list(m, m[inode + I_VMAS], V_INEXT))
        if listed != areas.pop(inode, set()):
            yield "the list of areas of an inode differs from the areas that map it"
    if areas:
        yield f"{len(areas)} objects are mapped but not in the list of inodes"


def _commitment(m: Any, spaces: list[int]) -> Iterator[str]:
    """Pages charged against overcommit: at least those of accounted areas and of shared objects.

    More are charged once a GROWSDOWN area without VM_ACCOUNT grew: acct_stack_growth charges any growth, and
    unmapping gives back only what is accounted.
    """
    shift = m[H_ARCH + A_PAGE_SHIFT]
    charged = sum(m[inode + I_CHARGED] for inode in _list(m, m[G_INODE_LIST], I_NEXT))
    for mm in spaces:
        for vma in vmas(m, mm):
            if m[vma + V_FLAGS] & VM_ACCOUNT:
                charged += (m[vma + V_END] - m[vma + V_START]) >> shift
    if charged > m[G_COMMITTED]:
        yield f"{m[G_COMMITTED]} pages are charged, areas and objects account for {charged}"


# ---- pages -----------------------------------------------------------------------------------


def _pages(m: Any, spaces: list[int]) -> Iterator[str]:
    """Every PTE inside an area; frames counted by what maps them; present pages and tables counted."""
    mapped = Counter[int]()
    limit = m[H_ARCH + A_TASK_SIZE]
    if m[G_NO_TABLES] and _tables(m, m[G_NO_TABLES], m[H_ARCH + A_LEVELS] - 1):
        yield "the top page table of address spaces without pages names tables"
    for mm in spaces:
        present = inside = everything = 0
        for vma in vmas(m, mm):
            for addr, pages, word in ptes(m, mm, m[vma + V_START], m[vma + V_END]):
                inside += pages
                if not pte.pte_present(m, word):
                    continue
                pfn = pte.pte_pfn(m, word)
                if not 0 < pfn < m[H_NFRAMES]:
                    yield f"the PTE of {addr:x} maps frame {pfn}, which does not exist"
                elif not m[frame(m, pfn) + F_FLAGS] & FF_ZERO:
                    # the head of a huge page speaks for all its frames until some entry is split
                    split = pages > 1 and not m[frame(m, pfn) + F_FLAGS] & FF_HUGE
                    mapped.update(range(pfn, pfn + pages) if split else (pfn,))
                    present += pages
        for _, pages, _word in ptes(m, mm, 0, limit):
            everything += pages
        if inside != everything:
            yield f"{everything - inside} PTEs lie outside of every area"
        if present != m[mm + MM_RSS]:
            yield f"{present} pages are present, the counter says {m[mm + MM_RSS]}"
        tables = _tables(m, m[mm + MM_PGD], m[H_ARCH + A_LEVELS] - 1) if m[mm + MM_PGD] else 0
        if tables != m[mm + MM_TABLES]:
            yield f"there are {tables} page tables, the counter says {m[mm + MM_TABLES]}"
    for pfn in range(1, m[H_NFRAMES]):
        f = frame(m, pfn)
        if m[f + F_FLAGS] & FF_ZERO:
            continue
        if m[f + F_MAPCOUNT] != mapped[pfn]:
            yield f"frame {pfn} is mapped {mapped[pfn]} times and counts {m[f + F_MAPCOUNT]}"
        if m[f + F_REFS] < m[f + F_MAPCOUNT]:
            yield f"frame {pfn} has {m[f + F_REFS]} references and {m[f + F_MAPCOUNT]} mappings"


def _tables(m: Any, table: int, level: int) -> int:
    """Tables below `table`, which is at `level`."""
    count = 0
    for i in range(1 << m[H_ARCH + A_INDEX_BITS + level]):
        below = m[table + i]
        if below > 0:
            count += 1 + (_tables(m, below, level - 1) if level > 1 else 0)
    return count


def _free_lists(m: Any) -> Iterator[str]:
    """Free chunks of the heap lie inside it, none twice and none over another."""
    spans: list[tuple[int, int]] = []
    for k in range(_SIZE_CLASSES):
        seen: set[int] = set()
        p = m[H_FREE + k]
        while p:
            if p in seen or not HEAP <= p <= m[H_TOP] - class_words(k):
                yield f"the list of free chunks of {class_words(k)} words is broken"
                break
            seen.add(p)
            spans.append((p, p + class_words(k)))
            p = m[p]
    spans.sort()
    for (_, end), (start, _) in pairwise(spans):
        if start < end:
            yield f"two free chunks overlap at {start}"
