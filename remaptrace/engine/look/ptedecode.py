"""A PTE word bit by bit, for `maps --pte` and for people who read page tables.

>>> from remaptrace.machine import Machine
>>> for field in decode(Machine.load("i386", "linux-2.6.21-rfp").arch, 0x24652): print(field.text)
bits 5:2    pgoff 3:0      0x4      low part of the file page
bits 31:9   pgoff 26:4     0x123    part of the file page
bit 6       FILE           1        holds a file page number
bit 1       RW             1        saved protection: writable
bit -       protection     rwx      what a fault gives back
"""

from __future__ import annotations

from collections.abc import Iterator

from ...lateclasses import dataclass
from ...machine import archwords as A
from ...machine.arch import PROTS, Arch
from ..pages import pte
from ..state import H_ARCH, HEAP

MEANINGS = {
    "PRESENT": "mapped",
    "VALID": "the hardware may use it",
    "P": "mapped",
    "RW": "writable",
    "WRITE": "writable",
    "AR_W": "writable",
    "UW": "writable by users",
    "READ": "readable",
    "UR": "readable by users",
    "USER": "open to user code",
    "EXEC": "executable",
    "UX": "executable by users",
    "NX": "not executable",
    "UXN": "not executable by users",
    "NO_EXEC": "not executable",
    "NO_READ": "not readable",
    "RDONLY": "the hardware refuses writes",
    "RONLY": "not writable",
    "READONLY": "not writable",
    "PROTECT": "the hardware refuses writes",
    "INVALID": "the hardware may not use it",
    "ACCESSED": "used since the bit was cleared",
    "YOUNG": "used since the bit was cleared",
    "AF": "used since the bit was cleared",
    "REF": "used since the bit was cleared",
    "A": "used since the bit was cleared",
    "DIRTY": "written since the bit was cleared",
    "MODIFIED": "written since the bit was cleared",
    "D": "written since the bit was cleared",
    "PROTNONE": "mapped, but no access at all (PROT_NONE)",
    "FILE": "holds a file page number",
    "FILE_PROTNONE": "saved protection: no access",
    "FILE_NX": "saved protection: not executable",
    "NEEDSYNC": "the host mapping must be made anew",
    "NEWPAGE": "the host mapping must be made anew",
    "NEWPROT": "the host protection must be set anew",
    "GLOBAL": "kept over a change of address space",
    "SPECIAL": "not managed by reference counts",
    "PTE": "this entry is a PTE",
    "KEY_CHANGED": "storage key: written (not part of the word)",
    "KEY_REFERENCED": "storage key: used (not part of the word)",
}


@dataclass(frozen=True)
class Field:
    """Some bits of a word: where, their name, what they hold, what that means."""

    bits: str
    name: str
    value: str
    meaning: str

    @property
    def text(self) -> str:
        """One aligned line."""
        where = f"bit{'s' if ':' in self.bits else ''} {self.bits}"
        return f"{where:<11} {self.name:<14} {self.value:<8} {self.meaning}"


def arena_of(arch: Arch) -> list[int]:
    """Just enough of an arena to call the functions of engine.pte."""
    m = [0] * HEAP
    m[H_ARCH : H_ARCH + len(arch.words)] = arch.words
    return m


def kind(arch: Arch, word: int) -> str:
    """What the fault path takes the word for: none, present, file, guard or swap."""
    m = arena_of(arch)
    w = _signed(word)
    if w in (0, arch.words[A.P_EMPTY]):
        return "none"
    if pte.pte_present(m, w):  # type: ignore[arg-type]
        return "present"
    if pte.pte_file(m, w):  # type: ignore[arg-type]
        return "file"
    return "guard" if pte.pte_guard(m, w) else "swap"  # type: ignore[arg-type]


def file_rights(arch: Arch, word: int) -> str:
    """The rights that a file PTE gives back; the generic dummies give none, whatever they stored."""
    if arch.support != "native":
        return "---"
    m = arena_of(arch)
    prot = pte.file_pte_prot(m, _signed(word))  # type: ignore[arg-type]
    return PROTS[pte.pte_rights(m, prot)]  # type: ignore[arg-type]


def decode(arch: Arch, word: int) -> list[Field]:
    """Every set field of `word`, an unsigned or signed 64-bit number, in the order of its meaning."""
    what = kind(arch, word)
    if what == "none":
        return []
    w = _signed(word)
    m = arena_of(arch)
    fields: list[Field] = []
    if what == "present":
        fields.append(_frame(arch, w, pte.pte_pfn(m, w)))  # type: ignore[arg-type]
        fields += _flags(arch, w, frozenset({"FILE", "FILE_PROTNONE", "FILE_NX"}))
    elif what == "file":
        fields += _slices(arch, w, A.P_FILE_OUT, 4, "pgoff", out=True)
        fields += _saved(arch, w)
    else:
        plain = w ^ arch.words[A.P_SWAP_XOR]
        fields += _slices(arch, plain, A.P_SWAP_TYPE, 2, "type", out=False)
        fields += _slices(arch, plain, A.P_SWAP_OFFSET, 2, "offset", out=False)
        if what == "guard":
            fields.append(
                Field("63:0", "marker", "guard", "installed by MADV_GUARD_INSTALL: any access is fatal")
            )
    return fields


def _signed(word: int) -> int:
    word &= 0xFFFF_FFFF_FFFF_FFFF
    return word - (1 << 64) if word >> 63 else word


def _span(low: int, width: int) -> str:
    return str(low) if width == 1 else f"{low + width - 1}:{low}"


def _frame(arch: Arch, w: int, pfn: int) -> Field:
    low, width = arch.words[A.P_PFN_SHIFT], arch.words[A.P_PFN_MASK].bit_length()
    inverted = arch.words[A.P_INVERT] != 0 and not w & arch.words[A.P_VALID]
    return Field(
        _span(low, width), "pfn", hex(pfn), "frame number" + (", stored inverted" if inverted else "")
    )


def _flags(arch: Arch, w: int, without: frozenset[str]) -> Iterator[Field]:
    for name, mask in arch.bits.items():
        if mask == 0 or name in without or not w & mask:
            continue
        low = (mask & -mask).bit_length() - 1
        width = mask.bit_length() - low
        value = hex((w >> low) & ((1 << width) - 1)) if width > 1 else "1"
        yield Field(_span(low, width), name, value, MEANINGS.get(name, ""))


def _slices(arch: Arch, w: int, at: int, count: int, name: str, *, out: bool) -> Iterator[Field]:
    """The pieces of a number in the word; `out` slices are (place in word, mask, place in number)."""
    for i in range(count):
        first, mask, last = arch.words[at + 3 * i : at + 3 * i + 3]
        if mask == 0:
            continue
        place, origin = (first, last) if out else (last, first)
        width = 64 - place if mask == -1 else mask.bit_length()
        value = (w >> place) & mask & ((1 << width) - 1)
        part = "" if count == 1 else f" {_span(origin, width)}"
        yield Field(_span(place, width), name + part, hex(value), _NUMBERS[name])


_NUMBERS = {"pgoff": "part of the file page", "type": "swap area", "offset": "page of the swap area"}


def _saved(arch: Arch, w: int) -> Iterator[Field]:
    """FILE itself and, with per-PTE protections, the saved rights."""
    yield from _flags(
        arch, w & arch.words[A.P_FILE], frozenset(n for n in arch.bits if n not in {"FILE", "INVALID", "SWT"})
    )
    if arch.support == "none":
        return
    places = arch.words[A.P_FPROT_COPY]
    for i in range(3):
        places |= arch.words[A.P_FPROT_MOVE + 2 * i + 1]
    for name, mask in arch.bits.items():
        if mask & places and w & mask & places and name not in {"GLOBAL", "FILE", "GUARDED"}:
            meaning = MEANINGS.get(name, "")
            saved = meaning if meaning.startswith("saved") else f"saved protection: {meaning}"
            low = (mask & -mask).bit_length() - 1
            yield Field(_span(low, 1), name, "1", saved)
    if arch.support == "dummy":
        yield Field("-", "protection", "lost", "this architecture keeps none: every access is denied")
    else:
        yield Field("-", "protection", file_rights(arch, w), "what a fault gives back")
