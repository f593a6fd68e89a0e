"""maps and smaps as the kernel prints them, nothing added: read by one expression. Anything else is not for this."""

from __future__ import annotations

import re
from typing import NamedTuple

from ...abi.vmflags import VM_LOCKONFAULT, VMFLAG_NAMES
from ..events import MapsRow
from ..recorded.areas import PAGE, is_gate

FLAG_BITS = {name: bit for bit, name in VMFLAG_NAMES} | {"??": VM_LOCKONFAULT}
_AREA = re.compile(
    rb"([0-9a-f]{8,16})-([0-9a-f]{8,16}) ([r-][w-][x-][ps]) ([0-9a-f]{8,16}) ([0-9a-f]+:[0-9a-f]+) (\d{1,20})"
    rb"(?: +([^\n]*))?\n((?:[A-Z]\w*: +\d+(?: kB)?\n|VmFlags:(?: (?:[a-z]{2}|\?\?))* ?\n)*)"
)
_LAST = 1 << 63
_SUMS = "[rollup]"


class AsPrinted(NamedTuple):
    """Areas without gates, their lines, flags and resident bytes (each empty unless every area has it)."""

    rows: list[MapsRow]
    lines: list[int]
    flags: tuple[int, ...]
    resident: tuple[int, ...]


def as_printed(data: bytes) -> AsPrinted | None:
    """The areas of such a text; None for any other, and for one that no kernel prints."""
    rows: list[MapsRow] = []
    lines: list[int] = []
    flags: list[int] = []
    resident: list[int] = []
    known: dict[bytes, tuple[str, int]] = {}
    at, line, before = 0, 1, 0
    for found in _AREA.finditer(data):
        if found.start() != at:
            return None
        at = found.end()
        start, end, perms, offset, dev, inode, named, more = found.groups()
        low, high = int(start, 16), int(end, 16)
        name = named.decode("utf-8", "replace").rstrip().replace("\\012", "\n") if named else ""
        plain = (low, high, perms.decode(), int(offset, 16), dev.decode(), int(inode), name)
        row = MapsRow(*plain)
        here, line = line, line + 1 + more.count(b"\n")
        if is_gate(row):
            continue
        if low >= high or high > _LAST or low % PAGE or high % PAGE or low < before or name == _SUMS:
            return None
        before = high
        if more:
            told = _told(more, b"VmFlags:")
            size = _told(more, b"\nRss:")
            if told is None or size is None:
                return None
            if told not in known:
                words = told.decode().split()
                known[told] = " ".join(words), sum(FLAG_BITS.get(word, 0) for word in set(words))
            text, bits = known[told]
            row = MapsRow(*plain, text)
            flags.append(bits)
            resident.append(1024 * int(size.split()[0]))
        rows.append(row)
        lines.append(here)
    if at != len(data) or not rows or len(flags) not in (0, len(rows)):
        return None
    return AsPrinted(rows, lines, tuple(flags), tuple(resident))


def _told(more: bytes, key: bytes) -> bytes | None:
    """What stands behind `key` in the lines of one area; None unless it stands there once."""
    at = more.find(key)
    if at < 0 or more.find(key, at + 1) >= 0:
        return None
    return more[at + len(key) : more.find(b"\n", at + 1)]
