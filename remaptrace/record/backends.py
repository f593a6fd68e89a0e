"""The back ends: what each needs, what it misses, and the order in which `auto` tries them."""

from __future__ import annotations

import os
import signal
from typing import Any, Protocol

from .. import errorcodes as ec
from . import libc
from .faults import faults_refused
from .folder import SetFolder
from .program import Signals, start_program
from .tracer import Tracer
from .wish import RecordError, Wish, pace_of


class Backend(Protocol):
    """One way to record."""

    name: str
    missing: list[str]

    def line(self) -> str:
        """One line: what was taken and what it misses."""
        ...

    def record(self, folder: SetFolder, wish: Wish, facts: dict[str, Any]) -> tuple[int, int]:
        """Record into `folder`; the program's exit status and the first process."""
        ...


def chosen(wish: Wish) -> Backend:
    """The back end for a wish. RecordError RT510 with every reason where there is none."""
    reasons: list[str] = []
    for backend, name in (("ptrace", PtraceBackend),):
        if wish.backend in ("auto", backend):
            reason = name.refusal(wish)
            if reason is None:
                return name(wish)
            reasons.append(f"{backend}: {reason}")
    raise RecordError(ec.RT_RECORD, "nothing can be recorded here", found="; ".join(reasons))


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

    def line(self) -> str:
        """One line: what was taken and what it misses."""
        how = "ptrace" if self._wish.pid or not self._wish.follow else "ptrace with seccomp"
        if self.missing:
            return f"recording with {how}: calls, maps, counters; no " + ", no ".join(self.missing)
        return f"recording with {how}: calls, maps, counters, page faults"

    def _sample(self, tracer: Tracer, tids: list[int]) -> None:
        if not self.missing:
            reason = tracer.sample_faults(tids)
            if reason is not None:
                self.missing.append(f"page faults ({reason})")

    def record(self, folder: SetFolder, wish: Wish, facts: dict[str, Any]) -> tuple[int, int]:
        """Record; the program's exit status and the first process."""
        seccomp = wish.follow and not wish.pid
        tracer = Tracer(
            folder, follow=wish.follow, seccomp=seccomp, counts=pace_of(wish.counts), limit=wish.limit
        )
        if wish.pid:
            try:
                tids = tracer.attach(wish.pid)
            except OSError as error:
                raise RecordError(
                    ec.RT_ATTACH, f"process {wish.pid} cannot be traced: {error.strerror}"
                ) from None
            facts["threads"] = {tid: wish.pid for tid in tids}
            self._sample(tracer, tids)
            with Signals(tracer, wish.pid, True):
                tracer.begin()
                tracer.let_go()
                tracer.run(wish.seconds)
            status = 0
            facts["ended"] = tracer.ended
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


def _wait() -> None:
    """Wait for the end."""
    while True:
        signal.pause()
