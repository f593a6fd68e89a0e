"""Recorded answers that the replay would not give by itself: what they prove, and what they leave open.

No log shows everything that decides an answer: limits of the process and of the machine, security modules,
filters, mounts, areas from before its beginning. A recorded refusal that nothing in the state explains is taken
as it was recorded, at the place in the kernel's own order of checks where it can have come from, so that whatever
the kernel tests before still answers, and what it changed before still stays changed: `why.take`, asked by the
calls themselves, and here a limit that is tightened for one call. A recorded success beyond a limit that the log
does not tell proves a higher one. mm/vma.c split_vma, mm/mmap.c may_expand_vm, mm/util.c __vm_enough_memory.

Other machines and rewritten traces take only what the machine that recorded could not explain either
(Trace.taken): of all else they are asked.
"""

from __future__ import annotations

from ...abi.errnos import (
    EACCES,
    EAGAIN,
    EFAULT,
    EINVAL,
    ENOMEM,
    ENOSPC,
    ENOSYS,
    EPERM,
    ERRNO_NOT_SHOWN,
    OF_MEMORY_CALLS,
)
from ...abi.kinds import (
    EVF_TAKEN,
    K_BRK,
    K_HOME_NODE,
    K_IO_SETUP,
    K_MADVISE,
    K_MBIND,
    K_MINCORE,
    K_MLOCK,
    K_MLOCK2,
    K_MLOCKALL,
    K_MPROTECT,
    K_MREMAP,
    K_MSEAL,
    K_MSYNC,
    K_MUNLOCK,
    K_MUNLOCKALL,
    K_MUNMAP,
    K_OPEN,
    K_PKEY_ALLOC,
    K_PKEY_FREE,
    K_PKEY_MPROTECT,
    K_PROCESS_MADVISE,
    K_REMAP_FILE_PAGES,
    K_SET_MEMPOLICY,
    K_SET_VMA_NAME,
    K_SHMAT,
    K_SHMDT,
    K_SHMGET,
    K_UFFD_CONTINUE,
    K_UFFD_COPY,
    K_UFFD_MOVE,
    K_UFFD_POISON,
    K_UFFD_REGISTER,
    K_UFFD_UNREGISTER,
    K_UFFD_WRITEPROTECT,
    K_UFFD_ZEROPAGE,
    K_USERFAULTFD,
    SPLITTING,
)
from ...abi.rows import RSF_ASSUMED, RSF_GUESSED
from ...abi.vmflags import VM_ACCOUNT, VM_NORESERVE, VM_SHARED, VM_WRITE
from ...machine.archwords import A_PAGE_SHIFT, A_TASK_SIZE
from ...machine.limitrules import R_MAX_MAP_COUNT
from ..areas.vmaset import find_vma
from ..jit import kernel, seldom, wrap
from ..marks import MARK_ASSUMED, TAKE_ALL
from ..state import (
    G_EVFLAGS,
    G_FOLLOW,
    G_HAS_RET,
    G_MAY_CHARGE,
    G_OWN_LIMIT,
    G_PROVES,
    G_REC_RET,
    G_RSFLAGS,
    G_TAKE,
    G_TAKING,
    G_TIGHTENED,
    G_TIGHTENED_BY,
    G_WHY,
    H_ARCH,
    H_RULES,
    MM_BRK,
    MM_COUNT,
    MM_START_BRK,
    OPS_DEVICE,
    P_UNKNOWN,
    T_MM,
    T_PROC,
    V_END,
    V_FLAGS,
    V_MARK,
    V_NEXT,
    V_OPS,
    V_START,
    Mem,
)
from ..why import (
    TAKE_CHARGE,
    TAKE_LIMIT,
    WHY_FORBIDDEN,
    WHY_FOREIGN,
    WHY_HOLE,
    WHY_LIMIT_MET,
    WHY_MAP_COUNT,
    WHY_NOT_ONE_AREA,
    WHY_NOT_SHOWN,
    WHY_REFUSED,
    WHY_TAKEN,
    take,
)

_SPLIT, REFUSE = 1, 3

_NO_AREAS = (K_MSYNC, K_MINCORE, K_SHMGET, K_SET_MEMPOLICY, K_HOME_NODE, K_MUNLOCK)
"""Calls that change no area: what the replay granted has no effect that a refusal would have kept away."""
_WHOLE = (
    *(K_SHMAT, K_SHMDT, K_MBIND, K_MSEAL, K_SET_VMA_NAME, K_REMAP_FILE_PAGES, K_USERFAULTFD),
    *(K_PKEY_ALLOC, K_PKEY_FREE, K_PKEY_MPROTECT, K_IO_SETUP, K_PROCESS_MADVISE),
)
"""Calls that security modules and seccomp filters refuse as a whole, and whose own checks have other errnos."""
_FORBIDDEN = (EPERM, EACCES, ENOSYS)
_OWN = tuple(sorted(OF_MEMORY_CALLS))
_UFFD = (
    *(K_UFFD_REGISTER, K_UFFD_UNREGISTER, K_UFFD_COPY, K_UFFD_ZEROPAGE, K_UFFD_WRITEPROTECT),
    *(K_UFFD_CONTINUE, K_UFFD_MOVE, K_UFFD_POISON),
)
_LOCKS = (K_MLOCK, K_MLOCK2, K_MLOCKALL, K_MUNLOCKALL)
"""Calls that refuse for themselves with EPERM, but for the last, and never with the others of _FORBIDDEN."""
_SPLITS = (*SPLITTING, K_MBIND, K_MSEAL, K_PKEY_MPROTECT, K_SET_VMA_NAME)
"""Calls on a range that leave more areas than before."""


@kernel
def _charged(m: Mem, mm: int, start: int, end: int, prot: int) -> int:
    """1 if a hole is in [start, end); 2 if making it `prot` would charge memory; else 0."""
    found = 0
    at = start
    vma = find_vma(m, mm, start)
    while at < end:
        if vma == 0 or m[vma + V_START] > at:
            return 1
        if prot & VM_WRITE and m[vma + V_FLAGS] & (VM_ACCOUNT | VM_WRITE | VM_SHARED | VM_NORESERVE) == 0:
            found = 2
        at = m[vma + V_END]
        vma = m[vma + V_NEXT]
    return found


@kernel
def note_answer(m: Mem, task: int, kind: int, a0: int) -> int:
    """Leave in G_TAKE and G_PROVES what the recorded answer may prove; 1: a refusal to be believed."""
    m[G_TAKE] = 0
    m[G_PROVES] = 0
    taking = m[G_TAKING]
    if taking == 0 or m[G_HAS_RET] == 0:
        return 0
    ret = m[G_REC_RET]
    if ret >= 0 or ret < -4095:
        mm = m[task + T_MM]
        known = mm != 0 and (ret == m[mm + MM_BRK] or (m[mm + MM_START_BRK] == 0 and ret > 0))
        if kind != K_BRK or not known or a0 <= ret:
            m[G_PROVES] = taking & (TAKE_LIMIT | TAKE_CHARGE)
            return 0
        ret = -ENOMEM  # a break that did not move up was refused, whatever for
    if ret == -ERRNO_NOT_SHOWN or (taking & TAKE_ALL == 0 and m[G_EVFLAGS] & EVF_TAKEN == 0):
        return 0
    m[G_TAKE] = -ret
    return 1


@kernel
def _proves_an_area(m: Mem, task: int, ret: int) -> int:
    """1 if a hole was met where the log maps nothing, and the recorded errno is not a hole's.

    Holes are refused with EFAULT by mremap and with ENOMEM by the calls on ranges, behind the checks of the arguments:
    another errno comes from an area (mm/mremap.c check_prep_vma, mm/madvise.c madvise_walk_vmas).
    """
    if ret >= 0 or m[G_TAKE] == 0 or m[G_TAKE] == -ret or m[G_FOLLOW] == 0:
        return 0
    if m[G_WHY] not in (WHY_HOLE, WHY_NOT_SHOWN, WHY_NOT_ONE_AREA):
        return 0
    return 1 if m[m[task + T_PROC] + P_UNKNOWN] == 1 else 0


@kernel
def _is_assumed(m: Mem, mm: int, start: int, end: int) -> int:
    """1 if the log made no area in [start, end): what is there was assumed, or is not known."""
    vma = find_vma(m, mm, start)
    while vma != 0 and m[vma + V_START] < end:
        if m[vma + V_MARK] != MARK_ASSUMED:
            return 0
        vma = m[vma + V_NEXT]
    return 1


@kernel
def _cuts_a_device(m: Mem, task: int, kind: int, a0: int, a1: int) -> int:
    """1 if a recorded EINVAL is that of a device whose area the call would split: its may_split refuses.

    drivers/dax/device.c dev_dax_may_split: huge pages of persistent memory are unmapped whole.
    """
    if m[G_TAKE] != EINVAL or kind not in (K_MUNMAP, K_MPROTECT) or a0 < 0 or a1 <= 0:
        return 0
    for at in (a0, a0 + a1):
        vma = find_vma(m, m[task + T_MM], at)
        if vma != 0 and m[vma + V_START] < at and m[vma + V_OPS] == OPS_DEVICE:
            return 1
    return 0


@kernel
def _is_of_another_kind(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int) -> int:
    """1 if the recorded errno shows that areas which the log never made are not private memory.

    munmap refuses whole pages with EINVAL only of hugetlb areas, mremap growth inside of one area with EFAULT only of
    special ones (mm/hugetlb.c hugetlb_vm_op_split, mm/mremap.c check_prep_vma).
    """
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    if _cuts_a_device(m, task, kind, a0, a1) != 0:
        return 1
    if kind == K_SHMAT:  # something is mapped at the place that was asked for, which the log does not show
        if m[G_TAKE] != EINVAL or a1 == 0 or m[m[task + T_PROC] + P_UNKNOWN] != 1:
            return 0
        vma = find_vma(m, m[task + T_MM], a1)
        return 1 if vma == 0 or m[vma + V_START] > a1 else 0
    if a0 & (page - 1) or a0 < 0 or a1 <= 0 or m[m[task + T_PROC] + P_UNKNOWN] != 1:
        return 0
    if a0 + a1 > m[H_ARCH + A_TASK_SIZE]:
        return 0
    mm = m[task + T_MM]
    if kind == K_MUNMAP and m[G_TAKE] == EINVAL:
        return _is_assumed(m, mm, a0, a0 + a1)
    if kind == K_MREMAP and m[G_TAKE] == EFAULT and a2 > a1:
        vma = find_vma(m, mm, a0)
        if vma != 0 and m[vma + V_START] <= a0:
            return 1 if m[vma + V_MARK] == MARK_ASSUMED else 0
    return 0


@kernel
def _is_foreign(m: Mem) -> int:
    """1 if no call on memory returns the recorded error by itself: a filter answered, or another system than Linux."""
    return 0 if m[G_TAKE] in _OWN else 1


@kernel
def _way(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int) -> int:
    """What the recorded refusal of this call can only come from, 0: the replay alone is asked.

    _SPLIT: one more area than the process may have; REFUSE: a hole cut into an area that the log never showed, in
    a process at its map limit, or a call that is refused as a whole. All else is taken where the kernel would
    have refused, by `why.take`.
    """
    if (kind in _WHOLE and m[G_TAKE] in _FORBIDDEN) or (
        kind != K_BRK and kind < K_OPEN and _is_foreign(m) != 0
    ):
        return REFUSE
    if kind in _UFFD:  # what they answer is not compared: nothing may change that the log shows unchanged
        return REFUSE
    if kind == K_SHMGET and m[G_TAKE] in _FORBIDDEN:  # no right to huge pages, or to the segment
        return REFUSE
    if kind in _LOCKS and (m[G_TAKE] in (EACCES, ENOSYS) or (m[G_TAKE] == EPERM and kind == K_MUNLOCKALL)):
        return REFUSE
    if kind == K_PKEY_ALLOC and m[G_TAKE] == ENOSPC:
        return REFUSE
    if _is_of_another_kind(m, task, kind, a0, a1, a2) != 0:
        return REFUSE
    if m[G_TAKE] != ENOMEM and (m[G_TAKE] != EAGAIN or kind not in (K_MADVISE, K_SET_VMA_NAME)):
        return 0
    if kind not in _SPLITS or m[H_RULES + R_MAX_MAP_COUNT] > m[G_OWN_LIMIT]:
        return 0
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    end = wrap(a0 + a1 + page - 1) & -page
    if a0 < 0 or end <= a0:
        return 0
    if kind == K_MUNMAP:  # refused only where it would cut a hole into an area
        vma = find_vma(m, m[task + T_MM], a0)
        if vma != 0 and m[vma + V_START] < end:
            return _SPLIT
        return REFUSE if m[m[task + T_PROC] + P_UNKNOWN] == 1 else 0
    if _charged(m, m[task + T_MM], a0, end, 0) == 1 or _meets_it_alone(m, m[task + T_MM], a0, end) != 0:
        return 0
    return _SPLIT


@kernel
def _meets_it_alone(m: Mem, mm: int, start: int, end: int) -> int:
    """1 if the areas that are known suffice: one more may be, and a part inside of one area needs two splits.

    mm/vma.c vma_modify, mm/mprotect.c mprotect_fixup: the second split_vma refuses, and the first one stays.
    """
    if m[mm + MM_COUNT] != m[H_RULES + R_MAX_MAP_COUNT] - 1:
        return 0
    vma = find_vma(m, mm, start)
    return 1 if vma != 0 and m[vma + V_START] < start and end < m[vma + V_END] else 0


@seldom
def tighten(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int) -> int:
    """For a refusal to be believed (`note_answer`): let the one call meet the limit that it can only come from.

    REFUSE: it is not made at all, its answer is in G_TIGHTENED_BY. `loosen` comes behind it.
    """
    way = _way(m, task, kind, a0, a1, a2)
    m[G_TIGHTENED] = way
    if way == _SPLIT:
        m[G_MAY_CHARGE] = _may_charge(m, task, kind, a0, a1, a2)
        mm = m[task + T_MM]
        more = max(0, m[H_RULES + R_MAX_MAP_COUNT] - m[mm + MM_COUNT])
        m[mm + MM_COUNT] += more
        m[G_TIGHTENED_BY] = more
    elif way == REFUSE:
        if _is_foreign(m) != 0:
            m[G_WHY] = WHY_FOREIGN
        elif kind in _UFFD or _cuts_a_device(m, task, kind, a0, a1) != 0:
            m[G_WHY] = WHY_REFUSED
        elif m[G_TAKE] in (EINVAL, EFAULT):
            m[G_WHY] = WHY_NOT_SHOWN
        elif kind == K_MUNMAP:
            m[G_WHY] = WHY_LIMIT_MET
        else:
            m[G_WHY] = WHY_FORBIDDEN if m[G_TAKE] in _FORBIDDEN else WHY_REFUSED
        m[G_RSFLAGS] |= RSF_ASSUMED
        m[G_TIGHTENED_BY] = -m[G_TAKE]
    return way


@seldom
def settle(m: Mem, task: int, kind: int, ret: int) -> int:
    """The recorded refusal (G_TAKE), if that is to be believed of a call that changed no area; else `ret`."""
    if _proves_an_area(m, task, ret) != 0:
        return take(m, WHY_NOT_SHOWN, m[G_TAKE])
    if kind not in _NO_AREAS or (ret < 0 and ret >= -4095):
        return ret
    return take(m, WHY_FORBIDDEN if m[G_TAKE] in _FORBIDDEN else WHY_REFUSED, m[G_TAKE])


@seldom
def loosen(m: Mem, task: int) -> int:
    """Undo `tighten`, and say on what the answer rests."""
    if m[G_TIGHTENED] == _SPLIT:
        amount = m[G_TIGHTENED_BY]
        m[m[task + T_MM] + MM_COUNT] -= amount
        if m[G_WHY] == WHY_MAP_COUNT and amount > 0:
            m[G_WHY] = WHY_TAKEN if m[G_MAY_CHARGE] == 2 else WHY_LIMIT_MET
            m[G_RSFLAGS] |= RSF_ASSUMED
    m[G_TIGHTENED] = 0
    return 0


@seldom
def note_not_shown(m: Mem, task: int, ret: int) -> int:
    """The answer `ret` refuses for a hole, in a process of which areas are not known: what is missing may be there."""
    if m[G_WHY] in (WHY_HOLE, WHY_NOT_ONE_AREA) and m[m[task + T_PROC] + P_UNKNOWN] == 1:
        m[G_WHY] = WHY_NOT_SHOWN
        if m[G_HAS_RET] != 0 and ret == m[G_REC_RET]:
            m[G_RSFLAGS] |= RSF_GUESSED
    return 0


@kernel
def _may_charge(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int) -> int:
    """2 if the call is an mprotect whose new protection may be refused by the commit limit too; else 0."""
    if kind != K_MPROTECT:
        return 0
    return _charged(m, m[task + T_MM], a0, wrap(a0 + a1), a2)
