"""ELF core files: segments are areas, the note NT_FILE names their files (fs/binfmt_elf.c, elf_core_dump)."""

from __future__ import annotations

import mmap
import struct

from ...abi.signals import SIGBUS, SIGSEGV
from ...errorcodes import RT_MAPS
from ...errors import InputError
from ..events import MapsRow
from .dump import Dump, checked, without_gates

_ET_CORE, _PT_LOAD, _PT_NOTE, _PN_XNUM = 4, 1, 4, 0xFFFF
_NT_PRPSINFO, _NT_SIGINFO, _NT_FILE = 3, 0x53494749, 0x46494C45
_MISSING = (
    "which areas are shared",
    "accounting",
    "advice flags",
    "policy of NUMA",
    "userfaultfd",
    "anon_vma",
    "names of areas",
)

_GCORE = ("read-only mappings of files", "which areas are without access")
"""gdb writes those of read-only files not at all, and areas without access as readable; its segments are not
aligned (1), where the kernel writes every area, with or without its bytes, aligned to pages."""


def is_core(data: bytes) -> bool:
    """True for the beginning of an ELF core file."""
    if len(data) < 20 or data[:4] != b"\x7fELF" or data[5] not in (1, 2):
        return False
    return int.from_bytes(data[16:18], "little" if data[5] == 1 else "big") == _ET_CORE


class _Elf:
    """Reads words of a core file; InputError RT325 where the file ends too early."""

    def __init__(self, data: bytes | mmap.mmap, path: str) -> None:
        self.data, self.path = data, path
        self.wide = data[4] == 2
        self.order = "<" if data[5] == 1 else ">"

    def words(self, form: str, at: int) -> tuple[int, ...]:
        """`form` in struct's letters; `A` is an address-sized word."""
        full = self.order + form.replace("A", "Q" if self.wide else "I")
        size = struct.calcsize(full)
        if at < 0 or at + size > len(self.data):
            raise self.cut(f"byte {at + size:,}")
        return struct.unpack_from(full, self.data, at)

    def cut(self, needed: str) -> InputError:
        """The error for a file that ends too early."""
        return InputError(
            RT_MAPS,
            f"the core file ends at byte {len(self.data):,}, before {needed} of its headers",
            self.path,
            expected="a whole core file, or its first part with every program header and note",
        )


def read_core(data: bytes | mmap.mmap, path: str) -> Dump:
    """The areas of a core file; segments may be without their bytes, which are not looked at."""
    elf = _Elf(data, path)
    phoff, shoff = elf.words("AA", 32 if elf.wide else 28)
    phentsize, phnum = elf.words("HH", 54 if elf.wide else 42)
    if phnum == _PN_XNUM:  # 65,535 or more: the count is in section header 0, sh_info
        phnum = elf.words("I", shoff + (44 if elf.wide else 28))[0]
    if phentsize < (56 if elf.wide else 32) or phoff + phnum * phentsize > len(data):
        raise elf.cut(f"program header {phnum:,}")
    loads: list[tuple[int, int, int]] = []
    notes: list[tuple[int, int]] = []
    aligns: set[int] = set()
    for at in range(phoff, phoff + phnum * phentsize, phentsize):
        if elf.wide:
            kind, flags, offset, vaddr, _, filesz, memsz, align = elf.words("IIQQQQQQ", at)
        else:
            kind, offset, vaddr, _, filesz, memsz, flags, align = elf.words("IIIIIIII", at)
        if kind == _PT_LOAD and memsz:
            loads.append((vaddr, memsz, flags))
            aligns.add(align)
        elif kind == _PT_NOTE:
            notes.append((offset, filesz))
    aligned = 0 not in aligns and 1 not in aligns
    files: dict[int, tuple[int, int, str]] = {}
    facts = {"pid": 0, "fault": -1, "page": 4096}
    program = ""
    for offset, size in notes:
        program = _notes(elf, offset, size, files, facts) or program
    rows = [_row(vaddr, size, flags, files) for vaddr, size, flags in sorted(loads)]
    kept, _ = without_gates(rows, [0] * len(rows))
    checked(kept, [], path)
    if not kept:
        raise InputError(RT_MAPS, "the core file has no segments", path, expected="PT_LOAD headers")
    form = "core file" if aligned else "core file of gdb (gcore)"
    return Dump(
        form,
        path,
        tuple(kept),
        pid=facts["pid"],
        program=program,
        fault=facts["fault"],
        missing=_MISSING if aligned else (*_GCORE, *_MISSING),
        complete=aligned,
        page_size=facts["page"],
    )


def _row(vaddr: int, size: int, flags: int, files: dict[int, tuple[int, int, str]]) -> MapsRow:
    perms = ("r" if flags & 4 else "-") + ("w" if flags & 2 else "-") + ("x" if flags & 1 else "-") + "p"
    _, offset, name = files.get(vaddr, (0, 0, ""))
    return MapsRow(vaddr, vaddr + size, perms, offset, "00:00", 0, name)


def _notes(
    elf: _Elf, at: int, size: int, files: dict[int, tuple[int, int, str]], facts: dict[str, int]
) -> str:
    """Take files, process and fault from one segment of notes; the program's name."""
    end, program = at + size, ""
    while at + 12 <= end:
        name_size, length, kind = elf.words("III", at)
        body = at + 12 + (name_size + 3 & -4)
        at = body + (length + 3 & -4)
        if at > len(elf.data):
            raise elf.cut("the end of a note")
        if kind == _NT_FILE:
            _files(elf, body, length, files, facts)
        elif kind == _NT_SIGINFO and length >= 24:
            signal = elf.words("I", body)[0]
            if signal in (SIGSEGV, SIGBUS):
                facts["fault"] = elf.words("A", body + (16 if elf.wide else 12))[0]
        elif kind == _NT_PRPSINFO and length >= (136 if elf.wide else 124):
            facts["pid"] = elf.words("I", body + (24 if elf.wide else 12))[0]
            text = elf.data[body + (40 if elf.wide else 28) :][:16]
            program = text.split(b"\0", 1)[0].decode("utf-8", "replace")
    return program


def _files(
    elf: _Elf, at: int, length: int, files: dict[int, tuple[int, int, str]], facts: dict[str, int]
) -> None:
    """The note NT_FILE: count, page size, ranges with their offset in pages, names."""
    word = 8 if elf.wide else 4
    count, page = elf.words("AA", at)
    if count > length // (3 * word):
        raise elf.cut("the list of files")
    facts["page"] = page
    names = elf.data[at + word * (2 + 3 * count) : at + length].split(b"\0")
    for i in range(count):
        start, end, pgoff = elf.words("AAA", at + word * (2 + 3 * i))
        name = names[i].decode("utf-8", "replace") if i < len(names) else ""
        files[start] = (end, pgoff * page, name)
