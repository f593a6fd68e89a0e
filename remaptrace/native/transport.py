"""Who answers programs: the kernel in front of us, a command in front of the runner, an image, a folder.

A `Transport` takes programs in the runner's line form, many at once, and brings for each what was answered and
how it ended. What answers, and what it is called, is all that differs; nothing behind it knows which one it is.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol

from .. import errorcodes as ec
from ..errors import InputError
from ..lateclasses import dataclass
from .launch import runner
from .wire import SECONDS, Answer, Reply, Where, framed, unframed

_LIBC = ctypes.CDLL(None)
_NO_RANDOMIZE = 0x0040000  # personality(2): ADDR_NO_RANDOMIZE; it stays over execve
_START = 60.0  # seconds that a command may take to bring the runner's first words
_WORDS = 2000  # bytes kept of what was written to standard error


class Transport(Protocol):
    """The other side of `verify`. `name` is how reports call it."""

    @property
    def name(self) -> str: ...

    def ask(self, programs: Sequence[str], *, areas: bool = False) -> Reply:
        """The answers to `programs` (texts of `program.to_lines`), one for each, in order.

        With `areas`, each says the list of areas behind every step that changed it. A program that did not run to
        its end has its reason in `Answer.ended`. Raises InputError (RT806) where nothing can be asked at all.
        """
        ...


@dataclass(frozen=True)
class Started:
    """The kernel in front of us, or what `command` makes of it.

    The runner is started behind the words of `command`, or in place of a word ``{}`` among them. Its address
    randomisation is switched off by whoever starts the command, so nothing has to be started anew behind it.
    """

    command: tuple[str, ...] = ()
    seconds: float = SECONDS  # for one program

    @property
    def name(self) -> str:
        """``this kernel``, or the command as it was given."""
        return shlex.join(self.command) if self.command else "this kernel"

    def ask(self, programs: Sequence[str], *, areas: bool = False) -> Reply:
        """See `Transport.ask`. What breaks down over a program is started again with those behind it."""
        answers: list[Answer] = []
        where: Where | None = None
        while where is None or len(answers) < len(programs):
            reply, words = self._once(programs[len(answers) :], areas)
            if reply is None or (not reply.answers and len(answers) < len(programs)):
                if where is None:
                    raise InputError(
                        ec.RT_NATIVE_PLACE,
                        f"{self.name}: the runner did not start",
                        found=words or "no words",
                    )
                answers += [Answer("", "missing")] * (len(programs) - len(answers))
                break
            where = reply.where
            answers += reply.answers
        return Reply(where, answers, finished=True)

    def _once(self, programs: Sequence[str], areas: bool) -> tuple[Reply | None, str]:
        """What one start of the runner brings, and what was written to standard error."""
        nonce = secrets.token_hex(8)
        path = runner()
        words = [word.replace("{}", str(path)) for word in self.command]
        if words == list(self.command):
            words.append(str(path))
        try:
            with _fixed_addresses():
                process = subprocess.Popen(
                    [*words, nonce], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    start_new_session=True, env=None if self.command else {}, bufsize=0,
                )  # fmt: skip
        except OSError as error:
            raise InputError(
                ec.RT_NATIVE_PLACE,
                f"{self.name}: it cannot be started",
                found=error.strerror or "",
                expected="a command on this machine that runs a program for x86-64",
            ) from None
        talk = _Talk(process)
        try:
            executable = ""
            if talk.hear(until=b"\nready\n", seconds=_START):
                executable = _executable(process.pid, path)
                talk.say(framed(programs, seconds=self.seconds, areas=areas))
                talk.hear(until=b"\nfinished\n", seconds=self.seconds + 10)
        finally:
            talk.end()
        reply = unframed(bytes(talk.heard), executable, str(path))
        if reply is not None and reply.where.facts.get("nonce") != nonce:
            reply = None
        return reply, bytes(talk.words[-_WORDS:]).decode("utf-8", "replace").strip()


@contextmanager
def _fixed_addresses() -> Iterator[None]:
    """What this thread starts meanwhile has its address randomisation switched off, where that is allowed."""
    before = _LIBC.personality(0xFFFF_FFFF)
    if before != -1:
        _LIBC.personality(before | _NO_RANDOMIZE)
    try:
        yield
    finally:
        if before != -1:
            _LIBC.personality(before)


def _executable(pid: int, path: Path) -> str:
    """What runs in the runner's place: `path` itself, or the program that runs it, as this kernel shows it.

    Looked at while the runner waits for its programs. The youngest descendant of `pid` that runs `path` is it;
    without one, the youngest of all is what stands in for it.
    """
    wanted = path.stat()
    last = ""
    waiting, seen = [pid], set()
    while waiting:
        process = waiting.pop(0)
        seen.add(process)
        exe = Path(f"/proc/{process}/exe")
        try:
            found = exe.stat()
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                return str(path)
            last = os.readlink(exe)
            for task in Path(f"/proc/{process}/task").iterdir():
                waiting += [int(p) for p in (task / "children").read_text().split() if int(p) not in seen]
        except (OSError, ValueError):
            continue  # ended meanwhile, or not ours to look at
    return last


class _Talk:
    """Both ends of a started process: what to say is written while what it says is read."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin and process.stdout and process.stderr
        self.process = process
        self.stdin: IO[bytes] = process.stdin
        self.heard = bytearray()
        self.words = bytearray()
        self.to_say = memoryview(b"")
        self.selector = selectors.DefaultSelector()
        self.selector.register(process.stdout, selectors.EVENT_READ, self.heard)
        self.selector.register(process.stderr, selectors.EVENT_READ, self.words)
        os.set_blocking(self.stdin.fileno(), False)

    def say(self, data: bytes) -> None:
        """Write `data` while `hear` reads, and close standard input behind it."""
        self.to_say = memoryview(data)
        self.selector.register(self.stdin, selectors.EVENT_WRITE)

    def hear(self, *, until: bytes, seconds: float) -> bool:
        """Read until `until` was heard; False at the end, or when nothing comes for `seconds`."""
        looked = 0
        deadline = time.monotonic() + seconds
        while True:
            if self.heard.find(until, max(0, looked - len(until))) >= 0:
                return True
            looked = len(self.heard)
            ready = self.selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                return False
            for key, _ in ready:
                if key.data is None:
                    self._write()
                    continue
                data = os.read(key.fd, 1 << 16)
                key.data.extend(data)
                if data:
                    deadline = time.monotonic() + seconds
                elif key.data is self.heard:
                    return False
                else:
                    self.selector.unregister(key.fileobj)

    def _write(self) -> None:
        try:
            done = os.write(self.stdin.fileno(), self.to_say[: 1 << 16])
            self.to_say = self.to_say[done:]
        except BrokenPipeError:
            self.to_say = memoryview(b"")
        if not self.to_say:
            self.selector.unregister(self.stdin)
            self.stdin.close()

    def end(self) -> None:
        """Nothing of the process is left when this returns; the rest of its words is read."""
        self.selector.close()
        if not self.stdin.closed:
            self.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(2 if b"\nfinished\n" in self.heard or not self.heard else 0)
        if self.process.poll() is None:  # the runner puts back what a program changed of the machine
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout and self.process.stderr
        os.set_blocking(self.process.stderr.fileno(), False)
        self.words += self.process.stderr.read(1 << 16) or b""
        self.process.stdout.close()
        self.process.stderr.close()
