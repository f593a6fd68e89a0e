"""The list of areas against a slow twin: a dictionary of pages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from remaptrace.rewrite.areas import Area, Areas
from remaptrace.rewrite.borders import borders

P = 4096
ranges = st.tuples(st.integers(0, 20), st.integers(1, 8)).map(lambda r: (r[0] * P, (r[0] + r[1]) * P))
actions = st.lists(st.tuples(st.sampled_from(["insert", "remove", "cut"]), ranges), max_size=25)


def check(areas: Areas, pages: dict[int, tuple[int, int]]) -> None:
    """Sorted, disjoint, and page for page what the twin says."""
    assert areas.starts == [a.start for a in areas]
    assert all(a.start < a.end for a in areas)
    assert all(a.end <= b.start for a, b in zip(areas.list, areas.list[1:], strict=False))
    shown = {addr: (a.prot, a.offset + addr - a.start) for a in areas for addr in range(a.start, a.end, P)}
    assert shown == pages


@given(actions)
def test_areas_hold_what_was_put_last(steps: list[tuple[str, tuple[int, int]]]) -> None:
    areas = Areas()
    pages: dict[int, tuple[int, int]] = {}
    for number, (what, (start, end)) in enumerate(steps):
        inside = {addr: pages[addr] for addr in range(start, end, P) if addr in pages}
        if what == "insert":
            gone = areas.insert(Area(start, end, number, offset=number << 20))
            pages |= {addr: (number, (number << 20) + addr - start) for addr in range(start, end, P)}
        elif what == "remove":
            gone = areas.remove(start, end)
            pages = {addr: page for addr, page in pages.items() if addr not in inside}
        else:
            gone = areas.cut(start, end)
        assert {addr for a in gone for addr in range(a.start, a.end, P)} == set(inside)
        check(areas, pages)
        for addr in range(0, 30 * P, P):
            found = areas.at(addr + 5)
            assert (found is not None) == (addr in pages)
        seen = {a.start for a in areas.overlapping(start, end)}
        assert seen == {a.start for a in areas if a.start < end and start < a.end}


@given(st.lists(ranges, max_size=6), ranges)
def test_a_hole_is_found_where_the_first_page_is_missing(
    given_ranges: list[tuple[int, int]], asked: tuple[int, int]
) -> None:
    areas = Areas()
    for start, end in given_ranges:
        areas.insert(Area(start, end, 1))
    first = next((addr for addr in range(*asked, P) if areas.at(addr) is None), asked[1])
    assert areas.covered_from(*asked) == first


def test_a_copy_changes_alone() -> None:
    areas = Areas()
    areas.insert(Area(0, 4 * P, 1))
    child = areas.copy()
    child.cut(P, 2 * P)[0].prot = 7
    assert [a.prot for a in areas] == [1]
    assert [a.prot for a in child] == [1, 7, 1]


def test_borders_are_counted_by_what_differs_across_them() -> None:
    areas = Areas()
    for page, (prot, offset, token) in enumerate(
        [(3, 0, 7), (3, 1, 7), (1, 2, 7), (1, 9, 7), (3, 3, 7), (3, 4, 8), (3, 5, 8)]
    ):
        areas.insert(Area(page * P, (page + 1) * P, prot, flags=1, token=token, offset=offset * P))
    areas.insert(Area(9 * P, 10 * P, 1, flags=1, token=8, offset=0))
    found = borders(areas)
    assert (found.protection, found.offset, found.both, found.total) == (1, 1, 1, 3)
    assert "1 by protection alone, 1 by offset alone, 1 by both" in found.sentence(4)
