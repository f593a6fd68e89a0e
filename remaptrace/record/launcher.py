"""Starting the program to be recorded: it waits until every recorder is ready, then execs.

So the first exec of a recording is the program's own, whichever back end records it.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Sequence

from ..lateclasses import dataclass

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit statuses of a command that could not be run, as shells give them."""

_RESET = (signal.SIGPIPE, signal.SIGXFSZ)  # Python ignores them


@dataclass
class Launched:
    """A child that waits. `pid` is what it keeps when it execs."""

    pid: int
    program: str
    _go: int
    _report: int

    def start(self) -> None:
        """Let it exec."""
        os.write(self._go, b"g")
        os.close(self._go)

    def failure(self) -> OSError | None:
        """Why the exec failed, once the child has ended or executed; None if it did not."""
        with os.fdopen(self._report, "rb") as pipe:
            text = pipe.read()
        if not text:
            return None
        number = int(text)
        return OSError(number, os.strerror(number), self.program)


def launch(command: Sequence[str], program: bytes | None = None) -> Launched:
    """Fork a child that will exec `command`, under the seccomp filter `program` if there is one."""
    path = _found(command[0])
    go_read, go_write = os.pipe2(os.O_CLOEXEC)
    report_read, report_write = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid:
        os.close(go_read)
        os.close(report_write)
        return Launched(pid, command[0], go_write, report_read)
    try:
        os.close(go_write)
        os.close(report_read)
        if os.read(go_read, 1) != b"g":
            os._exit(NOT_FOUND)  # the recorder is gone
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        if program is not None:
            from .libc import install_filter

            install_filter(program)
        os.execv(path, list(command))
    except OSError as error:
        os.write(report_write, str(error.errno or errno.EINVAL).encode())
        os._exit(NOT_FOUND if error.errno == errno.ENOENT else NOT_EXECUTABLE)
    finally:
        os._exit(NOT_EXECUTABLE)


def _found(name: str) -> str:
    """The file that a command's name means; the name itself if nothing is found, so that exec says why."""
    if "/" in name:
        return name
    return shutil.which(name) or (shutil.which(name, mode=os.F_OK) or name)
