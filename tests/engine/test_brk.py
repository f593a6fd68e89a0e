"""The break: what stops it, what it joins, what it unmaps (linux-6.x 1.6)."""

from __future__ import annotations

import pytest

from remaptrace.abi.mman import RLIM_DATA
from remaptrace.engine.calls.brk import sys_brk
from remaptrace.engine.state import MM_BRK, MM_START_BRK

from .simulated import ANON, FIXED, GROWSDOWN, PAGE, PRIVATE, RW, Process, R

HEAP = 0x5555_5555_5000


@pytest.fixture
def p() -> Process:
    return Process()


def heap(p: Process) -> list[tuple[int, int]]:
    """Areas near the heap, in pages from its start."""
    from remaptrace.engine.look.inspect import vma_rows

    rows = vma_rows(p.m, p.mm, [""])
    return [((r.start - HEAP) // PAGE, (r.end - HEAP) // PAGE) for r in rows if abs(r.start - HEAP) < 1 << 30]


def put(p: Process, start: int, end: int, prot: int = RW, flags: int = PRIVATE) -> None:
    addr = HEAP + start * PAGE
    assert p.mmap_at(addr, (end - start) * PAGE, prot, flags | ANON | FIXED) == addr


def test_a_fresh_break_makes_one_area_and_grows_it(p: Process) -> None:
    assert p.brk(3)
    assert p.brk(5)
    assert heap(p) == [(0, 5)]
    assert p.counters()["data"] == 5


def test_below_its_start_the_break_stays(p: Process) -> None:
    assert not p.brk(-1)
    assert sys_brk(p.m, p.task, 0) == HEAP


def test_within_a_page_only_the_value_moves(p: Process) -> None:
    p.brk(1)
    assert sys_brk(p.m, p.task, HEAP + 100) == HEAP + 100
    assert sys_brk(p.m, p.task, HEAP + PAGE) == HEAP + PAGE
    assert heap(p) == [(0, 1)]


def test_one_page_must_stay_free_above(p: Process) -> None:
    put(p, 10, 11, R)
    assert not p.brk(10)
    assert p.brk(9)


def test_below_a_growing_area_a_guard_gap_must_stay_free(p: Process) -> None:
    put(p, 1000, 1001, flags=PRIVATE | GROWSDOWN)
    assert not p.brk(1000 - 256)
    assert p.brk(1000 - 257)


def test_shrinking_unmaps_whatever_lies_there(p: Process) -> None:
    p.brk(8)
    put(p, 4, 6, R)
    assert p.brk(2)
    assert heap(p) == [(0, 2)]


def test_shrinking_over_nothing_fails(p: Process) -> None:
    p.brk(8)
    p.munmap_at(HEAP, 8 * PAGE)
    assert not p.brk(2)


def test_an_equal_mapping_at_the_break_joins_and_blocks_it(p: Process) -> None:
    p.brk(2)
    put(p, 2, 4)
    assert heap(p) == [(0, 4)]
    assert not p.brk(3)


def test_the_first_break_does_not_join_the_area_below(p: Process) -> None:
    put(p, -2, 0)
    p.brk(1)
    assert heap(p) == [(-2, 0), (0, 1)]


def test_2_6_joins_it() -> None:
    p = Process("linux-2.6.21", "x86_64")
    p.m[p.mm + MM_START_BRK] = p.m[p.mm + MM_BRK] = HEAP
    put(p, -2, 0)
    assert sys_brk(p.m, p.task, HEAP + PAGE) == HEAP + PAGE
    assert heap(p) == [(-2, 1)]


def test_a_child_of_a_written_heap_gets_a_second_area(p: Process) -> None:
    p.brk(1)
    p.touch_at(1, HEAP)
    child = p.fork()
    assert child.brk(2)
    assert heap(child) == [(0, 1), (1, 2)]
    assert p.brk(2)
    assert heap(p) == [(0, 2)]


def test_rlimit_data_stops_the_break(p: Process) -> None:
    p.limit(RLIM_DATA, 4 * PAGE)
    assert p.brk(4)
    assert not p.brk(5)
