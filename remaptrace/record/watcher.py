"""Watching the processes of a recording: their maps at every exec and at their end.

A ptrace loop without system call stops: it costs something only where a task is born, execs or ends. `tracer` builds
on it. Facts of the kernel used here: at PTRACE_EVENT_EXEC the tid is the leader's already and the new address space is
complete; at PTRACE_EVENT_EXIT the address space is still there, also of a task that a signal kills; a child of a seized
task is seized too and its first stop may be reported before its parent's event (kernel/ptrace.c, since 3.4).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from ..lateclasses import dataclass, field
from . import libc
from .counters import group_of, read_proc
from .folder import SetFolder

_STOPS = frozenset((signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU))
_TICK = 0.05
_UNTOLD = 1.0
"""Seconds after which a stop of a task that nobody was told of is answered all the same."""
_PATIENCE = 1.0
"""Seconds that a task may take to stop when its recording ends; one that waits for a vforked child takes longer."""
_FOLLOW = libc.O_FORK | libc.O_VFORK | libc.O_CLONE


@dataclass
class Tracee:
    """A task that is watched. `running`: it was let go since its last stop."""

    tid: int
    tgid: int
    running: bool = True
    flags: dict[str, int] = field(default_factory=dict)


class Watcher:
    """Watches tasks from the first to the last. One thread must call everything: ptrace belongs to a thread."""

    options = libc.O_EXEC | libc.O_EXIT

    def __init__(self, folder: SetFolder, *, follow: bool = True) -> None:
        self.folder = folder
        self.follow = follow
        self.tasks: dict[int, Tracee] = {}
        self.execs: dict[int, int] = {}  # by process: successful execs
        self.status: int | None = None  # of the root, as waitpid gives it
        self.root = 0
        self.lost_maps = 0
        self.interrupts = 0
        self.ended = "exited"
        # stops of children whose birth is not told yet, and since when
        self._early: dict[int, tuple[int, float]] = {}
        self._untold: set[int] = set()  # children that were taken in without being told, and have ended
        self._programs: dict[int, list[str]] = {}
        self._leave_at: float | None = None
        self._leaving = False
        self._let_go = False
        self._stopped_by = 0.0
        self.ticks: list[Callable[[], None]] = []
        self.stops: list[Callable[[], None]] = []
        """Called when all tasks stand still for the last time, before their maps are kept."""

    # -- begin

    def seize(self, pid: int) -> None:
        """Watch the waiting child `pid` from its first exec on. OSError if ptrace is not allowed."""
        libc.ptrace(libc.SEIZE, pid, 0, self._options())
        self.root = pid
        self.tasks[pid] = Tracee(pid, pid)

    def attach(self, pid: int) -> list[int]:
        """Watch every thread of the running process `pid`: they stop, their maps are kept; the tids.

        `let_go` resumes them. OSError if ptrace is not allowed.
        """
        self.root = pid
        tids: list[int] = []
        while True:
            fresh = [int(name) for name in os.listdir(f"/proc/{pid}/task") if int(name) not in self.tasks]
            if not fresh:
                break
            for tid in fresh:
                try:
                    libc.ptrace(libc.SEIZE, tid, 0, self._options())
                    libc.ptrace(libc.INTERRUPT, tid)
                except ProcessLookupError:
                    continue
                self.tasks[tid] = Tracee(tid, pid)
                tids.append(tid)
                self._wait_stopped(tid)
        self.folder.maps(pid, "start.maps", read_proc(pid, "maps") or b"")
        self.folder.maps(pid, "start.smaps", read_proc(pid, "smaps") or b"")
        self.folder.maps(pid, "start.stat", read_proc(pid, "stat") or b"")
        self.elf_of(pid)
        return tids

    def _wait_stopped(self, tid: int) -> None:
        _, status = os.waitpid(tid, libc.WALL)
        task = self.tasks[tid]
        if os.WIFSTOPPED(status):
            task.running = False
            task.flags["pending"] = 0 if status >> 16 else os.WSTOPSIG(status)
        else:
            del self.tasks[tid]

    def let_go(self) -> None:
        """Resume the tasks that `attach` stopped."""
        for task in list(self.tasks.values()):
            if not task.running:
                self.resume(task, task.flags.pop("pending", 0))

    def _options(self) -> int:
        return self.options | (_FOLLOW if self.follow else 0)

    # -- the loop

    def run(self, leave_after: float | None = None) -> None:
        """Watch until the last task has ended, or for some seconds."""
        if leave_after is not None:
            self._leave_at = time.monotonic() + leave_after
        before = signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
        last = 0.0
        try:
            while self.tasks:
                try:
                    tid, status = libc.wait_any()
                except ChildProcessError:
                    break
                if tid:
                    self._changed(tid, status)
                now = time.monotonic()
                if not tid or now - last >= _TICK:
                    last = now
                    self.tick(now)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def tick(self, now: float) -> None:
        """Called every 50 ms or so, between stops."""
        for act in self.ticks:
            act()
        self._take_in_untold(now)
        if (self._leave_at is not None and now >= self._leave_at) or self.interrupts > 1:
            self.leave()
        if self._leaving:
            self._leave_if_stopped()

    def _take_in_untold(self, now: float) -> None:
        """Children that stopped long ago and whose birth nobody tells: who made them was killed in its clone.

        A thread that is born while its process is killed stops on its way out. Nobody else lets it go on, and without
        it the process never ends.
        """
        for tid in [tid for tid, (_, since) in self._early.items() if now - since > _UNTOLD]:
            status, _ = self._early.pop(tid)
            self.tasks[tid] = Tracee(tid, group_of(tid) or tid, flags={"untold": 1})
            self._changed(tid, status)

    def leave(self) -> None:
        """Stop watching: all tasks are stopped, their maps are kept, and all are let go."""
        if self._leaving:
            return
        self._leaving = True
        self._stopped_by = time.monotonic() + _PATIENCE
        if self.ended == "exited":
            self.ended = "detached"
        for task in list(self.tasks.values()):
            if task.running:
                with suppress(OSError):
                    libc.ptrace(libc.INTERRUPT, task.tid)
        self._leave_if_stopped()

    def _leave_if_stopped(self) -> None:
        """If no task runs any more, or some do not stop: keep the maps of those that stand still, let all go."""
        patient = time.monotonic() < self._stopped_by
        if patient and any(task.running for task in self.tasks.values()):
            return
        if not self._let_go:
            self._let_go = True
            moving = {task.tgid for task in self.tasks.values() if task.running}
            still = {task.tgid: task for task in self.tasks.values() if task.tgid not in moving}
            for act in self.stops:
                act()
            for task in still.values():
                self.at_last(task)
        for task in list(self.tasks.values()):
            if not task.running:
                with suppress(OSError):
                    self._detach(task, task.flags.pop("deliver", 0))

    def _changed(self, tid: int, status: int) -> None:
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            self._gone(tid, status)
            return
        task = self.tasks.get(tid)
        if task is None:
            self._early[tid] = status, time.monotonic()
            return
        task.running = False
        sig, event = os.WSTOPSIG(status), status >> 16
        try:
            if self._leaving and event in (0, libc.EV_STOP):
                self.last_stop(task, sig, event)
                task.flags["deliver"] = 0 if event or sig & 0x80 else sig
                self._leave_if_stopped()
            else:
                self.stopped(task, sig, event)
        except ProcessLookupError:
            pass  # killed while it was stopped: its end is reported next

    def _detach(self, task: Tracee, sig: int) -> None:
        libc.ptrace(libc.DETACH, task.tid, 0, sig)
        del self.tasks[task.tid]

    def _gone(self, tid: int, status: int) -> None:
        if tid == self.root:
            self.status = status
        self._early.pop(tid, None)
        task = self.tasks.pop(tid, None)
        if task is not None and task.flags.get("untold"):
            self._untold.add(tid)
        if task is not None:
            self.on_end(task, status)

    def stopped(self, task: Tracee, sig: int, event: int) -> None:
        """A task stopped: tell what happened and let it go on."""
        if event in (libc.EV_FORK, libc.EV_VFORK, libc.EV_CLONE):
            child = libc.event_message(task.tid)
            new = self.tasks.get(child) or Tracee(child, group_of(child) or child)
            new.flags.pop("untold", None)
            self.on_birth(task, new)
            if child not in self._untold:
                self.tasks[child] = new
            self._untold.discard(child)
            self.resume(task)
            early = self._early.pop(child, None)
            if early is not None:
                self._changed(child, early[0])
        elif event == libc.EV_EXEC:
            former = libc.event_message(task.tid)
            self._executed(task, former)
        elif event == libc.EV_EXIT:
            self.on_leaving(task)
            self.resume(task)
        elif event == libc.EV_STOP:
            if sig in _STOPS:
                task.running = True
                libc.ptrace(libc.LISTEN, task.tid)
            else:
                self.resume(task)
        elif event == 0:
            self.on_signal(task, sig)
            self.resume(task, sig)
        else:
            self.resume(task)

    def _executed(self, task: Tracee, former: int) -> None:
        """An exec is complete. Of a thread that was not the leader, `former` was the tid; nobody reports its end."""
        old = self.tasks.pop(former, None) if former != task.tid else None
        number = self.execs[task.tgid] = self.execs.get(task.tgid, 0) + 1
        self.folder.maps(task.tgid, f"exec{number}.maps", read_proc(task.tid, "maps") or b"")
        self.folder.maps(task.tgid, f"exec{number}.stat", read_proc(task.tid, "stat") or b"")
        self.elf_of(task.tid)
        self.on_exec(task, old, former)
        self.resume(task)

    def elf_of(self, pid: int) -> None:
        """Keep the headers of the files that a process has mapped."""
        maps = read_proc(pid, "maps") or b""
        paths = {line[73:] for line in maps.split(b"\n") if line[73:74] == b"/"}
        for path in sorted(paths):
            if not path.endswith(b" (deleted)"):
                self.folder.elf(pid, path)

    def resume(self, task: Tracee, sig: int = 0) -> None:
        """Let a stopped task go on, with a signal delivered."""
        task.running = True
        libc.ptrace(self.how_to_resume(task), task.tid, 0, sig)

    def how_to_resume(self, task: Tracee) -> int:
        """The request that resumes this task."""
        return libc.CONT

    # -- what happened

    def on_birth(self, parent: Tracee, child: Tracee) -> None:
        """`child` was born."""

    def on_exec(self, task: Tracee, old: Tracee | None, former: int) -> None:
        """`task` has a new address space. `old`: the thread that called, if it was not the leader."""

    def on_signal(self, task: Tracee, sig: int) -> None:
        """A signal is about to be delivered."""

    def last_stop(self, task: Tracee, sig: int, event: int) -> None:
        """The stop at which `task` is let go for good."""

    def at_last(self, task: Tracee) -> None:
        """All tasks of a process stand still for the last time; `task` is one of them."""
        if self.ended != "limit":  # else the text ended before
            self.exit_maps(task, "end")

    def on_leaving(self, task: Tracee) -> None:
        """`task` ends; its address space is still there. The last of a process has the last word."""
        self.exit_maps(task)

    def on_end(self, task: Tracee, status: int) -> None:
        """`task` is gone."""

    def exit_maps(self, task: Tracee, moment: str = "exit") -> None:
        """Keep maps and smaps of a process at its end, or at that of its recording."""
        self.folder.maps(task.tgid, f"{moment}.maps", read_proc(task.tid, "maps") or b"")
        self.folder.maps(task.tgid, f"{moment}.smaps", read_proc(task.tid, "smaps") or b"")
