"""Programs of steps in the form of scenarios, and short ways to write the steps with many arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..lateclasses import dataclass

Step = dict[str, Any]


@dataclass(frozen=True)
class Program:
    """The steps of a scenario without its expectations; `whole`: it lists the areas that were there before."""

    name: str
    steps: list[Step]
    whole: bool
    path: str = ""  # of the file it is from


def mmap(
    addr: object, length: int, prot: object, flags: Sequence[object], fd: object = -1, offset: int = 0
) -> Step:
    """An mmap step."""
    return {
        "mmap": {
            "addr": addr,
            "length": length,
            "prot": prot,
            "flags": list(flags),
            "fd": fd,
            "offset": offset,
        }
    }


def mremap(addr: object, old: int, new: int, flags: Sequence[object], new_addr: int = 0) -> Step:
    """An mremap step."""
    return {
        "mremap": {
            "addr": addr,
            "old_length": old,
            "new_length": new,
            "flags": list(flags),
            "new_addr": new_addr,
        }
    }


def remap_file_pages(addr: int, size: int, pgoff: int, prot: object = "none", flags: int = 0) -> Step:
    """A remap_file_pages step."""
    return {"remap_file_pages": {"addr": addr, "size": size, "prot": prot, "pgoff": pgoff, "flags": flags}}


def ranged(name: str, addr: object, length: int, /, **more: object) -> Step:
    """A step on a range: munmap, mprotect, madvise, mlock, msync, ..."""
    return {name: {"addr": addr, "length": length, **more}}
