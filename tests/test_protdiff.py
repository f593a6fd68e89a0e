"""Protection differences of two snapshots, against a page-by-page twin."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from remaptrace.engine.run.driver import replay
from remaptrace.machine.machine import Machine
from remaptrace.result.diff import compare
from remaptrace.result.protdiff import protection_differences
from remaptrace.result.result import ProtectionRange, Protections, Snapshot, VmaRow
from remaptrace.trace.scenario.read import read_scenario

PAGE = 4096
PERMS = ("rw-s", "r--s", "---s")
OWN = ("---", "r--", "rw-")


@st.composite
def snapshots(draw: st.DrawFn) -> tuple[Snapshot, dict[int, str]]:
    """A snapshot of at most 24 pages, and page number -> effective letters."""
    rows: list[VmaRow] = []
    own: list[ProtectionRange] = []
    effective: dict[int, str] = {}
    page = 0
    while page < 20:
        page += draw(st.integers(0, 3))
        size = draw(st.integers(1, 4))
        perms = draw(st.sampled_from(PERMS))
        rows.append(VmaRow(page * PAGE, (page + size) * PAGE, perms, 0, "/m", 0, ""))
        for p in range(page, page + size):
            letters = draw(st.sampled_from((perms[:3], perms[:3], *OWN)))
            effective[p] = letters
            if letters != perms[:3]:
                own.append(ProtectionRange(p * PAGE, (p + 1) * PAGE, perms, letters, "pte"))
        page += size
    return Snapshot(-1, 0, tuple(rows), protections=Protections({}, tuple(own))), effective


@given(snapshots(), snapshots())
def test_ranges_are_exactly_the_pages_that_differ(
    first: tuple[Snapshot, dict[int, str]], second: tuple[Snapshot, dict[int, str]]
) -> None:
    found = protection_differences(first[0], second[0])
    pages = {p for r in found for p in range(r.start // PAGE, r.end // PAGE)}
    a, b = first[1], second[1]
    assert pages == {p for p in range(40) if a.get(p, "unmapped") != b.get(p, "unmapped")}
    for r in found:
        for p in range(r.start // PAGE, r.end // PAGE):
            assert r.first.effective == a.get(p, "unmapped")
            assert r.second.effective == b.get(p, "unmapped")
    assert all(x.end <= y.start for x, y in pairwise(found))


@given(snapshots())
def test_a_snapshot_does_not_differ_from_itself(one: tuple[Snapshot, dict[int, str]]) -> None:
    assert protection_differences(one[0], one[0]) == ()


def test_neighbours_with_the_same_difference_are_one_range() -> None:
    a = Snapshot(-1, 0, tuple(VmaRow(p * PAGE, (p + 1) * PAGE, "rw-s", 0, "/m", 0, "") for p in range(9)))
    b = Snapshot(-1, 0, (VmaRow(0, 9 * PAGE, "r--s", 0, "/m", 0, ""),))
    (found,) = protection_differences(a, b)
    assert (found.start, found.end) == (0, 9 * PAGE)


def test_a_range_that_differs_at_two_moments_counts_once() -> None:
    steps = (
        "steps:\n- memfd: {id: f, pages: 4, fill: true}\n"
        "- mmap: {addr: 0x10000000, length: 16384, prot: rw, flags: [shared, fixed], fd: f, offset: 0}\n"
        "- remap_file_pages: {addr: 0x10001000, size: 4096, prot: r, pgoff: 1, flags: [chgprot]}\n"
        "- dump: {}\n"
    )
    sides = [
        replay(read_scenario(steps), Machine.load("i386", name), observe_at=[3])
        for name in ("linux-2.6.21-rfp-intended", "linux-2.6.21")
    ]
    trace = sides[0].trace
    found = compare(sides[0], replay(trace, sides[1].machine, observe_at=[3]))
    assert [(r.start, r.end) for r in found.protections] == [(0x10001000, 0x10002000)]
