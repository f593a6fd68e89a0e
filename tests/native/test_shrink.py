"""Shrinking keeps the failure, drops what is not needed and renumbers references."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from remaptrace.native.hunting.shrink import keep, shrink


def test_removing_a_step_renumbers_the_references_behind_it() -> None:
    steps = [{"dump": {}}, {"mmap": {"addr": 0}}, {"munmap": {"addr": "@1+0x1000", "length": 4096}}]
    assert keep(steps, [1, 2]) == [steps[1], {"munmap": {"addr": "@0+0x1000", "length": 4096}}]


def test_a_step_goes_with_the_step_that_it_names() -> None:
    steps = [{"mmap": {"addr": 0}}, {"read": "@0"}, {"dump": {}}]
    assert keep(steps, [1, 2]) == [{"dump": {}}]


def test_a_step_goes_with_the_step_that_makes_its_file() -> None:
    steps = [
        {"memfd": {"id": "a", "pages": 1}},
        {"dup": {"fd": "a", "new_fd": "c"}},
        {"ftruncate": {"fd": "c", "size": 0}},
    ]
    assert keep(steps, [0, 1, 2]) == steps
    assert keep(steps, [1, 2]) == []


@given(st.sets(st.integers(0, 39), min_size=1, max_size=5))
def test_exactly_the_needed_steps_remain(needed: set[int]) -> None:
    steps = [{"read": 4096 * n} for n in range(40)]
    wanted = [{"read": 4096 * n} for n in sorted(needed)]

    def fails(candidate: list[dict[str, int]]) -> bool:
        return all(step in candidate for step in wanted)

    assert shrink(steps, fails) == wanted
