"""Pages whose effective protection differs between two snapshots of the same process."""

from __future__ import annotations

from collections.abc import Iterator

from ..lateclasses import dataclass
from .result import Snapshot

UNMAPPED = "unmapped"


@dataclass(frozen=True)
class Side:
    """One side of a difference: what allows or refuses access to the pages."""

    vma: str  # permissions of the VMA, "" where none
    effective: str  # letters rwx, or "unmapped"
    reason: str  # "vma", or the reason of a ProtectionRange: "pte", "file pte", "guard"


@dataclass(frozen=True)
class ProtectionDifference:
    """Neighbouring pages, [start, end) in bytes, that two machines protect differently."""

    start: int
    end: int
    first: Side
    second: Side


Part = tuple[int, int, Side]
_NOTHING = Side("", UNMAPPED, "vma")


def protection_differences(first: Snapshot, second: Snapshot) -> tuple[ProtectionDifference, ...]:
    """Ranges whose effective protection differs, by address. Unmapped on both sides is no difference."""
    out: list[ProtectionDifference] = []
    for start, end, a, b in _overlaid(list(_parts(first)), list(_parts(second))):
        if a.effective == b.effective:
            continue
        last = out[-1] if out else None
        if last and last.end == start and (last.first, last.second) == (a, b):
            out[-1] = ProtectionDifference(last.start, end, a, b)
        else:
            out.append(ProtectionDifference(start, end, a, b))
    return tuple(out)


def _parts(snapshot: Snapshot) -> Iterator[Part]:
    """The address space as ranges of one effective protection: VMAs, cut where pages have their own."""
    own = list(snapshot.protections.differing) if snapshot.protections else []
    at = 0
    for row in snapshot.vmas:
        start = row.start
        while at < len(own) and own[at].end <= start:
            at += 1
        k = at
        while k < len(own) and own[k].start < row.end:
            piece = own[k]
            if start < piece.start:
                yield start, piece.start, Side(row.perms, row.perms[:3], "vma")
            yield piece.start, min(piece.end, row.end), Side(row.perms, piece.pte, piece.reason)
            start = piece.end
            k += 1
        if start < row.end:
            yield start, row.end, Side(row.perms, row.perms[:3], "vma")


def _overlaid(first: list[Part], second: list[Part]) -> Iterator[tuple[int, int, Side, Side]]:
    """Both address spaces cut at every boundary of either; holes on both sides are left out."""
    i = j = 0
    at = 0
    while i < len(first) or j < len(second):
        a = first[i] if i < len(first) else None
        b = second[j] if j < len(second) else None
        at = max(at, min(p[0] for p in (a, b) if p))
        in_a, in_b = a is not None and a[0] <= at, b is not None and b[0] <= at
        end = min(
            [p[1] for p, inside in ((a, in_a), (b, in_b)) if p and inside]
            + [p[0] for p, inside in ((a, in_a), (b, in_b)) if p and not inside]
        )
        yield at, end, a[2] if a and in_a else _NOTHING, b[2] if b and in_b else _NOTHING
        at = end
        i += a is not None and a[1] <= at
        j += b is not None and b[1] <= at
