"""The programs that a probe asks: those with known answers elsewhere, random ones, and those made for single rules."""

from __future__ import annotations

from collections.abc import Iterator

from ..conformance.corpus import corpus
from ..native.generate import generate
from ..native.image import Image
from ..native.lacks import asked_together, lacking
from ..native.profiles import PROFILES
from ..native.scenarios import read_steps
from ..native.steps import Program
from ..native.transport import Transport
from .deciding import deciding_programs

_LENGTH = 40  # steps of a random program
_SEED = 2000


def programs(transport: Transport | None, rounds: int = 3) -> tuple[list[Program], dict[str, str]]:
    """What to ask, the shortest first, and the subjects that the other side lacks something for.

    `rounds` random programs of each subject. Without a transport: for a machine of which nothing is known yet.
    Raises as asking does.
    """
    skipped = {}
    if transport is not None:
        skipped = lacking(tuple(PROFILES), asked_together(tuple(PROFILES), transport))
    found = [*_deciding(transport), *_conformance(), *_random(rounds, skipped)]
    return sorted(found, key=lambda p: len(p.steps)), skipped


def _deciding(transport: Transport | None) -> Iterator[Program]:
    """Programs that change the machine's pool of huge pages are for machines that are there for nothing else."""
    own = isinstance(transport, Image)
    for program in deciding_programs():
        if own or not any("sysctl" in step for step in program.steps):
            yield program


def _conformance() -> Iterator[Program]:
    """Each program once, whichever kernels' answers there are of it."""
    seen = set()
    for item in corpus("linux-[4-9]*"):
        program = read_steps(str(item.path))
        key = repr(program.steps)
        if key not in seen:
            seen.add(key)
            yield Program(f"{item.kernel}/{item.name}", program.steps, program.whole)


def _random(rounds: int, skipped: dict[str, str]) -> Iterator[Program]:
    for number in range(_SEED, _SEED + rounds):
        for profile in PROFILES:
            if profile not in skipped:
                yield Program(f"{profile}-{number}", generate(number, profile, _LENGTH), whole=True)
