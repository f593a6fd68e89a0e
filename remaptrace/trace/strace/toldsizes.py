"""What a log says of the sizes of files: fstat of a descriptor that an open before it returned."""

from __future__ import annotations

import re
from mmap import mmap

_LOOKED_AT = 1 << 20
_AHEAD = 16
"""Lines of a thread between an open and the fstat of it at most: a loader reads the header, and asks."""

_OPEN = re.compile(
    rb"\bopen(?:at2?)?\([^\"\n]*\"(/[^\"\n]+)\"[^\n]*\) *= (\d{1,6})(?:<[^\n]*>)?(?: <[\d.]+>)?\s*$"
)
_STAT = re.compile(rb"\b(?:new)?fstat(?:at|64|at64)?\((\d{1,6})[<,][^\n]*st_size=(\d{1,18})[,}][^\n]*\) *= 0")
_WHO = re.compile(rb"\s*(?:\[pid +)?(\d+)?")


def sizes_told(log: bytes | mmap) -> dict[str, int]:
    """Path: bytes of the files that programs opened and asked the size of, in the first megabyte of a log.

    A file whose size the log tells twice, and differently, is left out.
    """
    head = bytes(log[:_LOOKED_AT])
    if b"st_size=" not in head:
        return {}
    opened: dict[tuple[bytes, bytes], tuple[str, int]] = {}
    found: dict[str, set[int]] = {}
    for number, line in enumerate(head.split(b"\n")):
        stat = _STAT.search(line) if b"st_size=" in line else None
        match = None if stat else _OPEN.search(line) if b"open" in line else None
        if not (stat or match):
            continue
        who = _WHO.match(line)
        task = who[1] or b"" if who else b""
        if match:
            opened[task, match[2]] = match[1].decode("utf-8", "replace"), number
        elif stat:
            path, since = opened.get((task, stat[1]), ("", -_AHEAD))
            if path and number - since < _AHEAD:
                found.setdefault(path, set()).add(int(stat[2]))
    return {path: sizes.pop() for path, sizes in found.items() if len(sizes) == 1}
