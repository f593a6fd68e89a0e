"""The documents of `diff`: remaptrace/diff/1 of one trace on several machines, diff-recordings/1 of two recordings."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from ...abi.places import Place
from .run import AccessExample, MachineFacts, Peak, TraceFacts


class ProcessName(TypedDict):
    """A process."""

    pid: int
    name: str


class Counts(TypedDict):
    """VMA counts of the largest process."""

    start: int
    peak: int
    end: int


class Setting(TypedDict):
    """A rule that was set on one of the machines, and its value on each."""

    rule: str
    values: list[int | str]


class OptionValues(TypedDict):
    """An option of a .config and its value in each, n: not set; `about`: what it is about, empty where it decides."""

    option: str
    values: list[str]
    about: str


class ConfigurationFacts(TypedDict):
    """What the .config files differ in: options that decide something simulated, that only concern mappings, others."""

    deciding: list[OptionValues]
    not_modelled: list[OptionValues]
    others: int


class HostCalls(TypedDict):
    """What a User-mode Linux guest asked of its host: calls by name, most VMAs of one host process."""

    calls: dict[str, int]
    peak_vmas: int


class MachineColumn(TypedDict):
    """What one machine did."""

    machine: MachineFacts
    process: ProcessName | None
    vmas: Counts | None
    course: list[int]
    refused_calls: int
    refused_by_errno: dict[str, int]
    minor: int | None
    major: int | None
    refused_accesses: int
    memory: dict[str, int | None]
    peak: Peak | None
    host: HostCalls | None


class Answer(TypedDict):
    """What one machine answered to one event; map_count -1: no address space, value -1: no byte."""

    answer: str
    minor: int
    major: int
    map_count: int
    value: int


class RuleReason(TypedDict):
    """A rule that makes a difference, with both values."""

    rule: str
    base: str
    other: str
    doc: str


class DifferingEvent(TypedDict):
    """One event that two machines answered differently."""

    at: Place
    text: str
    base: Answer
    other: Answer
    reason: NotRequired[list[RuleReason] | None]


class DifferingEvents(TypedDict):
    """Events that differ in one respect: how many, and the first."""

    count: int
    first: list[DifferingEvent]


class DifferingAnswers(TypedDict):
    """Differing results of one call by both answers."""

    call: str
    base: str
    other: str
    count: int
    first: Place
    text: str


class OutcomePair(TypedDict):
    """Accesses by both outcomes; equal ones too."""

    base: str
    other: str
    count: int
    first: AccessExample


class Effective(TypedDict):
    """What a range allows: VMA permissions, what is effective, and what decides it."""

    vma: str
    effective: str
    reason: str


class DifferingProtection(TypedDict):
    """A range that the machines protect differently at the end."""

    start: int
    end: int
    base: Effective
    other: Effective


class Pair(TypedDict):
    """The first machine against another one."""

    base: int
    other: int
    differs: bool
    events: dict[str, DifferingEvents]
    results_by_answer: list[DifferingAnswers]
    first_difference: DifferingEvent | None
    outcome_matrix: list[OutcomePair]
    protections: list[DifferingProtection]
    notes: list[str]


class Diff(TypedDict):
    """Everything that a report of `diff` says."""

    schema: Literal["remaptrace/diff/1"]
    trace: TraceFacts
    seconds: float
    differs: bool
    not_recorded: list[str]
    configurations: ConfigurationFacts | None
    settings: list[Setting]
    machines: list[MachineColumn]
    pairs: list[Pair]


class Grown(TypedDict):
    """A line of a view before and after; bytes 0 where the view has none."""

    label: str
    before: int
    after: int
    bytes_before: int
    bytes_after: int


class DiffRecordings(TypedDict):
    """Two recordings: what each run needed."""

    schema: Literal["remaptrace/diff-recordings/1"]
    sources: list[str]
    before: int
    after: int
    same_process: bool
    compared: list[str]
    seconds: None
    per_second: None
    grown: dict[str, list[Grown]]
    new: None
    faults_recorded: list[bool]
    sentences: list[str]
