"""Tables of areas that tools print: pmap, Android tombstones, valgrind's segments."""

from __future__ import annotations

import re

from ...counting import counted
from ...errorcodes import RT_MAPS
from ...errors import InputError
from ...lateclasses import replace
from ...patterns import pattern
from ..events import MapsRow
from ..recorded.areas import is_elision
from .asprinted import FLAG_BITS
from .dump import Dump, checked, without_gates
from .proc import HIDDEN, UNTOLD

_UNTOLD = (*UNTOLD, *HIDDEN)
_PREFIX = r"[\s>+|]*"
_PMAP_HEAD = pattern(_PREFIX + r"(\d+):\s+(.*)")
_MODE = r"([r-][w-][x-][sp-][R-]?)"
_PMAP_X = pattern(_PREFIX + r"([0-9a-f]{4,16})\s+(\d+)((?:\s+(?:\d+|-))*)\s+" + _MODE + r"(?:\s+(.*))?$")
_PMAP = pattern(_PREFIX + r"([0-9a-f]{4,16})\s+(\d+)K\s+" + _MODE + r"(?:\s+(.*))?$")
_SOLARIS = pattern(_PREFIX + r"(?=\d*[A-F])[0-9A-F]{8,16}\s+\d+K?\s")
_PMAP_DEVICE = pattern(r"([0-9a-f]{8,16})\s+([0-9a-f]+):([0-9a-f]+)\s+(.*)")
_PMAP_FULL = pattern(
    _PREFIX + r"([0-9a-f]{4,16})\s+([r-][w-][x-][ps])\s+([0-9a-f]+)\s+([0-9a-f]+:[0-9a-f]+)\s+(\d+)\s+(.*)"
)
_PMAP_END = pattern(_PREFIX + r"(?:-{4,}|={4,}|total\b|mapped:)")
_TOMB_HEAD = pattern(
    r"\bmemory map(?: \((\d+) entr(?:y|ies)\):|: *(?:\(fault address|$)| around (?:fault )?addr)",
    re.IGNORECASE,
)
_TOMB_AROUND = pattern(r"memory map around", re.IGNORECASE)
_TOMB = pattern(
    r"(?:.*?\s)?(?:--->|\s{2,})?([0-9a-f]{8}(?:'?[0-9a-f]{8})?)-([0-9a-f]{8}(?:'?[0-9a-f]{8})?)\s+([r-][w-][x-])\s+"
    r"([0-9a-f]+)\s+([0-9a-f]+)(?:\s+(.*))?$"
)
_TOMB_FAULT = pattern(r"fault addr (?:0x)?([0-9a-f']{1,17})\b")
_SEGMENTS = pattern(r"<<< SHOW_SEGMENTS: .*?\((\d+) segments")
_SEGMENT = pattern(
    r"(\d+): (\S{4}) ([0-9a-f]+)-([0-9a-f]+)\s+\S+ ([r-][w-][x-])\S*\s*"
    r"(?:d=(0x[0-9a-f]+) i=(\d+)\s+o=(\d+)\s+\((\d+),)?"
)
_SEGMENT_NAME = pattern(r"aspacem\s+\((\d+),\d+,\d+\) (.*)")


def read_pmap(data: bytes, path: str) -> Dump:
    """What pmap prints, plain or with -x, -X or -XX: starts and sizes in KiB.

    Text above the first area is no part of it. With -x, procps of 2010 to 2013 prints each area twice: the second
    line, of the same start and without resident pages, is left out.
    """
    pid, program, header = 0, "", []
    rows: list[MapsRow] = []
    lines: list[int] = []
    flags: list[int] = []
    resident: list[int] = []
    left_out = False
    twice = 0
    text = data.decode("utf-8", "replace").split("\n")
    for number, line in enumerate(text, 1):
        head = _PMAP_HEAD.match(line)
        if head and not rows:
            pid, program = int(head[1]), head[2].strip()
            continue
        if line.split()[:1] == ["Address"] or line.split()[:2] == [">", "Address"]:
            header = line.lstrip("> \t+|").split()
            continue
        if not line.strip() or (line.strip().startswith(("```", "$", "#")) and not is_elision(line.encode())):
            continue
        if _PMAP_END.match(line) and rows:
            continue
        if is_elision(line.encode()):
            left_out = True
            continue
        counts = len(flags), len(resident)
        row = _pmap_row(line, header, flags, resident)
        if row is None:
            if rows and re.fullmatch(_PREFIX + r"[\d\s]+(?:KB)?\s*", line):
                continue  # the sums
            if not rows:
                continue  # a session of a terminal, a page
            if head:
                raise _refused(path, number, line, "a second process begins here", "one process")
            if any(_SOLARIS.match(later) for later in text[number - 1 :]):
                raise _refused(path, number, line, "addresses in capitals: a pmap of Solaris", "one of Linux")
            if not any(_pmap_row(later, header, [], []) for later in text[number:]):
                break
            raise _refused(path, number, line, "not a line of pmap", "ADDRESS SIZE MODE MAPPING")
        if rows and row.start == rows[-1].start and "Dirty" in header:
            del flags[counts[0] :], resident[counts[1] :]
            twice += 1
            continue
        rows.append(row)
        lines.append(number)
    if not rows:
        raise _refused(path, 1, text[0], "no area in it", "ADDRESS SIZE MODE MAPPING")
    kept, numbers = without_gates(rows, lines)
    checked(kept, numbers, path)
    count = len(kept)
    missing = HIDDEN if len(flags) >= count > 0 else _UNTOLD
    return Dump(
        "pmap",
        path,
        tuple(kept),
        tuple(numbers),
        tuple(flags[:count]) if len(flags) >= count else (),
        tuple(resident[:count]) if len(resident) >= count else (),
        pid=pid,
        program=program.split()[0].rpartition("/")[2] if program.split() else "",
        missing=missing if header and "Offset" in header else ("offsets", *missing),
        complete=not left_out,
        notes=(f"{counted(twice, 'line')} with the area above once more, as pmap -x of old procps does",)
        if twice
        else (),
    )


def _pmap_row(line: str, header: list[str], flags: list[int], resident: list[int]) -> MapsRow | None:
    """One line of pmap; its flags and resident bytes are added to the lists."""
    full = _PMAP_FULL.match(line)
    if full and "Size" in header:
        return _pmap_full(full, header, flags, resident)
    found = _PMAP_X.match(line)
    if found:
        start, size, more, mode, name = found.groups()
        rss = dict(zip((h.upper() for h in header[2:]), more.split(), strict=False)).get("RSS", "")
        resident += [1024 * int(rss)] if rss.isdecimal() else []
        device = _PMAP_DEVICE.match(name or "") if "Device" in header else None
        if device:  # -d: no inode
            perms = mode[:3] + ("s" if mode[3] == "s" else "p")
            end = int(start, 16) + 1024 * int(size)
            place = int(device[1], 16)
            return MapsRow(int(start, 16), end, perms, place, "00:00", 0, _pmap_name(device[4]))
    else:
        short = _PMAP.match(line)
        if short is None:
            return None
        start, size, mode, name = short.groups()
    perms = mode[:3] + ("s" if mode[3] == "s" else "p")
    return MapsRow(
        int(start, 16), int(start, 16) + 1024 * int(size), perms, 0, "00:00", 0, _pmap_name(name or "")
    )


def _pmap_full(
    found: re.Match[str], header: list[str], flags: list[int], resident: list[int]
) -> MapsRow | None:
    """A line of pmap -X or -XX: columns as the header names them, flags as words before the name."""
    start, perms, offset, dev, inode, rest = found.groups()
    numeric = [h for h in header[5:] if h not in ("VmFlags", "Mapping")]
    words = rest.split()
    if (
        "Size" not in numeric
        or len(words) < len(numeric)
        or not all(w.isdecimal() for w in words[: len(numeric)])
    ):
        return None
    values = dict(zip(numeric, map(int, words[: len(numeric)]), strict=True))
    left = words[len(numeric) :]
    if "VmFlags" in header:
        named = []
        while left and left[0] in FLAG_BITS:
            named.append(left.pop(0))
        flags.append(sum(FLAG_BITS[w] for w in set(named)))
    if "Rss" in values:
        resident.append(1024 * values["Rss"])
    end = int(start, 16) + 1024 * values["Size"]
    return MapsRow(int(start, 16), end, perms, int(offset, 16), dev, int(inode), _pmap_name(" ".join(left)))


def _pmap_name(name: str) -> str:
    """The name as maps has it: pmap writes [ anon ] and [ stack ]."""
    plain = name.strip()
    if plain.startswith("[") and plain.endswith("]"):
        inside = plain[1:-1].strip()
        return "" if inside == "anon" else f"[{inside}]"
    return plain


def read_tombstone(data: bytes, path: str) -> Dump:
    """The memory map of an Android tombstone: the last byte of an area stands there, not the one behind it.

    InputError RT325: no map in it, or but the areas beside the fault (Android before 5.0).
    """
    text = data.decode("utf-8", "replace").split("\n")
    start = next((i for i, line in enumerate(text) if _TOMB_HEAD.search(line)), -1)
    if start < 0:
        raise _refused(path, 1, text[0], "the tombstone has no memory map", "the whole tombstone")
    if _TOMB_AROUND.search(text[start]):
        raise _refused(
            path,
            start + 1,
            text[start],
            "the tombstone shows the areas beside the fault alone",
            "a whole memory map",
        )
    head = _TOMB_HEAD.search(text[start])
    counted = int(head[1]) if head and head[1] else -1
    rows: list[MapsRow] = []
    lines: list[int] = []
    left_out = False
    for number, line in enumerate(text[start + 1 :], start + 2):
        found = _TOMB.match(line)
        if found is None:
            if is_elision(line.encode()):
                left_out = True
                continue
            if not line.strip() or "--->" in line or not rows:
                continue
            break
        low, last, perms, offset, length, name = found.groups()
        begin, end = int(low.replace("'", ""), 16), int(last.replace("'", ""), 16) + 1
        if end - begin != int(length, 16):
            raise _refused(
                path, number, line, "the length is not what lies between the addresses", "one list"
            )
        plain = re.sub(r"(?:^|\s+)\((?:BuildId|load bias|load base)[^)]*\)", "", name or "").strip()
        rows.append(MapsRow(begin, end, perms + "p", int(offset, 16), "00:00", 0, plain))
        lines.append(number)
    if not rows:
        raise _refused(path, start + 1, text[start], "no area in the memory map", "the whole tombstone")
    kept, numbers = without_gates(rows, lines)
    checked(kept, numbers, path)
    others = sum(_TOMB_HEAD.search(line) is not None for line in text[lines[-1] :])
    whole = "\n".join(text[: lines[-1]])
    pid = re.search(r"\bpid: (\d+)", whole)
    name = re.search(r">>> (\S+) <<<", whole)
    fault = _TOMB_FAULT.search(whole)
    return Dump(
        "tombstone",
        path,
        tuple(kept),
        tuple(numbers),
        counted=counted,
        complete=counted == len(rows) or (counted == -1 and not left_out),
        fault=int(fault[1].replace("'", ""), 16) if fault else -1,
        pid=int(pid[1]) if pid else 0,
        program=name[1] if name else "",
        missing=("which areas are shared", *_UNTOLD),
        notes=(f"{others:,} more memory maps stand in it: the first is taken",) if others else (),
    )


def read_valgrind(data: bytes, path: str) -> Dump:
    """The last list of segments that valgrind printed (-d -d, or when it fails): ends are inclusive.

    Reservations are valgrind's own book-keeping and free space is none; both are no areas of the kernel.
    """
    text = data.decode("utf-8", "replace").split("\n")
    starts = [i for i, line in enumerate(text) if _SEGMENTS.search(line)]
    if not starts:
        raise _refused(path, 1, text[0], "no list of segments in it", "<<< SHOW_SEGMENTS: ...")
    names: dict[str, str] = {}
    rows: list[MapsRow] = []
    lines: list[int] = []
    for number, line in enumerate(text[starts[-1] + 1 :], starts[-1] + 2):
        if ">>>" in line:
            break
        named = _SEGMENT_NAME.search(line)
        if named:
            names[named[1]] = named[2].strip()
            continue
        found = _SEGMENT.search(line)
        if found is None or found[2].upper() not in ("FILE", "ANON", "SHMC"):
            continue
        _, _, low, last, perms, dev, inode, offset, slot = found.groups()
        major_minor = f"{int(dev, 16) >> 8:02x}:{int(dev, 16) & 255:02x}" if dev else "00:00"
        rows.append(
            MapsRow(
                int(low, 16),
                int(last, 16) + 1,
                perms + ("s" if found[2].upper() == "SHMC" else "p"),
                int(offset or 0),
                major_minor,
                int(inode or 0),
                names.get(slot or "", f"(segment name {slot})" if slot else ""),
            )
        )
        lines.append(number)
    kept, numbers = without_gates(rows, lines)
    checked(kept, numbers, path)
    missing = ("which areas the kernel has as one", "which areas are shared", *_UNTOLD)
    found_pid = re.search(r"(?:--|==)(\d+)(?::\d+)?(?:--|==|:)", text[starts[-1]])
    dump = Dump("list of valgrind's segments", path, tuple(kept), tuple(numbers), missing=missing)
    return replace(dump, pid=int(found_pid[1]) if found_pid else 0)


def _refused(path: str, number: int, line: str, problem: str, expected: str) -> InputError:
    return InputError(RT_MAPS, problem, path, number, text=line[:200], expected=expected)
