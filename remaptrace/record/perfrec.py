"""perf record as a back end: what tracefs sees, with call stacks.

perf waits for our word (`-D -1 --control`), follows children by inheritance, and writes a file that `perf script` makes
text of. perf mounts tracefs where it is not mounted; that is undone.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import signal
import struct
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ..trace.syscalls import TABLES
from .libc import machine
from .tracefs import CALLS

_EVENTS = (
    *("sched:sched_process_fork", "sched:sched_process_exec", "sched:sched_process_exit"),
    *("task:task_newtask", "signal:signal_deliver", "exceptions:page_fault_user"),
)
_TRACEFS = "/sys/kernel/tracing"


def refusal() -> str | None:
    """Why perf cannot be used; None if it can."""
    if shutil.which("perf") is None:
        return "perf is not installed"
    if machine() not in TABLES:
        return f"the calls of {machine()} are not known by number"
    with _Mounts():
        done = subprocess.run(
            ["perf", "record", "-q", "-o", os.devnull, "-e", "raw_syscalls:sys_enter", "-p", str(os.getpid()),
             "sleep", "0"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        return f"perf may not see system calls: {lines[0] if lines else done.returncode} (needs root or CAP_PERFMON)"
    return None


class _Mounts:
    """Undoes a mount of tracefs that happens meanwhile."""

    def __enter__(self) -> None:
        self._before = os.path.ismount(_TRACEFS)

    def __exit__(self, *_: object) -> None:
        if not self._before and os.path.ismount(_TRACEFS):
            ctypes.CDLL(None).umount2(_TRACEFS.encode(), 0)


class Perf:
    """One `perf record`; `stacks` is how perf follows them (dwarf, fp), or empty.

    OSError if it cannot be started; RuntimeError, with its words, if it refuses.
    """

    def __init__(self, tids: Sequence[int], *, stacks: str, running: bool) -> None:
        self.lost = 0
        self._mounts = _Mounts()
        self._mounts.__enter__()
        self._folder = tempfile.mkdtemp(prefix="remaptrace-perf-")
        self._data = Path(self._folder) / "perf.data"
        self._stacks = stacks
        chosen = " || ".join(f"id=={number}" for number, name in TABLES[machine()].items() if name in CALLS)
        order_read, self._order = os.pipe()
        self._answer, answer_write = os.pipe()
        command = ["perf", "record", "-q", "-o", str(self._data), "-m", "16M", "-k", "mono", "-D", "-1"]
        if (
            not running
        ):  # what the launcher has mapped is gone with its exec, and perf would look into it for frames
            command += ["--synth", "no"]
        command += ["--control", f"fd:{order_read},{answer_write}"]
        if stacks:
            command += ["--call-graph", "dwarf,8192" if stacks == "dwarf" else stacks]
        for way in ("enter", "exit"):
            command += ["-e", f"raw_syscalls:sys_{way}", "--filter", chosen]
        for event in _EVENTS:
            command += ["-e", event]
        self._run = subprocess.Popen(
            [*command, "-p", ",".join(map(str, tids))],
            pass_fds=(order_read, answer_write), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        os.close(order_read)
        os.close(answer_write)
        os.write(self._order, b"enable\n")
        if b"ack" not in os.read(self._answer, 16):
            words = self._run.stderr.read().decode("utf-8", "replace") if self._run.stderr else ""
            self.remove()
            raise RuntimeError(words.strip().splitlines()[0] if words.strip() else "perf record ended")

    def stop(self) -> None:
        """Stop recording; the file is complete afterwards. A second time does nothing."""
        if self._run.returncode is None:
            with suppress(ProcessLookupError):  # it may have ended with the program
                os.kill(self._run.pid, signal.SIGINT)
            self._run.wait()

    def text(self, take: Callable[[bytes], None]) -> None:
        """The text of the file, in pieces."""
        if self._stacks and self._data.stat().st_size:
            forget_former_images(self._data)
        fields = "comm,pid,tid,cpu,time,event,trace" + (",ip,sym,symoff,dso" if self._stacks else "")
        command = ["perf", "script", "--no-inline", "-i", str(self._data), "--ns", "-F", fields]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as run:
            assert run.stdout is not None
            while piece := run.stdout.read(1 << 20):
                self.lost += piece.count(b"PERF_RECORD_LOST")
                take(piece)

    def remove(self) -> None:
        """Leave nothing behind."""
        if self._run.poll() is None:
            self._run.kill()
            self._run.wait()
        for fd in (self._order, self._answer):
            os.close(fd)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._mounts.__exit__()


_COMM, _MMAP2, _EXEC = 3, 10, 1 << 13  # PERF_RECORD_*, PERF_RECORD_MISC_COMM_EXEC
_FILENAME = 72
_USER = struct.pack("=QQQ", 0x1000, 0x7FFFFFFFE000, 0)


def forget_former_images(path: Path) -> int:
    """Let `perf script` forget, at each exec, what the process had mapped before; how many execs there were.

    perf keeps the maps of former images where no new one lies over them, and looks for the frames of a library from
    the lowest of its maps on: with two C libraries of one process it finds none. The first record of a new image is
    that of its stack (fs/exec.c:setup_arg_pages); it is made to cover all that a program can have, and the records
    behind it lie over it.
    """
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        if data[:8] != b"PERFILE2":
            return 0
        at, size = struct.unpack_from("=QQ", data, 40)
        end, done = min(at + size, len(data)), 0
        fresh: set[int] = set()
        while at + 16 <= end:
            kind, misc, length, pid = struct.unpack_from("=IHHI", data, at)
            if length < 8:
                break
            if kind == _COMM and misc & _EXEC:
                fresh.add(pid)
            elif kind == _MMAP2 and pid in fresh:
                fresh.discard(pid)
                if data[at + _FILENAME : at + _FILENAME + 8] == b"[stack]\0":
                    data[at + 16 : at + 40] = _USER
                    done += 1
            at += length
    return done


def begin_mark(root: int) -> tuple[bytes, bytes]:
    """What the line with which the program's exec begins holds: whose it is, and what."""
    number = next(number for number, name in TABLES[machine()].items() if name == "execve")
    return f"{root}/{root}".encode(), f"raw_syscalls:sys_enter: NR {number} (".encode()
