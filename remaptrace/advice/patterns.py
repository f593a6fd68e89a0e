"""What each area is there for, judged from its attributes, its neighbours and the calls that made it.

Every area gets exactly one pattern, so the counts add up to the number of areas. The rules look
at shape only (protection, size, what touches what), never at a program's name. Where a trace shows how an area came
to be (`origins.py`), that goes before its shape.
"""

from __future__ import annotations

import numpy as np

from ..abi.vmflags import VM_ACCESS, VM_ACCOUNT, VM_EXEC, VM_GROWSDOWN, VM_READ, VM_SHARED, VM_WRITE
from ..result.areacolumns import AreaColumns, Bools, Ints, Labels, kinds_of, packed
from ..result.result import VmaRow
from .neighbours import Neighbours
from .origins import UNKNOWN, Origins
from .pairs import Pairs, neighbours_of

GUARD_STACK = "guards, one per stack"
STACKS = "stacks above guards"
GUARD_DATA = "guards, one per allocation"
DATA = "data between guards"
RESERVED = "address space reserved, not used"
SCATTERED = "one file, scattered offsets"
ALTERNATING = "alternating protections"
HOLES = "pieces of arenas with holes"
RELRO = "RELRO of libraries (account)"
LIBRARIES = "programs and libraries"
HEAPS = "heaps inside reservations (arenas, GC)"
CODE = "generated code (JIT)"
DECOMMITTED = "decommitted memory (mapped PROT_NONE over it)"
UNTOLD = "anonymous memory, access not shown"
FIXED = "stack, heap, vdso"
SHARED = "other shared mappings"
OTHER = "other anonymous memory"

PATTERNS = (
    GUARD_STACK, STACKS, GUARD_DATA, DATA, DECOMMITTED, SCATTERED, ALTERNATING, HOLES, CODE, HEAPS, RESERVED,
    RELRO, LIBRARIES, FIXED, SHARED, OTHER, UNTOLD,
)  # fmt: skip

GUARD_BYTES = 256 << 10
"""The largest inaccessible area that still counts as a guard."""
STACK_BYTES = 64 << 10
"""The smallest accessible area above a guard that counts as a stack (PTHREAD_STACK_MIN is 16 KiB)."""
HOLE_BYTES = 1 << 20
"""The largest hole between two pieces of what counts as one arena."""


BSS_NAME = "[anon:.bss]"
"""As bionic's loader names zero-filled memory, behind whatever segment."""
_NO_PROGRAMS = (
    *("/dev/dri/", "/dev/mali", "/dev/kgsl", "/dev/nvidia", "/dev/kfd", "/dev/ashmem/"),
    *("anon_inode:", "/memfd:"),
)
"""Beginnings of names of devices and of memory with a descriptor: mapped to be shared, though a form hide it."""


def _inaccessible(vma: VmaRow) -> bool:
    return not vma.vm_flags & VM_ACCESS


def _anonymous(vma: VmaRow) -> bool:
    return not vma.inode and not vma.vm_flags & VM_SHARED and not _has_place(vma)


def _is_place(name: str) -> bool:
    """True for [heap], [stack], [vdso] and the like; names that programs give ([anon:...]) are none of these."""
    return name.startswith("[") and not name.startswith(("[anon", "[stack:"))


def _has_place(vma: VmaRow) -> bool:
    return _is_place(vma.name)


def _size(vma: VmaRow) -> int:
    return vma.end - vma.start


def _fixed(vma: VmaRow) -> bool:
    return _has_place(vma) or bool(vma.vm_flags & VM_GROWSDOWN)


def _of_file(vma: VmaRow, below: VmaRow | None) -> str | None:
    """The pattern of a private mapping of a file, or of the zero-filled end of one (bss)."""
    private = not vma.vm_flags & VM_SHARED and "s" not in vma.perms
    if vma.inode and (vma.file or "").startswith(_NO_PROGRAMS):
        return None
    if vma.inode and private:
        relro = vma.vm_flags & VM_ACCOUNT and not vma.vm_flags & VM_WRITE and vma.vm_flags & VM_READ
        return RELRO if relro else LIBRARIES
    if vma.name == BSS_NAME:
        return LIBRARIES
    bss = _anonymous(vma) and below is not None and below.end == vma.start and below.inode
    if _inaccessible(vma) or vma.name:
        return None
    return LIBRARIES if bss and below is not None and "p" in below.perms and "w" in below.perms else None


def _of_guard(vma: VmaRow, below: VmaRow | None, above: VmaRow | None, made: Origins) -> str:
    """The pattern of an inaccessible anonymous area."""
    if vma.born in made.decommits:
        return DECOMMITTED
    if _size(vma) > GUARD_BYTES:
        return RESERVED
    if above is not None and above.start == vma.end and _anonymous(above) and not _inaccessible(above):
        return GUARD_STACK if _size(above) >= STACK_BYTES or above.born in made.stacks else GUARD_DATA
    if below is not None and below.end == vma.start and not _inaccessible(below):
        return GUARD_DATA
    return RESERVED


def _opened_from(asked: Neighbours, vma: VmaRow, beside: VmaRow | None) -> bool:
    """True if `beside` is the unused rest of a reservation of which `vma` is the part that was opened."""
    if beside is None or not _anonymous(beside) or not _inaccessible(beside) or _size(beside) <= GUARD_BYTES:
        return False
    lower, upper = (vma, beside) if vma.start < beside.start else (beside, vma)
    if lower.end != upper.start:
        return False
    return (vma.born >= 0 and vma.born == beside.born) or asked.by_protection(lower, upper)


def _differs_only_in_protection(asked: Neighbours, a: VmaRow | None, b: VmaRow | None) -> bool:
    if a is None or b is None:
        return False
    lower, upper = (a, b) if a.start < b.start else (b, a)
    return asked.by_protection(lower, upper)


def _scattered(a: VmaRow | None, b: VmaRow | None) -> bool:
    """Two neighbours of one object whose offsets do not run on, or that stand alone for it."""
    if a is None or b is None or a.inode != b.inode or not a.inode:
        return False
    lower, upper = (a, b) if a.start < b.start else (b, a)
    return lower.offset + upper.start - lower.start != upper.offset


def _punched(a: VmaRow | None, b: VmaRow | None) -> bool:
    """Two areas with equal attributes and a small hole between them."""
    if a is None or b is None or not (_anonymous(a) and _anonymous(b)) or a.vm_flags != b.vm_flags:
        return False
    lower, upper = (a, b) if a.start < b.start else (b, a)
    same_origin = a.born == b.born or (a.anon_vma and a.anon_vma == b.anon_vma)
    return bool(same_origin) and 0 < upper.start - lower.end <= HOLE_BYTES


def patterns_of(areas: AreaColumns, asked: Neighbours, origins: Origins = UNKNOWN) -> Labels:
    """The pattern of each area: areas that are alike, between neighbours that are alike, are judged once."""
    if not len(areas):
        return Labels(PATTERNS, np.zeros(0, dtype=np.int64))
    pairs = neighbours_of(areas, asked)
    own = kinds_of(_seen(areas, origins))[1]
    border = kinds_of(
        packed(
            pairs.where(lambda lower, upper: lower.end == upper.start),
            pairs.where(asked.by_protection),
            _scattered_pairs(pairs),
            pairs.lower.born == pairs.upper.born,
            _punched_pairs(pairs),
        )
    )[1]
    outside = np.array([-1])
    first, kind = kinds_of(
        packed(
            own,
            np.concatenate((outside, own[:-1])),
            np.concatenate((own[1:], outside)),
            np.concatenate((outside, border)),
            np.concatenate((border, outside)),
        )
    )
    judged = []
    for at in first.tolist():
        below = areas.row(at - 1) if at else None
        above = areas.row(at + 1) if at + 1 < len(areas) else None
        judged.append(PATTERNS.index(_first_pattern(asked, areas.row(at), below, above, origins)))
    found = np.array(judged, dtype=np.int64)[kind]
    return Labels(PATTERNS, _beside_guards(found, areas))


def _seen(areas: AreaColumns, made: Origins) -> Ints:
    """Equal for areas that rules on one area alone cannot tell apart."""
    size = areas.end - areas.start
    name, file = areas.name, areas.file
    return packed(
        areas.flags,
        areas.perms.ids,
        name.where(bool),
        name.where(_is_place),
        name.where(lambda word: word == BSS_NAME),
        file.where(lambda word: word.startswith(_NO_PROGRAMS)),
        areas.inode != 0,
        (size > GUARD_BYTES).astype(np.int64) + (size >= STACK_BYTES),
        np.isin(areas.born, list(made.decommits)),
        np.isin(areas.born, list(made.stacks)),
        areas.born >= 0,
    )


def _scattered_pairs(pairs: Pairs) -> Bools:
    """Of which pairs `_scattered` is true. Offsets are unsigned words: a sum beyond them is no offset."""
    lower, upper = pairs.lower, pairs.upper
    on = lower.offset + (upper.start - lower.start).astype(np.uint64)
    runs_on = (on == upper.offset) & (on >= lower.offset)
    scattered: Bools = (lower.inode == upper.inode) & (lower.inode != 0) & ~runs_on
    return scattered


def _punched_pairs(pairs: Pairs) -> Bools:
    """Of which pairs `_punched` is true, were they anonymous and of equal flags."""
    lower, upper = pairs.lower, pairs.upper
    hole = upper.start - lower.end
    one_anon = (lower.anon_vma != 0) & (lower.anon_vma == upper.anon_vma)
    punched: Bools = ((lower.born == upper.born) | one_anon) & (hole > 0) & (hole <= HOLE_BYTES)
    return punched


def _beside_guards(found: Ints, areas: AreaColumns) -> Ints:
    """What lies beside a guard is known only when all are judged."""
    touches = areas.end[:-1] == areas.start[1:]
    below, above = np.full(len(found), -1), np.full(len(found), -1)
    below[1:][touches] = found[:-1][touches]
    above[:-1][touches] = found[1:][touches]
    guard_stack, guard_data = PATTERNS.index(GUARD_STACK), PATTERNS.index(GUARD_DATA)
    open_ = np.isin(found, [PATTERNS.index(p) for p in (OTHER, ALTERNATING, HOLES)])
    data = open_ & ((below == guard_data) | (above == guard_data))
    found = np.where(data, PATTERNS.index(DATA), found)
    return np.where(open_ & (below == guard_stack), PATTERNS.index(STACKS), found)


def _first_pattern(
    asked: Neighbours, vma: VmaRow, below: VmaRow | None, above: VmaRow | None, made: Origins
) -> str:
    if _fixed(vma):
        return FIXED
    if "?" in vma.perms:
        return LIBRARIES if vma.inode else UNTOLD
    of_file = _of_file(vma, below)
    if of_file:
        return of_file
    if vma.inode:
        if _scattered(vma, below) or _scattered(vma, above):
            return SCATTERED
        near = _differs_only_in_protection(asked, vma, below) or _differs_only_in_protection(
            asked, vma, above
        )
        return ALTERNATING if near else SHARED
    if _inaccessible(vma):
        return _of_guard(vma, below, above, made)
    if vma.vm_flags & VM_EXEC:
        return CODE
    if _opened_from(asked, vma, below) or _opened_from(asked, vma, above):
        return HEAPS
    if _differs_only_in_protection(asked, vma, below) or _differs_only_in_protection(asked, vma, above):
        return ALTERNATING
    if _punched(vma, below) or _punched(vma, above):
        return HOLES
    return OTHER
