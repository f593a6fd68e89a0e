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
from mmap import mmap
from typing import NamedTuple

import numpy as np

from ...abi import kinds as ev
from ...counting import counted
from ...lateclasses import dataclass, field
from ...patterns import pattern
from ..events import Trace
from ..unborn import REASON, Union, by_areas, orphans

_HEAD = rb"^(?:\[pid +)?(\d{1,10})(?:<[^>\n]*>)?\]? [^\n\"]{0,80}?"
_GETPID = pattern(_HEAD + rb"\bgetpid\(\) += (\d{1,10})\b", re.MULTILINE)
_TGKILL = pattern(rb"^[^\n\"]{0,80}?\btgkill\((\d{1,10}), (\d{1,10}), ", re.MULTILINE)
_ATTACHED = pattern(rb"Process (\d{1,10})(?:<[^>\n]*>)? attached with (\d+) threads")
_FUTEX = pattern(
    rb"^(?:\[pid +)?(\d{1,10})(?:<[^>\n]*>)?\]? [^\n\"]{0,60}?"
    rb"(?:futex\((0x[0-9a-f]+), FUTEX_(WAIT|WAKE)(?:_BITSET)?_PRIVATE(?:\|\w+)?, ([^\n]*)|<\.\.\. futex resumed>)",
    re.MULTILINE,
)


class Exit(NamedTuple):
    """A line ``+++ exited with STATUS +++``. `called`: a call of exit or exit_group of the thread came before."""

    tid: int
    status: int
    at: int  # the number of the event that it makes, if it makes one
    called: bool


@dataclass
class Groups:
    """Thread ids joined into processes, and what they rest on."""

    leader: dict[int, int] = field(default_factory=dict)
    """For each thread id that belongs to a process of another id: that id."""
    reasons: list[str] = field(default_factory=list)


def groups_of(trace: Trace, data: bytes | mmap, exits: list[Exit]) -> Groups:
    """Which of the processes of a trace, read with every unborn thread as a process, are one."""
    born_alone = orphans(trace)
    out = Groups()
    if len(born_alone) < 2:
        return out
    union, wanted = Union(), set(born_alone)
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
    if by_areas(trace, union, {pid_of[tid] for tid in wanted}):
        out.reasons.append(REASON)
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


def joined_note(groups: Groups) -> str:
    """What a report says of the threads that were joined."""
    return (
        f"{counted(len(groups.leader), 'thread')} whose birth is not in the log, of processes of other ids: "
        + "; ".join(groups.reasons)
    )


def _by_ids(data: bytes | mmap, pid_of: dict[int, int], named: dict[int, int]) -> None:
    for match in _GETPID.finditer(data):
        tid, pid = int(match.group(1)), int(match.group(2))
        if tid in pid_of and pid_of[tid] == tid:
            named[tid] = pid
    for match in _TGKILL.finditer(data):
        pid, tid = int(match.group(1)), int(match.group(2))
        if tid in pid_of and pid_of[tid] == tid:
            named[tid] = pid


def _by_attaching(data: bytes | mmap, born_alone: list[int], union: Union) -> bool:
    notices = {(int(m.group(1)), int(m.group(2))) for m in _ATTACHED.finditer(data)}
    if len(notices) != 1:
        return False
    pid, count = notices.pop()
    if len(born_alone) > count:
        return False
    return any([union.join(pid, tid) for tid in born_alone])


def _by_exit(trace: Trace, exits: list[Exit], pid_of: dict[int, int], union: Union) -> bool:
    """Threads that ended without a call of their own behind an exit_group of the same status.

    A log that shows one exit_group would have shown theirs.
    """
    columns = trace.columns
    calls = np.flatnonzero((columns["kind"] == ev.K_EXIT) & (columns["a1"] == 1))
    last = {one.tid: one.at for one in exits}
    groups = []
    for event in calls.tolist():
        tid = int(trace.tasks["tid"][int(columns["task"][event])])
        groups.append((tid, int(columns["a0"][event]), event))
    callers = {tid for tid, _, _ in groups}
    found = False
    for one in exits:
        if one.called or one.tid in callers or pid_of.get(one.tid) != one.tid:
            continue
        before = [tid for tid, status, event in groups if status == one.status and event < one.at]
        causes = {pid_of[tid] for tid in before}
        if len(causes) > 1:
            causes = {pid_of[tid] for tid in before if last.get(tid, one.at) >= one.at}
        if len(causes) == 1:
            found |= union.join(causes.pop(), one.tid)
    return found


def _by_futexes(data: bytes | mmap, pid_of: dict[int, int], union: Union) -> bool:
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


def _by_own_end(trace: Trace, exits: list[Exit], pids: set[int], union: Union) -> bool:
    """The C library ends a process with exit_group and only a thread with exit.

    If the log has one process that is not made of such threads, they are its.
    """
    columns = trace.columns
    noticed = {one.at for one in exits if not one.called}
    calls = np.flatnonzero((columns["kind"] == ev.K_EXIT) & (columns["a1"] == 0))
    threads = {
        int(trace.tasks["pid"][columns["task"][event]]) for event in calls.tolist() if event not in noticed
    }
    whole = {union.root(pid) for pid in pids - threads}
    alone = [pid for pid in threads & pids if union.root(pid) not in whole]
    if len(whole) != 1 or not alone:
        return False
    process = whole.pop()
    return any([union.join(process, pid) for pid in alone])
