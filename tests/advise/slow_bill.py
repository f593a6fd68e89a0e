"""The obvious way to the bill and the shape of an address space: area by area, border by border."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from remaptrace.abi.vmflags import VM_ACCESS, VM_SHARED
from remaptrace.advice.bill import SIZE_CLASSES, Item
from remaptrace.advice.neighbours import Neighbours, in_words
from remaptrace.advice.origins import Origins
from remaptrace.advice.patterns import (
    ALTERNATING,
    DATA,
    GUARD_DATA,
    GUARD_STACK,
    HOLES,
    OTHER,
    STACKS,
    _first_pattern,
)
from remaptrace.advice.shape import GUARD_LIMIT, SIZES, Shape
from remaptrace.result.result import VmaRow


def classify(vmas: Sequence[VmaRow], asked: Neighbours, origins: Origins) -> list[str]:
    """Each area judged for itself, then what lies beside a guard."""
    patterns = [
        _first_pattern(
            asked,
            vma,
            vmas[i - 1] if i else None,
            vmas[i + 1] if i + 1 < len(vmas) else None,
            origins,
        )
        for i, vma in enumerate(vmas)
    ]
    for i, vma in enumerate(vmas):
        if patterns[i] not in (OTHER, ALTERNATING, HOLES):
            continue
        below = i > 0 and vmas[i - 1].end == vma.start and patterns[i - 1]
        above = i + 1 < len(vmas) and vmas[i + 1].start == vma.end and patterns[i + 1]
        if below == GUARD_STACK:
            patterns[i] = STACKS
        elif GUARD_DATA in (below, above):
            patterns[i] = DATA
    return patterns


def file_label(vma: VmaRow) -> str:
    """What it maps."""
    label = vma.name or vma.file or "anonymous"
    return "files of unknown name" if label.startswith("file@") else label


def size_class(vma: VmaRow) -> str:
    """How large it is."""
    size = vma.end - vma.start
    return next((label for limit, label in SIZE_CLASSES if size <= limit), "larger")


def view(vmas: Sequence[VmaRow], labels: Sequence[str], calls: int) -> list[Item]:
    """Areas by label."""
    count: Counter[str] = Counter()
    size: Counter[str] = Counter()
    first: dict[str, int] = {}
    for vma, label in zip(vmas, labels, strict=True):
        count[label] += 1
        size[label] += vma.end - vma.start
        born = vma.born
        first[label] = born if label not in first else min(first[label], born, key=lambda e: (e < 0, e))
    return [
        Item(label, n, size[label], first[label], round(1000 * n / calls, 1) if calls else 0.0)
        for label, n in count.most_common()
    ]


def remaining(vmas: Sequence[VmaRow], asked: Neighbours, protection: bool, offset: bool) -> int:
    """Areas left where neighbours may differ."""
    left = len(vmas)
    for lower, upper in pairwise(vmas):
        if lower.end == upper.start:
            left -= asked.one_area(lower, upper, protection=protection, offset=offset)
    return left


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
