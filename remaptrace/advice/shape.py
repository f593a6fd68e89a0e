"""What the areas of one moment show by themselves: borders, holes, guards. No calls are needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from ..abi.vmflags import VM_ACCESS, VM_SHARED
from ..lateclasses import dataclass, replace
from ..result.result import VmaRow
from .neighbours import Neighbours, in_words

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
    apart: Counter[str] = Counter()
    every: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    holes: Counter[str] = Counter()
    hole_bytes: Counter[str] = Counter()
    for lower, upper in pairwise(vmas):
        if lower.end != upper.start:
            size = upper.start - lower.end
            if lower.vm_flags & VM_ACCESS and not lower.inode and _equal_but_for_place(asked, lower, upper):
                label = next(name for limit, name in SIZES if size <= limit)
                holes[label] += 1
                hole_bytes[label] += size
            continue
        found = asked.differences(lower, upper)
        apart[in_words(found)] += 1
        every.update(found)
        if len(found) == 1:
            alone[found[0]] += 1
    guards, left = _with_guards(vmas, asked)
    return Shape(
        dict(apart.most_common()),
        {name: (count, alone[name]) for name, count in every.most_common()},
        tuple((name, holes[name], hole_bytes[name]) for _, name in SIZES if holes[name]),
        guards,
        left,
    )


def _equal_but_for_place(asked: Neighbours, lower: VmaRow, upper: VmaRow) -> bool:
    """True if both could be one area, lay `upper` where `lower` ends and were both touched as one."""
    if lower.vm_flags != upper.vm_flags or lower.name != upper.name:
        return False
    moved = replace(
        upper,
        start=lower.end,
        end=lower.end + upper.end - upper.start,
        pgoff=-1,
        anon_vma=lower.anon_vma,
        fork_child=lower.fork_child,
    )
    return not asked.differences(replace(lower, pgoff=-1), moved)


def _is_guard(vma: VmaRow) -> bool:
    plain = not vma.inode and not vma.vm_flags & (VM_SHARED | VM_ACCESS) and "?" not in vma.perms
    return plain and vma.file is None and vma.end - vma.start <= GUARD_LIMIT


def _with_guards(vmas: Sequence[VmaRow], asked: Neighbours) -> tuple[int, int]:
    """How many areas are guards, and how many areas were left if these were markers in what they stand by."""
    guards, left = 0, len(vmas)
    opened: VmaRow | None = None
    for at, vma in enumerate(vmas):
        now = vma
        if _is_guard(vma):
            owner = _owner(vmas, at)
            if owner is not None:
                guards += 1
                now = replace(
                    vma,
                    vm_flags=owner.vm_flags,
                    perms=owner.perms,
                    anon_vma=owner.anon_vma,
                    fork_child=owner.fork_child,
                )
        if opened is not None and opened.end == now.start and asked.one_area(opened, now):
            left -= 1
        opened = now
    return guards, left


def _owner(vmas: Sequence[VmaRow], at: int) -> VmaRow | None:
    """The accessible anonymous area that a guard stands by: the one above, else the one below."""
    guard = vmas[at]
    for other in (vmas[at + 1 : at + 2], vmas[at - 1 : at] if at else ()):
        for vma in other:
            touches = vma.start == guard.end or vma.end == guard.start
            private = not vma.inode and vma.file is None and not vma.vm_flags & VM_SHARED
            if touches and private and vma.vm_flags & VM_ACCESS and not vma.name.startswith("[stack"):
                return vma
    return None
