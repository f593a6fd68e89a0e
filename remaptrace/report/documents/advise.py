"""The documents of `advise`: remaptrace/advise/1 of a trace, advise-map/1 and advise-growth/1 of maps, callers/1."""

from __future__ import annotations

from typing import Literal, TypedDict

from ...abi.places import Place
from .diff import Grown, ProcessName
from .run import MachineFacts, TraceFacts


class LimitFacts(TypedDict):
    """How near the process came to vm.max_map_count."""

    limit: int
    peak: int
    reached_at: Place | None
    reached_by: str | None
    calls_left: int | None
    growth_per_1000_calls: float
    first_to_fail: str | None
    ended_at: Place | None


class BillItem(TypedDict):
    """VMAs of one label of a view."""

    label: str
    vmas: int
    bytes: int
    per_1000_calls: float
    first: Place | None


class FailureFacts(TypedDict):
    """The recorded refusal that the log ends in, and its possible causes."""

    at: Place
    call: str
    name: str
    errno: str
    bytes: int
    vmas: int
    sure: bool
    at_map_limit: bool
    causes: list[str]


class LeakThread(TypedDict):
    """How many of them one thread made."""

    tid: int
    mappings: int


class LeakCaller(TypedDict):
    """Mappings that one caller asked for; frames innermost first."""

    frames: list[str]
    mappings: int


class LeakFacts(TypedDict):
    """Mappings that nobody unmapped, of sizes from `bytes` to `largest_bytes`; `callers` null: not recorded.

    `of`: "anonymous memory", "thread stacks" (MAP_STACK), the file that all of them map, or "files".
    `stay_bytes`: bytes of them that stay mapped; `given_back_at`:
    where the unmapping at the end of the process begins, null for a leak.
    """

    bytes: int
    largest_bytes: int
    mappings: int
    of: str
    stay_bytes: int
    unmapped: int
    in_last_half: int
    first: Place
    last: Place
    threads: list[LeakThread]
    by_quarter: list[int]
    callers: list[LeakCaller] | None
    given_back_at: Place | None


class Border(TypedDict):
    """Touching neighbours that differ in an attribute, and those that differ in it alone."""

    pairs: int
    alone: int


class Hole(TypedDict):
    """Holes of one class of size between areas that are alike but for it."""

    size: str
    count: int
    bytes: int


class Guards(TypedDict):
    """Guard-sized areas without access, and the VMAs left were they guard regions."""

    areas: int
    left: int


class LeftIfDiffering(TypedDict):
    """VMAs left, could pages of one VMA differ."""

    protection: int
    offset: int
    both: int


class RemedyFacts(TypedDict):
    """Another way of mapping, measured by replaying it."""

    name: str
    label: str
    kernel: str
    before: int
    after: int
    saved: float
    allowed_alike: bool
    refused_calls: int
    changed: dict[str, int]
    notes: list[str]


class LookupCost(TypedDict):
    """What VMA lookups cost in one tree; hit_rate null: no cache in front."""

    name: str
    label: str
    lookups: int
    hit_rate: float | None
    nodes_mean: float
    nodes_p99: int
    lines_mean: float
    lines_p99: int
    bytes: int


class Advise(TypedDict):
    """Everything that a report of `advise` says; each view of the bill adds up to `total`."""

    schema: Literal["remaptrace/advise/1"]
    trace: TraceFacts
    machine: MachineFacts
    seconds: float
    process: ProcessName
    total: int
    memory_calls: int
    peak_at: Place
    limit: LimitFacts
    bill: dict[str, list[BillItem]]
    apart: dict[str, int]
    failure: FailureFacts | None
    notes: list[str]
    leaks: list[LeakFacts]
    given_back: list[LeakFacts]
    borders: dict[str, Border]
    holes: list[Hole]
    guards: Guards
    left_if_pages_differ_in: LeftIfDiffering
    remedies: list[RemedyFacts]
    lookup: list[LookupCost] | None
    sentences: list[str]


class MapItem(TypedDict):
    """VMAs of one label of a view of a map."""

    label: str
    vmas: int
    bytes: int


class MapLimit(TypedDict):
    """vm.max_map_count, and who says that it is so."""

    limit: int
    of: str
    left: int
    met: bool


class Untouched(TypedDict):
    """Areas of which no page is there."""

    areas: int
    bytes: int


class NamedArea(TypedDict):
    """An area."""

    start: int
    end: int
    perms: str
    name: str


class FaultFacts(TypedDict):
    """The address that ended the program, and the areas next to it."""

    address: int
    inside: NamedArea | None
    below: NamedArea | None
    above: NamedArea | None


class NotShown(TypedDict):
    """What the form of a map leaves out, and where it is to be seen."""

    what: str
    see: str | None


class ToldFailureFacts(TypedDict):
    """What a crash report says was refused; null: it does not say. `ruled_out`: what it was not, by its numbers."""

    line: int
    what: str
    bytes: int | None
    errno: str | None
    sure: bool
    causes: list[str]
    ruled_out: list[str]


class AdviseMap(TypedDict):
    """A map alone; null where its form does not show it."""

    schema: Literal["remaptrace/advise-map/1"]
    source: str
    form: str
    process: ProcessName
    total: int
    counted: int | None
    complete: bool
    limit: MapLimit
    bill: dict[str, list[MapItem]]
    apart: dict[str, int] | None
    borders: dict[str, Border] | None
    holes: list[Hole] | None
    guards: Guards | None
    untouched: Untouched | None
    fault: FaultFacts | None
    failure: ToldFailureFacts | None
    not_shown: list[NotShown]
    notes: list[str]
    sentences: list[str]


class NewAreas(TypedDict):
    """Areas that lie where nothing was before."""

    label: str
    bytes: int
    vmas: int


class AdviseGrowth(TypedDict):
    """Two maps: what grew."""

    schema: Literal["remaptrace/advise-growth/1"]
    sources: list[str]
    before: int
    after: int
    same_process: bool
    seconds: float | None
    per_second: float | None
    grown: dict[str, list[Grown]]
    new: list[NewAreas] | None
    sentences: list[str]


class Caller(TypedDict, total=False):
    """Frames, innermost first, and a number named like the unit of the document."""

    frames: list[str]
    areas: int
    made: int
    kept: int
    faults: int
    refused: int


class Callers(TypedDict):
    """The bill by caller; the numbers add up to `total`."""

    schema: Literal["remaptrace/callers/1"]
    trace: str
    unit: Literal["areas", "made", "kept", "faults", "refused"]
    total: int
    callers: list[Caller]
