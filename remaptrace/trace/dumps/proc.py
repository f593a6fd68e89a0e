"""/proc/PID/maps and smaps, alone or inside other text."""

from __future__ import annotations

import re

from ...errorcodes import RT_MAPS
from ...errors import InputError
from ..recorded.areas import read_areas
from .asprinted import FLAG_BITS, as_printed
from .dump import Dump, without_gates
from .pasted import without_text

_KEY = re.compile(r"[\s>+|]*(VmFlags|Rss|KernelPageSize):\s*(.*)")
HIDDEN = ("policy of NUMA", "userfaultfd", "anon_vma", "open file descriptions")
UNTOLD = ("accounting", "advice flags")

AREA = re.compile(r"[0-9a-f]{4,16}-[0-9a-f]{4,16} [r-][w-][x-][ps] ")


def read_proc(data: bytes, path: str, first_line: int = 1, form: str = "") -> Dump:
    """A maps or smaps text. InputError RT325 with its line at what no map holds.

    `first_line`: where the text begins in the file that it was cut from.
    """
    clean = as_printed(data)
    if clean is not None:
        named = form or ("smaps" if clean.flags else "map")
        numbers = tuple(n + first_line - 1 for n in clean.lines)
        missing = HIDDEN if clean.flags else (*UNTOLD, *HIDDEN)
        return Dump(named, path, tuple(clean.rows), numbers, clean.flags, clean.resident, missing=missing)
    try:
        cut = without_text(data, path)
        found = read_areas(cut.data, path)
    except InputError as error:
        if first_line > 1 and error.line:
            error.line += first_line - 1
        raise
    rows, lines = without_gates(found.rows, found.lines)
    if not rows:
        raise InputError(RT_MAPS, "no area in it", path, first_line, expected="START-END PERMS ...")
    rollup = next((n for r, n in zip(rows, lines, strict=True) if r.name == "[rollup]"), 0)
    text = cut.data.decode("utf-8", "replace").split("\n")
    if rollup:
        raise InputError(
            RT_MAPS,
            "smaps_rollup has the sums of all areas, and none of them",
            path,
            rollup + first_line - 1,
            text=text[rollup - 1][:200],
            expected="/proc/PID/smaps or maps",
        )
    flags, resident = _values(text, lines)
    offset = first_line - 1
    named = form or ("smaps" if flags or resident else "map")
    missing = HIDDEN if flags else (*UNTOLD, *HIDDEN)
    return Dump(
        named,
        path,
        tuple(rows),
        tuple(n + offset for n in lines),
        flags,
        resident,
        pid=found.pid,
        missing=missing,
        complete=not (found.elisions or cut.torn or (cut.around and all(r.name != "[stack]" for r in rows))),
        notes=cut.notes,
    )


def _values(text: list[str], lines: list[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """VM_* flags and resident bytes of each area; each empty unless every area has it."""
    flags: list[int] = []
    resident: list[int] = []
    ends = [*lines[1:], len(text) + 1]
    for line, end in zip(lines, ends, strict=True):
        for below in text[line : end - 1]:
            if _is_next_area(below):  # of a gate, which is none of ours
                break
            found = _KEY.match(below)
            if found is None:
                continue
            if found[1] == "VmFlags":
                flags.append(sum(FLAG_BITS.get(word, 0) for word in set(found[2].split())))
            elif found[1] == "Rss" and (kilobytes := found[2].partition(" ")[0]).isdecimal():
                resident.append(1024 * int(kilobytes))
    count = len(lines)
    return tuple(flags) if len(flags) == count else (), tuple(resident) if len(resident) == count else ()


def _is_next_area(line: str) -> bool:
    return AREA.search(line) is not None


def read_no_map(data: bytes, path: str) -> Dump:
    """Always InputError RT325: numa_maps and map_files name areas, and not enough of them."""
    line = data.decode("utf-8", "replace").lstrip().split("\n", 1)[0]
    if b" -> /" in data:
        problem = "map_files lists mappings of files alone, without the others and without permissions"
    else:
        problem = "numa_maps has the beginnings of areas, without their ends and permissions"
    raise InputError(RT_MAPS, problem, path, 1, text=line[:200], expected="/proc/PID/maps or smaps")
