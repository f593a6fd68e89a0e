"""What `record` keeps beside the texts of a set: record.json, remaptrace/record/1. What is not known is not there."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class RecordOptions(TypedDict):
    """What was asked for; `stacks` false, or how they were followed; `pid` null: a program was started."""

    counts: str
    stacks: bool | str
    follow: bool
    pid: int | None


class System(TypedDict):
    """The machine that recorded, as far as a replay elsewhere may need it."""

    release: str
    version: str
    arch: str
    page_size: int
    cpus: int | None
    sysctl: dict[str, str]
    rlimits: dict[str, list[int | str]]  # soft, hard: bytes, or "unlimited"
    thp: dict[str, str]
    uid: int
    memory_kb: NotRequired[dict[str, int]]
    status: NotRequired[dict[str, str]]


class SampledFaults(TypedDict):
    """Page faults that were sampled: of a known kind, of an unknown one, lost."""

    known: int
    unknown: int
    lost: int


class Record(TypedDict):
    """One recording: how it was made, on what, and what it lacks."""

    schema: Literal["remaptrace/record/1"]
    backend: str
    started: float  # seconds since the epoch
    command: list[str]
    options: RecordOptions
    system: System
    seconds: NotRequired[float]
    missing: NotRequired[list[str]]
    root_pid: NotRequired[int]
    ended: NotRequired[str]
    exec_error: NotRequired[str | None]
    counts: NotRequired[dict[str, int]]  # rows read, lost, unsettled
    lines: NotRequired[int]
    lost: NotRequired[int]
    threads: NotRequired[dict[int, int]]  # of a process that ran: thread, process
    faults: NotRequired[SampledFaults]
    calls: NotRequired[int]
    unserialised: NotRequired[int]
    unknown_arches: NotRequired[dict[str, int]]


class Summary(TypedDict):
    """summary.json: what readers of sets look at first."""

    kernel: str  # as "6.18 x86_64"
    command: str
    root_pid: int
    threads: NotRequired[dict[int, int]]
