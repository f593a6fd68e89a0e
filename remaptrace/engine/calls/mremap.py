"""mremap: resizing and moving areas (mm/mremap.c; linux-6.x 4.3, linux-2.6.21 3.9).

Two orders of checks: since 6.17 everything about the arguments comes before the area is looked at
and before the target is unmapped, and a plain move may span areas; before, a failing request could
lose its target. The words at G_VMS are free for `munmap` in between; the request itself travels in
arguments.
"""

from __future__ import annotations

from ...abi.errnos import EACCES, EAGAIN, EFAULT, EINVAL, ENOMEM, ENOSYS, EPERM
from ...abi.mman import MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE
from ...abi.rows import RSF_ASSUMED
from ...abi.special import FILE_BPF, FILE_RINGBUF, FILE_URING
from ...abi.vmflags import (
    VM_ACCOUNT,
    VM_DONTEXPAND,
    VM_HUGETLB,
    VM_LOCKED,
    VM_MAYSHARE,
    VM_PFNMAP,
    VM_SEALED,
    VM_SHARED,
)
from ...machine.archwords import A_PAGE_SHIFT, A_TASK_SIZE
from ...machine.callrules import (
    R_DONTUNMAP,
    R_MREMAP_CHARGES_FIRST,
    R_MREMAP_CHECK_FIRST,
    R_MREMAP_EARLY_COUNT,
    R_MREMAP_GROW_MERGES,
    R_MREMAP_LOOKUP_FIRST,
    R_MREMAP_MULTI,
    R_MREMAP_OVERLAP_OLD,
    R_WIPEONFORK,
)
from ...machine.limitrules import R_MAX_MAP_COUNT
from ..account import may_expand_vm, mlock_future_ok, uncharge, vm_stat_account
from ..addr import beyond, page_align, page_offset, uword
from ..areas.merge import VMG_AVMULTI, VMG_NEXT, VMG_PREV, merge_new, vmg_like
from ..areas.space import range_is_sealed, recorded_success
from ..areas.vma import vma_is_anonymous
from ..areas.vmaset import find_exact, find_vma, set_bounds
from ..faults.populate import POP_MLOCK, populate_range
from ..files.special import kind_of
from ..jit import kernel, ult, wrap
from ..state import (
    G_REC_RET,
    G_RSFLAGS,
    G_TAKE,
    H_ARCH,
    H_RULES,
    MM_COUNT,
    MM_LOCKED,
    OPS_SHM,
    OPS_ZERO,
    P_UNKNOWN,
    T_MM,
    T_PROC,
    V_END,
    V_FILE,
    V_FLAGS,
    V_NEXT,
    V_OPS,
    V_PGOFF,
    V_START,
    V_UFFD,
    Mem,
)
from ..why import (
    WHY_BEHIND,
    WHY_FORBIDDEN,
    WHY_HUGE_PAGE,
    WHY_MAP_COUNT,
    WHY_NOT_ONE_AREA,
    WHY_SEALED,
    WHY_SPECIAL,
    WHY_UNTOLD,
    proves_more,
    refuse,
    take,
)
from .moving import (
    NEW_PLACE,
    STAY_BELOW,
    charge_area,
    huge_aligned,
    huge_length,
    move_vma,
    new_place,
    overlaps,
    place_untold,
)
from .munmap import do_munmap


@kernel
def _early_count(m: Mem, mm: int) -> int:
    """-ENOMEM if a move could later run into the limit on areas, else 0."""
    if m[H_RULES + R_MREMAP_EARLY_COUNT] == 0:
        return 0
    if m[mm + MM_COUNT] + 2 >= m[H_RULES + R_MAX_MAP_COUNT] - STAY_BELOW and proves_more(m, mm) == 0:
        return refuse(m, WHY_MAP_COUNT, ENOMEM)
    return 0


@kernel
def _charge_growth(m: Mem, task: int, vma: int, size: int) -> int:
    """Where growth is charged first: the refusal that comes before room is looked for, else 0.

    The charge itself is made where the memory is had (vma_to_resize, before 5.11).
    """
    if m[H_RULES + R_MREMAP_CHARGES_FIRST] == 0:
        return 0
    error = charge_area(m, task, vma, size)
    if error == 0 and m[vma + V_FLAGS] & VM_ACCOUNT:
        uncharge(m, size >> m[H_ARCH + A_PAGE_SHIFT])
    return error


@kernel
def _overlaps_target(m: Mem, addr: int, old_len: int, new: int, new_len: int) -> int:
    """1 if the old and the new range have a byte in common; 2.6 asks whether one holds the other's address."""
    if m[H_RULES + R_MREMAP_OVERLAP_OLD] != 0 and ult(addr, new) == 0 and ult(addr, wrap(new + new_len)) != 0:
        return 1
    return overlaps(addr, old_len, new, new_len)


@kernel
def _moves_alone(m: Mem, vma: int) -> int:
    """1 if `vma` may not be one of several areas of a move (vma_multi_allowed, 6.17).

    It is registered with userfaultfd, or its file chooses addresses itself, which could disobey MREMAP_FIXED,
    and is neither shmem nor a file whose choice is known: System V segments, /dev/zero, maps of bpf, io_uring.
    """
    if m[vma + V_UFFD] != 0 or kind_of(m, vma) in (FILE_BPF, FILE_RINGBUF, FILE_URING):
        return 1
    return 1 if m[vma + V_FILE] != 0 and m[vma + V_OPS] in (OPS_SHM, OPS_ZERO) else 0


@kernel
def _check_resize(m: Mem, task: int, vma: int, addr: int, old_len: int, new_len: int, flags: int) -> int:
    """What an area must allow to be moved or to grow (vma_to_resize): 0 or -errno."""
    vm = m[vma + V_FLAGS]
    if old_len == 0 and vm & (VM_SHARED | VM_MAYSHARE) == 0 and m[H_RULES + R_WIPEONFORK] != 0:
        return -EINVAL
    if flags & MREMAP_DONTUNMAP:
        if vm & (VM_DONTEXPAND | VM_PFNMAP):
            return refuse(m, WHY_SPECIAL, EINVAL)
        if m[H_RULES + R_DONTUNMAP] == 1 and vma_is_anonymous(m, vma) == 0:
            return -EINVAL
    if ult(m[vma + V_END] - addr, old_len) != 0:
        return refuse(m, WHY_NOT_ONE_AREA, EFAULT)
    if new_len == old_len:
        return 0
    if vm & (VM_DONTEXPAND | VM_PFNMAP):
        return refuse(m, WHY_SPECIAL, EFAULT)
    pages = (new_len - old_len) >> m[H_ARCH + A_PAGE_SHIFT]
    if new_len < 0:  # more than half the address space
        return -ENOMEM
    if mlock_future_ok(m, task, vm, pages) == 0:
        return -EAGAIN
    why = may_expand_vm(m, task, vm, pages)
    if why != 0:
        return refuse(m, why, ENOMEM)
    return _charge_growth(m, task, vma, new_len - old_len)


@kernel
def _mremap_to(m: Mem, task: int, addr: int, old_len: int, new: int, new_len: int, flags: int) -> int:
    """The part of a request with a new address that changes things: the new address or -errno."""
    mm = m[task + T_MM]
    if flags & MREMAP_FIXED:
        error = do_munmap(m, mm, new, new_len)
        if error != 0:
            return error
    if old_len > new_len:
        error = do_munmap(m, mm, addr + new_len, old_len - new_len)
        if error != 0:
            return error
        old_len = new_len
    vma = find_exact(m, mm, addr)
    if vma == 0:
        return -EFAULT
    if m[H_RULES + R_MREMAP_CHECK_FIRST] == 0:
        error = _check_resize(m, task, vma, addr, old_len, new_len, flags)
        if error != 0:
            return error
    if flags & MREMAP_DONTUNMAP:
        why = may_expand_vm(m, task, m[vma + V_FLAGS], old_len >> m[H_ARCH + A_PAGE_SHIFT])
        if why != 0:
            return refuse(m, why, ENOMEM)
    place = new_place(m, task, vma, addr, old_len, new, new_len, flags)
    if place < 0:
        return place
    return move_vma(m, task, vma, addr, old_len, place, new_len, flags)


# ---- growing ---------------------------------------------------------------------------------


@kernel
def _room_to_grow(m: Mem, mm: int, vma: int, delta: int) -> int:
    """1 if `delta` free bytes follow `vma` (vma_expandable); guard gaps do not count."""
    end = m[vma + V_END] + delta
    if end > m[H_ARCH + A_TASK_SIZE]:
        return 0
    upper = m[vma + V_NEXT]
    return 1 if upper == 0 or end <= m[upper + V_START] else 0


@kernel
def _grow_in_place(m: Mem, task: int, vma: int, delta: int) -> int:
    """Extend `vma` by `delta` bytes, joining the next area if it touches then: 0 or -errno."""
    mm = m[task + T_MM]
    vm = m[vma + V_FLAGS]
    shift = m[H_ARCH + A_PAGE_SHIFT]
    error = charge_area(m, task, vma, delta)
    if error != 0:
        return error
    start = m[vma + V_END]
    if m[H_RULES + R_MREMAP_GROW_MERGES] == 0:
        set_bounds(m, mm, vma, m[vma + V_START], start + delta)
    else:
        pgoff = m[vma + V_PGOFF] + ((start - m[vma + V_START]) >> shift)
        vmg_like(m, vma, start, start + delta, pgoff)
        m[VMG_AVMULTI] = (
            0  # a fork child's, too, grows up to memory without anon_vma: no area is in the middle
        )
        m[VMG_PREV] = vma
        m[VMG_NEXT] = m[vma + V_NEXT]
        if merge_new(m, mm) == 0:
            if vm & VM_ACCOUNT:
                uncharge(m, delta >> shift)
            return -ENOMEM
    vm_stat_account(m, mm, vm, delta >> shift)
    if vm & VM_LOCKED:
        m[mm + MM_LOCKED] += delta >> shift
        populate_range(m, task, start, start + delta, POP_MLOCK)
    return 0


@kernel
def _moved(m: Mem, task: int, addr: int) -> int:
    """1 if the recording shows that something above the area stood in its way, which the log does not show."""
    if recorded_success(m) == 0 or m[G_REC_RET] == addr or m[m[task + T_PROC] + P_UNKNOWN] != 1:
        return 0
    m[G_RSFLAGS] |= RSF_ASSUMED
    return 1


@kernel
def _mremap_at(m: Mem, task: int, vma: int, addr: int, old_len: int, new_len: int, flags: int) -> int:
    """A request to grow without a new address: the address afterwards or -errno."""
    mm = m[task + T_MM]
    grows = m[vma + V_END] - addr == old_len and _room_to_grow(m, mm, vma, new_len - old_len) != 0
    if grows and flags & MREMAP_MAYMOVE and _moved(m, task, addr) != 0:
        grows = False
    if not grows and flags & MREMAP_MAYMOVE == 0 and m[G_TAKE] == ENOMEM:
        m[G_TAKE] = 0  # refused here in any case
    error = _check_resize(m, task, vma, addr, old_len, new_len, flags)
    if error != 0:
        return error
    if grows:
        error = _grow_in_place(m, task, vma, new_len - old_len)
        return addr if error == 0 else error
    if flags & MREMAP_MAYMOVE == 0:
        return refuse(m, WHY_BEHIND, ENOMEM)
    place = new_place(m, task, vma, addr, old_len, 0, new_len, flags)
    if place < 0:
        return place
    return move_vma(m, task, vma, addr, old_len, place, new_len, flags)


# ---- the call --------------------------------------------------------------------------------


@kernel
def _move_several(m: Mem, task: int, addr: int, length: int, new: int, flags: int) -> int:
    """A move without resize (remap_move): every area of the range in turn, holes kept in between.

    Whether an area may be one of several is asked before it is looked at otherwise (seals: check_prep_vma).
    """
    mm = m[task + T_MM]
    end = addr + length
    target = new
    last_end = addr
    result = -EFAULT
    while last_end < end:
        vma = find_vma(m, mm, last_end)
        if vma == 0 or m[vma + V_START] >= end:
            break
        start = max(m[vma + V_START], last_end)
        stop = min(m[vma + V_END], end)
        if result < 0 and start > addr:
            return -EFAULT
        target += start - last_end
        if m[H_RULES + R_MREMAP_MULTI] == 0:
            stop = end
        elif _moves_alone(m, vma) != 0 and (result >= 0 or m[vma + V_END] < end):
            return -EFAULT
        if m[vma + V_FLAGS] & VM_SEALED:
            return refuse(m, WHY_SEALED, EPERM)
        if m[vma + V_FLAGS] & VM_HUGETLB:
            stop = start + huge_length(m, vma, stop - start)
            if huge_aligned(m, vma, start, stop - start, stop - start, target) == 0:
                return refuse(m, WHY_HUGE_PAGE, EINVAL)
        error = _check_resize(m, task, vma, start, stop - start, stop - start, flags)
        if error != 0:
            return error
        moved = _mremap_to(m, task, start, stop - start, target, stop - start, flags)
        if moved < 0:
            return moved
        if result < 0:
            result = moved
        target = moved + stop - start
        last_end = stop
    return result


@kernel
def _mremap_checked(m: Mem, task: int, addr: int, old_len: int, new_len: int, flags: int, new: int) -> int:
    """The order since 6.17: arguments, then the area, then changes."""
    mm = m[task + T_MM]
    if new_len < 0 or new_len > m[H_ARCH + A_TASK_SIZE]:
        return -EINVAL
    if flags & NEW_PLACE:
        if beyond(m, new, new_len) != 0 or page_offset(m, new) != 0 or flags & MREMAP_MAYMOVE == 0:
            return -EINVAL
        if flags & MREMAP_DONTUNMAP and old_len != new_len:
            return -EINVAL
        if overlaps(addr, old_len, new, new_len) != 0:
            return -EINVAL
        error = _early_count(m, mm)
        if error != 0:
            return error
    if flags & MREMAP_FIXED and old_len == new_len:
        return _move_several(m, task, addr, old_len, new, flags)
    vma = find_exact(m, mm, addr) if addr >= 0 else 0
    if vma == 0:
        return refuse(m, WHY_NOT_ONE_AREA, EFAULT)
    if m[vma + V_FLAGS] & VM_SEALED:
        return refuse(m, WHY_SEALED, EPERM)
    if m[vma + V_FLAGS] & VM_HUGETLB:
        if huge_aligned(m, vma, addr, old_len, new_len, new) == 0:
            return refuse(m, WHY_HUGE_PAGE, EINVAL)
        old_len = huge_length(m, vma, old_len)
        new_len = huge_length(m, vma, new_len)
    if flags & NEW_PLACE:
        inside = min(old_len, new_len) if old_len >= 0 else new_len
        error = _check_resize(m, task, vma, addr, inside, new_len, flags)
        if error != 0:
            return error
        return _mremap_to(m, task, addr, old_len, new, new_len, flags)
    if old_len == new_len:
        return addr
    if old_len < 0 or old_len > new_len:
        error = do_munmap(m, mm, addr + new_len, old_len - new_len)
        return error if error != 0 else addr
    return _mremap_at(m, task, vma, addr, old_len, new_len, flags)


@kernel
def _mremap_old(m: Mem, task: int, addr: int, old_len: int, new_len: int, flags: int, new: int) -> int:
    """The order before 6.17: the area first, and the target unmapped before it is checked."""
    mm = m[task + T_MM]
    vma = find_exact(m, mm, addr) if addr >= 0 else 0
    if m[H_RULES + R_MREMAP_LOOKUP_FIRST] != 0:
        if vma == 0:
            return refuse(m, WHY_NOT_ONE_AREA, EFAULT)
        if m[vma + V_FLAGS] & VM_SEALED:
            return refuse(m, WHY_SEALED, EPERM)
    if vma != 0 and m[vma + V_FLAGS] & VM_HUGETLB:
        if huge_aligned(m, vma, addr, old_len, new_len, new) == 0:
            return refuse(m, WHY_HUGE_PAGE, EINVAL)
        old_len = huge_length(m, vma, old_len)
        new_len = huge_length(m, vma, new_len)
    if flags & NEW_PLACE:
        if page_offset(m, new) != 0 or beyond(m, new, new_len) != 0:
            return -EINVAL
        if _overlaps_target(m, addr, old_len, new, new_len) != 0:
            return -EINVAL
        error = _early_count(m, mm)
        if error != 0:
            return error
        return _mremap_to(m, task, addr, old_len, new, new_len, flags)
    if ult(old_len, new_len) == 0:
        error = do_munmap(m, mm, wrap(addr + new_len), old_len - new_len)
        return error if error != 0 and old_len != new_len else addr
    if vma == 0:
        return refuse(m, WHY_NOT_ONE_AREA, EFAULT)
    return _mremap_at(m, task, vma, addr, old_len, new_len, flags)


@kernel
def sys_mremap(
    m: Mem, task: int, addr: int, old_length: int, new_length: int, flags: int, new_addr: int
) -> int:
    """mremap(addr, old_length, new_length, flags, new_addr): the address afterwards or -errno."""
    known = MREMAP_MAYMOVE | MREMAP_FIXED
    if m[H_RULES + R_DONTUNMAP] != 0:
        known |= MREMAP_DONTUNMAP
    addr = uword(m, addr)
    if flags & ~known or page_offset(m, addr) != 0:
        return -EINVAL
    old_len = page_align(m, uword(m, old_length))
    new_len = page_align(m, uword(m, new_length))
    if new_len == 0:
        return -EINVAL
    if m[G_TAKE] in (EPERM, EACCES, ENOSYS):
        mm = m[task + T_MM]
        into = uword(m, new_addr)
        sealed = range_is_sealed(m, mm, addr, wrap(addr + max(old_len, 1)))
        if flags & MREMAP_FIXED:
            sealed |= range_is_sealed(m, mm, into, wrap(into + new_len))
        if sealed == 0:
            return take(m, WHY_FORBIDDEN, m[G_TAKE])
    if place_untold(m, flags, new_addr) != 0 and uword(m, old_length) == uword(m, new_length):
        return take(m, WHY_UNTOLD, EINVAL)
    if m[H_RULES + R_MREMAP_CHECK_FIRST] != 0:
        return _mremap_checked(m, task, addr, old_len, new_len, flags, uword(m, new_addr))
    if flags & NEW_PLACE and flags & MREMAP_MAYMOVE == 0:
        return -EINVAL
    if flags & MREMAP_DONTUNMAP and uword(m, old_length) != uword(m, new_length):
        return -EINVAL
    return _mremap_old(m, task, addr, old_len, new_len, flags, uword(m, new_addr))
