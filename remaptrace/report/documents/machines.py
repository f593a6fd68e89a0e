"""The documents about machines and moments: maps/1, pte/1, kernels/1, kernels-compare/1, arches/1."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from ...abi.places import Place
from .run import MmFacts, Resident


class VmaFacts(TypedDict):
    """A line of /proc/PID/maps with what smaps adds; `pages` null: not counted."""

    start: int
    end: int
    perms: str
    offset: int
    inode: int
    name: str | None
    vmflags: list[str]
    assumed: bool
    pages: Resident | None


class Maps(TypedDict):
    """The areas of a process at a moment."""

    schema: Literal["remaptrace/maps/1"]
    at: Place
    vmas: list[VmaFacts]
    mm: MmFacts


class PteField(TypedDict):
    """A field of a PTE word."""

    bits: str
    name: str
    value: str
    meaning: str


class Pte(TypedDict):
    """The PTE word of an address."""

    schema: Literal["remaptrace/pte/1"]
    addr: int
    word: int
    kind: str
    fields: list[PteField]


class KernelLine(TypedDict):
    """A kernel of the list."""

    name: str
    about: str
    ground: str


class RuleFacts(TypedDict):
    """A rule of a kernel, and where its value comes from."""

    value: str
    origin: str
    ground: str  # asked: a running kernel decided it; read: in its source; undecided; given; common
    doc: str


class LeftOut(TypedDict):
    """What is not modelled of a call."""

    call: str
    what: str


class Kernels(TypedDict):
    """The list of kernels; or one with its rules (--show); or what is not modelled."""

    schema: Literal["remaptrace/kernels/1"]
    kernels: NotRequired[list[KernelLine]]
    name: NotRequired[str]
    about: NotRequired[str]
    rules: NotRequired[dict[str, RuleFacts]]
    not_modelled: NotRequired[list[LeftOut]]


class DifferingRule(TypedDict):
    """A rule in which two kernels differ."""

    values: list[str]
    origins: list[str]
    doc: str


class KernelsCompare(TypedDict):
    """Two kernels: the rules that differ, and how many are the same."""

    schema: Literal["remaptrace/kernels-compare/1"]
    kernels: list[str]
    differing: dict[str, DifferingRule]
    same: int


class ArchFacts(TypedDict):
    """An architecture: geometry, what its PTEs can hold, what it does with per-PTE protections."""

    name: str
    about: str
    page_size: int
    word_bits: int
    pte_bytes: int
    levels: int
    index_bits: list[int]
    map_chgprot: int | None
    pte_file_max_bits: int
    chgprot_support: str
    refusal_leads_to: str | None
    series_builds: bool
    host_arch: str | None


class Arches(TypedDict):
    """Every architecture."""

    schema: Literal["remaptrace/arches/1"]
    arches: list[ArchFacts]
