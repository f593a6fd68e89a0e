"""Which form a dump has, told from its first bytes, and its reader."""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable
from pathlib import Path

from ...lateclasses import replace
from ...patterns import pattern
from ..opening import can_be_read_again, read_input
from ..recorded.areas import looks_like_areas
from .corefile import is_core, read_core
from .dump import Dump
from .minidump import MAGIC, read_minidump
from .pasted import INSIDE, unwrapped
from .proc import read_no_map, read_proc
from .reports import read_harmony, read_hs_err, read_sanitizer
from .tables import read_pmap, read_tombstone, read_valgrind
from .vmmap import is_table, read_table

FORMS: dict[str, Callable[[bytes, str], Dump]] = {
    "core": read_core,
    "minidump": read_minidump,
    "hs_err": read_hs_err,
    "harmony": read_harmony,
    "tombstone": read_tombstone,
    "sanitizer": read_sanitizer,
    "valgrind": read_valgrind,
    "debugger": read_table,
    "pmap": read_pmap,
    "maps": read_proc,
    "numa_maps": read_no_map,
    "map_files": read_no_map,
}
_BINARY = ("core", "minidump")
_HEAD = 1 << 16
_FAR = 1 << 24
"""Bytes of a text that is no log within which a list is looked for."""
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
_PMAP_BARE = pattern(r"[\s>+|]*Address\s+(?:Kbytes\s+(?:RSS|PSS|Mode)|Perm\s+Offset)\b")
_PMAP_QUIET = pattern(
    r"(?:\d+:[^\n]*\n)?[\s>+|]*[0-9a-f]{16}\s+(?:\d+K|\d+\s+\d+\s+\d+)\s+[r-][w-][x-][s-][R-]\s"
)
_PMAP_INSIDE = pattern(r"^[\s>+|]*Address\s+(?:Kbytes\s+(?:RSS|PSS|Mode)|Perm\s+Offset)\b", re.M)
_HARMONY = pattern(
    r"^Maps:[ \t]*(?:<.*)?\r?\n(?:0x)?[0-9a-f]{4,16}-(?:0x)?[0-9a-f]{4,16} [r-][w-][x-][ps] [0-9a-f]{8,16}"
    r"(?! [0-9a-f]+:)",
    re.M,
)
_TOMBSTONE = pattern(r"^.{0,120}(?<!Process )\bmemory map(?: \(\d+ entr|: \(fault address|: *$)", re.M)


def form_of(data: bytes) -> str | None:
    """The form of the dump that begins with `data`, one of FORMS; None if it is none."""
    if is_core(data):
        return "core"
    if data[:4] == MAGIC:
        return "minidump"
    head = bytes(data[:_HEAD])
    if b"\0" in head:
        return None
    text = head.decode("utf-8", "replace")
    if _HS_ERR.search(text) or "\nDynamic libraries:\n" in text:
        return "hs_err"
    if _HARMONY.search(text) or (b"HiviewDFX" in head[:200] and _HARMONY.search(_whole(data))):
        return "harmony"
    if b"Process memory map follows" in data[: 1 << 22]:
        return "sanitizer"
    if text.lstrip().startswith("*** *** ***") or _TOMBSTONE.search(text):
        return "tombstone"
    if "<<< SHOW_SEGMENTS:" in text or (_later(head) and b"<<< SHOW_SEGMENTS:" in data):
        return "valgrind"
    if is_table(text):
        return "debugger"
    if _PMAP.match(text) or _PMAP_BARE.match(text) or _PMAP_QUIET.match(text):
        return "pmap"
    if looks_like_areas(head):
        return "maps"
    return next((form for form, pattern in _NO_MAPS.items() if pattern.match(text)), None)


def _whole(data: bytes) -> str:
    return bytes(data[:_FAR]).decode("utf-8", "replace")


def form_inside(data: bytes) -> str | None:
    """The form of a list of areas that stands further down in a text, behind anything; None: there is none.

    For texts that no reader of logs knows: what it finds is no proof against one.
    """
    found = form_of(data)
    data = data[:_FAR]
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if found is None and (wide or b"\0" not in data[:_HEAD]):
        plain = unwrapped(data)[0]
        found = form_of(plain) if plain is not data else None
        if found is None and (INSIDE.search(plain) or INSIDE.search(data)):
            found = "maps"
        elif found is None and _PMAP_INSIDE.search(plain.decode("utf-8", "replace")):
            found = "pmap"
    return found


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
    named = form or form_inside(data) or "maps"
    notes: tuple[str, ...] = ()
    if named not in _BINARY:
        plain, undone = unwrapped(data)
        if named in ("maps", "pmap") or form_of(plain) == named:
            data, notes = plain, undone
    dump = FORMS[named](data, path)
    if notes:
        dump = replace(dump, notes=(*notes, *dump.notes))
    return dump if dump.pid < 1 << 31 else replace(dump, pid=0)  # no process has that number
