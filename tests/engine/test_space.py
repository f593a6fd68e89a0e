"""Where mappings go without MAP_FIXED: gaps, guard gaps, huge alignment, MAP_32BIT (linux-6.x 1.3 to 1.5)."""

from __future__ import annotations

import pytest

from remaptrace.engine.state import G_FOLLOW, G_HAS_RET, G_REC_RET, MM_BASE, MM_FAC, MM_LEGACY

from .simulated import ANON, FIXED, GROWSDOWN, PAGE, PRIVATE, RW, SHARED, TASK_SIZE, B, Process, R

TOP = 0x7FFF_F7FF_F000
HUGE = 2 << 20
FREE = PRIVATE | ANON
MAP_32BIT = 0x40


@pytest.fixture
def p() -> Process:
    return Process()


def place(p: Process, pages: int, flags: int = FREE, hint: int = 0, fd: int = -1, offset: int = 0) -> int:
    got = p.mmap_at(hint, pages * PAGE, R, flags, fd, offset)
    assert isinstance(got, int), got
    return got


def test_the_top_of_the_highest_gap_that_fits(p: Process) -> None:
    first, second, third = place(p, 1), place(p, 4), place(p, 1)
    assert (TOP - first, first - second, second - third) == (PAGE, 4 * PAGE, PAGE)
    p.munmap_at(second, 4 * PAGE)
    assert place(p, 5) == third - 5 * PAGE
    assert place(p, 1) == first - PAGE
    assert place(p, 3) == second


def test_the_guard_gap_below_a_growing_area_stays_free(p: Process) -> None:
    stack = place(p, 1, FREE | GROWSDOWN)
    below = place(p, 1, FREE | GROWSDOWN)
    assert stack - below == 257 * PAGE


def test_multiples_of_a_huge_page_are_aligned(p: Process) -> None:
    assert place(p, 512) % HUGE == 0
    assert place(p, 513) % HUGE != 0
    assert place(p, 600) % HUGE != 0
    assert place(p, 512, SHARED | ANON) % HUGE != 0


def test_a_gap_that_only_just_fits_a_huge_page_is_passed_over(p: Process) -> None:
    place(p, 1)
    hole = place(p, 512 + 100)
    below = place(p, 1)
    p.munmap_at(hole, (512 + 100) * PAGE)
    assert place(p, 512) < below


def test_a_disk_file_is_congruent_to_its_offset(p: Process) -> None:
    f = p.memfd(2000, disk=True)
    assert place(p, 600, PRIVATE, fd=f) % HUGE == 0
    assert place(p, 1100, PRIVATE, fd=f, offset=3 * PAGE) % HUGE == 3 * PAGE
    assert place(p, 512, PRIVATE, fd=f, offset=PAGE) % HUGE != PAGE


def test_hints_outside_user_space_are_ignored(p: Process) -> None:
    for hint in (1 << 47, -PAGE, TASK_SIZE - PAGE + 0, 100):
        got = place(p, 2, hint=hint)
        assert got < TOP


def test_a_low_hint_is_raised(p: Process) -> None:
    assert place(p, 1, hint=0x2000) == 0x10000
    assert place(p, 1, hint=0x10000) < TOP


def test_low_addresses_need_a_capability(p: Process) -> None:
    assert p.mmap_at(0, PAGE, RW, FREE | FIXED) == 0
    p.munmap_at(0, PAGE)
    p.drop_caps()
    assert p.mmap_at(0, PAGE, RW, FREE | FIXED) == "EPERM"
    assert p.mmap_at(0x1000, PAGE, RW, FREE | FIXED) == 0x1000


def test_map_32bit_goes_bottom_up_between_one_and_two_gib(p: Process) -> None:
    assert place(p, 1, FREE | MAP_32BIT) == 0x4000_0000
    assert place(p, 1, FREE | MAP_32BIT) == 0x4000_1000
    assert place(p, 1, FREE | MAP_32BIT, hint=0x5000_0000) == 0x5000_0000
    assert place(p, 1, FREE | MAP_32BIT, hint=B) == 0x4000_2000
    assert p.mmap_at(0, 1 << 31, R, FREE | MAP_32BIT) == "ENOMEM"


def test_above_a_full_lower_part_the_search_turns_bottom_up(p: Process) -> None:
    assert p.mmap_at(0x10000, TOP - 0x10000, 0, FREE | FIXED) == 0x10000
    assert place(p, 1) == TOP


def test_lengths_beyond_everything(p: Process) -> None:
    assert p.mmap_at(0, TASK_SIZE + PAGE, R, FREE) == "ENOMEM"
    assert p.mmap_at(0, -1, R, FREE) == "ENOMEM"
    assert p.mmap_at(0, 0, R, FREE) == "EINVAL"


def test_the_legacy_layout_goes_up(p: Process) -> None:
    p.m[p.mm + MM_LEGACY], p.m[p.mm + MM_BASE] = 1, 0x2AAA_AAAA_B000
    assert place(p, 1) == 0x2AAA_AAAA_B000
    assert place(p, 1) == 0x2AAA_AAAA_C000


def test_a_recorded_place_is_followed(p: Process) -> None:
    p.m[G_FOLLOW], p.m[G_HAS_RET], p.m[G_REC_RET] = 1, 1, B
    assert place(p, 1) == B
    p.m[G_REC_RET] = -12
    assert place(p, 1) == TOP - PAGE


def test_2_6_does_not_reuse_a_hole_below_nothing() -> None:
    p = Process("linux-2.6.20", "i386")
    p.m[p.mm + MM_LEGACY] = 1
    p.m[p.mm + MM_BASE] = p.m[p.mm + MM_FAC] = 0x4000_0000
    p.mmap_at(0x0804_8000, PAGE, RW, FREE | FIXED)
    assert [place(p, 1), place(p, 1)] == [0x4000_0000, 0x4000_1000]
    p.munmap_at(0x4000_0000, PAGE)
    assert place(p, 1) == 0x4000_2000
    p.munmap_at(0x4000_1000, 2 * PAGE)
    assert place(p, 1) == 0x4000_3000


def test_2_6_reuses_a_hole_behind_an_area() -> None:
    p = Process("linux-2.6.20", "i386")
    p.m[p.mm + MM_LEGACY] = 1
    p.m[p.mm + MM_BASE] = p.m[p.mm + MM_FAC] = 0x4000_0000
    got = [place(p, 1) for _ in range(3)]
    p.munmap_at(got[1], PAGE)
    assert place(p, 1) == got[1]
