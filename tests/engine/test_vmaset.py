"""The VMA set against a sorted Python list, and its own invariants, under random operations."""

from __future__ import annotations

import random
from bisect import bisect_right

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.abi.vmflags import VM_GROWSDOWN
from remaptrace.engine.areas import areatree as tree
from remaptrace.engine.areas import vmaset as vs
from remaptrace.engine.areas.gaps import highest_gap, lowest_gap
from remaptrace.engine.arena import new_arena
from remaptrace.engine.jit import NO_KEY
from remaptrace.engine.state import (
    H_ARCH,
    H_LIMIT,
    H_RULES,
    H_TOP,
    MM_COUNT,
    MM_FIRST,
    MM_PEAK,
    MM_SET,
    MM_WORDS,
    V_END,
    V_FLAGS,
    V_HOME,
    V_NEXT,
    V_PREV,
    V_START,
    V_WORDS,
    kalloc,
    kfree,
)
from remaptrace.machine.archwords import A_PAGE_SHIFT
from remaptrace.machine.limitrules import R_STACK_GUARD_GAP

GUARD_PAGES = 3  # small, so that it matters among small areas


class Space:
    """A VMA set and its twin: a sorted list of (start, end, growsdown)."""

    def __init__(self) -> None:
        self.m = new_arena([], [], compiled=False, small=True)
        self.m[H_ARCH + A_PAGE_SHIFT] = 0  # one byte a page keeps the numbers readable
        self.m[H_RULES + R_STACK_GUARD_GAP] = GUARD_PAGES
        self.mm = kalloc(self.m, MM_WORDS)
        self.rows: list[tuple[int, int, bool]] = []
        self.peak = 0

    def insert(self, start: int, end: int, grows: bool = False) -> None:
        vma = kalloc(self.m, V_WORDS)
        self.m[vma + V_START], self.m[vma + V_END] = start, end
        self.m[vma + V_FLAGS] = VM_GROWSDOWN if grows else 0
        assert vs.insert_vma(self.m, self.mm, vma) == 0
        self.rows = sorted([*self.rows, (start, end, grows)])
        self.peak = max(self.peak, len(self.rows))

    def free(self, start: int, end: int) -> bool:
        return all(end <= s or e <= start for s, e, _ in self.rows)

    def at(self, number: int) -> int:
        return vs.find_vma(self.m, self.mm, self.rows[number][0])

    def remove(self, number: int) -> None:
        vma = self.at(number)
        after = vs.remove_vma(self.m, self.mm, vma)
        kfree(self.m, vma, V_WORDS)
        del self.rows[number]
        expected = self.at(number) if number < len(self.rows) else 0
        assert after == expected

    def move(self, number: int, start: int, end: int) -> None:
        vs.set_bounds(self.m, self.mm, self.at(number), start, end)
        self.rows[number] = (start, end, self.rows[number][2])

    def walk(self) -> list[int]:
        out = []
        vma = self.m[self.mm + MM_FIRST]
        while vma:
            out.append(vma)
            vma = self.m[vma + V_NEXT]
        return out

    def twin_find(self, addr: int) -> tuple[int, int] | None:
        return next(((s, e) for s, e, _ in self.rows if e > addr), None)

    def gaps(self, low: int, high: int) -> list[tuple[int, int]]:
        """Usable free ranges inside [low, high), from below."""
        out = []
        bottom = 0
        for s, e, grows in self.rows:
            out.append((bottom, max(0, s - GUARD_PAGES) if grows else s))
            bottom = e
        out.append((bottom, high))
        return [(max(b, low), min(t, high)) for b, t in out]

    def twin_highest(self, low: int, high: int, length: int) -> int:
        fits = [t - length for b, t in self.gaps(low, high) if t - b >= length]
        return fits[-1] if fits else -1

    def twin_lowest(self, low: int, high: int, length: int) -> int:
        fits = [b for b, t in self.gaps(low, high) if t - b >= length]
        return fits[0] if fits else -1

    def check(self) -> None:
        """Every invariant of the structure, and equality with the twin."""
        m = self.m
        vmas = self.walk()
        assert [(m[v + V_START], m[v + V_END]) for v in vmas] == [r[:2] for r in self.rows]
        assert m[self.mm + MM_COUNT] == len(self.rows)
        assert m[self.mm + MM_PEAK] == self.peak
        assert [m[v + V_PREV] for v in vmas] == [0, *vmas][: len(vmas)]
        assert vs.last_vma(m, self.mm) == (vmas[-1] if vmas else 0)
        root = m[self.mm + MM_SET]
        if not vmas:
            assert root == 0
            return
        assert m[root + tree.N_HOME] == 0
        seen: list[int] = []
        self._check_node(root, seen)
        assert seen == vmas

    def _check_node(self, node: int, seen: list[int]) -> tuple[int, int]:
        """Check a subtree; its first key and the true greatest gap in it."""
        m = self.m
        count = m[node + tree.N_COUNT]
        assert 0 < count <= tree.FAN
        slots = [tree.slot_at(m, node, place) for place in range(tree.FAN)]
        assert sorted(slots) == list(range(tree.FAN))
        assert all(m[node + tree.N_KEYS + slot] == NO_KEY for slot in slots[count:])
        assert not any(m[node + tree.N_GAPS + slot] for slot in slots[count:])
        greatest = 0
        for slot in slots[:count]:
            key, ref, gap = (m[node + part + slot] for part in (tree.N_KEYS, tree.N_REFS, tree.N_GAPS))
            if m[node + tree.N_LEVEL] == 0:
                before = m[ref + V_PREV]
                assert m[ref + V_HOME] == tree.home_in(node, slot)
                assert key == m[ref + V_START]
                assert gap == key - (m[before + V_END] if before else 0)
                seen.append(ref)
                greatest = max(greatest, gap)
            else:
                assert m[ref + tree.N_HOME] == tree.home_in(node, slot)
                first, true = self._check_node(ref, seen)
                assert first == key
                assert gap == m[ref + tree.N_BOUND] >= true
                greatest = max(greatest, true)
        return tree.first_key(m, node), greatest


def apply(space: Space, code: int, a: int, b: int) -> None:
    """One operation chosen by three numbers; those that make no sense do nothing."""
    rows = space.rows
    kind = code % 8
    if kind < 4 or not rows:
        start, end = a, a + 1 + b % 9
        if space.free(start, end):
            space.insert(start, end, code % 16 == 3)
        return
    number = a % len(rows)
    start, end, _ = rows[number]
    if kind < 6:
        space.remove(number)
    elif kind == 6:
        floor = rows[number - 1][1] if number else 0
        space.move(number, floor + b % (end - floor), end)
    else:
        ceiling = rows[number + 1][0] if number + 1 < len(rows) else end + 50
        space.move(number, start, start + 1 + b % (ceiling - start))


OPERATIONS = st.lists(
    st.tuples(st.integers(0, 15), st.integers(0, 4000), st.integers(0, 200)), min_size=1, max_size=80
)


@settings(max_examples=60)
@given(OPERATIONS, st.integers(0, 4100), st.integers(0, 4100), st.integers(1, 300))
def test_narrow_nodes_answer_as_a_sorted_list(
    operations: list[tuple[int, int, int]], x: int, y: int, length: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "FAN", 4)  # a few areas make a deep tree
        space = Space()
        for code, a, b in operations:
            apply(space, code, a, b)
            space.check()
        low, high = sorted((x, y))
        for addr in (x, y, 0, 10_000):
            found = vs.find_vma(space.m, space.mm, addr)
            pair = (space.m[found + V_START], space.m[found + V_END]) if found else None
            assert pair == space.twin_find(addr)
            exact = vs.find_exact(space.m, space.mm, addr)
            assert (exact != 0) == any(s <= addr < e for s, e, _ in space.rows)
            i = bisect_right([r[0] for r in space.rows], addr - 1) - 1
            before = vs.find_before(space.m, space.mm, addr)
            assert before == (space.at(i) if i >= 0 else 0)
        for size in (1, 2, length):
            assert highest_gap(space.m, space.mm, low, high, size) == space.twin_highest(low, high, size)
            assert lowest_gap(space.m, space.mm, low, high, size) == space.twin_lowest(low, high, size)
        space.check()


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 15), st.integers(0, 400), st.integers(0, 200)), min_size=1, max_size=80)
)
def test_what_was_seen_ahead_never_changes_what_is_found(operations: list[tuple[int, int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "FAN", 4)
        space = Space()
        for code, a, b in operations:
            vs.look_ahead(space.m, space.mm, a, b)
            apply(space, code, a, b)
            for addr in (a, a + b % 5, b):  # the place that was seen, near it, elsewhere
                found = vs.find_vma(space.m, space.mm, addr)
                pair = (space.m[found + V_START], space.m[found + V_END]) if found else None
                assert pair == space.twin_find(addr)


@settings(max_examples=20)
@given(st.integers(0, 1 << 32))
def test_searches_stay_exact_while_bounds_are_lowered(seed: int) -> None:
    rng = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "FAN", 5)
        space = Space()
        for _ in range(300):
            length = rng.choice((1, 2, 3, 8, 30))
            low, high = rng.choice(((0, 3000), (500, 2500), (1000, 1100)))
            top = rng.random() < 0.5
            found = (highest_gap if top else lowest_gap)(space.m, space.mm, low, high, length)
            assert found == (space.twin_highest if top else space.twin_lowest)(low, high, length)
            if found >= 0:
                space.insert(found, found + length)
            if space.rows and rng.random() < 0.45:
                space.remove(rng.randrange(len(space.rows)))
        space.check()


@pytest.mark.parametrize("seed", range(3))
def test_nodes_of_full_width_keep_their_slots_in_order(seed: int) -> None:
    rng = random.Random(seed)
    space = Space()
    for round_ in range(300):
        start = 2 * rng.randrange(200)
        if space.free(start, start + 1):
            space.insert(start, start + 1)
        elif len(space.rows) > 40:
            space.remove(bisect_right([row[0] for row in space.rows], start) - 1)
        if round_ % 10 == 0:
            space.check()
    for number in (0, len(space.rows) // 2, -1):
        start, end, _ = space.rows[number]
        assert vs.find_before(space.m, space.mm, end) == space.at(number)
        assert vs.find_vma(space.m, space.mm, start) == space.at(number)
    assert vs.find_before(space.m, space.mm, space.rows[0][0]) == 0
    assert vs.find_vma(space.m, space.mm, NO_KEY) == 0
    assert vs.find_before(space.m, space.mm, NO_KEY) == space.at(-1)
    space.check()


@pytest.mark.parametrize("step", [1, -1])
def test_runs_in_one_direction_keep_the_tree_right(step: int) -> None:
    space = Space()
    for i in range(400)[::step]:
        space.insert(2 * i, 2 * i + 1)
    space.check()
    for _ in range(390):
        space.remove(len(space.rows) // 2)
    space.check()
    while space.rows:
        space.remove(0)
    space.check()


def test_the_guard_gap_below_a_growing_area_is_left_free() -> None:
    space = Space()
    space.insert(10, 20)
    space.insert(30, 40, grows=True)
    assert highest_gap(space.m, space.mm, 0, 40, 1) == 30 - GUARD_PAGES - 1
    assert highest_gap(space.m, space.mm, 0, 40, 8) == 2
    assert lowest_gap(space.m, space.mm, 10, 50, 8) == 40


def test_a_gap_that_the_guard_gap_spoils_lowers_the_limit_for_the_rest() -> None:
    # observed on 6.18: the space then ends where the guard gap begins, not at the top of the next gap below
    space = Space()
    space.insert(20, 21)
    space.insert(22, 24, grows=True)
    assert highest_gap(space.m, space.mm, 0, 24, 1) == 22 - GUARD_PAGES - 1


def test_a_full_arena_is_reported() -> None:
    space = Space()
    vma = kalloc(space.m, V_WORDS)
    space.m[vma + V_END] = 1
    space.m[H_LIMIT] = space.m[H_TOP]
    assert vs.insert_vma(space.m, space.mm, vma) == -1
