"""Where members stand in structures of the running kernel, from its own description (BTF, kernel/bpf/btf.c).

Only what `kernelcounts` needs: byte offsets of named members, also of those in structures without a name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

PLACE = Path("/sys/kernel/btf/vmlinux")
_MAGIC = 0xEB9F
_STRUCT, _UNION = 4, 5
_BEHIND = {1: 4, 3: 12, 14: 4, 17: 4}
"""Bytes behind the twelve of a type, by kind (include/uapi/linux/btf.h)."""
_EACH = {_STRUCT: 12, _UNION: 12, 6: 8, 13: 8, 15: 12, 19: 12}
"""Bytes for each of its `vlen` members."""


class Btf:
    """The types of one kernel. OSError where it cannot be read, ValueError if it is none."""

    def __init__(self, raw: bytes) -> None:
        magic, _version, _flags, header, types, type_size, strings, string_size = struct.unpack_from(
            "=HBBIIIII", raw
        )
        if magic != _MAGIC:
            raise ValueError("no BTF")
        self._types = raw[header + types : header + types + type_size]
        self._strings = raw[header + strings : header + strings + string_size]
        self._at: list[int] = [0]  # by number, which count from 1
        self._walk()

    def _walk(self) -> None:
        types, place, end = self._types, 0, len(self._types)
        words = struct.Struct("=II").unpack_from
        append = self._at.append
        while place < end:
            append(place)
            _, info = words(types, place)
            kind = info >> 24 & 31
            place += 12 + _BEHIND.get(kind, 0) + _EACH.get(kind, 0) * (info & 0xFFFF)

    def _string(self, at: int) -> str:
        return self._strings[at : self._strings.index(b"\0", at)].decode("ascii", "replace")

    def offsets(self, name: str, members: Iterable[str]) -> dict[str, int]:
        """Byte offsets of members of ``struct NAME``. LookupError if there is no such structure or member."""
        wanted = self._strings.index(b"\0" + name.encode() + b"\0") + 1
        for place in self._at[1:]:
            text, info = struct.unpack_from("=II", self._types, place)
            if text == wanted and info >> 24 & 31 == _STRUCT:
                found = self._members(place, 0)
                return {member: found[member] for member in members}
        raise LookupError(name)

    def _members(self, place: int, base: int) -> dict[str, int]:
        found: dict[str, int] = {}
        _, info = struct.unpack_from("=II", self._types, place)
        for i in range(info & 0xFFFF):
            text, number, bits = struct.unpack_from("=III", self._types, place + 12 + 12 * i)
            offset = base + ((bits & 0xFFFFFF if info >> 31 else bits) >> 3)
            name = self._string(text)
            if name:
                found.setdefault(name, offset)
            else:
                inner = self._at[number]
                if struct.unpack_from("=I", self._types, inner + 4)[0] >> 24 & 31 in (_STRUCT, _UNION):
                    found |= self._members(inner, offset)
        return found


def running_kernel() -> Btf:
    """The types of the kernel that runs. OSError where it does not tell them."""
    return Btf(PLACE.read_bytes())
