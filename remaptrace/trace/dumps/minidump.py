"""Minidumps of Breakpad and its kin: the stream MD_LINUX_MAPS is /proc/PID/maps as it was (minidump_format.h)."""

from __future__ import annotations

import struct

from ...abi.signals import SIGBUS, SIGSEGV
from ...errorcodes import RT_MAPS
from ...errors import InputError
from ...lateclasses import replace
from .dump import Dump
from .proc import read_proc

MAGIC = b"MDMP"
"""As a machine with the lowest byte first writes it."""
_LINUX_MAPS, _EXCEPTION, _MISC = 0x47670009, 6, 15
_HEADER = struct.Struct("<4sIII")
_ENTRY = struct.Struct("<III")
_EXCEPTION_RECORD = struct.Struct("<IIIIQQ")
"""Thread, padding, code (the signal), flags, next record, address."""
_MISC_INFO = struct.Struct("<III")
_HAS_PID = 1


def read_minidump(data: bytes, path: str) -> Dump:
    """The map in a minidump. InputError RT325: it ends too early, or no map is in it (crashpad writes none)."""
    _, _, count, at = _fields(_HEADER, data, 0, path)
    streams: dict[int, tuple[int, int]] = {}
    for number in range(min(count, len(data) // _ENTRY.size)):
        kind, size, rva = _fields(_ENTRY, data, at + number * _ENTRY.size, path)
        streams.setdefault(kind, (rva, size))
    if _LINUX_MAPS not in streams:
        raise InputError(
            RT_MAPS,
            "the minidump has no map of the process",
            path,
            found=f"{len(streams)} streams, none of them MD_LINUX_MAPS",
            expected="one that Breakpad or minidump-writer wrote on Linux; or /proc/PID/maps",
        )
    rva, size = streams[_LINUX_MAPS]
    if rva + size > len(data):
        raise _cut(data, rva + size, path)
    dump = read_proc(data[rva : rva + size].rstrip(b"\0"), path, form="minidump")
    fault, pid = -1, 0
    if _EXCEPTION in streams:
        _, _, signal, _, _, address = _fields(_EXCEPTION_RECORD, data, streams[_EXCEPTION][0], path)
        fault = address if signal in (SIGSEGV, SIGBUS) else -1
    if _MISC in streams:
        _, flags, number = _fields(_MISC_INFO, data, streams[_MISC][0], path)
        pid = number if flags & _HAS_PID else 0
    return replace(dump, fault=fault, pid=pid, lines=())


def _fields(form: struct.Struct, data: bytes, at: int, path: str) -> tuple[int, ...]:
    if at + form.size > len(data):
        raise _cut(data, at + form.size, path)
    return form.unpack_from(data, at)


def _cut(data: bytes, needed: int, path: str) -> InputError:
    return InputError(
        RT_MAPS,
        f"the minidump ends at byte {len(data):,}, before byte {needed:,}",
        path,
        expected="the whole file",
    )
