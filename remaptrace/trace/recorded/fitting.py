"""Whose map a file is whose name does not say: the starts of address spaces in a log, and how well a map fits each.

The break that the first brk(NULL) tells, the program's path, and the addresses of calls on memory that the log did
not map speak for a start or against it.

And what a map of a running process lacks. Whoever attaches copies the map first; threads go on mapping until the
tracer has them. A new mapping goes to the top of the highest hole that holds it (mm/vma.c:unmapped_area_topdown; since
linux-3.9 whatever was freed before). One that lies below a hole which would have held it, and which nothing in the log
ever fills, tells that the hole was none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ...abi import kinds as ev
from ...abi.mman import MAP_32BIT, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_GROWSDOWN
from ...counting import be, counted
from ...lateclasses import dataclass
from ..events import MapsFile, Trace
from .areas import is_gate

_ADDRESSED = (
    ev.K_MUNMAP,
    ev.K_MPROTECT,
    ev.K_PKEY_MPROTECT,
    ev.K_MREMAP,
    ev.K_MADVISE,
    ev.K_MLOCK,
    ev.K_MSYNC,
)

_TOP_DOWN = 0x7E0000000000
"""Below, a bottom-up search or another machine may have chosen the place."""
_HUGE = 2 << 20
"""Bytes from which a mapping may look for an aligned place and pass others by."""
_ELSEWHERE = MAP_FIXED | MAP_GROWSDOWN | MAP_32BIT | MAP_FIXED_NOREPLACE
_ABOVE = ("[stack]", "[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]")
"""Areas with room below them that is no hole: what is above mmap_base, and the gap that a stack keeps free."""


@dataclass(frozen=True)
class Start:
    """A moment at which a process has what a map could show: behind an exec, or where its log begins."""

    event: int  # of the exec; -1: the log begins in the middle
    task: int
    pid: int
    first: int  # event in front of which the areas go
    last: int  # event behind the last one of this address space
    program: str


def starts_of(trace: Trace) -> list[Start]:
    """All starts of address spaces that the log does not show as copies, in order."""
    kind, task, ret = trace.columns["kind"], trace.columns["task"], trace.columns["ret"]
    tasks = trace.tasks
    pid_of = tasks["pid"][task] if len(trace) else np.zeros(0, np.int32)
    out: list[Start] = []
    born = {int(row) for row in trace.columns["a0"][kind == ev.K_FORK].tolist()}
    leaders = {int(pid): row for row, pid in reversed(list(enumerate(tasks["pid"].tolist())))}
    for pid, row in leaders.items():
        mine = np.flatnonzero(pid_of == pid)
        execs = [int(e) for e in mine[(kind[mine] == ev.K_EXEC) & (ret[mine] >= 0)]]
        end = int(mine[-1]) + 1 if len(mine) else 0
        if row not in born and (not execs or execs[0] != int(mine[0])):
            first = int(mine[0]) if len(mine) else 0
            out.append(Start(-1, row, pid, first, execs[0] if execs else end, ""))
        for event, last in zip(execs, (*execs[1:], end), strict=False):
            program = trace.strings[int(trace.columns["a0"][event])] or "a program"
            out.append(Start(event, int(task[event]), pid, event + 1, last, program))
    return sorted(out, key=lambda s: s.first)


def fit_of(trace: Trace, start: Start, file: MapsFile) -> tuple[int, str]:
    """How much speaks for `file` showing the address space of `start`, and what speaks against it ("": nothing)."""
    score = 0
    heap = next((row for row in file.rows if row.name == "[heap]"), None)
    brk = start_brk(trace, start.first, start.task)
    if start.event >= 0 and heap is not None and brk:
        if heap.start != brk:
            return 0, (
                f"its heap begins at {heap.start:#x}, that of {start.program} at {brk:#x} by its first"
                " brk(NULL): a map of another run"
            )
        score += 1000
    inside = outside = 0
    first = 0
    for address in _foreign_addresses(trace, start):
        if any(row.start <= address < row.end for row in file.rows):
            inside += 1
        else:
            outside += 1
            first = first or address
    if outside and not inside and (start.event >= 0 or not heap or not brk):
        return 0, (
            f"none of the {outside} addresses that its calls name without the log having"
            f" mapped them lies in it (the first is {first:#x}): a map of another process or run"
        )
    named = start.program and any(row.name == start.program for row in file.rows)
    if start.event >= 0 and not (named or score or inside):
        return 0, f"nothing in it is of {start.program}, and the log has no address to place it by"
    return score + inside + (100 if named else 0), ""


def _events_of(trace: Trace, start: Start) -> npt.NDArray[np.intp]:
    """The events of one address space."""
    tasks = trace.columns["task"][start.first : start.last]
    return start.first + np.flatnonzero(trace.tasks["pid"][tasks] == start.pid)


def _foreign_addresses(trace: Trace, start: Start) -> Iterator[int]:
    """Addresses that calls name though no earlier call of the log mapped them: what was there before."""
    columns, here = trace.columns, _events_of(trace, start)
    rows = np.stack([columns[c][here].astype(np.int64) for c in ("kind", "a0", "a1", "a2", "ret")])
    mapped: list[tuple[int, int]] = []
    found = 0
    for kind, a0, a1, a2, ret in rows.T[:5000].tolist():
        if kind in (ev.K_MMAP, ev.K_OLD_MMAP, ev.K_SHMAT) and ret > 0:
            mapped.append((ret, ret + (a1 if kind != ev.K_SHMAT else 1 << 32)))
        elif kind in _ADDRESSED and ret >= 0 and a0 > 0 and found < 200:
            if not any(low <= a0 < high for low, high in mapped):
                found += 1
                yield a0
            if kind == ev.K_MREMAP and ret > 0:
                mapped.append((ret, ret + a2))


def later_or_other(trace: Trace, start: Start, file: MapsFile) -> str:
    """A word about new mappings of the log that stand in the map already: it is younger than the log's begin."""
    columns = trace.columns
    count = 0
    lowest = {row.start for row in file.rows}
    for event in _events_of(trace, start).tolist():
        kind, ret = int(columns["kind"][event]), int(columns["ret"][event])
        if kind == ev.K_MUNMAP:
            break  # from here on an address may be a second time in use
        if kind in (ev.K_MMAP, ev.K_OLD_MMAP) and ret > 0 and not int(columns["a3"][event]) & MAP_FIXED:
            count += ret in lowest
    if not count:
        return ""
    return (
        f"; {counted(count, 'mapping')} that the log makes {be(count)} in it already: it was taken"
        " after the log began"
    )


def is_at_exec(file: MapsFile, at_exec: MapsFile) -> bool:
    """True if `file` shows nothing but what exec makes."""
    if any(row.name == "[heap]" for row in file.rows):
        return False

    def areas(rows: MapsFile) -> list[tuple[int, int, str]]:
        kept = (row for row in rows.rows if not is_gate(row) and not row.name.startswith("[stack"))
        return [(row.start, row.end, row.perms) for row in kept]

    return areas(file) == areas(at_exec)


def first_event(trace: Trace, pid: int, task: int) -> int:
    """The first event of a process whose birth the log does not show; of one task if there is none."""
    column = trace.columns["task"]
    for mine in (trace.tasks["pid"][column] == pid, column == task):
        if mine.any():
            return int(mine.argmax())
    return len(trace)


def start_brk(trace: Trace, first: int, row: int) -> int:
    """Where the heap of the address space that begins at event `first` is: its first brk(0) tells; 0: unknown."""
    kind, task, ret = trace.columns["kind"], trace.columns["task"], trace.columns["ret"]
    pid = trace.tasks["pid"][row]
    for later in (kind[first:] == ev.K_BRK).nonzero()[0].tolist():
        at = first + later
        if trace.tasks["pid"][task[at]] == pid:
            return int(ret[at]) if int(trace.columns["a0"][at]) == 0 else 0
    return 0


def mapped_between(trace: Trace, file: MapsFile) -> list[str]:
    """A note if the process of `file`, a start map, had areas at the first line that neither shows."""
    pid = trace.tasks["pid"][trace.tasks["tid"] == file.tid]
    if not len(pid):
        return []
    columns = trace.columns
    ret, kind = columns["ret"].astype(np.int64), columns["kind"]
    mine = np.isin(columns["task"], np.flatnonzero(trace.tasks["pid"] == pid[0])) & (ret > 0)
    execs = np.flatnonzero(mine & (kind == ev.K_EXEC))
    maps = np.flatnonzero(mine & ((kind == ev.K_MMAP) | (kind == ev.K_MREMAP) | (kind == ev.K_SHMAT)))
    if len(execs) or (mine & (kind == ev.K_SHMAT)).any():  # how long a segment is the call does not tell
        return []
    length = np.where(kind[maps] == ev.K_MREMAP, columns["a2"][maps], columns["a1"][maps]).astype(np.int64)
    size = length + 4095 & ~4095
    places = list(zip(ret[maps].tolist(), (ret[maps] + size).tolist(), strict=True))
    holes = _never_filled(file, places)
    chosen = (kind[maps] == ev.K_MMAP) & (columns["a0"][maps] == 0) & (ret[maps] > _TOP_DOWN) & (size < _HUGE)
    chosen &= columns["a3"][maps].astype(np.int64) & _ELSEWHERE == 0
    proved: dict[tuple[int, int], int] = {}
    for at in np.flatnonzero(chosen).tolist():
        start, end = places[at]
        for low, high in holes:
            if low >= end and high - low >= end - start:
                proved.setdefault((low, high), int(columns["line"][maps[at]]))
    if not proved:
        return []
    (low, high), line = next(iter(proved.items()))
    more = f" and {len(proved) - 1} more" if len(proved) > 1 else ""
    return [
        f"{file.path}: the mapping of line {line} went below {low:x}-{high:x}{more}, which no line ever maps and"
        " which would have held it: something was mapped there between this map and the log's first line, is in"
        " neither, and is missing from the counts"
    ]


def _never_filled(file: MapsFile, places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Holes below areas of the map, but not those that are no room for mappings, that nothing ever fills."""
    rows = [(row.start, row.end, row.name in _ABOVE) for row in file.rows]
    areas = sorted([*rows, *((start, end, False) for start, end in places)])
    holes: list[tuple[int, int]] = []
    top = 0
    for (_, end, _), (start, _, special) in pairwise(areas):
        top = max(top, end)
        if start > top > _TOP_DOWN and not special:
            holes.append((top, start))
    return holes
