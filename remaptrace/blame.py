"""Which rule makes two machines answer differently: found by replaying with single rules exchanged.

Nothing is guessed from names. The base machine is given the other's rules, fewer and fewer of them,
until only those are left without which the answer stays the base's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .engine.run.driver import replay
from .lateclasses import dataclass, replace
from .machine.machine import Machine
from .machine.rules import RULES
from .trace.cutting import first_events
from .trace.events import Trace

ARCH = "architecture"
"""Stands among the names of rules for the architecture with its page-table words."""

_MOST = 6
"""Rules that may be needed together; beyond, the reason is given as unknown."""

Answer = tuple[int, ...]


@dataclass(frozen=True)
class Reason:
    """The rules that together turn the base's answer into the other's, with both values.

    Empty when no set of at most six rules does, which can happen where machines share no history.
    """

    rules: tuple[str, ...]
    values: tuple[tuple[str, str], ...]


def blame(trace: Trace, base: Machine, other: Machine, event: int, follow: bool | None) -> Reason:
    """The reason for the difference at `event`. Replays the events up to it about ten times."""
    part = first_events(trace, event + 1)
    wanted = _answer(part, other, event, follow)
    names = [n for n in RULES if base.kernel.values[n] != other.kernel.values[n]]
    if base.arch.words != other.arch.words:
        names.append(ARCH)

    def same(chosen: Sequence[str]) -> bool:
        return _answer(part, exchanged(base, other, chosen), event, follow) == wanted

    found = _smallest(names, same)
    return Reason(found, tuple((shown(base, n), shown(other, n)) for n in found))


def exchanged(base: Machine, other: Machine, names: Sequence[str]) -> Machine:
    """`base` with the rules `names` as `other` has them."""
    values = {**base.kernel.values, **{n: other.kernel.values[n] for n in names if n != ARCH}}
    arch = other.arch if ARCH in names else base.arch
    return replace(base, arch=arch, kernel=replace(base.kernel, values=values))


def shown(machine: Machine, name: str) -> str:
    """The value of a rule in words."""
    if name == ARCH:
        return (
            f"{machine.arch.label} ({machine.arch.name})"
            if machine.arch.label != machine.arch.name
            else machine.arch.name
        )
    rule = RULES[name]
    value = machine.rule(name)
    return ("yes" if value else "no") if rule.kind == "bool" else str(value)


def _answer(part: Trace, machine: Machine, event: int, follow: bool | None) -> Answer:
    columns: Any = replay(part, machine, follow=follow).columns
    return tuple(int(columns[c][event]) for c in ("ret", "outcome", "minor", "major", "map_count", "value"))


def _smallest(names: Sequence[str], same: Callable[[Sequence[str]], bool]) -> tuple[str, ...]:
    """A smallest subset (none of its members can be left out) for which `same` holds; empty if there is none."""
    needed: list[str] = []
    rest = list(names)
    if not same(rest):
        return ()
    while not same(needed):
        if len(needed) == _MOST:
            return ()
        low, high = 1, len(rest)  # the shortest prefix of `rest` that is enough with `needed`
        while low < high:
            middle = (low + high) // 2
            if same([*needed, *rest[:middle]]):
                high = middle
            else:
                low = middle + 1
        needed.append(rest[low - 1])
        rest = rest[: low - 1]
    return tuple(reversed(needed))
