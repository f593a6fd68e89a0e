"""Why two neighbouring areas are two: the attribute that forbade their merge.

The order is that of the kernel's own test (is_mergeable_vma, then the anon_vma; mm/vma.c 6.18,
mm/mmap.c 2.6.21).
"""

from __future__ import annotations

from ..abi.vmflags import VM_ACCESS, VM_ACCOUNT, VM_DONTEXPAND, VM_IO, VM_PFNMAP, VMFLAG_NAMES
from ..result.result import VmaRow

_SPECIAL = VM_IO | VM_PFNMAP | VM_DONTEXPAND


def flag_names(flags: int) -> str:
    """The two-letter names of the bits, as smaps prints them."""
    return " ".join(name for bit, name in VMFLAG_NAMES if flags & bit)


def why_apart(lower: VmaRow, upper: VmaRow, page_size: int = 4096) -> str:
    """One attribute that keeps `lower` and `upper` from being one area.

    One of: hole, special mapping, file, protection, account, flags (which), offset, anon_vma; or
    "nothing" for a pair that the rules would let merge but no call has tried to.
    """
    if lower.end != upper.start:
        return "hole"
    if (lower.vm_flags | upper.vm_flags) & _SPECIAL:
        return "special mapping"
    if (lower.inode, lower.file) != (upper.inode, upper.file):
        return "file"
    differing = lower.vm_flags ^ upper.vm_flags
    if differing & VM_ACCESS:
        return "protection"
    if differing == VM_ACCOUNT:
        return "account"
    if differing:
        return f"flags ({flag_names(differing)})"
    if lower.inode and lower.offset + lower.end - lower.start != upper.offset:
        return "offset"
    if lower.anon_vma and upper.anon_vma and lower.anon_vma != upper.anon_vma:
        return "anon_vma"
    return "nothing"
