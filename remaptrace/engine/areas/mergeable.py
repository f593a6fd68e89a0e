"""Whether two areas may be one: the only place that knows what must be equal (mm/vma.c, mm/vma.h).

The functions compare two *rows of attributes*, laid out as VMAs (the V_* words of state.py). A row is a VMA of
the arena, the range being merged (VMG_*, see merge.py), or a row that a report fills from what a map shows:
`remaptrace.advice.neighbours` asks the same function why two areas are two.

Attributes that are nothing but identities stand in abi/attributes.py: another one needs no line here.
"""

from __future__ import annotations

from ...abi.attributes import ATTRIBUTES
from ...abi.vmflags import (
    VM_DONTEXPAND,
    VM_IO,
    VM_MAYBE_GUARD,
    VM_MIXEDMAP,
    VM_PFNMAP,
    VM_RESERVED,
    VM_SOFTDIRTY,
)
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.rules import (
    R_CLOSE_HOOK_BLOCKS,
    R_MERGE_ANON_VMA_STRICT_FORK,
    R_MERGE_FAULTED_UNFAULTED,
)
from ..jit import kernel
from ..state import (
    H_ARCH,
    H_RULES,
    N_ATTRIBUTES,
    OPS_SHM,
    OPS_SPECIAL,
    V_ATTRIBUTES,
    V_AV,
    V_AVMULTI,
    V_END,
    V_FILE,
    V_FLAGS,
    V_OPS,
    V_PGOFF,
    V_POLICY,
    V_START,
    Mem,
)

VM_SPECIAL = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP | VM_RESERVED
"""Areas with one of these never merge (include/linux/mm.h; VM_RESERVED: until 3.6)."""
VM_IGNORE_MERGE = VM_SOFTDIRTY | VM_MAYBE_GUARD
"""Flags that may differ: the merged area gets those of both (VM_IGNORE_MERGE; soft-dirty since 3.13)."""

APART_SPECIAL = 1
APART_FLAGS = 2
APART_FILE = 3
APART_CLOSE = 4
APART_HOLE = 5
APART_OFFSET = 6
APART_ANON_VMA = 7
APART_ATTRIBUTES = 8  # and on, in the order of abi.attributes
APART_NAMES: dict[int, str] = {
    APART_SPECIAL: "special mapping",
    APART_FLAGS: "flags",
    APART_FILE: "file",
    APART_CLOSE: "close hook",
    APART_HOLE: "hole",
    APART_OFFSET: "offset",
    APART_ANON_VMA: "anon_vma",
    **{APART_ATTRIBUTES + i: words for i, words in enumerate(ATTRIBUTES.values())},
}


@kernel
def object_apart(m: Mem, a: int, b: int, ignored: int) -> int:
    """APART_* of what keeps the objects behind rows `a` and `b` apart, 0: nothing; flags `ignored` may differ.

    What an area needs to share a neighbour's anon_vma, too (anon_vma_compatible, mm/vma.c).
    """
    if (m[a + V_FLAGS] ^ m[b + V_FLAGS]) & ~ignored:
        return APART_FLAGS
    if m[a + V_FILE] != m[b + V_FILE]:
        return APART_FILE
    return APART_ATTRIBUTES + V_POLICY - V_ATTRIBUTES if m[a + V_POLICY] != m[b + V_POLICY] else 0


@kernel
def has_close(m: Mem, vma: int) -> int:
    """1 if the area's operations have a close hook, so that no merge may remove it."""
    ops = m[vma + V_OPS]
    return 1 if ops in (OPS_SHM, OPS_SPECIAL) else 0


@kernel
def attributes_apart(m: Mem, vma: int, other: int) -> int:
    """The first attribute (APART_*) that keeps rows `vma` and `other` apart wherever they lie, 0: none.

    is_mergeable_vma: `vma` is the area that exists, `other` what would join it.
    """
    apart = object_apart(m, vma, other, VM_IGNORE_MERGE)
    if apart != 0:
        return apart
    for i in range(N_ATTRIBUTES):
        if m[vma + V_ATTRIBUTES + i] != m[other + V_ATTRIBUTES + i]:
            return APART_ATTRIBUTES + i
    if m[H_RULES + R_CLOSE_HOOK_BLOCKS] != 0 and has_close(m, vma) != 0:
        return APART_CLOSE
    return 0


@kernel
def runs_on(m: Mem, low: int, high: int) -> int:
    """1 if row `high` begins where `low` ends, in addresses and in page offsets."""
    if m[low + V_END] != m[high + V_START]:
        return 0
    pages = (m[low + V_END] - m[low + V_START]) >> m[H_ARCH + A_PAGE_SHIFT]
    return 1 if m[low + V_PGOFF] + pages == m[high + V_PGOFF] else 0


@kernel
def anon_vma_joins(m: Mem, vma: int, av: int, multi: int) -> int:
    """1 if `vma` may take in a range with anon_vma `av` (is_mergeable_anon_vma; `multi`: a fork child's)."""
    mine = m[vma + V_AV]
    if mine == av:
        return 1
    if m[H_RULES + R_MERGE_FAULTED_UNFAULTED] != 0:
        if mine == 0:
            return 1 - multi
        return 1 - m[vma + V_AVMULTI] if av == 0 else 0
    if m[H_RULES + R_MERGE_ANON_VMA_STRICT_FORK] != 0:
        # the chain of a neighbour without anon_vma is empty, which is not "singular" either
        return 1 - m[vma + V_AVMULTI] if av == 0 else 0
    return 1 if av == 0 or mine == 0 else 0


@kernel
def apart(m: Mem, low: int, high: int) -> int:
    """The first APART_* that keeps rows `low` and `high`, neighbours by address, from being one; 0: none.

    In the kernel's order of tests, a hole and the offsets where a person would look for them.
    """
    if m[low + V_END] != m[high + V_START]:
        return APART_HOLE
    if (m[low + V_FLAGS] | m[high + V_FLAGS]) & VM_SPECIAL:
        return APART_SPECIAL
    found = attributes_apart(m, low, high)
    if found != 0:
        return found
    if runs_on(m, low, high) == 0:
        return APART_OFFSET
    joins = anon_vma_joins(m, low, m[high + V_AV], m[high + V_AVMULTI])
    return 0 if joins == 1 else APART_ANON_VMA
