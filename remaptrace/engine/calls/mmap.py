"""mmap: order of checks, the address, flags of the new area (do_mmap); the area itself is of `mmapregion`.

linux-6.x 2, linux-2.6.21 2. `do_mmap` takes a resolved description; `sys_mmap` stands in front of it
with the descriptor. Numbers of PROT_* and MAP_* are those of the generic ABI.
"""

from __future__ import annotations

from ...abi.errnos import (
    EACCES,
    EAGAIN,
    EBADF,
    EEXIST,
    EINVAL,
    ENOMEM,
    ENOSYS,
    EOPNOTSUPP,
    EOVERFLOW,
    EPERM,
)
from ...abi.fcntl import SEALS_OF_WRITING
from ...abi.mman import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_FIXED_NOREPLACE,
    MAP_HUGETLB,
    MAP_LOCKED,
    MAP_NONBLOCK,
    MAP_NORESERVE,
    MAP_POPULATE,
    MAP_SHARED,
    OVERCOMMIT_NEVER,
    READ_IMPLIES_EXEC,
)
from ...abi.special import FILE_AIO
from ...abi.vmflags import (
    PKEY_SHIFT,
    VM_EXEC,
    VM_HUGETLB,
    VM_LOCKED,
    VM_NORESERVE,
    VM_READ,
    VM_SHARED,
)
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.limitrules import R_MAX_MAP_COUNT, R_OVERCOMMIT
from ...machine.rules import (
    R_NOREPLACE,
    R_POPULATE_PRIVATE,
    R_RFP,
    R_SHARED_ANON_PGOFF,
)
from ..account import (
    can_do_mlock,
    mlock_future_ok,
)
from ..addr import page_align, page_offset, uword
from ..areas.pkeys import execute_only_key
from ..areas.space import HUGE_KIND, get_unmapped_area, range_is_free, range_is_sealed, round_hint_to_min
from ..faults.nonlinear import RFP_POPULATE
from ..faults.populate import POP_MLOCK, POP_MMAP, populate_range
from ..fds.hugefiles import huge_shift, hugefile_open
from ..files.files import fget, file_get, file_put
from ..files.hugepool import hugefile_shift
from ..files.special import place_refused
from ..jit import kernel, shr, ult, wrap
from ..state import (
    G_TAKE,
    H_ARCH,
    H_RULES,
    I_KIND,
    I_SEALS,
    I_TYPE,
    MM_COUNT,
    O_INODE,
    O_NOEXEC,
    OPS_DEVICE,
    OPS_FILE,
    OPS_HUGETLB,
    OPS_SHMEM,
    P_PERSONALITY,
    T_MM,
    T_PROC,
    Mem,
)
from ..why import (
    WHY_ARENA,
    WHY_BEYOND,
    WHY_FORBIDDEN,
    WHY_FOREIGN,
    WHY_MAP_COUNT,
    WHY_NO_FD,
    WHY_NO_SUCH_HUGE,
    WHY_OCCUPIED,
    WHY_REFUSED,
    proves_more,
    refuse,
    take,
)
from .mmapflags import anonymous_flags, file_flags, wanted_flags
from .mmapregion import mmap_region
from .mprotect import map_deny_write_exec
from .rfpnative import rfp_native


@kernel
def _place(m: Mem, task: int, file: int, addr: int, length: int, flags: int, pgoff: int) -> int:
    """The address for the mapping, or -errno: steps 8 and 9 of linux-6.x 2.1."""
    if flags & MAP_FIXED == 0:
        addr = round_hint_to_min(m, addr)
    kind = -1
    if file != 0:
        kind = m[m[file + O_INODE] + I_TYPE]
        error = place_refused(m, file, addr, flags & MAP_FIXED, pgoff)
        if error != 0:
            return error
    else:
        pgoff = 0
        if flags & MAP_SHARED:
            kind = OPS_SHMEM
    if kind == OPS_HUGETLB:
        kind = HUGE_KIND + hugefile_shift(m, m[file + O_INODE])
    addr = get_unmapped_area(m, task, addr, length, pgoff, flags, kind)
    if addr >= 0 and flags & MAP_FIXED_NOREPLACE and m[H_RULES + R_NOREPLACE] != 0:
        if range_is_free(m, m[task + T_MM], addr, addr + length) == 0:
            return refuse(m, WHY_OCCUPIED, EEXIST)
    return addr


@kernel
def _may_refuse(m: Mem, inode: int) -> int:
    """1 if the file's own mmap method may refuse what all checks in front of it let through."""
    return 1 if m[inode + I_TYPE] in (OPS_FILE, OPS_DEVICE) else 0


@kernel
def _taken(m: Mem, mm: int, file: int, addr: int, length: int, vm: int) -> int:
    """What the recording shows and nothing here explains, once all checks in front of the unmapping are passed.

    0 where what comes later may refuse by itself: a sealed area in the way, a seal of the file, a special file.
    """
    errno = m[G_TAKE]
    if errno in (0, ENOMEM, EEXIST, EBADF):
        return 0
    if errno in (EPERM, EACCES, ENOSYS):
        if range_is_sealed(m, mm, addr, addr + length) != 0 or map_deny_write_exec(m, mm, vm, vm) != 0:
            return 0
        if file != 0 and m[m[file + O_INODE] + I_SEALS] & SEALS_OF_WRITING:
            return 0
        return take(m, WHY_FORBIDDEN, errno)
    if file == 0:
        return take(m, WHY_FOREIGN if errno != EAGAIN else WHY_REFUSED, errno) if errno != EINVAL else 0
    if errno in (EINVAL, EOPNOTSUPP) and _may_refuse(m, m[file + O_INODE]) == 0:
        return 0
    return take(m, WHY_REFUSED, errno)


@kernel
def do_mmap(m: Mem, task: int, file: int, addr: int, length: int, prot: int, flags: int, pgoff: int) -> int:
    """mmap with a resolved description (0: anonymous): the address or -errno, populated as asked."""
    mm = m[task + T_MM]
    shift = m[H_ARCH + A_PAGE_SHIFT]
    if length == 0:
        return -EINVAL
    if prot & VM_READ and m[m[task + T_PROC] + P_PERSONALITY] & READ_IMPLIES_EXEC:
        if file == 0 or m[file + O_NOEXEC] == 0:
            prot |= VM_EXEC
    if flags & MAP_FIXED_NOREPLACE and m[H_RULES + R_NOREPLACE] != 0:
        flags |= MAP_FIXED
    length = page_align(m, length)
    if length == 0:
        return refuse(m, WHY_BEYOND, ENOMEM)
    if ult(uword(m, wrap(pgoff + shr(length, shift))), pgoff) != 0:
        return -EOVERFLOW
    if m[mm + MM_COUNT] > m[H_RULES + R_MAX_MAP_COUNT] and proves_more(m, mm) == 0:
        return refuse(m, WHY_MAP_COUNT, ENOMEM)
    vm = wanted_flags(m, task, prot, flags)
    key = execute_only_key(m, task) if prot == VM_EXEC else 0
    addr = _place(m, task, file, addr, length, flags, pgoff)
    if addr < 0:
        return addr
    if flags & MAP_LOCKED and can_do_mlock(m, task) == 0:
        return -EPERM
    if mlock_future_ok(m, task, vm, length >> shift) == 0:
        return -EAGAIN
    if file != 0:
        vm = file_flags(m, file, prot, flags, vm, pgoff, length)
    else:
        vm = anonymous_flags(m, flags, vm)
        if vm & VM_SHARED == 0:
            pgoff = addr >> shift
        elif m[H_RULES + R_SHARED_ANON_PGOFF] == 0:
            pgoff = 0
    if vm < 0:
        return vm
    vm |= key << PKEY_SHIFT
    if flags & MAP_NORESERVE and (m[H_RULES + R_OVERCOMMIT] != OVERCOMMIT_NEVER or vm & VM_HUGETLB):
        vm |= VM_NORESERVE
    error = _taken(m, mm, file, addr, length, vm)
    if error != 0:
        return error
    addr = mmap_region(m, task, file, addr, length, vm, pgoff)
    if addr < 0:
        return addr
    if vm & VM_LOCKED and (
        file == 0 or m[m[file + O_INODE] + I_KIND] != FILE_AIO
    ):  # io_setup fills nothing in
        populate_range(m, task, addr, addr + length, POP_MLOCK)
    if flags & MAP_POPULATE and m[H_RULES + R_RFP] == RFP_POPULATE:  # linux-2.6.21 4.4
        rfp_native(m, task, addr, length, 0, pgoff, flags & MAP_NONBLOCK)
    elif flags & (MAP_POPULATE | MAP_NONBLOCK) == MAP_POPULATE and vm & VM_LOCKED == 0:
        if vm & VM_SHARED or m[H_RULES + R_POPULATE_PRIVATE] != 0:
            populate_range(m, task, addr, addr + length, POP_MMAP)
    return addr


@kernel
def sys_mmap(m: Mem, task: int, addr: int, length: int, prot: int, flags: int, fd: int, offset: int) -> int:
    """mmap(addr, length, prot, flags, fd, offset), offset in bytes: the address or -errno."""
    if page_offset(m, offset) != 0:
        return -EINVAL
    length = uword(m, length)
    file = 0
    if flags & MAP_ANONYMOUS == 0:
        file = fget(m, task, fd)
        if file == 0:
            return refuse(m, WHY_NO_FD, EBADF)
        big = 0
        if m[m[file + O_INODE] + I_TYPE] == OPS_HUGETLB:
            big = hugefile_shift(m, m[file + O_INODE])
        elif flags & MAP_HUGETLB:
            return -EINVAL
        file_get(m, file)
    else:
        big = huge_shift(m, flags) if flags & MAP_HUGETLB else 0
        if flags & MAP_HUGETLB and big == 0:
            return -EINVAL
        if flags & MAP_HUGETLB and m[G_TAKE] == EINVAL:  # hstate_sizelog: sizes are the machine's own
            return take(m, WHY_NO_SUCH_HUGE, EINVAL)
    if big != 0:
        length = uword(m, wrap(length + (1 << big) - 1) & -(1 << big))
        if file == 0:
            file = hugefile_open(m, big, length)
            if file == 0:
                return refuse(m, WHY_ARENA, ENOMEM)
    pgoff = shr(offset, m[H_ARCH + A_PAGE_SHIFT])
    result = do_mmap(m, task, file, uword(m, addr), length, prot, flags, pgoff)
    file_put(m, file)
    return result
