"""The documents of `run`: remaptrace/run/1, runs/1, event/1. Addresses and sizes in bytes, `*_pages` in pages."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from ...abi.places import Place


class InFile(TypedDict):
    """A place in a file, line 0: the file as a whole."""

    file: str
    line: int


class SkippedLine(TypedDict):
    """A line that could not be read."""

    file: str
    line: int
    column: int
    code: str
    found: str
    expected: str


class Skipped(TypedDict):
    """Lines that could not be read: how many, and the first."""

    lines: int
    first: list[SkippedLine]


class TraceFacts(TypedDict):
    """The trace itself: where it comes from, how long it is, what could not be read."""

    name: str
    format: str
    sources: list[str]
    events: int
    processes: int
    span_ns: int | None
    recorded: bool
    skipped: Skipped


class RuleGround(TypedDict):
    """On what rules rest: a kernel that was asked, its source, nothing that is known, the user, what is common."""

    about: str
    derived: bool
    asked: list[str]
    read: list[str]
    undecided: list[str]
    given: list[str]
    common: list[str]


class MachineFacts(TypedDict):
    """The machine by name, with what was overridden."""

    kernel: str
    arch: str
    page_size: int
    overrides: dict[str, str | int | bool]
    host: str | None
    ground: RuleGround


class Tally(TypedDict):
    """How many of what was compared agree."""

    agree: int
    total: int


class SourcePlace(TypedDict):
    """The way from a difference back into the source."""

    event: int
    tid: int
    file: str
    line: int


class Difference(TypedDict):
    """One comparison that came out different."""

    what: str
    call: str
    expected: str
    simulated: str
    at: SourcePlace


class GroundAnswers(TypedDict):
    """Agreeing answers by how they came to agree."""

    free: int
    placed: int
    assumed: int
    guessed: int


class GroundFaults(TypedDict):
    """Agreeing page faults by how they came to agree."""

    free: int
    kind: int
    assumed: int


class GroundFacts(TypedDict):
    """What an agreement rests on."""

    answers: GroundAnswers
    faults: GroundFaults
    no_truth: list[str]


class ErrorFacts(TypedDict):
    """Why an input could not be read or replayed."""

    code: str
    problem: str
    file: str
    line: int
    column: int


class Agreement(TypedDict):
    """A comparison with the truth: counts by what was compared, and the first differences in full."""

    name: str
    path: str
    kind: Literal["program", "set"]
    agrees: bool
    compared: dict[str, Tally]
    differences: list[Difference]
    skipped_lines: int
    notes: list[str]
    error: ErrorFacts | None
    ground: GroundFacts | None
    seconds: float
    arch: str
    kernel: str


class ProcessFacts(TypedDict):
    """VMA counts of one process."""

    pid: int
    name: str
    start: int
    peak: int
    end: int
    peak_at: Place
    course: list[int]


class DifferingRange(TypedDict):
    """Pages whose PTE allows other accesses than their VMA."""

    start: int
    end: int
    vma: str
    pte: str
    reason: str


class Resident(TypedDict):
    """What the pages of one area are, in pages."""

    rss: int
    anonymous: int
    shared: int
    dirty: int
    huge: int
    swap: int
    guards: int
    file_ptes: int


class MmFacts(TypedDict, total=False):
    """Numbers of an address space: layout in bytes, sizes in pages. What was not recorded is null."""

    mmap_base: int
    free_area_cache: int
    cached_hole_size: int
    areas: int
    peak_areas: int
    total_pages: int
    data_pages: int
    stack_pages: int
    exec_pages: int
    locked_pages: int
    start_brk: int
    brk: int
    stack_pointer: int
    legacy: int
    page_tables: int | None
    minor_faults: int
    major_faults: int
    maps_hidden: bool
    resident: list[Resident] | None


class Peak(TypedDict):
    """The address space with the most VMAs at that moment: kinds, protections, page tables."""

    at: Place
    vmas: int
    kinds: dict[str, int]
    of_them: dict[str, int]
    vmas_by_protection: dict[str, int]
    pages_by_protection: dict[str, int] | None
    differing: list[DifferingRange]
    facts: MmFacts


class Refusal(TypedDict):
    """Refusals of one call with one error."""

    errno: str
    count: int
    first: Place
    call: str
    why: str
    sure: bool
    causes: list[str]
    decides: str | None


class RefusalReason(TypedDict):
    """Why a call was refused: `causes` is one if `sure`, else the possible ones, the likeliest first."""

    why: str
    sure: bool
    causes: list[str]
    decides: str | None


class CallFacts(TypedDict):
    """A call by name: how often it was done, and refused with which error."""

    name: str
    sort: Literal["memory", "process", "file"]
    done: int
    refused: list[Refusal]


class AccessExample(TypedDict):
    """One access."""

    access: str
    at: Place


class RefusedAccesses(TypedDict):
    """Accesses that ended in one way, with the first of them."""

    outcome: str
    count: int
    first: list[AccessExample]


class Faults(TypedDict):
    """Page faults."""

    minor: int
    major: int


class Accesses(TypedDict):
    """Accesses by outcome, with the faults that they and the calls took; null: not recorded."""

    total: int
    ok: int
    minor: int | None
    major: int | None
    in_calls: Faults | None
    refused: list[RefusedAccesses]


class NotModelled(TypedDict):
    """A call that was not carried out."""

    name: str
    count: int


class Run(TypedDict):
    """Everything that a report of `run` says."""

    schema: Literal["remaptrace/run/1"]
    trace: TraceFacts
    machine: MachineFacts
    seconds: float
    agreement: Agreement | None
    not_compared: str | None
    not_recorded: list[str]
    processes: list[ProcessFacts]
    peak: Peak | None
    calls: list[CallFacts]
    accesses: Accesses
    memory: dict[str, int | None]
    assumed_areas: int
    not_modelled: list[NotModelled]
    taken_refusals: int
    notes: list[str]


class Runs(TypedDict):
    """`run` of several traces."""

    schema: Literal["remaptrace/runs/1"]
    runs: list[Run]


class Event(TypedDict):
    """One event of `run --format jsonl`: a call with its result, or an access with its outcome."""

    schema: Literal["remaptrace/event/1"]
    event: int
    pid: int
    tid: int
    file: str
    line: int
    kind: str
    text: str
    result: NotRequired[int]
    result_text: NotRequired[str]
    outcome: NotRequired[str]
    minor: int
    major: int
    map_count: int
