"""Every disagreement of many programs, by kind, each with its smallest program.

Where a program disagrees, its first disagreement is counted and the program asked again without that step, until it
agrees: so each one found is a first one, none the consequence of another. Programs are asked many at once, also
those that come about while the examples of all kinds are made small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from ...lateclasses import dataclass, field, replace
from ...result.agreement import CheckOutcome, Tally
from ..folder import Folder
from ..place import Place
from ..steps import Program, Step
from ..transport import Transport
from ..verify import COMPARED, Asked, Verdict, ask, compare
from ..wire import Where
from .kinds import Found, Kind, first_of
from .offline import concerned, small, without
from .shrink import Shrinking, keep, shrinking

if TYPE_CHECKING:
    from ...machine.machine import Machine

AT_ONCE = 64
"""Programs asked in one start."""
MOST_ROUNDS = 25
"""Disagreements counted in one program."""

_LONG = 6
"""Steps of an example that is first cut to those that concern it."""

Choose = Callable[[Where], Place]


@dataclass
class Hunted:
    """What came of it. Steps and programs are those that were given, not those tried to make examples small."""

    where: Where
    machine: Machine
    programs: int = 0
    agreeing: int = 0
    steps: int = 0
    steps_agreeing: int = 0
    kinds: dict[Kind, Found] = field(default_factory=dict)
    flags_left_out: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    unfinished: int = 0  # programs with more than MOST_ROUNDS disagreements
    outcomes: list[CheckOutcome] = field(default_factory=list)  # of the programs as given


class Hunter:
    """Asks one side (`transport`) and replays on the machine that `choose` makes of where that was."""

    def __init__(self, transport: Transport, choose: Choose, wanted: Sequence[str] = COMPARED) -> None:
        self.transport = transport
        self.choose = choose
        self.wanted = wanted
        self.found: Hunted | None = None

    def hunt(self, programs: Iterable[Program], progress: Callable[[int], None] | None = None) -> Hunted:
        """Everything in which the two sides differ over `programs`. `progress` is told steps done.

        Raises InputError (RT806) where nothing can be asked.
        """
        if isinstance(self.transport, Folder):
            return self._brought(self.transport)
        waiting = iter(programs)
        while batch := list(islice(waiting, AT_ONCE)):
            self._batch(batch)
            if progress is not None:
                progress(sum(len(p.steps) for p in batch))
        if self.found is None:
            self._ask([])
        assert self.found is not None
        self._make_small(list(self.found.kinds.values()))
        return self.found

    def _ask(self, programs: list[Program]) -> list[tuple[Asked, Verdict | None]]:
        """Both sides' answers to `programs`; no verdict on one that was not answered to its end."""
        where, asked = ask(programs, self.transport, areas=True)
        if self.found is None:
            self.found = Hunted(where, self.choose(where).machine)
        machine = self.found.machine
        return [(a, None if a.run is None else compare(a, machine, self.wanted)) for a in asked]

    def _batch(self, programs: list[Program]) -> None:
        """Count what disagrees in `programs`, and in what is left of them without it."""
        rounds = 0
        whole = True
        while programs:
            rounds += 1
            left: list[Program] = []
            for asked, verdict in self._ask(programs):
                found = self.found
                assert found is not None
                first = first_of(asked, verdict)
                if whole:
                    self._tally(asked, verdict, found)
                if first is None:
                    continue
                number, kind = first
                self._note(found, asked, number, kind)
                if number < 0:
                    continue
                if rounds == MOST_ROUNDS:
                    found.unfinished += 1
                    continue
                steps = asked.program.steps
                rest = keep(steps, [n for n in range(len(steps)) if n != number])
                if rest:
                    left.append(replace(asked.program, steps=rest))
            programs, whole = left, False

    def _tally(self, asked: Asked, verdict: Verdict | None, found: Hunted) -> None:
        program, steps = asked.program, len(asked.program.steps)
        found.programs += 1
        found.steps += steps
        if asked.run is not None:
            found.flags_left_out |= asked.run.left_out
            if asked.run.every > 1:
                found.notes.append(
                    f"{program.name}: areas are compared behind every {asked.run.every}th step"
                )
        if verdict is None:
            found.steps_agreeing += asked.reached
            tallies = {"steps": Tally(asked.reached, steps)}
            error = asked.failure
            found.outcomes.append(CheckOutcome(program.name, program.path, "program", tallies, error=error))
            return
        found.agreeing += verdict.outcome.agrees
        found.steps_agreeing += verdict.outcome.tallies["steps"].agree
        found.outcomes.append(replace(verdict.outcome, path=program.path or program.name))

    def _note(self, found: Hunted, asked: Asked, number: int, kind: Kind) -> None:
        """One more of a kind; the shortest program up to the step that shows it is the example."""
        program = asked.program
        steps = program.steps if number < 0 else program.steps[: number + 1]
        example = replace(program, steps=steps)
        known = found.kinds.get(kind)
        if known is None:
            found.kinds[kind] = Found(kind, 1, {program.name}, example, (asked, number))
            return
        known.count += 1
        known.programs.add(program.name)
        if len(steps) < len(known.example.steps):
            known.example, known.source = example, (asked, number)

    # ---- answers that were brought back

    def _brought(self, folder: Folder) -> Hunted:
        """What differs in answers that are there already: nothing can be asked again.

        Behind a step that failed there and changed nothing the program goes on without it; elsewhere only the first
        disagreement of a program is counted, since what follows may be its consequence.
        """
        shortest: dict[Kind, tuple[Asked, int]] = {}
        for given, judged in self._ask(folder.programs):
            found = self.found
            assert found is not None
            self._tally(given, judged, found)
            asked: Asked | None = given
            verdict = judged
            while asked is not None and (first := first_of(asked, verdict)) is not None:
                number, kind = first
                self._note(found, asked, number, kind)
                known = shortest.get(kind)
                if known is None or number < known[1]:
                    shortest[kind] = asked, number
                asked = without(asked, number, kind) if asked.run is not None and number >= 0 else None
                if asked is not None:
                    verdict = compare(asked, found.machine, self.wanted)
        found = self.found or Hunted(folder.where, self.choose(folder.where).machine)
        self.found = found
        for kind, (asked, number) in shortest.items():
            at = found.kinds[kind]
            made = (
                small(asked, number, kind, found.machine, self.wanted) if asked.run and number >= 0 else asked
            )
            if made is not None:
                at.example = made.program
                self._shown(at, made)
        return found

    # ---- making examples small

    def _make_small(self, kinds: list[Found]) -> None:
        """Shrink all examples together: each round asks what every one of them wants to try."""
        self._slice([f for f in kinds if len(f.example.steps) > _LONG])
        passes: dict[int, Shrinking] = {n: shrinking(f.example.steps) for n, f in enumerate(kinds)}
        wanted: dict[int, list[list[Step]]] = {}
        for n, steps in self._advanced(passes, dict.fromkeys(passes), kinds):
            wanted[n] = steps
        while wanted:
            programs = [
                replace(kinds[n].example, steps=steps) for n, tries in wanted.items() for steps in tries
            ]
            answers = iter(self._kinds_of(programs))
            fails: dict[int, list[bool] | None] = {
                n: [next(answers) == kinds[n].kind for _ in tries] for n, tries in wanted.items()
            }
            wanted = dict(self._advanced(passes, fails, kinds))
        self._show(kinds)

    def _slice(self, kinds: list[Found]) -> None:
        """Of long examples try first the steps alone that share pages with the one that shows the kind."""
        tries = []
        for found in kinds:
            if found.source is not None and found.source[0].run is not None and found.source[1] >= 0:
                steps = keep(found.example.steps, concerned(*found.source))
                tries.append((found, replace(found.example, steps=steps)))
        answers = self._kinds_of([program for _, program in tries])
        for (found, program), kind in zip(tries, answers, strict=True):
            if kind == found.kind:
                found.example = program

    @staticmethod
    def _advanced(
        passes: dict[int, Shrinking], fails: dict[int, list[bool] | None], kinds: list[Found]
    ) -> Iterator[tuple[int, list[list[Step]]]]:
        """What each pass wants to try next; the examples of those that are done are what they found."""
        for n, told in fails.items():
            try:
                yield n, passes[n].send(told)  # type: ignore[arg-type]
            except StopIteration as end:
                kinds[n].example = replace(kinds[n].example, steps=end.value)

    def _kinds_of(self, programs: list[Program]) -> Iterator[Kind | None]:
        for at in range(0, len(programs), AT_ONCE):
            for asked, verdict in self._ask(programs[at : at + AT_ONCE]):
                first = first_of(asked, verdict)
                yield first[1] if first else None

    def _show(self, kinds: list[Found]) -> None:
        """The verdict on each example, with the areas behind its steps in its text."""
        assert self.found is not None
        _, asked = ask([f.example for f in kinds], self.transport, areas=True)
        for found, a in zip(kinds, asked, strict=True):
            self._shown(found, a)

    def _shown(self, found: Found, asked: Asked) -> None:
        """Keep the verdict on an example, if it was answered."""
        assert self.found is not None
        if asked.run is None:
            return
        found.verdict = compare(asked, self.found.machine, self.wanted, written=True)
        if found.verdict.outcome.disagreements:
            found.line = found.verdict.outcome.disagreements[0].line
