"""How many areas would be left if pages of one area could differ: in protection, in file offset, in both.

A thought experiment on the areas at the peak, no replay: it tells what a kernel with protections in PTEs
(MAP_CHGPROT), with offsets in PTEs (non-linear mappings), or with both could save at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..abi.vmflags import (
    VM_ACCESS,
    VM_ACCOUNT,
    VM_DONTEXPAND,
    VM_IO,
    VM_MAYEXEC,
    VM_MAYREAD,
    VM_MAYWRITE,
    VM_NONLINEAR,
    VM_PFNMAP,
)
from ..result.result import VmaRow

_SPECIAL = VM_IO | VM_PFNMAP | VM_DONTEXPAND
_PROTECTION = VM_ACCESS | VM_ACCOUNT | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC


def remaining(vmas: Sequence[VmaRow], *, protection: bool = False, offset: bool = False) -> int:
    """Areas that are left when neighbours may differ in `protection`, in `offset`, or in both."""
    left = len(vmas)
    for lower, upper in pairwise(vmas):
        left -= _one_area(lower, upper, protection, offset)
    return left


def _one_area(lower: VmaRow, upper: VmaRow, protection: bool, offset: bool) -> bool:
    if lower.end != upper.start or (lower.vm_flags | upper.vm_flags) & _SPECIAL or lower.name or upper.name:
        return False
    if (lower.inode, lower.file) != (upper.inode, upper.file):
        return False
    differing = lower.vm_flags ^ upper.vm_flags
    if differing & ~(_PROTECTION if protection else 0) & ~(VM_NONLINEAR if offset else 0):
        return False
    return offset or not lower.inode or lower.offset + lower.end - lower.start == upper.offset
