"""Which form a dump has, told from its first bytes, and its reader."""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ...patterns import pattern
from ..opening import can_be_read_again, read_input
from ..recorded.areas import looks_like_areas
from .corefile import is_core, read_core
from .dump import Dump
from .proc import read_hs_err, read_no_map, read_proc, read_sanitizer
from .report import holds_a_map, read_report
from .tables import read_gdb, read_pmap, read_tombstone, read_valgrind

FORMS: dict[str, Callable[[bytes, str], Dump]] = {
    "core": read_core,
    "hs_err": read_hs_err,
    "tombstone": read_tombstone,
    "sanitizer": read_sanitizer,
    "valgrind": read_valgrind,
    "gdb": read_gdb,
    "pmap": read_pmap,
    "maps": read_proc,
    "numa_maps": read_no_map,
    "map_files": read_no_map,
    "report": read_report,
}
_HEAD = 1 << 16
_NO_MAPS = {
    "numa_maps": pattern(
        r"\s*[0-9a-f]{6,16} (?:default|prefer|bind|interleave|weighted interleave|local|static)\b[^\n]*"
        r"\b(?:file=|heap|stack|anon=|mapped=|N\d+=|kernelpagesize_kB=)"
    ),
    "map_files": pattern(r"(?:total 0\s+)?(?:l[rwx-]{9}\.? [^\n]* )?[0-9a-f]{6,16}-[0-9a-f]{6,16} -> /"),
}
"""What people take for a map and is none."""
_HS_ERR = pattern(
    r"^# (?:A fatal error has been detected by|There is insufficient memory for) the Java", re.M
)
_PMAP = pattern(r"[\s>+|]*\d+:\s+\S.*\n[\s>+|]*(?:Address\s+(?:Kbytes|Perm)\b|[0-9a-f]{8,16}\s+\d+K\s)")
_PMAP_BARE = pattern(r"[\s>+|]*Address\s+(?:Kbytes\s+RSS|Perm\s+Offset)\b")


def form_of(data: bytes) -> str | None:
    """The form of the dump that begins with `data`, one of FORMS; None if it is none."""
    if is_core(data):
        return "core"
    head = bytes(data[:_HEAD])
    if b"\0" in head:
        return None
    text = head.decode("utf-8", "replace")
    if _HS_ERR.search(text) or "\nDynamic libraries:\n" in text:
        return "hs_err"
    if b"Process memory map follows" in data[: 1 << 22]:
        return "sanitizer"
    if text.lstrip().startswith("*** ***") or re.search(r"^.{0,40}memory map \(\d+ entr", text, re.M):
        return "tombstone"
    if "<<< SHOW_SEGMENTS:" in text or (_later(head) and b"<<< SHOW_SEGMENTS:" in data):
        return "valgrind"
    if re.search(r"^\s*Start Addr\s+End Addr\s+Size\s+Offset", text, re.M):
        return "gdb"
    if _PMAP.match(text) or _PMAP_BARE.match(text):
        return "pmap"
    if looks_like_areas(head):
        return "maps"
    return next(
        (form for form, pattern in _NO_MAPS.items() if pattern.match(text)),
        "report" if holds_a_map(text) else None,
    )


def dump_of_path(path: str) -> Dump | None:
    """The dump at `path`; None if it is none, a directory or a pipe, which can be read but once.

    Of core files only the headers and notes are read, whatever their size.
    """
    if path == "-" or Path(path).is_dir() or not can_be_read_again(path):
        return None
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
            if is_core(head):
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
                    return read_core(whole, path)
    except OSError:
        return None  # who reads it says what is wrong
    if (
        head[:2] == b"\x1f\x8b"
        or head[:4] == b"\x28\xb5\x2f\xfd"
        or form_of(head) is not None
        or _later(head)
    ):
        data = read_input(path)
        form = form_of(data)
        return read_dump(data, path, form) if form else None
    return None


def _later(head: bytes) -> bool:
    """True for the beginning of output in which a list of areas may stand further down."""
    return head.startswith((b"==", b"--", b"*** "))


def read_dump(data: bytes, path: str, form: str | None = None) -> Dump:
    """The dump in `data`; `form` as `form_of` gives it. InputError RT325 with the line that is no area."""
    dump = FORMS[form or form_of(data) or "maps"](data, path)
    return dump if dump.pid < 1 << 31 else replace(dump, pid=0)  # no process has that number
