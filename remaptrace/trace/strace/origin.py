"""Which machine a log of strace was made on: the text does not say it, but shows it.

Told from the paths of loaders and libraries, from names of calls that only some architectures have, from the
line ``[ Process PID=N runs in 32 bit mode. ]`` and from the addresses that mmap and brk returned.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import islice
from mmap import mmap

from ...lateclasses import dataclass
from .args import raw
from .places import Places, lines_with, page_of, placed_by, unlike_x86

_LOOKED_AT = 1 << 20

_PATHS = re.compile(
    rb"(?P<arm64>aarch64-linux-gnu|ld-linux-aarch64|ld-musl-aarch64)"
    rb"|(?P<riscv64>riscv64-linux-gnu|ld-linux-riscv64|ld-musl-riscv64)"
    rb"|(?P<ppc64le>powerpc64le-linux-gnu|ld-musl-powerpc64le|/ld64\.so\.2\b)"
    rb"|(?P<s390x>s390x-linux-gnu|ld-musl-s390x)"
    rb"|(?P<loongarch64>loongarch64-linux-gnu|ld-linux-loongarch|ld-musl-loongarch64)"
    rb"|(?P<arm>arm-linux-gnueabi|ld-linux-armhf|ld-linux\.so\.3\b|ld-musl-arm)"
    rb"|(?P<x86_64>x86_64-linux-gnu|ld-linux-x86-64|ld-musl-x86_64)"
    rb"|(?P<i386>i[3-6]86-linux-gnu|ld-musl-i386|ld-linux\.so\.2\b)"
    rb"|(?P<mips>mips(?:el|64|64el|isa\w+)?-linux-|ld-musl-mips|ld-linux-mips)"
    rb"|(?P<ppc32>powerpc-linux-gnu|ld-musl-powerpc-|ld-musl-powerpc\.)"
    rb"|(?P<sparc>(?:sparc64|sparc)-linux-gnu)"
)
"""What names of files tell; the architecture whose name comes first in the log is the program's."""
_MAY_TELL = re.compile(rb"-linux-|ld-linux|ld-musl|/ld64\.so\.2")
"""What each of them has in it: found faster than they are."""

_ELF = re.compile(
    rb'\b(?:read|pread(?:64)?)\(\d+(?:<[^\n"]*>)?, "(\\(?:177|x7f)(?:ELF|\\x45\\x4c\\x46)(?:[^"\\\n]|\\.)*)"'
)
"""A loader reads the headers of libraries; strace shows the first 32 bytes of them."""
_ELF_BEGINS = (b'"\\177', b'"\\x7f')
_ELF_READS = 4
_MACHINES: dict[tuple[int, int], str] = {
    (1, 2): "sparc", (1, 3): "i386", (1, 4): "m68k", (1, 8): "mips", (2, 8): "mips64", (1, 15): "parisc",
    (1, 18): "sparc", (1, 20): "ppc32", (2, 21): "ppc64", (1, 22): "s390", (2, 22): "s390x", (1, 40): "arm",
    (1, 42): "sh", (2, 43): "sparc64", (2, 50): "ia64", (2, 62): "x86_64", (2, 183): "arm64", (2, 243): "riscv64",
    (2, 258): "loongarch64", (2, 0x9026): "alpha",
}  # fmt: skip
"""Class (32 or 64 bits) and e_machine of an ELF header (include/uapi/linux/elf-em.h): whose it is."""

_CALLS: tuple[tuple[tuple[bytes, ...], bytes, str], ...] = (
    ((b"set_tls", b"arm_fadvise64_64", b"arm_sync_file_range"), rb"\(", "arm"),
    ((b"cacheflush(0x", b"SYS_983042(0x", b"syscall_983042(0x"), rb"[0-9a-f]+, 0x[0-9a-f]{5,}, 0", "arm"),
    ((b"riscv_",), rb"\w+\(", "riscv64"),
    ((b"set_thread_area({entry_number",), b"", "i386"),
    ((b"set_thread_area(0x", b"sysmips("), b"", "mips"),
    ((b"cacheflush(0x",), rb"[0-9a-f]+, \d+, (?:[BID]CACHE|[123]\))", "mips"),
    ((b"s390_",), rb"\w+\(", "s390x"),
    ((b"arch_prctl(",), b"", "x86_64"),
)
"""Beginnings of calls that one architecture has, and a pattern of what stands behind them."""
_OLD_32 = re.compile(rb"^[^\"\n]*\b(?:mmap2|old_mmap|fcntl64|_llseek|stat64|fstat64)\(", re.MULTILINE)
_MODE = re.compile(rb"\[ Process PID=\d+ runs in (32|64|x32)(?: bit)? mode\. \]")
_MODE_BEGINS = b"[ Process PID="
_NARROW = re.compile(rb"\[ Process PID=\d+ runs in (?:32 bit|x32) mode\. \]")

_MIPS_END = 0x8000_0000
_I386_END, _ARM_END = 0xC000_0000, 0xBF00_0000
_I386_PROGRAM = 0x0804_8000
"""Where linkers put programs of i386; those of ARM, MIPS and others lie below, and so do their breaks."""
_WIDE = ("arm64", "riscv64", "ppc64le", "s390x", "loongarch64")
_OTHER_32 = ("mips", "ppc32", "sparc", "parisc", "sh", "m68k", "s390")
_OTHER_64 = ("ia64", "alpha", "sparc64", "mips64", "ppc64")
_BY_NAMES, _BY_HEADERS = "by names in it", "by the headers of libraries that it reads"

_UNLESS = "; this is taken unless --arch says otherwise"

_X32_NOTE = "the log is of an x32 program: its address space is that of ia32 (asked of Linux 6.12)"
_MIXED_NOTE = (
    "processes run in 32 bit mode, too: their addresses are followed, but what ends at 4 GiB is not simulated"
)


@dataclass(frozen=True)
class Origin:
    """What a log tells of its machine."""

    arch: str | None = None
    """The preset to take, None for the usual x86_64."""
    table: str = "x86_64"
    """Whose numbers calls without names have; empty if the numbers are in no table."""
    note: str = ""
    """Why, for the reader of the report."""
    foreign: str = ""
    """Why no machine here can be taken for it: its addresses are those of none."""


def origin_of(data: bytes | mmap) -> Origin:
    """What the first megabyte of a log tells of its machine."""
    head = bytes(data[:_LOOKED_AT])
    places = Places(head)
    named, how = _named(head, places)
    mode = _MODE.search(head) if _MODE_BEGINS in head else None
    if mode and mode.group(1) == b"x32" and not places.is_wide:
        return Origin("ia32", "x86_64", _X32_NOTE)
    if places.is_beyond_x86:
        return _beyond_x86(head, named, how, places)
    if not places.is_wide and (
        named in ("i386", "arm", *_OTHER_32) or _OLD_32.search(head) or (mode and mode.group(1) == b"32")
    ):
        return _of_32_bits(named, how, places, bool(mode))
    if named in _WIDE:
        return _by_name(named, how, places)
    if named in _OTHER_64:
        return Origin(
            None, "", f"the log is of {named}, {how}: x86-64 stands in for it unless --arch names it"
        )
    narrow = len(set(_NARROW.findall(head))) if mode else 0
    if narrow:
        return Origin(
            note=f"{_MIXED_NOTE} ({narrow} {'time' if narrow == 1 else 'times'} in the first megabyte)"
        )
    return _by_places(places) if named != "x86_64" else Origin()


def named_in(text: bytes) -> str:
    """The architecture that headers, paths or calls of `text` name, empty if none does."""
    return _named(text, Places(text))[0]


def _named(head: bytes, places: Places) -> tuple[str, str]:
    """The architecture that headers, paths or calls name, empty if none does, and which of them did."""
    found = _of_elf(head, places)
    if found:
        return found, _BY_HEADERS
    for hint in _MAY_TELL.finditer(head):
        start, end = head.rfind(b"\n", 0, hint.start()) + 1, head.find(b"\n", hint.end())
        path = _PATHS.search(head, start, end if end >= 0 else len(head))
        if path is not None:
            return path.lastgroup or "", _BY_NAMES
    return next((arch for words, behind, arch in _CALLS if _is_called(head, words, behind)), ""), _BY_NAMES


def _of_elf(head: bytes, places: Places) -> str:
    """The machine of the first ELF headers that the log reads, if they are all of one, whose addresses these can be.

    A debugger or linker reads headers of other machines, too.
    """
    if not any(word in head for word in _ELF_BEGINS):
        return ""
    found: set[str] = set()
    shown = (match for start, end in lines_with(head, b'"\\') for match in _ELF.finditer(head, start, end))
    for match in islice(shown, _ELF_READS):
        header = raw(match.group(1))
        if len(header) < 20:
            continue
        low_first = header[5] == 1
        number = int.from_bytes(header[18:20], "little" if low_first else "big")
        name = _MACHINES.get((header[4], number), "")
        found.add("ppc64le" if name == "ppc64" and low_first else name)
        if header[4] == 1 and places.is_wide:
            return ""
    return found.pop() if len(found) == 1 else ""


def _is_called(head: bytes, words: tuple[bytes, ...], behind: bytes) -> bool:
    """True if one of `words`, and `behind` it, stands in a line outside strings. Most logs have none of the words."""
    if not any(word in head for word in words):
        return False
    names = b"|".join(map(re.escape, words))
    return re.search(rb"^[^\"\n]*\b(?:%b)%b" % (names, behind), head, re.MULTILINE) is not None


def left_out_protections(found: Collection[str]) -> str:
    """A word about protections of arm64 that events do not hold, if calls of the log have any (`found`)."""
    if not found:
        return ""
    shown = " and ".join(sorted(found))
    return f"{shown} of arm64: left out, so that areas that differ in nothing else are one here and two in the kernel"


def _beyond_x86(head: bytes, named: str, how: str, places: Places) -> Origin:
    highest = places.highest
    if highest < 1 << 48 and named in ("", "arm64"):
        page = page_of(places, (4096, 16384, 65536)) >> 10
        return Origin(
            f"arm64-{page}k",
            "arm64",
            f"the log is of arm64 with pages of {page} KiB: {highest:#x} is above the last address of x86-64"
            " (0x7ffffffff000)" + _UNLESS,
        )
    if highest < 1 << 56 and named in ("", "x86_64") and b"arch_prctl(" in head:
        return Origin(
            "x86_64-5l",
            "x86_64",
            f"the log is of x86-64 with five levels: {highest:#x} needs 57 bits" + _UNLESS,
        )
    if named in ("riscv64", "ppc64le"):
        return _by_name(named, how, places)
    whose = f"the log is of {named}, {how}, and" if named in _OTHER_64 else "the log"
    return Origin(
        None,
        "",
        foreign=f"{whose} has addresses up to {highest:#x}, which none of the machines here has",
    )


def _of_32_bits(named: str, how: str, places: Places, mode: bool) -> Origin:
    highest, brk = places.highest, places.brk
    if named == "mips" and how != _BY_HEADERS and (highest >= _MIPS_END or mode):
        named = ""  # a call of both, whose argument an old strace shows by its address
    if named not in ("arm", *_OTHER_32) and (highest >= _I386_END or mode):
        return Origin("ia32", "i386", "the log is of a 32-bit program on a 64-bit kernel: ia32" + _UNLESS)
    if named == "arm":
        if highest >= _ARM_END:
            note = f"a 32-bit ARM program with addresses up to {highest:#x}: name its machine with --arch"
            return Origin(None, "", note)
        return Origin("arm", "", f"the log is of 32-bit ARM, {how}{_UNLESS}")
    if named in _OTHER_32:
        other = "i386" if highest < _I386_END else "ia32"
        return Origin(
            other,
            "",
            f"the log is of 32-bit {named.upper().removesuffix('32')}, {how}, of which only Linux 2.6 is known"
            f" (--arch takes it): {other} stands in for it",
        )
    if named != "i386" and 0 < brk < _I386_PROGRAM:
        if 0x4000_0000 <= highest < 0x5000_0000 or 0xB000_0000 <= highest < _ARM_END:
            return Origin(
                "arm",
                "",
                f"the log is of a 32-bit machine whose programs lie below {_I386_PROGRAM:#x}, with mappings as ARM has"
                " them: arm" + _UNLESS,
            )
        return Origin(
            "i386",
            "",
            f"the log is of a 32-bit machine, but not of i386, whose programs begin at {_I386_PROGRAM:#x}; i386"
            " stands in for it unless --arch names it",
        )
    proof = (
        how
        if named == "i386"
        else "as its break shows"
        if _I386_PROGRAM < brk < 2 * _I386_PROGRAM
        else "which nothing tells from others"
    )
    return Origin(
        "i386",
        "i386",
        f"the log is of a 32-bit machine, by its calls, and no address is above 3 GiB: i386, {proof}{_UNLESS}",
    )


def _by_name(named: str, how: str, places: Places) -> Origin:
    highest = places.highest
    arch, table = named, named if named in ("riscv64", "loongarch64", "arm64") else ""
    if named == "arm64":
        placed = placed_by(places)
        arch = placed[0] if placed and placed[0].startswith("arm64") else ""
        arch = arch or f"arm64-{page_of(places, (4096, 16384, 65536)) >> 10}k"
    elif named == "riscv64":
        arch = (
            "riscv64-sv39" if highest < 1 << 38 else "riscv64-sv48" if highest < 1 << 47 else "riscv64-sv57"
        )
    elif named == "ppc64le":
        arch = f"ppc64le-radix-{page_of(places, (4096, 65536)) >> 10}k"
    return Origin(arch, table, f"the log is of {arch}, {how}{_UNLESS}")


def _by_places(places: Places) -> Origin:
    """Told from where the kernel put mappings, if x86-64 would not have put them there."""
    placed = placed_by(places)
    if placed is None:
        return Origin(note=unlike_x86(places))
    arch, why = placed
    if not arch:
        return Origin(None, "", why)
    return Origin(arch, "arm64" if arch.startswith("arm64") else "", why + _UNLESS)
