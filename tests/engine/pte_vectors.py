"""The published PTE vectors, read once for several tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from remaptrace.engine.state import H_ARCH, HEAP
from remaptrace.machine.arch import PROTS, load_arch_file

SERIES = {"2.6.21": "plain", "2.6.21+rfp2007": "rfp2007", "2.6.13+rfp2005": "rfp2005", "6.10": "plain"}
DATA = Path(__file__).parents[1] / "data" / "pte-vectors.yaml"


@cache
def vectors() -> tuple[dict[str, Any], ...]:
    """All entries of the vectors file."""
    return tuple(yaml.load(DATA.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


@cache
def arena(arch: str, series: str) -> list[int]:
    """Just enough of an arena for the PTE functions."""
    m = [0] * HEAP
    words = load_arch_file(arch, series).words
    m[H_ARCH : H_ARCH + len(words)] = words
    return m


def unsigned(word: int) -> int:
    """The word as 64 bits without sign."""
    return word & 0xFFFF_FFFF_FFFF_FFFF


def index(prot: str, shared: bool) -> int:
    """protection_map index of three letters."""
    return PROTS.index(prot) + (8 if shared else 0)
