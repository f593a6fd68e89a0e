"""What a log shows of the start of a program: the calls of its loader, from which follows where execve put it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ...abi import kinds as ev
from ...abi.mman import MAP, MAP_FIXED, PROT_EXEC, PROT_READ
from ...lateclasses import dataclass, field
from ..events import Trace, one_of
from .areas import PAGE

_SCANNED = 2000
"""Events behind an exec among which the loader's calls are looked for."""


@dataclass
class Start:
    """The first calls of a program. Ranges are (start, end) in bytes."""

    brk: int = 0  # the first break, 0: not in the log
    mapped: list[tuple[int, int]] = field(default_factory=list)
    relros: list[tuple[int, int]] = field(default_factory=list)  # made read-only, and mapped by no call
    first: int = 0  # end of the first area whose place the kernel chose, 0: none
    libraries: bool = False  # code of files was mapped, or looked for: the program has a loader
    files: dict[str, int] = field(
        default_factory=dict
    )  # library: bytes of its first mapping, which holds it whole
    sizes: dict[str, int] = field(default_factory=dict)  # path: bytes of the file, as the log tells
    calls: int = 0

    def is_free(self, low: int, high: int) -> bool:
        """Whether no call mapped a part of [low, high)."""
        return not any(low < b and a < high for a, b in self.mapped)


_CACHE = "/etc/ld.so.cache"
_LIBRARIES = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/local/lib/")


def is_library(path: str) -> bool:
    """Whether a path is one of a system's own libraries: the only files besides programs that a log makes us open."""
    name = path.rpartition("/")[2]
    return path.startswith(_LIBRARIES) and "/../" not in path and (name.endswith(".so") or ".so." in name)


_PIECE = 1 << 17
"""Events that are looked at together."""
_REACH = 1 << 16
"""Bytes behind a library's first mapping that its last page may take: the largest page of any machine."""


def displaced_parts(trace: Trace) -> list[tuple[int, int]]:
    """Events of parts of libraries that lie outside of the first mapping of their file, and that mapping's event.

    The C library's loader maps the whole of a file first, where the kernel likes, and puts its segments over that
    (elf/dl-map-segments.h); MAP_DENYWRITE is its mark.
    """
    columns = trace.columns
    kinds, places = columns["kind"], columns["ret"]
    maps = np.zeros(len(kinds), dtype=np.bool_)
    over = False
    for first in range(0, len(kinds), _PIECE):
        # columns are as narrow as what is in them
        flags = columns["a3"][first : first + _PIECE].astype(np.int64)
        rows = np.flatnonzero(flags & MAP["denywrite"])  # few
        flags, rows = flags[rows], rows + first
        found_here = one_of(kinds[rows], (ev.K_MMAP, ev.K_OLD_MMAP)) & (columns["a4"][rows] >= 0)
        found_here &= places[rows] > 0
        maps[rows[found_here]] = True
        over = over or bool((flags[found_here] & MAP_FIXED != 0).any())
    if not over:
        return []
    found: list[tuple[int, int]] = []
    whole: dict[tuple[int, int], tuple[int, int, int] | None] = {}
    closes = (kinds == ev.K_CLOSE) | (kinds == ev.K_OPEN)
    pids = trace.tasks["pid"]
    for event in np.flatnonzero(maps | closes).tolist():
        pid = int(pids[int(columns["task"][event])])
        if not maps[event]:
            fd = int(columns["a0"][event] if kinds[event] == ev.K_CLOSE else places[event])
            whole.pop((pid, fd), None)
            continue
        key = pid, int(columns["a4"][event])
        start, length = int(places[event]), int(columns["a1"][event])
        if not int(columns["a3"][event]) & MAP_FIXED:
            whole[key] = start, start + length + _REACH, event
        elif columns["a5"][event] == 0:
            whole[key] = None  # aligned to huge pages: the room was mapped without the file
        elif (known := whole.get(key)) is not None and not known[0] <= start < known[1]:
            found.append((event, known[2]))
    return found


_TOGETHER = 1 << 17
"""Events among which the first calls of many programs are looked for at once."""
_NAMES = ("kind", "a0", "a1", "a2", "a3", "a4", "a5", "ret")


def first_calls(trace: Trace, start: int, task: int) -> Start:
    """What the program that `task` began to execute in front of event `start` did first."""
    columns, pids = trace.columns, trace.tasks["pid"]
    stop = min(start + _SCANNED, len(trace))
    mine = start + np.flatnonzero(pids[columns["task"][start:stop]] == pids[task])
    return _start_of(trace, zip(*(columns[name][mine].tolist() for name in _NAMES), strict=True))


def first_calls_of_all(trace: Trace, starts: Sequence[tuple[int, int]]) -> Iterator[Start]:
    """`first_calls` of each of many (event, task), whose events ascend.

    Where they lie close, what each would look at is much the same: events are sorted by process once.
    """
    first = 0
    while first < len(starts):
        low = starts[first][0]
        last = bisect_left(starts, (low + _TOGETHER, 0), first)
        some = starts[first:last]
        if len(some) * _SCANNED <= _TOGETHER:
            yield from (first_calls(trace, *one) for one in some)
        else:
            yield from _sorted_once(trace, some)
        first = last


def _sorted_once(trace: Trace, starts: Sequence[tuple[int, int]]) -> Iterator[Start]:
    low, end = starts[0][0], min(starts[-1][0] + _SCANNED, len(trace))
    numbers = np.unique(trace.tasks["pid"], return_inverse=True, return_counts=True)[1]
    narrow = numbers.astype(np.int16) if numbers.max(initial=0) < 1 << 15 else numbers  # sorted by digits
    whose = narrow[trace.columns["task"][low:end]]
    order = np.argsort(whose, kind="stable")
    keys = whose[order] * np.int64(end - low) + order  # ascend, as both do
    events, tasks = np.array(starts, dtype=np.int64).T
    begin = numbers[tasks] * (end - low)
    firsts = np.searchsorted(keys, begin + events - low)
    lasts = np.searchsorted(keys, begin + np.minimum(events + _SCANNED, end) - low)
    counts = lasts - firsts
    ends = np.cumsum(counts)
    rows = order[np.arange(ends[-1]) + np.repeat(firsts - ends + counts, counts)] + low
    words = list(zip(*(trace.columns[name][rows].tolist() for name in _NAMES), strict=True))
    for end_, count in zip(ends.tolist(), counts.tolist(), strict=True):
        yield _start_of(trace, words[end_ - count : end_])


def _start_of(trace: Trace, calls: Iterable[tuple[int, ...]]) -> Start:
    """What the calls of one process say, up to its end or its next exec."""
    found = Start(sizes=trace.file_sizes)
    opened: dict[int, str] = {}
    for kind, a0, a1, a2, a3, a4, a5, ret in calls:
        if kind in (ev.K_EXEC, ev.K_EXIT) and ret >= 0:
            break
        found.calls += 1
        if kind == ev.K_BRK and not found.brk:
            found.brk = max(ret, 0)
        elif kind == ev.K_OPEN and ret >= 0:
            opened[ret] = trace.strings[a0]
            found.libraries |= opened[ret] == _CACHE
        elif kind == ev.K_CLOSE:
            opened.pop(a0, None)
        elif kind == ev.K_MMAP and ret > 0:
            found.mapped.append((ret, ret + a1))
            found.libraries |= bool(a2 & PROT_EXEC) and a4 >= 0
            path = opened.get(a4, "")
            if a0 == 0 and not a5 and is_library(path):
                found.files.setdefault(path, a1)
            if not found.first and a0 == 0 and not a3 & MAP_FIXED:
                found.first = ret + (a1 + PAGE - 1 & -PAGE)
        elif kind == ev.K_MPROTECT and ret == 0 and a2 == PROT_READ and found.is_free(a0, a0 + a1):
            found.relros.append((a0, a0 + a1))
    return found
