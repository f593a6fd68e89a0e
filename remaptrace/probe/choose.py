"""From the nearest preset to the values that fit: rule by rule, each where it repairs more than it breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..lateclasses import dataclass
from .case import Case, Flip, alternatives, with_value

if TYPE_CHECKING:
    from ..machine.machine import Machine

_JUDGES = 60
"""Failing and agreeing cases that judge whether a value repairs more than it breaks: the shortest readers of it."""


@dataclass(frozen=True)
class Change:
    """A rule whose value was changed: `because` names the case that asked for it."""

    rule: str
    old: int
    new: int
    because: str


def choose(
    cases: Sequence[Case], machine: Machine, progress: Callable[[int, int], None] | None = None
) -> tuple[Machine, list[Change]]:
    """The machine that agrees with most, from `machine` by changing one rule at a time, and the changes.

    A value is taken if it lets a failing case go on further, and over all cases that read the rule more go
    further than stop earlier. `progress` is told how many cases agree.
    """
    changes: list[Change] = []
    ordered = sorted(cases, key=lambda case: case.steps)
    given_up: set[tuple[str, int]] = set()  # a case and where it stops, for which no value was found
    while True:
        failing = [c for c in ordered if not c.agrees(machine)]
        if progress is not None:
            progress(len(cases) - len(failing), len(cases))
        change = None
        for case in sorted(failing, key=lambda c: c.reach(machine).steps):
            at = (case.name, case.reach(machine).steps)
            if at in given_up:
                continue
            change = _repair(case, ordered, machine)
            if change is not None:
                break
            given_up.add(at)
        if change is None:
            return machine, changes
        machine = with_value(machine, (change.rule, change.new))
        changes.append(change)
        given_up.clear()


def _repair(case: Case, cases: Sequence[Case], machine: Machine) -> Change | None:
    """The value that helps `case` and most others; None if there is none."""
    now = case.reach(machine)
    helping: list[tuple[int, Flip]] = []
    for name in sorted(now.read):
        for flip in alternatives(machine, name):
            further = case.reach(with_value(machine, flip)).steps
            if further > now.steps:
                helping.append((further, flip))
    best: tuple[int, Flip] | None = None
    for _, flip in sorted(helping, key=lambda h: -h[0]):
        gain = _gain(flip, cases, machine)
        if gain > 0 and (best is None or gain > best[0]):
            best = gain, flip
    if best is None:
        return None
    name, value = best[1]
    return Change(name, machine.kernel.values[name], value, case.name)


def _gain(flip: Flip, cases: Sequence[Case], machine: Machine) -> int:
    """Cases that go further with the value, less those that stop earlier."""
    readers = [case for case in cases if flip[0] in case.reach(machine).read]
    failing = [case for case in readers if not case.agrees(machine)]
    judges = failing[:_JUDGES] + [case for case in readers if case.agrees(machine)][:_JUDGES]
    other = with_value(machine, flip)
    gain = 0
    for case in judges:
        before, after = case.reach(machine).steps, case.reach(other).steps
        gain += (after > before) - (after < before)
    return gain
