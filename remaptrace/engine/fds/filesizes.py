"""Sizes and bytes of files: ftruncate, fallocate, one byte read or written, and the seals that refuse them.

What a file system on disk answers beyond that is not modelled.
"""

from __future__ import annotations

from ...abi.errnos import EBADF, EBUSY, EFBIG, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP, EPERM, ESPIPE
from ...abi.fcntl import (
    F_SEAL_EXEC,
    F_SEAL_GROW,
    F_SEAL_SEAL,
    F_SEAL_SHRINK,
    F_SEAL_WRITE,
    FALLOC_COLLAPSE_RANGE,
    FALLOC_INSERT_RANGE,
    FALLOC_KEEP_SIZE,
    FALLOC_MODES,
    FALLOC_PUNCH_HOLE,
    FALLOC_UNSHARE_RANGE,
    FALLOC_WRITE_ZEROES,
    FALLOC_ZERO_RANGE,
    SEALS_OF_WRITING,
)
from ...abi.special import FILE_SECRET
from ...abi.vmflags import VM_MAYWRITE, VM_SHARED
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.callrules import FALLOCATE_WRITE_ZEROES, R_FALLOCATE_FLAGS
from ...machine.rules import R_MEMFD_EXEC
from ..files.files import FMODE_READ, FMODE_WRITE, fget
from ..files.hugepool import hugefile_shift
from ..files.pagecache import cache_reserve, cache_unreserve, cached_frame, file_load, file_store
from ..files.special import UNKNOWN_SIZE, no_offsets, no_punch
from ..jit import kernel
from ..ranges.hugetlb import hugefile_truncate
from ..ranges.reclaim import frame_available
from ..ranges.truncate import inode_punch, inode_truncate
from ..state import (
    G_VALUE,
    H_ARCH,
    H_RULES,
    I_KIND,
    I_SEALS,
    I_SIZE,
    I_TYPE,
    I_VMAS,
    O_INODE,
    O_MODE,
    OPS_FILE,
    OPS_HUGETLB,
    OPS_SHMEM,
    OPS_ZERO,
    TYPE_UNMAPPABLE,
    V_FLAGS,
    V_INEXT,
    Mem,
)
from ..why import NOT_MINE
from .hugefiles import hugefile_fallocate

_ALL_SEALS = 63
_MOST_RESERVED = 4096
"""Pages that one fallocate reserves one by one; of more they stay holes, which read as the same zeros."""

_MAX_SIZE = (1 << 63) - 1


@kernel
def sys_ftruncate(m: Mem, task: int, fd: int, length: int) -> int:
    """ftruncate: EINVAL, EBADF, EPERM (seals), in the order of do_sys_ftruncate and shmem_setattr."""
    if length < 0:
        return -EINVAL
    o = fget(m, task, fd)
    if o == 0:
        return -EBADF
    inode = m[o + O_INODE]
    huge = 1 if m[inode + I_TYPE] == OPS_HUGETLB else 0
    if (m[inode + I_TYPE] >= OPS_ZERO and huge == 0) or (m[o + O_MODE] & FMODE_WRITE) == 0:
        return -EINVAL
    kind = m[inode + I_KIND]
    if kind != 0 and (kind != FILE_SECRET or m[inode + I_SIZE] not in (0, UNKNOWN_SIZE)):
        return -EINVAL  # no file of a size; secret memory gets its size once
    if huge != 0 and length & ((1 << hugefile_shift(m, inode)) - 1):
        return -EINVAL
    seals = m[inode + I_SEALS]
    if length < m[inode + I_SIZE] and seals & F_SEAL_SHRINK:
        return -EPERM
    if length > m[inode + I_SIZE] and seals & F_SEAL_GROW:
        return -EPERM
    if huge != 0:
        hugefile_truncate(m, inode, length)
    else:
        inode_truncate(m, inode, length)
    return 0


@kernel
def _fallocate_mode(m: Mem, mode: int) -> int:
    """0 if the kernel knows this mix of flags, else -errno (vfs_fallocate, before it asks for write permission)."""
    what = mode & ~FALLOC_KEEP_SIZE
    keep = mode & FALLOC_KEEP_SIZE
    if m[H_RULES + R_FALLOCATE_FLAGS] == FALLOCATE_WRITE_ZEROES and mode == FALLOC_WRITE_ZEROES:
        return 0
    if mode & ~(FALLOC_KEEP_SIZE | FALLOC_MODES) or (what & FALLOC_PUNCH_HOLE and keep == 0):
        return -EOPNOTSUPP
    if what & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE) == FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE:
        return -EOPNOTSUPP
    if m[H_RULES + R_FALLOCATE_FLAGS] != 0:
        if what & (what - 1) != 0:  # more than one of them
            return -EOPNOTSUPP
        return -EOPNOTSUPP if keep != 0 and what in (FALLOC_COLLAPSE_RANGE, FALLOC_INSERT_RANGE) else 0
    for alone in (FALLOC_COLLAPSE_RANGE, FALLOC_INSERT_RANGE):
        if mode & alone and mode != alone:
            return -EINVAL
    return -EINVAL if mode & FALLOC_UNSHARE_RANGE and what != FALLOC_UNSHARE_RANGE else 0


@kernel
def sys_fallocate(m: Mem, task: int, fd: int, mode: int, offset: int, length: int) -> int:
    """fallocate in the order of vfs_fallocate and shmem_fallocate: 0 or -errno.

    shmem knows plain allocation and FALLOC_FL_PUNCH_HOLE; what a disk file system does with the other
    modes is not modelled.
    """
    o = fget(m, task, fd)
    if o == 0:
        return -EBADF
    if offset < 0 or length <= 0:
        return -EINVAL
    error = _fallocate_mode(m, mode)
    if error != 0:
        return error
    if (m[o + O_MODE] & FMODE_WRITE) == 0:
        return -EBADF
    if offset > _MAX_SIZE - length:
        return -EFBIG
    inode = m[o + O_INODE]
    kind = m[inode + I_TYPE]
    if kind >= TYPE_UNMAPPABLE:  # a pipe, a directory, a socket: each has its own error
        return NOT_MINE
    if kind == OPS_HUGETLB:
        return hugefile_fallocate(m, inode, mode, offset, length)
    error = -ENODEV if kind >= OPS_ZERO else no_punch(m, inode)
    if error != 0:
        return error
    if mode & ~(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE):
        return NOT_MINE if kind == OPS_FILE else -EOPNOTSUPP
    seals = m[inode + I_SEALS]
    if mode & FALLOC_PUNCH_HOLE:
        if seals & SEALS_OF_WRITING:
            return -EPERM
        inode_punch(m, inode, offset, offset + length)
        return 0
    if offset + length > m[inode + I_SIZE] and seals & F_SEAL_GROW:
        return -EPERM
    if kind == OPS_SHMEM and _reserve(m, inode, offset, offset + length) != 0:
        return -ENOMEM
    if offset + length > m[inode + I_SIZE] and mode == 0:
        inode_truncate(m, inode, offset + length)
    return 0


@kernel
def _reserve(m: Mem, inode: int, start: int, end: int) -> int:
    """Allocate the pages of bytes [start, end), or none of them: 0 or -ENOMEM (shmem_fallocate)."""
    shift = m[H_ARCH + A_PAGE_SHIFT]
    first, last = start >> shift, (end + (1 << shift) - 1) >> shift
    if last - first > _MOST_RESERVED:
        return 0
    for index in range(first, last):
        if frame_available(m) == 0 or cache_reserve(m, inode, index) == 0:
            cache_unreserve(m, inode, first, index)
            return -ENOMEM
    return 0


@kernel
def sys_pread(m: Mem, task: int, fd: int, offset: int) -> int:
    """One byte of a file: 0 with the byte in G_VALUE, or -1 there at its end; EBADF, EINVAL, ESPIPE."""
    o = fget(m, task, fd)
    if o == 0:
        return -EBADF
    inode = m[o + O_INODE]
    if no_offsets(m, inode) != 0:
        return -ESPIPE
    if (m[o + O_MODE] & FMODE_READ) == 0:
        return -EBADF
    if offset < 0 or offset == _MAX_SIZE:  # the byte's end leaves a signed word (rw_verify_area)
        return -EINVAL
    if offset >= m[inode + I_SIZE]:
        return 0
    if frame_available(m) == 0 and cached_frame(m, inode, offset >> m[H_ARCH + A_PAGE_SHIFT]) == 0:
        return -ENOMEM
    m[G_VALUE] = file_load(m, inode, offset)
    return 0


@kernel
def sys_pwrite(m: Mem, task: int, fd: int, offset: int, value: int) -> int:
    """Store one byte in a file: 0, or EBADF, EINVAL, ESPIPE, EPERM (seals)."""
    o = fget(m, task, fd)
    if o == 0:
        return -EBADF
    inode = m[o + O_INODE]
    if no_offsets(m, inode) != 0:
        return -ESPIPE
    if (m[o + O_MODE] & FMODE_WRITE) == 0:
        return -EBADF
    if offset < 0 or offset == _MAX_SIZE:  # the byte's end leaves a signed word (rw_verify_area)
        return -EINVAL
    if m[inode + I_TYPE] == OPS_HUGETLB:  # hugetlbfs has no write method
        return -EINVAL
    seals = m[inode + I_SEALS]
    if seals & SEALS_OF_WRITING:
        return -EPERM
    if offset >= m[inode + I_SIZE] and seals & F_SEAL_GROW:
        return -EPERM
    if frame_available(m) == 0 and cached_frame(m, inode, offset >> m[H_ARCH + A_PAGE_SHIFT]) == 0:
        return -ENOMEM
    file_store(m, inode, offset, value & 0xFF)
    return 0


@kernel
def sys_add_seals(m: Mem, task: int, fd: int, seals: int) -> int:
    """fcntl(F_ADD_SEALS): EBADF, EPERM, EINVAL, EBUSY (memfd_add_seals)."""
    o = fget(m, task, fd)
    if o == 0:
        return -EBADF
    inode = m[o + O_INODE]
    if (m[o + O_MODE] & FMODE_WRITE) == 0:
        return -EPERM
    known = _ALL_SEALS if m[H_RULES + R_MEMFD_EXEC] != 0 else _ALL_SEALS & ~F_SEAL_EXEC
    if seals & ~known or m[inode + I_KIND] != 0 or m[inode + I_TYPE] not in (OPS_SHMEM, OPS_HUGETLB):
        return -EINVAL
    if m[inode + I_SEALS] & F_SEAL_SEAL:
        return -EPERM
    if seals & F_SEAL_WRITE and (m[inode + I_SEALS] & F_SEAL_WRITE) == 0:
        vma = m[inode + I_VMAS]
        while vma != 0:
            if m[vma + V_FLAGS] & VM_SHARED and m[vma + V_FLAGS] & VM_MAYWRITE:
                return -EBUSY
            vma = m[vma + V_INEXT]
    if seals & F_SEAL_EXEC and m[inode + I_SEALS] & F_SEAL_EXEC == 0:  # of a file that may be executed
        seals |= F_SEAL_SHRINK | F_SEAL_GROW | SEALS_OF_WRITING
    m[inode + I_SEALS] |= seals
    return 0
