"""How many areas would be left if pages of one area could differ: in protection, in file offset, in both.

A thought experiment on the areas at the peak, no replay: it tells what a kernel with protections in PTEs
(MAP_CHGPROT), with offsets in PTEs (non-linear mappings), or with both could save at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..result.areacolumns import columns_of
from ..result.result import VmaRow
from .neighbours import Neighbours
from .pairs import neighbours_of


def remaining(
    vmas: Sequence[VmaRow],
    *,
    protection: bool = False,
    offset: bool = False,
    neighbours: Neighbours | None = None,
) -> int:
    """Areas that are left when neighbours may differ in `protection`, in `offset`, or in both."""
    pairs = neighbours_of(columns_of(vmas), neighbours or Neighbours())
    return len(vmas) - pairs.number(could_be_one(pairs.asked, protection=protection, offset=offset))


def could_be_one(
    asked: Neighbours, *, protection: bool = False, offset: bool = False
) -> Callable[[VmaRow, VmaRow], bool]:
    """Whether two areas touch and could be one, were differences in `protection` or `offset` allowed inside it."""

    def asks(lower: VmaRow, upper: VmaRow) -> bool:
        one = asked.one_area(lower, upper, protection=protection, offset=offset)
        return lower.end == upper.start and one

    return asks
