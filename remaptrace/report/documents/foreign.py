"""Documents of other tools' formats, as far as they are written here. Their schemas are those tools' own."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

# ---- SARIF 2.1.0


class Text(TypedDict):
    """A message."""

    text: str


class Configuration(TypedDict):
    """How grave a rule is."""

    level: str


class ReportingDescriptor(TypedDict):
    """A rule."""

    id: str
    shortDescription: Text
    defaultConfiguration: Configuration


class Driver(TypedDict):
    """The tool itself."""

    name: str
    rules: list[ReportingDescriptor]


class Tool(TypedDict):
    """What made the results."""

    driver: Driver


class ArtifactLocation(TypedDict):
    """A file."""

    uri: str


class Region(TypedDict):
    """A place in a file, from 1."""

    startLine: int
    startColumn: NotRequired[int]


class PhysicalLocation(TypedDict):
    """A file, and where in it."""

    artifactLocation: ArtifactLocation
    region: NotRequired[Region]


class Location(TypedDict):
    """Where a result is shown."""

    physicalLocation: PhysicalLocation


class SarifResult(TypedDict):
    """One finding."""

    ruleId: str
    level: str
    message: Text
    locations: list[Location]


class SarifRun(TypedDict):
    """One run of the tool."""

    tool: Tool
    results: list[SarifResult]


Sarif = TypedDict("Sarif", {"$schema": str, "version": Literal["2.1.0"], "runs": list[SarifRun]})

# ---- Trace Event Format


class TraceEvent(TypedDict):
    """One event: metadata (M), counter (C), instant (i), slice (X). Times in microseconds."""

    ph: Literal["M", "C", "i", "X"]
    name: str
    ts: float
    pid: int
    tid: int
    args: dict[str, str | int]
    cat: NotRequired[str]
    dur: NotRequired[float]
    s: NotRequired[Literal["t"]]  # an instant is the thread's


class Replay(TypedDict):
    """What a trace viewer does not ask for, but a reader may."""

    trace: str
    machine: str
    clock: str
    durations: str


class TraceEvents(TypedDict):
    """The whole file."""

    traceEvents: list[TraceEvent]
    displayTimeUnit: Literal["ns"]
    otherData: dict[str, list[Replay]]
