"""Free space between areas: the highest or lowest gap that holds a length (vm_unmapped_area).

Searches climb and descend the tree by the bounds of its nodes and lower those that promised too
much, see `areatree`. Addresses and lengths are bytes.
"""

from __future__ import annotations

from ...abi.vmflags import VM_GROWSDOWN
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.limitrules import R_STACK_GUARD_GAP
from ..jit import kernel
from ..state import (
    H_ARCH,
    H_RULES,
    V_END,
    V_FLAGS,
    V_HOME,
    V_PREV,
    V_START,
    Mem,
)
from .areatree import (
    N_BOUND,
    N_COUNT,
    N_GAPS,
    N_HOME,
    N_KEYS,
    N_LEVEL,
    N_REFS,
    first_key,
    greatest_gap,
    home_node,
    home_slot,
    place_at,
    slot_at,
)
from .vmaset import find_vma, last_vma


@kernel
def vm_start_gap(m: Mem, vma: int) -> int:
    """Where the space that `vma` keeps free begins: its start, less the guard gap if GROWSDOWN."""
    start = m[vma + V_START]
    if m[vma + V_FLAGS] & VM_GROWSDOWN:
        start -= m[H_RULES + R_STACK_GUARD_GAP] << m[H_ARCH + A_PAGE_SHIFT]
        start = max(start, 0)
    return start


@kernel
def _gap_bottom(m: Mem, vma: int, low: int) -> int:
    """Where the free space below `vma` begins, not below `low`."""
    before = m[vma + V_PREV]
    bottom = m[before + V_END] if before != 0 else 0
    return max(bottom, low)


@kernel
def _fit_low(m: Mem, vma: int, low: int, high: int, length: int) -> int:
    """Lowest place for `length` in the gap below `vma`, inside [low, high); -1: none."""
    top = vm_start_gap(m, vma)
    top = min(top, high)
    bottom = _gap_bottom(m, vma, low)
    if top - bottom >= length:
        return bottom
    return -1


@kernel
def _lower_leaf_with_gap(m: Mem, node: int, length: int) -> int:
    """The nearest leaf below leaf `node` whose bound allows `length`; 0: none.

    Climbs until an entry on the left may help, then descends on the right.
    """
    while True:
        home = m[node + N_HOME]
        if home == 0:
            return 0
        up = home_node(home)
        i = place_at(m, home) - 1
        while i >= 0 and m[up + N_GAPS + slot_at(m, up, i)] < length:
            i -= 1
        node = up
        if i < 0:
            continue
        while True:
            slot = slot_at(m, node, i)
            child = m[node + N_REFS + slot]
            if m[child + N_LEVEL] == 0:
                return child
            j = m[child + N_COUNT] - 1
            while j >= 0 and m[child + N_GAPS + slot_at(m, child, j)] < length:
                j -= 1
            if j < 0:  # the bound was too high: lower it, go on from here
                m[child + N_BOUND] = m[node + N_GAPS + slot] = greatest_gap(m, child)
                node = child
                break
            node = child
            i = j


@kernel
def _upper_leaf_with_gap(m: Mem, node: int, length: int) -> int:
    """The nearest leaf above leaf `node` whose bound allows `length`; 0: none."""
    while True:
        home = m[node + N_HOME]
        if home == 0:
            return 0
        up = home_node(home)
        i = place_at(m, home) + 1
        count = m[up + N_COUNT]
        while i < count and m[up + N_GAPS + slot_at(m, up, i)] < length:
            i += 1
        node = up
        if i >= count:
            continue
        while True:
            slot = slot_at(m, node, i)
            child = m[node + N_REFS + slot]
            if m[child + N_LEVEL] == 0:
                return child
            j = 0
            count = m[child + N_COUNT]
            while j < count and m[child + N_GAPS + slot_at(m, child, j)] < length:
                j += 1
            if j >= count:
                m[child + N_BOUND] = m[node + N_GAPS + slot] = greatest_gap(m, child)
                node = child
                break
            node = child
            i = j


@kernel
def _lower_bound_of(m: Mem, leaf: int) -> int:
    """Lower the parent's bound of a leaf to the truth."""
    home = m[leaf + N_HOME]
    if home != 0:
        bound = greatest_gap(m, leaf)
        m[leaf + N_BOUND] = bound
        m[home_node(home) + N_GAPS + home_slot(home)] = bound
    return 0


@kernel
def highest_gap(m: Mem, mm: int, low: int, high: int, length: int) -> int:
    """The highest address where `length` free bytes lie inside [low, high); -1 if there is none.

    A gap that would do but for the guard gap of the GROWSDOWN VMA above it lowers `high` to where that
    guard gap begins, for all that follows (unmapped_area_topdown starts again with that limit; linux-6.x
    1.3). No best fit: the first gap from above wins.
    """
    if length <= 0 or high - low < length:
        return -1
    vma = find_vma(m, mm, high - 1)
    if vma == 0:
        before = last_vma(m, mm)
        bottom = m[before + V_END] if before != 0 else 0
        bottom = max(bottom, low)
        if high - bottom >= length:
            return high - length
        if before == 0:
            return -1
        vma = before
    leaf = home_node(m[vma + V_HOME])
    i = place_at(m, m[vma + V_HOME])
    whole = 0
    while True:
        while i >= 0:
            slot = slot_at(m, leaf, i)
            if m[leaf + N_GAPS + slot] >= length:
                vma = m[leaf + N_REFS + slot]
                bottom = _gap_bottom(m, vma, low)
                top = min(m[vma + V_START], high)
                if top - bottom >= length:
                    high = min(top, vm_start_gap(m, vma))
                    if high - bottom >= length:
                        return high - length
            i -= 1
        if first_key(m, leaf) - length < low:
            return -1
        if whole == 1:
            _lower_bound_of(m, leaf)
        leaf = _lower_leaf_with_gap(m, leaf, length)
        if leaf == 0:
            return -1
        i = m[leaf + N_COUNT] - 1
        whole = 1


@kernel
def lowest_gap(m: Mem, mm: int, low: int, high: int, length: int) -> int:
    """The lowest address where `length` free bytes lie inside [low, high); -1 if there is none."""
    if length <= 0 or high - low < length:
        return -1
    vma = find_vma(m, mm, low)
    if vma != 0:
        leaf = home_node(m[vma + V_HOME])
        i = place_at(m, m[vma + V_HOME])
        whole = 0
        while leaf != 0:
            count = m[leaf + N_COUNT]
            while i < count:
                slot = slot_at(m, leaf, i)
                if m[leaf + N_GAPS + slot] >= length:
                    found = _fit_low(m, m[leaf + N_REFS + slot], low, high, length)
                    if found >= 0:
                        return found
                i += 1
            if m[leaf + N_KEYS + slot_at(m, leaf, count - 1)] >= high:
                return -1
            if whole == 1:
                _lower_bound_of(m, leaf)
            leaf = _upper_leaf_with_gap(m, leaf, length)
            i = 0
            whole = 1
    before = last_vma(m, mm)
    bottom = m[before + V_END] if before != 0 else 0
    bottom = max(bottom, low)
    if high - bottom >= length:
        return bottom
    return -1
