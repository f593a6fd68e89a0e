"""The back ends: what each needs, what it misses, and the order in which `auto` tries them."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Protocol

from .. import errorcodes as ec
from . import libc, perfrec, tracefs
from .faults import faults_refused
from .folder import SetFolder
from .inkernel.kernelcounts import CountsError, KernelCounts
from .program import run_attached, start_program
from .tracer import Tracer
from .watcher import Watcher
from .wish import RecordError, Wish, pace_of

if TYPE_CHECKING:
    from ..report.documents.record import Record

_FIRST_PID_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO, include/linux/proc_ns.h
_FTRACE_HEAD = "# tracer: nop\n#\n"


class Backend(Protocol):
    """One way to record."""

    name: str
    missing: list[str]

    def line(self) -> str:
        """One line: what was taken and what it misses."""
        ...

    def record(self, folder: SetFolder, wish: Wish, facts: Record) -> tuple[int, int]:
        """Record into `folder`; the program's exit status and the first process."""
        ...


def chosen(wish: Wish) -> Backend:
    """The back end for a wish. RecordError RT510 with every reason where there is none."""
    reasons: list[str] = []
    ways: list[type[TraceBackend] | type[PtraceBackend] | type[PerfBackend]] = [TraceBackend, PtraceBackend]
    if wish.stacks or wish.backend == "perf":
        ways = [PerfBackend]
    for way in ways:
        if wish.backend in ("auto", way.name) or way is PerfBackend:
            reason = way.refusal(wish)
            if reason is None:
                return way(wish)
            reasons.append(f"{way.name}: {reason}")
    raise RecordError(ec.RT_RECORD, "nothing can be recorded here", found="; ".join(reasons))


def _without(missing: list[str]) -> str:
    """The end of a line that tells what is seen; empty if nothing is missing."""
    return "; no " + ", no ".join(missing) if missing else ""


class _Unstopped:
    """What the back ends share that do not stop the program: counters read in the kernel."""

    def __init__(self, wish: Wish) -> None:
        self.missing: list[str] = []
        self._counts: KernelCounts | None = None
        if wish.counts == "no":
            self.missing.append("counters")
            return
        try:
            self._counts = KernelCounts()
        except CountsError as error:
            self.missing.append(f"counters ({error})")

    def told(self, *sees: str) -> str:
        """What is seen and what is not."""
        seen = ["calls", "page faults", "maps", *(["counters"] if self._counts is not None else []), *sees]
        return ", ".join(seen) + _without(self.missing)

    def count(self, folder: SetFolder, watcher: Watcher, wish: Wish, pid: int, tids: list[int]) -> None:
        """Begin to count for `tids`, of the process `pid`."""
        if self._counts is not None:
            self._counts.begin(partial(folder.write, "mapcount.txt"), pid, tids, begun=bool(wish.pid))
            watcher.ticks.append(self._counts.drain)
            watcher.stops.append(self._counts.stop)

    def counted(self, facts: Record) -> None:
        """The last counters; how many there were and were lost."""
        if self._counts is not None:
            self._counts.drain()
            facts["counts"] = {"rows": self._counts.rows, **self._counts.left_out()}
            self._counts.close()


class TraceBackend(_Unstopped):
    """A tracefs instance, and a watcher for the maps."""

    name = "trace"

    @staticmethod
    def refusal(wish: Wish) -> str | None:
        """Why tracefs cannot be used; None if it can."""
        return tracefs.refusal() or numbers_of_others() or ptrace_refused(wish)

    def line(self) -> str:
        """One line: what was taken and what it misses."""
        return "recording with tracefs: " + self.told()

    def record(self, folder: SetFolder, wish: Wish, facts: Record) -> tuple[int, int]:
        """Record; the program's exit status and the first process."""
        watcher = Watcher(folder, follow=wish.follow)
        tids = _attach(watcher, wish) if wish.pid else []
        instance = tracefs.Instance(tracefs.open_tracefs())
        try:
            instance.prepare()
            return self._record(instance, watcher, tids, folder, wish, facts)
        finally:
            instance.remove()

    def _record(
        self,
        instance: tracefs.Instance,
        watcher: Watcher,
        tids: list[int],
        folder: SetFolder,
        wish: Wish,
        facts: Record,
    ) -> tuple[int, int]:
        text: list[tracefs.Text] = []

        def begin(pid: int) -> None:
            write = partial(folder.write, "ftrace.txt")
            text.append(tracefs.Text(write, tracefs.begin_mark(pid), begun=bool(wish.pid)))
            write(_FTRACE_HEAD)
            self.count(folder, watcher, wish, pid, tids or [pid])
            instance.start(tids or [pid])

        def tick() -> None:
            if wish.limit and folder.written > wish.limit:
                watcher.ended = "limit"
                instance.stop()
            instance.drain(text[0].take, half_full=not wish.limit)

        watcher.ticks.append(tick)
        watcher.stops.append(instance.stop)
        if wish.pid:
            begin(wish.pid)
            status = run_attached(wish, watcher, facts)
        else:
            status = start_program(wish, watcher, facts, seccomp=False, ready=begin)
        instance.stop()
        instance.drain(text[0].take)
        facts["lines"], facts["lost"] = text[0].lines, instance.count_lost()
        self.counted(facts)
        self.missing += instance.missing
        return status, watcher.root


class PerfBackend(_Unstopped):
    """`perf record`, and a watcher for the maps."""

    name = "perf"

    def __init__(self, wish: Wish) -> None:
        super().__init__(wish)
        self._stacks = wish.stacks
        if not wish.stacks:
            self.missing.append("stacks")

    @staticmethod
    def refusal(wish: Wish) -> str | None:
        """Why perf cannot be used; None if it can."""
        return perfrec.refusal() or numbers_of_others() or ptrace_refused(wish)

    def line(self) -> str:
        """One line: what was taken and what it misses."""
        return "recording with perf: " + self.told(*(["stacks"] if self._stacks else []))

    def record(self, folder: SetFolder, wish: Wish, facts: Record) -> tuple[int, int]:
        """Record; the program's exit status and the first process."""
        watcher = Watcher(folder, follow=wish.follow)
        running: list[perfrec.Perf] = []

        def begin(pid: int) -> None:
            self.count(folder, watcher, wish, pid, tids or [pid])
            try:
                running.append(
                    perfrec.Perf([pid], stacks=wish.unwind if wish.stacks else "", running=bool(wish.pid))
                )
            except (OSError, RuntimeError) as error:
                if not wish.pid:
                    os.kill(pid, signal.SIGKILL)
                raise RecordError(ec.RT_RECORD, f"perf record: {error}") from None

        tids = _attach(watcher, wish) if wish.pid else []
        watcher.stops.append(lambda: running[0].stop())  # noqa: PLW0108 - there is none yet
        try:
            if wish.pid:
                begin(wish.pid)
                status = run_attached(wish, watcher, facts)
            else:
                status = start_program(wish, watcher, facts, seccomp=False, ready=begin)
            running[0].stop()
            self.counted(facts)
            text = tracefs.Text(
                partial(folder.write, "perf.txt"), perfrec.begin_mark(watcher.root), begun=bool(wish.pid)
            )
            if "exec_error" not in facts:
                running[0].text(text.take)
            facts["lines"], facts["lost"] = text.lines, running[0].lost
        finally:
            for one in running:
                one.remove()
        return status, watcher.root


class PtraceBackend:
    """The own tracer."""

    name = "ptrace"

    def __init__(self, wish: Wish) -> None:
        reason = faults_refused(libc.machine())
        self.missing: list[str] = [] if reason is None else [f"page faults ({reason})"]
        self._wish = wish

    @staticmethod
    def refusal(wish: Wish) -> str | None:
        """Why ptrace cannot be used; None if it can."""
        if libc.machine() not in libc.AUDIT_ARCHES.values():
            return f"the calls of {libc.machine()} are not known by number"
        return ptrace_refused(wish)

    def line(self) -> str:
        """One line: what was taken and what it misses."""
        how = "ptrace" if self._wish.pid or not self._wish.follow else "ptrace with seccomp"
        return f"recording with {how}: calls, maps, counters{_without(self.missing) or ', page faults'}"

    def _sample(self, tracer: Tracer, tids: list[int]) -> None:
        if not self.missing:
            reason = tracer.sample_faults(tids)
            if reason is not None:
                self.missing.append(f"page faults ({reason})")

    def record(self, folder: SetFolder, wish: Wish, facts: Record) -> tuple[int, int]:
        """Record; the program's exit status and the first process."""
        seccomp = wish.follow and not wish.pid
        tracer = Tracer(
            folder, follow=wish.follow, seccomp=seccomp, counts=pace_of(wish.counts), limit=wish.limit
        )
        if wish.pid:
            tids = _attach(tracer, wish)
            facts["threads"] = {tid: wish.pid for tid in tids}
            self._sample(tracer, tids)
            tracer.begin()
            status = run_attached(wish, tracer, facts)
        else:
            status = start_program(
                wish, tracer, facts, seccomp=seccomp, ready=lambda pid: self._sample(tracer, [pid])
            )
        tracer.finish()
        if tracer.faults is not None:
            rings = tracer.faults
            facts["faults"] = {"known": rings.known, "unknown": rings.unknown, "lost": rings.lost}
        facts["calls"] = tracer.recorded
        if tracer.unserialised:
            facts["unserialised"] = tracer.unserialised
        if tracer.unknown_arches:
            facts["unknown_arches"] = {hex(arch): count for arch, count in tracer.unknown_arches.items()}
        return status, tracer.root


def numbers_of_others() -> str | None:
    """Why the kernel's own numbers of tasks are of no use here; None if they are those that we see."""
    try:
        own = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return None
    return None if own == _FIRST_PID_NAMESPACE else "this is a pid namespace, and it tells the host's numbers"


def ptrace_refused(wish: Wish) -> str | None:
    """Why a program may not be traced here; None if it may. Of a running process the attempt will tell."""
    if wish.pid:
        return None
    pid = os.fork()
    if not pid:
        _wait()
    try:
        libc.ptrace(libc.SEIZE, pid, 0, 0)
    except OSError as error:
        return f"{error.strerror} (in a container: --cap-add SYS_PTRACE, or a seccomp profile that allows ptrace)"
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, libc.WALL)
    return None


def _attach(watcher: Watcher, wish: Wish) -> list[int]:
    """Stop every thread of the process; their tids. RecordError RT511 if that is refused."""
    try:
        tids = watcher.attach(wish.pid)
    except OSError as error:
        raise RecordError(ec.RT_ATTACH, f"process {wish.pid} cannot be traced: {error.strerror}") from None
    return tids


def _wait() -> None:
    """Wait for the end."""
    while True:
        signal.pause()
