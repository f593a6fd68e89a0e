"""Events of a trace one by one, with names: for those who ask for them in Python."""

from __future__ import annotations

from collections.abc import Iterator

from ..abi.calls import ARGUMENTS, KIND_NAMES, STRING_ARGUMENTS
from ..abi.errnos import errno_name
from ..abi.kinds import EVF_HAS_RET
from ..lateclasses import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .events import Trace


class Event(NamedTuple):
    """One event of a trace."""

    number: int  # from 0
    kind: str  # as in abi.kinds: "mmap", "page_fault"
    pid: int
    tid: int
    args: dict[str, int | str]  # by name; bytes, pages and flags as abi.kinds says; paths and names as text
    result: int | None  # as recorded: a value, or -errno; None: not recorded
    error: str  # "ENOMEM"; "": none, or none recorded
    time: int | None  # nanoseconds; None: the source has no times
    source: str  # the file
    line: int  # from 1; 0: made by a reader


_ARGS = tuple(f"a{i}" for i in range(6))


def events_of(trace: Trace, first: int, last: int | None) -> Iterator[Event]:
    """See `Trace.events`."""
    columns = trace.columns
    last = len(trace) if last is None else min(last, len(trace))
    times = columns.get("time")
    for row in range(max(first, 0), last):
        kind = int(columns["kind"][row])
        names = ARGUMENTS.get(kind, ())
        task = trace.tasks[int(columns["task"][row])] if len(trace.tasks) else None
        known = bool(int(columns["flags"][row]) & EVF_HAS_RET)
        result = int(columns["ret"][row]) if known else None
        source = int(columns["source"][row]) if "source" in columns else 0
        yield Event(
            row,
            KIND_NAMES.get(kind, str(kind)),
            int(task["pid"]) if task is not None else 0,
            int(task["tid"]) if task is not None else 0,
            {
                name: trace.strings[int(columns[arg][row])]
                if name in STRING_ARGUMENTS
                else int(columns[arg][row])
                for name, arg in zip(names, _ARGS, strict=False)
            },
            result,
            errno_name(-result) if result is not None and -4096 < result < 0 else "",
            int(times[row]) if times is not None else None,
            trace.sources[source] if source < len(trace.sources) else "",
            int(columns["line"][row]) if "line" in columns else 0,
        )
