"""One row a call: the event it is, its arguments in order and kind, and the kernel's own names for them.

Readers of every kind of log, scenario steps, the programs that `verify` runs, reports and documents take from here
what they share. An event that is no system call has a row too, without the kernel's names.
"""

from __future__ import annotations

from . import kinds as ev
from . import memoryrows, otherrows  # noqa: F401 (their rows are in the table)
from .calltable import (
    ALONE,
    AS_NUMBERS,
    CALLS,
    COUNTED,
    EVENTS,
    MOST_FILE_PAGES,
    MOST_PAGES,
    OWN_WAY,
    Arg,
    EventRow,
    SystemCall,
)

__all__ = [
    "ALONE",
    "AS_NUMBERS",
    "CALLS",
    "COUNTED",
    "EVENTS",
    "MOST_FILE_PAGES",
    "MOST_PAGES",
    "OWN_WAY",
    "Arg",
    "EventRow",
    "SystemCall",
]

ARGUMENTS: dict[int, tuple[str, ...]] = {
    kind: tuple(a.name for a in row.args) for kind, row in EVENTS.items()
}
"""Names of the arguments of each kind of event."""
STRING_ARGUMENTS = frozenset({"path", "name", "file"})
"""Arguments whose number is that of a string of the trace."""
KIND_NAMES: dict[int, str] = {kind: row.name for kind, row in EVENTS.items()}
"""Names of the kinds of events."""
RANGE_CALLS: tuple[int, ...] = tuple(
    kind
    for kind in sorted(EVENTS)
    if kind in ev.MEMORY_CALLS
    and kind not in (ev.K_MMAP, ev.K_OLD_MMAP, ev.K_PROCESS_MADVISE)
    and ARGUMENTS[kind][:1] == ("addr",)
    and ARGUMENTS[kind][1:2] in (("length",), ("size",))
)
"""Calls of a process on a range of its own addresses."""
