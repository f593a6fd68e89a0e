"""A guest's page tables as User-mode Linux of 6.x marks them: what changed and was not yet told to the host.

set_pte marks every word that it stores (_PAGE_NEWPAGE, since 6.13 _PAGE_NEEDSYNC), also an equal one, and clearing an
entry of an upper table marks that. A flush of a range turns the marks in it into operations and takes them away
(arch/um/kernel/tlb.c: update_pte_range, update_pmd_range, update_pud_range). Addresses and sizes are bytes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

from ..engine.areas.vma import vma_is_anonymous
from ..engine.pages import pgwalk, pte
from ..engine.state import H_ARCH, MM_FIRST, MM_PGD, V_END, V_FLAGS, V_NEXT, V_START
from ..lateclasses import dataclass, field
from ..machine.archwords import A_INDEX_BITS, A_LEVELS
from .flush import UNMAP, Operation, host_prot, joined
from .hosttrace import PAGE


@dataclass(frozen=True)
class Area:
    """One area: its bounds and VM_ flags, and whether it has no file."""

    start: int
    end: int
    flags: int
    anonymous: bool


@dataclass(frozen=True)
class Change:
    """One page's word in front of an event and behind it; 0: none."""

    page: int
    before: int
    after: int


@dataclass
class Tables:
    """What one guest address space had at the last look, and what is marked."""

    span: int  # bytes under a leaf table
    leaves: dict[int, list[int]] = field(default_factory=dict)  # start of a leaf table's span: its words
    upper: dict[int, set[int]] = field(default_factory=dict)  # level from 1: spans of its tables
    marked: set[int] = field(default_factory=set)  # pages
    old: set[int] = field(
        default_factory=set
    )  # pages that the host let user code see while they were not young
    gone: dict[int, set[int]] = field(default_factory=dict)  # level: spans whose table went, still marked
    areas: tuple[Area, ...] = ()

    def word(self, page: int) -> int:
        """The PTE word of `page`, 0: none."""
        leaf = self.leaves.get(page & -self.span)
        return leaf[(page & (self.span - 1)) // PAGE] if leaf else 0

    def words(self) -> Iterator[tuple[int, int]]:
        """(page, word) of every PTE that is not empty, by address."""
        for span in sorted(self.leaves):
            for i, word in enumerate(self.leaves[span]):
                if word:
                    yield span + i * PAGE, word

    def look(self, m: Any, mm: int) -> tuple[list[Change], list[tuple[int, int]]]:
        """Compare with the machine: pages whose word changed, by address, and (level, span) of tables that went.

        Changed pages are marked, and entries of tables that went; a table that is made takes its mark away.
        """
        found, upper = _walk(m, m[mm + MM_PGD])
        changes: list[Change] = []
        freed: list[tuple[int, int]] = []
        for span in [s for s in self.leaves if s not in found]:
            changes += [Change(span + i * PAGE, w, 0) for i, w in enumerate(self.leaves.pop(span)) if w]
            freed.append((0, span))
        for level, spans in self.upper.items():
            freed += [(level, span) for span in spans - upper.get(level, set())]
        self.upper = upper
        for level, span in freed:
            self.gone.setdefault(level, set()).add(span)
            if level == 0:
                self.marked -= set(range(span, span + self.span, PAGE))
        for level, span in freed:  # what lay under it can no longer be found
            end = span + (1 << pgwalk.level_shift(m, level + 1))
            for lower in range(level):
                self.gone[lower] = {s for s in self.gone.get(lower, set()) if not span <= s < end}
        for level, spans in {0: set(found), **upper}.items():
            if level in self.gone:
                self.gone[level] -= spans
        for span, at in found.items():
            changes += self._leaf(m, span, at)
        changes.sort(key=lambda change: change.page)
        self.areas = areas_of(m, mm)
        return changes, freed

    def look_at(self, m: Any, mm: int, page: int) -> list[Change]:
        """As `look`, for the leaf table of one page, which a fault may have made."""
        slot = pgwalk.pmd_lookup(m, mm, page)
        if slot == 0 or m[slot] <= 0:
            return []
        span = page & -self.span
        if span not in self.leaves:
            return self.look(m, mm)[0]
        return self._leaf(m, span, m[slot])

    def _leaf(self, m: Any, span: int, at: int) -> list[Change]:
        count = self.span // PAGE
        new, old = m[at : at + count].tolist(), self.leaves.get(span)
        if new == old:
            return []
        old = old or [0] * count
        self.leaves[span] = new
        pairs = enumerate(zip(old, new, strict=True))
        changes = [Change(span + i * PAGE, a, b) for i, (a, b) in pairs if a != b]
        self.marked.update(change.page for change in changes)
        return changes

    def flush(self, m: Any, start: int, end: int, zapped: Iterable[int] = ()) -> list[Operation]:
        """Operations for what is marked in [start, end), joined; with `zapped`, pages whose tables are gone by now."""
        pages = {page for page in self.marked if start <= page < end}
        found = [self._page(m, page) for page in pages]
        self.marked -= pages
        extra = {page for page in zapped if start <= page < end} - pages
        found += [Operation(page, PAGE, UNMAP) for page in extra]
        if not zapped:
            found += self._tables(m, start, end)
        return list(joined(iter(sorted(found, key=lambda operation: operation.start))))

    def _tables(self, m: Any, start: int, end: int) -> list[Operation]:
        """Unmapping under entries that are marked in [start, end): the part of their span that lies in it."""
        out: list[Operation] = []
        for level, spans in list(self.gone.items()):
            size = 1 << pgwalk.level_shift(m, level + 1)
            hit = {span for span in spans if span < end and span + size > start}
            self.gone[level] = spans - hit
            out += [Operation(max(s, start), min(s + size, end) - max(s, start), UNMAP) for s in hit]
        return out

    def forced(self, m: Any) -> Iterator[list[Operation]]:
        """Operations of a forced flush, area by area: what has no word or table is unmapped, what is marked mapped."""
        spans = sorted(self.leaves)
        for area in self.areas:
            low = bisect_right(spans, area.start - self.span)
            yield self._force(m, area, spans[low : bisect_left(spans, area.end)])
        self.marked.clear()

    def _force(self, m: Any, area: Area, spans: list[int]) -> list[Operation]:
        out: list[Operation] = []
        at = area.start
        for span in spans:
            first = max(0, area.start - span) // PAGE
            words = self.leaves[span][first : (area.end - span + PAGE - 1) // PAGE]
            for i in [i for i, word in enumerate(words) if word]:
                page = span + (first + i) * PAGE
                if pte.pte_present(m, words[i]):
                    if page > at:
                        out.append(Operation(at, page - at, UNMAP))
                    if page in self.marked:
                        out.append(self._page(m, page))
                    at = page + PAGE
        if at < area.end:
            out.append(Operation(at, area.end - at, UNMAP))
        return list(joined(iter(out)))

    def _page(self, m: Any, page: int) -> Operation:
        word = self.word(page)
        if word == 0 or not pte.pte_present(m, word):
            return Operation(page, PAGE, UNMAP)
        if page in self.old:
            word = pte.pte_mkold(m, word)
        return Operation(page, PAGE, host_prot(m, word), pte.pte_pfn(m, word) * PAGE)

    def unnoticed(self, m: Any, change: Change) -> None:
        """The host allowed an access, so that the guest's kernel learnt nothing of it: no mark, and old stays old."""
        self.marked.discard(change.page)
        if change.before and not pte.pte_young(m, change.before):
            self.old.add(change.page)


def areas_of(m: Any, mm: int) -> tuple[Area, ...]:
    """The areas of `mm` by address."""
    out = []
    vma = m[mm + MM_FIRST]
    while vma != 0:
        anonymous = bool(vma_is_anonymous(m, vma))
        out.append(Area(m[vma + V_START], m[vma + V_END], m[vma + V_FLAGS], anonymous))
        vma = m[vma + V_NEXT]
    return tuple(out)


def _walk(m: Any, top: int) -> tuple[dict[int, int], dict[int, set[int]]]:
    """Start of span: place of every leaf table; level: spans of the tables between them and the top one."""
    leaves: dict[int, int] = {}
    upper: dict[int, set[int]] = {}
    rooms = [(m[H_ARCH + A_LEVELS] - 1, 0, top)]
    while rooms:
        level, base, table = rooms.pop()
        shift = pgwalk.level_shift(m, level)
        for i, entry in enumerate(m[table : table + (1 << m[H_ARCH + A_INDEX_BITS + level])].tolist()):
            if entry <= 0:
                continue
            start = base + (i << shift)
            if level == 1:
                leaves[start] = entry
            else:
                upper.setdefault(level - 1, set()).add(start)
                rooms.append((level - 1, start, entry))
    return leaves, upper


def lost(m: Any, change: Change) -> bool:
    """The page of the word in front is no longer mapped."""
    return not change.after or not pte.pte_present(m, change.after) or replaced(m, change)


def replaced(m: Any, change: Change) -> bool:
    """Another page took its place."""
    if not change.before or not change.after:
        return False
    if not pte.pte_present(m, change.before) or not pte.pte_present(m, change.after):
        return False
    return bool(pte.pte_pfn(m, change.before) != pte.pte_pfn(m, change.after))


def by_area(areas: tuple[Area, ...], changes: list[Change]) -> list[list[Change]]:
    """Changes grouped by the area that they lay in, by address."""
    out: list[list[Change]] = []
    rest = sorted(changes, key=lambda change: change.page)
    for area in areas:
        mine = [c for c in rest if area.start <= c.page < area.end]
        if mine:
            out.append(mine)
    return out


def extents(changes: list[Change], span: int) -> list[list[Change]]:
    """Changes grouped by leaf table: a move goes table by table (move_page_tables)."""
    out: dict[int, list[Change]] = {}
    for change in changes:
        out.setdefault(change.page & -span, []).append(change)
    return [out[start] for start in sorted(out)]
