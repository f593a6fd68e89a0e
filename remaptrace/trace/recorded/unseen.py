"""Execs that a log does not show: ``strace -e trace=memory`` and tracepoints of memory calls alone leave them out.

brk(NULL) answers the break that the last brk of the address space left, unless a program took its place: execve
gives the new one a heap of its own (fs/binfmt_elf.c: load_elf_binary). Where a log shows no execve at all, an answer
that no call explains is the first of another program.
"""

from __future__ import annotations

import numpy as np

from ...abi import kinds as ev
from ..events import Trace
from ..insertion import Insert, insert

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
        f"the log shows no execve, but brk(NULL) answers a break that no call explains {len(lines)} times (line"
        f" {where}): another program is taken to begin there"
    )


def _unexplained(trace: Trace) -> list[tuple[int, int]]:
    """Events and tasks of brk(NULL) with an answer that is not the break of its address space."""
    columns = trace.columns
    pid_of = trace.tasks["pid"].tolist()
    breaks: dict[int, int] = {}
    found: list[tuple[int, int]] = []
    wanted = np.flatnonzero(np.isin(columns["kind"], (ev.K_BRK, ev.K_FORK)))
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


__all__ = ["show_execs"]
