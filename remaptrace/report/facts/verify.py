"""The facts of `verify`: who answered, how far the replay agrees, every kind of disagreement (remaptrace/verify/1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ...lateclasses import dataclass, field
from ...native.answers import NOT_COMPARED
from ...native.hunting.hunt import Hunted
from ...native.hunting.kinds import Found, Kind
from ...native.place import Place
from ...native.scenario_file import step_text
from ...native.verify import COMPARED
from .run import agreement_facts

if TYPE_CHECKING:
    from ..documents.verify import Kind as KindFacts
    from ..documents.verify import KindRow, Verify

SCHEMA: Final = "remaptrace/verify/1"


@dataclass(frozen=True)
class Asking:
    """What was asked of whom: `name` of the other side, what was compared, what could not be asked and why.

    `second`: name and kernel of another side that was asked in place of a replay. `rules` of a kind are those that
    explain it: name, value there, value here.
    """

    name: str
    wanted: Sequence[str] = COMPARED
    skipped: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    seconds: float = 0.0
    second: tuple[str, str] | None = None
    rules: Mapping[Kind, Sequence[tuple[str, str, str]]] = field(default_factory=dict)


def verify_facts(hunted: Hunted, place: Place, asking: Asking) -> Verify:
    """Everything that a report of `verify` shows, as plain data.

    `rows` are kinds that differ in the class of arguments alone put together, the most frequent first; each has the
    smallest program of them.
    """
    kinds = sorted(hunted.kinds.values(), key=lambda f: (-f.count, len(f.example.steps)))
    where = hunted.where
    return {
        "schema": SCHEMA,
        "other": {
            "name": asking.name,
            "kernel": where.kernel,
            "emulated": where.emulated,
            "executable": where.interpreter or None,
            "facts": dict(where.facts),
        },
        "second": {"name": asking.second[0], "kernel": asking.second[1]} if asking.second else None,
        "machine": {
            "kernel": hunted.machine.kernel.name,
            "arch": hunted.machine.arch.label,
            "about": hunted.machine.kernel.about,
            "chosen": place.chosen,
            "settings": dict(place.settings),
        },
        "compared": list(asking.wanted),
        "not_compared": [w for w in COMPARED if w not in asking.wanted],
        "flags_left_out": {name: NOT_COMPARED[name] for name in sorted(hunted.flags_left_out)},
        "skipped": dict(asking.skipped),
        "notes": [*place.notes, *asking.notes, *hunted.notes],
        "programs": {"agree": hunted.agreeing, "total": hunted.programs},
        "steps": {"agree": hunted.steps_agreeing, "total": hunted.steps},
        "unfinished": hunted.unfinished,
        "rows": _rows(kinds),
        "kinds": [kind_facts(f, asking.rules.get(f.kind, ())) for f in kinds],
        "outcomes": [agreement_facts(o) for o in hunted.outcomes],
        "seconds": round(asking.seconds, 3),
    }


def kind_facts(found: Found, rules: Sequence[tuple[str, str, str]] = ()) -> KindFacts:
    """One kind with its smallest program: the steps in a line each, and the scenario with the answers there."""
    kind, verdict = found.kind, found.verdict
    return {
        "call": kind.call,
        "arguments": kind.arguments,
        "what": kind.what,
        "there": kind.there,
        "here": kind.here,
        "count": found.count,
        "programs": len(found.programs),
        "rules": [{"rule": name, "there": there, "here": here} for name, there, here in rules],
        "example": {
            "name": found.example.name,
            "steps": [step_text(step) for step in found.example.steps],
            "line": found.line,
            "scenario": verdict.text if verdict is not None else None,
            "differences": [
                {"what": d.what, "call": d.call, "line": d.line, "there": d.expected, "here": d.simulated}
                for d in (verdict.outcome.disagreements if verdict is not None else ())
            ],
        },
    }


def _rows(kinds: Sequence[Found]) -> list[KindRow]:
    """Kinds with the same call and answers as one row."""
    rows: dict[tuple[str, str, str, str], KindRow] = {}
    for number, found in enumerate(kinds):
        kind = found.kind
        row = rows.setdefault(
            (kind.call, kind.what, kind.there, kind.here),
            {
                "call": kind.call,
                "arguments": [],
                "what": kind.what,
                "there": kind.there,
                "here": kind.here,
                "count": 0,
                "kinds": [],
                "smallest": number,
            },
        )
        if kind.arguments:
            row["arguments"].append(kind.arguments)
        row["count"] += found.count
        row["kinds"].append(number)
    out = sorted(rows.values(), key=lambda row: -row["count"])
    for row in out:
        row["smallest"] = min(row["kinds"], key=lambda n: len(kinds[n].example.steps))
    return out


def summary(facts: Verify) -> str:
    """The last line of `verify`: ``programs A/B, steps C/D, no disagreement``."""
    programs, steps, kinds = facts["programs"], facts["steps"], len(facts["kinds"])
    found = (
        "no disagreement"
        if not kinds
        else "a disagreement"
        if kinds == 1
        else f"{kinds} kinds of disagreement"
    )
    return (
        f"programs {programs['agree']}/{programs['total']}, steps {steps['agree']}/{steps['total']}: {found},"
        f" {facts['seconds']:.0f} s"
    )
