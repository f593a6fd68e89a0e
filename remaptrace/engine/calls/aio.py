"""io_setup and io_destroy: the ring that the kernel itself maps (fs/aio.c).

A context has a number in its address space's table, which its ring begins with, and the address where its ring was
mapped, which mremap of any part of the ring changes. io_destroy reads the number where the caller says a ring is,
whatever is mapped there, and takes the context that has both.
"""

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
from ..faults.userbytes import user_load
from ..files.files import FMODE_READ, FMODE_WRITE, file_new, file_put
from ..files.inodes import inode_new, inode_put
from ..files.pagecache import cache_alloc, file_pages
from ..files.special import file_noexec, kind_of
from ..jit import kernel
from ..pages.frames import byte_store
from ..state import (
    AIO_ID,
    AIO_MM,
    AIO_USER,
    G_HAS_RET,
    G_INODE_LIST,
    G_REC_RET,
    H_RULES,
    I_FILLED,
    I_KIND,
    I_NEXT,
    I_SIZE,
    MM_AIO,
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

_EVENT_BYTES = 32  # struct io_event
_HEAD_BYTES = 32  # struct aio_ring
_MAGIC = 0xA10A10A1


@kernel
def _ring_bytes(m: Mem, events: int) -> int:
    """Bytes of the ring for `events` requests: at least four a processor, twice as many, and two more."""
    room = 2 * max(events, 4 * m[H_RULES + R_POSSIBLE_CPUS]) + 2
    return page_align(m, _EVENT_BYTES * (room + 1))


@kernel
def _unused_id(m: Mem, mm: int) -> int:
    """The first number that no context of `mm` has (ioctx_add_table)."""
    number = 0
    while _context(m, mm, number) != 0:
        number += 1
    return number


@kernel
def _context(m: Mem, mm: int, number: int) -> int:
    """The object behind the ring of context `number` of `mm`, 0: there is none."""
    if m[mm + MM_AIO] == 0:
        return 0
    inode = m[G_INODE_LIST]
    while inode != 0:
        if (
            m[inode + I_KIND] == FILE_AIO
            and m[inode + AIO_MM] == m[mm + MM_ID]
            and m[inode + AIO_ID] == number
        ):
            return inode
        inode = m[inode + I_NEXT]
    return 0


@kernel
def _write_head(m: Mem, inode: int, size: int) -> int:
    """Fill in struct aio_ring, as a little-endian machine does (aio_setup_ring); 0: no memory."""
    pfn = cache_alloc(m, inode, 0)
    if pfn == 0:
        return 0
    _store(m, pfn, 0, m[inode + AIO_ID])
    _store(m, pfn, 4, (size - _HEAD_BYTES) // _EVENT_BYTES)
    _store(m, pfn, 16, _MAGIC)
    _store(m, pfn, 20, 1)
    _store(m, pfn, 28, _HEAD_BYTES)
    return 1


@kernel
def _store(m: Mem, pfn: int, offset: int, number: int) -> int:
    """Store a word of 32 bits in a page."""
    for i in range(4):
        byte_store(m, pfn, offset + i, (number >> (8 * i)) & 0xFF)
    return 0


@kernel
def _number_at(m: Mem, mm: int, addr: int) -> int:
    """The word of 32 bits that a present page has at `addr`, -1: not told, or not there."""
    number = 0
    for i in range(4):
        byte = user_load(m, mm, addr + i)
        if byte < 0:
            return -1
        number |= byte << (8 * i)
    return number


@kernel
def _drop_context(m: Mem, mm: int, inode: int) -> int:
    """The context goes; what is mapped of its ring stays."""
    m[mm + MM_AIO] -= 1
    m[inode + AIO_MM] = -1
    return inode_put(m, inode)


@kernel
def exit_aio(m: Mem, mm: int) -> int:
    """All contexts go with their address space."""
    number = 0
    while m[mm + MM_AIO] != 0:
        inode = _context(m, mm, number)
        if inode != 0:
            _drop_context(m, mm, inode)
        number += 1
    return 0


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
    mm = m[task + T_MM]
    m[inode + AIO_ID] = _unused_id(m, mm)
    file = file_new(m, inode, FMODE_READ | FMODE_WRITE)
    if file == 0 or _write_head(m, inode, size) == 0:
        inode_put(m, inode)
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
    if -4095 <= place < 0:
        inode_put(m, inode)
        return place
    m[inode + AIO_MM] = m[mm + MM_ID]  # its context keeps the object, mapped or not
    m[inode + AIO_USER] = place
    m[mm + MM_AIO] += 1
    return 0


@kernel
def sys_io_destroy(m: Mem, task: int, ctx: int) -> int:
    """io_destroy(ctx): 0, or -EINVAL where this address space has no such context: a fork child has none."""
    if m[H_RULES + R_AIO] == 0:
        return -ENOSYS
    mm = m[task + T_MM]
    ctx = uword(m, ctx)
    vma = find_exact(m, mm, ctx) if ctx > 0 else 0
    if (
        vma != 0 and handle_access(m, task, ctx, ACC_READ, 1, 0) == OUT_OK
    ):  # it looks into the ring (lookup_ioctx)
        inode = _context(m, mm, _number_at(m, mm, ctx))
        if inode != 0 and m[inode + AIO_USER] == ctx:
            size = page_align(m, m[inode + I_SIZE])
            _drop_context(m, mm, inode)
            do_munmap(m, mm, ctx, size)
            return 0
        if m[vma + V_START] == ctx and m[vma + V_PGOFF] == 0 and kind_of(m, vma) == FILE_AIO:
            inode = m[vma + V_INODE]
            if m[inode + AIO_MM] == 0:  # a ring that was there before the log began
                do_munmap(m, mm, ctx, page_align(m, m[inode + I_SIZE]))
                return 0
    return m[G_REC_RET] if m[G_HAS_RET] != 0 else -EINVAL
