"""Counters of the back ends that do not stop the program: read in the kernel, at the return of every memory call.

A small program at the tracepoint of system call returns writes `mm->map_count` and its neighbours into a ring, for the
tasks that are recorded and all they give birth to. It needs the right to load such programs (root, or CAP_BPF and
CAP_PERFMON), Linux 5.8 and the kernel's own description of its structures; the machine's words are known of x86_64.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from ...trace.syscalls import TABLES
from ..calls import COUNTED, SERIAL
from ..counters import COUNTS_HEADER, UNTOLD
from ..libc import machine
from .bpf import (
    ARRAY,
    CURRENT_TASK,
    DELETE,
    FP,
    HASH,
    KTIME,
    LOOKUP,
    LRU_HASH,
    PID_TGID,
    R0,
    R1,
    R2,
    R3,
    R4,
    R6,
    R7,
    R8,
    R9,
    RINGBUF,
    RINGBUF_OUTPUT,
    UPDATE,
    Kernel,
    Program,
    Ring,
)
from .btf import running_kernel

_RING = 1 << 23
_MOST_TASKS = 1 << 16
_FORKS = frozenset(
    ("fork", "clone", "clone3", "exit_group")
)  # change nothing of the address space of who calls
_COMPAT = 2  # TS_COMPAT, arch/x86/include/asm/thread_info.h
_WORDS = ("map_count", "total_vm", "data_vm", "stack_vm", "locked_vm")
_ROW = struct.Struct("=QIIIIqQQQQQ")
# The frame: a row, and words of work.
_ROW_AT, _KEY, _WORK, _FLAG, _SEEN, _TASK = -80, -88, -96, -104, -112, -120
# What is known of a process: how many of its tasks are in a memory call, how many calls were begun.
_INSIDE, _ENTERED = 0, 8
_IN = 2  # what is known of a task: it is in a memory call (else 1)
_IF_NEW = 1  # BPF_NOEXIST
_AT_ENTRY, _UNTOLD = 1, 2  # of a row
_WAITERS = ~6  # of the words of a lock that nobody holds: who waits, kernel/locking/rwsem.c


class CountsError(Exception):
    """Why the kernel's counters cannot be had, in words."""


def _nowhere(_text: str) -> None:
    """Before `begin`."""


class KernelCounts:
    """Counters of tasks, as lines of mapcount.txt. CountsError where they cannot be had."""

    def __init__(self) -> None:
        if machine() != "x86_64":
            raise CountsError(f"registers of {machine()} are not known")
        self._write: Callable[[str], None] = _nowhere
        self._root = 0
        self._begun = False
        self.rows = 0
        self._names = {
            number: name
            for number, name in TABLES["x86_64"].items()
            if name in COUNTED and name != "exit_group"
        }
        self._exec = {number for number, name in self._names.items() if name.startswith("execve")}
        self._serial = {number for number, name in TABLES["x86_64"].items() if name in SERIAL - _FORKS}
        self._leave = next(number for number, name in TABLES["x86_64"].items() if name == "exit_group")
        kernel = self._kernel = Kernel("x86_64")
        try:
            self._build(kernel)
        except (OSError, LookupError, ValueError) as error:
            kernel.close()
            reason = (
                error.strerror if isinstance(error, OSError) else "this kernel's structures are not known"
            )
            raise CountsError(f"bpf: {reason}") from None

    def _build(self, kernel: Kernel) -> None:
        types = running_kernel()
        task = types.offsets("task_struct", ("pid", "mm", "thread_info"))
        status = task["thread_info"] + types.offsets("thread_info", ("status",))["status"]
        self._words = types.offsets("mm_struct", (*_WORDS, "mmap_lock"))
        self._lock = self._words["mmap_lock"] + types.offsets("rw_semaphore", ("count",))["count"]
        self._number = types.offsets("pt_regs", ("orig_ax",))["orig_ax"]
        self._tasks = kernel.map(HASH, 4, 4, _MOST_TASKS)
        self._groups = kernel.map(LRU_HASH, 4, 16, _MOST_TASKS)
        self._left_out = kernel.map(ARRAY, 4, 8, 2)
        self._ring_fd = kernel.map(RINGBUF, 0, 0, _RING)
        self._ring = Ring(self._ring_fd, _RING)
        kernel.attach("sched_process_fork", self._born(task["pid"]))
        kernel.attach("sched_process_exec", self._execs(task["pid"]))
        kernel.attach("sched_process_exit", self._dies())
        kernel.attach("sys_exit", self._returns(task["mm"], status))
        kernel.attach("sys_enter", self._enters(task["mm"], status))

    def begin(self, write: Callable[[str], None], root: int, tids: Sequence[int], *, begun: bool) -> None:
        """Count for these tasks; `begun`: not only from the exec of `root` on."""
        self._write, self._root, self._begun = write, root, begun
        write(COUNTS_HEADER)
        for tid in tids:
            self._kernel.update(self._tasks, struct.pack("=I", tid), struct.pack("=I", 1))

    # -- programs

    def _if_watched(self, code: Program) -> None:
        """Goes on with the program if the task whose number is the key is watched."""
        code.map_of(R1, self._tasks)
        code.frame(R2, _KEY)
        code.call(LOOKUP)
        code.if_equal(R0, 0, "end")

    def _add(self, code: Program) -> None:
        code.put(_FLAG, 1)
        code.map_of(R1, self._tasks)
        code.frame(R2, _KEY)
        code.frame(R3, _FLAG)
        code.number(R4, 0)
        code.call(UPDATE)
        code.place("end")
        code.end()

    def _born(self, pid: int) -> Program:
        """sched_process_fork(parent, child): who is born to a watched task is watched."""
        code = Program()
        code.copy(R6, R1)
        code.zero(_KEY)
        code.load(R7, R6, 0)
        code.read(_KEY, 4, R7, pid)
        self._if_watched(code)
        code.load(R7, R6, 8)
        code.read(_KEY, 4, R7, pid)
        self._add(code)
        return code

    def _execs(self, pid: int) -> Program:
        """sched_process_exec(task, old pid, ...): a thread that execs goes on under its leader's number."""
        code = Program()
        code.copy(R6, R1)
        code.zero(_KEY)
        code.load(R7, R6, 8)
        code.store(FP, _KEY, R7, 4)
        self._if_watched(code)
        code.load(R7, R6, 0)
        code.read(_KEY, 4, R7, pid)
        self._add(code)
        return code

    def _dies(self) -> Program:
        """sched_process_exit: its number may be anybody's afterwards."""
        code = Program()
        code.zero(_KEY)
        code.call(PID_TGID)
        code.store(FP, _KEY, R0, 4)
        code.map_of(R1, self._tasks)
        code.frame(R2, _KEY)
        code.call(DELETE)
        code.end()
        return code

    def _enters(self, mm: int, status: int) -> Program:
        """sys_enter(regs, number): who begins a memory call is inside until it returns; exit_group is counted here."""
        code = Program()
        self._known(code)
        code.load(R8, R6, 8)
        code.if_equal(R8, self._leave, "leave")
        self._if_number(code, sorted(self._serial), "enter")
        code.place("enter")
        self._if_native(code, status)
        self._made(code)
        self._inside_of(code)
        code.count(R0, _INSIDE, 1)
        code.count(R0, _ENTERED, 1)
        code.number(R1, _IN)
        code.store(R9, 0, R1, 4)
        code.go("end")
        code.place("leave")
        self._made(code)
        self._read(code, mm, entry=True)
        return code

    def _returns(self, mm: int, status: int) -> Program:
        """sys_exit(regs, result): the task is outside again; of calls that are counted the counters are read."""
        code = Program()
        self._known(code)
        code.load(R8, R6, 0)
        code.zero(_WORK)
        code.read(_WORK, 8, R8, self._number)
        code.load(R8, FP, _WORK)
        code.load(R1, R9, 0, 4)
        code.if_unequal(R1, _IN, "out")
        code.number(R1, 1)
        code.store(R9, 0, R1, 4)
        self._inside_of(code)
        code.count(R0, _INSIDE, -1)
        code.place("out")
        self._if_number(code, sorted(self._names), "ours")
        code.place("ours")
        self._if_native(code, status)
        self._made(code)
        self._read(code, mm, entry=False)
        return code

    def _known(self, code: Program) -> None:
        """Goes on with a task that is watched: r6 its arguments, r7 its numbers, r9 what is known of it."""
        code.copy(R6, R1)
        code.call(PID_TGID)
        code.copy(R7, R0)
        code.zero(_KEY)
        code.store(FP, _KEY, R7, 4)
        self._if_watched(code)
        code.copy(R9, R0)

    def _if_number(self, code: Program, wanted: Sequence[int], place: str) -> None:
        """Goes to `place`, which follows, if r8 is one of the numbers; else to the end."""
        for number in wanted:
            code.if_equal(R8, number, place)
        code.go("end")

    def _if_native(self, code: Program, status: int) -> None:
        """Goes to the end in a call of a 32-bit program: those have other numbers."""
        code.call(CURRENT_TASK)
        code.copy(R4, R0)
        code.store(FP, _TASK, R0)
        code.zero(_WORK)
        code.read(_WORK, 4, R4, status)
        code.load(R1, FP, _WORK)
        code.op(0x57, R1, imm=_COMPAT)
        code.if_unequal(R1, 0, "end")

    def _process_key(self, code: Program) -> None:
        """The key = the number of the process of the task whose numbers r7 has."""
        code.copy(R1, R7)
        code.op(0x77, R1, imm=32)
        code.zero(_KEY)
        code.store(FP, _KEY, R1, 4)

    def _made(self, code: Program) -> None:
        """Makes sure that something is known of the task's process; r7 has its number."""
        self._process_key(code)
        code.zero(_ROW_AT)
        code.zero(_ROW_AT + 8)
        code.map_of(R1, self._groups)
        code.frame(R2, _KEY)
        code.frame(R3, _ROW_AT)
        code.number(R4, _IF_NEW)
        code.call(UPDATE)

    def _read(self, code: Program, mm: int, *, entry: bool) -> None:
        """Write a row, if nobody else of the process is in a memory call or was meanwhile."""
        code.store(FP, _ROW_AT + 8, R7)
        code.store(FP, _ROW_AT + 16, R8)
        code.zero(_ROW_AT + 24)
        if not entry:
            code.load(R1, R6, 8)
            code.store(FP, _ROW_AT + 24, R1)
        self._inside_of(code)
        code.load(R1, R0, _INSIDE)
        code.if_unequal(R1, 0, "unsettled")
        code.load(R1, R0, _ENTERED)
        code.store(FP, _SEEN, R1)
        if entry:
            code.call(CURRENT_TASK)
        else:
            code.load(R0, FP, _TASK)
        code.copy(R9, R0)
        code.read(_WORK, 8, R9, mm)
        code.load(R9, FP, _WORK)
        code.if_equal(R9, 0, "end")
        self._if_unlocked(code)
        for at, name in enumerate(_WORDS):
            off = _ROW_AT + 32 + 8 * at
            code.zero(off)
            code.read(off, 4 if name == "map_count" else 8, R9, self._words[name])
        self._if_unlocked(code)
        self._inside_of(code)
        code.load(R1, R0, _ENTERED)
        code.load(R2, FP, _SEEN)
        code.op(0x5D, R1, R2, "unsettled")
        code.load(R1, R0, _INSIDE)
        code.if_unequal(R1, 0, "unsettled")
        self._put(code, _AT_ENTRY if entry else 0)
        code.if_equal(R0, 0, "end")
        code.number(R8, 0)
        code.go("count")
        code.place("unsettled")
        self._untold(code, entry)
        code.number(R8, 1)
        code.place("count")
        code.zero(_KEY)
        code.store(FP, _KEY, R8, 4)
        code.map_of(R1, self._left_out)
        code.frame(R2, _KEY)
        code.call(LOOKUP)
        code.if_equal(R0, 0, "end")
        code.count(R0, 0, 1)
        code.place("end")
        code.end()

    def _untold(self, code: Program, entry: bool) -> None:
        """A row that says when, and no counters."""
        for at in range(len(_WORDS)):
            code.zero(_ROW_AT + 32 + 8 * at)
        self._put(code, _UNTOLD | (_AT_ENTRY if entry else 0))

    def _put(self, code: Program, flags: int) -> None:
        """Write the row; r0 is not 0 if there is no room."""
        code.put(_ROW_AT + 20, flags)
        code.call(KTIME)
        code.store(FP, _ROW_AT, R0)
        code.map_of(R1, self._ring_fd)
        code.frame(R2, _ROW_AT)
        code.number(R3, _ROW.size)
        code.number(R4, 0)
        code.call(RINGBUF_OUTPUT)

    def _inside_of(self, code: Program) -> None:
        """r0 = what is known of the task's process; to the end if nothing is."""
        self._process_key(code)
        code.map_of(R1, self._groups)
        code.frame(R2, _KEY)
        code.call(LOOKUP)
        code.if_equal(R0, 0, "end")

    def _if_unlocked(self, code: Program) -> None:
        """Goes on if nobody has the address space r9 locked: faults and stacks that grow change it without a call."""
        code.zero(_WORK)
        code.read(_WORK, 8, R9, self._lock)
        code.load(R1, FP, _WORK)
        code.op(0x57, R1, imm=_WAITERS)
        code.if_unequal(R1, 0, "unsettled")

    # -- what they wrote

    def drain(self) -> None:
        """Write the lines that are there, from the program's exec on."""
        lines = []
        for record in self._ring.records():
            time, tid, tgid, number, flags, ret, *counters = _ROW.unpack(record)
            if not self._begun:
                if tid != self._root or number not in self._exec or ret:
                    continue
                self._begun = True
            event = "enter_exit_group" if flags & _AT_ENTRY else f"exit_{self._names[number]}"
            words = UNTOLD if flags & _UNTOLD else " ".join(map(str, counters))
            lines.append(f"{time} {tgid} {tid} {event} {ret & (1 << 64) - 1:x} {words}\n")
        if lines and self._write is not _nowhere:
            self.rows += len(lines)
            self._write("".join(lines))

    def stop(self) -> None:
        """Write what is there, and nothing more: the tasks go on unrecorded."""
        self.drain()
        self._write = _nowhere

    def left_out(self) -> dict[str, int]:
        """How many did not fit, and how many were not read because another thread was at work."""
        lost, unsettled = (self._kernel.lookup(self._left_out, struct.pack("=I", key), 8) for key in (0, 1))
        return {"lost": int.from_bytes(lost, "little"), "unsettled": int.from_bytes(unsettled, "little")}

    def close(self) -> None:
        """Give everything back."""
        self._kernel.close()
        self._ring.close()
