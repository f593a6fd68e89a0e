"""Which machine a log of strace was made on: the text does not say it, but shows it.

Told from the paths of loaders and libraries, from names of calls that only some architectures have, from the
line ``[ Process PID=N runs in 32 bit mode. ]`` and from the addresses that mmap and brk returned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from mmap import mmap

_LOOKED_AT = 1 << 20
_RESULTS = 5000

_PATHS = (
    (re.compile(rb"aarch64-linux-gnu|ld-linux-aarch64|ld-musl-aarch64"), "arm64"),
    (re.compile(rb"riscv64-linux-gnu|ld-linux-riscv64|ld-musl-riscv64"), "riscv64"),
    (re.compile(rb"powerpc64le-linux-gnu|ld-musl-powerpc64le"), "ppc64le"),
    (re.compile(rb"s390x-linux-gnu|ld-musl-s390x"), "s390x"),
    (re.compile(rb"loongarch64-linux-gnu|ld-linux-loongarch"), "loongarch64"),
    (re.compile(rb"arm-linux-gnueabi|ld-linux-armhf|ld-linux\.so\.3\b|ld-musl-arm"), "arm"),
    (re.compile(rb"x86_64-linux-gnu|ld-linux-x86-64|ld-musl-x86_64"), "x86_64"),
    (re.compile(rb"i[3-6]86-linux-gnu|ld-linux\.so\.2\b|ld-musl-i386"), "i386"),
)
"""What names of files tell; the architecture whose name comes first in the log is the program's."""

_CALLS = (
    (
        re.compile(
            rb"^[^\"\n]*\b(?:set_tls|cacheflush|arm_fadvise64_64|arm_sync_file_range)\(", re.MULTILINE
        ),
        "arm",
    ),
    (re.compile(rb"^[^\"\n]*\briscv_\w+\(", re.MULTILINE), "riscv64"),
    (re.compile(rb"^[^\"\n]*\bset_thread_area\(\{entry_number", re.MULTILINE), "i386"),
    (re.compile(rb"^[^\"\n]*\barch_prctl\(", re.MULTILINE), "x86_64"),
)
_OLD_32 = re.compile(rb"^[^\"\n]*\b(?:mmap2|old_mmap|fcntl64|_llseek|stat64|fstat64)\(", re.MULTILINE)
_MODE = re.compile(rb"\[ Process PID=\d+ runs in (32|64|x32)(?: bit)? mode\. \]")
_NARROW = re.compile(rb"\[ Process PID=\d+ runs in (?:32 bit|x32) mode\. \]")
_ADDRESS = re.compile(
    rb"(?:\b(?:mmap2?|old_mmap|mmap_pgoff|mremap|brk)\([^\n]*?|<\.\.\. (?:mmap2?|mremap|brk) resumed>[^\n]*?)"
    rb"\) *= (0x[0-9a-f]{1,16})\b"
)

_X86_64_END, _4_GIB = 0x7FFF_FFFF_F000, 1 << 32
_I386_END, _ARM_END = 0xC000_0000, 0xBF00_0000


_UNLESS = "; this is taken unless --arch says otherwise"

_X32_NOTE = (
    "the log is of an x32 program: its address space is that of ia32 (by the kernel's source, never tried)"
)
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


def origin_of(data: bytes | mmap) -> Origin:
    """What the first megabyte of a log tells of its machine."""
    head = bytes(data[:_LOOKED_AT])
    named = _named(head)
    results = [
        int(match.group(1), 16) for _, match in zip(range(_RESULTS), _ADDRESS.finditer(head), strict=False)
    ]
    highest = max(results, default=0)
    mode = _MODE.search(head)
    if highest < _4_GIB and mode and mode.group(1) == b"x32":
        return Origin("ia32", "x86_64", _X32_NOTE)
    if highest > _X86_64_END:
        return _beyond_x86(head, named, results, highest)
    if highest < _4_GIB and (
        named in ("i386", "arm") or _OLD_32.search(head) or (mode and mode.group(1) == b"32")
    ):
        return _of_32_bits(named, highest, bool(mode))
    if named in ("arm64", "riscv64", "ppc64le", "s390x", "loongarch64"):
        return _by_name(named, results, highest)
    narrow = len(set(_NARROW.findall(head)))
    if narrow:
        return Origin(
            note=f"{_MIXED_NOTE} ({narrow} {'time' if narrow == 1 else 'times'} in the first megabyte)"
        )
    return Origin()


def _named(head: bytes) -> str:
    """The architecture that paths or calls name, empty if none does."""
    found = [(match.start(), arch) for pattern, arch in _PATHS if (match := pattern.search(head))]
    if found:
        return min(found)[1]
    return next((arch for pattern, arch in _CALLS if pattern.search(head)), "")


def _page(results: list[int], sizes: tuple[int, ...]) -> int:
    """The largest page size of which all (eight or more) addresses are multiples, else the smallest."""
    mapped = [address for address in results if address & 0xFFF == 0]
    if len(mapped) >= 8:
        for size in sorted(sizes, reverse=True):
            if all(address % size == 0 for address in mapped):
                return size
    return min(sizes)


def _beyond_x86(head: bytes, named: str, results: list[int], highest: int) -> Origin:
    if highest < 1 << 48 and named in ("", "arm64"):
        page = _page(results, (4096, 16384, 65536)) >> 10
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
        return _by_name(named, results, highest)
    return Origin(
        None,
        "",
        f"the log has addresses up to {highest:#x}, which are not x86-64's: name its machine with --arch"
        " (remaptrace arches lists them)",
    )


def _of_32_bits(named: str, highest: int, mode: bool) -> Origin:
    if named != "arm" and (highest >= _I386_END or mode):
        return Origin("ia32", "i386", "the log is of a 32-bit program on a 64-bit kernel: ia32" + _UNLESS)
    if named == "arm":
        if highest >= _ARM_END:
            note = f"a 32-bit ARM program with addresses up to {highest:#x}: name its machine with --arch"
            return Origin(None, "", note)
        return Origin("arm", "", "the log is of 32-bit ARM, by names in it" + _UNLESS)
    return Origin(
        "i386",
        "i386",
        "the log is of a 32-bit machine, by its calls, and no address is above 3 GiB: i386" + _UNLESS,
    )


def _by_name(named: str, results: list[int], highest: int) -> Origin:
    arch, table = named, named if named in ("riscv64", "loongarch64", "arm64") else ""
    if named == "arm64":
        arch = f"arm64-{_page(results, (4096, 16384, 65536)) >> 10}k"
    elif named == "riscv64":
        arch = (
            "riscv64-sv39" if highest < 1 << 38 else "riscv64-sv48" if highest < 1 << 47 else "riscv64-sv57"
        )
    elif named == "ppc64le":
        arch = f"ppc64le-radix-{_page(results, (4096, 65536)) >> 10}k"
    return Origin(arch, table, f"the log is of {arch}, by names in it" + _UNLESS)
