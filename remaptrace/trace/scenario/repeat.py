"""The head of a `repeat`, and how many events its steps make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import errorcodes as ec
from ...abi.calls import Arg as Field
from ...lateclasses import dataclass
from .values import Key, Problem, did_you_mean, number

if TYPE_CHECKING:
    from .build import Builder

_KEYS = ("count", "var", "shuffle", "seed", "steps")
MAX_LOOPS = 8


@dataclass(frozen=True)
class Loop:
    """A `repeat`, read: `var` counts the turns, `shuffle` names the same numbers in another order."""

    count: int
    var: str
    shuffle: str
    seed: int
    steps: list[Any]
    lines: list[int]


def read_loop(b: Builder, loop: Any) -> Loop:
    """The parts of a `repeat`. Problem with a path from the step."""
    if not isinstance(loop, dict):
        raise Problem(ec.RT_FIELD, "repeat needs count and steps", ("repeat",), ", ".join(_KEYS))
    for key in loop:
        if key not in _KEYS:
            raise Problem(
                ec.RT_FIELD,
                f"unknown field '{key}' in repeat",
                ("repeat", Key(key)),
                "one of: " + did_you_mean(key, _KEYS),
            )
    if "count" not in loop or not isinstance(loop.get("steps"), list):
        raise Problem(ec.RT_FIELD, "repeat needs count and a list of steps", ("repeat",), ", ".join(_KEYS))
    names = []
    for key in ("var", "shuffle"):
        name = loop.get(key, "i" if key == "var" else "")
        if type(name) is not str or (name and not name.isidentifier()) or name == "page":
            raise Problem(ec.RT_VALUE, f"{key} must be a name", ("repeat", key), "a letter or word, as i")
        names.append(name)
    count = constant(b, loop["count"], "count")
    if count < 0:
        raise Problem(ec.RT_VALUE, "count is negative", ("repeat", "count"), "0 or more")
    steps = loop["steps"]
    lines = b.document_lines.get(id(steps)) or [0] * len(steps)
    return Loop(count, names[0], names[1], constant(b, loop.get("seed", 0), "seed"), steps, lines)


def constant(b: Builder, value: Any, key: str) -> int:
    """A number that does not change from turn to turn."""
    try:
        result = number(b, value, Field(key, "int"))
    except Problem as p:
        raise p.within("repeat") from None
    if isinstance(result, int):
        return result
    if result.size and bool((result == result[0]).all()):
        return int(result[0])
    raise Problem(
        ec.RT_EXPRESSION,
        f"{key} changes from turn to turn",
        ("repeat", key),
        "a number known before the loop",
    )


def size_of(b: Builder, steps: list[Any], depth: int = 0) -> int:
    """How many events `steps` make in one turn."""
    if depth > MAX_LOOPS:
        raise Problem(
            ec.RT_LIMIT, "repeats are nested too deeply", ("repeat",), f"at most {MAX_LOOPS} levels"
        )
    total = 0
    for entry in steps:
        if isinstance(entry, dict) and "repeat" in entry:
            inner = read_loop(b, entry["repeat"])
            total += inner.count * size_of(b, inner.steps, depth + 1)
        else:
            total += 1
    return total
