"""Recorded /proc/PID/maps files, and the events that build an address space from one.

Maps files of a set are named `PID.execN.maps` (right after the Nth exec), `PID.exit.maps` (at the entry
of exit_group), `PID.start.maps` and `PID.end.maps` (where the recording of a running process began and ended)
and `PID.peak.maps` (the largest in between); `.smaps` files tell the flags of areas, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ...abi.kinds import K_INIT_MM, K_INIT_VMA
from ...abi.vmflags import PERMS_FLAGS_SHIFT, PERMS_TOLD, bits_of_words
from ...lateclasses import replace
from ..events import MapsFile, MapsRow
from ..opening import PACKED_END
from .areas import is_gate, read_areas

_NAME = re.compile(rf"(?:.*/)?(?P<tid>\d+)\.(?P<moment>exec\d+|exit|end|peak|start)\.s?maps{PACKED_END}$")

_STARTSTACK, _START_BRK = 28 - 3, 47 - 3  # behind the name, which is the second field
_PERM_BITS = {"r": 1, "w": 2, "x": 4, "s": 8}
_SPECIAL = ("[stack", "[vdso]", "[vvar", "[vsyscall]", "[heap]", "[uprobes]", "[vectors]")


def read_maps(data: bytes, path: str) -> MapsFile:
    """A maps file; whose and when is taken from its name (`tid` 0, moment "start" if the name is silent).

    InputError RT325 as `areas.read_areas`.
    """
    found = read_areas(data, path)
    named = _NAME.match(path)
    if named is None:
        return MapsFile(path, found.pid, "start", found.rows, named=False, elided=len(found.elisions))
    return MapsFile(path, int(named["tid"]), named["moment"], found.rows, elided=len(found.elisions))


def with_flags(files: list[MapsFile]) -> list[MapsFile]:
    """One file for each process and moment: of two, the smaps where it lists the same areas, else the maps."""
    out: dict[tuple[int, str], MapsFile] = {}
    for file in files:
        key = (file.tid, file.moment)
        other = out.get(key)
        if other is None or not file.named:
            out[key if file.named else (-len(out) - 1, file.path)] = file
            continue
        plain, told = (other, file) if any(row.vmflags for row in file.rows) else (file, other)
        same = [replace(row, vmflags="") for row in told.rows] == [
            replace(row, vmflags="") for row in plain.rows
        ]
        out[key] = replace(plain, rows=told.rows) if same else plain
    return list(out.values())


def with_layout(file: MapsFile, stat: bytes) -> MapsFile:
    """`file` with what ``/proc/PID/stat`` of the same moment tells besides: startstack (28) and start_brk (47).

    Zeros, which the kernel shows to those who may not trace the process (fs/proc/array.c), tell nothing. ValueError
    for anything else.
    """
    words = stat.rpartition(b")")[2].split()
    if len(words) < 45:
        raise ValueError("no /proc/PID/stat")
    stack, brk = int(words[_STARTSTACK]), int(words[_START_BRK])
    if not (0 <= stack < 1 << 63 and 0 <= brk < 1 << 63):
        raise ValueError("no addresses")
    return replace(file, stack=stack, start_brk=brk)


def initial_rows(
    maps: MapsFile, task: int, string: Callable[[str], int], start_brk: int
) -> list[tuple[int, int, tuple[int, ...]]]:
    """The events (kind, task, arguments) that build the address space of `maps` for `task`.

    `start_brk` is where the heap began, 0 if nothing tells. `string` numbers strings.
    """
    heap = next((row for row in maps.rows if row.name == "[heap]"), None)
    if heap is not None:
        start_brk = heap.start
    start_brk = maps.start_brk or start_brk
    brk = heap.end if heap is not None else start_brk
    out: list[tuple[int, int, tuple[int, ...]]] = [
        (K_INIT_MM, task, (start_brk, brk, mmap_base(maps.rows), maps.stack, 0)),
    ]
    identities: dict[str, tuple[str, int]] = {}
    for row in maps.rows:
        if is_gate(row) and row.name != "[vsyscall]":  # which the engine knows to be no area
            continue
        bits = sum(_PERM_BITS.get(letter, 0) for letter in row.perms)
        if row.vmflags:
            bits |= PERMS_TOLD | bits_of_words(row.vmflags) << PERMS_FLAGS_SHIFT
        if row.name.startswith("["):
            file, name = 0, string(row.name)
        elif row.name:
            known = identities.setdefault(row.name, (row.dev, row.inode))
            same = known == (row.dev, row.inode)  # two deleted files may have had one path
            file, name = string(row.name if same else f"{row.name}#{row.inode}"), 0
        else:
            file = name = 0
        out.append((K_INIT_VMA, task, (row.start, row.end, bits, row.offset, file, name)))
    return out


def mmap_base(rows: tuple[MapsRow, ...]) -> int:
    """Where top-down placement began: the end of the interpreter, which exec maps first; 0 if unclear.

    A static program has none; there the vdso is mapped first, unless it lies above the stack (as it did before
    the kernel placed it like any mapping).
    """
    stack = next((row for row in rows if row.name.startswith("[stack")), None)
    if stack is None:
        return 0
    below = [row for row in rows if row.end <= stack.start and not row.name.startswith(_SPECIAL)]
    if not below or below[-1].name == rows[0].name:
        special = [row.end for row in rows if row.name in ("[vdso]", "[vvar]") and row.end <= stack.start]
        return max(special, default=0)
    return below[-1].end
