"""SysV shared memory: shmget, shmat, shmdt, shmctl (ipc/shm.c).

Every attach opens the segment anew, so areas of two attaches never join. Identifiers follow the
log when there is one.
"""

from __future__ import annotations

from ...abi.errnos import EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC, ENOSYS
from ...abi.mman import MAP_FIXED, MAP_SHARED, OVERCOMMIT_NEVER
from ...abi.rows import RSF_ASSUMED
from ...abi.sysv import (
    IPC_64,
    IPC_CREAT,
    IPC_EXCL,
    IPC_PRIVATE,
    IPC_RMID,
    IPC_SET,
    IPC_STAT,
    SHM_EXEC,
    SHM_HUGETLB,
    SHM_LOCK,
    SHM_NORESERVE,
    SHM_RDONLY,
    SHM_REMAP,
    SHM_RND,
    SHM_UNLOCK,
)
from ...abi.vmflags import VM_EXEC, VM_NORESERVE, VM_READ, VM_WRITE
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.callrules import R_SHMDT_SAME_FILE, R_SYSVIPC
from ...machine.limitrules import R_OVERCOMMIT, R_SHMALL, R_SHMMAX, R_SHMMNI
from ..addr import page_align, page_floor, page_offset, uword
from ..areas.space import range_is_free, recorded_success
from ..areas.vmaset import find_vma
from ..fds.hugefiles import huge_shift, hugefile_open, hugetlb_reserve
from ..files.files import FMODE_READ, FMODE_WRITE, file_new, file_put
from ..files.inodes import inode_get, inode_put
from ..files.shmseg import (
    SHM_DEST,
    SHM_HELD,
    SHM_ID,
    SHM_INODE,
    SHM_KEY,
    SHM_NEXT,
    SHM_SIZE,
    shm_by_id,
    shm_by_key,
    shm_close,
    shm_destroy,
    shm_new,
)
from ..jit import kernel, ult, wrap
from ..state import (
    G_HAS_RET,
    G_NEXT_SHMID,
    G_REC_RET,
    G_RSFLAGS,
    G_SHM_LIST,
    G_TAKE,
    H_ARCH,
    H_RULES,
    I_SHMID,
    I_SIZE,
    I_VMAS,
    O_INODE,
    OPS_HUGETLB,
    OPS_SHM,
    T_MM,
    V_END,
    V_FILE,
    V_INODE,
    V_NEXT,
    V_OPS,
    V_PGOFF,
    V_START,
    Mem,
)
from ..why import WHY_REFUSED, take
from .mmap import do_mmap
from .mmapregion import shmem_object
from .munmap import do_munmap


@kernel
def _new_id(m: Mem) -> int:
    """The identifier of a new segment: the recorded one, or one more than any before (ipc_addid).

    The kernel's numbers carry a sequence, so that one of a removed segment does not come back. They are ints: a
    recorded answer beyond is none.
    """
    if recorded_success(m) != 0 and m[G_REC_RET] < 0x7FFF_FFFF:
        m[G_NEXT_SHMID] = max(m[G_NEXT_SHMID], m[G_REC_RET] + 1)
        return m[G_REC_RET]
    m[G_NEXT_SHMID] += 1
    return m[G_NEXT_SHMID] - 1


@kernel
def _huge_segment(m: Mem, size: int, flags: int) -> int:
    """The file of a segment of huge pages, which are reserved at once (newseg, hugetlb_file_setup); or -errno."""
    shift = huge_shift(m, flags)
    if shift == 0:
        return -EINVAL
    length = uword(m, wrap(size + (1 << shift) - 1) & -(1 << shift))
    if length <= 0:
        return -ENOMEM
    file = hugefile_open(m, shift, length)
    if file == 0:
        return -ENOMEM
    noreserve = VM_NORESERVE if flags & SHM_NORESERVE else 0
    error = hugetlb_reserve(m, m[file + O_INODE], 0, length >> shift, noreserve, 1)
    if error != 0:
        file_put(m, file)
        return error
    return file


@kernel
def _limits(m: Mem, size: int) -> int:
    """What shmmax, shmall and shmmni say to one more segment of `size` bytes: 0 or -errno (ipc/shm.c:newseg)."""
    if ult(m[H_RULES + R_SHMMAX], size) != 0:
        return -EINVAL
    count = 0
    pages = page_align(m, size) >> m[H_ARCH + A_PAGE_SHIFT]
    seg = m[G_SHM_LIST]
    while seg != 0:
        count += 1
        pages += page_align(m, m[seg + SHM_SIZE]) >> m[H_ARCH + A_PAGE_SHIFT]
        seg = m[seg + SHM_NEXT]
    if ult(m[H_RULES + R_SHMALL], pages) != 0 or count >= m[H_RULES + R_SHMMNI]:
        return -ENOSPC
    return 0


@kernel
def sys_shmget(m: Mem, task: int, key: int, size: int, flags: int) -> int:
    """shmget(key, size, flags), size in bytes: the identifier or -errno."""
    if m[H_RULES + R_SYSVIPC] == 0:
        return -ENOSYS
    size = uword(m, size)
    seg = shm_by_key(m, key) if key != IPC_PRIVATE else 0
    if seg != 0:
        if flags & IPC_CREAT and flags & IPC_EXCL:
            return -EEXIST
        return m[seg + SHM_ID] if size <= m[seg + SHM_SIZE] and size >= 0 else -EINVAL
    if key != IPC_PRIVATE and flags & IPC_CREAT == 0:
        if m[G_HAS_RET] == 0 or m[G_REC_RET] < 0:
            return -ENOENT
    if size <= 0:
        return -EINVAL
    error = _limits(m, size)
    if error != 0:
        return error
    if flags & SHM_HUGETLB:
        file = _huge_segment(m, size, flags)
    else:
        noreserve = (
            VM_NORESERVE if flags & SHM_NORESERVE and m[H_RULES + R_OVERCOMMIT] != OVERCOMMIT_NEVER else 0
        )
        file = shmem_object(m, task, size, noreserve, OPS_SHM)
        if file == 0:
            return -ENOMEM
    if file < 0:
        return file
    ident = _new_id(m)
    seg = shm_new(m, ident, key, inode_get(m, m[file + O_INODE]), size)
    file_put(m, file)
    return ident if seg != 0 else -ENOMEM


@kernel
def sys_shmat(m: Mem, task: int, shmid: int, addr: int, flags: int) -> int:
    """shmat(shmid, addr, flags): the address or -errno (do_shmat); above user space it is do_mmap that refuses."""
    if m[H_RULES + R_SYSVIPC] == 0:
        return -ENOSYS
    addr = uword(m, addr)
    how = MAP_SHARED
    if addr != 0:
        if page_offset(m, addr) != 0:
            if flags & SHM_RND == 0:
                return -EINVAL
            addr = page_floor(m, addr)
            if addr == 0 and flags & SHM_REMAP:
                return -EINVAL
        how |= MAP_FIXED
    elif flags & SHM_REMAP:
        return -EINVAL
    seg = shm_by_id(m, shmid)
    if seg == 0:  # a segment that the log does not show may have been too large
        return -ENOMEM if take(m, WHY_REFUSED, ENOMEM) != 0 else -EINVAL
    prot = VM_READ
    mode = FMODE_READ
    if flags & SHM_RDONLY == 0:
        prot |= VM_WRITE
        mode |= FMODE_WRITE
    if flags & SHM_EXEC:
        prot |= VM_EXEC
    size = m[m[seg + SHM_INODE] + I_SIZE]
    if addr != 0 and flags & SHM_REMAP == 0:
        end = wrap(addr + size)
        if ult(end, addr) != 0:
            return -EINVAL
        if addr >= 0 and range_is_free(m, m[task + T_MM], addr, end) == 0:
            return -EINVAL
    file = file_new(m, m[seg + SHM_INODE], mode)
    if file == 0:
        return -ENOMEM
    inode = inode_get(m, m[seg + SHM_INODE])
    m[seg + SHM_HELD] = 1  # it may replace the last area of the segment
    result = do_mmap(m, task, file, addr, size, prot, how, 0)
    file_put(m, file)
    m[seg + SHM_HELD] = 0
    shm_close(m, inode)
    inode_put(m, inode)
    return result


@kernel
def _is_fragment(m: Mem, vma: int, addr: int) -> int:
    """1 if `vma` is a piece of a segment that was attached at `addr`."""
    if m[vma + V_OPS] != OPS_SHM and (m[vma + V_OPS] != OPS_HUGETLB or m[m[vma + V_INODE] + I_SHMID] == 0):
        return 0
    return 1 if (m[vma + V_START] - addr) >> m[H_ARCH + A_PAGE_SHIFT] == m[vma + V_PGOFF] else 0


@kernel
def sys_shmdt(m: Mem, task: int, addr: int) -> int:
    """shmdt(addr): 0, or -EINVAL if no piece of a segment attached at `addr` is left.

    The first piece that fits goes whatever its size; the segment's size bounds the others (ksys_shmdt).
    """
    if m[H_RULES + R_SYSVIPC] == 0:
        return -ENOSYS
    mm = m[task + T_MM]
    addr = uword(m, addr)
    if page_offset(m, addr) != 0 or addr < 0:
        return -EINVAL
    vma = find_vma(m, mm, addr)
    while vma != 0 and _is_fragment(m, vma, addr) == 0:
        vma = m[vma + V_NEXT]
    if vma == 0:
        return -EINVAL
    file = m[vma + V_FILE]  # only compared below: the last piece takes it away
    size = page_align(m, m[m[vma + V_INODE] + I_SIZE])
    end = m[vma + V_END]
    do_munmap(m, mm, m[vma + V_START], end - m[vma + V_START])
    vma = find_vma(m, mm, end)
    any_file = 1 - m[H_RULES + R_SHMDT_SAME_FILE]
    while vma != 0 and m[vma + V_END] - addr <= size:
        end = m[vma + V_END]
        if _is_fragment(m, vma, addr) != 0 and (any_file != 0 or m[vma + V_FILE] == file):
            do_munmap(m, mm, m[vma + V_START], end - m[vma + V_START])
        vma = find_vma(m, mm, end)
    return 0


@kernel
def sys_shmctl(m: Mem, task: int, shmid: int, command: int) -> int:
    """shmctl(shmid, command): 0 or -errno; commands that ask about the system take the log's answer."""
    if m[H_RULES + R_SYSVIPC] == 0:
        return -ENOSYS
    command &= ~IPC_64
    if command in (IPC_RMID, IPC_SET, IPC_STAT, SHM_LOCK, SHM_UNLOCK):
        seg = shm_by_id(m, shmid)
        if seg == 0:
            if recorded_success(m) == 0:
                return -m[G_TAKE] if m[G_TAKE] != 0 else -EINVAL
            m[G_RSFLAGS] |= RSF_ASSUMED  # made before the log, or by others
            return m[G_REC_RET]
        if m[G_TAKE] != 0:  # EFAULT of its buffer, EPERM of another user's segment, ...
            return take(m, WHY_REFUSED, m[G_TAKE])
        if command == IPC_RMID:
            m[seg + SHM_KEY] = IPC_PRIVATE
            m[seg + SHM_DEST] = 1
            if m[m[seg + SHM_INODE] + I_VMAS] == 0:
                shm_destroy(m, seg)
        return 0
    return m[G_REC_RET] if m[G_HAS_RET] != 0 else -EINVAL
