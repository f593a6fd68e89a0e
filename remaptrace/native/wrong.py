"""Steps with wrong arguments: misaligned, empty, too long, unknown flags and advice, closed descriptors."""

from __future__ import annotations

import random

from .steps import Step, mmap, mremap, ranged, remap_file_pages

_MINUS_PAGE = 0xFFFF_FFFF_FFFF_F000
_FIXED: list[object] = ["private", "fixed", "anonymous"]


def wrong_step(r: random.Random, addr: int, length: int, prot: str) -> Step:
    """One wrong call, somewhere around [addr, addr + length)."""
    odd = addr + r.choice((1, 123, 0x800))
    huge = r.choice((_MINUS_PAGE, 0x8000_0000_0000, 0x7FFF_FFFF_F000))
    choices: list[Step] = [
        mmap(odd, length, prot, _FIXED),
        mmap(addr, 0, prot, _FIXED),
        mmap(0, huge, prot, ["private", "anonymous"]),
        mmap(addr, length, prot, [r.choice((0, 4, 9)), "fixed", "anonymous"]),
        mmap(addr, length, prot, ["shared", "fixed"], "bad"),
        mmap(addr, length, prot, ["shared", "fixed"], "a", r.choice((1, 0x7FFF_FFFF_FFFF_F000))),
        mmap(addr, length, prot, ["shared_validate", "fixed", 0x8000000], "a"),
        mmap(addr, length, prot, ["shared", "fixed", "growsdown"], "a"),
        ranged("munmap", odd, length),
        ranged("munmap", addr, r.choice((0, _MINUS_PAGE))),
        ranged("mprotect", odd, length, prot="r"),
        ranged("mprotect", addr, r.choice((0, _MINUS_PAGE)), prot="r"),
        ranged("mprotect", addr, length, prot=r.choice((0x10, 0x1000000, 0x3000000, 8))),
        mremap(odd, length, length, []),
        mremap(addr, length, 0, ["maymove"]),
        mremap(addr, 0, length, r.choice(([], ["maymove"]))),
        mremap(addr, length, length, r.choice(([8], ["fixed"], ["maymove", "fixed"])), addr),
        ranged("madvise", addr, length, advice=r.choice((5, 7, 99, 104))),
        ranged("madvise", odd, length, advice="dontneed"),
        ranged("mlock2", addr, length, flags=[2]),
        ranged("msync", addr, length, flags=["async", "sync"]),
        ranged("msync", odd, length, flags=["sync"]),
        ranged("mincore", odd, length),
        remap_file_pages(addr, r.choice((0, 100, _MINUS_PAGE)), 0),
        remap_file_pages(addr, length, 0, prot="rw"),
        remap_file_pages(addr, length, r.choice((0xFFFF_FFFF_FFFF_FFFF, 0x7_FFFF_FFFF_FFFF))),
        ranged("mseal", r.choice((addr, odd)), length, flags=r.choice((0, 1))),
    ]
    return r.choice(choices)
