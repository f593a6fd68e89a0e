"""Preset files: found by name, read safely, resolved along `base:`."""

from __future__ import annotations

from functools import cache

from ..errors import InputError, UsageError
from .presetcache import all_presets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

Mapping: TypeAlias = "dict[str, Any]"


def suggest(word: str, choices: list[str]) -> str:
    """The words that `word` may have meant, as a sentence for `expected`; else all choices."""
    import difflib  # only for those who mistype

    near = difflib.get_close_matches(word, choices, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(near) + "?"
    return "one of: " + ", ".join(choices)


@cache
def names(room: str) -> tuple[str, ...]:
    """Names of the presets of a room ("kernels" or "arches"), sorted."""
    return tuple(all_presets()[room])


def _merge(low: Mapping, high: Mapping) -> Mapping:
    """`low` overlaid with `high`; mappings merge, everything else is replaced."""
    out = dict(low)
    for key, value in high.items():
        old = out.get(key)
        out[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out


def chain(room: str, name: str) -> list[tuple[str, Mapping]]:
    """The files that make up preset `name`, the most basic first."""
    files: list[tuple[str, Mapping]] = []
    seen: set[str] = set()
    at: str | None = name
    while at is not None:
        if at in seen or at not in names(room):
            raise InputError("RT406", f"base {at!r} of preset {name!r} is missing or circular")
        seen.add(at)
        data = all_presets()[room][at]
        files.insert(0, (at, data))
        at = data.get("base")
    return files


def inherited(room: str, name: str, key: str) -> Any:
    """What `resolved` has under `key`, if that is no mapping; None if it is not there."""
    return next((data[key] for _, data in reversed(chain(room, name)) if key in data), None)


@cache
def resolved(room: str, name: str) -> Mapping:
    """Preset `name` with all its bases merged below it; not to be changed."""
    out: Mapping = {}
    for _, data in chain(room, name):
        out = _merge(out, {k: v for k, v in data.items() if k not in ("base", "abstract")})
    return out


def unknown(code: str, what: str, word: str, choices: list[str]) -> UsageError:
    """The error for a name that does not exist, with suggestions."""
    return UsageError(code, f"unknown {what} {word!r}", found=word, expected=suggest(word, choices))
