"""io_setup and io_destroy: the ring that the kernel itself maps (fs/aio.c)."""

from __future__ import annotations

from ...abi.errnos import EINVAL, ENOMEM, ENOSYS
from ...abi.mman import MAP_SHARED
from ...abi.outcomes import OUT_OK
from ...abi.signals import ACC_READ
from ...abi.special import FILE_AIO
from ...abi.vmflags import VM_READ, VM_WRITE
from ...machine.callrules import R_AIO
from ...machine.rules import R_POSSIBLE_CPUS
from ..addr import page_align, uword
from ..areas.vmaset import find_exact
from ..faults.fault import handle_access
from ..files.files import FMODE_READ, FMODE_WRITE, file_new, file_put
from ..files.inodes import inode_new, inode_put
from ..files.pagecache import file_pages
from ..files.special import file_noexec, kind_of
from ..jit import kernel
from ..state import (
    AIO_MM,
    G_HAS_RET,
    G_REC_RET,
    H_RULES,
    I_FILLED,
    I_KIND,
    I_SIZE,
    MM_ID,
    OPS_FILE,
    T_MM,
    V_INODE,
    V_PGOFF,
    V_START,
    Mem,
)
from .mmap import do_mmap
from .munmap import do_munmap

_EVENT_BYTES = 32  # struct io_event, and the head struct aio_ring


@kernel
def _ring_bytes(m: Mem, events: int) -> int:
    """Bytes of the ring for `events` requests: at least four a processor, twice as many, and two more."""
    room = 2 * max(events, 4 * m[H_RULES + R_POSSIBLE_CPUS]) + 2
    return page_align(m, _EVENT_BYTES * (room + 1))


@kernel
def sys_io_setup(m: Mem, task: int, events: int, ctx: int) -> int:
    """io_setup(events, &ctx): 0 or -errno. `ctx` is the recorded address of the ring, 0: not known."""
    if m[H_RULES + R_AIO] == 0:
        return -ENOSYS
    if m[G_HAS_RET] != 0 and m[G_REC_RET] < 0:
        return m[G_REC_RET]
    events &= 0xFFFF_FFFF
    if events == 0 or events > 0x10000000 // _EVENT_BYTES:
        return -EINVAL
    size = _ring_bytes(m, events)
    inode = inode_new(m, OPS_FILE, size)
    if inode == 0:
        return -ENOMEM
    m[inode + I_KIND] = FILE_AIO
    m[inode + I_FILLED] = file_pages(m, inode)
    m[inode + AIO_MM] = m[m[task + T_MM] + MM_ID]
    file = file_new(m, inode, FMODE_READ | FMODE_WRITE)
    inode_put(m, inode)
    if file == 0:
        return -ENOMEM
    file_noexec(m, file)
    recorded = m[G_REC_RET]
    has = m[G_HAS_RET]
    m[G_REC_RET] = ctx
    m[G_HAS_RET] = 1 if ctx != 0 else 0
    place = do_mmap(m, task, file, 0, size, VM_READ | VM_WRITE, MAP_SHARED, 0)
    m[G_REC_RET] = recorded
    m[G_HAS_RET] = has
    file_put(m, file)
    return place if -4095 <= place < 0 else 0


@kernel
def sys_io_destroy(m: Mem, task: int, ctx: int) -> int:
    """io_destroy(ctx): 0, or -EINVAL where no ring of this address space begins: a fork child has none."""
    if m[H_RULES + R_AIO] == 0:
        return -ENOSYS
    mm = m[task + T_MM]
    ctx = uword(m, ctx)
    vma = find_exact(m, mm, ctx) if ctx > 0 else 0
    if (
        vma != 0 and handle_access(m, task, ctx, ACC_READ, 1, 0) != OUT_OK
    ):  # it looks into the ring (lookup_ioctx)
        return m[G_REC_RET] if m[G_HAS_RET] != 0 else -EINVAL
    if vma == 0 or m[vma + V_START] != ctx or m[vma + V_PGOFF] != 0 or kind_of(m, vma) != FILE_AIO:
        return m[G_REC_RET] if m[G_HAS_RET] != 0 else -EINVAL
    if m[m[vma + V_INODE] + AIO_MM] not in (0, m[mm + MM_ID]):
        return -EINVAL
    do_munmap(m, mm, ctx, page_align(m, m[m[vma + V_INODE] + I_SIZE]))
    return 0
