"""Where the kernel of a log put mappings: the width of its addresses and the size of its pages.

Mappings that the kernel places lie below the end of the address space (arch_pick_mmap_layout), so that the highest of
them tells how wide it is; all of them, whatever their lengths, lie at multiples of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import islice

_RESULTS = 5000
_RESULT = b"= 0x"
_ADDRESS = re.compile(
    rb"(?:\b(mmap2?|old_mmap|mmap_pgoff|mremap|brk)\((NULL|0x0|0)?(?:, (\d{1,18}|0x[0-9a-f]{1,16}), )?[^\n]*?"
    rb"|<\.\.\. (?:mmap2?|mremap|brk) resumed>[^\n]*?)"
    rb"\) *= (0x[0-9a-f]{1,16})\b"
)
_CHANGED = re.compile(rb"\b(?:mprotect|munmap|madvise)\((0x[0-9a-f]{1,16}), [^\n]*\) *= 0\b")
_NAMED = re.compile(rb"\b(?:mmap2?|old_mmap)\((0x[0-9a-f]{1,16}), [^\n]*?MAP_FIXED[^\n]*\) *= 0x")
_ENVIRONMENT = re.compile(rb"execve\(\"[^\n]*\], (0x[0-9a-f]{1,16}) /\* \d+ vars")
"""The environment that strace itself gave a program that it runs: of the same machine."""

_UNEVEN = 4
"""Mappings of lengths that are no multiples of a page from which it is no chance that the next lie at multiples."""

_WIDTHS: tuple[tuple[int, int, str], ...] = (
    (38, 3, "riscv64-sv39"),
    (39, 3, "arm64-4k-39"),
    (40, 4, ""),
    (42, 4, "s390x"),
    (44, 4, "ppc64le-radix-64k"),
    (46, 6, "ppc64le-radix-64k"),
)
"""Bits of an address space that x86-64 does not have, the bits below its end within which the highest mapping lies
(what is left of it for randomness), and whose it is."""
UNNAMED_MACHINE = "nothing in the log names its machine"
"""Begins the note of a log of which that is so; other tracers choose addresses of their own."""
_PPC64 = (44, 46)
_X86_64_PLACES = (
    (0x2A_9555_5000, 1 << 38),
    (0x2AAA_AAAA_A000, 0x3000_0000_0000),
    (0x5555_0000_0000, 1 << 64),
)
"""Where x86-64 places mappings: early kernels upwards from a third of 39 bits, later ones of 47, or from the top."""


_BEYOND_X86_64 = re.compile(rb"= 0x(?:[0-9a-f]{13}|[89a-f][0-9a-f]{11}|7f{8}[0-9a-f]{3})")
"""What stands where an address above X86_64_END does, among other things."""
X86_64_END, END_OF_32_BITS = 0x7FFF_FFFF_F000, 1 << 32


class Places:
    """Addresses in the first bytes of a log, `head`. Read as far as somebody asks: most logs tell otherwise whose they
    are.
    """

    def __init__(self, head: bytes) -> None:
        self.head = head
        self._results: list[int] = []
        self._free: list[tuple[int, int]] = []
        self._brk = 0
        self._to_come = self._read()

    def _read(self) -> Iterator[int]:
        """Each address, when what it tells has been noted."""
        for address_, name, hint, length in islice(_results(self.head), _RESULTS):
            address = int(address_, 16)
            if address >> 31 == 0x1_FFFF_FFFF:  # the sign of a 32-bit address, extended by an old strace
                address &= 0xFFFF_FFFF
            self._results.append(address)
            if name == b"brk":
                self._brk = self._brk or address
            elif name not in (None, b"mremap") and hint and length:
                self._free.append((address, int(length, 16 if length.startswith(b"0x") else 10)))
            yield address

    def _read_all(self) -> None:
        for _ in self._to_come:
            pass

    @property
    def results(self) -> list[int]:
        """What mmap, mremap and brk returned."""
        self._read_all()
        return self._results

    @property
    def free(self) -> list[tuple[int, int]]:
        """Address and length, in bytes, of mappings whose place the kernel chose."""
        self._read_all()
        return self._free

    @property
    def brk(self) -> int:
        """The first answer of brk, 0: none."""
        self._read_all()
        return self._brk

    @cached_property
    def stack(self) -> int:
        """Where the first execve was given its environment: on a stack, which ends the address space; 0: not shown."""
        at = self.head.find(b"execve(")
        given = _ENVIRONMENT.match(self.head, at) if at >= 0 else None
        return int(given.group(1), 16) if given is not None else 0

    @cached_property
    def named(self) -> list[int]:
        """Addresses that the program named, and the kernel took: asked for by few."""
        found = (islice(pattern.finditer(self.head), _RESULTS) for pattern in (_CHANGED, _NAMED))
        return [int(match.group(1), 16) for matches in found for match in matches]

    @property
    def highest(self) -> int:
        return max(self.results, default=0)

    @cached_property
    def is_wide(self) -> bool:
        """Whether some address is not below 4 GiB."""
        return any(address >= END_OF_32_BITS for address in self._results) or any(
            address >= END_OF_32_BITS for address in self._to_come
        )

    @cached_property
    def is_beyond_x86(self) -> bool:
        """Whether some address is above X86_64_END."""
        return _BEYOND_X86_64.search(self.head) is not None and self.highest > X86_64_END


def lines_with(text: bytes, word: bytes) -> Iterator[tuple[int, int]]:
    """Begin and end of each line of `text` in which `word` stands; an expression would look at every line, slowly."""
    at = text.find(word)
    while at >= 0:
        end = text.find(b"\n", at)
        end = len(text) if end < 0 else end
        yield text.rfind(b"\n", 0, at) + 1, end
        at = text.find(word, end)


def _results(head: bytes) -> Iterator[tuple[bytes, bytes | None, bytes | None, bytes | None]]:
    """What `_ADDRESS` finds: address, call, hint, length. Looks on only where another result stands in the line."""
    for start, end in lines_with(head, _RESULT):
        at = start
        while at >= 0 and (match := _ADDRESS.search(head, at, end)) is not None:
            yield match[4], match[1], match[2], match[3]
            at = match.end() if head.find(_RESULT, match.end(), end) >= 0 else -1


def page_of(places: Places, sizes: tuple[int, ...]) -> int:
    """The largest page size of which all (eight or more) addresses are multiples, else the smallest."""
    mapped = [address for address in places.results if address & 0xFFF == 0]
    if len(mapped) >= 8:
        for size in sorted(sizes, reverse=True):
            if all(address % size == 0 for address in mapped):
                return size
    return min(sizes)


def _proved_page(places: Places) -> int:
    """The page size that lengths and addresses together prove to be more than 4 KiB, else 4,096.

    The first break is page aligned, too (fs/binfmt_elf.c), and the kernel fills from the top: some mappings touch if
    their lengths are rounded up. Addresses that a person made up lie apart.
    """
    for size in (65536, 16384):
        if places.brk % size or not _touching(places, size):
            continue
        uneven = sum(length % size != 0 for _, length in places.free)
        if uneven >= _UNEVEN and not any(address % size for address, _ in places.free):
            if not any(address % size for address in places.named):
                return size
    return 4096


def _touching(places: Places, size: int) -> bool:
    """Whether a mapping ends, its length rounded up to `size`, where one before it begins, and not without that."""
    starts: set[int] = set()
    for address, length in places.free:
        if length % size and address + -(-length // size) * size in starts:
            return True
        starts.add(address)
    return False


def placed_by(places: Places) -> tuple[str, str] | None:
    """The preset of the machine that puts mappings so, and why; None where x86-64 could have.

    An empty name: no preset of it.
    """
    page = _proved_page(places)
    placed = [address for address, _ in places.free]
    placed += [places.stack] * (places.stack > 0 < len(placed))
    bits, arch = _width(max(placed)) if len(placed) > 1 else (0, "")
    if bits in _PPC64:
        page = 65536 if page_of(places, (4096, 65536)) == 65536 or page == 65536 else 4096
        arch = f"ppc64le-radix-{page >> 10}k"
    elif bits == 42 and page == 65536:
        arch = "arm64-64k"
    elif bits == 40:
        return (
            "",
            "mappings lie below 0x10000000000, 40 bits, as 64-bit MIPS puts them: x86-64 stands in for it",
        )
    if bits:
        return (
            arch,
            f"the log is of {arch}, as mappings below {1 << bits:#x}, {bits} bits, and none above show",
        )
    if page == 4096:
        return None
    arch = "ppc64le-radix-64k" if page == 65536 else "loongarch64"
    return arch, (
        f"the log is of a machine with pages of {page >> 10} KiB: all mappings lie at multiples of it, whatever their"
        f" lengths; {arch} has such pages and such addresses"
    )


def _width(top: int) -> tuple[int, str]:
    """The bits of the address space at whose end `top` lies, and whose it is; 0 for none that x86-64 does not have."""
    for bits, reach, arch in _WIDTHS:
        if (1 << bits) - (1 << bits >> reach) <= top < 1 << bits:
            return bits, arch
    return 0, ""


def unlike_x86(places: Places) -> str:
    """A word about mappings that the kernel placed where x86-64 places none, and which tell no machine; "" if none."""
    top = max((address for address, _ in places.free), default=0)
    if not top or any(low <= top < high for low, high in _X86_64_PLACES):
        return ""
    text = f"{UNNAMED_MACHINE}: x86-64 is assumed, though it puts no mappings at {top:#x}"
    if top < 1 << 32:
        return f"{text}, where those of 32-bit programs lie (--arch i386, arm, ia32)"
    bits, arch = _width(top)
    text += f", below the end of {bits} bits" if bits else ""
    return text + (f", as {arch} does (--arch)" if arch else "")
