"""All borders of an address space at once: pairs of neighbours are of few kinds, and one of each is asked about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..lateclasses import dataclass
from ..result.areacolumns import AreaColumns, Bools, Ints, kinds_of, one_word, packed
from ..result.result import VmaRow
from .neighbours import Neighbours


@dataclass(frozen=True)
class Pairs:
    """Pairs of areas by kind: `lower[i]` and `upper[i]`.

    Pairs of one kind get the same answers from Neighbours, whatever is asked: whether they touch, their flags, and of
    everything else whether it is there and whether it is equal decide them. `first`: one pair of each kind, in the
    order in which kinds appear; `kind`: of every pair; `count`: pairs of each.
    """

    asked: Neighbours
    lower: AreaColumns
    upper: AreaColumns
    first: Ints
    kind: Ints
    count: Ints

    def examples(self) -> list[tuple[VmaRow, VmaRow, int]]:
        """One pair of each kind, and how many of the kind there are."""
        return [
            (self.lower.row(at), self.upper.row(at), count)
            for at, count in zip(self.first.tolist(), self.count.tolist(), strict=True)
        ]

    def where(self, asks: Callable[[VmaRow, VmaRow], bool]) -> Bools:
        """Of which pairs `asks` is true, a question to Neighbours about the lower and the upper area."""
        answers = [asks(lower, upper) for lower, upper, _ in self.examples()]
        return np.array(answers, dtype=np.bool_)[self.kind]

    def number(self, asks: Callable[[VmaRow, VmaRow], bool]) -> int:
        """Of how many pairs it is true."""
        return sum(count for lower, upper, count in self.examples() if asks(lower, upper))


def neighbours_of(areas: AreaColumns, asked: Neighbours) -> Pairs:
    """Each of `areas`, which are sorted by address, with the next one."""
    return pairs_of(areas.part(slice(None, -1)), areas.part(slice(1, None)), asked)


def pairs_of(lower: AreaColumns, upper: AreaColumns, asked: Neighbours) -> Pairs:
    """Pairs of areas that stand in the same place of both."""
    pages = (lower.end - lower.start) >> asked.shift
    code = packed(
        lower.end == upper.start,
        lower.flags,
        upper.flags,
        *(low == high for low, high in zip(lower.attributes, upper.attributes, strict=True)),
        _one_file(lower, upper),
        pgoff_of(lower, asked) + pages == pgoff_of(upper, asked),
        lower.anon_vma != 0,
        upper.anon_vma != 0,
        lower.anon_vma == upper.anon_vma,
        lower.fork_child,
        upper.fork_child,
    )
    first, kind = kinds_of(code)
    return Pairs(asked, lower, upper, first, kind, np.bincount(kind, minlength=len(first)).astype(np.int64))


def pgoff_of(areas: AreaColumns, asked: Neighbours) -> Ints:
    """Neighbours.pgoff of every area."""
    shift = np.uint64(asked.shift)
    of_file = (areas.offset >> shift).astype(np.int64)
    backed = (areas.inode != 0) | (areas.file.where(bool))
    return np.where(areas.pgoff >= 0, areas.pgoff, np.where(backed, of_file, areas.start >> asked.shift))


def _one_file(lower: AreaColumns, upper: AreaColumns) -> Bools:
    """Whether both map the same open file, or both none (Neighbours)."""
    named = (lower.has_file == upper.has_file) & one_word(lower.file, upper.file)
    told = (lower.opened != 0) | (upper.opened != 0)
    one: Bools = np.where(told, lower.opened == upper.opened, (lower.inode == upper.inode) & named)
    return one
