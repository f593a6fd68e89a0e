"""The documents of `check`: remaptrace/check/1, and baseline/1, which --write-baseline keeps."""

from __future__ import annotations

from typing import Literal, TypedDict

from .run import Agreement, Tally


class Check(TypedDict):
    """All outcomes with their totals."""

    schema: Literal["remaptrace/check/1"]
    programs: Tally
    steps: Tally
    compared: dict[str, Tally]
    unreadable: int
    outcomes: list[Agreement]


class Measures(TypedDict, total=False):
    """The measures of one source; those that it cannot show are missing."""

    peak_vmas: int
    memory_calls: int
    refused_calls: int
    minor_faults: int
    major_faults: int


class Baseline(TypedDict):
    """What `check --write-baseline` keeps: the measures of each source, by its path."""

    schema: Literal["remaptrace/baseline/1"]
    sources: dict[str, Measures]
