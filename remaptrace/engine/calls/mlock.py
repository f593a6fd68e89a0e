"""mlock, mlock2, munlock, mlockall, munlockall (mm/mlock.c; linux-6.x 4.6, linux-2.6.21 3.11)."""

from __future__ import annotations

from ...abi.errnos import EAGAIN, EFAULT, EINVAL, ENOMEM, ENOSYS, EPERM
from ...abi.mman import MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT, MLOCK_ONFAULT
from ...abi.special import FILE_SECRET
from ...abi.vmflags import VM_ACCESS, VM_DROPPABLE, VM_HUGETLB, VM_IO, VM_LOCKED, VM_LOCKONFAULT
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.callrules import R_MLOCK2, R_MLOCK_26, R_MLOCK_FILLS_EACH
from ...machine.limitrules import R_EXEC_STACK_PAGES
from ..account import can_do_mlock, memlock_pages
from ..addr import page_align, page_offset, uword
from ..areas.merge import vma_modify_flags
from ..areas.mergeable import VM_SPECIAL
from ..areas.vmaset import find_vma
from ..faults.populate import POP_MLOCK, populate_range
from ..files.special import kind_of
from ..jit import kernel, ult, wrap
from ..state import (
    G_TAKE,
    H_ARCH,
    H_RULES,
    MM_DEFFLAGS,
    MM_FIRST,
    MM_LOCKED,
    MM_STACK_PTR,
    MM_TOTAL,
    T_MM,
    V_END,
    V_FILE,
    V_FLAGS,
    V_NEXT,
    V_START,
    V_UFFD,
    Mem,
)
from ..why import WHY_HOLE, WHY_LOCK_TAKEN, WHY_NOT_PRESENT, WHY_RLIMIT_MEMLOCK, refuse, take

_LOCKED_MASK = VM_LOCKED | VM_LOCKONFAULT


@kernel
def mlock_fixup(m: Mem, mm: int, vma: int, start: int, end: int, new: int) -> int:
    """Give [start, end) of `vma` the flags `new`: the area that holds it now, or -errno.

    Special, droppable, hugetlb and secret areas are left alone; not where mlock fills each area (2.6).
    """
    old = m[vma + V_FLAGS]
    if new == old or kind_of(m, vma) == FILE_SECRET:
        return vma
    if old & (VM_SPECIAL | VM_DROPPABLE | VM_HUGETLB) and m[H_RULES + R_MLOCK_FILLS_EACH] == 0:
        return vma
    target = vma_modify_flags(m, mm, vma, start, end, new)
    if target < 0:
        return target
    pages = (end - start) >> m[H_ARCH + A_PAGE_SHIFT]
    if new & VM_LOCKED == 0:
        pages = -pages
    elif old & VM_LOCKED:
        pages = 0
    m[mm + MM_LOCKED] += pages
    return target


@kernel
def _fixup_and_fill(m: Mem, task: int, vma: int, start: int, end: int, lock: int) -> int:
    """Give [start, end) of `vma` the lock flags `lock`: the area that holds it now, or -errno.

    Where mlock fills each area (2.6), its pages are made present here, unless it was locked before;
    the flag stays when that fails (mm/mlock.c mlock_fixup, 2.6.20).
    """
    new = (m[vma + V_FLAGS] & ~_LOCKED_MASK) | lock
    changes = new ^ m[vma + V_FLAGS]
    target = mlock_fixup(m, m[task + T_MM], vma, start, end, new)
    if m[H_RULES + R_MLOCK_FILLS_EACH] == 0:
        return target
    if target > 0 and changes != 0 and new & (VM_LOCKED | VM_IO) == VM_LOCKED:
        error = populate_range(m, task, start, end, POP_MLOCK)
        if error != 0:
            return -EAGAIN if error == -ENOMEM else error
    return -EAGAIN if target == -ENOMEM else target


@kernel
def apply_vma_lock_flags(m: Mem, task: int, start: int, end: int, lock: int) -> int:
    """Set the lock flags of [start, end) to `lock`: 0, -EINVAL for a wrapped range, -ENOMEM at a hole."""
    mm = m[task + T_MM]
    if ult(end, start) != 0:
        return -EINVAL
    if end == start:
        return 0
    if start < 0 or end < 0:
        return refuse(m, WHY_HOLE, ENOMEM)
    vma = find_vma(m, mm, start)
    at = start
    while at < end:
        if vma == 0 or m[vma + V_START] > at:
            return refuse(m, WHY_HOLE, ENOMEM)
        stop = min(m[vma + V_END], end)
        vma = _fixup_and_fill(m, task, vma, at, stop, lock)
        if vma < 0:
            return vma
        at = stop
        if m[vma + V_END] <= at:
            vma = m[vma + V_NEXT]
    return 0


@kernel
def _locked_pages(m: Mem, mm: int, start: int, end: int) -> int:
    """Pages in [start, end) that are locked already (count_mm_mlocked_page_nr)."""
    size = 0
    vma = find_vma(m, mm, start)
    while vma != 0 and m[vma + V_START] < end:
        if m[vma + V_FLAGS] & VM_LOCKED:
            size += min(m[vma + V_END], end) - max(m[vma + V_START], start)
        vma = m[vma + V_NEXT]
    return size >> m[H_ARCH + A_PAGE_SHIFT]


@kernel
def _widened(m: Mem, addr: int, length: int) -> int:
    """The length of the pages that [addr, addr + length) touches; 0 when it wraps."""
    return page_align(m, wrap(length + page_offset(m, addr)))


@kernel
def _fills(m: Mem, mm: int, start: int, end: int) -> int:
    """1 if every page of [start, end) is anonymous memory with access, which no userfaultfd keeps from being filled."""
    at = start
    vma = find_vma(m, mm, start)
    while at < end:
        if vma == 0 or m[vma + V_START] > at or m[vma + V_FILE] != 0 or m[vma + V_FLAGS] & VM_ACCESS == 0:
            return 0
        if m[vma + V_UFFD] != 0:
            return 0
        at = m[vma + V_END]
        vma = m[vma + V_NEXT]
    return 1


@kernel
def do_mlock(m: Mem, task: int, addr: int, length: int, lock: int) -> int:
    """Lock the pages of [addr, addr + length) and, without LOCKONFAULT, fault them in: 0 or -errno."""
    mm = m[task + T_MM]
    if can_do_mlock(m, task) == 0:
        return -EPERM
    addr = uword(m, addr)
    length = _widened(m, addr, uword(m, length))
    start = addr - page_offset(m, addr)
    end = uword(m, wrap(start + length))
    pages = (length >> m[H_ARCH + A_PAGE_SHIFT]) + m[mm + MM_LOCKED]
    limit = memlock_pages(m, task)
    if length > 0 and pages > limit and m[H_RULES + R_MLOCK_26] == 0 and start >= 0 and end >= 0:
        pages -= _locked_pages(m, mm, start, end)
    if (length < 0 and limit < 1 << 62) or pages > limit:
        return refuse(m, WHY_RLIMIT_MEMLOCK, ENOMEM)
    if m[G_TAKE] == ENOMEM and start >= 0 and _fills(m, mm, start, end) != 0:
        return take(m, WHY_LOCK_TAKEN, ENOMEM)
    before = _locked_pages(m, mm, start, end) if m[G_TAKE] != 0 and start >= 0 else 0
    error = apply_vma_lock_flags(m, task, start, end, lock)
    if error != 0 or m[H_RULES + R_MLOCK_FILLS_EACH] != 0:
        return error
    error = _mlock_errno(m, populate_range(m, task, start, end, POP_MLOCK))
    if error == 0 and take(m, WHY_LOCK_TAKEN, ENOMEM) != 0:
        if before == 0:  # the limit is met before anything changes
            apply_vma_lock_flags(m, task, start, end, 0)
        return -ENOMEM
    return error


@kernel
def _mlock_errno(m: Mem, error: int) -> int:
    """What mlock says for an error of populating (__mlock_posix_error_return); 2.6 passes it on."""
    if error == 0:
        return take(m, WHY_NOT_PRESENT, EAGAIN)
    if m[H_RULES + R_MLOCK_26] != 0:
        return error
    if error == -EFAULT:
        return -ENOMEM
    return -EAGAIN if error == -ENOMEM else error


@kernel
def sys_mlock(m: Mem, task: int, addr: int, length: int) -> int:
    """mlock(addr, length): 0 or -errno."""
    return do_mlock(m, task, addr, length, VM_LOCKED)


@kernel
def sys_mlock2(m: Mem, task: int, addr: int, length: int, flags: int) -> int:
    """mlock2(addr, length, flags): 0 or -errno."""
    if m[H_RULES + R_MLOCK2] == 0:
        return -ENOSYS
    if flags & ~MLOCK_ONFAULT:
        return -EINVAL
    return do_mlock(m, task, addr, length, _LOCKED_MASK if flags else VM_LOCKED)


@kernel
def sys_munlock(m: Mem, task: int, addr: int, length: int) -> int:
    """munlock(addr, length): 0 or -errno."""
    addr = uword(m, addr)
    length = _widened(m, addr, uword(m, length))
    start = addr - page_offset(m, addr)
    return apply_vma_lock_flags(m, task, start, uword(m, wrap(start + length)), 0)


@kernel
def _apply_to_all(m: Mem, task: int, flags: int) -> int:
    """The effect of mlockall(flags) or, with 0, of munlockall on defaults and areas (errors ignored)."""
    mm = m[task + T_MM]
    defaults = m[mm + MM_DEFFLAGS] & ~_LOCKED_MASK
    lock = 0
    if flags & MCL_FUTURE:
        defaults |= VM_LOCKED
        if flags & MCL_ONFAULT:
            defaults |= VM_LOCKONFAULT
    m[mm + MM_DEFFLAGS] = defaults
    if flags & MCL_FUTURE and flags & MCL_CURRENT == 0:
        return 0
    if flags & MCL_CURRENT:
        lock = VM_LOCKED
        if flags & MCL_ONFAULT:
            lock |= VM_LOCKONFAULT
    vma = m[mm + MM_FIRST]
    while vma != 0:
        end = m[vma + V_END]
        _fixup_and_fill(m, task, vma, m[vma + V_START], end, lock)
        vma = find_vma(m, mm, end)
    return 0


@kernel
def sys_mlockall(m: Mem, task: int, flags: int) -> int:
    """mlockall(flags): 0 or -errno."""
    mm = m[task + T_MM]
    known = MCL_CURRENT | MCL_FUTURE
    if m[H_RULES + R_MLOCK2] != 0:
        known |= MCL_ONFAULT
    if flags == 0 or flags & ~known or flags == MCL_ONFAULT:
        return -EINVAL
    if can_do_mlock(m, task) == 0:
        return -EPERM
    total = m[mm + MM_TOTAL]
    if m[mm + MM_STACK_PTR] == 0:  # a scenario that does not list the program: it has a stack at least
        total += m[H_RULES + R_EXEC_STACK_PAGES]
    if flags & MCL_CURRENT and total > memlock_pages(m, task):
        return refuse(m, WHY_RLIMIT_MEMLOCK, ENOMEM)
    if flags & MCL_CURRENT and take(m, WHY_LOCK_TAKEN, ENOMEM) != 0:
        return -ENOMEM
    _apply_to_all(m, task, flags)
    if flags & MCL_CURRENT and m[H_RULES + R_MLOCK_FILLS_EACH] == 0:
        vma = m[mm + MM_FIRST]
        while vma != 0:  # one area's error does not keep the others from being populated
            populate_range(m, task, m[vma + V_START], m[vma + V_END], POP_MLOCK)
            vma = m[vma + V_NEXT]
    return 0


@kernel
def sys_munlockall(m: Mem, task: int) -> int:
    """munlockall(): 0."""
    return _apply_to_all(m, task, 0)
