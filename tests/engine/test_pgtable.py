"""Page tables of real architectures against a dictionary of PTE words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.abi.vmflags import VM_MAYWRITE, VM_READ, VM_WRITE
from remaptrace.engine.areas.vma import vma_set_flags
from remaptrace.engine.pages import pte
from remaptrace.engine.pages.frames import frame_anon
from remaptrace.engine.pages.pgwalk import HUGE_ENTRY, next_leaf, pmd_ensure, pmd_lookup, pmd_word
from remaptrace.engine.pages.thp import huge_anon
from remaptrace.engine.ranges import pgtable as pt
from remaptrace.engine.state import (
    G_RAM_USED,
    MM_PGD,
    MM_RSS,
    MM_TABLES,
    MM_WORDS,
    V_END,
    V_FLAGS,
    V_START,
    V_WORDS,
    kalloc,
)

from .machines import small_arena

PAGE = 4096
TOP = {"x86_64": 1 << 47, "i386": 3 << 30}
ARCHES = ("x86_64", "i386")


class Space:
    """An address space with tables but without areas, and its twin."""

    def __init__(self, arch: str) -> None:
        self.m = small_arena(arch, "linux-6.18" if arch == "x86_64" else "linux-2.6.21")
        self.mm = kalloc(self.m, MM_WORDS)
        self.m[self.mm + MM_PGD] = pt.pgd_new(self.m)
        self.top = TOP[arch]
        self.vma = kalloc(self.m, V_WORDS)
        self.m[self.vma + V_START], self.m[self.vma + V_END] = 0, self.top
        vma_set_flags(self.m, self.vma, VM_READ | VM_WRITE | VM_MAYWRITE)
        self.twin: dict[int, int] = {}

    def touch(self, addr: int) -> None:
        p = pt.pte_ensure(self.m, self.mm, addr)
        if self.m[p] == 0:
            self.m[p] = pte.mk_pte(self.m, frame_anon(self.m, self.mm, addr // PAGE), 3)
            self.m[self.mm + MM_RSS] += 1
            self.twin[addr // PAGE] = self.m[p]

    def zap(self, start: int, end: int) -> None:
        pt.zap_range(self.m, self.mm, self.vma, start, end, pt.ZAP_UNMAP)
        self.twin = {p: w for p, w in self.twin.items() if not start <= p * PAGE < end}

    def check(self) -> None:
        for page, word in self.twin.items():
            p = pt.pte_lookup(self.m, self.mm, page * PAGE)
            assert p and self.m[p] == word
        assert self.m[G_RAM_USED] == self.m[self.mm + MM_RSS] == len(self.twin)
        seen = set()
        addr = next_leaf(self.m, self.mm, 0, self.top)
        while addr < self.top:
            p = pt.pte_lookup(self.m, self.mm, addr)
            if p and self.m[p]:
                seen.add(addr // PAGE)
            addr = next_leaf(self.m, self.mm, addr + PAGE, self.top)
        assert seen == set(self.twin)


def places(arch: str) -> st.SearchStrategy[int]:
    """Page addresses that crowd around few table borders."""
    base = st.sampled_from((0, 1 << 22, 3 << 21, TOP[arch] - (1 << 22), TOP[arch] >> 1))
    return st.builds(lambda b, p: min(b + p * PAGE, TOP[arch] - PAGE), base, st.integers(0, 40))


@pytest.mark.parametrize("arch", ARCHES)
@settings(max_examples=25)
@given(data=st.data())
def test_tables_hold_what_was_put_into_them(arch, data):
    space = Space(arch)
    for _ in range(data.draw(st.integers(1, 25))):
        addr = data.draw(places(arch))
        if data.draw(st.booleans()):
            space.touch(addr)
        else:
            space.zap(addr, min(addr + data.draw(st.integers(1, 50)) * PAGE, space.top))
    space.check()
    space.zap(0, space.top)
    pt.free_tables(space.m, space.mm, 0, space.top)
    assert space.m[space.mm + MM_TABLES] == 0
    assert space.m[G_RAM_USED] == 0


@pytest.mark.parametrize("arch", ARCHES)
@settings(max_examples=25)
@given(data=st.data())
def test_moved_ptes_keep_their_words(arch, data):
    space = Space(arch)
    old, new = 1 << 25, (1 << 27) + data.draw(st.integers(0, 2)) * PAGE
    length = data.draw(st.sampled_from((PAGE, 40 * PAGE, 1 << 21, 1 << 22, (1 << 22) + 5 * PAGE)))
    for page in data.draw(st.sets(st.integers(0, length // PAGE - 1), max_size=20)):
        space.touch(old + page * PAGE)
    assert pt.move_range(space.m, space.mm, space.vma, old, space.vma, new, length) == 0
    space.twin = {p + (new - old) // PAGE: w for p, w in space.twin.items()}
    space.check()


def test_freeing_stops_at_the_neighbours_tables():
    space = Space("x86_64")
    space.touch(1 << 21)
    space.touch(2 << 21)
    tables = space.m[space.mm + MM_TABLES]
    space.zap(2 << 21, 3 << 21)
    pt.free_pgtables(space.m, space.mm, 2 << 21, (2 << 21) + PAGE, (1 << 21) + PAGE, 1 << 47)
    assert space.m[space.mm + MM_TABLES] == tables - 1
    space.check()


def test_dontneed_of_a_whole_span_frees_its_table_and_of_511_pages_does_not():
    space = Space("x86_64")
    for start, end, tables in ((0, 511, 3), (0, 512, 2)):
        space.touch(0)
        assert space.m[space.mm + MM_TABLES] == 3
        pt.zap_range(space.m, space.mm, space.vma, start, end * PAGE, pt.ZAP_DONTNEED)
        assert space.m[space.mm + MM_TABLES] == tables


def test_guard_markers_outlive_dontneed_but_not_munmap():
    space = Space("x86_64")
    p = pt.pte_ensure(space.m, space.mm, 0)
    space.m[p] = pte.mk_guard_pte(space.m)
    pt.zap_range(space.m, space.mm, space.vma, 0, 8 * PAGE, pt.ZAP_DONTNEED)
    assert pte.pte_guard(space.m, space.m[p])
    pt.zap_range(space.m, space.mm, space.vma, 0, 8 * PAGE, pt.ZAP_UNMAP)
    assert space.m[p] == 0


def test_a_written_page_is_writable_again_after_a_round_of_protections():
    space = Space("x86_64")
    space.touch(0)
    p = pt.pte_lookup(space.m, space.mm, 0)
    space.m[p] = pte.pte_mkdirty(space.m, pte.pte_mkwrite(space.m, space.m[p]))
    before = space.m[p]
    for flags in (VM_READ | VM_MAYWRITE, VM_READ | VM_WRITE | VM_MAYWRITE):
        old = space.m[space.vma + V_FLAGS]
        vma_set_flags(space.m, space.vma, flags)
        pt.protect_range(space.m, space.mm, space.vma, 0, PAGE, old)
        assert pte.pte_write(space.m, space.m[p]) == (1 if flags & VM_WRITE else 0)
    assert space.m[p] == before


def huge_space() -> tuple[Space, int]:
    space = Space("x86_64")
    slot = pmd_ensure(space.m, space.mm, 4 << 21)
    space.m[slot] = HUGE_ENTRY
    space.m[pmd_word(space.m, slot)] = pte.mk_pte(space.m, huge_anon(space.m, space.mm, 0), 3)
    space.m[space.mm + MM_RSS] += 512
    return space, slot


def test_zapping_part_of_a_huge_page_splits_it_and_keeps_the_rest():
    space, _slot = huge_space()
    start = 4 << 21
    pt.zap_range(space.m, space.mm, space.vma, start + PAGE, start + 3 * PAGE, pt.ZAP_DONTNEED)
    assert space.m[G_RAM_USED] == space.m[space.mm + MM_RSS] == 510
    here = [space.m[pt.pte_lookup(space.m, space.mm, start + i * PAGE)] for i in range(4)]
    assert [pte.pte_present(space.m, w) for w in here] == [1, 0, 0, 1]
    assert pte.pte_pfn(space.m, here[3]) == pte.pte_pfn(space.m, here[0]) + 3


def test_zapping_a_whole_huge_page_frees_all_its_frames():
    space, slot = huge_space()
    pt.zap_range(space.m, space.mm, space.vma, 0, 1 << 40, pt.ZAP_UNMAP)
    assert space.m[G_RAM_USED] == space.m[space.mm + MM_RSS] == 0
    assert space.m[slot] == 0
    assert pmd_lookup(space.m, space.mm, 4 << 21) == slot
