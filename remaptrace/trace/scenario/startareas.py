"""Areas that an answered program (see `answered`) had before its first step, as its lists and its placements show."""

from __future__ import annotations

from ...counting import counted
from .leftout import PAGE, areas_of, expected_of, number_of, operation_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


MMAP_BASE = 0x7FFFF7FFF000
"""Where the search of an x86-64 program ends that is not randomised and has a stack limit of 8 MiB."""
_TOP, _TOP_WITH_VCLOCK = 0x7FFFF7FF9000, 0x7FFFF7FF7000
"""Where [vvar] begins; [vvar_vclock] is an area of its own since 6.13."""
_OWN_AREAS = 64 * 4096  # bytes: more than any kernel maps into a program
_HUGE = 2 << 20  # bytes: from there on places are aligned, or may be
_ELSEWHERE = frozenset(("fixed", "fixed_noreplace", "32bit", "hugetlb"))
PART = 1 << 40
"""Bytes: areas further apart are in different parts of an address space. The program lists one part at a time."""


def part_of(areas: list[dict[str, Any]]) -> tuple[int, int]:
    """Start and end of the part of the address space that a list of areas is about; (0, 0): an empty list."""
    if not areas:
        return 0, 0
    return max(areas[0]["start"] - PART, 0), areas[-1]["end"] + PART


def put_initial(root: dict[str, Any], steps: list[dict[str, Any]], version: tuple[int, int]) -> list[str]:
    """Put the areas that the program had into the document as `initial`; what was put there, in words.

    They are those of the first list of a part of the address space where no step before it mapped anything.
    """
    if root.get("initial"):
        return []
    notes: list[str] = []
    found: list[dict[str, Any]] = []
    seen: list[tuple[int, int]] = []
    for i, step in enumerate(steps):
        areas = areas_of(step)
        if areas:
            low, high = part_of(areas)
            if any(low < b and a < high for a, b in seen):
                continue
            placed = _placed(steps[:i])
            inside = [p for p in placed if areas[0]["start"] <= p < areas[-1]["end"]]
            own = [a for a in areas if a["start"] not in placed]
            seen.append((low, high))
            if any(_chosen(p, areas) for p in inside) or not _is_programs(own):
                continue
            found += [_start_area(a) for a in own if not str(a.get("path") or "").startswith("/[aio]")]
    if found:
        notes.append(
            f"{counted(len(found), 'area')} of the program itself, from the first list that shows them"
        )
    top = 0 if any(str(a.get("name")).startswith("[v") for a in found) else _first_free_top(steps, version)
    if top:
        found.append({"start": top, "end": MMAP_BASE, "name": "[vdso]"})
        notes.append(
            f"no list shows the areas of the kernel: they begin at {top:#x}, as placements show or this kernel does"
        )
    if found:
        root["initial"] = sorted(found, key=lambda a: int(a["start"]))
    return notes


def _first_free_top(steps: list[dict[str, Any]], version: tuple[int, int]) -> int:
    """Where the kernel's own areas begin, as the first placement that is not aligned shows, or as `version` does.

    0: no step searches for room, or they are not there.
    """
    sizes: dict[int, int] = {}  # of segments by their identifiers
    searched = False
    for step in steps:
        operation, given = operation_of(step)
        place = expected_of(step).get("result")
        flags = given.get("flags")
        words = set(map(str, flags)) if isinstance(flags, list) else {"fixed"}
        if operation == "mmap":
            asked = given.get("addr") != 0 or words & _ELSEWHERE
            length = number_of(given, "length")
        elif operation == "mremap":
            asked = "fixed" in words or "maymove" not in words or place == given.get("addr")
            length = number_of(given, "new_length")
        elif operation == "shmget" and type(place) is int:
            sizes.setdefault(place, number_of(given, "size"))
            continue
        elif operation == "shmat" and number_of(given, "shmid") in sizes:
            asked = given.get("addr", 0) != 0
            length = sizes[number_of(given, "shmid")]
        else:
            continue
        if asked or type(place) is not int or not 0 < MMAP_BASE - place < PART:
            continue
        if length >= _HUGE and place % _HUGE == 0:
            searched = True
            continue
        end = place + -(-length // PAGE) * PAGE
        if 0 <= MMAP_BASE - end < _OWN_AREAS:
            return end % MMAP_BASE
        searched = True
    return (_TOP_WITH_VCLOCK if version >= (6, 13) else _TOP) if searched else 0


def _placed(steps: list[dict[str, Any]]) -> set[int]:
    """Addresses that calls before a list returned."""
    results = (
        expected_of(s).get("result") for s in steps if operation_of(s)[0] in ("mmap", "shmat", "mremap")
    )
    return {r for r in results if type(r) is int}


def _chosen(place: int, areas: list[dict[str, Any]]) -> bool:
    """Whether `place` lies inside an area that begins elsewhere: then the list is about what the steps made."""
    return any(a["start"] < place < a["end"] for a in areas)


def _is_programs(areas: list[dict[str, Any]]) -> bool:
    """Whether a list shows a program: a kernel's mapping, the stack, or a file mapped for execution."""
    paths = [str(a.get("path") or "") for a in areas]
    return any(p in ("[vdso]", "[stack]") for p in paths) or any(
        p.startswith("/") and "x" in str(a.get("perms")) for p, a in zip(paths, areas, strict=True)
    )


def _start_area(area: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {key: area[key] for key in ("start", "end", "perms", "offset") if key in area}
    path = area.get("path") or area.get("name")
    if isinstance(path, str) and path:
        out["name"] = path
    return out
