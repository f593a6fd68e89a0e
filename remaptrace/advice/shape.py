"""What the areas of one moment show by themselves: borders, holes, guards. No calls are needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..abi.vmflags import VM_ACCESS, VM_SHARED
from ..lateclasses import dataclass, replace
from ..result.areacolumns import AreaColumns, Bools, Ints, columns_of, one_word
from ..result.result import VmaRow
from .neighbours import Neighbours, in_words
from .pairs import Pairs, neighbours_of, pairs_of
from .whatif import could_be_one

SIZES = (
    (4096, "1 page"),
    (64 << 10, "to 64 KiB"),
    (1 << 20, "to 1 MiB"),
    (64 << 20, "to 64 MiB"),
    (1 << 62, "larger"),
)
GUARD_LIMIT = 1 << 20
"""Bytes up to which memory without access counts as a guard that a guard region could replace."""


@dataclass(frozen=True)
class Shape:
    """Borders, holes and guards of one address space. Sizes in bytes.

    `apart`: touching neighbours by all that differs between them; `borders`: for each attribute the borders
    across which it differs, and those where nothing else does. `holes`: class of size, how many holes of it
    lie between areas that could be one but for the hole, and their bytes. `guards`: inaccessible areas that
    guard regions (MADV_GUARD_INSTALL, Linux 6.13) could replace; `left_with_guards`: areas left then.
    """

    apart: dict[str, int]
    borders: dict[str, tuple[int, int]]
    holes: tuple[tuple[str, int, int], ...]
    guards: int
    left_with_guards: int


def shape_of(vmas: Sequence[VmaRow], asked: Neighbours) -> Shape:
    """The shape of `vmas`, sorted by address."""
    areas = columns_of(vmas)
    pairs = neighbours_of(areas, asked)
    apart: Counter[str] = Counter()
    every: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    for lower, upper, count in pairs.examples():
        if lower.end != upper.start:
            continue
        found = asked.differences(lower, upper)
        apart[in_words(found)] += count
        for name in found:
            every[name] += count
        if len(found) == 1:
            alone[found[0]] += count
    guards, left = _with_guards(areas, asked)
    return Shape(
        dict(apart.most_common()),
        {name: (count, alone[name]) for name, count in every.most_common()},
        _holes(pairs),
        guards,
        left,
    )


def _holes(pairs: Pairs) -> tuple[tuple[str, int, int], ...]:
    """Holes between areas that could be one but for the hole, by class of size: how many, and their bytes."""
    lower, upper = pairs.lower, pairs.upper
    size = upper.start - lower.end
    there = (size != 0) & (lower.flags & VM_ACCESS != 0) & (lower.inode == 0) & _equal_but_for_place(pairs)
    classes = np.searchsorted([limit for limit, _ in SIZES], size[there])
    return tuple(
        (name, int((classes == at).sum()), int(size[there][classes == at].sum()))
        for at, (_, name) in enumerate(SIZES)
        if (classes == at).any()
    )


def _equal_but_for_place(pairs: Pairs) -> Bools:
    """Of which pairs both could be one area, lay the upper where the lower ends and were both touched as one."""
    lower, upper = pairs.lower, pairs.upper
    unknown = np.full(len(lower), -1, dtype=np.int64)
    moved = replace(
        upper,
        start=lower.end,
        end=lower.end + upper.end - upper.start,
        pgoff=unknown,
        anon_vma=lower.anon_vma,
        fork_child=lower.fork_child,
    )
    alike = (lower.flags == upper.flags) & one_word(lower.name, upper.name)
    together = pairs_of(replace(lower, pgoff=unknown), moved, pairs.asked)
    joined = together.where(lambda low, high: not pairs.asked.differences(low, high))
    equal: Bools = alike & joined
    return equal


def _with_guards(areas: AreaColumns, asked: Neighbours) -> tuple[int, int]:
    """How many areas are guards, and how many areas were left if these were markers in what they stand by."""
    if not len(areas):
        return 0, 0
    private = (areas.inode == 0) & (areas.flags & VM_SHARED == 0) & ~areas.has_file
    shown = areas.perms.where(lambda word: "?" not in word)
    small = areas.end - areas.start <= GUARD_LIMIT
    guard = private & shown & small & (areas.flags & VM_ACCESS == 0)
    owner = _owners(areas, private)
    guard &= owner >= 0
    now = np.where(guard, owner, np.arange(len(areas)))
    marked = replace(
        areas, flags=areas.flags[now], anon_vma=areas.anon_vma[now], fork_child=areas.fork_child[now]
    )
    joined = neighbours_of(marked, asked).number(could_be_one(asked))
    return int(guard.sum()), len(areas) - joined


def _owners(areas: AreaColumns, private: Bools) -> Ints:
    """Of each area the accessible anonymous one that it stands by: the one above, else the one below, -1: none."""
    fit = private & (areas.flags & VM_ACCESS != 0) & ~areas.name.where(lambda word: word.startswith("[stack"))
    touches = areas.end[:-1] == areas.start[1:]
    number = np.arange(len(areas))
    owner = np.full(len(areas), -1)
    owner[1:] = np.where(touches & fit[:-1], number[:-1], -1)
    owner[:-1] = np.where(touches & fit[1:], number[1:], owner[:-1])
    return owner
