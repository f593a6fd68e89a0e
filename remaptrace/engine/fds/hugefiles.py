"""mmap of huge pages: the object behind it, checks, reservation (hugetlb_file_setup, hugetlb_reserve_pages)."""

from __future__ import annotations

from ...abi.errnos import EINVAL, ENOMEM, ENOSPC, EOPNOTSUPP, EPERM
from ...abi.fcntl import F_SEAL_GROW, FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, SEALS_OF_WRITING
from ...abi.mman import HUGE_SIZE_SHIFT
from ...abi.vmflags import VM_MAYSHARE, VM_NORESERVE, VM_WRITE
from ...machine.archwords import A_HUGE_SHIFT, A_PAGE_SHIFT
from ...machine.callrules import R_HUGETLBFS
from ...machine.limitrules import R_GIGANTIC_PAGES, R_NR_OVERCOMMIT_HUGE
from ..files.files import FMODE_READ, FMODE_WRITE, file_new
from ..files.hugepool import (
    hugefile_shift,
    hugepage_alloc,
    pool_believe,
    pool_reserve,
    region_add,
    region_count,
)
from ..files.inodes import inode_new, inode_put
from ..files.pagecache import hugefile_find, hugefile_insert
from ..jit import kernel
from ..ranges.hugetlb import hugefile_punch
from ..state import (
    G_EVENT,
    G_FOLLOW,
    G_HAS_RET,
    G_HT_FREE,
    G_HT_RESERVED,
    G_HT_SURPLUS,
    G_REC_RET,
    H_ARCH,
    H_RULES,
    I_BORN,
    I_FOLIO,
    I_NAME,
    I_RESV,
    I_SEALS,
    I_SHMID,
    I_SIZE,
    OPS_HUGETLB,
    Mem,
)
from ..why import WHY_HUGE_POOL, refuse, take

GIGANTIC_SHIFT = 30
_SIZE_MASK = 0x3F


@kernel
def huge_shift(m: Mem, flags: int) -> int:
    """log2 of the page size that `flags` ask for; 0 if there is no such pool."""
    asked = (flags >> HUGE_SIZE_SHIFT) & _SIZE_MASK
    normal = m[H_ARCH + A_HUGE_SHIFT]
    if normal == 0 or m[H_RULES + R_HUGETLBFS] == 0:
        return 0
    if asked in (0, normal):
        return normal
    return asked if asked == GIGANTIC_SHIFT and m[H_RULES + R_GIGANTIC_PAGES] != 0 else 0


@kernel
def hugefile_new(m: Mem, shift: int, size: int, name: int) -> int:
    """An object of hugetlbfs with pages of 1 << shift bytes, `size` bytes long; 0: arena full."""
    inode = inode_new(m, OPS_HUGETLB, size)
    if inode != 0:
        m[inode + I_NAME] = name
        m[inode + I_BORN] = m[G_EVENT]
        m[inode + I_FOLIO] = shift
    return inode


@kernel
def hugefile_open(m: Mem, shift: int, size: int) -> int:
    """An open file of a new nameless object (HUGETLB_ANON_FILE); the caller owns the reference, 0: arena full."""
    inode = hugefile_new(m, shift, size, 0)
    if inode == 0:
        return 0
    file = file_new(m, inode, FMODE_READ | FMODE_WRITE)
    inode_put(m, inode)
    return file


@kernel
def _reserve(m: Mem, count: int) -> int:
    """Promise `count` pages; a recorded success proves a pool that has them."""
    if pool_reserve(m, count) != 0:
        return 1
    proves = m[G_HAS_RET] != 0 and (m[G_REC_RET] >= 0 or m[G_REC_RET] < -4095)
    if m[G_FOLLOW] == 0 or not proves:
        return 0
    spare = m[H_RULES + R_NR_OVERCOMMIT_HUGE] - m[G_HT_SURPLUS]
    pool_believe(m, max(0, m[G_HT_RESERVED] + count - m[G_HT_FREE] - spare))
    return pool_reserve(m, count)


@kernel
def hugetlb_reserve(m: Mem, inode: int, low: int, high: int, vm: int, shared: int) -> int:
    """Reserve huge pages [low, high) of the object for a mapping with flags `vm`: 0 or -ENOMEM.

    Shared ones are noted in the object, once however often they are mapped; a private mapping's reserve map
    is its area's business.
    """
    if vm & VM_NORESERVE:
        return 0
    count = high - low
    if shared != 0:
        count -= region_count(m, inode + I_RESV, low, high)
    if hugefile_shift(m, inode) != m[H_ARCH + A_HUGE_SHIFT] and count > 0:
        return refuse(m, WHY_HUGE_POOL, ENOMEM)
    if count > 0 and take(m, WHY_HUGE_POOL, ENOMEM) != 0:
        return -ENOMEM
    if count > 0 and _reserve(m, count) == 0:
        return refuse(m, WHY_HUGE_POOL, ENOMEM)
    if shared != 0 and count > 0:
        region_add(m, inode + I_RESV, low, high)
    return 0


@kernel
def hugetlb_mmap(m: Mem, inode: int, vm: int, pgoff: int, length: int) -> int:
    """The mmap method of hugetlbfs (hugetlbfs_file_mmap): 0 or -errno; a writable mapping extends the file.

    What a segment needs was reserved by shmget, or is not reserved at all.
    """
    big = hugefile_shift(m, inode)
    shift = m[H_ARCH + A_PAGE_SHIFT]
    if (pgoff << shift) & ((1 << big) - 1):
        return -EINVAL
    low = pgoff >> (big - shift)
    error = 0
    if m[inode + I_SHMID] == 0:
        error = hugetlb_reserve(m, inode, low, low + (length >> big), vm, vm & VM_MAYSHARE)
    if error != 0:
        return error
    end = (pgoff << shift) + length
    if vm & VM_WRITE and m[inode + I_SIZE] < end:
        m[inode + I_SIZE] = end
    return 0


@kernel
def hugefile_fallocate(m: Mem, inode: int, mode: int, offset: int, length: int) -> int:
    """fallocate on hugetlbfs: holes between whole pages, pages that are made and reserved; 0 or -errno."""
    if mode & ~(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE):
        return -EOPNOTSUPP
    seals = m[inode + I_SEALS]
    if mode & FALLOC_PUNCH_HOLE:
        if seals & SEALS_OF_WRITING:
            return -EPERM
        hugefile_punch(m, inode, offset, offset + length)
        return 0
    end = offset + length
    if end > m[inode + I_SIZE] and seals & F_SEAL_GROW:
        return -EPERM
    big = hugefile_shift(m, inode)
    for index in range(offset >> big, (end + (1 << big) - 1) >> big):
        if hugefile_find(m, inode, index) != 0:
            continue
        head = 0
        if big == m[H_ARCH + A_HUGE_SHIFT]:
            reserved = region_count(m, inode + I_RESV, index, index + 1)
            head = hugepage_alloc(m, reserved, index << (big - m[H_ARCH + A_PAGE_SHIFT]))
        if head == 0:
            return refuse(m, WHY_HUGE_POOL, ENOSPC)
        region_add(m, inode + I_RESV, index, index + 1)
        hugefile_insert(m, inode, index, head)
    if mode & FALLOC_KEEP_SIZE == 0 and end > m[inode + I_SIZE]:
        m[inode + I_SIZE] = end
    return 0
