"""The bill by caller: as text, as folded stacks, for speedscope and for pprof."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, cast

from ..advice.callers import Weighed

if TYPE_CHECKING:
    from .documents.advise import Caller, Callers

SCHEMA: Final = "remaptrace/callers/1"


def facts(stacks: Sequence[Weighed], unit: str, name: str) -> Callers:
    """Everything that is said, as plain data."""
    return {
        "schema": SCHEMA,
        "trace": name,
        "unit": cast('Literal["areas", "made", "kept", "faults", "refused"]', unit),
        "total": sum(s.weight for s in stacks),
        "callers": [cast("Caller", {"frames": list(s.frames), unit: s.weight}) for s in stacks],
    }


def text(stacks: Sequence[Weighed], unit: str, most: int) -> str:
    """A line a caller, innermost frame first; the last line adds up the rest, so that the bill adds up."""
    shown = stacks[:most] if most else stacks
    total = sum(s.weight for s in stacks)
    lines = [f"{total:,} {unit} by caller, innermost frame first"]
    lines += [f"{s.weight:>9,}  {' < '.join(s.frames)}" for s in shown]
    rest = stacks[len(shown) :]
    if rest:
        lines.append(f"{sum(s.weight for s in rest):>9,}  {len(rest):,} other callers; -n 0 shows them")
    return "\n".join(lines) + "\n"


def folded(stacks: Sequence[Weighed]) -> str:
    """``outer;...;inner COUNT``, as flamegraph.pl, inferno and speedscope read it."""
    return "".join(
        ";".join(frame.replace(";", ":") for frame in reversed(s.frames)) + f" {s.weight}\n" for s in stacks
    )


def speedscope(stacks: Sequence[Weighed], unit: str, name: str) -> str:
    """A sampled profile for https://www.speedscope.app (file-format-schema.json)."""
    frames: dict[str, int] = {}
    samples = [[frames.setdefault(frame, len(frames)) for frame in reversed(s.frames)] for s in stacks]
    weights = [s.weight for s in stacks]
    return json.dumps(
        {
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "name": f"{name}: {unit}",
            "exporter": "remaptrace",
            "activeProfileIndex": 0,
            "shared": {"frames": [{"name": frame} for frame in frames]},
            "profiles": [
                {
                    "type": "sampled",
                    "name": unit,
                    "unit": "none",
                    "startValue": 0,
                    "endValue": sum(weights),
                    "samples": samples,
                    "weights": weights,
                }
            ],
        }
    )


def pprof(stacks: Sequence[Weighed], unit: str) -> bytes:
    """A gzip-compressed profile.proto (github.com/google/pprof/proto/profile.proto)."""
    strings: dict[str, int] = {"": 0}
    places: dict[str, int] = {}

    def string(word: str) -> int:
        return strings.setdefault(word, len(strings))

    out = _message(1, _number(1, string(unit)) + _number(2, string("count")))
    for s in stacks:
        ids = [places.setdefault(frame, len(places) + 1) for frame in s.frames]
        out += _message(2, _packed(1, ids) + _packed(2, [s.weight]))
    for frame, number in places.items():
        out += _message(4, _number(1, number) + _message(4, _number(1, number)))
        out += _message(5, _number(1, number) + _number(2, string(frame)))
    for word in strings:
        out += _bytes(6, word.encode())
    return gzip.compress(out, mtime=0)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _message(field: int, content: bytes) -> bytes:
    return _bytes(field, content)


def _packed(field: int, values: Sequence[int]) -> bytes:
    return _bytes(field, b"".join(map(_varint, values)))
