"""Tables of areas that debuggers print: gdb, its extensions pwndbg, gef and peda, lldb, and crash's `vm`."""

from __future__ import annotations

import re
from typing import NamedTuple

from ...abi.vmflags import VM_EXEC, VM_READ, VM_SHARED, VM_WRITE
from ...errorcodes import RT_MAPS
from ...errors import InputError
from ...patterns import pattern
from ..events import MapsRow
from ..recorded.areas import is_elision
from .dump import UNKNOWN_PERMS, Dump, checked, without_gates
from .proc import HIDDEN, UNTOLD

_PREFIX = r"[\s>+|\u25ba\u2192*]*"
_HEX = r"(?:0x)?([0-9a-f]{1,16})"
_PERMS = r"([r-][w-][x-][ps]?)"
_ARROW = re.compile(r"\s+<[-=]{1,}.*$|\s+\+0x[0-9a-f]+$")
"""What people and pwndbg put behind an area: an arrow, the place of an address in it."""


class _Table(NamedTuple):
    """One debugger's table: its heading, its rows, and which group is what (0: not in it)."""

    form: str
    head: re.Pattern[str]
    row: re.Pattern[str]
    perms: int
    offset: int
    size: int
    name: int
    inclusive: bool = False
    twice: bool = False  # the file, and behind it the name of the map, which is that of the file


_TABLES = (
    _Table(
        "list of gdb (info proc mappings)",
        pattern(r"^.{0,80}?Start Addr\s+End Addr\s+Size\s+Offset", re.MULTILINE),
        pattern(
            _PREFIX + r"0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)(?:\s+([r-][w-][x-][ps]))?\s*(.*)$"
        ),
        5, 4, 3, 6,
    ),
    _Table(
        "list of pwndbg (vmmap)",
        pattern(r"^\s*Start\s+End\s+Perm\s+Size\s+Offset\s+File|^\W*LEGEND: STACK \|", re.MULTILINE),
        pattern(_PREFIX + rf"0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+{_PERMS}\s+{_HEX}\s+{_HEX}\s*(.*)$"),
        3, 5, 4, 6,
    ),
    _Table(
        "list of gef (vmmap)",
        pattern(r"^\s*Start\s+End\s+Offset\s+Perm\s+Path", re.MULTILINE),
        pattern(_PREFIX + rf"0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+{_PERMS}(?:\s+(.*))?$"),
        4, 3, 0, 5,
    ),
    _Table(
        "list of gef (vmmap)",
        pattern(r"^\s*Start\s+End\s+Size\s+Offset\s+Perm\s+Path", re.MULTILINE),
        pattern(_PREFIX + rf"0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+{_HEX}\s+{_HEX}\s+{_PERMS}(?:\s+(.*))?$"),
        5, 4, 3, 6,
    ),
    _Table(
        "list of radare2 (dm)",
        pattern(r"^\s*0x[0-9a-f]{8,16} - 0x[0-9a-f]{8,16} [-*] (?:usr|sys)\s", re.MULTILINE),
        pattern(
            _PREFIX + rf"0x([0-9a-f]+) - 0x([0-9a-f]+) [-*] (?:usr|sys)\s+\S+ \S {_PERMS}(?: (.*?))?(?: ; map\..*)?$"
        ),
        3, 0, 0, 4, twice=True,
    ),
    _Table(
        "list of peda (vmmap)",
        pattern(r"^\s*Start\s+End\s+Perm\s+Name", re.MULTILINE),
        pattern(_PREFIX + rf"0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+{_PERMS}(?:\s+(.*))?$"),
        3, 0, 0, 4,
    ),
    _Table(
        "list of lldb (memory region)",
        pattern(r"^\s*\[0x[0-9a-f]{8,16}-0x[0-9a-f]{8,16}\) [r-][w-][x-]", re.MULTILINE),
        pattern(_PREFIX + rf"\[0x([0-9a-f]+)-0x([0-9a-f]+)\)\s+{_PERMS}(?:\s+(.*))?$"),
        3, 0, 0, 4,
    ),
)  # fmt: skip
_CRASH_HEAD = pattern(r"^\s*VMA\s+START\s+END\s+FLAGS\s+FILE", re.MULTILINE)
_CRASH_ROW = pattern(r"\s*([0-9a-f]{8,16})\s+([0-9a-f]+)\s+([0-9a-f]+)\s+([0-9a-f]+)(?:\s+(.*))?$")
_MADE_UP = re.compile(r"\[anon_[0-9a-f]+\]|mapped\Z|unk\d+\Z|\?\Z")
"""Names that pwndbg, peda and radare2 make up for anonymous memory."""
_NOISE = pattern(r"Dirty pages:|Modified memory|\s*LEGEND|\[ Legend|\s*PT_LOAD")


def is_table(text: str) -> bool:
    """True if a debugger's table of areas stands in `text`."""
    return _CRASH_HEAD.search(text) is not None or any(t.head.search(text) for t in _TABLES)


def read_table(data: bytes, path: str) -> Dump:
    """The first table of areas in a debugger's session; ends are the first byte behind.

    InputError RT325: no area, a size that is not what lies between the addresses, areas that cannot be.
    """
    text = data.decode("utf-8", "replace")
    found = [(at.start(), table) for table in _TABLES if (at := table.head.search(text))]
    if not found and _CRASH_HEAD.search(text) is None:
        raise _refused(path, 1, text.split("\n", 1)[0], "no heading of a table", "the whole table")
    if not found or ((at := _CRASH_HEAD.search(text)) and at.start() < min(found)[0]):
        return _crash(text, path)
    begin, table = min(found, key=lambda pair: pair[0])
    rows: list[MapsRow] = []
    lines: list[int] = []
    left_out = False
    first = text.count("\n", 0, begin)
    for number, line in enumerate(text.split("\n")[first:], first + 1):
        match = table.row.match(line)
        if match is None:
            left_out = left_out or is_elision(line.encode())
            if rows and not (is_elision(line.encode()) or not line.strip() or _NOISE.match(line)):
                _none_below(table, text.split("\n")[number:], line, path, number)
                break
            continue
        row = _row(table, match)
        if table.size and row.end - row.start != int(match[table.size], 16):
            raise _refused(path, number, line, "the size is not what lies between the addresses", "one list")
        if row.perms == "---p" and "lldb" in table.form and not row.name:
            continue  # how lldb lists free ranges
        rows.append(row)
        lines.append(number)
    if not rows:
        line = text.split("\n")[first]
        raise _refused(path, first + 1, line, "no area below the heading", "the whole table")
    kept, numbers = without_gates(rows, lines)
    checked(kept, numbers, path)
    pid = re.search(r"^\W*process (\d+)", text, re.MULTILINE)
    return Dump(
        table.form,
        path,
        tuple(kept),
        tuple(numbers),
        pid=int(pid[1]) if pid else 0,
        missing=_missing(table, kept),
        complete=not left_out and _is_whole(table, kept),
    )


def _none_below(table: _Table, below: list[str], line: str, path: str, number: int) -> None:
    """InputError RT325 if the table goes on behind a line that is none of it."""
    for later in below:
        if table.head.search(later):
            return  # another list of the same session
        if table.row.match(later):
            raise _refused(path, number, line, "not a line of the table", "ADDRESSES, PERMISSIONS, NAME")


def _row(table: _Table, match: re.Match[str]) -> MapsRow:
    perms = (match[table.perms] or "") if table.perms else ""
    perms = perms + "p" if len(perms) == 3 else perms or UNKNOWN_PERMS
    name = _ARROW.sub("", (match[table.name] or "").strip()).strip()
    if table.twice:
        half = len(name) // 2
        name = name[:half] if name[:half] == name[half + 1 :] else name.split(" ")[0]
    name = "" if _MADE_UP.match(name) else re.sub(r"\s*PT_LOAD\[\d+\]$", "", name)
    offset = int(match[table.offset], 16) if table.offset else 0
    return MapsRow(int(match[1], 16), int(match[2], 16), perms, offset, "00:00", 0, name)


def _is_whole(table: _Table, rows: list[MapsRow]) -> bool:
    """False for lists of files alone (gdb on a core file reads NT_FILE), and where areas cannot be told from gaps."""
    if "lldb" in table.form:
        return False
    return any(not row.name or row.name.startswith("[") for row in rows)


def _missing(table: _Table, rows: list[MapsRow]) -> tuple[str, ...]:
    missing = [*UNTOLD, *HIDDEN]
    if "lldb" in table.form:
        missing.insert(0, "areas without access, which look like free ranges")
    if not table.offset:
        missing.insert(0, "offsets")
    if rows and rows[0].perms == UNKNOWN_PERMS:
        missing.insert(0, "permissions")
    elif table.perms and "gdb" not in table.form and "peda" not in table.form:
        missing.insert(0, "which areas are shared")
    return tuple(missing)


def _crash(text: str, path: str) -> Dump:
    """`vm` of the crash utility: flags are the kernel's own bits of the area (vm_flags)."""
    head = _CRASH_HEAD.search(text)
    assert head is not None
    first = text.count("\n", 0, head.end()) + 1
    rows: list[MapsRow] = []
    lines: list[int] = []
    flags: list[int] = []
    for number, line in enumerate(text.split("\n")[first:], first + 1):
        match = _CRASH_ROW.match(line)
        if match is None:
            if line.strip():
                break
            continue
        bits = int(match[4], 16)
        flags.append(bits)
        letters = ((VM_READ, "r"), (VM_WRITE, "w"), (VM_EXEC, "x"))
        perms = "".join(letter if bits & bit else "-" for bit, letter in letters)
        perms += "s" if bits & VM_SHARED else "p"
        name = (match[5] or "").strip()
        rows.append(MapsRow(int(match[2], 16), int(match[3], 16), perms, 0, "00:00", 0, name))
        lines.append(number)
    if not rows:
        raise _refused(
            path, first, text.split("\n")[first - 1], "no area below the heading", "the whole table"
        )
    checked(rows, lines, path)
    pid = re.search(r"PID: (\d+)\b.*?COMMAND: \"([^\"]*)\"", text)
    return Dump(
        "list of crash (vm)",
        path,
        tuple(rows),
        tuple(lines),
        tuple(flags),
        pid=int(pid[1]) if pid else 0,
        program=pid[2] if pid else "",
        missing=("offsets", *HIDDEN),
    )


def _refused(path: str, number: int, line: str, problem: str, expected: str) -> InputError:
    return InputError(RT_MAPS, problem, path, number, text=line[:200], expected=expected)
