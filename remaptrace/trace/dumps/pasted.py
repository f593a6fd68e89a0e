"""Lists of areas inside other text: a terminal's session, a crash log, a page, the lines of a logger.

The number of a line stays what it is in the file: what is no part of the list becomes an empty line, and is counted.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from ...errorcodes import RT_MAPS
from ...errors import InputError
from ..pasted.letters import STEPS
from ..recorded.areas import goes_on, is_area, is_elision
from ..tracepoints.prefix import shape_of

_RANGE = (
    rb"(?<![0-9a-f'])(?:0x)?[0-9a-f]{4,16}(?:'[0-9a-f]{8})?-(?:0x)?[0-9a-f]{4,16}(?:'[0-9a-f]{8})? *"
    rb"(?:[ \t][r-][w-][x-]|[ \t]*$|[ \t]+[/\[])"
)
_AREA = re.compile(_RANGE, re.MULTILINE)
_BETWEEN = re.compile(rb"[ \t]*(?:--->)?\Z")
_MOST_FRONT = 120
"""Bytes in front of an area that are looked at."""
INSIDE = re.compile(
    rb"^.{0,120}?(?<![0-9a-f])[0-9a-f]{4,16}-[0-9a-f]{4,16} +[r-][w-][x-][ps] +[0-9a-f]{8,16} +"
    rb"[0-9a-f]{2,}:[0-9a-f]{2,} +\d+(?![^\s])",
    re.MULTILINE,
)
"""A line of /proc/PID/maps behind anything."""
_FIRST = re.compile(rb"([0-9a-f]{1,16})-(?:0x)?[0-9a-f]")
_GATE = 1 << 63
_HALF = re.compile(rb"[\s>+|]*(?:0x)?[0-9a-f]{6,16}-(?:0x)?[0-9a-f]{2,16}\b|[\s>+|]*[0-9a-f]{10,16}\s*\Z")
"""What could be an area cut short: that is no text around a list."""
_SAMPLE = 1 << 18
_NUMBERED = re.compile(rb"\s*\d+[:\s]*\Z")


def unwrapped(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """`data` without what a page, a terminal or a logger did to its lines, and notes on what was undone."""
    notes: list[str] = []
    for step in STEPS:
        data = step(data, notes)
    front = _front(data[:_SAMPLE])
    if front is None:
        return data, tuple(notes)
    pattern, shown = front
    notes.append(f"the lines have something in front, as {shown!r}: it is left out")
    return b"\n".join(pattern.sub(b"", line, count=1) for line in data.split(b"\n")), tuple(notes)


def _front(sample: bytes) -> tuple[re.Pattern[bytes], str] | None:
    """What stands in front of most areas of a sample; None if nothing does."""
    shapes: Counter[bytes] = Counter()
    examples: dict[bytes, bytes] = {}
    behind = 0
    for found in _AREA.finditer(sample):
        at = found.start()
        begin = max(behind, at - _MOST_FRONT, sample.rfind(b"\n", behind, at) + 1)
        behind = found.end()
        whole = _BETWEEN.sub(b"", sample[begin:at], count=1)
        front = whole.rstrip(b" \t>+|-")
        front = whole if whole.strip() and _NUMBERED.match(whole) else front
        shape = shape_of(front)
        shapes[shape] += 1
        examples.setdefault(shape, front)
    if not shapes:
        return None
    shape, count = shapes.most_common(1)[0]
    if not examples[shape].strip() or count * 2 <= shapes.total():
        return None
    return re.compile(rb"\A" + shape), examples[shape].decode("utf-8", "replace").strip()


class Cut(NamedTuple):
    """A list without the text around it, notes, whether there was such text, and whether the last area is cut short."""

    data: bytes
    notes: tuple[str, ...] = ()
    around: bool = False
    torn: bool = False


def without_text(data: bytes, path: str) -> Cut:
    """A list in the form of /proc/PID/maps without the text around it.

    Lines between two areas stay, also those that are none: whoever reads the list refuses them.
    InputError RT325 if there are several lists.
    """
    lines = data.split(b"\n")
    areas = [at for at, line in enumerate(lines) if is_area(line)]
    if not areas:
        return Cut(data)
    first, last = areas[0], areas[-1]
    _refuse_several(lines, areas, path)
    while first and (is_elision(lines[first - 1]) or not lines[first - 1].strip()):
        first -= 1
    while last + 1 < len(lines) and goes_on(lines[last + 1]):
        last += 1
    around = [at for at in (*range(first), *range(last + 1, len(lines))) if not goes_on(lines[at], True)]
    if not around:
        return Cut(data)
    notes: list[str] = []
    torn = last + 1 in around and _HALF.match(lines[last + 1]) is not None
    if torn:
        around.remove(last + 1)
        lines[last + 1] = b""
        notes.append(f"line {last + 2:,} is an area cut short: it is not counted")
    for at in around:
        lines[at] = b""
    if around:
        plural = "s" if len(around) != 1 else ""
        notes.append(
            f"{len(around):,} line{plural} around the list {'are' if plural else 'is'} no part of it"
        )
    return Cut(b"\n".join(lines), tuple(notes), bool(around), torn)


def _refuse_several(lines: list[bytes], areas: list[int], path: str) -> None:
    """InputError RT325 if other text stands between lists that begin anew: the addresses go down behind it."""
    begun = [areas[0]]
    begun += [
        after
        for before, after in pairwise(areas)
        if (
            after > before + 1
            and _start(lines[after]) < _start(lines[before]) < _GATE
            and not all(goes_on(line) for line in lines[before + 1 : after])
        )
        or _start(lines[before]) >= _GATE > _start(lines[after])
    ]
    if len(begun) > 1:
        places = " and ".join(f"line {at + 1}" for at in begun[:3])
        problem = f"the text holds {len(begun)} lists of areas, from {places}"
        raise InputError(RT_MAPS, problem, path, begun[1] + 1, expected="one list: cut it out")


def _start(line: bytes) -> int:
    found = _FIRST.search(line)
    return int(found[1], 16) if found else 0
