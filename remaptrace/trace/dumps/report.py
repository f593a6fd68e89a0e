"""A map inside of another text: an aborted program's message, a panic, a bug report with its prose."""

from __future__ import annotations

import re
from dataclasses import replace

from ...errorcodes import RT_MAPS
from ...errors import InputError
from ..pasted.known import is_log_line
from .dump import Dump
from .proc import read_proc

_AREA = re.compile(
    r"[\s>+|]*[0-9a-f]{4,16}-[0-9a-f]{4,16}\s+[r-][w-][x-][ps]\s+[0-9a-f]{1,16}\s+[0-9a-f]+:[0-9a-f]+\s+\d{1,20}(?:\s|\Z)"
)
_BEGUN = re.compile(r"[\s>+|]*[0-9a-f]{4,16}-[0-9a-f]*(?:\s|\Z)")
_OF_ONE = re.compile(r"[\s>+|]*(?:[A-Z]\w*(?:\([a-z]\))?:\s|[\[(<{]*\s*(?:\.{2,}|\u2026)|\s*\Z)")
"""What stands between areas of one list: lines of smaps, a mark that some were left out, blank lines."""
_FEWEST = 3
"""Areas in a row that are no chance."""


def _stretches(lines: list[str]) -> list[tuple[int, int]]:
    """Where lists of areas begin and end among `lines`."""
    found: list[tuple[int, int]] = []
    start, last, count = -1, -1, 0
    for at, line in enumerate([*lines, "end"]):
        if _AREA.match(line):
            start, last, count = (at if start < 0 else start), at, count + 1
        elif start >= 0 and not (_OF_ONE.match(line) and at < len(lines)):
            if count >= _FEWEST:
                found.append((start, last + 1))
            start, count = -1, 0
    return found


def holds_a_map(text: str) -> bool:
    """True if some lines of a text that is no log of a recorder are a list of areas."""
    if "-" not in text or re.search(r"^[\s>+|]*[0-9a-f]{4,16}-[0-9a-f]{4,16}\s+[r-]", text, re.M) is None:
        return False
    lines = text.splitlines()
    if not _stretches(lines):
        return False
    return not any(is_log_line(line.encode("utf-8", "replace")) for line in lines if not _AREA.match(line))


def read_report(data: bytes, path: str) -> Dump:
    """The one list of areas in a text; its lines keep their numbers. InputError RT325 if there are several."""
    lines = data.decode("utf-8", "replace").split("\n")
    found = _stretches([line.rstrip("\r") for line in lines])
    if len(found) != 1:
        places = " and ".join(f"line {start + 1}" for start, _ in found[:3])
        problem = (
            f"the text holds {len(found)} lists of areas, from {places}"
            if found
            else "no list of areas in it"
        )
        raise InputError(
            RT_MAPS, problem, path, found[0][0] + 1 if found else 1, expected="one list: cut it out"
        )
    start, end = found[0]
    dump = read_proc("\n".join(lines[start:end]).encode(), path, start + 1, "map in a report")
    torn = end < len(lines) and _BEGUN.match(lines[end]) is not None
    return replace(dump, complete=dump.complete and not torn)
