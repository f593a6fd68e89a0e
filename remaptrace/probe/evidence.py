"""What each value rests on: the cases that would disagree with any other value of the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ..lateclasses import dataclass, field
from .case import Case, alternatives, eligible, with_value

if TYPE_CHECKING:
    from ..machine.machine import Machine


@dataclass
class Verdict:
    """One rule. `against` has, for each other value, the shortest case that contradicts it and how."""

    rule: str
    value: int
    against: dict[int, tuple[str, str]] = field(default_factory=dict)
    open: tuple[int, ...] = ()  # other values that nothing contradicts
    readers: int = 0  # agreeing cases that read the rule

    @property
    def decided(self) -> bool:
        """Every other value is contradicted."""
        return not self.open and bool(self.against)


def weigh(
    cases: Sequence[Case],
    machine: Machine,
    rules: Iterable[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Verdict]:
    """The verdict on every rule that has other values, or on `rules`, from the cases that agree with `machine`."""
    agreeing = sorted((c for c in cases if c.agrees(machine)), key=lambda c: c.steps)
    names = eligible() if rules is None else list(rules)
    out = {}
    for done, name in enumerate(names):
        if progress is not None:
            progress(done, len(names))
        out[name] = _verdict(name, agreeing, machine)
    return out


def _verdict(name: str, agreeing: Sequence[Case], machine: Machine) -> Verdict:
    readers = [case for case in agreeing if name in case.reach(machine).read]
    verdict = Verdict(name, machine.kernel.values[name], readers=len(readers))
    left = []
    for flip in alternatives(machine, name):
        other = with_value(machine, flip)
        for case in readers:
            reach = case.reach(other)
            if reach.steps <= case.steps:
                verdict.against[flip[1]] = (case.name, reach.said)
                break
        else:
            left.append(flip[1])
    verdict.open = tuple(left)
    return verdict
