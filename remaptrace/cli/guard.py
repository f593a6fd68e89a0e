"""Ends a run in time: when the user asks for it, and when it would take more memory than it may.

Machine code, a compiler in another process and pools of threads do not hear Python's signals at once. A thread of its
own does: it gives the command a moment to end by itself, then takes away what is unfinished, stops the children and
leaves, unless the command answers signals itself (`interrupts`). The same thread watches how much memory is in use.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # without its enums, see `cli.main`
import os
import select
import sys
import time
from _thread import start_new_thread
from contextlib import suppress
from types import FrameType

from ..errorcodes import RT_MEMORY, RT_USAGE
from ..errors import EXIT_INPUT, UsageError
from ..interrupts import is_answered
from ..outfile import forget_unfinished
from ..patterns import IGNORECASE, pattern
from ..sizes import parse_size

_GRACE = 0.6
"""Seconds that a command has to end by itself after a signal."""

_LOOK = 0.1
"""Seconds between looks at the memory in use."""

_SHARE = 0.75
"""Of the machine's memory, or of the control group's, that a run may take unless told otherwise."""

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = pattern(r"(\d{1,18})\s*([kmgt]?)(?:i?b)?\Z", IGNORECASE)


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


def memory_limit(args: list[str]) -> tuple[list[str], int]:
    """`args` without --limit-memory, and the bytes that it, the environment or the machine allows; 0: no limit.

    UsageError RT501 for something that is no size.
    """
    given = os.environ.get("REMAPTRACE_LIMIT_MEMORY", "")
    rest: list[str] = []
    at = 0
    while at < len(args):
        word = args[at]
        if word == "--":
            rest += args[at:]
            break
        if word == "--limit-memory" and at + 1 < len(args):
            given, at = args[at + 1], at + 1
        elif word.startswith("--limit-memory="):
            given = word.partition("=")[2]
        else:
            rest.append(word)
        at += 1
    return rest, _bytes_of(given) if given else int(_memory() * _SHARE)


def _bytes_of(text: str) -> int:
    if text.lower() in ("none", "unlimited"):
        return 0
    size = parse_size(text)
    if size is None or size <= 0:
        raise UsageError(RT_USAGE, f"--limit-memory '{text}' is no size", expected="4G, 500M, or 'none'")
    return size


def _memory() -> int:
    """Bytes of memory of this machine, or of the control group if that is less."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError), open(name, "rb") as file:  # text would load a codec
            whole = min(whole, int(file.read()))
    return whole


def start(limit: int) -> None:
    """Watch over this process from now on; `limit` in bytes, 0: none."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    start_new_thread(_watch, (reading, limit))


def listen(while_at_work: bool) -> None:
    """Signals become exceptions while a command is at work; before and after they end the process at once.

    A signal that was ignored when the process began stays so.
    """
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, _terminate)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler if while_at_work else signal.SIG_DFL)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def _watch(reading: int, limit: int) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    memory = -1
    with suppress(OSError):
        memory = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    deadline, status = 0.0, 0
    while True:
        if limit and memory >= 0:
            used = int(os.pread(memory, 100, 0).split()[1]) * page
            if used > limit:
                leave(EXIT_INPUT, _too_much(used, limit))
        wait = _LOOK if not deadline else max(0.0, min(_LOOK, deadline - time.monotonic()))
        ready, _, _ = select.select([reading], [], [], wait)
        if ready:
            for number in os.read(reading, 64):
                if number in (signal.SIGINT, signal.SIGTERM) and not is_answered() and not deadline:
                    deadline, status = time.monotonic() + _GRACE, 128 + number
        if deadline and time.monotonic() >= deadline:
            leave(status, "\ninterrupted\n")


def _too_much(used: int, limit: int) -> str:
    return (
        f"error {RT_MEMORY}: more memory than the limit: {used >> 20:,} MiB of {limit >> 20:,} MiB\n"
        "  expected a smaller input, or --limit-memory SIZE\n"
    )


def leave(status: int, words: str = "") -> None:
    """End this process now: nothing unfinished stays, no child goes on working."""
    with suppress(OSError):
        os.write(2, words.encode())
    forget_unfinished()
    for child in children():
        with suppress(OSError):
            os.kill(child, signal.SIGKILL)
    os._exit(status)


def children() -> list[int]:
    """The processes that this one started and that still run."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir("/proc/self/task"):
            with suppress(OSError), open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    return found


def escape_what_cannot_be_written() -> None:
    """Let standard output and error show characters that their encoding lacks: bars in ASCII, others as escapes.

    In JSON all are escapes, which mean the same there.
    """
    import codecs

    json = any(word.rpartition("=")[2] in ("json", "jsonl") for word in sys.argv)
    codecs.register_error("remaptrace.escape", _escaped if json else _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        name = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "").replace("_", "")
        if name != "utf8" and getattr(stream, "errors", "") == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="remaptrace.escape")


_IN_ASCII = dict(zip("▁▂▃▄▅▆▇█─━│┃…·•×→←≤≥", "_.-:=+*#--||~-*x><<>", strict=True))
"""Signs of reports, each with one of ASCII that takes its column."""


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    sign = _IN_ASCII.get(error.object[error.start])
    return _escaped(error) if sign is None else (sign, error.start + 1)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start]
    words = text.encode("utf-16-be", "surrogatepass")
    pairs = (words[i : i + 2].hex() for i in range(0, len(words), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.start + 1
