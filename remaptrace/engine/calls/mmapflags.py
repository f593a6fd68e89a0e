"""What a mapping may be: VM flags from PROT_* and MAP_*, and the type checks (linux-6.x 2.1, linux-2.6.21 2.3, 2.4).

Numbers of PROT_* and MAP_* are those of the generic ABI.
"""

from __future__ import annotations

from ...abi.errnos import EACCES, EINVAL, EIO, ENODEV, ENXIO, EOPNOTSUPP, EOVERFLOW, EPERM
from ...abi.fcntl import F_SEAL_FUTURE_WRITE, F_SEAL_WRITE, SEALS_OF_WRITING
from ...abi.mman import (
    MAP_DROPPABLE,
    MAP_LOCKED,
    MAP_PRIVATE,
    MAP_SHARED,
    MAP_SHARED_VALIDATE,
    MAP_STACK,
    MAP_SYNC,
    MAP_TYPE,
)
from ...abi.vmflags import (
    VM_ACCESS,
    VM_DONTDUMP,
    VM_DONTEXPAND,
    VM_DROPPABLE,
    VM_EXEC,
    VM_GROWSDOWN,
    VM_HUGETLB,
    VM_LOCKED,
    VM_MAYEXEC,
    VM_MAYREAD,
    VM_MAYSHARE,
    VM_MAYWRITE,
    VM_NOHUGEPAGE,
    VM_NORESERVE,
    VM_SHARED,
    VM_SYNC,
    VM_WIPEONFORK,
    VM_WRITE,
)
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.callrules import R_THP
from ...machine.limitrules import R_STACK_NEEDS_THP
from ...machine.rules import (
    R_DROPPABLE,
    R_FILE_GROWSDOWN_EARLY,
    R_FILE_SIZE_CHECK,
    R_FIXED_KEEPS_OLD,
    R_SEALED_READ,
    R_SHARED_VALIDATE,
    R_STACK_NOHUGE,
)
from ..files.files import FMODE_READ, FMODE_WRITE
from ..jit import kernel, ult
from ..marks import NOEXEC_ASSUMED, SEAL_ASSUMED
from ..state import (
    G_TAKE,
    H_ARCH,
    H_RULES,
    I_SEALS,
    I_TYPE,
    MM_DEFFLAGS,
    O_APPEND,
    O_INODE,
    O_MODE,
    O_NOEXEC,
    OPS_DEVICE,
    OPS_FILE,
    OPS_HUGETLB,
    T_MM,
    TYPE_UNMAPPABLE,
    Mem,
)
from ..why import (
    WHY_FD_MODE,
    WHY_FILE_SEALED,
    WHY_NOEXEC,
    WHY_NOEXEC_TAKEN,
    WHY_REFUSED,
    WHY_SEAL_TAKEN,
    WHY_UNMAPPABLE,
    refuse,
    take,
)

LEGACY_MAP_MASK = 0x0407_FFF3 | (0x3F << 26)  # what MAP_SHARED_VALIDATE knows beside MAP_SYNC

MAX_LFS_FILESIZE = (1 << 63) - 1


@kernel
def _offset_fits(m: Mem, pgoff: int, length: int) -> int:
    """0 if the last byte of the mapping lies beyond the largest possible file (file_mmap_ok)."""
    if m[H_RULES + R_FILE_SIZE_CHECK] == 0:
        return 1
    last = (MAX_LFS_FILESIZE - length) >> m[H_ARCH + A_PAGE_SHIFT]
    return 1 if ult(last, pgoff) == 0 else 0


@kernel
def file_flags(m: Mem, file: int, prot: int, flags: int, vm: int, pgoff: int, length: int) -> int:
    """The VM flags of a file mapping, or -errno: step 12 of linux-6.x 2.1."""
    kind = flags & MAP_TYPE
    mode = m[file + O_MODE]
    inode = m[file + O_INODE]
    if m[inode + I_TYPE] != OPS_DEVICE and _offset_fits(m, pgoff, length) == 0:
        return -EOVERFLOW
    if kind == MAP_SHARED_VALIDATE and m[H_RULES + R_SHARED_VALIDATE] != 0:
        known = LEGACY_MAP_MASK | (MAP_SYNC if m[inode + I_TYPE] == OPS_FILE else 0)
        if flags & ~known:
            return -EOPNOTSUPP
        kind = MAP_SHARED
    if kind == MAP_SHARED:
        if prot & VM_WRITE and mode & FMODE_WRITE == 0:
            return refuse(m, WHY_FD_MODE, EACCES)
        if m[file + O_APPEND] == 2 and mode & FMODE_WRITE:  # an append-only inode, not O_APPEND
            return -EACCES
        vm |= VM_SHARED | VM_MAYSHARE
        if mode & FMODE_WRITE == 0:
            vm &= ~(VM_MAYWRITE | VM_SHARED)
    elif kind != MAP_PRIVATE:
        return -EINVAL
    if mode & FMODE_READ == 0:
        return refuse(m, WHY_FD_MODE, EACCES)
    if m[file + O_NOEXEC] != 0:
        if vm & VM_EXEC:
            return refuse(m, WHY_NOEXEC if m[file + O_NOEXEC] != NOEXEC_ASSUMED else WHY_NOEXEC_TAKEN, EPERM)
        vm &= ~VM_MAYEXEC
    if m[inode + I_TYPE] >= TYPE_UNMAPPABLE:
        if m[G_TAKE] in (EIO, EINVAL, ENXIO):  # a method of its own, as files of /proc have (proc_reg_mmap)
            return take(m, WHY_REFUSED, m[G_TAKE])
        return refuse(m, WHY_UNMAPPABLE, ENODEV)
    if vm & VM_GROWSDOWN and m[H_RULES + R_FILE_GROWSDOWN_EARLY] != 0:
        return -EINVAL
    if m[inode + I_TYPE] == OPS_HUGETLB:
        vm |= VM_HUGETLB | VM_DONTEXPAND
    return _seal_flags(m, m[inode + I_SEALS], vm)


@kernel
def _seal_flags(m: Mem, seals: int, vm: int) -> int:
    """Flags of a mapping of a memfd with these seals, or -EPERM (memfd_check_seals_mmap).

    F_SEAL_WRITE is seen before anything is unmapped (mapping_map_writable), F_SEAL_FUTURE_WRITE alone
    only by the file's mmap method on kernels before 6.12.
    """
    if vm & VM_SHARED == 0 or seals & SEALS_OF_WRITING == 0:
        return vm
    if m[H_RULES + R_SEALED_READ] == 0 and seals & F_SEAL_WRITE:
        return vm
    if vm & VM_WRITE == 0:
        return vm & ~VM_MAYWRITE
    if seals & F_SEAL_WRITE or m[H_RULES + R_FIXED_KEEPS_OLD] != 0:
        return refuse(m, WHY_SEAL_TAKEN if seals & SEAL_ASSUMED else WHY_FILE_SEALED, EPERM)
    return vm


@kernel
def anonymous_flags(m: Mem, flags: int, vm: int) -> int:
    """The VM flags of an anonymous mapping, or -EINVAL: step 13 of linux-6.x 2.1."""
    kind = flags & MAP_TYPE
    if kind == MAP_SHARED:
        if vm & VM_GROWSDOWN and m[H_RULES + R_FILE_GROWSDOWN_EARLY] != 0:
            return -EINVAL
        return vm | VM_SHARED | VM_MAYSHARE
    if kind == MAP_DROPPABLE and m[H_RULES + R_DROPPABLE] != 0:
        if flags & MAP_LOCKED or vm & VM_GROWSDOWN:
            return -EINVAL
        return vm | VM_DROPPABLE | VM_NORESERVE | VM_WIPEONFORK | VM_DONTDUMP
    return vm if kind == MAP_PRIVATE else -EINVAL


@kernel
def late_errors(m: Mem, file: int, vm: int) -> int:
    """Errors of the file's own mmap method, and of seals on kernels that ask late: 0 or -errno.

    The method of hugetlbfs reserves, see `hugetlb_reserve`.
    """
    if file == 0:
        return 0
    inode = m[file + O_INODE]
    if vm & VM_GROWSDOWN:
        return -EINVAL
    if vm & VM_SYNC and m[inode + I_TYPE] == OPS_FILE:  # not a DAX file system
        return -EOPNOTSUPP
    if vm & VM_SHARED == 0:
        return 0
    if m[inode + I_SEALS] & (F_SEAL_FUTURE_WRITE if vm & VM_WRITE else 0):
        return refuse(m, WHY_FILE_SEALED, EPERM)
    if m[inode + I_SEALS] & F_SEAL_WRITE and m[H_RULES + R_SEALED_READ] == 0:
        return refuse(m, WHY_FILE_SEALED, EPERM)
    return 0


@kernel
def wanted_flags(m: Mem, task: int, prot: int, flags: int) -> int:
    """VM flags from PROT_*, MAP_* and the address space's defaults, before type checks."""
    vm = (prot & VM_ACCESS) | m[m[task + T_MM] + MM_DEFFLAGS] | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC
    vm |= flags & (VM_GROWSDOWN | VM_LOCKED)  # MAP_GROWSDOWN and MAP_LOCKED have the same bits
    if flags & MAP_SYNC:
        vm |= VM_SYNC
    if flags & MAP_STACK and m[H_RULES + R_STACK_NOHUGE] != 0:
        # include/linux/mman.h calc_vm_flag_bits
        if m[H_RULES + R_STACK_NEEDS_THP] == 0 or m[H_RULES + R_THP] != 0:
            vm |= VM_NOHUGEPAGE
    return vm
