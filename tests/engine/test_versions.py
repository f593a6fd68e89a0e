"""What 6.1, 6.12 and 6.18 do differently with areas: the examples of linux-6.x 7.1."""

from __future__ import annotations

import pytest

from .simulated import (
    ANON,
    FIXED,
    MAYMOVE,
    PAGE,
    PRIVATE,
    REMAP_FIXED,
    RW,
    RWX,
    SHARED,
    STACK,
    B,
    Process,
    R,
)

MOVE = MAYMOVE | REMAP_FIXED
POPULATE_WRITE, INSTALL = 23, 102
HUGE = 2 << 20
KERNELS = ("linux-6.1", "linux-6.12", "linux-6.18")


def on_each(*answers: object) -> pytest.MarkDecorator:
    """One run a kernel, with the answer that it gives."""
    return pytest.mark.parametrize(("kernel", "expected"), list(zip(KERNELS, answers, strict=True)))


@on_each(2, 2, 1)
def test_a_written_area_made_equal_to_an_unwritten_neighbour(kernel: str, expected: int) -> None:
    p = Process(kernel)
    p.map(0, 1), p.map(1, 2, RWX)
    p.write(1)
    p.mprotect(1, 2, RW)
    assert len(p.areas()) == expected


@on_each(1, 1, 1)
def test_an_unwritten_area_made_equal_to_a_written_neighbour(kernel: str, expected: int) -> None:
    p = Process(kernel)
    p.map(0, 1), p.map(1, 2, RWX)
    p.write(0)
    p.mprotect(1, 2, RW)
    assert len(p.areas()) == expected


@on_each(True, False, False)
def test_an_untouched_page_made_read_only_stays_accounted(kernel: str, expected: bool) -> None:
    p = Process(kernel)
    p.map(0, 4)
    p.mprotect(2, 3, R)
    assert ("ac" in p.flags(2)) == expected


@on_each(1, 2, 2)
def test_map_stack_beside_plain_memory(kernel: str, expected: int) -> None:
    p = Process(kernel)
    p.map(0, 1, flags=PRIVATE | STACK), p.map(1, 2)
    assert len(p.areas()) == expected


@on_each("a", ".", ".")
def test_populate_behind_a_hole(kernel: str, expected: str) -> None:
    p = Process(kernel)
    p.map(0, 2), p.map(3, 4)
    assert p.madvise(-1, 4, POPULATE_WRITE) == "ENOMEM"
    assert p.pages(0, 4) == f"{expected}{expected}.{expected}"


@on_each("EINVAL", "ENOMEM", "ENOMEM")
def test_populate_of_read_only_memory_behind_a_hole(kernel: str, expected: str) -> None:
    p = Process(kernel)
    p.map(0, 1, R)
    assert p.madvise(-1, 1, POPULATE_WRITE) == expected


@on_each([(0, 2), (3, 8)], [(0, 8)], [(0, 8)])
def test_a_future_write_seal_is_found_before_or_after_the_unmapping(
    kernel: str, expected: list[tuple[int, int]]
) -> None:
    p = Process(kernel)
    f = p.memfd(8)
    assert p.seal(f, 16) == 0
    p.map(0, 8)
    assert p.map(2, 3, RW, SHARED, f) == "EPERM"
    assert p.areas() == expected


@on_each([(0, 8)], [(0, 8)], [(0, 8)])
def test_a_write_seal_is_found_before_the_unmapping(kernel: str, expected: list[tuple[int, int]]) -> None:
    p = Process(kernel)
    f = p.memfd(8)
    assert p.seal(f, 8) == 0
    p.map(0, 8)
    assert p.map(2, 3, RW, SHARED, f) == "EPERM"
    assert p.areas() == expected
    assert p.map(2, 3, R, SHARED, f) == 0
    assert "mw" not in p.flags(2)


@on_each([(0, 1), (9, 10)], [(0, 1), (9, 10)], [(0, 2), (9, 10)])
def test_a_refused_duplicate_has_lost_its_target(kernel: str, expected: list[tuple[int, int]]) -> None:
    p = Process(kernel)
    p.map(0, 2), p.map(9, 10, R)
    assert p.mremap(9, 0, 1, MOVE, 1) == "EINVAL"
    assert p.areas() == expected


@on_each("EFAULT", "EFAULT", 20)
def test_a_move_across_two_areas(kernel: str, expected: object) -> None:
    p = Process(kernel)
    p.map(0, 2), p.map(2, 4, R), p.map(20, 24)
    assert p.mremap(1, 2, 2, MOVE, 20) == expected
    target = [a for a in p.areas() if a[0] >= 20]
    assert target == ([(20, 21), (21, 22), (22, 24)] if expected == 20 else [(22, 24)])


@on_each("EFAULT", "EFAULT", "EINVAL")
def test_an_impossible_length_on_nothing(kernel: str, expected: str) -> None:
    assert Process(kernel).mremap_at(B, PAGE, -PAGE, 0, 0) == expected


@on_each("ENOMEM", "ENOMEM", "EINVAL")
def test_an_impossible_length_on_memory(kernel: str, expected: str) -> None:
    p = Process(kernel)
    p.map(0, 1)
    assert p.mremap_at(B, PAGE, -PAGE, 0, 0) == expected


@on_each(("EINVAL", "EINVAL", "ENOSYS"), ("EINVAL", 0, 0), (0, 0, 0))
def test_calls_that_came_later(kernel: str, expected: tuple[object, ...]) -> None:
    p = Process(kernel)
    p.map(0, 2)
    got = (p.madvise(0, 1, INSTALL), p.map(4, 5, RW, 8), p.mseal(0, 1))
    assert got == expected


@on_each(0, HUGE, HUGE)
def test_two_mebibytes_without_a_hint(kernel: str, expected: int) -> None:
    p = Process(kernel)
    addr = p.mmap_at(0, HUGE, RW, PRIVATE | ANON)
    assert isinstance(addr, int)
    assert (addr % HUGE == 0) == bool(expected)


@on_each(False, False, False)
def test_two_mebibytes_with_a_busy_hint(kernel: str, expected: bool) -> None:
    p = Process(kernel)
    p.map(0, 1)
    addr = p.mmap_at(B, HUGE, RW, PRIVATE | ANON)
    assert isinstance(addr, int)
    assert (addr % HUGE == 0) == expected


@on_each([(0, 1), (1, 3)], [(0, 2), (2, 3)], [(0, 2), (2, 3)])
def test_between_two_areas_that_do_not_match_each_other(kernel: str, expected: list[tuple[int, int]]) -> None:
    p = Process(kernel)
    p.map(0, 1), p.map(2, 3)
    p.write(0, 2)
    p.map(1, 2)
    assert p.areas() == expected


def test_every_kernel_refuses_an_unaligned_fixed_address() -> None:
    for kernel in KERNELS:
        assert Process(kernel).mmap_at(B + 8, PAGE, RW, PRIVATE | ANON | FIXED) == "EINVAL"
