"""NUMA policies as far as they decide which areas join: mbind, set_mempolicy_home_node (mm/mempolicy.c).

Where pages are allocated is not modelled. A policy is a record, and equal policies are one record, so that
V_POLICY tells them apart: mode with its flags, home node, the nodes that it comes to on this machine and, where the
mode's flags keep it (STATIC, RELATIVE), the mask as it was given. A mask that the log does not show equals no other.
"""

from __future__ import annotations

from ...abi.errnos import EFAULT, EINVAL, ENOENT, ENOSYS, EOPNOTSUPP, EPERM
from ...abi.kinds import MASK_UNKNOWN
from ...abi.mman import (
    MPOL_BIND,
    MPOL_DEFAULT,
    MPOL_F_NUMA_BALANCING,
    MPOL_F_RELATIVE_NODES,
    MPOL_F_STATIC_NODES,
    MPOL_LOCAL,
    MPOL_MF_MOVE,
    MPOL_MF_MOVE_ALL,
    MPOL_MF_STRICT,
    MPOL_PREFERRED,
    MPOL_PREFERRED_MANY,
)
from ...abi.rows import RSF_ASSUMED
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.callrules import R_HOME_NODE, R_MEMPOLICY_MODES, R_NODES, R_NUMA, R_NUMA_BALANCING_MODE
from ..account import capable
from ..addr import page_align, page_offset, uword
from ..areas.merge import vma_modify_attribute
from ..areas.vmaset import find_vma
from ..jit import kernel, ult, wrap
from ..ranges.misplaced import queue_pages_range
from ..state import (
    G_EVENT,
    G_POLICIES,
    G_RSFLAGS,
    G_TAKE,
    H_ARCH,
    H_RULES,
    T_MM,
    V_END,
    V_NEXT,
    V_POLICY,
    V_START,
    Mem,
    kalloc,
)
from ..why import WHY_REFUSED, take

PO_NEXT, PO_MODE, PO_NODES, PO_USER, PO_HOME, PO_UNKNOWN, PO_WORDS = 0, 1, 2, 3, 4, 5, 6
NO_HOME = -1
ALL_NODES = (1 << 62) - 1
_KEPT = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES
_MAX_BITS = 8  # of a page's bits: the longest mask that the kernel reads


@kernel
def _policy(m: Mem, mode: int, nodes: int, user: int, home: int, unknown: int) -> int:
    """The record of this policy, made when first met; 0: arena full."""
    at = m[G_POLICIES]
    while at != 0:
        same = m[at + PO_MODE] == mode and m[at + PO_NODES] == nodes and m[at + PO_USER] == user
        if same and m[at + PO_HOME] == home and m[at + PO_UNKNOWN] == unknown:
            return at
        at = m[at + PO_NEXT]
    new = kalloc(m, PO_WORDS)
    if new != 0:
        m[new + PO_MODE] = mode
        m[new + PO_NODES] = nodes
        m[new + PO_USER] = user
        m[new + PO_HOME] = home
        m[new + PO_UNKNOWN] = unknown
        m[new + PO_NEXT] = m[G_POLICIES]
        m[G_POLICIES] = new
    return new


@kernel
def _sane_mode(m: Mem, mode: int) -> int:
    """0 if the kernel knows this mode with its flags, else -EINVAL (sanitize_mpol_flags)."""
    flags = mode & _KEPT
    if m[H_RULES + R_NUMA_BALANCING_MODE] != 0:
        flags |= mode & MPOL_F_NUMA_BALANCING
    plain = mode & ~flags
    if plain < 0 or plain >= m[H_RULES + R_MEMPOLICY_MODES] or flags & _KEPT == _KEPT:
        return -EINVAL
    if flags & MPOL_F_NUMA_BALANCING and plain not in (MPOL_BIND, MPOL_PREFERRED_MANY):
        return -EINVAL
    return 0


@kernel
def _mask(m: Mem, nodes: int, maxnode: int) -> int:
    """The nodes of a mask of maxnode - 1 bits (get_nodes); -EINVAL for one that is too long, as if negative."""
    bits = wrap(maxnode - 1)
    if bits == 0:
        return 0
    if ult(_MAX_BITS << m[H_ARCH + A_PAGE_SHIFT], bits) != 0:
        return -EINVAL
    return nodes & ((1 << min(bits, 62)) - 1)


@kernel
def _relative(mask: int, count: int) -> int:
    """The nodes of `mask` counted anew among the `count` nodes there are (mpol_relative_nodemask)."""
    result = 0
    for bit in range(62):
        if (mask >> bit) & 1:
            result |= 1 << (bit % count)
    return result


@kernel
def _policy_new(m: Mem, mode: int, nodes: int) -> int:
    """The policy of a mode and a mask of nodes; 0: none (MPOL_DEFAULT); -EINVAL (mpol_new, mpol_set_nodemask)."""
    flags = mode & (_KEPT | MPOL_F_NUMA_BALANCING)
    plain = mode & ~flags
    if plain == MPOL_DEFAULT:
        return -EINVAL if nodes != 0 else 0
    if plain == MPOL_PREFERRED and nodes == 0:
        plain = MPOL_LOCAL
    if plain == MPOL_LOCAL:
        if nodes != 0 or flags & _KEPT:
            return -EINVAL
        return _policy(m, plain | flags, 0, 0, NO_HOME, 0)
    if nodes == 0:
        return -EINVAL
    count = max(1, min(62, m[H_RULES + R_NODES]))
    effective = _relative(nodes, count) if flags & MPOL_F_RELATIVE_NODES else nodes & ((1 << count) - 1)
    if effective == 0:
        return -EINVAL
    if plain == MPOL_PREFERRED:
        effective &= -effective
    return _policy(m, plain | flags, effective, nodes if flags & _KEPT else 0, NO_HOME, 0)


@kernel
def _asked(m: Mem, mode: int, nodes: int, maxnode: int) -> int:
    """The policy that a call asks for; a mask that the log does not show makes one of its own."""
    if maxnode != MASK_UNKNOWN:
        return _policy_new(m, mode, _mask(m, nodes, maxnode))
    plain = mode & ~(_KEPT | MPOL_F_NUMA_BALANCING)
    if plain in (MPOL_DEFAULT, MPOL_LOCAL):  # a call that succeeds has an empty mask
        return _policy_new(m, mode, 0)
    if m[H_RULES + R_NODES] == 1 and mode & _KEPT == 0:  # a call that succeeds names the only node there is
        return _policy_new(m, mode, 1)
    m[G_RSFLAGS] |= RSF_ASSUMED
    return _policy(m, mode, 0, 0, NO_HOME, m[G_EVENT] + 1)


@kernel
def _set_policy(m: Mem, mm: int, vma: int, start: int, end: int, policy: int) -> int:
    """Give the part of `vma` in [start, end) the policy (mbind_range): the area that holds it, or -errno."""
    low = max(m[vma + V_START], start)
    return vma_modify_attribute(m, mm, vma, low, min(m[vma + V_END], end), V_POLICY, policy)


@kernel
def sys_mbind(
    m: Mem, task: int, addr: int, length: int, mode: int, nodes: int, maxnode: int, flags: int
) -> int:
    """mbind: 0 or -errno. The default policy may be set across holes.

    A policy of shared memory stays with the object, too; it shows in no other area, and pages are not placed here.
    """
    if m[H_RULES + R_NUMA] == 0:
        return -ENOSYS
    flags &= 0xFFFF_FFFF
    error = _sane_mode(m, mode)
    if error != 0:
        return error
    if maxnode != MASK_UNKNOWN and _mask(m, nodes, maxnode) < 0:
        return -EINVAL
    if flags & ~(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL):
        return -EINVAL
    if flags & MPOL_MF_MOVE_ALL and capable(m, task) == 0:
        return -EPERM
    start = uword(m, addr)
    if page_offset(m, start) != 0:
        return -EINVAL
    end = uword(m, wrap(start + page_align(m, uword(m, length))))
    if ult(end, start) != 0:
        return -EINVAL
    if end == start:
        return 0
    if maxnode == MASK_UNKNOWN and m[G_TAKE] in (
        EINVAL,
        EFAULT,
    ):  # what the mask is that it refuses is not told
        return take(m, WHY_REFUSED, m[G_TAKE])
    policy = _asked(m, mode, nodes, maxnode)
    if policy < 0:
        return policy
    mm = m[task + T_MM]
    if start < 0:
        return -EFAULT
    if end < 0:
        end = 1 << 62
    nodes = _mask(m, nodes, maxnode) if maxnode != MASK_UNKNOWN else ALL_NODES
    if policy == 0:
        flags &= ~MPOL_MF_STRICT
    error = queue_pages_range(m, mm, start, end, nodes, flags, 1 if policy == 0 else 0)
    if error != 0:
        return error
    vma = find_vma(m, mm, start)
    while vma != 0 and m[vma + V_START] < end:
        stop = m[vma + V_END]
        target = _set_policy(m, mm, vma, start, end, policy)
        if target < 0:
            return target
        vma = find_vma(m, mm, stop) if stop < end else 0
    return 0


@kernel
def sys_home_node(m: Mem, task: int, addr: int, length: int, node: int, flags: int) -> int:
    """set_mempolicy_home_node: 0 or -errno; areas without a policy are passed over."""
    if m[H_RULES + R_HOME_NODE] == 0 or m[H_RULES + R_NUMA] == 0:
        return -ENOSYS
    start = uword(m, addr)
    if page_offset(m, start) != 0 or flags != 0 or not 0 <= node < m[H_RULES + R_NODES]:
        return -EINVAL
    end = uword(m, wrap(start + page_align(m, uword(m, length))))
    if ult(end, start) != 0:
        return -EINVAL
    if end == start:
        return 0
    if start < 0:
        return -ENOENT
    if end < 0:
        end = 1 << 62
    mm = m[task + T_MM]
    result = -ENOENT
    vma = find_vma(m, mm, start)
    while vma != 0 and m[vma + V_START] < end:
        stop = m[vma + V_END]
        old = m[vma + V_POLICY]
        if old == 0:
            vma = m[vma + V_NEXT]
            continue
        if m[old + PO_MODE] & ~(_KEPT | MPOL_F_NUMA_BALANCING) not in (MPOL_BIND, MPOL_PREFERRED_MANY):
            return -EOPNOTSUPP
        new = _policy(m, m[old + PO_MODE], m[old + PO_NODES], m[old + PO_USER], node, m[old + PO_UNKNOWN])
        target = _set_policy(m, mm, vma, start, end, new)
        if target < 0:
            return target
        result = 0
        vma = find_vma(m, mm, stop) if stop < end else 0
    return result


@kernel
def sys_set_mempolicy(m: Mem, mode: int, nodes: int, maxnode: int) -> int:
    """set_mempolicy: 0 or -EINVAL; it is the thread's and changes no area."""
    if m[H_RULES + R_NUMA] == 0:
        return -ENOSYS
    error = _sane_mode(m, mode)
    if error != 0:
        return error
    if maxnode == MASK_UNKNOWN:
        return take(m, WHY_REFUSED, m[G_TAKE]) if m[G_TAKE] in (EINVAL, EFAULT) else 0
    mask = _mask(m, nodes, maxnode)
    if mask < 0:
        return -EINVAL
    return min(_policy_new(m, mode, mask), 0)
