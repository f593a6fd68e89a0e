"""The recorded program: started when everything is ready, its signals and its exit status its own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from .. import errorcodes as ec
from ..interrupts import answered
from ..lateclasses import dataclass, field
from . import calls, libc
from .launcher import launch
from .watcher import Watcher
from .wish import RecordError, Wish

if TYPE_CHECKING:
    from ..report.documents.record import Record


def exit_status(status: int | None) -> int:
    """A wait status as shells give it."""
    if status is None:
        return 0
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


@dataclass
class Signals:
    """While a program is recorded, what the terminal sends is the program's; what others send is passed on."""

    watcher: Watcher
    pid: int
    attached: bool
    _before: dict[int, Any] = field(default_factory=dict)
    _answer: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Signals:
        self._answer.enter_context(answered())
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._got)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._answer.close()

    def _got(self, number: int, _frame: object) -> None:
        if number == signal.SIGQUIT:
            return
        self.watcher.interrupts += 2 if self.attached else 1
        if number != signal.SIGINT and not self.attached:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def start_program(
    wish: Wish,
    watcher: Watcher,
    facts: Record,
    *,
    seccomp: bool,
    ready: Callable[[int], None] | None = None,
) -> int:
    """Start the program under `watcher`, watch it to its end; its exit status.

    `ready` is called with the pid when everything is set up and the program waits.
    """
    program = calls.seccomp_filter(libc.machine()) if seccomp else None
    child = launch(wish.command, program)
    try:
        watcher.seize(child.pid)
    except OSError as error:
        os.kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
        raise RecordError(ec.RT_RECORD, f"ptrace is not allowed here: {error.strerror}") from None
    if ready is not None:
        ready(child.pid)
    with Signals(watcher, child.pid, False):
        child.start()
        watcher.run()
        if watcher.status is None:  # detached: it runs on, and its status is still ours to give
            _, watcher.status = os.waitpid(child.pid, 0)
    failure = child.failure()
    facts["ended"] = watcher.ended
    if failure is not None:
        facts["exec_error"] = failure.strerror
        sys.stderr.write(f"remaptrace: {failure.filename}: {failure.strerror}\n")
    return exit_status(watcher.status)


def run_attached(wish: Wish, watcher: Watcher, facts: Record) -> int:
    """Watch a process whose threads are stopped, for as long as wished; 0."""
    with Signals(watcher, wish.pid, True):
        watcher.let_go()
        watcher.run(wish.seconds)
    facts["ended"] = watcher.ended
    return 0
