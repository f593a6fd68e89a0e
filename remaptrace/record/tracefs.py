"""A tracefs instance of our own: calls, page faults with their error codes, births and deaths, of chosen tasks.

Needs root. Where tracefs is not mounted it is opened without mounting it anywhere (fsopen, Linux 5.2), so nothing of
it is left behind. An instance that nobody holds open, because its owner was killed, is removed at the next start.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from .calls import COUNTED, SERIAL

_libc = ctypes.CDLL(None, use_errno=True)
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432  # one number on every architecture
_CLOEXEC, _CMD_CREATE = 1, 6

CALLS = (SERIAL | COUNTED) - {"prctl"} | frozenset(
    """
    vfork exit shmget shmctl memfd_create ftruncate fallocate personality open openat close dup dup2 dup3 close_range
    memfd_secret io_uring_setup perf_event_open bpf pidfd_open setrlimit prlimit64 setuid setreuid setresuid prctl fcntl
    ioctl set_mempolicy_home_node modify_ldt process_mrelease
    """.split()
)
_EVENTS = (
    *("exceptions/page_fault_user", "signal/signal_deliver", "task/task_newtask"),
    *("sched/sched_process_fork", "sched/sched_process_exec", "sched/sched_process_exit"),
)
_MOST = 1 << 20  # KiB of buffers in all
_PREFIX = "remaptrace-"
_PIECE = 1 << 20


def open_tracefs() -> Path:
    """The folder of tracefs. OSError where it cannot be had."""
    for name in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing"):
        if os.path.isdir(name + "/instances"):
            return Path(name)
    context = _call(_FSOPEN, b"tracefs", _CLOEXEC)
    try:
        _call(_FSCONFIG, context, _CMD_CREATE, None, None, 0)
        mount = _call(_FSMOUNT, context, _CLOEXEC, 0)
    finally:
        os.close(context)
    return Path(f"/proc/{os.getpid()}/fd/{mount}")


def _call(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(number, *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def refusal() -> str | None:
    """Why tracefs cannot be used; None if it can."""
    if os.geteuid():
        return "needs root"
    try:
        folder = open_tracefs()
        probe = Instance(folder)
        probe.remove()
    except OSError as error:
        return f"tracefs: {error.strerror}"
    return None


class Instance:
    """An instance with everything enabled and tracing off. OSError if it cannot be made."""

    def __init__(self, tracefs: Path) -> None:
        instances = tracefs / "instances"
        for name in os.listdir(instances):
            if name.startswith(_PREFIX):
                with suppress(OSError):  # EBUSY: its owner lives
                    os.rmdir(instances / name)
        self.path = instances / f"{_PREFIX}{os.getpid()}"
        os.mkdir(self.path)
        self.lost = 0
        self.missing: list[str] = []
        self._pipe = -1
        try:
            self._pipe = os.open(self.path / "trace_pipe", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self.remove()
            raise

    def _write(self, name: str, text: str) -> None:
        with open(self.path / name, "w", encoding="ascii") as file:
            file.write(text)

    def prepare(self, follow: bool = True) -> None:
        """Enable the events, with buffers of 64 MiB a processor, or less where there are many."""
        self._write("tracing_on", "0")
        self._write("buffer_size_kb", str(min(65536, _MOST // (os.cpu_count() or 1))))
        self._write("trace_clock", "mono")
        for option in ("event-fork", "record-tgid"):
            self._write(f"options/{option}", "1" if follow or option != "event-fork" else "0")
        for call in sorted(CALLS):
            for way in ("enter", "exit"):
                if os.path.isdir(self.path / f"events/syscalls/sys_{way}_{call}"):
                    self._write(f"events/syscalls/sys_{way}_{call}/enable", "1")
        for event in _EVENTS:
            try:
                self._write(f"events/{event}/enable", "1")
            except OSError:
                self.missing.append(event)  # page_fault_user is x86's and riscv's

    def start(self, tids: Sequence[int]) -> None:
        """Trace these tasks and their children. Written once: an empty list would mean everybody."""
        self._write("set_event_pid", " ".join(map(str, tids)))
        self._write("tracing_on", "1")

    def stop(self) -> None:
        """Trace no more; what is in the buffers stays."""
        self._write("tracing_on", "0")

    def drain(self, take: Callable[[bytes], None], *, half_full: bool = False) -> None:
        """Take the text that is there; `half_full`: only if some processor's buffer is that full."""
        if half_full and not self._fills():
            return
        while True:
            try:
                piece = os.read(self._pipe, _PIECE)
            except BlockingIOError:
                return
            if not piece:
                return
            take(piece)

    def _fills(self) -> bool:
        limit = min(65536, _MOST // (os.cpu_count() or 1)) << 9
        return any(self._stat(cpu, "bytes") > limit for cpu in self._cpus())

    def _cpus(self) -> list[str]:
        return [name for name in os.listdir(self.path / "per_cpu") if name.startswith("cpu")]

    def _stat(self, cpu: str, name: str) -> int:
        with open(self.path / "per_cpu" / cpu / "stats", encoding="ascii") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return int(line.split()[-1])
        return 0

    def count_lost(self) -> int:
        """How many events did not fit."""
        return sum(self._stat(cpu, name) for cpu in self._cpus() for name in ("overrun", "dropped events"))

    def remove(self) -> None:
        """Leave nothing behind."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        with suppress(OSError):
            self._write("tracing_on", "0")
        os.rmdir(self.path)


def begin_mark(root: int) -> tuple[bytes, bytes]:
    """What the line with which the program's exec begins holds: whose it is, and what."""
    return f"-{root} ".encode(), b"sys_execve("


class Text:
    """Puts the pieces of a text together and keeps the lines from the program's exec on."""

    def __init__(self, write: Callable[[bytes], None], mark: tuple[bytes, bytes], begun: bool) -> None:
        self._write = write
        self._who, self._what = mark
        self.begun = begun
        self._rest = b""
        self.lines = 0

    def take(self, piece: bytes) -> None:
        """A piece of the text."""
        data = self._rest + piece
        end = data.rfind(b"\n") + 1
        data, self._rest = data[:end], data[end:]
        if not self.begun:
            at = data.find(self._what)
            while at >= 0:
                start = data.rfind(b"\n", 0, at) + 1
                if self._who in data[start:at]:
                    break
                at = data.find(self._what, at + 1)
            if at < 0:
                return
            data, self.begun = data[data.rfind(b"\n", 0, at) + 1 :], True
        self.lines += data.count(b"\n")
        self._write(data)
