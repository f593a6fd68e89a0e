"""vm.max_map_count to the exact area (linux-6.x 2.3), with a limit of 40 in place of 65530."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from remaptrace.engine.state import H_RULES
from remaptrace.machine.limitrules import R_MAX_MAP_COUNT

from .simulated import DONTUNMAP, FIXED, MAYMOVE, PRIVATE, REMAP_FIXED, RW, SHARED, Answer, Process, R

N = 40
MOVE = MAYMOVE | REMAP_FIXED
DONTFORK, INSTALL = 10, 102


def crowded(count: int, **rules: object) -> Process:
    """A process with `count` areas: one of 9 pages, [0,9), one of a shared file, the rest small."""
    p = Process(max_map_count=1000, **rules)
    p.map(0, 9)
    p.map(10, 19, flags=SHARED, fd=p.memfd(16))
    for i in range(count - 2):
        p.map(1000 + 2 * i, 1001 + 2 * i, R)
    assert p.count() == count
    p.m[H_RULES + R_MAX_MAP_COUNT] = N
    return p


def moved(place: Answer) -> Answer:
    """0 if a call returned an address."""
    return 0 if isinstance(place, int) else place


Call = Callable[[Process], Answer | bool]

# name, the call, the lowest count at which it fails, the count it leaves if it worked one below
BOUNDARIES: list[tuple[str, Call, int, int]] = [
    ("mmap of a free page", lambda p: p.map(50, 51), N + 1, N + 1),
    ("mmap that would only join", lambda p: p.map(9, 10), N + 1, N),
    ("mmap into the middle", lambda p: p.map(4, 5, R), N, N + 1),
    ("mmap over the head", lambda p: p.map(0, 1, R), N + 1, N + 1),
    ("mmap over the tail", lambda p: p.map(8, 9, R), N + 1, N + 1),
    ("remap_file_pages in the middle", lambda p: p.rfp(14, 1, 9), N, N + 1),
    ("remap_file_pages at the head", lambda p: p.rfp(10, 1, 9), N + 1, N + 1),
    ("brk", lambda p: p.brk(1) or "ENOMEM", N + 1, N + 1),
    ("munmap of the middle", lambda p: p.munmap(4, 5), N, N),
    ("mprotect of the head", lambda p: p.mprotect(0, 1, R), N, N),
    ("mlock of the tail", lambda p: p.mlock(8, 9), N, N),
    ("mseal of the head", lambda p: p.mseal(0, 1), N, N),
    ("mprotect of the middle", lambda p: p.mprotect(4, 5, R), N - 1, N),
    ("mremap that leaves a tail behind", lambda p: p.mremap(1, 3, 1), N, N),
    ("mremap that must move", lambda p: moved(p.mremap(0, 9, 2000, MAYMOVE)), N - 3, N - 4),
    ("mremap to a fixed address", lambda p: moved(p.mremap(0, 9, 9, MOVE, 500)), N - 5, N - 6),
    ("mremap with DONTUNMAP", lambda p: moved(p.mremap(0, 9, 9, MAYMOVE | DONTUNMAP, 500)), N - 5, N - 5),
]


@pytest.mark.parametrize(
    ("call", "fails_at", "leaves"), [b[1:] for b in BOUNDARIES], ids=[b[0] for b in BOUNDARIES]
)
def test_the_limit_is_met_at_exactly_this_count(call: Call, fails_at: int, leaves: int) -> None:
    below = crowded(fails_at - 1)
    assert call(below) in (0, True)
    assert below.count() == leaves
    assert call(crowded(fails_at)) == "ENOMEM"


def test_a_middle_change_makes_its_first_split_and_fails() -> None:
    p = crowded(N - 1)
    assert p.mprotect(4, 5, R) == "ENOMEM"
    assert p.count() == N
    assert p.areas()[:2] == [(0, 4), (4, 9)]
    assert p.perms(4) == "rw-p"


def test_madvise_reports_the_limit_as_eagain() -> None:
    assert crowded(N).madvise(0, 1, DONTFORK) == "EAGAIN"


def test_a_refused_middle_mmap_changes_nothing() -> None:
    p = crowded(N)
    assert p.map(4, 5, R) == "ENOMEM"
    assert (p.count(), p.areas()[0]) == (N, (0, 9))


@pytest.mark.parametrize("edge", [(0, 1), (8, 9), (0, 9), (8, 11)])
def test_munmap_of_edges_always_works(edge: tuple[int, int]) -> None:
    assert crowded(N + 1).munmap(*edge) == 0


def test_growth_in_place_and_shrinking_at_the_end_always_work() -> None:
    p = crowded(N + 1)
    assert p.mremap(10, 9, 12) == 10
    assert p.mremap(10, 12, 5) == 10


def test_guards_and_forks_need_no_room() -> None:
    p = crowded(N + 1)
    assert p.madvise(4, 5, INSTALL) == 0
    assert p.fork().count() == N + 1


def test_a_whole_area_changes_without_room() -> None:
    p = crowded(N + 1)
    assert p.mprotect(0, 9, R) == 0
    assert p.mlock(0, 9) == 0


def test_2_6_needs_room_to_trim_an_edge() -> None:
    p = crowded(N, trim_needs_no_map_count=False)
    assert p.munmap(0, 1) == "ENOMEM"
    assert p.munmap(0, 9) == 0


def test_a_split_of_2_6_stays_when_the_second_fails() -> None:
    p = crowded(N - 1, trim_needs_no_map_count=False)
    assert p.munmap(4, 5) == "ENOMEM"
    assert p.areas()[:2] == [(0, 4), (4, 9)]


def test_mmap_of_a_free_page_is_refused_before_its_flags_are_looked_at() -> None:
    assert crowded(N + 1).mmap_at(0, 4096, RW, PRIVATE | FIXED | 0x20 | 8) == "ENOMEM"
