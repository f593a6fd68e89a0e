"""What execve mapped, told from a later /proc/PID/maps of the same process.

Where no maps were recorded right after an exec, those of its exit still show the program, its interpreter, the
vdso and the stack, for they live as long as the address space. What has changed since is undone: the
RELRO part that the loader split off the data segment, the growth of the stack, and everything mapped later.
"""

from __future__ import annotations

from collections.abc import Collection

from ...lateclasses import replace
from ..events import MapsFile, MapsRow

_STACK_AT_EXEC = 33 * 4096  # 128 KiB and a page of strings (linux-6.x 1.1)
_APART = 1 << 30
"""Bytes behind a segment from which another piece of the file is no segment: the program mapped it later (node)."""
_SPECIAL = ("[vvar]", "[vvar_vclock]", "[vdso]", "[vsyscall]")


def maps_at_exec(later: MapsFile, program: str, relros: Collection[tuple[int, int]]) -> MapsFile | None:
    """The areas right behind the exec of `program`, from maps taken `later`; None if it is not in them.

    `relros` are the ranges that recorded calls made read-only: a read-only piece is part of the data segment only
    where one of them made it so; linkers also write read-only data that looks the same.

    A program named by a link is taken to be the file of that name elsewhere, else the one at the lowest address.
    """
    rows = later.rows
    stack = next((row for row in rows if row.name == "[stack]"), None)
    files = [row for row in rows if row.inode and not row.name.startswith("[")]
    if stack is None or not files:
        return None
    name = program if any(row.name == program for row in files) else _linked(files, program)
    below = [row for row in files if row.end <= stack.start]
    interpreter = below[-1].name if below else name
    out = _segments(rows, name, relros)
    if interpreter != name:
        out += _segments(rows, interpreter, relros)
    out += [row for row in rows if row.name in _SPECIAL]
    out.append(replace(stack, start=max(stack.start, stack.end - _STACK_AT_EXEC)))
    out.sort(key=lambda row: row.start)
    return replace(later, rows=tuple(out))


def _linked(files: list[MapsRow], program: str) -> str:
    """The file that `program` is a link to."""
    last = program.rpartition("/")[2]
    return next((row.name for row in files if row.name.rpartition("/")[2] == last), files[0].name)


def _segments(rows: tuple[MapsRow, ...], name: str, relros: Collection[tuple[int, int]]) -> list[MapsRow]:
    """The pieces of one ELF file as they were mapped, with its anonymous bss."""
    mine = [row for row in rows if row.name == name and row.perms[3] == "p"]
    out: list[MapsRow] = []
    for row in mine:
        if out and row.start - out[-1].end > _APART:
            break
        if row.perms == "rw-p" and out and _is_relro(out[-1], row, relros):
            relro = out.pop()
            row = replace(row, start=relro.start, offset=relro.offset)  # noqa: PLW2901
        out.append(row)
    if out:
        bss = next((r for r in rows if r.start == out[-1].end and not r.name and r.perms == "rw-p"), None)
        if bss is not None:
            out.append(bss)
    return out


def _is_relro(last: MapsRow, data: MapsRow, relros: Collection[tuple[int, int]]) -> bool:
    """Whether `last`, the piece before `data`, was cut off it: it continues in it, and a call made it read-only."""
    if last.perms != "r--p" or last.end != data.start:
        return False
    if last.offset + last.end - last.start != data.offset:
        return False
    return any(low <= last.start and last.end <= high for low, high in relros)
