"""Attributes of an area that are identities: areas that differ in one are never one (mm/vma.c: is_mergeable_vma).

Merging, splitting, fork, mremap, the log of changes, snapshots, `advise` and what-if runs go through all that stand
here. Another one is a row, its word in engine/state.py, and the call that sets it (`merge.vma_modify_attribute`).
"""

from __future__ import annotations

ATTRIBUTES: dict[str, str] = {
    "policy": "memory policy",  # of mbind (vma_policy)
    "uffd": "userfaultfd",  # the descriptor that it is registered with (is_mergeable_vm_userfaultfd_ctx)
    "named": "name",  # of PR_SET_VMA_ANON_NAME (anon_vma_name_eq)
}
"""Name of each attribute, and what a report calls it."""


def attributes(**given: int) -> tuple[int, ...]:
    """The attributes of an area in order: those `given`, 0 (none) for the others."""
    return tuple(given.get(name, 0) for name in ATTRIBUTES)
