"""What a page carries: remaptrace/page/2, as `report.html.columns.unpacked` gives it back. Addresses in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    from ..html.columns import Column as Numbers
else:
    Numbers = list[int]
    """Packed while a page is made, whole numbers again when it is read."""


class Share(TypedDict):
    """How much of a whole agrees: drawn as a bar."""

    share: list[int]  # what agrees, all


class Part(TypedDict):
    """A number as the part of a whole: drawn as a bar."""

    part: list[int]  # the number, the whole


Cell = str | int | Share | Part | None


class Table(TypedDict):
    """A table of words and numbers; a `lead` one stands in front of the pictures, a `folded` one is closed."""

    title: str
    head: list[str]
    rows: list[list[Cell]]
    folded: bool
    lead: NotRequired[bool]
    facts: NotRequired[dict[str, object]]  # instead of rows: a row each plain value, under its path


class CountsOfProcess(TypedDict):
    """Lowest and highest VMA count of each part of the trace; -1: no address space."""

    pid: int
    name: str
    peak: int
    peak_event: int
    low: Numbers
    high: Numbers


class ResidentOfProcess(TypedDict):
    """Fewest and most present pages of each part of the trace (VmRSS); -1: no address space."""

    pid: int
    name: str
    peak: int
    peak_event: int
    low: Numbers
    high: Numbers


class SpaceColumns(TypedDict):
    """The lives of the areas of one address space; `until` 0: to the end, `born` -1: before the trace."""

    first: Numbers
    until: Numbers
    start: Numbers
    pages: Numbers
    look: Numbers
    born: Numbers


class Side(TypedDict):
    """Everything that is drawn of one replay. Without a log of changes it has no areas."""

    name: str
    events: int
    shift: int  # of a page
    kinds: list[str]
    parts: Numbers  # first events
    processes: list[CountsOfProcess]
    all_processes: int
    resident: list[ResidentOfProcess] | None  # None: which pages were touched is not known
    faults: dict[str, Numbers]  # by outcome, of each part
    refused: list[list[int | str]]  # event, line, call, errno, why
    has_faults: bool
    one_moment: bool  # of a map without a log: its events put in its areas by address, and have no time
    touches_known: bool  # the trace says what was touched, if only that nothing was
    differing: list[list[int | str]]  # start, end, what is effective here and there
    differing_at: int
    wrong: list[list[int | str]]  # event that came out otherwise than recorded or expected, in words
    moments: Numbers | None
    spaces: NotRequired[list[SpaceColumns]]
    looks: NotRequired[
        list[list[int]]
    ]  # permissions, kind, name, VmFlags, assumed: `words`, `kinds`, `names`
    names: NotRequired[list[str]]
    words: NotRequired[list[str]]
    owners: NotRequired[list[list[int | list[list[int]]]]]  # pid, [from event, address space or -1]
    stops: NotRequired[Numbers | None]  # moments that are shown; null: every event
    calls: NotRequired[Numbers | None]  # events that the columns below tell of; null: all
    call: NotRequired[Numbers]
    call_names: NotRequired[list[str]]
    line: NotRequired[Numbers]
    stack: NotRequired[Numbers]
    callers: NotRequired[list[str]]
    told: NotRequired[dict[str, str]]  # by event


class Page(TypedDict):
    """The data of a page. `groups`: why some sides share one time, and their numbers."""

    schema: Literal["remaptrace/page/2"]
    sides: list[Side]
    groups: list[list[str | list[int]]]
    tables: list[Table]
