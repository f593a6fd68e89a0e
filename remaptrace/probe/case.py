"""One program with a kernel's answers, and how far a machine agrees with them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ..engine.run.driver import rules_read
from ..lateclasses import dataclass, replace
from ..machine.load import kernel_names, load_kernel
from ..machine.rules import RULES
from ..result.expect import check_expectations
from ..trace.scenario.read import read_scenario

if TYPE_CHECKING:
    from ..machine.machine import Machine
    from ..native.answers import NativeRun
    from ..native.verify import Asked
    from ..trace.events import Trace

Flip = tuple[str, int]
"""A rule by name and a value of it."""


@dataclass(frozen=True)
class Reach:
    """How far a machine agrees with a case: steps before the first disagreement, and what that one is.

    `steps` is one more than the case has when everything agrees. `read` are the rules that were read: no other
    rule can change anything.
    """

    steps: int
    read: frozenset[str]
    said: str = ""  # the step and both answers


_NAMES = {rule.index: rule.name for rule in RULES.values()}


class Case:
    """A scenario with answers. Replays are kept by the values of the rules that they read."""

    def __init__(self, name: str, text: str, path: str = "") -> None:
        self.name = name
        self.trace: Trace = read_scenario(text, name=name, path=path)
        self.steps = len(self.trace) - self.trace.prelude
        self.run: NativeRun | None = None
        self.decides = ""  # the one rule that this case may decide: replaying it takes long; empty: any
        self._kept: list[tuple[dict[str, int], Reach]] = []

    @classmethod
    def of(cls, asked: Asked) -> Case:
        """The case of a program that was answered."""
        case = cls(asked.program.name, asked.text(areas=True))
        case.run = asked.answered() if asked.program.whole else None
        if any("repeat" in step for step in asked.program.steps):
            case.decides = asked.program.name
        return case

    def reach(self, machine: Machine) -> Reach:
        """How far `machine` agrees."""
        values = machine.kernel.values
        for known, reach in self._kept:
            if all(values[name] == value for name, value in known.items()):
                return reach
        result, numbers = rules_read(self.trace, machine)
        outcome = check_expectations(result, self.name)
        read = frozenset(_NAMES[n] for n in numbers)
        if outcome.agrees:
            reach = Reach(self.steps + 1, read)
        else:
            first = outcome.disagreements[0]
            step = first.event - self.trace.prelude if first.event >= 0 else self.steps
            said = f"step {step}, {first.call}: {first.what} {first.expected} there, {first.simulated} here"
            reach = Reach(step, read, said)
        self._kept.append(({name: values[name] for name in read}, reach))
        return reach

    def agrees(self, machine: Machine) -> bool:
        """Whether everything agrees."""
        return self.reach(machine).steps > self.steps


def with_value(machine: Machine, flip: Flip) -> Machine:
    """`machine` with another value of one rule."""
    name, value = flip
    return replace(machine, kernel=replace(machine.kernel, values={**machine.kernel.values, name: value}))


_NUMBERS = ("userfaultfd_features", "mempolicy_modes")
"""Rules that are numbers and tell releases apart: their values are those that any kernel has."""


@cache
def _values(name: str) -> tuple[int, ...]:
    rule = RULES[name]
    if rule.kind == "bool":
        return (0, 1)
    if rule.kind == "enum":
        return tuple(range(len(rule.choices)))
    if name not in _NUMBERS:
        return ()
    return tuple(sorted({load_kernel(kernel).values[name] for kernel in kernel_names()}))


def alternatives(machine: Machine, name: str) -> list[Flip]:
    """The other values of a yes/no or choice rule, and of a number that tells releases apart."""
    return [(name, value) for value in _values(name) if value != machine.kernel.values[name]]


def eligible() -> list[str]:
    """The rules that have other values."""
    return [name for name in RULES if _values(name)]
