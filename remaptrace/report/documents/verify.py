"""The documents of `verify` and `conformance`: remaptrace/verify/1, conformance/1."""

from __future__ import annotations

from typing import Literal, TypedDict

from ...conformance.export import Row as ProgramFacts
from .run import Agreement, Tally


class OtherSide(TypedDict):
    """Who answered; `executable` null: nothing stood between."""

    name: str
    kernel: str
    emulated: bool
    executable: str | None
    facts: dict[str, str]


class VerifiedMachine(TypedDict):
    """The machine that was compared, and how it was chosen."""

    kernel: str
    arch: str
    about: str
    chosen: str
    settings: dict[str, str]


class KindRow(TypedDict):
    """Kinds that differ in the class of arguments alone; `kinds` and `smallest` count in the list of kinds."""

    call: str
    arguments: list[str]
    what: str
    there: str
    here: str
    count: int
    kinds: list[int]
    smallest: int


class KindDifference(TypedDict):
    """One difference of a program."""

    what: str
    call: str
    line: int
    there: str
    here: str


class Example(TypedDict):
    """The smallest program that shows a kind of disagreement."""

    name: str
    steps: list[str]
    line: int
    scenario: str | None
    differences: list[KindDifference]


class NamedRule(TypedDict):
    """A rule that explains a kind by itself: with the value there, its program agrees."""

    rule: str
    there: str
    here: str


class Kind(TypedDict):
    """One kind of disagreement. `rules` is empty where no single rule explains it, or nobody looked."""

    call: str
    arguments: str
    what: str
    there: str
    here: str
    count: int
    programs: int
    rules: list[NamedRule]
    example: Example


class SecondSide(TypedDict):
    """What answered in place of the replay."""

    name: str
    kernel: str


class Verify(TypedDict):
    """Everything that a report of `verify` says. `second`: the image that is compared with; null: a replay."""

    schema: Literal["remaptrace/verify/1"]
    other: OtherSide
    second: SecondSide | None
    machine: VerifiedMachine
    compared: list[str]
    not_compared: list[str]
    flags_left_out: dict[str, str]
    skipped: dict[str, str]
    notes: list[str]
    programs: Tally
    steps: Tally
    unfinished: int
    rows: list[KindRow]
    kinds: list[Kind]
    outcomes: list[Agreement]
    seconds: float


class Conformance(TypedDict):
    """Programs that hold answers of real kernels."""

    schema: Literal["remaptrace/conformance/1"]
    programs: list[ProgramFacts]
