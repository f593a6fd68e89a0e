"""The own tracer: every memory call of a program, one after the other, with counters; needs no rights.

Where it starts the program, a seccomp filter stops only the calls that matter; in a running program every call stops.
Memory calls of the threads of one process are let in one at a time, so that the text has the order in which the kernel
did its work, and counters read behind a call are those behind this call. The text is what strace would print.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from contextlib import suppress

from ..abi.mman import CLONE_THREAD
from ..trace.syscalls import TABLES
from . import calls, libc, text
from .counters import COUNTS_HEADER, UNTOLD, Pace, counters
from .faults import FaultRings
from .folder import SetFolder
from .watcher import Tracee, Watcher

_MAKERS = ("execve", "execveat", "fork", "clone", "clone3")  # refused, they leave no event
_STUCK = 0.2
"""Seconds after which a queue behind a call that waits for something is let go all the same."""


class Tracer(Watcher):
    """Records calls besides what the watcher keeps. `seccomp`: the program was started under the filter."""

    def __init__(
        self,
        folder: SetFolder,
        *,
        follow: bool = True,
        seccomp: bool = True,
        counts: Pace | None = None,
        limit: int = 0,
    ) -> None:
        super().__init__(folder, follow=follow)
        self.options = Watcher.options | libc.O_SYSGOOD
        if seccomp:
            self.options |= libc.O_SECCOMP | libc.O_EXITKILL
        self.seccomp = seccomp
        self.pace = counts
        self.limit = limit
        self.recorded = 0
        self.unserialised = 0
        self.unknown_arches: dict[int, int] = {}
        self._entries: dict[int, text.Entry] = {}
        self._inside: dict[int, tuple[int, float]] = {}  # by process: the task in a serial call, since when
        self._queues: dict[int, deque[int]] = {}
        self._waiting: dict[int, text.Entry] = {}
        self._left: set[int] = set()  # processes that called exit_group
        self._begun = False
        self._page = os.sysconf("SC_PAGE_SIZE")
        self.offset = time.time_ns() - time.monotonic_ns()
        """What makes a CLOCK_MONOTONIC moment one since the epoch, which strace text has."""
        self.faults: FaultRings | None = None
        if counts is not None:
            folder.write("mapcount.txt", COUNTS_HEADER)

    def begin(self) -> None:
        """The text begins here, not at the first exec: the program runs already."""
        self._begun = True
        self.folder.write("strace.txt", "")  # also if the program makes no call
        if self.faults is not None:
            self.faults.begun = time.monotonic_ns()

    def sample_faults(self, tids: list[int]) -> str | None:
        """Sample page faults too; why not, where the kernel does not grant it."""
        rings = FaultRings(self._write_faults, self.offset)
        try:
            rings.open(tids, libc.machine())
        except OSError as error:
            return error.strerror
        self.faults = rings
        self.ticks.append(rings.drain)
        self.folder.write(
            "faults.txt", "# page faults: time_ns pid tid address ip kind (w, r, x; ?: not known)\n"
        )
        return None

    def _write_faults(self, lines: str) -> None:
        if self._begun and self.ended != "limit":
            self.folder.write("faults.txt", lines)

    def finish(self) -> None:
        """Everything has ended: write what is left."""
        if self.faults is not None:
            self.faults.finish()
            self.faults.close()

    def _settle_faults(self, task: Tracee) -> None:
        if self.faults is not None:
            self.faults.settle(task.tgid, task.tid)

    # -- time and lines

    def _now(self) -> int:
        return time.monotonic_ns() + self.offset

    def _line(self, tid: int, words: str, moment: int = 0) -> None:
        if not self._begun or (self.limit and self.folder.written > self.limit):
            if self._begun and self.ended == "exited":
                self.ended = "limit"
            return
        moment = moment or self._now()
        self.folder.write("strace.txt", f"{tid} {moment // 10**9}.{moment % 10**9:09d} {words}\n")
        self.recorded += 1

    def _count(self, task: Tracee, event: str, ret: int, *, always: bool = False) -> None:
        if self.pace is None or not self._begun or self.ended == "limit":
            return
        words = UNTOLD
        if self.pace.due(ret == -12) or always:
            found = counters(task.tid, self._page)
            if found is None:
                return
            self.pace.read(found[0])
            words = " ".join(map(str, found))
        moment = time.monotonic_ns() + self.offset
        self.folder.write(
            "mapcount.txt", f"{moment} {task.tgid} {task.tid} {event} {ret & (1 << 64) - 1:x} {words}\n"
        )

    # -- stops

    def how_to_resume(self, task: Tracee) -> int:
        """To the exit of a call that is being recorded; without a filter to the next call."""
        return libc.SYSCALL if not self.seccomp or task.tid in self._entries else libc.CONT

    def stopped(self, task: Tracee, sig: int, event: int) -> None:
        """Seccomp and system call stops; the rest is the watcher's."""
        if event == libc.EV_SECCOMP:
            self._entered(task, libc.syscall_info(task.tid))
        elif event == 0 and sig == signal.SIGTRAP | 0x80:
            info = libc.syscall_info(task.tid)
            if info.op == libc.INFO_ENTRY and not self.seccomp:
                self._entered(task, info)
            elif info.op == libc.INFO_EXIT:
                self._returned(task, info.ret)
            else:
                self.resume(task)
        else:
            super().stopped(task, sig, event)

    def _entered(self, task: Tracee, info: libc.SyscallInfo) -> None:
        machine = libc.AUDIT_ARCHES.get(info.arch)
        if machine is None:
            self.unknown_arches[info.arch] = self.unknown_arches.get(info.arch, 0) + 1
            self.resume(task)
            return
        name = TABLES[machine].get(info.nr, "")
        args = info.args
        if machine == "i386" and name == "mmap":
            name, args = _old_mmap(task.tid, args)
        if not calls.is_recorded(name, args) or self._leaving or task.tgid in self._left:
            self.resume(task)
            return
        entry = text.entered(task.tid, name, args, machine != "i386", self._now())
        if name in calls.SERIAL:
            holder = self._inside.get(task.tgid)
            if holder is not None and holder[0] != task.tid:
                self._queues.setdefault(task.tgid, deque()).append(task.tid)
                self._waiting[task.tid] = entry
                return
            self._inside[task.tgid] = (task.tid, time.monotonic())
        self._let_in(task, entry)

    def _let_in(self, task: Tracee, entry: text.Entry) -> None:
        self._entries[task.tid] = entry
        if entry.name in calls.SERIAL or entry.name in calls.COUNTED or entry.name in ("vfork", "exit"):
            self._settle_faults(task)
        if entry.name == "exit_group":
            self._line(task.tid, f"exit_group({entry.words}) = ?")
            self._count(task, "enter_exit_group", 0, always=True)
            self._left.add(
                task.tgid
            )  # what other threads still do until they are killed comes behind the end
            self.exit_maps(task)
            del self._entries[task.tid]
            self._release(task)
        elif entry.name == "exit":
            self._line(task.tid, f"exit({entry.words}) = ?")
            del self._entries[task.tid]
        elif entry.name in ("fork", "vfork", "clone", "clone3") and not self.follow:
            more = libc.O_CLONE if entry.flags & CLONE_THREAD else 0
            libc.ptrace(libc.SETOPTIONS, task.tid, 0, self.options | more)
        self.resume(task)

    def seize(self, pid: int) -> None:
        """Without a filter the waiting child has to stop once, for its next calls to be seen."""
        super().seize(pid)
        if not self.seccomp:
            libc.ptrace(libc.INTERRUPT, pid)

    def _returned(self, task: Tracee, ret: int) -> None:
        self._write_return(task, ret)
        self.resume(task)

    def _write_return(self, task: Tracee, ret: int) -> None:
        entry = self._entries.pop(task.tid, None)
        if entry is not None and task.tgid not in self._left:
            self._line(task.tid, f"{entry.name}({entry.words}) = {text.result(task.tid, entry, ret)}")
            happened = not -4095 <= ret <= -512 and (ret >= 0 or entry.name not in _MAKERS)
            if entry.name in calls.COUNTED and happened:
                self._count(task, f"exit_{entry.name}", ret)
        if entry is not None:
            self._release(task)

    def _release(self, task: Tracee) -> None:
        """The task has left its serial call: the next of its process may enter."""
        holder = self._inside.get(task.tgid)
        if holder is None or holder[0] != task.tid:
            return
        del self._inside[task.tgid]
        queue = self._queues.get(task.tgid)
        while queue:
            tid = queue.popleft()
            other, entry = self.tasks.get(tid), self._waiting.pop(tid, None)
            if other is None or entry is None:
                continue
            self._inside[task.tgid] = (tid, time.monotonic())
            try:
                self._let_in(other, entry)
            except ProcessLookupError:
                self._entries.pop(tid, None)
                self._inside.pop(task.tgid, None)
                continue
            if task.tgid in self._inside:
                return

    def tick(self, now: float) -> None:
        """A call that waits (for a handler of user faults, a file system) must not hold up who it waits for."""
        for tgid, (tid, since) in list(self._inside.items()):
            if self._queues.get(tgid) and now - since > _STUCK and tid in self.tasks:
                self.unserialised += 1
                self._release(self.tasks[tid])
        super().tick(now)

    # -- what happened

    def on_birth(self, parent: Tracee, child: Tracee) -> None:
        """The fork's line stands before the first line of its child."""
        entry = self._entries.pop(parent.tid, None)
        if entry is not None:
            self._line(parent.tid, f"{entry.name}({entry.words}) = {child.tid}")
            if entry.name in calls.COUNTED:
                self._count(parent, f"exit_{entry.name}", child.tid)
        self._release(parent)

    def on_exec(self, task: Tracee, old: Tracee | None, former: int) -> None:
        """The exec's line. Called by another thread, the leader's tid goes over to it."""
        if task.tid == self.root and not self._begun:
            self.begin()
        entry = self._entries.pop(former, None)
        self._forget(task.tgid)
        if former != task.tid:
            self._line(task.tid, f"+++ superseded by execve in pid {former} +++")
        if entry is not None:
            self._line(task.tid, f"{entry.name}({entry.words}) = 0")
        self._left.discard(task.tgid)
        self._count(task, f"exit_{entry.name if entry else 'execve'}", 0, always=True)

    def _forget(self, tgid: int) -> None:
        """Drop what threads of a process had under way: they are gone."""
        self._inside.pop(tgid, None)
        for tid in self._queues.pop(tgid, ()):
            self._waiting.pop(tid, None)
        for tid, task in self.tasks.items():
            if task.tgid == tgid:
                self._entries.pop(tid, None)

    def on_signal(self, task: Tracee, sig: int) -> None:
        """A SIGSEGV or SIGBUS explains the access before it."""
        if sig not in (signal.SIGSEGV, signal.SIGBUS):
            return
        with suppress(OSError):
            signo, code, address = libc.signal_info(task.tid)
            if 0 < code < 0x80:
                name = signal_name(signo)
                self._line(
                    task.tid, f"--- {name} {{si_signo={name}, si_code={code}, si_addr={hex(address)}}} ---"
                )

    def last_stop(self, task: Tracee, sig: int, event: int) -> None:
        """A call that returns here is still recorded."""
        if event == 0 and sig & 0x80:
            info = libc.syscall_info(task.tid)
            if info.op == libc.INFO_EXIT:
                self._write_return(task, info.ret)

    def at_last(self, task: Tracee) -> None:
        """What was touched up to here, and the maps."""
        self._settle_faults(task)
        self._begun = False
        super().at_last(task)

    def on_leaving(self, task: Tracee) -> None:
        """At exit_group the maps were kept already: other threads may have changed them since."""
        self._settle_faults(task)
        self._cut(task)
        if task.tgid not in self._left:
            self.exit_maps(task)

    def _cut(self, task: Tracee) -> None:
        entry = self._entries.pop(task.tid, None)
        if (
            entry is not None and task.tgid not in self._left
        ):  # killed inside a call: whether it was done nobody saw
            self._line(task.tid, f"{entry.name}({entry.words}) = ?")
        self._waiting.pop(task.tid, None)
        self._release(task)

    def on_end(self, task: Tracee, status: int) -> None:
        """The last line of a task."""
        self._cut(task)
        if os.WIFSIGNALED(status):
            core = " (core dumped)" if os.WCOREDUMP(status) else ""
            number = os.WTERMSIG(status)
            name = signal_name(number)
            self._line(task.tid, f"+++ killed by {name}{core} +++")
        else:
            self._line(task.tid, f"+++ exited with {os.WEXITSTATUS(status)} +++")

    def leave(self) -> None:
        """Under the filter a task without tracer could make no memory call: it is kept, no longer recorded."""
        if not self.seccomp:
            super().leave()
            return
        if self.ended == "exited":
            self.ended = "detached"
            self.limit = 1  # nothing more is written
        for tgid in list(self._inside):
            holder = self.tasks.get(self._inside[tgid][0])
            if holder is not None:
                self._release(holder)


def signal_name(number: int) -> str:
    """``SIGSEGV`` for 11; the number itself for a real-time signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _old_mmap(tid: int, args: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """mmap of 32-bit x86 by its first number: the six arguments are in memory."""
    from . import memory

    raw = memory.read_bytes(tid, args[0], 24)
    if raw is None:
        return "mmap", args
    return "mmap", tuple(int.from_bytes(raw[i : i + 4], "little") for i in range(0, 24, 4))
