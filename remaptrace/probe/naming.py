"""Which rule explains a kind of disagreement: with another value of it, its smallest program agrees."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ..engine.run.driver import replay, rules_read
from ..machine.rules import RULES
from ..trace.scenario.read import read_scenario
from .case import Case, alternatives, with_value
from .search import shown as shown_by
from .write import shown

if TYPE_CHECKING:
    from ..machine.machine import Machine
    from ..native.hunting.hunt import Hunted
    from ..native.hunting.kinds import Kind

Named = tuple[str, str, str]
"""A rule, its value there as a kernel file writes it, and its value here."""


def explaining(hunted: Hunted) -> dict[Kind, list[Named]]:
    """The rules that explain each kind by themselves: with the value there the program agrees in everything.

    None for a kind that no value of a single rule explains, and for one whose program was not answered.
    """
    machine = hunted.machine
    out: dict[Kind, list[Named]] = {}
    for kind, found in hunted.kinds.items():
        if found.verdict is None or kind.what == "end":
            continue
        case = Case(found.example.name, found.verdict.text)
        out[kind] = [
            _named(flip, machine)
            for name in sorted(case.reach(machine).read)
            for flip in alternatives(machine, name)
            if case.agrees(with_value(machine, flip))
        ]
    return _most_first(out)


def differing(hunted: Hunted, there: Machine, here: Machine) -> dict[Kind, list[Named]]:
    """Of two kernels that answered, the single rules in which their presets differ that make the difference.

    Each of them turns what the replay of the first preset shows of the program into what the second one shows.
    """
    out: dict[Kind, list[Named]] = {}
    for kind, found in hunted.kinds.items():
        if found.verdict is None or kind.what == "end":
            continue
        trace = read_scenario(found.verdict.text, name=found.example.name)
        result, numbers = rules_read(trace, there)
        wanted = shown_by(replay(trace, here))
        if shown_by(result) == wanted:
            continue
        flips = [
            (rule.name, here.kernel.values[rule.name])
            for rule in RULES.values()
            if rule.index in numbers and there.kernel.values[rule.name] != here.kernel.values[rule.name]
        ]
        out[kind] = [
            (name, shown(RULES[name], there.kernel.values[name]), shown(RULES[name], value))
            for name, value in flips
            if shown_by(replay(trace, with_value(there, (name, value)))) == wanted
        ]
    return _most_first(out)


def _most_first(named: dict[Kind, list[Named]]) -> dict[Kind, list[Named]]:
    """The rules of each kind, those first that explain the most kinds."""
    count = Counter(rule for found in named.values() for rule in {name for name, _, _ in found})
    return {kind: sorted(found, key=lambda n: -count[n[0]]) for kind, found in named.items()}


def _named(flip: tuple[str, int], machine: Machine) -> Named:
    name, value = flip
    return name, shown(RULES[name], value), shown(RULES[name], machine.kernel.values[name])
