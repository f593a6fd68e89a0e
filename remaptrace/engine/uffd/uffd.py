"""userfaultfd: the descriptor, registrations, and the ioctls that fill pages (fs/userfaultfd.c, mm/userfaultfd.c).

A registration is an attribute of areas: V_UFFD is the inode of the descriptor, VM_UFFD_* say what it waits for. What
becomes of a fault is `faults.fault`. Each function gives 0 or -errno, as the ioctl does.
"""

from __future__ import annotations

from ...abi.errnos import (
    EBADF,
    EBUSY,
    EINVAL,
    ENOENT,
    ENOMEM,
    ENOSYS,
    ENOTTY,
    EPERM,
    ESRCH,
)
from ...abi.fcntl import O_CLOEXEC
from ...abi.kinds import (
    K_UFFD_API,
    K_UFFD_COPY,
    K_UFFD_MOVE,
    K_UFFD_REGISTER,
    K_UFFD_UNREGISTER,
    K_UFFD_WAKE,
    K_UFFD_WRITEPROTECT,
)
from ...abi.mman import UFFD_USER_MODE_ONLY
from ...abi.rows import RSF_ASSUMED
from ...abi.vmflags import (
    VM_DROPPABLE,
    VM_HUGETLB,
    VM_MAYWRITE,
    VM_UFFD,
    VM_UFFD_MINOR,
    VM_UFFD_MISSING,
    VM_UFFD_WP,
)
from ...machine.archwords import A_HUGE_SHIFT
from ...machine.callrules import R_UFFD, R_UFFD_FEATURES, R_UFFD_UNREGISTERS_OWN, R_UFFD_WP_UNDO
from ...machine.limitrules import R_UNPRIVILEGED_UFFD
from ..account import capable
from ..addr import uword
from ..areas.merge import vma_modify_uffd
from ..areas.vma import object_wants_writenotify, vma_is_anonymous
from ..areas.vmaset import find_exact, find_vma
from ..fds.descriptors import descriptor_of
from ..files.files import FMODE_READ, FMODE_WRITE, fd_install, fget, file_new
from ..files.hugepool import hugefile_shift
from ..files.inodes import inode_new, inode_put
from ..jit import kernel
from ..pages.pgwalk import (
    HUGE_ENTRY,
    next_leaf,
    pmd_lookup,
    pmd_word,
    pte_ensure,
    pte_index,
    span_end,
    span_shift,
)
from ..pages.pte import (
    MARKER_UFFD_WP,
    mk_pte_marker,
    pte_clear_uffd_wp,
    pte_mkuffd_wp,
    pte_present,
    pte_uffd_wp,
)
from ..pages.thp import huge_split
from ..ranges.hugetlb import hugetlb_protect
from ..ranges.pgtable import protect_word
from ..state import (
    G_FOLLOW,
    G_HAS_RET,
    G_INODE_LIST,
    G_MM_LIST,
    G_REC_RET,
    G_RSFLAGS,
    G_UFFD_CLOSED,
    H_ARCH,
    H_RULES,
    I_FILLK,
    I_FOLIO,
    I_NEXT,
    I_REFS,
    I_SEALS,
    I_TYPE,
    MM_FIRST,
    MM_ID,
    MM_NEXT,
    O_INODE,
    OPS_HUGETLB,
    OPS_SHM,
    OPS_SHMEM,
    T_FILES,
    T_MM,
    TYPE_UFFD,
    TYPE_UNMAPPABLE,
    V_END,
    V_FLAGS,
    V_INODE,
    V_NEXT,
    V_OPS,
    V_PROT,
    V_START,
    V_UFFD,
    Mem,
)
from ..why import NOT_MINE
from .fill import bad_range, uffd_fill, uffd_move

U_FEATURES = I_SEALS  # features asked for, and UFFD_READY once the API was
U_USER_ONLY = I_FILLK
U_MM = I_FOLIO  # MM_ID of the address space that made the descriptor: all its ioctls are about that one
UFFD_READY = 1 << 31
_VERSION = 0xAA
_WP_ASYNC, _WP_UNPOPULATED = 1 << 15, 1 << 13
_WRITEPROTECT_WP, _WRITEPROTECT_DONTWAKE = 1, 2
_FLAGS_KNOWN = O_CLOEXEC | 0o4000 | UFFD_USER_MODE_ONLY


@kernel
def sys_userfaultfd(m: Mem, task: int, flags: int, wanted: int) -> int:
    """userfaultfd(flags): the descriptor or -errno; `wanted` - 1 is a scenario's own number, 0: the kernel chooses."""
    if m[H_RULES + R_UFFD] == 0:
        return -ENOSYS
    if flags & ~_FLAGS_KNOWN:
        return -EINVAL
    if flags & UFFD_USER_MODE_ONLY == 0 and capable(m, task) == 0 and m[H_RULES + R_UNPRIVILEGED_UFFD] == 0:
        return -EPERM
    inode = inode_new(m, TYPE_UFFD, 0)
    if inode == 0:
        return -ENOMEM
    m[inode + U_MM] = m[m[task + T_MM] + MM_ID]
    m[inode + U_USER_ONLY] = flags & UFFD_USER_MODE_ONLY
    fd = descriptor_of(m, task, inode, FMODE_READ | FMODE_WRITE, 1 if flags & O_CLOEXEC else 0, wanted - 1)
    return 0 if fd >= 0 and wanted > 0 else fd


@kernel
def _space(m: Mem, uffd: int) -> int:
    """The address space that the descriptor is about; 0: it has gone (mmget_not_zero)."""
    mm = m[G_MM_LIST]
    while mm != 0 and m[mm + MM_ID] != m[uffd + U_MM]:
        mm = m[mm + MM_NEXT]
    return mm


@kernel
def _api(m: Mem, task: int, uffd: int, features: int, version: int) -> int:
    """UFFDIO_API: once, with features that the kernel has."""
    if version not in (0, _VERSION) or features & ~m[H_RULES + R_UFFD_FEATURES]:
        return -EINVAL
    if features & 2 and capable(m, task) == 0:  # EVENT_FORK
        return -EPERM
    if m[uffd + U_FEATURES] != 0:
        return -EINVAL
    if features & _WP_ASYNC:
        features |= _WP_UNPOPULATED
    m[uffd + U_FEATURES] = features | UFFD_READY
    return 0


# ---- registering -----------------------------------------------------------------------------


@kernel
def _can_register(m: Mem, vma: int, modes: int, async_wp: int) -> int:
    """1 if an area of this kind may be registered with the modes (vma_can_userfault)."""
    if m[vma + V_FLAGS] & VM_DROPPABLE:
        return 0
    ops = m[vma + V_OPS]
    shmem = 1 if ops in (OPS_SHMEM, OPS_SHM, OPS_HUGETLB) else 0
    if modes & VM_UFFD_MINOR and shmem == 0:
        return 0
    if async_wp != 0 and modes == VM_UFFD_WP:
        return 1
    return 1 if shmem != 0 or vma_is_anonymous(m, vma) != 0 else 0


@kernel
def _huge_misfit(m: Mem, vma: int, start: int, end: int) -> int:
    """1 if the range begins or ends inside a huge page of hugetlb area `vma`."""
    if m[vma + V_FLAGS] & VM_HUGETLB == 0:
        return 0
    size = 1 << hugefile_shift(m, m[vma + V_INODE])
    if m[vma + V_START] <= start and start & (size - 1):
        return 1
    return 1 if end <= m[vma + V_END] and end & (size - 1) else 0


@kernel
def _set_registration(m: Mem, mm: int, vma: int, start: int, end: int, modes: int, uffd: int) -> int:
    """Give the part of `vma` in [start, end) the modes and descriptor: the area that holds it, or -errno."""
    low = max(m[vma + V_START], start)
    high = min(m[vma + V_END], end)
    flags = (m[vma + V_FLAGS] & ~VM_UFFD) | modes
    return vma_modify_uffd(m, mm, vma, low, high, flags, uffd)


@kernel
def _register(m: Mem, mm: int, uffd: int, start: int, length: int, mode: int) -> int:
    """UFFDIO_REGISTER: every area is looked at before any is changed."""
    if mode == 0 or mode & ~7:
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
    async_wp = m[uffd + U_FEATURES] & _WP_ASYNC
    while vma != 0 and m[vma + V_START] < end:
        if _can_register(m, vma, modes, async_wp) == 0:
            return -EINVAL
        if m[vma + V_FLAGS] & VM_MAYWRITE == 0:
            return -EPERM
        if _huge_misfit(m, vma, start, end) != 0:
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
        _protect(m, mm, vma, max(start, m[vma + V_START]), min(end, m[vma + V_END]), 0)
    return _set_registration(m, mm, vma, start, end, 0, 0)


@kernel
def _unregister(m: Mem, mm: int, uffd: int, start: int, length: int) -> int:
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
        if _can_register(m, vma, m[vma + V_FLAGS] & VM_UFFD, m[uffd + U_FEATURES] & _WP_ASYNC) == 0:
            return -EINVAL
        if _huge_misfit(m, vma, start, end) != 0:
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


# ---- write protection ------------------------------------------------------------------------


@kernel
def _protected_word(m: Mem, vma: int, w: int, protect: int) -> int:
    """The present PTE word with or without userfaultfd's write protection (uffd_wp_range, change_pte_range).

    Lifting it gives every page the protection that the area has now, which a shared area of write protection has
    without the right to write: only private pages get it back (6.2).
    """
    if protect != 0:
        return pte_mkuffd_wp(m, w)
    if m[H_RULES + R_UFFD_WP_UNDO] == 0:
        return pte_clear_uffd_wp(m, w) if pte_uffd_wp(m, w) != 0 else w
    flags = m[vma + V_FLAGS]
    notify = object_wants_writenotify(m, vma, flags)
    return protect_word(m, pte_clear_uffd_wp(m, w), m[vma + V_PROT], flags, notify)


@kernel
def _markers(m: Mem, vma: int) -> int:
    """1 if absent pages of the area can be write-protected (userfaultfd_wp_use_markers)."""
    if m[vma + V_FLAGS] & VM_UFFD_WP == 0 or m[vma + V_UFFD] == 0:
        return 0
    if vma_is_anonymous(m, vma) == 0:
        return 1
    return 1 if m[m[vma + V_UFFD] + U_FEATURES] & _WP_UNPOPULATED else 0


@kernel
def _protect(m: Mem, mm: int, vma: int, start: int, end: int, protect: int) -> int:
    """Write-protect the pages of [start, end) of `vma`, or lift that (uffd_wp_range): 0 or -ENOMEM."""
    if m[vma + V_FLAGS] & VM_HUGETLB:
        if hugefile_shift(m, m[vma + V_INODE]) != m[H_ARCH + A_HUGE_SHIFT]:
            return 0  # pages of 1 GiB: there are none
        return hugetlb_protect(m, mm, start, end, protect)
    whole = 1 << span_shift(m)
    marker = mk_pte_marker(m, MARKER_UFFD_WP)
    markers = _markers(m, vma) if protect != 0 else 0
    addr = start if markers != 0 else next_leaf(m, mm, start, end)
    while addr < end:
        limit = span_end(m, addr, end)
        slot = pmd_lookup(m, mm, addr)
        if slot != 0 and m[slot] == HUGE_ENTRY and limit - addr == whole:
            word = pmd_word(m, slot)
            m[word] = _protected_word(m, vma, m[word], protect)
        else:
            if slot != 0 and m[slot] == HUGE_ENTRY and huge_split(m, mm, slot) == 0:
                return -ENOMEM
            p = pte_ensure(m, mm, addr) if markers != 0 else m[slot] + pte_index(m, addr)
            if p == 0:
                return -ENOMEM
            for q in range(p, p + pte_index(m, limit - 1) - pte_index(m, addr) + 1):
                w = m[q]
                if w == 0:
                    if markers != 0:
                        m[q] = marker
                elif pte_present(m, w) != 0:
                    m[q] = _protected_word(m, vma, w, protect)
                elif protect == 0 and w == marker:
                    m[q] = 0
        addr = limit if markers != 0 else next_leaf(m, mm, limit, end)
    return 0


@kernel
def _writeprotect(m: Mem, mm: int, start: int, length: int, mode: int) -> int:
    """UFFDIO_WRITEPROTECT (mwriteprotect_range)."""
    if bad_range(m, start, length) != 0 or mode & ~3 or mode == 3:
        return -EINVAL
    if mm == 0:
        return -ESRCH
    end = start + length
    error = -ENOENT
    vma = find_vma(m, mm, start)
    while vma != 0 and m[vma + V_START] < end:
        if m[vma + V_FLAGS] & VM_UFFD_WP == 0:
            return -ENOENT
        if _huge_misfit(m, vma, start, end) != 0:
            return -EINVAL
        low = max(start, m[vma + V_START])
        error = _protect(m, mm, vma, low, min(end, m[vma + V_END]), mode & _WRITEPROTECT_WP)
        if error != 0:
            return error
        vma = m[vma + V_NEXT]
    return error


@kernel
def _passed(m: Mem, task: int, kind: int, fd: int, addr: int) -> int:
    """Install what another process must have passed over as `fd`, for the call worked; 0: not told which it is.

    It is the one whose registration holds `addr`; for a registration the only one there is.
    """
    found = 0
    inode = m[G_INODE_LIST]
    while inode != 0:
        if m[inode + I_TYPE] == TYPE_UFFD and m[inode + U_FEATURES] != 0 and m[inode + I_REFS] > 0:
            mm = _space(m, inode)
            vma = find_exact(m, mm, addr) if mm != 0 and addr >= 0 and kind != K_UFFD_REGISTER else 0
            if kind == K_UFFD_REGISTER or (vma != 0 and m[vma + V_UFFD] == inode):
                if found != 0:
                    return 0
                found = inode
        inode = m[inode + I_NEXT]
    if found == 0:
        return 0
    file = file_new(m, found, FMODE_READ | FMODE_WRITE)
    if file == 0 or fd_install(m, m[task + T_FILES], fd, file, 0) < 0:
        return 0
    m[G_RSFLAGS] |= RSF_ASSUMED
    return file


@kernel
def uffd_call(m: Mem, task: int, kind: int, fd: int, a: int, b: int, c: int, d: int) -> int:
    """One ioctl of userfaultfd: 0 or -errno; on another descriptor ENOTTY, before UFFDIO_API EINVAL."""
    file = fget(m, task, fd)
    if m[G_FOLLOW] != 0 and m[G_HAS_RET] != 0 and m[G_REC_RET] >= 0:
        if file == 0 or m[m[file + O_INODE] + I_TYPE] != TYPE_UFFD:
            file = _passed(m, task, kind, fd, uword(m, a)) if kind != K_UFFD_API else 0
            if file == 0:
                return NOT_MINE  # the log does not show the making of the descriptor
    if file == 0:
        return -EBADF
    uffd = m[file + O_INODE]
    if m[uffd + I_TYPE] != TYPE_UFFD:
        return -ENOTTY
    if kind == K_UFFD_API:
        return _api(m, task, uffd, a, b)
    if m[uffd + U_FEATURES] == 0:
        return -EINVAL
    mm = _space(m, uffd)
    a = uword(m, a)
    b = uword(m, b)
    if kind == K_UFFD_REGISTER:
        return _register(m, mm, uffd, a, b, c)
    if kind == K_UFFD_UNREGISTER:
        return _unregister(m, mm, uffd, a, b)
    if kind == K_UFFD_WAKE:
        return -EINVAL if bad_range(m, a, b) != 0 else 0
    if kind == K_UFFD_WRITEPROTECT:
        return _writeprotect(m, mm, a, b, c)
    if kind == K_UFFD_MOVE:
        if mm != m[task + T_MM]:  # no page moves between address spaces
            return -EINVAL
        return uffd_move(m, mm, uffd, a, b, uword(m, c), d)
    if kind == K_UFFD_COPY:
        return uffd_fill(m, task, mm, kind, a, b, uword(m, c), d)
    return uffd_fill(m, task, mm, kind, a, 0, b, c)
