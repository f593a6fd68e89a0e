"""What is to be recorded, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RemapTraceError
from ..lateclasses import dataclass, field
from .counters import Pace

if TYPE_CHECKING:
    from ..report.documents.record import Record

FAILED = 125
"""Exit status when the recording failed, not the program."""


class RecordError(RemapTraceError):
    """Nothing could be recorded. Exit 125."""

    exit_status = FAILED


@dataclass
class Wish:
    """What is to be recorded, and how."""

    command: Sequence[str] = ()
    pid: int = 0
    seconds: float | None = None
    backend: str = "auto"
    counts: str = "auto"
    stacks: bool = False
    unwind: str = "dwarf"  # how perf follows stacks: dwarf, fp
    follow: bool = True
    limit: int = 0  # bytes of text; 0: none
    output: str | None = None


@dataclass
class Recording:
    """What came of it. `status` is the program's own exit status."""

    folder: Path
    status: int
    backend: str
    facts: Record  # as record.json has them
    missing: list[str] = field(default_factory=list)


def pace_of(counts: str) -> Pace | None:
    """The pace that ``--counts`` asks for: auto, all, no, or every Nth call."""
    if counts == "no":
        return None
    return Pace(0 if counts == "auto" else 1 if counts == "all" else int(counts))
