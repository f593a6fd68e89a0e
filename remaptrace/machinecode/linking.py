"""From an object file to an image: what a linker does, as far as code needs it that calls nothing but itself.

LLVM makes position-independent objects of the small code model (ELF, both machines little-endian). Sections of code and
constants are put behind one another, and places are filled by the rules of the psABI of each machine. Whatever is not
known here (another kind of place, data that is written, a name that is nowhere) is an error, and nothing is made.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from .image import CELLS, FORMAT, HEAD, OUTSIDE

# elf.h
_ELF, _REL, _RELA, _PROGBITS, _SYMTAB = b"\x7fELF\x02\x01", 9, 4, 1, 2
_ALLOC, _WRITE = 0x2, 0x1
_UNDEFINED = 0
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_PLACE = struct.Struct("<QQq")
_PAGE = 4096
_MOST_ALIGNED = 64  # an image begins at a page, its head is as long


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry: int


class LinkError(RuntimeError):
    """An object file that is not linked here; the reason."""


def image_of(code: bytes, entry: str) -> bytes:
    """The image of an object file whose function `entry` is called. LinkError."""
    header = _HEADER.unpack_from(code)
    machine, kind = header[2], header[1]
    if header[0][:6] != _ELF or kind != 1 or machine not in CELLS:
        raise LinkError("no object file of a machine that is known here")
    sections = [_Section(*_SECTION.unpack_from(code, header[6] + i * header[11])) for i in range(header[12])]
    image, at = _laid_out(code, sections)
    (table,) = [one for one in sections if one.kind == _SYMTAB]
    symbols = list(_SYMBOL.iter_unpack(code[table.offset : table.offset + table.size]))
    names = [_name(code, sections[table.link], symbol[0]) for symbol in symbols]
    outside = [name for name in OUTSIDE if name in names and symbols[names.index(name)][3] == _UNDEFINED]
    cells = len(image)
    for _ in outside:
        image += CELLS[machine] + bytes(8)

    def target(symbol: int, called: bool) -> int:
        section, value = int(symbols[symbol][3]), int(symbols[symbol][4])
        if section in at:
            return at[section] + value
        if section == _UNDEFINED and called and names[symbol] in outside:
            return cells + 16 * outside.index(names[symbol])
        raise LinkError(f"code refers to {names[symbol] or f'section {section}'}, which is not in it")

    for one in sections:
        if one.kind == _REL and one.info in at:
            raise LinkError("places without addends")
        if one.kind == _RELA and one.info in at:
            for place, info, addend in _PLACE.iter_unpack(code[one.offset : one.offset + one.size]):
                rule = _RULES[machine].get(info & 0xFFFF_FFFF)
                if rule is None:
                    raise LinkError(f"a place of kind {info & 0xFFFF_FFFF} of machine {machine}")
                called, fill = rule
                where = at[one.info] + place
                fill(image, where, target(info >> 32, called) + addend)
    (begin,) = [i for i, name in enumerate(names) if name == entry]
    mask = sum(1 << OUTSIDE.index(name) for name in outside)
    HEAD.pack_into(image, 0, FORMAT, machine, len(image), target(begin, False), cells, mask, 0)
    return bytes(image)


def _laid_out(code: bytes, sections: list[_Section]) -> tuple[bytearray, dict[int, int]]:
    """The sections of code and constants behind room for the head, and where each begins.

    Data that could be written is left out: a reference to it is an error.
    """
    image, at = bytearray(HEAD.size), {}
    for i, one in enumerate(sections):
        if one.kind != _PROGBITS or one.flags & (_ALLOC | _WRITE) != _ALLOC:
            continue
        if one.align > _MOST_ALIGNED:
            raise LinkError(f"a section is aligned to {one.align} bytes")
        image += bytes(-len(image) % max(one.align, 1))
        at[i] = len(image)
        image += code[one.offset : one.offset + one.size]
    image += bytes(-len(image) % 16)
    return image, at


def _name(code: bytes, strings: _Section, at: int) -> str:
    begin = strings.offset + at
    return code[begin : code.index(b"\0", begin)].decode()


def _distance(image: bytearray, where: int, target: int) -> None:
    """S + A - P in 32 bits (R_X86_64_PC32, R_X86_64_PLT32, R_AARCH64_PREL32)."""
    image[where : where + 4] = _fitting(target - where, 32, 0).to_bytes(4, "little")


def _fitting(value: int, bits: int, scale: int) -> int:
    """A signed distance in units of 2^scale as a field of so many bits. LinkError if it has no room."""
    if value & ((1 << scale) - 1) or not -(1 << (bits + scale - 1)) <= value < 1 << (bits + scale - 1):
        raise LinkError(f"a distance of {value} bytes does not fit its place")
    return (value >> scale) & ((1 << bits) - 1)


def _word(image: bytearray, where: int, mask: int, field: int) -> None:
    """Fill the bits `mask` of the instruction at `where`."""
    old = int.from_bytes(image[where : where + 4], "little")
    image[where : where + 4] = (old & ~mask | field).to_bytes(4, "little")


def _branch(image: bytearray, where: int, target: int) -> None:
    """A call or jump of 128 MiB each way (R_AARCH64_CALL26, R_AARCH64_JUMP26)."""
    _word(image, where, 0x03FF_FFFF, _fitting(target - where, 26, 2))


def _page(image: bytearray, where: int, target: int) -> None:
    """The page of a constant: adrp (R_AARCH64_ADR_PREL_PG_HI21)."""
    pages = _fitting(target // _PAGE * _PAGE - where // _PAGE * _PAGE, 21, 12)
    _word(image, where, 0x60FF_FFE0, (pages & 3) << 29 | pages >> 2 << 5)


def _in_page(scale: int) -> Callable[[bytearray, int, int], None]:
    """Its place in the page, in units of 2^scale (R_AARCH64_ADD_ABS_LO12_NC, R_AARCH64_LDST*_ABS_LO12_NC)."""

    def fill(image: bytearray, where: int, target: int) -> None:
        _word(image, where, 0x003F_FC00, _fitting(target % _PAGE, 13, scale) << 10)

    return fill


_RULES: dict[int, dict[int, tuple[bool, Callable[[bytearray, int, int], None]]]] = {
    62: {2: (False, _distance), 4: (True, _distance)},
    183: {
        261: (False, _distance),
        275: (False, _page),
        277: (False, _in_page(0)),
        278: (False, _in_page(0)),
        282: (True, _branch),
        283: (True, _branch),
        284: (False, _in_page(1)),
        285: (False, _in_page(2)),
        286: (False, _in_page(3)),
        299: (False, _in_page(4)),
    },
}
"""By machine and kind of place (elf.h): whether it is a call, and what is put there."""
