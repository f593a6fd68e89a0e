"""Moving an area to another address: the copy, its pages, what becomes of the source (move_vma).

linux-6.x 4.3, linux-2.6.21 3.9 steps 11 and 12. `mremap` has made its checks before.
"""

from __future__ import annotations

from ...abi.errnos import EAGAIN, EFAULT, EINVAL, ENOMEM
from ...abi.kinds import EVF_TAKEN
from ...abi.mman import (
    MAP_FIXED,
    MAP_SHARED,
    MREMAP_DONTUNMAP,
    MREMAP_FIXED,
    MREMAP_MAYMOVE,
    UFFD_FEATURES,
)
from ...abi.special import FILE_AIO
from ...abi.vmflags import VM_ACCOUNT, VM_DONTEXPAND, VM_LOCKED, VM_LOCKONFAULT, VM_MAYSHARE, VM_UFFD
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.callrules import (
    R_DONTUNMAP_JOINS,
    R_DONTUNMAP_UNLOCKS,
    R_MREMAP_CHARGE_EFAULT,
    R_ZERO_FILE_PGOFF,
)
from ...machine.limitrules import R_MAX_MAP_COUNT
from ..account import charge, uncharge, vm_stat_account
from ..areas.changelog import note_vma
from ..areas.merge import VMG_NEXT, VMG_PREV, merge_new, vma_modify_flags, vmg_like
from ..areas.space import HUGE_KIND, get_unmapped_area
from ..areas.vma import vma_dup, vma_free, vma_is_anonymous, vma_set_flags
from ..areas.vmaset import find_exact, find_vma, last_vma, link_vma
from ..faults.populate import POP_MLOCK, populate_range
from ..files.hugepool import hugefile_shift, resv_put
from ..files.special import kind_of, may_not_split, place_refused
from ..jit import kernel, ult, wrap
from ..ranges.pgtable import move_range, unprotect_moved
from ..state import (
    AIO_MM,
    AIO_USER,
    G_COMMITTED,
    G_EVFLAGS,
    G_FOLLOW,
    G_REC_RET,
    G_TAKE,
    H_ARCH,
    H_RULES,
    I_TYPE,
    MM_COUNT,
    MM_ID,
    MM_LOCKED,
    OPS_HUGETLB,
    OPS_SPECIAL,
    T_MM,
    U_FEATURES,
    V_AV,
    V_AVMULTI,
    V_END,
    V_FILE,
    V_FLAGS,
    V_INODE,
    V_OPS,
    V_PGOFF,
    V_PREV,
    V_RESV,
    V_START,
    V_UFFD,
    Mem,
)
from ..why import WHY_ARENA, WHY_LIMIT_MET, WHY_MAP_COUNT, WHY_SPECIAL, proves_more, refuse, take
from .munmap import do_munmap

DONTUNMAP_JOINS_OTHERS, DONTUNMAP_JOINS_ALL = 1, 2  # values of R_DONTUNMAP_JOINS
DONTUNMAP_UNLOCKS_RANGE = 1  # value of R_DONTUNMAP_UNLOCKS
EVENT_REMAP = UFFD_FEATURES["event_remap"]
STAY_BELOW = 3  # moving needs room for three more areas
NEW_PLACE = MREMAP_FIXED | MREMAP_DONTUNMAP


# ---- checks ----------------------------------------------------------------------------------


@kernel
def overlaps(old: int, old_len: int, new: int, new_len: int) -> int:
    """1 if the two ranges have a byte in common, by the kernel's arithmetic."""
    return 1 if ult(new, wrap(old + old_len)) != 0 and ult(old, wrap(new + new_len)) != 0 else 0


@kernel
def charge_area(m: Mem, task: int, vma: int, size: int) -> int:
    """Charge `size` bytes if the area is accounted: 0 or -errno."""
    if m[vma + V_FLAGS] & VM_ACCOUNT == 0:
        return 0
    if charge(m, task, size >> m[H_ARCH + A_PAGE_SHIFT]) != 0:
        return 0
    if m[H_RULES + R_MREMAP_CHARGE_EFAULT] != 0:
        return -EAGAIN if m[vma + V_FLAGS] & VM_LOCKED else -EFAULT
    return -ENOMEM


# ---- moving ----------------------------------------------------------------------------------


@kernel
def _merge_without(m: Mem, mm: int, vma: int) -> int:
    """Let a neighbour of the merge other than `vma` take it in; it, or 0."""
    for side in (VMG_PREV, VMG_NEXT):
        if m[side] == vma:
            m[side] = 0
    return merge_new(m, mm)


@kernel
def _copy_vma(m: Mem, mm: int, vma: int, addr: int, length: int, pgoff: int, stays: int) -> int:
    """An area for [addr, addr + length) with the attributes of `vma`, joined to neighbours if it fits.

    Unfaulted anonymous memory takes the page offset of its new address, which lets it join; 0 if the
    arena is full. The source may have become a part of the result; where it `stays` (MREMAP_DONTUNMAP)
    only if the kernel lets a copy join it.
    """
    if vma_is_anonymous(m, vma) != 0 and m[vma + V_AV] == 0:
        if m[vma + V_FILE] == 0 or m[H_RULES + R_ZERO_FILE_PGOFF] != 0:
            pgoff = addr >> m[H_ARCH + A_PAGE_SHIFT]
    upper = find_vma(m, mm, addr)
    vmg_like(m, vma, addr, addr + length, pgoff)
    m[VMG_NEXT] = upper
    m[VMG_PREV] = m[upper + V_PREV] if upper != 0 else last_vma(m, mm)
    joins = m[H_RULES + R_DONTUNMAP_JOINS] if stays != 0 else DONTUNMAP_JOINS_ALL
    beside = 1 if m[vma + V_END] == addr or m[vma + V_START] == addr + length else 0
    if joins == DONTUNMAP_JOINS_ALL or beside == 0:
        merged = merge_new(m, mm)
    elif joins == DONTUNMAP_JOINS_OTHERS:
        merged = _merge_without(m, mm, vma)
    else:
        merged = 0
    if merged != 0:
        return merged
    new = vma_dup(m, vma)
    if new == 0:
        return 0
    m[new + V_START] = addr
    m[new + V_END] = addr + length
    m[new + V_PGOFF] = pgoff
    if link_vma(m, mm, new, m[upper + V_PREV] if upper != 0 else last_vma(m, mm), upper) < 0:
        vma_free(m, new)
        return 0
    return new


@kernel
def _may_split_special(m: Mem, vma: int, addr: int, length: int) -> int:
    """0 if special area `vma` is moved as a whole."""
    if m[vma + V_OPS] != OPS_SPECIAL and may_not_split(m, vma) == 0:
        return 0
    return 0 if m[vma + V_START] == addr and m[vma + V_END] == addr + length else 1


@kernel
def _is_anothers_ring(m: Mem, mm: int, vma: int) -> int:
    """1 for a ring of aio whose context this address space does not have: a fork child's (aio_ring_mremap)."""
    if m[vma + V_FLAGS] & VM_DONTEXPAND == 0 or kind_of(m, vma) != FILE_AIO:
        return 0
    return 1 if m[m[vma + V_INODE] + AIO_MM] not in (0, m[mm + MM_ID]) else 0


@kernel
def _leave_behind(m: Mem, mm: int, addr: int, length: int, new: int) -> int:
    """MREMAP_DONTUNMAP: the source stays, without pages, locks and, if whole, its anon_vma."""
    vma = find_exact(m, mm, addr)
    if m[vma + V_FLAGS] & (VM_LOCKED | VM_LOCKONFAULT):
        unlocked = m[vma + V_FLAGS] & ~(VM_LOCKED | VM_LOCKONFAULT)
        if m[H_RULES + R_DONTUNMAP_UNLOCKS] == DONTUNMAP_UNLOCKS_RANGE:
            vma = vma_modify_flags(m, mm, vma, addr, addr + length, unlocked)
            if vma < 0:  # the caller left room for two more areas
                return vma
        else:
            vma_set_flags(m, vma, unlocked)
    if vma != new and m[vma + V_START] == addr and m[vma + V_END] == addr + length:
        m[vma + V_AV] = 0
        m[vma + V_AVMULTI] = 0
        note_vma(m, vma)
    return 0


@kernel
def _drop_source(m: Mem, mm: int, addr: int, length: int) -> int:
    """Unmap the source; its charge has passed to the copy."""
    vma = find_exact(m, mm, addr)
    if m[vma + V_FLAGS] & VM_ACCOUNT:
        if length == 0:  # the old kernels' duplicate of private memory: the source is no longer charged
            vma_set_flags(m, vma, m[vma + V_FLAGS] & ~VM_ACCOUNT)
            return 0
        m[G_COMMITTED] += length >> m[H_ARCH + A_PAGE_SHIFT]
    return do_munmap(m, mm, addr, length)


@kernel
def move_vma(m: Mem, task: int, vma: int, addr: int, old_len: int, new: int, new_len: int, flags: int) -> int:
    """Move [addr, addr + old_len) of `vma` to the free range at `new`: `new` or -errno (move_vma)."""
    mm = m[task + T_MM]
    if m[mm + MM_COUNT] >= m[H_RULES + R_MAX_MAP_COUNT] - STAY_BELOW and proves_more(m, mm) == 0:
        return refuse(m, WHY_MAP_COUNT, ENOMEM)
    if new_len <= old_len and take(m, WHY_LIMIT_MET, ENOMEM) != 0:
        return -ENOMEM
    if _may_split_special(m, vma, addr, old_len) != 0:
        return refuse(m, WHY_SPECIAL, EINVAL)
    if _is_anothers_ring(m, mm, vma) != 0:
        return -EINVAL
    stays = flags & MREMAP_DONTUNMAP
    vm = m[vma + V_FLAGS]
    shift = m[H_ARCH + A_PAGE_SHIFT]
    size = new_len if stays else new_len - old_len
    error = charge_area(m, task, vma, size)
    if error != 0:
        return error
    pgoff = m[vma + V_PGOFF] + ((addr - m[vma + V_START]) >> shift)
    copy = _copy_vma(m, mm, vma, new, new_len, pgoff, stays)
    if copy == 0:
        if vm & VM_ACCOUNT:
            uncharge(m, size >> shift)
        return refuse(m, WHY_ARENA, ENOMEM)
    if m[vma + V_OPS] == OPS_HUGETLB and copy != vma:  # the reservation moves (clear_vma_resv_huge_pages)
        resv_put(m, m[vma + V_RESV])
        m[vma + V_RESV] = 0
    uffd = m[copy + V_UFFD]
    if uffd != 0 and m[uffd + U_FEATURES] & EVENT_REMAP == 0:  # mremap_userfaultfd_prep
        m[copy + V_UFFD] = 0
        vma_set_flags(m, copy, m[copy + V_FLAGS] & ~VM_UFFD)
    if old_len != 0:
        move_range(m, mm, find_exact(m, mm, addr), addr, copy, new, old_len)
        if uffd != 0 and m[copy + V_UFFD] == 0:
            unprotect_moved(m, mm, copy, new, new + old_len)
    vm_stat_account(m, mm, vm, new_len >> shift)
    if vm & VM_LOCKED:
        m[mm + MM_LOCKED] += new_len >> shift
    if (
        m[copy + V_FLAGS] & VM_DONTEXPAND and kind_of(m, copy) == FILE_AIO
    ):  # a part takes the whole ring's name along
        m[m[copy + V_INODE] + AIO_USER] = new
    if stays:
        _leave_behind(m, mm, addr, old_len, copy)
    else:
        _drop_source(m, mm, addr, old_len)
    if vm & VM_LOCKED and new_len > old_len:
        populate_range(m, task, new + old_len, new + new_len, POP_MLOCK)
    return new


@kernel
def new_place(
    m: Mem, task: int, vma: int, addr: int, old_len: int, new: int, new_len: int, flags: int
) -> int:
    """The address to move to: as asked, near the hint, or anywhere; or -errno (vrm_set_new_addr)."""
    how = MAP_FIXED if flags & MREMAP_FIXED else 0
    kind = -1
    pgoff = 0
    if m[vma + V_FILE] != 0:
        pgoff = m[vma + V_PGOFF] + ((addr - m[vma + V_START]) >> m[H_ARCH + A_PAGE_SHIFT])
        kind = m[m[vma + V_INODE] + I_TYPE] if m[vma + V_INODE] != 0 else m[vma + V_OPS]
        error = place_refused(
            m, m[vma + V_FILE], new if flags & NEW_PLACE else 0, flags & MREMAP_FIXED, pgoff
        )
        if error != 0:
            return error
        if kind == OPS_HUGETLB:
            kind = HUGE_KIND + hugefile_shift(m, m[vma + V_INODE])
    if m[vma + V_FLAGS] & VM_MAYSHARE:
        how |= MAP_SHARED
    hint = new if flags & NEW_PLACE else 0
    follow = m[G_FOLLOW]
    if follow != 0 and overlaps(addr, max(old_len, 1), m[G_REC_RET], new_len) != 0:
        m[G_FOLLOW] = 0  # the log says it stayed in place, which it cannot here
    place = get_unmapped_area(m, task, hint, new_len, pgoff, how, kind)
    m[G_FOLLOW] = follow
    return place


@kernel
def huge_length(m: Mem, vma: int, length: int) -> int:
    """`length` rounded up to the huge pages of hugetlb area `vma`."""
    size = 1 << hugefile_shift(m, m[vma + V_INODE])
    return (length + size - 1) & -size


@kernel
def huge_aligned(m: Mem, vma: int, addr: int, old_len: int, new_len: int, new: int) -> int:
    """1 if a request on hugetlb area `vma` keeps to whole huge pages and does not grow (align_hugetlb)."""
    if (addr | new) & ((1 << hugefile_shift(m, m[vma + V_INODE])) - 1):
        return 0
    return 1 if huge_length(m, vma, new_len) <= huge_length(m, vma, old_len) else 0


@kernel
def place_untold(m: Mem, flags: int, new: int) -> int:
    """1 if the recording shows EINVAL of a request whose new address it does not print.

    strace prints it beside MREMAP_FIXED alone, the kernel checks it beside MREMAP_DONTUNMAP too (vrm_implies_new_addr).
    """
    if m[G_TAKE] != EINVAL or m[G_EVFLAGS] & EVF_TAKEN == 0 or new != 0:
        return 0
    return 1 if flags & (MREMAP_MAYMOVE | NEW_PLACE) == MREMAP_MAYMOVE | MREMAP_DONTUNMAP else 0
