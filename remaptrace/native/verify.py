"""The running kernel as judge: do a program on both sides, compare step by step, shrink.

A program is run by `launch`, its answers become the expectations of a scenario, and the replay of
that scenario is compared with them by the same code that `remaptrace check` uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .answers import NativeRun, read_answers
from .generate import generate
from .launch import run_program
from .profiles import PROFILES
from .program import to_lines
from .scenario_file import scenario_text
from .shrink import shrink
from .steps import Step

if TYPE_CHECKING:
    from ..machine.machine import Machine
    from ..result.agreement import CheckOutcome


@dataclass(frozen=True)
class Verdict:
    """One program on both sides. `text` is the scenario with the kernel's answers."""

    name: str
    steps: int
    outcome: CheckOutcome
    text: str


def ask_kernel(steps: Sequence[Step], *, whole: bool) -> NativeRun:
    """What the running kernel answers to `steps`; `whole`: see `answers.read_answers`."""
    steps = list(steps)
    return read_answers(steps, run_program(to_lines(steps)), whole=whole)


def verify_steps(steps: Sequence[Step], machine: Machine, name: str, *, whole: bool) -> Verdict:
    """Do `steps` on the running kernel and on `machine`, and compare everything that both answer."""
    from ..engine.run.driver import replay
    from ..result.expect import check_expectations
    from ..trace.scenario.read import read_scenario

    text = scenario_text(
        name, "as the running kernel answers", steps, ask_kernel(steps, whole=whole), whole=whole
    )
    outcome = check_expectations(replay(read_scenario(text, name=name), machine), name)
    return Verdict(name, len(steps), outcome, text)


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
