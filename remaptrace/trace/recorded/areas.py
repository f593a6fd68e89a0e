"""Lists of areas as /proc/PID/maps and smaps print them, clean or as people paste them.

The one reader of such lists, whatever they are for: initial maps of a log, truth at an exit, a dump on its
own. Indented and quoted lines, lines of smaps, code fences and marked omissions are understood; a line that is
none of these, and areas that no kernel can have, are refused with their place.
"""

from __future__ import annotations

import re

from ...errorcodes import RT_MAPS
from ...errors import InputError
from ...lateclasses import dataclass, replace
from ...patterns import pattern
from ..events import MapsRow

_PREFIX = r"[\s\ufeff>+|]*"
_LINE = pattern(
    _PREFIX + r"(?:0x)?([0-9a-f]{1,16})-(?:0x)?([0-9a-f]{1,16})\s+([r-][w-][x-][ps])\s+([0-9a-f]{1,16})\s+"
    r"([0-9a-f]+:[0-9a-f]+)\s+(\d{1,20})(?![^\s])\s*(.*)"
)
_SMAPS = pattern(_PREFIX + r"[A-Za-z]\w*(?:\([a-z]\))?:\s+(?:\d+(?: kB)?|(?:[a-z]{2}\b\s*|\?\?\s*)*)\s*$")
_NAME = pattern(_PREFIX + r"Name:\s+(\[.*\])\s*$")
"""How kernels of Android before 5.17 name anonymous areas in smaps: in a line of its own."""
_VMFLAGS = pattern(_PREFIX + r"VmFlags:\s+((?:(?:[a-z]{2}|\?\?)\s*)*)$")
_ELISION = pattern(
    _PREFIX + r"[#/*;:-]{0,4}\s*(?:[\[(<{]\s*)?(?:\.{2,}|\u2026|\.\s*$|(?:snip|cut|skipped|omitted|truncated)"
    r"(?:ped)?\b|\d[\d,]* (?:(?:more|other) )?(?:lines|entries|areas|mappings|segments)\b)",
    re.IGNORECASE,
)
"""A line that says that others were left out: dots, `[snip]`, `# ...`, `300 more lines`."""
_AROUND = pattern(_PREFIX + r"(?:(?:```|~~~)\w*|[$#%]\s.*)?\s*$")
"""What stands around a pasted list: nothing, a fence, a shell's prompt, a comment."""
_PID = pattern(r"/proc/(\d{1,9})/(?:task/\d+/)?(?:smaps|maps)\b")

PAGE = 4096
"""Bytes: the smallest page of any architecture, so every area begins and ends at a multiple of it."""
_KERNEL = 1 << 63
_GATE_NAMES = ("[vsyscall]", "[vectors]")
_GATES = (0xFFFF_FFFF_FF60_0000, 0xFFFF_E000, 0xFFFF_0000, 0xA000_0000_0000_0000)
"""Where the gate areas of x86-64, i386, arm and ia64 begin."""


@dataclass(frozen=True)
class Areas:
    """A list of areas in the order of addresses.

    `lines` are their places; `gates` the lines of gate areas, which /proc prints and no kernel counts;
    `elisions` the lines that say that something was left out; `pid` whose the list is, 0 if it does not say.
    """

    rows: tuple[MapsRow, ...]
    lines: tuple[int, ...]
    gates: tuple[int, ...] = ()
    elisions: tuple[int, ...] = ()
    pid: int = 0


def looks_like_areas(head: bytes) -> bool:
    """True if the first line of `head` that is no fence, prompt or blank is one of /proc/PID/maps."""
    for line in head[:65536].decode("utf-8", "replace").splitlines()[:50]:
        if _LINE.match(line):
            return True
        if not _AROUND.match(line):
            return False
    return False


def is_area(line: bytes) -> bool:
    """True for a line of /proc/PID/maps, also indented or quoted."""
    return _LINE.match(line.decode("utf-8", "replace")) is not None


def is_elision(line: bytes) -> bool:
    """True for a line that says that something was left out."""
    return _ELISION.match(line.decode("utf-8", "replace")) is not None


def goes_on(line: bytes, around: bool = False) -> bool:
    """True for a line that belongs to the area above it, or to the list; `around`: also one that may surround it."""
    text = line.decode("utf-8", "replace")
    return bool(
        _SMAPS.match(text)
        or _NAME.match(text)
        or _ELISION.match(text)
        or (_AROUND.match(text) if around else not text.strip())
    )


def is_gate(row: MapsRow) -> bool:
    """Whether `row` is a gate area: printed behind the VMAs, never one (get_gate_vma of arch/*)."""
    return row.name in _GATE_NAMES or (row.start in _GATES and row.name in ("", "[vdso]"))


def read_areas(data: bytes, path: str, pid: int = 0) -> Areas:
    """The areas of a list. Addresses and offsets in bytes.

    InputError RT325 at a line that is none of /proc/PID/maps or smaps, and at an area that cannot be: empty,
    not page aligned, a kernel's address, overlapping an earlier one or standing before it.
    """
    rows: list[MapsRow] = []
    lines: list[int] = []
    gates: list[int] = []
    elisions: list[int] = []
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        found = _LINE.match(line)
        if found is None:
            if _ELISION.match(line):
                elisions.append(number)
            elif rows and not rows[-1].name and (named := _NAME.match(line)):
                rows[-1] = replace(rows[-1], name=named[1])
            elif not (_AROUND.match(line) or _SMAPS.match(line) or _NAME.match(line)):
                expected = "START-END PERMS OFFSET DEV INODE [PATH]"
                raise _refused(path, number, line, "not a line of /proc/PID/maps", expected)
            elif rows and (told := _VMFLAGS.match(line)):
                rows[-1] = replace(rows[-1], vmflags=" ".join(told[1].split()))
            elif not pid and (told := _PID.search(line)):
                pid = int(told[1])
            continue
        row = _row(found)
        if is_gate(row):
            gates.append(number)
        else:
            problem = _impossible(row, rows[-1] if rows else None, lines[-1] if lines else 0)
            if problem:
                raise _refused(path, number, line, *problem)
        rows.append(row)
        lines.append(number)
    return Areas(tuple(rows), tuple(lines), tuple(gates), tuple(elisions), pid)


def _row(found: re.Match[str]) -> MapsRow:
    start, end, perms, offset, dev, inode, name = found.groups()
    return MapsRow(
        int(start, 16),
        int(end, 16),
        perms,
        int(offset, 16),
        dev,
        int(inode),
        name.rstrip().replace("\\012", "\n"),  # as show_map_vma writes a newline in a path
    )


def _impossible(row: MapsRow, before: MapsRow | None, line: int) -> tuple[str, str] | None:
    """Why no address space holds `row` behind `before`, and what was expected; None: it can."""
    if row.start >= row.end:
        return "the area ends where it begins or before", "START below END"
    if row.start >= _KERNEL or row.end > _KERNEL:
        return "a kernel address is in no process's map", "addresses of user space"
    if row.start % PAGE or row.end % PAGE:
        return "the area is not page aligned", f"multiples of {PAGE:#x}"
    if before is None or row.start >= before.end:
        return None
    if (row.start, row.end) == (before.start, before.end):
        return f"the same area as in line {line}", "each area once"
    if row.end <= before.start:
        problem = f"the area lies below that of line {line}: this is not one map"
        return problem, "areas in the order of their addresses"
    return f"the area overlaps that of line {line}", "areas that do not overlap"


def _refused(path: str, number: int, line: str, problem: str, expected: str) -> InputError:
    return InputError(RT_MAPS, problem, path, number, text=line[:200], expected=expected)
