"""Objects whose mappings follow rules of their own, by kind (I_KIND, numbers of `abi.special`).

==============  ==========================================================================================
kind            rules (drivers' mmap methods; answers of 6.18 and, by the rules named, of other kernels)
==============  ==========================================================================================
perf_event      shared, offset 0, 1 or 1 + 2^n pages; no part of it may be changed; not in a child
                (kernel/events/core.c perf_mmap)
io_uring        the kernel chooses the address; pages are there at once (io_uring/memmap.c)
bpf             shared, no longer than the map; pages are there at once (kernel/bpf/syscall.c bpf_map_mmap)
bpf ringbuf     as bpf; only the first page alone may be writable (kernel/bpf/ringbuf.c ringbuf_map_mmap_kern)
packet ring     exactly the ring; pages are there at once (net/packet/af_packet.c packet_mmap)
memfd_secret    shared; locked, not dumped (mm/secretmem.c)
kvm vcpu        an ordinary mapping, page by page (virt/kvm/kvm_main.c kvm_vcpu_mmap)
aio             made by io_setup; dirty accounting (fs/aio.c aio_ring_mmap)
other devices   page frames at once (remap_pfn_range)
==============  ==========================================================================================
"""

from __future__ import annotations

from ...abi.errnos import EAGAIN, EFAULT, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP, EPERM
from ...abi.special import (
    FILE_AIO,
    FILE_BPF,
    FILE_KVM_VCPU,
    FILE_PACKET,
    FILE_PERF,
    FILE_RINGBUF,
    FILE_SECRET,
    FILE_URING,
    FIRST_SPECIAL,
    LAST_SPECIAL,
)
from ...abi.vmflags import (
    VM_DONTCOPY,
    VM_DONTDUMP,
    VM_DONTEXPAND,
    VM_IO,
    VM_LOCKED,
    VM_MAYEXEC,
    VM_MAYWRITE,
    VM_MIXEDMAP,
    VM_PFNMAP,
    VM_SHARED,
    VM_WRITE,
)
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.rules import (
    R_AIO_DONTCOPY,
    R_ANON_INODE_NOEXEC,
    R_PERF_RING_PFN,
    R_SECRETMEM_LOCKED,
    R_URING_CHOOSES,
    R_URING_MASK,
    R_URING_PFN,
)
from ..account import mlock_future_ok
from ..jit import kernel
from ..state import (
    H_ARCH,
    H_RULES,
    I_ENTRIES,
    I_KIND,
    I_SIZE,
    I_TYPE,
    I_VMAS,
    O_INODE,
    O_NOEXEC,
    OPS_DEVICE,
    OPS_FILE,
    OPS_SHMEM,
    TYPE_UFFD,
    V_END,
    V_INODE,
    V_OPS,
    V_START,
    Mem,
)
from .pagecache import cache_drop

UNKNOWN_SIZE = 1 << 50  # the log does not tell: no access is beyond the end, no length is wrong
MOST_RING_PAGES = 1 << 18
"""Pages of a ring or map that is mapped whole at once; a larger one is not modelled."""
_PFN = VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP
_URING_MASK = 0xF8000000  # IORING_OFF_MMAP_MASK
_URING_RINGS, _URING_SQES = (0, 0x8000000), 0x10000000
_URING_BUFFERS = 0x80000000
_RINGS_HEAD, _CQE, _SQE, _INDEX = 320, 16, 64, 4  # bytes: struct io_rings up to the entries, one of each


@kernel
def is_special(file_type: int) -> int:
    """1 for a FILE_* of `abi.special` that has a kind of its own."""
    return 1 if FIRST_SPECIAL <= file_type <= LAST_SPECIAL else 0


@kernel
def ops_of_special(kind: int) -> int:
    """The mapping operations (OPS_*) of an object of this kind."""
    if kind in (FILE_SECRET, FILE_KVM_VCPU):
        return OPS_SHMEM
    return OPS_FILE if kind == FILE_AIO else OPS_DEVICE


@kernel
def kind_of(m: Mem, vma: int) -> int:
    """The kind of special object behind `vma`, 0: none, or a device without a kind."""
    return m[m[vma + V_INODE] + I_KIND] if m[vma + V_INODE] != 0 else 0


@kernel
def has_page_cache(m: Mem, inode: int) -> int:
    """1 if the pages of the object are in its page cache, where mincore finds them; a driver keeps its own."""
    return 1 if m[inode + I_KIND] in (0, FILE_SECRET, FILE_AIO) else 0


@kernel
def file_noexec(m: Mem, file: int) -> int:
    """Note whether the mount behind a special file refuses execution (SB_I_NOEXEC)."""
    kind = m[m[file + O_INODE] + I_KIND]
    if kind in (FILE_SECRET, FILE_AIO) or (kind != 0 and m[H_RULES + R_ANON_INODE_NOEXEC] != 0):
        m[file + O_NOEXEC] = 1
    return 0


@kernel
def place_refused(m: Mem, file: int, addr: int, fixed: int, pgoff: int) -> int:
    """What the file's own get_unmapped_area refuses, 0 or -errno (io_uring_get_unmapped_area, 6.4)."""
    if m[m[file + O_INODE] + I_KIND] != FILE_URING or m[H_RULES + R_URING_CHOOSES] == 0:
        return 0
    if addr != 0 or fixed != 0:
        return -EINVAL
    region = _uring_region(m, pgoff)
    if region in _URING_RINGS or region == _URING_SQES:
        return 0
    # rings of buffers are registered by a call that no log shows; a scenario's ring of known size has none
    return 0 if region & _URING_BUFFERS and m[m[file + O_INODE] + I_ENTRIES] == 0 else -ENOMEM


@kernel
def _uring_region(m: Mem, pgoff: int) -> int:
    """The region of an io_uring that an offset names: its lower bits are not looked at (io_mmap_get_region).

    -1: none, where an offset must name a region exactly (io_uring_validate_mmap_request, before 6.4).
    """
    offset = pgoff << m[H_ARCH + A_PAGE_SHIFT]
    if m[H_RULES + R_URING_MASK] == 0:
        return offset if offset in _URING_RINGS or offset == _URING_SQES else -1
    return offset & _URING_MASK


@kernel
def uring_pages(m: Mem, inode: int, pgoff: int) -> int:
    """Pages of the region that an offset names, -1: not known (rings_size; without SQE128, CQE32, NO_SQARRAY)."""
    entries = m[inode + I_ENTRIES]
    region = _uring_region(m, pgoff)
    if entries == 0 or (region not in _URING_RINGS and region != _URING_SQES):
        return -1
    size = 1
    while size < entries:
        size *= 2
    length = size * _SQE
    if region != _URING_SQES:
        length = ((_RINGS_HEAD + 2 * size * _CQE + 63) & -64) + size * _INDEX
    shift = m[H_ARCH + A_PAGE_SHIFT]
    return (length + (1 << shift) - 1) >> shift


@kernel
def uring_first_page(m: Mem, pgoff: int) -> int:
    """The page number, in the simulated object, of the first page of a region; both rings are one region."""
    region = _uring_region(m, pgoff)
    return (0 if region in _URING_RINGS else region) >> m[H_ARCH + A_PAGE_SHIFT]


@kernel
def _ring_length(m: Mem, inode: int, pgoff: int, pages: int) -> int:
    """0 if a mapping of `pages` pages at `pgoff` fits the object, else -errno; unknown sizes fit."""
    kind = m[inode + I_KIND]
    size = m[inode + I_SIZE]
    whole = size >> m[H_ARCH + A_PAGE_SHIFT]
    if kind == FILE_URING and _uring_region(m, pgoff) < 0:
        return -EINVAL
    if kind == FILE_URING and m[H_RULES + R_URING_PFN] == 0:  # the queue of entries goes in as a whole
        return (
            -EFAULT if _uring_region(m, pgoff) == _URING_SQES and pages < uring_pages(m, inode, pgoff) else 0
        )
    if kind == FILE_URING:
        whole = uring_pages(m, inode, pgoff)
        return -EINVAL if 0 <= whole < pages else 0
    if kind == FILE_PERF:
        data = pages - 1
        if pgoff != 0 or data & (data - 1) != 0:
            return -EINVAL
        vma = m[inode + I_VMAS]  # one ring, however often it is mapped (perf_mmap_rb)
        if vma != 0 and (m[vma + V_END] - m[vma + V_START]) >> m[H_ARCH + A_PAGE_SHIFT] != pages:
            return -EINVAL
        if vma == 0:  # a ring that nobody maps has gone (perf_mmap_close)
            cache_drop(m, inode, 0, -1)
        return 0
    if size == UNKNOWN_SIZE:
        return 0
    if kind == FILE_PACKET:
        return -EINVAL if pgoff != 0 or pages != whole else 0
    if kind in (FILE_BPF, FILE_RINGBUF):
        return -EINVAL if pgoff + pages > whole else 0
    return 0


@kernel
def special_flags(m: Mem, task: int, file: int, vm: int, pgoff: int, pages: int) -> int:
    """The flags of a new mapping after the file's own mmap method, or -errno where that refuses."""
    inode = m[file + O_INODE]
    if m[inode + I_TYPE] == OPS_DEVICE and m[inode + I_KIND] == 0:
        return vm | _PFN
    kind = m[inode + I_KIND]
    if kind in (0, FILE_KVM_VCPU):
        return vm
    if kind in (FILE_PERF, FILE_BPF, FILE_RINGBUF, FILE_SECRET) and vm & VM_SHARED == 0:
        return -EINVAL
    if kind == FILE_RINGBUF and vm & VM_WRITE and (pgoff != 0 or pages != 1):
        return -EPERM  # only the consumer's page may be written (ringbuf_map_mmap_kern)
    error = _ring_length(m, inode, pgoff, pages)
    if error != 0:
        return error
    if kind == FILE_PERF:
        return vm | VM_DONTCOPY | (_PFN if m[H_RULES + R_PERF_RING_PFN] != 0 else VM_DONTEXPAND | VM_DONTDUMP)
    if kind == FILE_URING:
        return vm | (_PFN if m[H_RULES + R_URING_PFN] != 0 else VM_DONTEXPAND | VM_MIXEDMAP)
    if kind in (FILE_BPF, FILE_RINGBUF):
        vm &= ~VM_MAYEXEC
        return (vm if vm & VM_WRITE else vm & ~VM_MAYWRITE) | VM_DONTEXPAND | VM_DONTDUMP | VM_MIXEDMAP
    if kind == FILE_PACKET:
        return vm | VM_MIXEDMAP
    if kind == FILE_AIO:
        return vm | VM_DONTEXPAND | (VM_DONTCOPY if m[H_RULES + R_AIO_DONTCOPY] != 0 else 0)
    if mlock_future_ok(m, task, vm | VM_LOCKED, pages) == 0:
        return -EAGAIN
    return vm | VM_DONTDUMP | (VM_LOCKED if m[H_RULES + R_SECRETMEM_LOCKED] != 0 else 0)


@kernel
def may_not_split(m: Mem, vma: int) -> int:
    """1 if no part of the device area `vma` may be changed (perf_mmap_may_split)."""
    return 1 if m[vma + V_OPS] == OPS_DEVICE and kind_of(m, vma) == FILE_PERF else 0


@kernel
def no_offsets(m: Mem, inode: int) -> int:
    """1 if pread and pwrite of the object are ESPIPE: not opened by a path, so without FMODE_PREAD (alloc_file)."""
    return 1 if m[inode + I_KIND] >= FILE_PERF or m[inode + I_TYPE] == TYPE_UFFD else 0


@kernel
def no_punch(m: Mem, inode: int) -> int:
    """What fallocate of a special object says before it looks at seals: 0 or -errno (vfs_fallocate).

    Secret memory is a regular file without the method; the others, a ring of aio among them, are no regular files.
    """
    if m[inode + I_KIND] == FILE_SECRET:
        return -EOPNOTSUPP
    return -ENODEV if m[inode + I_KIND] != 0 or m[inode + I_TYPE] == OPS_DEVICE else 0
