"""Programs that a kernel answered, written down as scenarios: what such a file leaves out, and what stands for it.

Its `about` begins with "answers of Linux X". The steps are the calls that the program's own output shows, so a
file can name a descriptor that no step makes, leave out an argument that stood in a structure, or list areas that the
program had before its first step. `complete` puts there what the answers behind a gap show, and says so in notes; a
step whose arguments nothing shows is left out and not compared. Nothing here applies to other scenarios, where the
same gaps are errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ...abi.kinds import FILE_REGULAR, FILE_UNMAPPABLE, FILE_ZERO
from .leftout import PAGE, areas_of, expected_of, number_of, operation_of, restore
from .shownrules import shown_rules
from .steps import STEPS

_ANSWERED = re.compile(r"^answers of Linux (\d+\.\d+(?:\.\d+)?)\b")
_LEFT_OUT = re.compile(r"calls left out: ([a-z0-9_ ,]+)")
_TOLD: tuple[tuple[str, str, Any], ...] = (
    ("ANON_VMA_NAME on", "anon_vma_name", True),
    ("ANON_VMA_NAME on", "gigantic_pages", False),  # the same build: no contiguous allocation, no 1 GiB pool
    ("processor with protection keys", "pkeys", 16),
)
"""What `about` says of the machine whose answers the file holds; `machine:` goes before."""
PART = 1 << 40
"""Bytes: areas further apart are in different parts of an address space. The program lists one part at a time."""
_WP, _CONTINUE = "uffdio_writeprotect", "uffdio_continue"
_UNTOLD_MEMBER = "uffd"  # a descriptor of userfaultfd whose number the output does not show


def answered_kernel(about: str) -> str:
    """The release of the kernel whose answers a scenario holds, "" for any other scenario."""
    found = _ANSWERED.search(about)
    return found[1] if found else ""


def told_rules(about: str) -> dict[str, Any]:
    """Rules of the machine that `about` of an answered program tells."""
    return {rule: value for words, rule, value in _TOLD if words in about}


def left_out(about: str) -> frozenset[str]:
    """Names of the calls that the file says it leaves out."""
    found = _LEFT_OUT.search(about)
    return (
        frozenset(word.split()[0] for word in found[1].split(",") if word.split()) if found else frozenset()
    )


@dataclass
class Completed:
    """What was put into an answered program."""

    notes: list[str] = field(default_factory=list)
    files: list[tuple[str, int, str]] = field(default_factory=list)  # id, FILE_* of abi.kinds, path shown
    rules: dict[str, Any] = field(default_factory=dict)


def complete(root: dict[str, Any], lines: list[int]) -> Completed:
    """Fill the gaps of an answered program in place; `lines` has the line of each of its steps."""
    out = Completed()
    if all(isinstance(s, dict) for s in root["steps"]) and len(lines) == len(root["steps"]):
        out.notes += restore(root["steps"], lines, left_out(str(root.get("about") or "")))
    steps = [s for s in root["steps"] if isinstance(s, dict)]
    out.rules |= shown_rules(steps)
    _machine(steps, out)
    _segments(steps)
    _descriptors(steps, out)
    _names(steps, out)
    _userfaultfd(steps, out)
    _untold(root, out)
    _initial(root, steps, out)
    return out


# ---- looking at steps ------------------------------------------------------------------------


def _succeeds(step: dict[str, Any]) -> bool:
    return "error" not in expected_of(step)


def _lists(steps: list[dict[str, Any]], first: int = 0) -> Iterator[list[dict[str, Any]]]:
    """The lists of areas that steps from number `first` on expect."""
    for step in steps[first:]:
        areas = areas_of(step)
        if areas is not None:
            yield areas


def _shown_at(steps: list[dict[str, Any]], first: int, addr: Any) -> dict[str, Any]:
    """The area at `addr` in the first list behind step `first` that has one there."""
    for areas in _lists(steps, first):
        for area in areas:
            if area.get("start") == addr:
                return area
    return {}


# ---- what single gaps are filled with --------------------------------------------------------


def _machine(steps: list[dict[str, Any]], out: Completed) -> None:
    """PR_SET_MM refused with EPERM shows a process without CAP_SYS_RESOURCE; which of its options was meant is lost."""
    for step in steps:
        operation, given = operation_of(step)
        if operation != "prctl" or given.get("option") != "set_mm":
            continue
        args = given.get("args")
        if expected_of(step).get("error") == "EPERM":
            out.rules["cap_sys_resource"] = False
        elif isinstance(args, list) and args[:1] == [0]:
            _drop(step, out, "which option of PR_SET_MM is not told")


def _segments(steps: list[dict[str, Any]]) -> None:
    """Identifiers of segments depend on what the system had before: they are numbered from 0 here."""
    known: dict[int, int] = {}
    for step in steps:
        operation, given = operation_of(step)
        result = expected_of(step).get("result")
        if operation == "shmget" and type(result) is int:
            known[result] = len(known)
            step["expect"]["result"] = known[result]
        elif operation in ("shmat", "shmctl") and number_of(given, "shmid") in known:
            given["shmid"] = known[number_of(given, "shmid")]


def _descriptors(steps: list[dict[str, Any]], out: Completed) -> None:
    """Files behind descriptors that no step makes: /dev/zero where a list shows it, else a file on a disk.

    ENODEV shows a file that cannot be mapped: also where the number belonged to another one before.
    """
    made: set[str] = {"bad"}
    for i, step in enumerate(steps):
        operation, given = operation_of(step)
        if not operation:
            continue
        for argument in STEPS[operation].fields().values():
            name = given.get(argument.name)
            if argument.form == "newfd" and type(name) is str:
                made.add(name)
            elif argument.form == "fd" and type(name) is str and operation == "mmap":
                if expected_of(step).get("error") == "ENODEV":
                    given[argument.name] = unmappable = f"{name}_{i}"
                    out.files.append((unmappable, FILE_UNMAPPABLE, ""))
                    out.notes.append(f"{name} at step {i} is taken for a file that cannot be mapped")
                elif name not in made:
                    path = str(_shown_at(steps, i, expected_of(step).get("result")).get("path") or "")
                    zero = path.startswith("/dev/zero")
                    out.files.append(
                        (name, FILE_ZERO if zero else FILE_REGULAR, "/dev/zero" if zero else path)
                    )
                    out.notes.append(f"no step makes {name}: taken for {path or 'a file on a disk'}")
                    made.add(name)


def _names(steps: list[dict[str, Any]], out: Completed) -> None:
    """A name of which only the address is known is the one that the next list shows; a refused one is not compared."""
    for i, step in enumerate(steps):
        operation, given = operation_of(step)
        name = given.get("name")
        if operation != "vma_name" or type(name) is not int or name < PAGE:
            continue
        shown = str(_shown_at(steps, i, given.get("addr")).get("name") or "")
        if _succeeds(step) and shown.startswith("[anon"):
            given["name"] = shown.partition(":")[2][:-1]
        else:
            _drop(step, out, "the bytes of the name are not told")


def _userfaultfd(steps: list[dict[str, Any]], out: Completed) -> None:
    """Descriptors and ranges of ioctls that stood in structures, from registrations and from later accesses."""
    registered: list[tuple[str, int, int, frozenset[str]]] = []
    protected: set[int] = set()
    for i, step in enumerate(steps):
        operation, given = operation_of(step)
        if not operation.startswith("uffdio_"):
            continue
        if given.get("fd") == _UNTOLD_MEMBER:
            at = given.get("dst", given.get("addr"))
            owners = [r[0] for r in registered if type(at) is int and r[1] <= at < r[2]]
            if owners:
                given["fd"] = owners[-1]
        fd = given.get("fd")
        if operation == "uffdio_register" and _succeeds(step):
            low, modes = number_of(given, "addr"), given.get("mode")
            shown = frozenset(map(str, modes)) if isinstance(modes, list) else frozenset()
            registered.append((str(fd), low, low + number_of(given, "length"), shown))
        if operation not in (_WP, _CONTINUE) or "addr" in given:
            continue
        mode = "wp" if operation == _WP else "minor"
        ranges = [(r[1], r[2]) for r in registered if r[0] == fd and mode in r[3]]
        pages = _pages_shown(steps, i, operation, ranges, protected)
        if not _succeeds(step) or not pages:
            _drop(step, out, "its range is not told, and no later answer depends on it")
            continue
        low, high = min(pages), max(pages) + PAGE
        given |= {"addr": low, "length": high - low}
        if operation == _WP:
            protects = not pages & protected
            given["mode"] = ["wp"] if protects else []
            protected = protected | pages if protects else protected - pages
        out.notes.append(f"{operation} without a range: {low:#x}-{high:#x}, as later accesses show")
        step["expect"] = {}


def _pages_shown(
    steps: list[dict[str, Any]], at: int, operation: str, ranges: list[tuple[int, int]], protected: set[int]
) -> set[int]:
    """Pages on which accesses behind step `at`, up to the next such call, show what the call did."""
    trapped: set[int] = set()
    passed: set[int] = set()
    for step in steps[at + 1 :]:
        name, given = operation_of(step)
        if name == operation:
            break
        if name not in ("read", "write") or (operation == _WP and name == "read"):
            continue
        addr = given.get("addr", step.get(name))
        if type(addr) is not int or not any(low <= addr < high for low, high in ranges):
            continue
        expect = expected_of(step)
        if expect.get("outcome") == "SIGBUS":
            trapped.add(addr & -PAGE)
        elif expect.get("outcome") == "ok" and not expect.get("minor_faults"):
            passed.add(addr & -PAGE)
    if operation == _CONTINUE:
        return passed - trapped
    return trapped - protected or passed & protected


def _untold(root: dict[str, Any], out: Completed) -> None:
    """Other steps without an argument that they need cannot be replayed."""
    for step in root["steps"]:
        if not isinstance(step, dict):
            continue
        operation, given = operation_of(step)
        if not operation or not isinstance(step.get(operation), dict) or len(given) == 0:
            continue
        for argument in STEPS[operation].fields().values():
            if argument.default is None and argument.name not in given:
                _drop(step, out, f"{argument.name} is not told")
                break


def _drop(step: dict[str, Any], out: Completed, why: str) -> None:
    """Leave a step out: an empty one is passed over."""
    operation, _ = operation_of(step)
    out.notes.append(f"{operation} is not compared: {why}")
    step.clear()


# ---- areas before the first step -------------------------------------------------------------


def part_of(areas: list[dict[str, Any]]) -> tuple[int, int]:
    """Start and end of the part of the address space that a list of areas is about; (0, 0): an empty list."""
    if not areas:
        return 0, 0
    return max(areas[0]["start"] - PART, 0), areas[-1]["end"] + PART


def _initial(root: dict[str, Any], steps: list[dict[str, Any]], out: Completed) -> None:
    """Areas that the program had: those of the first list of a part where no step before it mapped anything."""
    if root.get("initial"):
        return
    found: list[dict[str, Any]] = []
    seen: list[tuple[int, int]] = []
    for i in range(len(steps)):
        for areas in _lists(steps[i : i + 1]):
            if not areas:
                continue
            low, high = part_of(areas)
            if any(low < b and a < high for a, b in seen):
                continue
            placed = _placed(steps[:i])
            inside = [p for p in placed if areas[0]["start"] <= p < areas[-1]["end"]]
            own = [a for a in areas if a["start"] not in placed]
            if any(_chosen(p, areas) for p in inside) or not _is_programs(own):
                seen.append((low, high))
                continue
            seen.append((low, high))
            found += [_start_area(a) for a in own if not str(a.get("path") or "").startswith("/[aio]")]
    if found:
        root["initial"] = sorted(found, key=lambda a: int(a["start"]))
        out.notes.append(
            f"{len(found)} areas of the program itself are those of the first list that shows them"
        )


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
