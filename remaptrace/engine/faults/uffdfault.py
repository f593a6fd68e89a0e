"""Faults that userfaultfd answers (fs/userfaultfd.c handle_userfault): SIGBUS where that was asked for, else a wait."""

from __future__ import annotations

from ...abi.mman import UFFD_FEATURES
from ...abi.vmflags import VM_UFFD_MINOR, VM_UFFD_MISSING, VM_UFFD_WP
from ..jit import kernel
from ..pages.pte import pte_uffd_wp
from ..state import U_FEATURES, V_FLAGS, V_UFFD, Mem
from .vmfault import VMF_SIGBUS, VMF_WAIT

_SIGBUS = UFFD_FEATURES["sigbus"]
_WP_ASYNC = UFFD_FEATURES["wp_async"]


@kernel
def handle_userfault(m: Mem, vma: int) -> int:
    """What becomes of a fault that the descriptor of `vma` is told of: VMF_SIGBUS or VMF_WAIT."""
    return VMF_SIGBUS if m[m[vma + V_UFFD] + U_FEATURES] & _SIGBUS else VMF_WAIT


@kernel
def missing(m: Mem, vma: int) -> int:
    """1 if a fault on an absent page of `vma` is userfaultfd's."""
    return 1 if m[vma + V_FLAGS] & VM_UFFD_MISSING else 0


@kernel
def minor(m: Mem, vma: int) -> int:
    """1 if a fault on a page that only the object has is userfaultfd's."""
    return 1 if m[vma + V_FLAGS] & VM_UFFD_MINOR else 0


@kernel
def write_protected(m: Mem, vma: int, w: int) -> int:
    """1 if a write to the present page of PTE word `w` is userfaultfd's, 2 if it lifts the protection by itself."""
    if m[vma + V_FLAGS] & VM_UFFD_WP == 0 or pte_uffd_wp(m, w) == 0:
        return 0
    return 2 if m[m[vma + V_UFFD] + U_FEATURES] & _WP_ASYNC else 1
