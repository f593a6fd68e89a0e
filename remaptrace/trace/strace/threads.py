"""Which thread ids are one process, in a log that does not show how its threads were made.

``strace -f -p PID`` on a server, or a log that begins late, shows threads without their births. Taken for processes
of their own they would spread one address space over many. What proves that they belong together:

* ``getpid()`` returned the same id to them, or ``tgkill(PID, TID, ...)`` names both;
* ``strace: Process PID attached with N threads``;
* one called exit_group and the others ended by it, with the same status and without a call of their own;
* one wakes the other at a private futex; they end with exit, as only threads do, and there is one process;
* one changes areas that another made, or areas that they make lie wall to wall, while none overlap.

Two that map the same address at a time, or that each call exit_group, are two processes.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from dataclasses import dataclass, field
from mmap import mmap
from typing import NamedTuple

import numpy as np

from ...abi import kinds as ev
from ...abi.mman import MAP_FIXED
from ..events import Trace

_HEAD = rb"^(?:\[pid +)?(\d{1,10})(?:<[^>\n]*>)?\]? [^\n\"]{0,80}?"
_GETPID = re.compile(_HEAD + rb"\bgetpid\(\) += (\d{1,10})\b", re.MULTILINE)
_TGKILL = re.compile(rb"^[^\n\"]{0,80}?\btgkill\((\d{1,10}), (\d{1,10}), ", re.MULTILINE)
_ATTACHED = re.compile(rb"Process (\d{1,10})(?:<[^>\n]*>)? attached with (\d+) threads")
_FUTEX = re.compile(
    rb"^(?:\[pid +)?(\d{1,10})(?:<[^>\n]*>)?\]? [^\n\"]{0,60}?"
    rb"(?:futex\((0x[0-9a-f]+), FUTEX_(WAIT|WAKE)(?:_BITSET)?_PRIVATE(?:\|\w+)?, ([^\n]*)|<\.\.\. futex resumed>)",
    re.MULTILINE,
)
_LOOKED_AT = 200_000
"""Events among which areas that fit together are looked for."""

_USES = (ev.K_MUNMAP, ev.K_MPROTECT, ev.K_PKEY_MPROTECT, ev.K_MADVISE, ev.K_MREMAP)


class Exit(NamedTuple):
    """A line ``+++ exited with STATUS +++``. `called`: a call of exit or exit_group of the thread came before."""

    tid: int
    status: int
    line: int
    called: bool


@dataclass
class Groups:
    """Thread ids joined into processes, and what they rest on."""

    leader: dict[int, int] = field(default_factory=dict)
    """For each thread id that belongs to a process of another id: that id."""
    reasons: list[str] = field(default_factory=list)


class _Union:
    """Sets of process ids that turn out to be one."""

    def __init__(self) -> None:
        self._up: dict[int, int] = {}

    def root(self, pid: int) -> int:
        while (up := self._up.get(pid, pid)) != pid:
            self._up[pid] = self._up.get(up, up)
            pid = up
        return pid

    def join(self, one: int, other: int) -> bool:
        """Put both into one set, under the lower id; False if they were."""
        a, b = sorted((self.root(one), self.root(other)))
        self._up[b] = a
        return a != b


def orphans(trace: Trace) -> list[int]:
    """The thread ids whose first line shows no birth."""
    roots = np.flatnonzero(trace.tasks["parent"] < 0)
    return list(dict.fromkeys(int(trace.tasks["tid"][row]) for row in roots if trace.tasks["tid"][row] > 0))


def groups_of(trace: Trace, data: bytes | mmap, exits: list[Exit]) -> Groups:
    """Which of the processes of a trace, read with every unborn thread as a process, are one."""
    born_alone = orphans(trace)
    out = Groups()
    if len(born_alone) < 2:
        return out
    union, wanted = _Union(), set(born_alone)
    pid_of = {int(tid): int(pid) for tid, pid in zip(trace.tasks["tid"], trace.tasks["pid"], strict=True)}
    named: dict[int, int] = {}
    _by_ids(data, pid_of, named)
    if named:
        joined = [union.join(pid_of[tid], pid) for tid, pid in named.items()]
        if any(joined):
            out.reasons.append("getpid and tgkill name their process")
    if _by_attaching(data, born_alone, union):
        out.reasons.append("strace says how many threads it attached to")
    if _by_exit(trace, exits, pid_of, union):
        out.reasons.append("they ended with the exit_group of one of them")
    if _by_areas(trace, union, {pid_of[tid] for tid in wanted}):
        out.reasons.append("they change areas of each other and map wall to wall")
    if _by_futexes(data, pid_of, union):
        out.reasons.append("one wakes what others wait for at a private futex")
    pids = {pid_of[tid] for tid in wanted}
    if _by_own_end(trace, exits, pids, union):
        out.reasons.append("they ended with exit, as threads alone do")
    leaders = {union.root(pid) for pid in named.values()}
    named_leader = {union.root(pid): pid for pid in named.values()}
    for pid in pids:
        root = union.root(pid)
        leader = named_leader[root] if root in leaders else root
        if leader != pid:
            out.leader[pid] = leader
    return out


def _by_ids(data: bytes | mmap, pid_of: dict[int, int], named: dict[int, int]) -> None:
    for match in _GETPID.finditer(data):
        tid, pid = int(match.group(1)), int(match.group(2))
        if tid in pid_of and pid_of[tid] == tid:
            named[tid] = pid
    for match in _TGKILL.finditer(data):
        pid, tid = int(match.group(1)), int(match.group(2))
        if tid in pid_of and pid_of[tid] == tid:
            named[tid] = pid


def _by_attaching(data: bytes | mmap, born_alone: list[int], union: _Union) -> bool:
    notices = {(int(m.group(1)), int(m.group(2))) for m in _ATTACHED.finditer(data)}
    if len(notices) != 1:
        return False
    pid, count = notices.pop()
    if len(born_alone) > count:
        return False
    return any([union.join(pid, tid) for tid in born_alone])


def _by_exit(trace: Trace, exits: list[Exit], pid_of: dict[int, int], union: _Union) -> bool:
    """Threads that ended without a call of their own behind an exit_group of the same status.

    A log that shows one exit_group would have shown theirs.
    """
    columns = trace.columns
    calls = np.flatnonzero((columns["kind"] == ev.K_EXIT) & (columns["a1"] == 1))
    last_line = {one.tid: one.line for one in exits}
    groups = []
    for event in calls.tolist():
        tid = int(trace.tasks["tid"][int(columns["task"][event])])
        groups.append((tid, int(columns["a0"][event]), int(columns["line"][event])))
    callers = {tid for tid, _, _ in groups}
    found = False
    for one in exits:
        if one.called or one.tid in callers or pid_of.get(one.tid) != one.tid:
            continue
        before = [tid for tid, status, line in groups if status == one.status and line < one.line]
        causes = {pid_of[tid] for tid in before}
        if len(causes) > 1:
            causes = {pid_of[tid] for tid in before if last_line.get(tid, one.line) >= one.line}
        if len(causes) == 1:
            found |= union.join(causes.pop(), one.tid)
    return found


def _by_futexes(data: bytes | mmap, pid_of: dict[int, int], union: _Union) -> bool:
    """A private futex is one address space's: who wakes the only thread that waits there belongs to it."""
    waiting: dict[bytes, set[int]] = {}
    at: dict[int, bytes] = {}
    woken: list[tuple[int, set[int]]] = []
    for match in _FUTEX.finditer(data):
        tid, address, call, rest = int(match.group(1)), match.group(2), match.group(3), match.group(4)
        if address is None:  # resumed
            waiting.get(at.pop(tid, b""), set()).discard(tid)
        elif call.startswith(b"WAIT"):
            if rest.endswith(b"<unfinished ...>"):
                waiting.setdefault(address, set()).add(tid)
                at[tid] = address
        elif re.search(rb"\) += [1-9]", rest) and len(waiting.get(address, ())) == 1:
            woken.append((tid, set(waiting[address])))
    found = False
    for waker, (sleeper,) in woken:
        if waker in pid_of and sleeper in pid_of:
            found |= union.join(pid_of[waker], pid_of[sleeper])
    return found


def _by_own_end(trace: Trace, exits: list[Exit], pids: set[int], union: _Union) -> bool:
    """The C library ends a process with exit_group and only a thread with exit.

    If the log has one process that is not made of such threads, they are its.
    """
    columns = trace.columns
    noticed = {one.line for one in exits if not one.called}
    calls = np.flatnonzero((columns["kind"] == ev.K_EXIT) & (columns["a1"] == 0))
    threads = {
        int(trace.tasks["pid"][columns["task"][event]])
        for event in calls.tolist()
        if int(columns["line"][event]) not in noticed
    }
    whole = {union.root(pid) for pid in pids - threads}
    alone = [pid for pid in threads & pids if union.root(pid) not in whole]
    if len(whole) != 1 or not alone:
        return False
    process = whole.pop()
    return any([union.join(process, pid) for pid in alone])


class _Areas:
    """The areas that calls of the log made and did not take away, and who made each."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.areas: dict[int, tuple[int, int]] = {}  # start: end, pid
        self.ends: dict[int, int] = {}  # end: start

    def over(self, low: int, high: int) -> list[int]:
        """The starts of areas that overlap [low, high)."""
        first = max(bisect_right(self.starts, low) - 1, 0)
        found = self.starts[first : bisect_left(self.starts, high)]
        return [start for start in found if self.areas[start][0] > low]

    def cut(self, low: int, high: int) -> None:
        """Take [low, high) away."""
        for start in self.over(low, high):
            end, pid = self.areas.pop(start)
            self.starts.remove(start)
            del self.ends[end]
            if start < low:
                self.add(start, low, pid)
            if high < end:
                self.add(high, end, pid)

    def add(self, low: int, high: int, pid: int) -> None:
        """A new area; nothing overlaps it."""
        insort(self.starts, low)
        self.areas[low] = (high, pid)
        self.ends[high] = low

    def owners_beside(self, low: int, high: int) -> set[int]:
        """Who made the areas that end at `low` and begin at `high`."""
        beside = {self.ends.get(low, -1), high} & self.areas.keys()
        return {self.areas[start][1] for start in beside}


def _by_areas(trace: Trace, union: _Union, wanted: set[int]) -> bool:
    """Processes whose areas fit together and never overlap."""
    columns = trace.columns
    last = min(len(trace), _LOOKED_AT)
    names = ("kind", "task", "a0", "a1", "a2", "a3", "ret")
    pids = trace.tasks["pid"].tolist()
    areas = _Areas()
    fits: Counter[tuple[int, int]] = Counter()
    clash: set[tuple[int, int]] = set()
    for kind, task, a0, a1, a2, a3, ret in zip(*(columns[c][:last].tolist() for c in names), strict=True):
        pid = pids[task]
        if pid not in wanted or (-4095 <= ret < 0) or (kind == ev.K_MMAP and ret <= 0):
            continue
        if kind == ev.K_MMAP or (kind == ev.K_MREMAP and ret > 0):
            low, high = ret, ret + max((a1 if kind == ev.K_MMAP else a2) + 4095 & ~4095, 4096)
            if kind == ev.K_MREMAP:
                areas.cut(a0, a0 + a1)
            fixed = kind == ev.K_MMAP and a3 & MAP_FIXED
            for owner in {areas.areas[start][1] for start in areas.over(low, high)} - {pid}:
                if fixed:
                    fits[_pair(pid, owner)] += 1
                else:
                    clash.add(_pair(pid, owner))
            for owner in areas.owners_beside(low, high) - {pid}:
                fits[_pair(pid, owner)] += 1
            areas.cut(low, high)
            areas.add(low, high, pid)
        elif kind in _USES:
            for owner in {areas.areas[start][1] for start in areas.over(a0, a0 + max(a1, 1))} - {pid}:
                if kind != ev.K_MUNMAP:
                    fits[_pair(pid, owner)] += 1
            if kind == ev.K_MUNMAP:
                areas.cut(a0, a0 + a1)
    return _join_fitting(union, fits, clash, wanted, _with_own_exit(trace))


def _pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)


def _join_fitting(
    union: _Union,
    fits: Counter[tuple[int, int]],
    clash: set[tuple[int, int]],
    wanted: set[int],
    ended: set[int],
) -> bool:
    """Join those that fit, the best first, unless something keeps any two of the sets apart."""
    found = False
    for (one, other), _count in fits.most_common():
        a, b = union.root(one), union.root(other)
        if a == b:
            continue
        left = {pid for pid in wanted if union.root(pid) == a}
        right = {pid for pid in wanted if union.root(pid) == b}
        apart = any(_pair(x, y) in clash for x in left for y in right) or (left & ended and right & ended)
        if not apart:
            found |= union.join(a, b)
    return found


def _with_own_exit(trace: Trace) -> set[int]:
    """Processes of which some thread called exit_group."""
    columns = trace.columns
    calls = (columns["kind"] == ev.K_EXIT) & (columns["a1"] == 1)
    return {int(trace.tasks["pid"][row]) for row in columns["task"][calls].tolist()}
