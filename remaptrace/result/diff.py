"""Results of one Trace side by side: where answers, outcomes, counts and protections part.

Compared event by event: how a call ended, the address it chose (kernels that search differently answer
differently without refusing anything), the outcome of an access, the faults taken, the VMA count behind
the event, the byte read; and the effective protection of every page, at the end and wherever both
results were asked for a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..abi import kinds as ev
from ..abi.outcomes import OUT_NONE
from ..display import html_table, one_line
from ..errors import UsageError
from ..lateclasses import dataclass, field, replace
from ..trace.events import COLUMNS, Trace
from .protdiff import ProtectionDifference, protection_differences
from .result import Result, Snapshot

if TYPE_CHECKING:
    from ..blame import Reason

FIELDS = ("results", "addresses", "outcomes", "faults", "counts", "values", "protections")
"""What can be compared; `compare` takes any of them."""

_CHOOSES_ADDRESS = (ev.K_MMAP, ev.K_OLD_MMAP, ev.K_MREMAP, ev.K_SHMAT, ev.K_BRK)

Events = npt.NDArray[np.intp]


@dataclass(frozen=True, repr=False)
class Diff:
    """What differs between two results of one trace.

    `events` has for each field of FIELDS that was compared the numbers of the events that differ, in order
    (none for "protections"); `matrix` maps (outcome left, outcome right) to how often and the first event.
    """

    left: Result
    right: Result
    events: dict[str, Events]
    matrix: dict[tuple[int, int], tuple[int, int]]
    protections: tuple[ProtectionDifference, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many events differ in each field, and under "pages" how many pages have another protection."""
        page = int(self.left.machine.page_size)
        pages = sum(p.end - p.start for p in self.protections) // page
        return {name: len(found) for name, found in self.events.items()} | {"pages": pages}

    def __repr__(self) -> str:
        return one_line("Diff", {"": self.left.trace.name or "unnamed", **self._facts()})

    def _repr_html_(self) -> str:
        return html_table(f"Diff of {self.left.trace.name}", self._facts())

    def _facts(self) -> dict[str, object]:
        sides = {"left": self.left.machine.name, "right": self.right.machine.name}
        differ = {f"differing {what}": f"{count:,}" for what, count in self.counts.items() if count}
        return {**sides, **(differ or {"differing": "nothing"})}

    @property
    def first(self) -> int:
        """The first event at which anything differs; -1: none."""
        return min((int(found[0]) for found in self.events.values() if len(found)), default=-1)

    @property
    def equal(self) -> bool:
        """True when nothing differs."""
        return not any(self.counts.values())


@dataclass(frozen=True)
class SideBySide:
    """Two or more results of one trace; the first is the base that each `diff` has on its left."""

    results: tuple[Result, ...]
    diffs: tuple[Diff, ...]
    reasons: dict[int, Reason] = field(default_factory=dict)  # row of `diffs`: why the first event differs

    @property
    def trace(self) -> Trace:
        """The trace of all of them."""
        return self.results[0].trace

    @property
    def equal(self) -> bool:
        """True when no result differs from the base."""
        return all(diff.equal for diff in self.diffs)

    def with_reasons(self, reasons: dict[int, Reason]) -> SideBySide:
        """The same, with the reasons of the first differences."""
        return replace(self, reasons=reasons)


def side_by_side(results: Sequence[Result], fields: Iterable[str] = FIELDS) -> SideBySide:
    """Compare every result with the first one. Raises as `compare`."""
    wanted = tuple(fields)
    return SideBySide(tuple(results), tuple(compare(results[0], other, wanted) for other in results[1:]))


def compare(left: Result, right: Result, fields: Iterable[str] = FIELDS) -> Diff:
    """What differs between two results of the same trace.

    Raises UsageError RT604 if they are of traces with different events.
    """
    if left.trace is not right.trace and not _same_events(left, right):
        from ..errorcodes import RT_OTHER_TRACE

        raise UsageError(RT_OTHER_TRACE, "the two results are of different traces")
    wanted = tuple(fields)
    ranges: dict[
        tuple[int, ProtectionDifference], None
    ] = {}  # once for each process, whenever it was looked at
    notes: list[str] = []
    if "protections" in wanted:
        for a, b in _shared_snapshots(left, right, notes):
            ranges.update(dict.fromkeys((a.task, one) for one in protection_differences(a, b)))
    found = tuple(one for _, one in ranges)
    return Diff(left, right, _differing(left, right, wanted), _matrix(left, right), found, tuple(notes))


def _same_events(left: Result, right: Result) -> bool:
    a, b = left.trace.columns, right.trace.columns
    return all(len(a[n]) == len(b[n]) and bool((a[n] == b[n]).all()) for n in COLUMNS)


def _differing(left: Result, right: Result, fields: tuple[str, ...]) -> dict[str, Events]:
    a, b = left.columns, right.columns
    either = refused(a["ret"]) | refused(b["ret"])
    choosing = np.isin(left.trace.columns["kind"], _CHOOSES_ADDRESS)
    unequal = a["ret"] != b["ret"]
    masks: dict[str, npt.NDArray[np.bool_]] = {
        "results": unequal & (either | ~choosing),
        "addresses": unequal & ~either & choosing,
        "outcomes": a["outcome"] != b["outcome"],
        "faults": (a["minor"] != b["minor"]) | (a["major"] != b["major"]),
        "counts": a["map_count"] != b["map_count"],
        "values": a["value"] != b["value"],
    }
    return {name: np.flatnonzero(masks[name]) for name in masks if name in fields}


def refused(returned: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
    """Which results are -errno."""
    mask: npt.NDArray[np.bool_] = (returned < 0) & (returned >= -4095)
    return mask


def _matrix(left: Result, right: Result) -> dict[tuple[int, int], tuple[int, int]]:
    """Pairs of outcomes of the same access: how often, and the first event."""
    a, b = left.columns["outcome"].astype(np.int64), right.columns["outcome"].astype(np.int64)
    rows = np.flatnonzero((a != OUT_NONE) | (b != OUT_NONE))
    keys, firsts, counts = np.unique(a[rows] * 256 + b[rows], return_index=True, return_counts=True)
    return {
        (int(k) >> 8, int(k) & 255): (int(c), int(rows[f]))
        for k, c, f in zip(keys, counts, firsts, strict=True)
    }


def _shared_snapshots(left: Result, right: Result, notes: list[str]) -> Iterable[tuple[Snapshot, Snapshot]]:
    """Snapshots of the same process at the same moment on both sides that know page protections."""
    sides = []
    for result in (left, right):
        found = {(s.event, s.task): s for s in result.snapshots if s.event < 0}
        found.update({(e, s.task): s for e, s in result.observed.items()})
        sides.append({k: s for k, s in found.items() if s.protections is not None})
    alone = {t for e, t in sides[0].keys() ^ sides[1].keys() if e < 0}
    if alone:
        notes.append(f"{len(alone)} address spaces live to the end on one machine only")
    for key in sorted(sides[0].keys() & sides[1].keys()):
        yield sides[0][key], sides[1][key]
