"""What divides the pages of a file that lie side by side: protection, offset, or both.

The question of 2007 in numbers: how many VMAs would protections in PTEs save alone, how many
non-linear offsets alone, and how many only the two together.
"""

from __future__ import annotations

from ..lateclasses import dataclass
from .areas import Areas


@dataclass(frozen=True)
class Borders:
    """Borders between touching shared areas of one file, by what differs across them."""

    protection: int = 0
    offset: int = 0
    both: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.protection + self.offset + self.both

    def sentence(self, event: int) -> str:
        """The finding in words."""
        return (
            f"behind event {event:,}, with most areas, {self.total:,} borders divide touching pages of one file: "
            f"{self.protection:,} by protection alone, {self.offset:,} by offset alone, {self.both:,} by both"
        )


def borders(areas: Areas) -> Borders:
    """Count the borders of one address space; a border that divides nothing (areas alike) is none."""
    protection = offset = both = 0
    for left, right in zip(areas.list, areas.list[1:], strict=False):
        if left.end != right.start or not left.token or left.token != right.token or not left.shared:
            continue
        by_protection = left.prot != right.prot
        by_offset = left.offset + (left.end - left.start) != right.offset
        both += by_protection and by_offset
        protection += by_protection and not by_offset
        offset += by_offset and not by_protection
    return Borders(protection, offset, both)
