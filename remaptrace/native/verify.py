"""A kernel as judge: do programs on both sides, compare step by step, shrink.

Programs are answered by a `transport`, the answers become the expectations of a scenario, and the replay of
that scenario is compared with them by the same code that `remaptrace check` uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InputError
from .answers import NativeRun, read_answers
from .generate import generate
from .profiles import PROFILES
from .program import to_lines
from .scenario_file import scenario_text
from .shrink import shrink
from .steps import Program, Step
from .transport import Started, Transport

if TYPE_CHECKING:
    from ..machine.machine import Machine
    from ..result.agreement import CheckOutcome


@dataclass(frozen=True)
class Asked:
    """One program and what the other side answered, or why it did not."""

    program: Program
    run: NativeRun | None
    failure: InputError | None = None

    def text(self, about: str = "as the running kernel answers") -> str:
        """The scenario of the program with the answers."""
        p = self.program
        return scenario_text(p.name, about, p.steps, self.run, whole=p.whole)


@dataclass(frozen=True)
class Verdict:
    """One program on both sides. `text` is the scenario with the kernel's answers."""

    name: str
    steps: int
    outcome: CheckOutcome
    text: str


def ask(programs: Sequence[Program], transport: Transport, *, areas: bool = False) -> list[Asked]:
    """What the other side answers to each of `programs`, all in one start.

    Raises InputError (RT806) where nothing can be asked, UsageError (RT804) for steps that only a simulation does.
    """
    reply = transport.ask([to_lines(p.steps) for p in programs], areas=areas)
    asked = []
    for program, answer in zip(programs, reply.answers, strict=True):
        try:
            asked.append(Asked(program, read_answers(program.steps, answer, whole=program.whole)))
        except InputError as error:
            asked.append(Asked(program, None, error))
    return asked


def ask_kernel(steps: Sequence[Step], *, whole: bool, transport: Transport | None = None) -> NativeRun:
    """What the running kernel answers to `steps`; `whole`: see `answers.read_answers`. Raises as those do."""
    (asked,) = ask([Program("", list(steps), whole)], transport or Started())
    if asked.run is None:
        raise asked.failure or AssertionError("an answer or a failure")
    return asked.run


def compare(asked: Asked, machine: Machine) -> Verdict:
    """Replay a program that was answered on `machine`, and compare everything that both answer."""
    from ..engine.run.driver import replay
    from ..result.expect import check_expectations
    from ..trace.scenario.read import read_scenario

    if asked.run is None:
        raise asked.failure or AssertionError("an answer or a failure")
    text, name = asked.text(), asked.program.name
    outcome = check_expectations(replay(read_scenario(text, name=name), machine), name)
    return Verdict(name, len(asked.program.steps), outcome, text)


def verify_steps(
    steps: Sequence[Step], machine: Machine, name: str, *, whole: bool, transport: Transport | None = None
) -> Verdict:
    """Do `steps` on the other side (the running kernel) and on `machine`, and compare all that both answer."""
    return compare(ask([Program(name, list(steps), whole)], transport or Started())[0], machine)


def smallest(verdict: Verdict, steps: Sequence[Step], machine: Machine, *, whole: bool) -> Verdict:
    """The verdict on the smallest program from `steps` on which both sides still disagree."""
    if verdict.outcome.agrees:
        return verdict
    best = verdict

    def fails(candidate: list[Step]) -> bool:
        nonlocal best
        tried = verify_steps(candidate, machine, verdict.name, whole=whole)
        if tried.outcome.agrees:
            return False
        best = tried
        return True

    shrink(steps, fails)
    return best


def random_programs(
    operations: int, seed: int, profiles: Sequence[str], length: int = 50
) -> Iterator[tuple[str, list[Step]]]:
    """(name, steps) of programs, profile by profile in turn, until `operations` steps are made."""
    made, number = 0, seed
    while made < operations:
        for profile in profiles:
            steps = generate(number, profile, min(length, operations - made))
            yield f"{profile}-{number}", steps
            made += len(steps)
            if made >= operations:
                return
        number += 1


def verify_random(
    operations: int,
    seed: int,
    machine: Machine,
    profiles: Sequence[str] = tuple(PROFILES),
    progress: Callable[[Verdict], None] | None = None,
) -> tuple[int, int, Verdict | None]:
    """(programs, operations, first disagreement made small or None) of random programs on both sides."""
    programs = done = 0
    for name, steps in random_programs(operations, seed, profiles):
        verdict = verify_steps(steps, machine, name, whole=True)
        programs, done = programs + 1, done + len(steps)
        if progress is not None:
            progress(verdict)
        if not verdict.outcome.agrees:
            return programs, done, smallest(verdict, steps, machine, whole=True)
    return programs, done, None
