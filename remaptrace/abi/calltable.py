"""What a row of a call says (`calls` has the whole table), and how rows are made."""

from __future__ import annotations

from ..lateclasses import NamedTuple
from . import kinds as ev


class Arg(NamedTuple):
    """One argument of an event.

    `form` says what the number is, and which converter of scenarios takes it: addr, int, prot, flags (bits of
    `words`), mode (one of `words`, and bits), name (one of `words`), fd, or one of those that only scenarios have.
    `default` None: required in a scenario. `most`: the largest number that makes sense there, to bound the work.
    `c_int`: the kernel takes an int, the upper half of a register is noise.
    """

    name: str
    form: str = "int"
    default: int | None = None
    words: dict[str, int] | None = None
    most: int | None = None
    c_int: bool = False


class EventRow(NamedTuple):
    """A kind of event. `doc`: what it does, where a scenario has a step that is this event and no more."""

    kind: int
    name: str
    args: tuple[Arg, ...]
    doc: str = ""


class SystemCall(NamedTuple):
    """A system call: the event it is (0: its arguments decide), and the kernel's names of its parameters.

    `read`: AS_NUMBERS, IN_REGISTERS or OWN_WAY. `least`: how many arguments a log may show of it at least.
    `returns`: RETURNS_*. `order`: ALONE, SERIAL or COUNTED.
    """

    name: str
    kind: int
    parameters: tuple[str, ...]
    read: int
    least: int
    returns: int
    order: int


OWN_WAY, IN_REGISTERS, AS_NUMBERS = 0, 1, 2
"""How a call becomes an event: each reader has its own way; from its registers in order, but text logs print words for
some of them; every log shows the numbers of the event in order."""

ALONE, SERIAL, COUNTED = 0, 1, 2
"""What a recorder does for a call: nothing, lets one thread in after the other, also reads the kernel's counters."""

MOST_PAGES = 1 << 24  # that one step of a scenario may touch or report
MOST_FILE_PAGES = 1 << 44  # of a file

EVENTS: dict[int, EventRow] = {}
"""The rows by kind of event."""
CALLS: dict[str, SystemCall] = {}
"""The rows of system calls by name."""


def event(kind: int, name: str, *args: Arg | str, doc: str = "") -> EventRow:
    row = EventRow(kind, name, tuple(Arg(a) if isinstance(a, str) else a for a in args), doc)
    EVENTS[kind] = row
    return row


def call(
    kind: int,
    name: str,
    parameters: str,
    *args: Arg | str,
    read: int = AS_NUMBERS,
    least: int = -1,
    returns: int = ev.RETURNS_ZERO,
    order: int = COUNTED,
    doc: str = "",
) -> None:
    row = event(kind, name, *args, doc=doc)
    also(name, kind, parameters, read, len(row.args) if least < 0 else least, returns, order)


def also(
    name: str,
    kind: int,
    parameters: str,
    read: int = OWN_WAY,
    least: int = 0,
    returns: int = ev.RETURNS_ANY,
    order: int = ALONE,
) -> None:
    """Another call that becomes events of a kind that has its row, or of several kinds (0)."""
    CALLS[name] = SystemCall(name, kind, tuple(parameters.split()), read, least, returns, order)


def flags(table: dict[str, int], default: int | None = None, *, c_int: bool = False) -> Arg:
    return Arg("flags", "flags", default, table, c_int=c_int)


def mode_of(table: dict[str, int], default: int | None = 0) -> Arg:
    return Arg("mode", "flags", default, table)


ADDR, LENGTH = Arg("addr", "addr"), Arg("length")
FD = Arg("fd", "fd", c_int=True)
