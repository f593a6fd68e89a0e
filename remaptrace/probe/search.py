"""Programs that tell two values of a rule apart, found without any kernel: replayed with either value, made small."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ..engine.run.driver import replay, rules_read
from ..lateclasses import replace
from ..machine.rules import RULES
from ..native.generate import generate
from ..native.hunting.shrink import shrinking
from ..native.profiles import PROFILES
from ..native.scenario_file import scenario_text
from ..native.steps import Program, Step
from ..trace.scenario.expect import listed
from ..trace.scenario.read import read_scenario
from .case import Flip, with_value

if TYPE_CHECKING:
    from ..machine.machine import Machine
    from ..native.answers import NativeRun
    from ..result.result import Result
    from ..trace.events import Trace

_LENGTH = 60  # steps of a generated program
_COLUMNS = ("ret", "outcome", "minor", "major", "value", "map_count")


class Search:
    """Looks among random programs of `profiles` for those on which two values answer differently.

    `like` is a program's run on the other side: its areas before the first step are those of every program.
    """

    def __init__(
        self, machine: Machine, profiles: Iterable[str] = tuple(PROFILES), like: NativeRun | None = None
    ):
        self.machine = machine
        self.profiles = tuple(profiles)
        self.like = like

    def search(
        self,
        flips: Sequence[Flip],
        rounds: int,
        seed: int = 5000,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[Flip, Program]:
        """The smallest program found for each of `flips`, over `rounds` programs of each subject."""
        found: dict[Flip, Program] = {}
        for number in range(seed, seed + rounds):
            if progress is not None:
                progress(number - seed, rounds)
            for profile in self.profiles:
                left = [flip for flip in flips if flip not in found]
                if not left:
                    return found
                steps = generate(number, profile, _LENGTH)
                for flip in self._told_apart(steps, left):
                    small = self._small(steps, flip)
                    found[flip] = Program(f"{flip[0]}-{profile}-{number}", small, whole=True)
        return found

    def _trace(self, steps: Sequence[Step]) -> Trace:
        place = self.like and replace(self.like, expects=[{} for _ in steps], behind={}, vmas=[])
        text = scenario_text("search", "", steps, place, whole=True)
        return read_scenario(text, name="search")

    def _told_apart(self, steps: Sequence[Step], flips: Sequence[Flip]) -> list[Flip]:
        trace = self._trace(steps)
        result, numbers = rules_read(trace, self.machine)
        seen = shown(result)
        out = []
        for flip in flips:
            if RULES[flip[0]].index in numbers:
                other = replay(trace, with_value(self.machine, flip))
                if shown(other) != seen:
                    out.append(flip)
        return out

    def _small(self, steps: Sequence[Step], flip: Flip) -> list[Step]:
        passes = shrinking(steps)
        tries = next(passes)
        try:
            while True:
                tries = passes.send([bool(self._told_apart(t, [flip])) for t in tries])
        except StopIteration as end:
            small: list[Step] = end.value
            return small


def shown(result: Result) -> tuple[object, ...]:
    """What a program can see of a replay: answers of its steps, and the areas at the end."""
    columns = tuple(result.columns[name].tobytes() for name in _COLUMNS)
    areas = tuple(
        (v.start, v.end, v.vmflags, v.name, v.offset, v.file)
        for s in result.snapshots
        for v in listed(list(s.vmas), result.trace.initial)
    )
    looks = tuple(
        (event, repr(shot.pages), len(shot.vmas)) for event, shot in sorted(result.observed.items())
    )
    return (*columns, areas, looks)
