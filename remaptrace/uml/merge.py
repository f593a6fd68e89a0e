"""A guest's trace from a run that was recorded on both sides: its calls, and its accesses as the host saw them.

strace in the guest writes the calls; that a program touched a page only the host sees, as a fault of the host's process
whose SIGSEGV User-mode Linux takes. A page that is mapped without such a fault, and not by the call in progress, was
touched by the guest's own kernel inside a call.

The clocks of the two logs differ by a constant: the one with which most calls of the guest that unmap or protect have
their effect on the host right behind them. A call stops the program before strace takes the time, and again after it,
so that no access of the program lies within the uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ..abi.kinds import (
    EVF_IN_KERNEL,
    EVF_MADE,
    K_BRK,
    K_FAULT,
    K_INIT_MM,
    K_INIT_VMA,
    K_MADVISE,
    K_MMAP,
    K_MPROTECT,
    K_MREMAP,
    K_MUNMAP,
    K_READ,
    K_SIGNAL,
    K_WRITE,
)
from ..abi.mman import MAP_FIXED, MAP_SHARED, PROT_WRITE
from ..abi.signals import SIGSEGV
from ..errorcodes import RT_HOST
from ..errors import InputError
from ..lateclasses import dataclass, replace
from ..trace.events import Trace
from ..trace.insertion import Insert, insert
from .hosttrace import PAGE, access_of

_RANGES = (K_MUNMAP, K_MPROTECT, K_MADVISE, K_MREMAP)
_SOON = 5_000_000
"""Nanoseconds within which a call has its effect on the host."""


@dataclass(frozen=True)
class Touch:
    """A page of a guest's process that was touched: when (of the host, ns), and by the guest's kernel or not."""

    time: int
    addr: int
    kind: int
    in_kernel: bool


@dataclass(frozen=True)
class Merged:
    """The guest's trace with its accesses; how far the host's clock is ahead, in nanoseconds; how many accesses."""

    trace: Trace
    ahead: int
    by_program: int
    by_kernel: int


@dataclass(frozen=True)
class _Mapping:
    """A call of the host's process that answers no fault: its time, kind, start, bytes and protection."""

    time: int
    kind: int
    start: int
    length: int
    prot: int


def merge_sides(guest: Trace, host: Trace, pairs: Mapping[int, int], task_size: int) -> Merged:
    """`guest`, as strace shows it with times, and the accesses of its processes from `host`, tracefs or perf.

    `pairs`: tid of a guest's process: that of its process on the host. Raises InputError RT407 without times, and
    where no call of the guest is found on the host.
    """
    if "time" not in guest.columns or "time" not in host.columns:
        raise InputError(
            RT_HOST, "both logs need times", guest.sources[0] if guest.sources else "", expected="strace -ttt"
        )
    rows = {int(tid): row for row, tid in enumerate(guest.tasks["tid"])}
    hosts = {int(tid): row for row, tid in enumerate(host.tasks["tid"])}
    seen = {rows[g]: _seen(host, hosts[h], task_size) for g, h in pairs.items()}
    ahead = _ahead(guest, {row: free for row, (_, free) in seen.items()})
    ahead = min([ahead, *_first_touches(guest, {row: found for row, (found, _) in seen.items()}, ahead)])
    inserts: list[Insert] = []
    for row, (touches, free) in seen.items():
        inserts += _inserts(guest, row, [*touches, *_of_kernel(guest, row, free, ahead)], ahead)
    inserts.sort(key=lambda i: i.before)
    columns = {name: column.copy() for name, column in guest.columns.items()}
    merged = replace(guest, columns=columns, truth=None)
    insert(merged, inserts)
    kernel = sum(bool(i.flags & EVF_IN_KERNEL) for i in inserts)
    return Merged(merged, ahead, len(inserts) - kernel, kernel)


def paired(guest: Trace, host: Trace, task_size: int) -> dict[int, int]:
    """Processes of the guest and of the host that are one, by tid: both in the order of their birth.

    Of the host count those into which guest memory is mapped. InputError RT407 where the log has others, too.
    """
    c = host.columns
    shared = (
        (c["kind"] == K_MMAP) & (c["a3"] == MAP_SHARED | MAP_FIXED) & (c["a0"] >= 0) & (c["a0"] < task_size)
    )
    below = [int(host.tasks["tid"][row]) for row in np.unique(c["task"][shared])]
    own = [int(tid) for tid in guest.tasks["tid"]]
    if len(own) != len(below):
        raise InputError(
            RT_HOST,
            "which process of the host is which of the guest is not clear",
            host.sources[0] if host.sources else "",
            found=f"{len(below)} processes with guest memory, {len(own)} in the guest's log",
            expected="a log with the lines of the guest's processes only",
        )
    return dict(zip(own, below, strict=True))


def _seen(host: Trace, row: int, task_size: int) -> tuple[list[Touch], list[_Mapping]]:
    """Of one host process the accesses that brought SIGSEGV, and the calls below `task_size` that answer none.

    The calls behind a signal answer its fault, until the access is tried again and faults on the host.
    """
    c = host.columns
    touches: list[Touch] = []
    free: list[_Mapping] = []
    last: tuple[int, int, int] | None = None
    answering = False
    for e in np.flatnonzero(c["task"] == row).tolist():
        kind, a0, a1, time = int(c["kind"][e]), int(c["a0"][e]), int(c["a1"][e]), int(c["time"][e])
        if kind == K_FAULT:
            last, answering = (a0, a1, time), False
        elif kind == K_SIGNAL and a0 == SIGSEGV and last is not None:
            addr, code, when = last
            touches.append(Touch(when, addr, access_of(code), in_kernel=False))
            answering = True
        elif kind in (K_MMAP, K_MUNMAP, K_MPROTECT) and 0 <= a0 < task_size and not answering:
            free.append(_Mapping(time, kind, a0, a1, 0 if kind == K_MUNMAP else int(c["a2"][e])))
    return touches, free


def _range_of(guest: Trace, event: int) -> tuple[int, int]:
    c = guest.columns
    kind, a0, a1 = (int(c[name][event]) for name in ("kind", "a0", "a1"))
    if kind == K_BRK:
        return min(a0, int(c["ret"][event])), 1 << 47
    return (a0, a0 + a1) if kind in (*_RANGES, K_MMAP) else (0, 0)


def _ahead(guest: Trace, mappings: Mapping[int, list[_Mapping]]) -> int:
    c = guest.columns
    gaps: dict[int, list[int]] = {}  # of each call: how far mappings in its range lie behind it
    for row, calls in mappings.items():
        free = [call for call in calls if call.length < 1 << 30]
        for e in np.flatnonzero((c["task"] == row) & np.isin(c["kind"], _RANGES)).tolist():
            low, high = _range_of(guest, e)
            found = [call.time - int(c["time"][e]) for call in free if low <= call.start < high]
            if found:
                gaps[e] = found
    if not gaps:
        raise InputError(
            RT_HOST, "no call of the guest is found on the host", guest.sources[0] if guest.sources else ""
        )
    candidates = sorted({gap for found in gaps.values() for gap in found})

    def hits(start: int) -> int:
        return sum(any(start <= gap < start + _SOON for gap in found) for found in gaps.values())

    best = max(candidates[:: max(1, len(candidates) // 4000)], key=hits)
    return best


def _first_touches(guest: Trace, touches: Mapping[int, list[Touch]], ahead: int) -> list[int]:
    """How far the first accesses to mappings lie behind the calls that made them, where that is less than `ahead`.

    Only of mappings whose place the kernel chose: at others something may have lain before.
    """
    c = guest.columns
    out: list[int] = []
    for row, found in touches.items():
        made = (c["task"] == row) & (c["kind"] == K_MMAP) & (c["a0"] == 0) & (c["ret"] > 0)
        for e in np.flatnonzero(made).tolist():
            start, length, time = int(c["ret"][e]), int(c["a1"][e]), int(c["time"][e])
            gaps = [t.time - time for t in found if start <= t.addr < start + length]
            out += [gap for gap in gaps if ahead - _SOON < gap < ahead]
    return out


def _times(guest: Trace, events: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """When the events began; the areas behind an exec have the exec's time."""
    times = guest.columns["time"][events].astype(np.int64)
    kinds = guest.columns["kind"][events]
    for i in np.flatnonzero(np.isin(kinds, (K_INIT_VMA, K_INIT_MM))).tolist():
        times[i] = times[i - 1] if i else times[i]
    return times


def _of_kernel(guest: Trace, row: int, free: list[_Mapping], ahead: int) -> list[Touch]:
    """Pages that were mapped by no fault and not in the range of the call in progress: the guest's kernel took them."""
    mine = np.flatnonzero(guest.columns["task"] == row)
    times = _times(guest, mine) + ahead
    out: list[Touch] = []
    for call in free:
        at = int(np.searchsorted(times, call.time, side="right")) - 1
        low, high = _range_of(guest, int(mine[at])) if at >= 0 else (0, 0)
        if call.kind == K_MMAP and not low <= call.start < high:
            kind = K_WRITE if call.prot & PROT_WRITE else K_READ
            pages = range(call.start, call.start + call.length, PAGE)
            out += [Touch(call.time, page, kind, in_kernel=True) for page in pages]
    return out


def _inserts(guest: Trace, row: int, touches: list[Touch], ahead: int) -> list[Insert]:
    mine = np.flatnonzero(guest.columns["task"] == row)
    times = _times(guest, mine) + ahead
    out = []
    for touch in touches:
        behind = int(np.searchsorted(times, touch.time, side="right"))
        before = int(mine[behind]) if behind < len(mine) else len(guest)
        flags = EVF_MADE | (EVF_IN_KERNEL if touch.in_kernel else 0)
        out.append(Insert(before, touch.kind, row, (touch.addr, -1, 1, 0), flags=flags))
    return out
