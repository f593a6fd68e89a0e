"""How many areas would be left if pages of one area could differ: in protection, in file offset, in both.

A thought experiment on the areas at the peak, no replay: it tells what a kernel with protections in PTEs
(MAP_CHGPROT), with offsets in PTEs (non-linear mappings), or with both could save at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..result.result import VmaRow
from .neighbours import Neighbours


def remaining(
    vmas: Sequence[VmaRow],
    *,
    protection: bool = False,
    offset: bool = False,
    neighbours: Neighbours | None = None,
) -> int:
    """Areas that are left when neighbours may differ in `protection`, in `offset`, or in both."""
    asked = neighbours or Neighbours()
    left = len(vmas)
    for lower, upper in pairwise(vmas):
        if lower.end == upper.start:
            left -= asked.one_area(lower, upper, protection=protection, offset=offset)
    return left
