"""userfaultfd: the descriptor, and which of its ioctls is which (fs/userfaultfd.c).

Each ioctl has its module: `register`, `writeprotect`, `fill`, `move`; what becomes of a fault is `faults.fault`. Each
function gives 0 or -errno, as the ioctl does.
"""

from __future__ import annotations

from ...abi.errnos import (
    EBADF,
    EINVAL,
    ENOMEM,
    ENOSYS,
    ENOTTY,
    EPERM,
)
from ...abi.fcntl import O_CLOEXEC
from ...abi.kinds import (
    K_UFFD_API,
    K_UFFD_CONTINUE,
    K_UFFD_COPY,
    K_UFFD_MOVE,
    K_UFFD_POISON,
    K_UFFD_REGISTER,
    K_UFFD_UNREGISTER,
    K_UFFD_WAKE,
    K_UFFD_WRITEPROTECT,
)
from ...abi.mman import UFFD_USER_MODE_ONLY
from ...abi.rows import RSF_ASSUMED
from ...machine.archwords import P_UFFD_WP
from ...machine.callrules import R_UFFD, R_UFFD_FEATURES
from ...machine.limitrules import R_UNPRIVILEGED_UFFD
from ..account import capable
from ..addr import uword
from ..areas.vmaset import find_exact
from ..fds.descriptors import descriptor_of
from ..files.files import FMODE_READ, FMODE_WRITE, fd_install, fget, file_new
from ..files.inodes import inode_new
from ..jit import kernel
from ..state import (
    G_FOLLOW,
    G_HAS_RET,
    G_INODE_LIST,
    G_MM_LIST,
    G_REC_RET,
    G_RSFLAGS,
    H_ARCH,
    H_RULES,
    I_NEXT,
    I_REFS,
    I_TYPE,
    MM_ID,
    MM_NEXT,
    O_INODE,
    T_FILES,
    T_MM,
    TYPE_UFFD,
    U_FEATURES,
    U_MM,
    U_USER_ONLY,
    UFFD_READY,
    V_UFFD,
    Mem,
)
from ..why import NOT_MINE
from .fill import bad_range, uffd_fill
from .move import uffd_move
from .register import uffd_register, uffd_unregister
from .writeprotect import WP_ASYNC, WP_UNPOPULATED, uffd_writeprotect

_VERSION = 0xAA
_FEATURES_OF_WP = 0xB601
"""What an architecture without the write-protect bit does not offer: PAGEFAULT_FLAG_WP, WP_HUGETLBFS_SHMEM,
WP_UNPOPULATED, WP_ASYNC, and with them MINOR_HUGETLBFS and MINOR_SHMEM, which the same ones have (fs/userfaultfd.c)."""
_POISON, _MOVE, _MINOR_HUGETLBFS = 1 << 14, 1 << 16, 1 << 9
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
    fd = descriptor_of(m, task, inode, FMODE_READ, 1 if flags & O_CLOEXEC else 0, wanted - 1)
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
    known = m[H_RULES + R_UFFD_FEATURES]
    if m[H_ARCH + P_UFFD_WP] == 0:
        known &= ~_FEATURES_OF_WP
    if version not in (0, _VERSION) or features & ~known:
        return -EINVAL
    if features & 2 and capable(m, task) == 0:  # EVENT_FORK
        return -EPERM
    if m[uffd + U_FEATURES] != 0:
        return -EINVAL
    if features & WP_ASYNC:
        features |= WP_UNPOPULATED
    m[uffd + U_FEATURES] = features | UFFD_READY
    return 0


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
def _unknown_ioctl(m: Mem, kind: int) -> int:
    """1 if the kernel is older than the ioctl, which came with its feature."""
    feature = 0
    if kind == K_UFFD_POISON:
        feature = _POISON
    elif kind == K_UFFD_MOVE:
        feature = _MOVE
    elif kind == K_UFFD_CONTINUE:
        feature = _MINOR_HUGETLBFS
    return 1 if feature & ~m[H_RULES + R_UFFD_FEATURES] else 0


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
    if m[uffd + U_FEATURES] == 0 or _unknown_ioctl(m, kind) != 0:
        return -EINVAL
    mm = _space(m, uffd)
    a = uword(m, a)
    b = uword(m, b)
    if kind == K_UFFD_REGISTER:
        return uffd_register(m, mm, uffd, a, b, c)
    if kind == K_UFFD_UNREGISTER:
        return uffd_unregister(m, mm, uffd, a, b)
    if kind == K_UFFD_WAKE:
        return -EINVAL if bad_range(m, a, b) != 0 else 0
    if kind == K_UFFD_WRITEPROTECT:
        return uffd_writeprotect(m, mm, a, b, c)
    if kind == K_UFFD_MOVE:
        if mm != m[task + T_MM]:  # no page moves between address spaces
            return -EINVAL
        return uffd_move(m, mm, uffd, a, b, uword(m, c), d)
    if kind == K_UFFD_COPY:
        return uffd_fill(m, task, mm, kind, a, b, uword(m, c), d)
    return uffd_fill(m, task, mm, kind, a, 0, b, c)
