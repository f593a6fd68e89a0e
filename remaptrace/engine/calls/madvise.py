"""madvise: which advice there is, the walk over areas, flag changes (mm/madvise.c).

linux-6.x 4.4 and 4.5, linux-2.6.21 3.10. What advice does to pages stands in `advice`.
"""

from __future__ import annotations

from ...abi.errnos import EACCES, EAGAIN, EBADF, EBUSY, EINVAL, EIO, ENOMEM, ENOSYS, EPERM
from ...abi.fcntl import SEALS_OF_WRITING
from ...abi.mman import (
    MADV_COLD,
    MADV_COLLAPSE,
    MADV_DODUMP,
    MADV_DOFORK,
    MADV_DONTDUMP,
    MADV_DONTFORK,
    MADV_DONTNEED,
    MADV_DONTNEED_LOCKED,
    MADV_FREE,
    MADV_GUARD_INSTALL,
    MADV_GUARD_REMOVE,
    MADV_HUGEPAGE,
    MADV_KEEPONFORK,
    MADV_MERGEABLE,
    MADV_NOHUGEPAGE,
    MADV_NORMAL,
    MADV_PAGEOUT,
    MADV_POPULATE_READ,
    MADV_POPULATE_WRITE,
    MADV_RANDOM,
    MADV_REMOVE,
    MADV_SEQUENTIAL,
    MADV_UNMERGEABLE,
    MADV_WILLNEED,
    MADV_WIPEONFORK,
)
from ...abi.signals import ACC_WRITE
from ...abi.special import FILE_AIO
from ...abi.vmflags import (
    VM_DONTCOPY,
    VM_DONTDUMP,
    VM_DROPPABLE,
    VM_HUGEPAGE,
    VM_HUGETLB,
    VM_IO,
    VM_LOCKED,
    VM_MANYPROTS,
    VM_MAYBE_GUARD,
    VM_MAYSHARE,
    VM_MAYWRITE,
    VM_MERGEABLE,
    VM_NOHUGEPAGE,
    VM_NONLINEAR,
    VM_PFNMAP,
    VM_RAND_READ,
    VM_SEALED,
    VM_SEQ_READ,
    VM_SHARED,
    VM_WIPEONFORK,
    VM_WRITE,
)
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.callrules import (
    R_ADVISE_CALLS,
    R_COLD,
    R_COLLAPSE,
    R_DONTNEED_LOCKED,
    R_GUARD,
    R_KSM,
    R_MADV_CHECK_FIRST,
    R_MADV_FLAGS,
    R_MADV_FREE,
    R_POPULATE_ADVICE,
    R_REMOVE_LOOPS,
    R_REMOVE_MAYWRITE,
    R_SEAL_ZERO,
    R_THP,
    R_WILLNEED_ANON,
    R_WIPEONFORK,
)
from ...machine.rules import R_DOFORK, R_STICKY_GUARD
from ..addr import range_end, range_refused, uword
from ..areas.merge import vma_modify_flags
from ..areas.mergeable import VM_SPECIAL
from ..areas.pkeys import pkey_denies
from ..areas.space import range_has_hole, range_is_sealed
from ..areas.vma import vma_is_anonymous, vma_set_flags
from ..areas.vmaset import find_vma
from ..faults.collapse import madvise_collapse
from ..faults.populate import POP_READ, POP_WRITE, populate_range
from ..files.hugepool import hugefile_shift
from ..files.special import kind_of, no_punch
from ..jit import kernel
from ..ranges.advice import (
    advise_cold,
    advise_free,
    advise_pageout,
    advise_remove,
    guard_install,
    guard_remove,
)
from ..ranges.hugetlb import hugefile_punch
from ..ranges.nlzap import zap_nonlinear
from ..ranges.pgtable import ZAP_DONTNEED, zap_range
from ..state import (
    G_STUCK,
    G_TAKE,
    H_ARCH,
    H_RULES,
    I_SEALS,
    OPS_FILE,
    OPS_SPECIAL,
    T_MM,
    V_END,
    V_FILE,
    V_FLAGS,
    V_INODE,
    V_NEXT,
    V_OPS,
    V_PGOFF,
    V_START,
    Mem,
)
from ..why import (
    WHY_FILE_SEALED,
    WHY_FORBIDDEN,
    WHY_HOLE,
    WHY_REFUSED,
    WHY_SEALED,
    proves_pages,
    refuse,
    take,
)

_REFUSED = -1


@kernel
def advice_known(m: Mem, advice: int) -> int:
    """1 if this kernel knows `advice` (madvise_behavior_valid)."""
    if 0 <= advice <= MADV_DONTNEED or MADV_REMOVE <= advice <= MADV_DOFORK:
        return 1
    rule = 0
    if advice in (MADV_MERGEABLE, MADV_UNMERGEABLE) and m[H_RULES + R_KSM] == 0:
        return 0
    if advice in (MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLLAPSE) and m[H_RULES + R_THP] == 0:
        return 0
    if advice == MADV_FREE:
        rule = R_MADV_FREE
    elif MADV_MERGEABLE <= advice <= MADV_DODUMP:
        rule = R_MADV_FLAGS
    elif advice in (MADV_WIPEONFORK, MADV_KEEPONFORK):
        rule = R_WIPEONFORK
    elif advice in (MADV_COLD, MADV_PAGEOUT):
        rule = R_COLD
    elif advice in (MADV_POPULATE_READ, MADV_POPULATE_WRITE):
        rule = R_POPULATE_ADVICE
    elif advice == MADV_DONTNEED_LOCKED:
        rule = R_DONTNEED_LOCKED
    elif advice == MADV_COLLAPSE:
        rule = R_COLLAPSE
    elif advice in (MADV_GUARD_INSTALL, MADV_GUARD_REMOVE):
        rule = R_GUARD
    else:
        return 0
    return 1 if m[H_RULES + rule] != 0 else 0


@kernel
def _is_flag_advice(advice: int) -> int:
    """1 if the advice only changes flags of areas."""
    if advice in (MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_DONTFORK, MADV_DOFORK):
        return 1
    return 1 if MADV_MERGEABLE <= advice <= MADV_KEEPONFORK else 0


@kernel
def _seal_forbids(m: Mem, task: int, vma: int, advice: int) -> int:
    """1 if `vma` is sealed anonymous memory that `task` may not write (nor by its key), and the advice discards it."""
    flags = m[vma + V_FLAGS]
    file = m[vma + V_FILE] != 0 and (m[H_RULES + R_SEAL_ZERO] == 0 or vma_is_anonymous(m, vma) == 0)
    if flags & VM_SEALED == 0 or flags & VM_SHARED or file:
        return 0
    if flags & VM_WRITE and pkey_denies(m, task, m[vma + V_START], ACC_WRITE) == 0:
        return 0
    if advice in (MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_DONTFORK, MADV_WIPEONFORK):
        return 1
    return 1 if advice in (MADV_DONTNEED_LOCKED, MADV_GUARD_INSTALL) else 0


@kernel
def _flags_for_fork_and_dump(m: Mem, vma: int, advice: int) -> int:
    """The new flags of an area under the advice about fork and core dumps; -1: refused (EINVAL)."""
    flags = m[vma + V_FLAGS]
    if advice == MADV_DONTFORK:
        return flags | VM_DONTCOPY
    if advice == MADV_DOFORK:
        refused = VM_SPECIAL if m[H_RULES + R_DOFORK] != 0 else VM_IO
        return _REFUSED if flags & refused else flags & ~VM_DONTCOPY
    if advice == MADV_WIPEONFORK:
        return _REFUSED if m[vma + V_FILE] != 0 or flags & VM_SHARED else flags | VM_WIPEONFORK
    if advice == MADV_KEEPONFORK:
        return _REFUSED if flags & VM_DROPPABLE else flags & ~VM_WIPEONFORK
    if advice == MADV_DONTDUMP:
        return flags | VM_DONTDUMP
    if flags & (VM_DROPPABLE | (VM_SPECIAL if flags & VM_HUGETLB == 0 else 0)):
        return _REFUSED
    return flags & ~VM_DONTDUMP


@kernel
def _advised_flags(m: Mem, vma: int, advice: int) -> int:
    """The new flags of an area under advice that changes flags; -1: refused (EINVAL)."""
    flags = m[vma + V_FLAGS]
    if advice == MADV_NORMAL:
        return flags & ~(VM_RAND_READ | VM_SEQ_READ)
    if advice == MADV_RANDOM:
        return (flags & ~VM_SEQ_READ) | VM_RAND_READ
    if advice == MADV_SEQUENTIAL:
        return (flags & ~VM_RAND_READ) | VM_SEQ_READ
    if advice == MADV_HUGEPAGE:
        return (flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE
    if advice == MADV_NOHUGEPAGE:
        return (flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE
    if advice == MADV_MERGEABLE:  # silently ignored where pages cannot be merged
        if flags & (VM_SHARED | VM_MAYSHARE | VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE):
            return flags
        return flags | VM_MERGEABLE
    if advice == MADV_UNMERGEABLE:
        return flags & ~VM_MERGEABLE
    return _flags_for_fork_and_dump(m, vma, advice)


@kernel
def _remove(m: Mem, task: int, vma: int, start: int, end: int) -> int:
    """MADV_REMOVE: punch a hole in the file behind the range."""
    flags = m[vma + V_FLAGS]
    if flags & (VM_LOCKED | VM_NONLINEAR) or m[vma + V_FILE] == 0:
        return -EINVAL
    need = VM_SHARED | (VM_MAYWRITE if m[H_RULES + R_REMOVE_MAYWRITE] != 0 else VM_WRITE)
    if flags & need != need:
        return -EACCES
    error = no_punch(m, m[vma + V_INODE])
    if error != 0:
        return error
    if m[m[vma + V_INODE] + I_SEALS] & SEALS_OF_WRITING:
        return refuse(m, WHY_FILE_SEALED, EPERM)
    if flags & VM_HUGETLB:
        offset = start - m[vma + V_START] + (m[vma + V_PGOFF] << m[H_ARCH + A_PAGE_SHIFT])
        return hugefile_punch(m, m[vma + V_INODE], offset, offset + end - start)
    if m[vma + V_OPS] == OPS_FILE and m[H_RULES + R_MADV_FLAGS] == 0:  # 2.6: only tmpfs can
        return -ENOSYS
    return advise_remove(m, task, vma, start, end)


@kernel
def _guard(m: Mem, task: int, vma: int, start: int, end: int, install: int) -> int:
    """MADV_GUARD_INSTALL and MADV_GUARD_REMOVE on one area."""
    flags = m[vma + V_FLAGS]
    if flags & (VM_SPECIAL | VM_HUGETLB) or (install == 1 and flags & VM_LOCKED):
        return -EINVAL
    if m[H_RULES + R_GUARD] == 1 and (vma_is_anonymous(m, vma) == 0 or flags & VM_MAYWRITE == 0):
        return -EINVAL
    if install == 0:
        return guard_remove(m, task, vma, start, end)
    if m[H_RULES + R_STICKY_GUARD] != 0 and flags & VM_MAYBE_GUARD == 0:
        vma_set_flags(m, vma, flags | VM_MAYBE_GUARD)
    return guard_install(m, task, vma, start, end)


@kernel
def _advise_pages(m: Mem, task: int, vma: int, start: int, end: int, advice: int) -> int:
    """Advice about the pages of one area: 0 or -errno."""
    mm = m[task + T_MM]
    flags = m[vma + V_FLAGS]
    if advice in (MADV_DONTNEED, MADV_DONTNEED_LOCKED) and flags & VM_HUGETLB:
        size = 1 << hugefile_shift(m, m[vma + V_INODE])
        if start & (size - 1) or m[H_RULES + R_DONTNEED_LOCKED] == 0:
            return -EINVAL
        zap_range(m, mm, vma, start, max(start, end & -size), ZAP_DONTNEED)
        return 0
    if advice in (MADV_DONTNEED, MADV_DONTNEED_LOCKED):
        if flags & (VM_PFNMAP | (VM_LOCKED if advice == MADV_DONTNEED else 0)):
            return -EINVAL
        if flags & (VM_NONLINEAR | VM_MANYPROTS):
            zap_nonlinear(m, mm, vma, start, end, ZAP_DONTNEED, 0, -1)
        else:
            zap_range(m, mm, vma, start, end, ZAP_DONTNEED)
        return 0
    if advice == MADV_FREE:
        if flags & (VM_PFNMAP | VM_LOCKED) or vma_is_anonymous(m, vma) == 0:
            return -EINVAL
        return advise_free(m, task, vma, start, end)
    if advice in (MADV_COLD, MADV_PAGEOUT):
        if flags & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB):
            return -EINVAL
        if kind_of(m, vma) not in (0, FILE_AIO):  # their pages are on no list that reclaim looks at
            return 0
        if advice == MADV_PAGEOUT:
            return advise_pageout(m, task, vma, start, end)
        return advise_cold(m, task, vma, start, end)
    if advice == MADV_WILLNEED:
        return -EBADF if m[vma + V_FILE] == 0 and m[H_RULES + R_WILLNEED_ANON] == 0 else 0
    if advice == MADV_REMOVE:
        return _remove(m, task, vma, start, end)
    if advice == MADV_COLLAPSE:
        error = madvise_collapse(m, task, vma, start, end)
        return error if error != -EINVAL or proves_pages(m) == 0 else 0
    return _guard(m, task, vma, start, end, 1 if advice == MADV_GUARD_INSTALL else 0)


_OWN_REASONS = (EINVAL, EBUSY, EAGAIN, EIO, EBADF)
"""Refusals of advice about pages that have reasons which no log shows, such as a page that is in use."""


@kernel
def _advise_area(m: Mem, task: int, vma: int, start: int, end: int, advice: int) -> int:
    """Apply the advice to [start, end) of `vma`: the area that holds the range now, or -errno."""
    if _seal_forbids(m, task, vma, advice) != 0:
        return refuse(m, WHY_SEALED, EPERM)
    if _is_flag_advice(advice) == 0:
        error = _advise_pages(m, task, vma, start, end, advice)
        if error == 0 and m[G_TAKE] in _OWN_REASONS:
            error = take(m, WHY_REFUSED, m[G_TAKE])
        return error if error != 0 else vma
    new = _advised_flags(m, vma, advice)
    if new == _REFUSED:
        return -EINVAL
    whole = m[vma + V_START] == start and m[vma + V_END] == end
    if (whole or m[vma + V_OPS] != OPS_SPECIAL) and take(m, WHY_REFUSED, EINVAL) != 0:
        return -EINVAL
    if new == m[vma + V_FLAGS]:
        return vma
    target = vma_modify_flags(m, m[task + T_MM], vma, start, end, new)
    return -EAGAIN if target == -ENOMEM else target


@kernel
def _refuses(m: Mem, vma: int, advice: int) -> int:
    """1 if the flags and the kind of `vma` alone make the advice EINVAL there."""
    flags = m[vma + V_FLAGS]
    if _is_flag_advice(advice) != 0:
        return 1 if _advised_flags(m, vma, advice) == _REFUSED else 0
    if advice in (MADV_DONTNEED, MADV_DONTNEED_LOCKED):
        return 1 if flags & (VM_PFNMAP | (VM_LOCKED if advice == MADV_DONTNEED else 0)) else 0
    if advice == MADV_FREE:
        return 1 if flags & (VM_PFNMAP | VM_LOCKED) or vma_is_anonymous(m, vma) == 0 else 0
    if advice in (MADV_COLD, MADV_PAGEOUT):
        return 1 if flags & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB) else 0
    if advice == MADV_REMOVE:
        return 1 if flags & (VM_LOCKED | VM_NONLINEAR) or m[vma + V_FILE] == 0 else 0
    if advice in (MADV_GUARD_INSTALL, MADV_GUARD_REMOVE):
        locked = VM_LOCKED if advice == MADV_GUARD_INSTALL else 0
        return 1 if flags & (VM_SPECIAL | VM_HUGETLB | locked) else 0
    return 0


@kernel
def _explained(m: Mem, mm: int, start: int, end: int, advice: int) -> int:
    """1 if some area of [start, end) refuses the advice by itself, so that a recorded EINVAL proves nothing else.

    The areas before it are advised by then.
    """
    vma = find_vma(m, mm, start)
    while vma != 0 and m[vma + V_START] < end:
        if _refuses(m, vma, advice) != 0:
            return 1
        vma = m[vma + V_NEXT]
    return 0


@kernel
def madvise_walk(m: Mem, task: int, start: int, end: int, advice: int) -> int:
    """Advise every mapped part of [start, end): 0, the first error, or -ENOMEM if there was a hole."""
    mm = m[task + T_MM]
    hole = 0
    if m[G_TAKE] == EINVAL and _explained(m, mm, start, end, advice) != 0:
        m[G_TAKE] = 0
    vma = find_vma(m, mm, start)
    while start < end:
        if vma == 0:
            return refuse(m, WHY_HOLE, ENOMEM)
        if start < m[vma + V_START]:
            hole = 1
            start = m[vma + V_START]
            if start >= end:
                break
        stop = min(m[vma + V_END], end)
        if m[H_RULES + R_MADV_CHECK_FIRST] == 0 and advice_known(m, advice) == 0:
            return -EINVAL
        area = m[vma + V_START]
        vma = _advise_area(m, task, vma, start, stop, advice)
        if vma < 0:
            return vma
        if advice == MADV_REMOVE and start == area and stop < end and m[H_RULES + R_REMOVE_LOOPS] != 0:
            m[G_STUCK] = 1  # the walk does not get past an area whose start is the rest's
            return 0
        start = stop
        if m[vma + V_END] <= start:
            vma = m[vma + V_NEXT]
    return refuse(m, WHY_HOLE, ENOMEM) if hole != 0 else 0


@kernel
def sys_madvise(m: Mem, task: int, addr: int, length: int, advice: int) -> int:
    """madvise(addr, length, advice): 0 or -errno. Mapped parts are advised in spite of holes."""
    if m[H_RULES + R_ADVISE_CALLS] == 0:
        return -ENOSYS
    first = m[H_RULES + R_MADV_CHECK_FIRST]
    if first != 0 and advice_known(m, advice) == 0:
        return -EINVAL
    start = uword(m, addr)
    given = uword(m, length)
    if range_refused(m, start, given) != 0:
        return -EINVAL
    end = range_end(m, start, given)
    if end == start:
        return 0
    if start < 0:
        return refuse(m, WHY_HOLE, ENOMEM)
    if m[G_TAKE] in (EPERM, EACCES, ENOSYS) and range_is_sealed(m, m[task + T_MM], start, end) == 0:
        if advice != MADV_REMOVE:
            return take(m, WHY_FORBIDDEN, m[G_TAKE])
    if advice in (MADV_POPULATE_READ, MADV_POPULATE_WRITE):
        error = populate_range(m, task, start, end, POP_READ if advice == MADV_POPULATE_READ else POP_WRITE)
        if error == -ENOMEM and range_has_hole(m, m[task + T_MM], start, end) != 0:
            return refuse(m, WHY_HOLE, ENOMEM)
        return error
    return madvise_walk(m, task, start, end, advice)
