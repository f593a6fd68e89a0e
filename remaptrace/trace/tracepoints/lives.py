"""Tasks through a kernel trace: who forked whom, who replaced its program, who ended.

A *life* is one task from its birth (or first record) to its exit; the same thread id may live twice.
The records of fork, exec and exit are few, so they are followed one by one in plain Python.
"""

from __future__ import annotations

import re
from bisect import bisect_left

import numpy as np
import numpy.typing as npt

from ...abi import kinds as ev
from ...abi.mman import CLONE_THREAD, CLONE_VFORK, CLONE_VM, THREAD_FLAGS
from ...abi.signals import PF_PROT, PF_WRITE
from ...counting import counted
from ...lateclasses import dataclass
from ..events import TASK_DTYPE
from .births import Foresight, has_own_memory
from .plan import EXEC_CALLS, EXIT_CALLS, FORK_CALLS
from .records import (
    OP_ENTER,
    OP_EXEC,
    OP_EXIT,
    OP_FAULT,
    OP_FORK,
    OP_LOST,
    OP_NEWTASK,
    OP_TASK_EXIT,
    R_A0,
    R_A1,
    R_A2,
    R_CALL,
    R_COMM,
    R_LINE,
    R_OP,
    R_TGID,
    R_TID,
    KernelText,
    text_of,
)

CSIGNAL = 0xFF
PF_WRITTEN = PF_PROT | PF_WRITE
_NO_NAME = re.compile(r"<\.\.\.>|:-?\d+")
"""What recorders print of a task whose name they do not know."""


@dataclass
class Found:
    """An event that following the tasks found. `key` orders it: twice the record's number, plus 1."""

    record: int  # whose line and time it has
    key: int
    kind: int
    task: int
    args: tuple[int, ...] = ()
    ret: int | None = None
    flags: int = 0

    def row(self) -> tuple[int, ...]:
        """The event in the order of `events.COLUMNS`."""
        flags = self.flags | (0 if self.ret is None else ev.EVF_HAS_RET)
        return (self.kind, self.task, *self.args, *(0,) * (6 - len(self.args)), self.ret or 0, flags)


@dataclass
class _Pending:
    """A fork, exec or exit call that has been entered and has not returned."""

    call: str
    flags: int
    record: int
    child: int = 0
    program: str = ""  # of an exec, where the text names it


class Lives:
    """The tasks of a text and the events of their births, execs and exits."""

    def __init__(
        self,
        text: KernelText,
        tids: npt.NDArray[np.integer],
        first_seen: npt.NDArray[np.int64],
        groups: dict[int, int],
        threads_of: int | None,
    ) -> None:
        """`groups`: processes of threads whose birth and group are not told; `threads_of`: that of all of them (0: the
        first one)."""
        self._groups = groups
        self._threads_of = threads_of
        self.events: list[Found] = []
        self.notes: list[str] = []
        self._text = text
        self._records = text.records
        self._tids = tids
        self._first = {int(text.records[R_TID, i]): int(i) for i in first_seen}
        self._rows: list[tuple[int, int, int]] = []  # tid, pid, parent
        self._starts: list[tuple[int, int, int]] = []  # tid, record, row
        self._alive: dict[int, int] = {}  # tid -> row
        self._born: set[int] = set()
        self._unborn: set[int] = set()  # rows of tasks whose birth was not seen
        self._pending: dict[int, _Pending] = {}
        self._flags: dict[int, int] = {}  # child -> flags that task_newtask told
        self._group_code: dict[int, int] = {}
        self._exec_at: dict[int, int] = {}  # tid -> its K_EXEC event that waits for the return
        self._last_child: dict[int, int] = {}  # parent -> child of its latest birth event
        self._copies: dict[int, int] = {}  # pid -> record at which its memory was last copied
        self._later: Foresight
        self._written: list[int] = []  # records of write faults on present pages
        self._deduced = {"thread": 0, "spawn": 0, "fork": 0}
        self._strings = {"": 0}

    # -- following

    def follow(self) -> None:
        """Go through all records of fork, exec and exit."""
        records = self._records
        calls = self._text.calls
        rare_calls = np.zeros(len(calls.names), dtype=bool)
        rare_calls[calls.these((*FORK_CALLS, *EXEC_CALLS, *EXIT_CALLS))] = True
        ops = records[R_OP]
        rare = (ops >= OP_FORK) | ((ops <= OP_EXIT) & rare_calls[records[R_CALL]])
        chosen = np.flatnonzero(rare)
        few = records[:, chosen]
        self._later = Foresight(chosen, few)
        written = (ops == OP_FAULT) & (records[R_A1] & PF_WRITTEN == PF_WRITTEN)
        self._written = np.flatnonzero(written).tolist()
        self._begin_with(few)
        exits_recorded = bool((ops == OP_TASK_EXIT).any())
        for record, fields in zip(chosen.tolist(), few.T.tolist(), strict=True):
            op, tid = fields[R_OP], fields[R_TID]
            if op == OP_ENTER:
                self._enter(record, tid, calls.names[fields[R_CALL]], fields[R_A0], exits_recorded)
            elif op == OP_EXIT:
                self._leave(record, tid, calls.names[fields[R_CALL]], fields[R_A0])
            elif op == OP_FORK:
                self._birth(record, tid, fields[R_A0], fields[R_A1])
            elif op == OP_NEWTASK:
                self._flags[fields[R_A0]] = fields[R_A1]
                self._birth(record, tid, fields[R_A0], 0)
            elif op == OP_EXEC:
                self._exec(record, fields[R_A0], fields[R_A1], fields[R_A2])
            elif op == OP_TASK_EXIT:
                self._exit(record, fields[R_A0])
            elif op == OP_LOST:
                self._pending.clear()
        for tid in self._first:
            if tid not in self._born:
                self._life(tid)
        self._note()

    def _begin_with(self, few: npt.NDArray[np.int64]) -> None:
        """Tasks whose birth no record shows are there from the start, in the order of their first records.

        A leader may end in front of all that its rows tell of its threads.
        """
        births = (few[R_OP] == OP_FORK) | (few[R_OP] == OP_NEWTASK)
        returns = (few[R_OP] == OP_EXIT) & (few[R_A0] > 0)
        born = {int(tid) for tid in few[R_A0, births | returns]}
        for tid, _ in sorted(self._first.items(), key=lambda item: item[1]):
            if tid >= 0 and tid not in born:
                self._life(tid)

    def _enter(self, record: int, tid: int, call: str, first: int, exits_recorded: bool) -> None:
        row = self._life(tid)
        flags = 0
        if call == "clone":
            flags = first & ~CSIGNAL & 0xFFFF_FFFF
        elif call == "vfork":
            flags = CLONE_VM | CLONE_VFORK
        elif call == "clone3":
            flags = -1
        self._pending[tid] = _Pending(call, flags, record)
        if call in EXEC_CALLS and self._text.programs:
            line = int(self._records[R_LINE, record])
            self._pending[tid].program = self._text.programs.get(line, "")
        if call in EXIT_CALLS:
            group = 1 if call == "exit_group" else 0
            code = first & 0xFFFF_FFFF
            self._pending[tid].flags = code
            self._found(record, ev.K_MARK, row, (self._string(call),))
            if group:
                self._group_code[self._rows[row][1]] = code
            if not exits_recorded:
                self._found(record, ev.K_EXIT, row, (code, group))
                self._end(tid)

    def _leave(self, record: int, tid: int, call: str, result: int) -> None:
        pending = self._pending.get(tid)
        if pending is not None:
            if pending.call == call:
                del self._pending[tid]
            else:
                pending = None
        if call in EXEC_CALLS:
            waiting = self._exec_at.pop(tid, None)
            if waiting is not None:
                event = self.events[waiting]
                event.record, event.key, event.ret = record, record * 2 + 1, result
            elif pending is not None or result == 0:
                program = self._string(pending.program) if pending is not None and result >= 0 else 0
                self._found(record, ev.K_EXEC, self._life(tid), (program, 0), result)
        elif call in FORK_CALLS:
            if pending is not None and 0 < result < 1 << 31 and not pending.child:
                self._pending[tid] = pending
                self._birth(record, tid, result, 0)
                del self._pending[tid]
            if pending is not None or result == 0:
                self._found(record, ev.K_MARK, self._life(tid), (self._string(call),), result)

    def _birth(self, record: int, parent: int, child: int, group: int) -> None:
        """`parent` made `child`, said by task_newtask, sched_process_fork or the call's result."""
        if child == parent:  # no task makes itself
            self._flags.pop(child, None)
            return
        pending = self._pending.get(parent)
        if pending is not None and pending.call in FORK_CALLS:
            if pending.child:
                self._flags.pop(child, None)
                return
            pending.child = child
        elif self._last_child.get(parent) == child and child in self._alive:
            self._flags.pop(child, None)  # the same birth, said by another record
            return
        self._last_child[parent] = child
        parent_row = self._life(parent)
        first = self._first.get(child, record)
        came_first = first < record and (child not in self._born or self._alive.get(child) in self._unborn)
        if pending is not None and pending.record > first:
            came_first = False
        if child in self._alive and not came_first:  # ended without a record of it
            self._found(record, ev.K_EXIT, self._alive[child], (0, 0), flags=ev.EVF_MADE)
            self._end(child)
        known = self._flags.pop(child, -1)
        if known < 0:  # other records of a birth may stand in front of task_newtask, but not those of another
            known = self._later.flags_of(child, record)
        if known < 0 and pending is not None:
            known = pending.flags
        flags = known if known >= 0 else self._deduce(record, parent_row, child, group)
        pid = self._rows[parent_row][1] if flags & CLONE_THREAD else child
        entered = pending.record if pending is not None and not flags & CLONE_VM else record
        copied = self._copied_before(entered, record, parent_row)
        key = copied * 2 if copied < record else record * 2 + 1
        if not flags & CLONE_VM:
            self._copies[self._rows[parent_row][1]] = copied
        if came_first:  # its first record stands before that of its birth
            record, key = first, first * 2
        if came_first and child in self._alive:
            row = self._alive[child]
            self._rows[row] = (child, pid, parent_row)
            self._unborn.discard(row)
        else:
            row = self._new_row(child, pid, parent_row, record)
        self.events.append(Found(record, key, ev.K_FORK, parent_row, (row, flags), child))

    def _copied_before(self, entered: int, record: int, parent_row: int) -> int:
        """The record in front of which the memory was copied by the fork entered at `entered`; `record`: not told.

        The scheduler announces a child when the copy is long made (kernel/fork.c: copy_process, then
        trace_sched_process_fork). Meanwhile other threads meet pages that the copy made read-only: a write fault
        on a present page that had been written since the copy before it proves that this copy is made.
        """
        pid = self._rows[parent_row][1]
        meets = self._written
        for at in meets[bisect_left(meets, entered) : bisect_left(meets, record)]:
            row = self._alive.get(int(self._records[R_TID, at]), parent_row)
            if row == parent_row or self._rows[row][1] != pid:
                continue
            page = int(self._records[R_A0, at]) >> 12
            before = self._records[:, self._copies.get(pid, 0) : entered]
            faults = np.flatnonzero((before[R_OP] == OP_FAULT) & (before[R_A0] >> 12 == page))
            mine = [
                f
                for f in faults.tolist()
                if (known := self._alive.get(int(before[R_TID, f]))) is not None
                and self._rows[known][1] == pid
            ]
            if mine and int(before[R_A1, mine[-1]]) & PF_WRITE:
                return at
        return record

    def _deduce(self, record: int, parent_row: int, child: int, group: int) -> int:
        """Clone flags that no record tells: from thread groups, a later exec, the way of the end."""
        if not group and child in self._first and child not in self._born:
            group = int(self._records[R_TGID, self._first[child]])
        leader = self._rows[parent_row][1]
        execs = self._later.execs_of(child, record)
        if group == leader:
            return THREAD_FLAGS
        if any(self._records[R_A0, at] != child for at in execs):
            self._deduced["thread"] += 1
            return THREAD_FLAGS  # its exec took a leader's id: only a thread that is none does that
        parent = self._rows[parent_row][0]
        if execs and has_own_memory(self._text, parent, child, record, execs[0]):
            self._deduced["fork"] += 1
            return 0
        if execs:
            self._deduced["spawn"] += 1
            return CLONE_VM | CLONE_VFORK
        others = (tid for tid, pid, _ in self._rows if pid == leader and tid not in (leader, child))
        if group == child or self._later.is_a_group(child, leader, record, others):
            self._deduced["fork"] += 1
            return 0
        self._deduced["thread"] += 1
        return THREAD_FLAGS

    def _exec(self, record: int, tid: int, old_tid: int, name: int) -> None:
        row = self._life(old_tid)
        if tid != old_tid:  # a thread that is not the leader takes the leader's id
            self._alive.pop(old_tid, None)
            self._alive[tid] = row
            self._born.add(tid)
            self._starts.append((tid, record, row))
            self._pending.pop(old_tid, None)
        self._exec_at[tid] = len(self.events)
        self._found(record, ev.K_EXEC, row, (self._string(text_of(self._text.data, name)), 0), 0)

    def _exit(self, record: int, tid: int) -> None:
        row = self._life(tid)
        pending = self._pending.get(tid)
        code = self._group_code.get(self._rows[row][1], 0)
        if pending is not None and pending.call in EXIT_CALLS:
            code = pending.flags
        self._found(record, ev.K_EXIT, row, (code, 0))
        self._end(tid)

    def _end(self, tid: int) -> None:
        self._alive.pop(tid, None)
        self._pending.pop(tid, None)
        self._exec_at.pop(tid, None)

    def _found(
        self, record: int, kind: int, task: int, args: tuple[int, ...], ret: int | None = None, flags: int = 0
    ) -> None:
        self.events.append(Found(record, record * 2 + 1, kind, task, args, ret, flags))

    # -- rows

    def _life(self, tid: int) -> int:
        """The row of the task that has this thread id now; of a new one if its birth was not seen."""
        row = self._alive.get(tid)
        if row is not None:
            return row
        first = self._first.get(tid, 0)
        group = (int(self._records[R_TGID, first]) if tid in self._first else 0) or self._group_of(tid)
        if group and group != tid and tid not in self._born:
            leader = self._life(group)
            row = self._new_row(tid, group, leader, first)
            made = Found(first, first * 2, ev.K_FORK, leader, (row, THREAD_FLAGS), flags=ev.EVF_MADE)
            self.events.append(made)
            return row
        row = self._new_row(tid, group or tid, -1, first if tid not in self._born else len(self._tids))
        self._unborn.add(row)
        return row

    def _group_of(self, tid: int) -> int:
        """The process of a task whose birth and thread group the text does not tell, as far as known; else 0."""
        if tid in self._born:
            return 0
        if self._threads_of is None:
            return self._groups.get(tid, 0)
        return self._threads_of or (self._rows[0][1] if self._rows else tid)

    def _new_row(self, tid: int, pid: int, parent: int, record: int) -> int:
        row = len(self._rows)
        self._rows.append((tid, pid, parent))
        self._starts.append((tid, record, row))
        self._alive[tid] = row
        self._born.add(tid)
        return row

    def rows_of_records(self) -> npt.NDArray[np.int32]:
        """For each record the row of the task that it belongs to."""
        tid = self._records[R_TID]
        if not len(tid):
            return np.zeros(0, dtype=np.int32)
        by_tid: dict[int, list[tuple[int, int]]] = {}
        for tid_, record, row in self._starts:
            by_tid.setdefault(tid_, []).append((record, row))
        first_rows = np.full(int(self._tids.max()) + 1, -1, dtype=np.int32)
        again: list[int] = []
        for tid_, first in self._first.items():
            lives = by_tid[tid_]
            first_rows[self._tids[first]] = min(lives)[1]
            if len(lives) > 1:
                again.append(tid_)
        rows: npt.NDArray[np.int32] = first_rows[self._tids]
        for tid_ in again:
            here = np.flatnonzero(self._tids == self._tids[self._first[tid_]])
            for record, row in sorted(by_tid[tid_])[1:]:
                rows[here[np.searchsorted(here, record) :]] = row
        return rows

    def tables(self, rows: npt.NDArray[np.int32]) -> tuple[list[str], npt.NDArray[np.void]]:
        """Strings and tasks of the trace. A task is called what its last record calls it."""
        last = np.full(len(self._rows), -1, dtype=np.int64)
        if len(rows):
            last[rows] = np.arange(len(rows))
        tasks = []
        for (tid, pid, parent), record in zip(self._rows, last.tolist(), strict=True):
            comm = text_of(self._text.data, int(self._records[R_COMM, record])) if record >= 0 else ""
            tasks.append((tid, pid, self._string("" if _NO_NAME.fullmatch(comm) else comm), parent))
        return list(self._strings), np.array(tasks, dtype=TASK_DTYPE)

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))

    def _note(self) -> None:
        words = {
            "thread": "assumed to be threads",
            "spawn": "assumed to be posix_spawn or vfork (they exec)",
            "fork": "assumed to be forks with a copy of the memory",
        }
        for what, count in self._deduced.items():
            if count:
                self.notes.append(
                    f"{counted(count, 'birth')} whose clone flags the trace does not tell: {words[what]}"
                )
