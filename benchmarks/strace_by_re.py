"""The twin that the strace reader is measured against: one regular expression a line, dictionaries, plain Python.

It reads what a first script of this kind would: thread, time, name, arguments as numbers, result, and calls in
two parts. It knows nothing of processes, descriptors or odd forms.
"""

from __future__ import annotations

import errno
import re

from remaptrace.trace.symbols import SYMBOLS

_LINE = re.compile(
    r"(?P<tid>\d+) +(?P<time>\d+\.\d+) (?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<name>\w+)\()"
    r"(?P<args>.*?)(?:\) += (?P<ret>-?\w+)(?:<[^>]*>)?(?: (?P<error>E\w+) \([^)]*\))?(?: <(?P<took>[\d.]+)>)?"
    r"| <unfinished \.\.\.>)$"
)
_MEMORY = frozenset(("mmap", "munmap", "mprotect", "madvise", "brk", "mremap", "openat", "close"))

Event = tuple[int, float, str, list[int | str], int]


def _value(text: str) -> int | str:
    if text.startswith("0x"):
        return int(text, 16)
    if text.lstrip("-").isdigit():
        return int(text)
    if text.startswith('"'):
        return text.strip('"')
    if text[:1].isdigit():
        return int(text.partition("<")[0])
    total = 0
    for word in text.split("|"):
        total |= SYMBOLS.get(word.partition("<")[0], 0)
    return total


def read(data: bytes) -> list[Event]:
    """The memory and descriptor calls of a log, as tuples."""
    events: list[Event] = []
    begun: dict[int, tuple[str, str]] = {}
    for line in data.decode().splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        tid, name, args = int(match["tid"]), match["name"], match["args"]
        if match["resumed"] is not None:
            name, first = begun.pop(tid, (match["resumed"], ""))
            args = first + args
        if match["ret"] is None:
            begun[tid] = (name, args)
            continue
        if name in _MEMORY:
            result = -getattr(errno, match["error"]) if match["error"] else int(match["ret"], 0)
            values = [_value(text) for text in args.split(", ")]
            events.append((tid, float(match["time"]), name, values, result))
    return events
