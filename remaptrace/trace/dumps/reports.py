"""Crash reports that hold a map: Java's hs_err, and the sanitizers'. What they say was refused is kept with it."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...abi.errnos import errno_name
from ...errorcodes import RT_MAPS
from ...errors import InputError
from ...lateclasses import replace
from ..events import MapsRow
from ..recorded.areas import is_elision
from .dump import UNKNOWN_PERMS, Dump, Failed, checked, without_gates
from .proc import AREA, HIDDEN, UNTOLD, read_proc

_TOTAL = re.compile(r"Total number of mappings:\s*(\d[\d,]*)")
_LIMIT = re.compile(r"max_map_count(?: \([^)\n]*\))?\s*[=:]?\s*(\d+)")
_SANITIZER = re.compile(r"\s*(0x[0-9a-f]{4,16})-(0x[0-9a-f]{4,16})(?:\s+(\S.*))?\s*$")
_OF_OTHERS = (
    (re.compile(r"0x[0-9a-fA-F]+ - 0x[0-9a-fA-F]+\s"), "Windows"),
    (re.compile(r"0x[0-9a-fA-F]+\s+\S"), "macOS or BSD"),
)
"""How the JVM lists libraries where there is no /proc/PID/maps."""
_JAVA_FAILED = re.compile(
    r"Native memory allocation \((\w+)\) failed to (?:map|allocate|commit|protect|reserve)[^\n\d]*(?:(\d+) bytes)?"
)
_SANITIZER_FAILED = re.compile(
    r"\w+Sanitizer failed to (allocate|map|protect)\D.*?\((\d+)\) bytes of (.*?) \((?:error code|errno): (\d+)\)"
)
_SANITIZER_BOUND = re.compile(r"(hard|soft) rss limit exhausted \((\d+)Mb vs (\d+)Mb\)")
_RLIMIT = re.compile(r"\b(AS|DATA) (\d+k|infinity)/")
_MEMORY = re.compile(r"^(CommitLimit|Committed_AS|MemTotal):\s*(\d+) kB", re.MULTILINE)


def read_hs_err(data: bytes, path: str) -> Dump:
    """The section "Dynamic libraries" of a Java crash report, its own count, and the limits that it prints."""
    text = data.decode("utf-8", "replace")
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if line.strip().startswith("Dynamic libraries:")), -1)
    if start < 0:
        raise InputError(
            RT_MAPS,
            "the report has no section 'Dynamic libraries:'",
            path,
            1,
            expected="the whole hs_err file",
        )
    kept: list[str] = []
    left_out = False
    for line in lines[start + 1 :]:
        dots = is_elision(line.encode())
        if not (dots or AREA.match(line.strip())):
            break
        left_out = left_out or dots
        kept.append(line)
    if len(kept) <= left_out:
        _refuse_others(lines, start, path)
    dump = read_proc("\n".join(kept).encode(), path, start + 2, "Java crash report")
    total = _TOTAL.search(text)
    counted = int(total[1].replace(",", "")) if total else -1
    pid = re.search(r"\bpid=(\d+)", text)
    fault = re.search(r"si_addr: (0x[0-9a-f]+)", text)
    limit = _LIMIT.search(text)
    return replace(
        dump,
        limit=int(limit[1]) if limit else 0,
        counted=counted,
        complete=dump.complete and counted in (-1, len(dump.rows)),
        pid=int(pid[1]) if pid else 0,
        program="java",
        fault=int(fault[1], 16) if fault else -1,
        failed=_first(text, _JAVA_FAILED, lambda m: Failed(0, f"{m[1]} of the JVM", int(m[2] or -1), "")),
        limits=_limits(text),
    )


def _refuse_others(lines: list[str], start: int, path: str) -> None:
    """InputError RT325 where the section lists libraries instead of areas."""
    below = next((line.strip() for line in lines[start + 1 : start + 4] if line.strip()), "")
    for form, system in _OF_OTHERS:
        if form.match(below):
            raise InputError(
                RT_MAPS,
                f"the report is of {system}: it lists libraries, and no areas of the Linux kernel",
                path,
                start + 2,
                text=below[:200],
                expected="a report of Linux",
            )
    raise InputError(
        RT_MAPS,
        "no area behind 'Dynamic libraries:'",
        path,
        start + 1,
        text=below[:200],
        expected="START-END PERMS ...",
    )


def _limits(text: str) -> dict[str, int]:
    """Bounds in bytes by name, as the report prints them; -1: no bound."""
    found = {m[1]: -1 if m[2] == "infinity" else 1024 * int(m[2][:-1]) for m in _RLIMIT.finditer(text)}
    return found | {m[1]: 1024 * int(m[2]) for m in _MEMORY.finditer(text)}


def _first(text: str, form: re.Pattern[str], told: Callable[[re.Match[str]], Failed]) -> Failed | None:
    """What the first match says was refused, with its line."""
    found = form.search(text)
    return replace(told(found), line=text.count("\n", 0, found.start()) + 1) if found else None


def read_harmony(data: bytes, path: str) -> Dump:
    """The section "Maps:" of a crash report of OpenHarmony: areas without device and inode."""
    text = data.decode("utf-8", "replace")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    start = next((i for i, line in enumerate(lines) if line.startswith("Maps:")), -1)
    rows: list[MapsRow] = []
    numbers: list[int] = []
    left_out = ended = False
    for number, line in enumerate(lines[start + 1 :], start + 2):
        found = _HARMONY_AREA.match(line)
        if found is not None:
            low, high, perms, offset, name = found.groups()
            named = (name or "").strip()
            rows.append(MapsRow(int(low, 16), int(high, 16), perms, int(offset, 16), "00:00", 0, named))
            numbers.append(number)
        elif is_elision(line.encode()):
            left_out = True
        elif line.strip() or rows:
            if any(_HARMONY_AREA.match(later) for later in lines[number:]):
                raise _no_area(path, number, line, "START-END PERMS OFFSET NAME")
            ended = bool(line.strip())
            break
    rows, numbers = without_gates(rows, numbers)
    checked(rows, numbers, path)
    if not rows:
        raise _no_area(path, start + 1, lines[max(start, 0)], "the section Maps: with its areas")
    facts = {name: found[1] for name, form in _HARMONY_FACTS if (found := form.search(text))}
    return Dump(
        "crash report of OpenHarmony",
        path,
        tuple(rows),
        tuple(numbers),
        pid=int(facts.get("pid", 0)),
        program=facts.get("program", "").strip(),
        fault=int(facts["fault"], 16) if "fault" in facts else -1,
        missing=(*UNTOLD, *HIDDEN),
        complete=not left_out and (ended or any(row.name == "[stack]" for row in rows)),
    )


_HARMONY_AREA = re.compile(
    r"(?:0x)?([0-9a-f]{4,16})-(?:0x)?([0-9a-f]{4,16}) ([r-][w-][x-][ps]) ([0-9a-f]{8,16})(?: (.*))?$"
)
_HARMONY_FACTS = (
    ("pid", re.compile(r"^Pid:\s*(\d+)", re.M)),
    ("program", re.compile(r"^Process name:(.*)", re.M)),
    ("fault", re.compile(r"^Reason:.*SIG(?:SEGV|BUS)\b.*@(0x[0-9a-f]+)", re.M)),
)


def _no_area(path: str, number: int, line: str, expected: str) -> InputError:
    return InputError(RT_MAPS, "not a line of the map", path, number, text=line[:200], expected=expected)


def read_sanitizer(data: bytes, path: str) -> Dump:
    """The list behind "Process memory map follows:" (ASan, MSan, TSan): ranges and names, no permissions."""
    text = data.decode("utf-8", "replace")
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if "Process memory map follows" in line), -1)
    rows: list[MapsRow] = []
    numbers: list[int] = []
    left_out = ended = False
    for number, line in enumerate(lines[start + 1 :], start + 2):
        found = _SANITIZER.match(line)
        if found is not None:
            name = (found[3] or "").strip()
            rows.append(MapsRow(int(found[1], 16), int(found[2], 16), UNKNOWN_PERMS, 0, "00:00", 0, name))
            numbers.append(number)
        elif "End of process memory map" in line:
            ended = True
            break
        elif is_elision(line.encode()):
            left_out = True
        elif line.strip():
            if not any(_SANITIZER.match(later) for later in lines[number:]):
                break  # the rest of a text that quotes the list
            raise InputError(
                RT_MAPS,
                "not a line of a sanitizer's memory map",
                path,
                number,
                text=line[:200],
                expected="0xSTART-0xEND NAME",
            )
    rows, numbers = without_gates(rows, numbers)
    checked(rows, numbers, path)
    if not rows or start < 0:
        raise InputError(
            RT_MAPS,
            "no area in the memory map",
            path,
            start + 1,
            text=lines[start][:200],
            expected="the whole list",
        )
    pid = re.search(r"==(\d+)==", lines[start])
    return Dump(
        "sanitizer's memory map",
        path,
        tuple(rows),
        tuple(numbers),
        missing=("permissions", "offsets", *UNTOLD, *HIDDEN),
        complete=ended and not left_out,
        pid=int(pid[1]) if pid else 0,
        failed=_first(text, _SANITIZER_FAILED, _refused) or _first(text, _SANITIZER_BOUND, _bounded),
    )


def _refused(found: re.Match[str]) -> Failed:
    return Failed(0, f"{found[3]} of the sanitizer", int(found[2]), errno_name(int(found[4])))


def _bounded(found: re.Match[str]) -> Failed:
    own = f"the sanitizer's own {found[1]}_rss_limit_mb={found[2]}: {int(found[3]):,} MiB were resident"
    return Failed(0, "memory", own=own)
