"""What a kernel trace says later on about a task that was born: how its fork was meant, where no flags are told.

clone3 has its flags behind a pointer, and recorders leave records out. What the child does then proves what it is: an
exec, the thread group of its records, the way in which it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from .records import (
    OP_ENTER,
    OP_EXEC,
    OP_EXIT,
    OP_FAULT,
    OP_NEWTASK,
    OP_TASK_EXIT,
    R_A0,
    R_A1,
    R_CALL,
    R_OP,
    R_TID,
    KernelText,
)

_MAPPING = ("mmap", "mmap2", "old_mmap", "munmap", "mremap", "mprotect", "madvise", "brk")
"""Calls that no child makes which borrows its memory until it executes a program."""


class Foresight:
    """Where each thread id execs and ends, and the clone flags that task_newtask tells, by records."""

    def __init__(self, chosen: npt.NDArray[np.int64], few: npt.NDArray[np.int64]) -> None:
        """`few`: the records of numbers `chosen`, a column each."""
        self._execs: dict[int, list[int]] = {}
        self._told: dict[int, list[tuple[int, int]]] = {}  # child -> records of task_newtask, flags
        self._ends: dict[int, list[tuple[int, int]]] = {}

        def of(op: int) -> Iterator[tuple[int, int, int]]:
            """Record and first two words of each record of `op`."""
            columns = np.flatnonzero(few[R_OP] == op)
            parts = (chosen[columns], few[R_A0, columns], few[R_A1, columns])
            return zip(*(part.tolist() for part in parts), strict=True)

        for record, _, old_tid in of(OP_EXEC):
            self._execs.setdefault(old_tid, []).append(record)
        for record, child, flags in of(OP_NEWTASK):
            self._told.setdefault(child, []).append((record, flags))
        for record, tid, group_dead in of(OP_TASK_EXIT):
            self._ends.setdefault(tid, []).append((record, group_dead))

    def end_after(self, tid: int, record: int) -> tuple[int, int]:
        """Where the life of `tid` behind `record` ends, and what its group_dead says (-1: nothing)."""
        return next(((at, dead) for at, dead in self._ends.get(tid, ()) if at > record), (1 << 62, -1))

    def flags_of(self, child: int, record: int) -> int:
        """The flags that task_newtask tells of `child` behind `record`, while it lives; -1: none."""
        ended = self.end_after(child, record)[0]
        return next((flags for at, flags in self._told.get(child, ()) if record < at < ended), -1)

    def execs_of(self, child: int, record: int) -> list[int]:
        """The execs of the life of `child` that began at `record`."""
        ended = self.end_after(child, record)[0]
        return [at for at in self._execs.get(child, ()) if record < at < ended]

    def is_a_group(self, child: int, leader: int, record: int, others: Iterable[int]) -> bool:
        """Whether the ends prove that `child` is a process of its own, and no thread of `leader`'s.

        group_dead (do_exit of kernel/exit.c) is true of the last thread of a group to end, which need not be
        the leader. A group has one such end, and none of its threads comes behind it. `others`: the other threads of
        the leader's group that are known.
        """
        ended, dead = self.end_after(child, record)
        last, leader_dead = self.end_after(leader, record)
        if leader_dead == 1 and last < ended:
            return True  # the parent's group was over
        if dead != 1:
            return False
        if last > ended:
            return True  # the last of its group, while the parent's group lived
        if leader_dead != 0:
            return leader_dead < 0  # not told of the leader: the child's own word stands
        # The leader left others behind, and one of them is the last of its group: this one, unless
        # another thread of the group is known to be.
        return any(self.end_after(tid, record)[1] == 1 for tid in others)


def has_own_memory(text: KernelText, parent: int, child: int, born: int, execs: int) -> bool:
    """Whether the records between a birth and the child's exec prove a copy of the memory.

    vfork and posix_spawn stop the thread that calls them until the exec (kernel/fork.c: wait_for_vfork_done), and
    what borrows its memory maps nothing.
    """
    between = text.records[:, born + 1 : execs]
    ops, tids = between[R_OP], between[R_TID]
    entered = ops == OP_ENTER
    ran = entered | (ops == OP_EXIT) | (ops == OP_FAULT)
    maps = entered & np.isin(between[R_CALL], text.calls.these(_MAPPING))
    return bool((ran & (tids == parent)).any() or (maps & (tids == child)).any())
