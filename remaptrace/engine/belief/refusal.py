"""Recorded refusals that the replay would not make: what they prove, and what they leave open.

A process whose initial areas are not in the log (P_UNKNOWN 1) holds areas, and has limits, that nobody
recorded. A refusal of its memory calls with ENOMEM is then taken as it was recorded, through the kernel's own
order of checks: a limit is tightened for the one call, so that whatever the kernel tests before still answers,
and what it changed before still stays changed. mm/vma.c split_vma, mm/mmap.c may_expand_vm.
"""

from __future__ import annotations

from ...abi.errnos import EAGAIN, ENOMEM
from ...abi.kinds import K_MADVISE, K_MMAP, K_MPROTECT, K_MREMAP, K_MUNMAP, K_OLD_MMAP
from ...abi.mman import MAP
from ...abi.rows import RSF_ASSUMED, RSF_GUESSED
from ...abi.vmflags import VM_ACCOUNT, VM_NORESERVE, VM_SHARED, VM_WRITE
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.limitrules import R_MAX_MAP_COUNT, R_OVERCOMMIT
from ..areas.vmaset import find_vma
from ..jit import kernel, wrap
from ..state import (
    G_FOLLOW,
    G_HAS_RET,
    G_REC_RET,
    G_RSFLAGS,
    G_WHY,
    H_ARCH,
    H_RULES,
    MM_COUNT,
    P_RLIM,
    P_UNKNOWN,
    RLIM_AS,
    RLIM_DATA,
    T_MM,
    T_PROC,
    V_END,
    V_FLAGS,
    V_NEXT,
    V_START,
    Mem,
)
from ..why import WHY_HOLE, WHY_LIMIT_MET, WHY_MAP_COUNT, WHY_NOT_SHOWN, WHY_RLIMIT_AS, WHY_TAKEN

_SPLIT, _GROWTH, REFUSE = 1, 2, 3
_HUGETLB = MAP["hugetlb"]


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
def expect_refusal(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int, a3: int) -> int:
    """What the recorded refusal of this call can only come from: a way for `tighten`, or 0 to ask the replay alone.

    _SPLIT: one more area than the process may have; _GROWTH: more memory than some limit allows; REFUSE: a hole
    cut into an area that the log never showed, in a process at its map limit.
    """
    if m[G_FOLLOW] == 0 or m[G_HAS_RET] == 0 or m[m[task + T_PROC] + P_UNKNOWN] != 1:
        return 0
    if m[G_REC_RET] != -ENOMEM and (m[G_REC_RET] != -EAGAIN or kind != K_MADVISE):
        return 0
    if kind in (K_MUNMAP, K_MPROTECT, K_MADVISE):
        page = 1 << m[H_ARCH + A_PAGE_SHIFT]
        end = wrap(a0 + a1 + page - 1) & -page
        if a0 < 0 or end <= a0:
            return 0
        if kind == K_MUNMAP:  # refused only where it would cut a hole into an area
            vma = find_vma(m, m[task + T_MM], a0)
            if vma != 0 and m[vma + V_START] < end:
                return _SPLIT
            return REFUSE
        return 0 if _charged(m, m[task + T_MM], a0, end, 0) == 1 else _SPLIT
    limits = m[task + T_PROC] + P_RLIM
    if m[H_RULES + R_OVERCOMMIT] == 2 or m[limits + RLIM_AS] >= 0 or m[limits + RLIM_DATA] >= 0:
        return 0  # the replay knows of a limit that may refuse: it is asked
    if kind in (K_MMAP, K_OLD_MMAP):
        return 0 if a3 & _HUGETLB else _GROWTH
    return _GROWTH if kind == K_MREMAP else 0


@kernel
def tighten(m: Mem, task: int, way: int) -> int:
    """Set the limit that `way` names for the one call; the amount for `loosen`."""
    if way == _SPLIT:
        mm = m[task + T_MM]
        more = max(0, m[H_RULES + R_MAX_MAP_COUNT] - m[mm + MM_COUNT])
        m[mm + MM_COUNT] += more
        return more
    if way == _GROWTH:
        proc = m[task + T_PROC]
        before = m[proc + P_RLIM + RLIM_AS]
        m[proc + P_RLIM + RLIM_AS] = 0
        return before
    if way == REFUSE:
        m[G_WHY] = WHY_LIMIT_MET
        m[G_RSFLAGS] |= RSF_ASSUMED
        return -ENOMEM
    return 0


@kernel
def loosen(m: Mem, task: int, way: int, amount: int, ret: int, charges: int) -> int:
    """Undo `tighten`, and say on what the answer rests."""
    if way == _SPLIT:
        m[m[task + T_MM] + MM_COUNT] -= amount
        if m[G_WHY] == WHY_MAP_COUNT and amount > 0:
            m[G_WHY] = WHY_TAKEN if charges == 2 else WHY_LIMIT_MET
            m[G_RSFLAGS] |= RSF_ASSUMED
    elif way == _GROWTH:
        m[m[task + T_PROC] + P_RLIM + RLIM_AS] = amount
        if m[G_WHY] == WHY_RLIMIT_AS:
            m[G_WHY] = WHY_TAKEN
            m[G_RSFLAGS] |= RSF_ASSUMED
    if m[G_WHY] == WHY_HOLE and ret < 0 and m[G_FOLLOW] != 0 and m[m[task + T_PROC] + P_UNKNOWN] == 1:
        m[G_WHY] = WHY_NOT_SHOWN
        if m[G_HAS_RET] != 0 and ret == m[G_REC_RET]:
            m[G_RSFLAGS] |= RSF_GUESSED
    return 0


@kernel
def may_charge(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int) -> int:
    """2 if the call is an mprotect whose new protection may be refused by the commit limit too; else 0."""
    if kind != K_MPROTECT:
        return 0
    return _charged(m, m[task + T_MM], a0, wrap(a0 + a1), a2)
