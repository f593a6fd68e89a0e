"""Untouched private memory against a dictionary of pages: areas are its runs of equal protection, always."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.engine.look.invariants import violations

from .simulated import MAYMOVE, REMAP_FIXED, RW, Process, R

PAGES = 24
PROTS = (0, R, RW, 7)
LETTERS = {0: "---p", R: "r--p", RW: "rw-p", 7: "rwxp"}

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["map", "unmap", "protect", "move", "resize", "fork"]),
        st.integers(0, PAGES - 1),
        st.integers(1, 8),
        st.integers(0, PAGES - 1),
        st.sampled_from(PROTS),
    ),
    max_size=25,
)


class Twin:
    """Page number to protection; every call as the manual page describes it, one page at a time."""

    def __init__(self) -> None:
        self.pages: dict[int, int] = {}

    def map(self, start: int, count: int, prot: int) -> None:
        self.pages.update(dict.fromkeys(range(start, start + count), prot))

    def unmap(self, start: int, count: int) -> None:
        for page in range(start, start + count):
            self.pages.pop(page, None)

    def protect(self, start: int, count: int, prot: int) -> None:
        for page in range(start, start + count):
            if page not in self.pages:
                return
            self.pages[page] = prot

    def whole(self, start: int, count: int) -> bool:
        """Whether the range lies in one area."""
        return len({self.pages.get(page, -1) for page in range(start, start + count)} - {-1}) == 1 and all(
            page in self.pages for page in range(start, start + count)
        )

    def move(self, start: int, count: int, to: int) -> None:
        if (to < start + count and start < to + count) or start not in self.pages:
            return
        moved = {
            page - start + to: self.pages[page] for page in range(start, start + count) if page in self.pages
        }
        pages = sorted(moved)
        for first in pages:  # what lies under holes of the source stays
            self.pages.pop(first, None)
        self.unmap(start, count)
        self.pages.update(moved)

    def resize(self, start: int, old: int, new: int) -> None:
        if not self.whole(start, 1):
            return
        if new < old:
            self.unmap(start + new, old - new)
        elif new > old and self.whole(start, old):
            prot = self.pages[start]
            end = start + old
            if all(page not in self.pages for page in range(end, start + new)):
                self.map(end, new - old, prot)

    def areas(self) -> list[tuple[int, int, str]]:
        out = []
        runs = groupby(enumerate(sorted(self.pages)), key=lambda ip: (ip[1] - ip[0], self.pages[ip[1]]))
        for (_, prot), run in runs:
            numbers = [page for _, page in run]
            out.append((numbers[0], numbers[-1] + 1, LETTERS[prot]))
        return out


def areas(p: Process) -> list[tuple[int, int, str]]:
    return [(start, end, p.perms(start)) for start, end in p.areas()]


@settings(max_examples=150)
@given(STEPS)
def test_areas_are_runs_of_equal_protection(steps: list[tuple[str, int, int, int, int]]) -> None:
    p, twin = Process(), Twin()
    for kind, start, count, to, prot in steps:
        if kind == "map":
            p.map(start, start + count, prot)
            twin.map(start, count, prot)
        elif kind == "unmap":
            p.munmap(start, start + count)
            twin.unmap(start, count)
        elif kind == "protect":
            p.mprotect(start, start + count, prot)
            twin.protect(start, count, prot)
        elif kind == "move":
            p.mremap(start, count, count, MAYMOVE | REMAP_FIXED, to)
            twin.move(start, count, to)
        elif kind == "resize":
            p.mremap(start, count, to + 1)
            twin.resize(start, count, to + 1)
        else:
            assert areas(p.fork()) == twin.areas()
        assert areas(p) == twin.areas(), (kind, start, count, to, prot)
        assert p.counters()["total"] == len(twin.pages)
        assert p.counters()["data"] == sum(1 for v in twin.pages.values() if v & 2)
    assert violations(p.m) == []
