"""What a log does not show: execs, what its threads do, and what a userfaultfd is for.

``strace -e trace=memory`` and tracepoints of memory calls alone leave execs out.

brk(NULL) answers the break that the last brk of the address space left, unless a program took its place: execve
gives the new one a heap of its own (fs/binfmt_elf.c: load_elf_binary). Where a log shows no execve at all, an answer
that no call explains is the first of another program.
"""

from __future__ import annotations

import numpy as np

from ...abi import kinds as ev
from ...abi.mman import CLONE_THREAD, MAP_STACK
from ...counting import be, counted
from ..events import Trace, firsts, one_of, rows_where
from ..insertion import Insert, insert
from ..wording import NOT_COUNTED

_FIRST = 3
"""Lines that the note names."""


def show_execs(trace: Trace) -> None:
    """Insert the execs that answers of brk prove into a recorded log without execve, with a note."""
    kind = trace.columns["kind"]
    if not trace.recorded or (kind == ev.K_EXEC).any() or not (kind == ev.K_BRK).any():
        return
    inserts: list[Insert] = []
    lines: list[int] = []
    for event, task in _unexplained(trace):
        inserts.append(Insert(event, ev.K_EXEC, task, (0, 0), flags=ev.EVF_MADE))
        lines.append(int(trace.columns["line"][event]))
    if not inserts:
        return
    insert(trace, inserts)
    where = ", ".join(map(str, lines[:_FIRST])) + (", ..." if len(lines) > _FIRST else "")
    trace.notes.append(
        f"the log shows no execve, but brk(NULL) answers a break that no call explains"
        f" {counted(len(lines), 'time')} (line"
        f" {where}): another program is taken to begin there"
    )


def _unexplained(trace: Trace) -> list[tuple[int, int]]:
    """Events and tasks of brk(NULL) with an answer that is not the break of its address space."""
    columns = trace.columns
    pid_of = trace.tasks["pid"].tolist()
    breaks: dict[int, int] = {}
    found: list[tuple[int, int]] = []
    wanted = rows_where(lambda kind: one_of(kind, (ev.K_BRK, ev.K_FORK)), columns["kind"])
    names = ("kind", "task", "a0", "ret", "flags")
    for event, kind, task, a0, ret, flags in zip(
        wanted.tolist(), *(columns[name][wanted].tolist() for name in names), strict=True
    ):
        pid = pid_of[task]
        if kind == ev.K_FORK:
            child = pid_of[a0]
            if child != pid and pid in breaks:
                breaks[child] = breaks[pid]
        elif flags & ev.EVF_HAS_RET and ret > 0:
            if a0 == 0 and breaks.get(pid, ret) != ret:
                found.append((event, task))
            breaks[pid] = ret
    return found


def note_unseen(trace: Trace) -> None:
    """Notes on what a log must have had and does not show: calls of threads, registrations of a userfaultfd."""
    _silent_threads(trace)
    _stacks_without_threads(trace)
    _idle_userfaultfd(trace)


def _silent_threads(trace: Trace) -> None:
    """A note where every thread that a log shows being born does nothing in it: strace without -f, one id traced."""
    columns = trace.columns
    births = rows_where(lambda kind: kind == ev.K_FORK, columns["kind"])
    births = births[columns["flags"][births] & ev.EVF_MADE == 0]
    births = births[columns["a1"][births].astype(np.int64) & CLONE_THREAD != 0]
    born = columns["a0"][births].astype(np.int64)
    if not len(born) or (firsts(columns["task"], len(trace.tasks))[born] >= 0).any():
        return
    threads = (
        "the thread that the log shows being born does"
        if len(born) == 1
        else (f"none of the {len(born)} threads that the log shows being born does")
    )
    nothing = "nothing" if len(born) == 1 else "anything"
    trace.notes.append(
        f"{threads} {nothing} in it: if its calls were not recorded (strace without -f), what it mapped is not there,"
        f" and {NOT_COUNTED}"
    )


def _stacks_without_threads(trace: Trace) -> None:
    """A note where one thread makes stacks for others in a log without births: ``-e trace=memory`` without -f.

    glibc maps a stack without access and opens all but its guard (nptl/allocatestack.c: allocate_stack).
    """
    columns, pids = trace.columns, trace.tasks["pid"]
    if len(rows_where(lambda kind: kind == ev.K_FORK, columns["kind"])):
        return
    stacks = rows_where(lambda kind: kind == ev.K_MMAP, columns["kind"])
    stacks = stacks[(columns["a3"][stacks].astype(np.int64) & MAP_STACK != 0) & (columns["a2"][stacks] == 0)]
    stacks = stacks[columns["ret"][stacks] > 0]
    if not len(stacks):
        return
    active = pids[firsts(columns["task"], len(pids)) >= 0]
    alone = [pid for pid in set(pids[columns["task"][stacks]].tolist()) if (active == pid).sum() == 1]
    count = int(np.isin(pids[columns["task"][stacks]], alone).sum())
    if count:
        line = int(columns["line"][stacks[0]])
        trace.notes.append(
            f"{counted(count, 'stack')} of threads {be(count)} mapped (first at line {line}), but only the thread that"
            " did so shows in the log: if the calls of the others were not recorded (strace without -f), what they"
            f" mapped is not there, and {NOT_COUNTED}"
        )


def _idle_userfaultfd(trace: Trace) -> None:
    """A note where a userfaultfd is made and no ioctl tells what it is registered for."""
    made = rows_where(lambda kind: kind == ev.K_USERFAULTFD, trace.columns["kind"])
    made = made[trace.columns["ret"][made] >= 0]
    told = rows_where(lambda kind: kind == ev.K_UFFD_REGISTER, trace.columns["kind"])
    if len(made) and not len(told) and not any(name.startswith("ioctl(UFFDIO_") for name in trace.unmodelled):
        trace.notes.append(
            f"a userfaultfd is made (line {int(trace.columns['line'][made[0]])}), but the log has no ioctl of it: if"
            f" these were not recorded, areas come apart where it is registered, and {NOT_COUNTED}"
        )


__all__ = ["note_unseen", "show_execs"]
