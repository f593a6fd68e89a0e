"""From a guest's page table to host calls: fix_range_common of arch/um/kernel/tlb.c (linux-2.6.21 8.3).

A flush compares the guest's PTEs in a range with what the host was last told, and yields operations:
map a page of guest memory, or unmap. Every changed PTE is a fresh mmap, because set_pte marks it new;
neighbouring operations of one kind join. On the host a page is readable only if it is young, writable
only if it is dirty: accessed and dirty bits are kept in software.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..abi.mman import PROT_EXEC, PROT_READ, PROT_WRITE
from ..engine.pages import pgwalk, pte
from ..engine.state import H_ARCH
from ..lateclasses import dataclass, field
from ..machine.archwords import A_PAGE_SHIFT, A_TASK_SIZE

UNMAP = -1
"""In place of a protection."""


@dataclass
class Operation:
    """One host operation: map (prot, offset of guest memory) or unmap. Bytes."""

    start: int
    length: int
    prot: int  # or UNMAP
    offset: int = 0

    def joins(self, other: Operation) -> bool:
        """Whether `other` continues this one, so that UML sends a single call."""
        if other.prot != self.prot or other.start != self.start + self.length:
            return False
        return self.prot == UNMAP or other.offset == self.offset + self.length


@dataclass
class Space:
    """What the host was told of one guest address space: PTE words by address, spans that had tables."""

    words: dict[int, int] = field(default_factory=dict)
    spans: set[int] = field(default_factory=set)


def host_prot(m: Any, word: int) -> int:
    """The protection of a guest page on the host."""
    rights = pte.pte_rights(m, word)
    if not rights & PROT_READ:
        return 0
    prot = PROT_EXEC if rights & PROT_EXEC else 0
    if pte.pte_young(m, word):
        prot |= PROT_READ
        if rights & PROT_WRITE and pte.pte_dirty(m, word):
            prot |= PROT_WRITE
    return prot


def joined(operations: Iterator[Operation]) -> Iterator[Operation]:
    """The operations with those that continue their predecessor put together."""
    last: Operation | None = None
    for operation in operations:
        if last is not None and last.joins(operation):
            last.length += operation.length
            continue
        if last is not None:
            yield last
        last = operation
    if last is not None:
        yield last


def _page(m: Any, addr: int, word: int) -> Operation:
    size = 1 << m[H_ARCH + A_PAGE_SHIFT]
    if word == 0 or not pte.pte_present(m, word):
        return Operation(addr, size, UNMAP)
    return Operation(addr, size, host_prot(m, word), pte.pte_pfn(m, word) << m[H_ARCH + A_PAGE_SHIFT])


def _span_pages(m: Any, mm: int, span: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """(address, word) of every page in a span that has a leaf table."""
    size = 1 << m[H_ARCH + A_PAGE_SHIFT]
    for addr in range(max(span, start), min(span + (1 << pgwalk.span_shift(m)), end), size):
        p = pgwalk.pte_lookup(m, mm, addr)
        yield addr, m[p] if p else 0


def _has_table(m: Any, mm: int, span: int) -> bool:
    slot = pgwalk.pmd_lookup(m, mm, span)
    return bool(slot and m[slot] > 0)


def _changes(m: Any, mm: int, space: Space, start: int, end: int) -> Iterator[Operation]:
    whole = 1 << pgwalk.span_shift(m)
    spans = {s for s in space.spans if start < s + whole and s < end}
    addr = start
    while addr < end:
        addr = pgwalk.next_leaf(m, mm, addr, end)
        if addr < end:
            spans.add(addr & -whole)
            addr = (addr & -whole) + whole
    for span in sorted(spans):
        if not _has_table(m, mm, span):
            space.spans.discard(span)
            for known in [a for a in space.words if span <= a < span + whole]:
                del space.words[known]
            yield Operation(span, whole, UNMAP)
            continue
        space.spans.add(span)
        for page, word in _span_pages(m, mm, span, start, end):
            if word != space.words.get(page, 0):
                space.words[page] = word
                yield _page(m, page, word)


def flush(m: Any, mm: int, space: Space, start: int, end: int) -> list[Operation]:
    """Operations for the PTEs of [start, end) that changed since the host was told last."""
    return list(joined(_changes(m, mm, space, start, min(end, m[H_ARCH + A_TASK_SIZE]))))


def _everything(m: Any, mm: int, space: Space) -> Iterator[Operation]:
    at = 0
    end = m[H_ARCH + A_TASK_SIZE]
    for _ in _changes(m, mm, space, 0, end):
        pass
    for addr in sorted(space.words):
        word = space.words[addr]
        if word and pte.pte_present(m, word):
            if addr > at:
                yield Operation(at, addr - at, UNMAP)
            yield _page(m, addr, word)
            at = addr + (1 << m[H_ARCH + A_PAGE_SHIFT])
    if at < end:
        yield Operation(at, end - at, UNMAP)


def flush_forced(m: Any, mm: int, space: Space) -> list[Operation]:
    """Operations that make the host right whatever it had: gaps unmapped, every present page mapped."""
    space.words.clear()
    space.spans.clear()
    return list(joined(_everything(m, mm, space)))
