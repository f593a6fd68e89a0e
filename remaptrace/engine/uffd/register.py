"""UFFDIO_REGISTER and UFFDIO_UNREGISTER: a registration is an attribute of areas (fs/userfaultfd.c).

V_UFFD is the inode of the descriptor, VM_UFFD_* say what it waits for.
"""

from __future__ import annotations

from ...abi.errnos import (
    EBUSY,
    EINVAL,
    ENOMEM,
    EPERM,
)
from ...abi.vmflags import (
    VM_DROPPABLE,
    VM_MAYWRITE,
    VM_UFFD,
    VM_UFFD_MINOR,
    VM_UFFD_MISSING,
    VM_UFFD_WP,
)
from ...machine.archwords import P_UFFD_WP
from ...machine.callrules import R_UFFD_DROPPABLE, R_UFFD_UNREGISTERS_OWN
from ..areas.merge import vma_modify_uffd
from ..areas.vma import vma_is_anonymous
from ..areas.vmaset import find_vma
from ..files.inodes import inode_put
from ..files.special import kind_of
from ..jit import kernel
from ..state import (
    G_INODE_LIST,
    G_MM_LIST,
    G_UFFD_CLOSED,
    H_ARCH,
    H_RULES,
    I_NEXT,
    I_REFS,
    I_TYPE,
    MM_FIRST,
    MM_NEXT,
    OPS_HUGETLB,
    OPS_SHMEM,
    TYPE_UFFD,
    TYPE_UNMAPPABLE,
    U_FEATURES,
    V_END,
    V_FLAGS,
    V_NEXT,
    V_OPS,
    V_START,
    V_UFFD,
    Mem,
)
from .fill import bad_range
from .writeprotect import WP_ASYNC, huge_misfit, uffd_protect


@kernel
def _can_register(m: Mem, vma: int, modes: int, async_wp: int) -> int:
    """1 if an area of this kind may be registered with the modes (vma_can_userfault).

    Segments of small pages and secret memory have operations of their own, so they are no shmem (vma_is_shmem).
    """
    if m[vma + V_FLAGS] & VM_DROPPABLE and m[H_RULES + R_UFFD_DROPPABLE] == 0:
        return 0
    ops = m[vma + V_OPS]
    shmem = 1 if ops == OPS_HUGETLB or (ops == OPS_SHMEM and kind_of(m, vma) == 0) else 0
    if modes & VM_UFFD_MINOR and shmem == 0:
        return 0
    if async_wp != 0 and modes == VM_UFFD_WP:
        return 1
    return 1 if shmem != 0 or vma_is_anonymous(m, vma) != 0 else 0


@kernel
def _set_registration(m: Mem, mm: int, vma: int, start: int, end: int, modes: int, uffd: int) -> int:
    """Give the part of `vma` in [start, end) the modes and descriptor: the area that holds it, or -errno."""
    low = max(m[vma + V_START], start)
    high = min(m[vma + V_END], end)
    flags = (m[vma + V_FLAGS] & ~VM_UFFD) | modes
    return vma_modify_uffd(m, mm, vma, low, high, flags, uffd)


@kernel
def uffd_register(m: Mem, mm: int, uffd: int, start: int, length: int, mode: int) -> int:
    """UFFDIO_REGISTER: every area is looked at before any is changed."""
    if mode == 0 or mode & ~7 or (mode & 6 != 0 and m[H_ARCH + P_UFFD_WP] == 0):
        return -EINVAL
    if bad_range(m, start, length) != 0:
        return -EINVAL
    modes = 0
    if mode & 1:
        modes |= VM_UFFD_MISSING
    if mode & 2:
        modes |= VM_UFFD_WP
    if mode & 4:
        modes |= VM_UFFD_MINOR
    if mm == 0:
        return -ENOMEM
    end = start + length
    vma = find_vma(m, mm, start)
    if vma == 0 or m[vma + V_START] >= end:
        return -EINVAL
    async_wp = m[uffd + U_FEATURES] & WP_ASYNC
    while vma != 0 and m[vma + V_START] < end:
        if _can_register(m, vma, modes, async_wp) == 0:
            return -EINVAL
        if m[vma + V_FLAGS] & VM_MAYWRITE == 0:
            return -EPERM
        if huge_misfit(m, vma, start, end) != 0:
            return -EINVAL
        if m[vma + V_UFFD] not in (0, uffd):
            return -EBUSY
        vma = m[vma + V_NEXT]
    vma = find_vma(m, mm, start)
    while vma != 0 and m[vma + V_START] < end:
        stop = min(m[vma + V_END], end)
        if m[vma + V_UFFD] != uffd or m[vma + V_FLAGS] & modes != modes:
            target = _set_registration(m, mm, vma, start, end, modes, uffd)
            if target < 0:
                return target
        vma = find_vma(m, mm, stop) if stop < end else 0
    return 0


@kernel
def _clear(m: Mem, mm: int, vma: int, start: int, end: int) -> int:
    """Take the registration off the part of `vma` in [start, end) (userfaultfd_clear_vma)."""
    if m[vma + V_FLAGS] & VM_UFFD_WP:
        uffd_protect(m, mm, vma, max(start, m[vma + V_START]), min(end, m[vma + V_END]), 0)
    return _set_registration(m, mm, vma, start, end, 0, 0)


@kernel
def uffd_unregister(m: Mem, mm: int, uffd: int, start: int, length: int) -> int:
    """UFFDIO_UNREGISTER: areas that are not registered are passed over."""
    if bad_range(m, start, length) != 0:
        return -EINVAL
    if mm == 0:
        return -ENOMEM
    end = start + length
    vma = find_vma(m, mm, start)
    if vma == 0 or m[vma + V_START] >= end:
        return -EINVAL
    while vma != 0 and m[vma + V_START] < end:
        if m[vma + V_UFFD] not in (0, uffd) and m[H_RULES + R_UFFD_UNREGISTERS_OWN] != 0:
            return -EINVAL
        if _can_register(m, vma, m[vma + V_FLAGS] & VM_UFFD, m[uffd + U_FEATURES] & WP_ASYNC) == 0:
            return -EINVAL
        if huge_misfit(m, vma, start, end) != 0:
            return -EINVAL
        vma = m[vma + V_NEXT]
    vma = find_vma(m, mm, start)
    while vma != 0 and m[vma + V_START] < end:
        stop = min(m[vma + V_END], end)
        if m[vma + V_UFFD] != 0:
            target = _clear(m, mm, vma, start, end)
            if target < 0:
                return target
        vma = find_vma(m, mm, stop) if stop < end else 0
    return 0


@kernel
def uffd_release(m: Mem) -> int:
    """Take the registrations of closed descriptors off every area, which joins neighbours (userfaultfd_release)."""
    m[G_UFFD_CLOSED] = 0
    inode = m[G_INODE_LIST]
    while inode != 0:
        after = m[inode + I_NEXT]
        if m[inode + I_TYPE] == TYPE_UFFD and m[inode + I_REFS] == 0:
            mm = m[G_MM_LIST]
            while mm != 0:
                vma = m[mm + MM_FIRST]
                while vma != 0:
                    if m[vma + V_UFFD] == inode:
                        target = _clear(m, mm, vma, m[vma + V_START], m[vma + V_END])
                        if target > 0:
                            vma = target
                    vma = m[vma + V_NEXT]
                mm = m[mm + MM_NEXT]
            m[inode + I_TYPE] = TYPE_UNMAPPABLE
            m[inode + I_REFS] = 1
            inode_put(m, inode)
        inode = after
    return 0
