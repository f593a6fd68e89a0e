"""Disagreements by kind: which call, with which class of arguments, answered what there and what here.

Of a program only the first disagreement counts, since those behind it may follow from it; `hunt` goes on without
that step, so that each one is found.
"""

from __future__ import annotations

from typing import Any

from ...abi.errnos import ERRNOS
from ...lateclasses import dataclass
from ..program import operation
from ..steps import Program
from ..verify import Asked, Verdict
from .classes import class_of

_END = "the end"


@dataclass(frozen=True)
class Kind:
    """What tells one kind from another. `what` is the field that differs; there and here are classes of answers."""

    call: str
    arguments: str
    what: str
    there: str
    here: str


@dataclass
class Found:
    """A kind, how often it was met, and the smallest program that shows it."""

    kind: Kind
    count: int
    programs: set[str]
    example: Program
    source: tuple[Asked, int] | None = None  # the program that the example is the beginning of, and the step
    verdict: Verdict | None = (
        None  # of the example, made small; None while it is not, or where it was not answered
    )
    line: int = 0  # of the step in the verdict's text


def first_of(asked: Asked, verdict: Verdict | None) -> tuple[int, Kind] | None:
    """The step (-1: the end) and the kind of the first disagreement of a program; None if there is none.

    Without a verdict the program was not answered to its end.
    """
    steps = asked.program.steps
    if verdict is None:
        number = min(asked.reached, len(steps) - 1)
        if not asked.began:  # the runner tries the fetch of an instruction beforehand
            number = next((n for n, s in enumerate(steps) if operation(s) == "exec"), number)
        why = asked.failure.found or asked.failure.problem if asked.failure else ""
        return number, Kind(operation(steps[number]), "", "end", why or "no end", "goes on")
    if verdict.outcome.agrees or not verdict.outcome.disagreements:
        return None
    first = verdict.outcome.disagreements[0]
    number = verdict.step_of(first.event)
    run = asked.answered()
    if number < 0:
        there, here = _areas(first.expected, first.simulated)
        return -1, Kind(_END, "", "areas" if not there.startswith("VmFlags") else "flags", there, here)
    arguments = class_of(steps, number, run)
    there, here = _answers(first.what, first.expected, first.simulated)
    return number, Kind(operation(steps[number]), arguments, _WHAT.get(first.what, first.what), there, here)


_WHAT = {
    "error": "result",
    "code": "outcome",
    "minor_faults": "faults",
    "major_faults": "faults",
    "vmas": "areas",
}


def _answers(what: str, there: str, here: str) -> tuple[str, str]:
    """The classes of two answers that differ."""
    if what in ("result", "error"):
        a, b = (_errno(x) or "done" for x in (there, here))
        if a != b:
            return a, b
        if not (there.startswith("0x") and here.startswith("0x")):
            return "another result", "result"
        return (
            ("a lower address", "higher") if int(there, 16) < int(here, 16) else ("a higher address", "lower")
        )
    if what in ("minor_faults", "major_faults"):
        word = what.replace("_", " ")
        return ("more " + word, "fewer") if _int(there) > _int(here) else ("fewer " + word, "more")
    if what == "vmas":
        return _areas(there, here)
    if what == "value":
        return "another byte", "byte"
    if what in ("pages", "resident"):
        return next(
            ((f"'{a}'", f"'{b}'") for a, b in zip(there, here, strict=False) if a != b), (there, here)
        )
    return there, here


def _errno(text: str) -> str:
    word = text.split(" ", maxsplit=1)[0]
    return word if word in ERRNOS else ""


def _int(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _areas(there: str, here: str) -> tuple[str, str]:
    """How two lists of areas differ, from the first pair that does."""
    if there.startswith("no area"):
        return "an area fewer", "an area more"
    if here.startswith("no area"):
        return "an area more", "an area fewer"
    a, b = _area(there), _area(here)
    for side in ("start", "end"):
        if a[side] != b[side]:
            longer = (a["end"] - a["start"]) - (b["end"] - b["start"])
            if side == "start":
                return "an area begins elsewhere", "as simulated"
            return ("a longer area", "a shorter area") if longer > 0 else ("a shorter area", "a longer area")
    for key in ("perms", "vmflags"):
        if a.get(key) != b.get(key):
            if key == "perms":
                return f"perms {a.get(key)}", f"perms {b.get(key)}"
            x, y = set(str(a.get(key)).split()), set(str(b.get(key)).split())
            return "VmFlags " + _plus(x - y), "VmFlags " + _plus(y - x)
    differing = next((k for k in a if a.get(k) != b.get(k)), "areas")
    return f"another {differing}", differing


def _plus(flags: set[str]) -> str:
    return " ".join(sorted(flags)) or "without"


def _area(words: str) -> dict[str, Any]:
    """An area from `result.expect.area_words`."""
    place, *fields = words.split(" ")
    start, _, end = place.partition("-")
    out: dict[str, Any] = {"start": int(start, 16), "end": int(end, 16)}
    key = ""
    for field in fields:
        name, equals, value = field.partition("=")
        if equals:
            key = name
            out[key] = value
        elif key:
            out[key] += f" {field}"
    return out
