"""/proc/PID/maps and smaps, alone or as a section of a crash report (hs_err, sanitizers)."""

from __future__ import annotations

import re
from dataclasses import replace

from ...abi.vmflags import VM_LOCKONFAULT, VMFLAG_NAMES
from ...errorcodes import RT_MAPS
from ...errors import InputError
from ..events import MapsRow
from ..recorded.areas import read_areas
from .dump import UNKNOWN_PERMS, Dump, checked, without_gates

_BITS = {name: bit for bit, name in VMFLAG_NAMES} | {"??": VM_LOCKONFAULT}
_KEY = re.compile(r"[\s>+|]*(VmFlags|Rss|KernelPageSize):\s*(.*)")
_HIDDEN = ("policy of NUMA", "userfaultfd", "anon_vma", "open file descriptions")
_UNTOLD = ("accounting", "advice flags")

_TOTAL = re.compile(r"Total number of mappings:\s*(\d[\d,]*)")
_LIMIT = re.compile(r"max_map_count[^\n]*\n\s*(\d+)|max_map_count\s*[=:]\s*(\d+)")
_HS_AREA = re.compile(r"[0-9a-f]{4,16}-[0-9a-f]{4,16} [r-][w-][x-][ps] ")
_SANITIZER = re.compile(r"\s*(0x[0-9a-f]{4,16})-(0x[0-9a-f]{4,16})(?:\s+(\S.*))?\s*$")


def read_proc(data: bytes, path: str, first_line: int = 1, form: str = "") -> Dump:
    """A maps or smaps text. InputError RT325 with its line at what no map holds.

    `first_line`: where the text begins in the file that it was cut from.
    """
    try:
        found = read_areas(data, path)
    except InputError as error:
        if first_line > 1 and error.line:
            error.line += first_line - 1
        raise
    if not found.rows:
        raise InputError(RT_MAPS, "no area in it", path, first_line, expected="START-END PERMS ...")
    text = data.decode("utf-8", "replace").split("\n")
    rows, lines = without_gates(found.rows, found.lines)
    flags, resident = _values(text, lines)
    offset = first_line - 1
    named = form or ("smaps" if flags or resident else "map")
    missing = _HIDDEN if flags else (*_UNTOLD, *_HIDDEN)
    return Dump(
        named,
        path,
        tuple(rows),
        tuple(n + offset for n in lines),
        flags,
        resident,
        pid=found.pid,
        missing=missing,
        complete=not found.elisions,
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
                flags.append(sum(_BITS.get(word, 0) for word in set(found[2].split())))
            elif found[1] == "Rss" and (kilobytes := found[2].partition(" ")[0]).isdecimal():
                resident.append(1024 * int(kilobytes))
    count = len(lines)
    return tuple(flags) if len(flags) == count else (), tuple(resident) if len(resident) == count else ()


def _is_next_area(line: str) -> bool:
    return _HS_AREA.search(line) is not None


def read_hs_err(data: bytes, path: str) -> Dump:
    """The section "Dynamic libraries" of a Java crash report, its own count and the limit that it prints."""
    text = data.decode("utf-8", "replace")
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if line.startswith("Dynamic libraries:")), -1)
    if start < 0:
        raise InputError(
            RT_MAPS,
            "the report has no section 'Dynamic libraries:'",
            path,
            1,
            expected="the whole hs_err file",
        )
    kept: list[str] = []
    for line in lines[start + 1 :]:
        if not _HS_AREA.match(line.strip()):
            break
        kept.append(line)
    dump = read_proc("\n".join(kept).encode(), path, start + 2, "Java crash report")
    total = _TOTAL.search(text)
    counted = int(total[1].replace(",", "")) if total else -1
    pid = re.search(r"\bpid=(\d+)", text)
    fault = re.search(r"si_addr: (0x[0-9a-f]+)", text)
    return replace(
        dump,
        limit=_limit(text),
        counted=counted,
        complete=dump.complete and counted in (-1, len(dump.rows)),
        pid=int(pid[1]) if pid else 0,
        program="java",
        fault=int(fault[1], 16) if fault else -1,
    )


def _limit(text: str) -> int:
    """vm.max_map_count as the report prints it; 0 if it does not."""
    found = _LIMIT.search(text)
    return int(found[1] or found[2]) if found else 0


def read_sanitizer(data: bytes, path: str) -> Dump:
    """The list behind "Process memory map follows:" (ASan, MSan, TSan): ranges and names, no permissions."""
    lines = data.decode("utf-8", "replace").split("\n")
    start = next(i for i, line in enumerate(lines) if "Process memory map follows" in line)
    rows: list[MapsRow] = []
    numbers: list[int] = []
    for number, line in enumerate(lines[start + 1 :], start + 2):
        if "End of process memory map" in line:
            break
        found = _SANITIZER.match(line)
        if found is None:
            if line.strip():
                raise InputError(
                    RT_MAPS,
                    "not a line of a sanitizer's memory map",
                    path,
                    number,
                    text=line[:200],
                    expected="0xSTART-0xEND NAME",
                )
            continue
        name = (found[3] or "").strip()
        rows.append(MapsRow(int(found[1], 16), int(found[2], 16), UNKNOWN_PERMS, 0, "00:00", 0, name))
        numbers.append(number)
    rows, numbers = without_gates(rows, numbers)
    checked(rows, numbers, path)
    missing = ("permissions", "offsets", *_UNTOLD, *_HIDDEN)
    return Dump("sanitizer's memory map", path, tuple(rows), tuple(numbers), missing=missing)


def read_no_map(data: bytes, path: str) -> Dump:
    """Always InputError RT325: numa_maps and map_files name areas, and not enough of them."""
    line = data.decode("utf-8", "replace").lstrip().split("\n", 1)[0]
    if b" -> /" in data:
        problem = "map_files lists mappings of files alone, without the others and without permissions"
    else:
        problem = "numa_maps has the beginnings of areas, without their ends and permissions"
    raise InputError(RT_MAPS, problem, path, 1, text=line[:200], expected="/proc/PID/maps or smaps")
