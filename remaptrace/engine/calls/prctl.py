"""prctl options that concern memory: huge pages and KSM by process, write-exec denial, PR_SET_MM (kernel/sys.c)."""

from __future__ import annotations

from ...abi.errnos import EBADF, EFAULT, EINVAL, EPERM
from ...abi.prctl import (
    MDWE_NO_INHERIT,
    MDWE_REFUSE_EXEC_GAIN,
    PR_GET_MDWE,
    PR_GET_MEMORY_MERGE,
    PR_GET_THP_DISABLE,
    PR_SET_MDWE,
    PR_SET_MEMORY_MERGE,
    PR_SET_MM,
    PR_SET_MM_AUXV,
    PR_SET_MM_BRK,
    PR_SET_MM_ENV_END,
    PR_SET_MM_EXE_FILE,
    PR_SET_MM_MAP,
    PR_SET_MM_MAP_SIZE,
    PR_SET_MM_START_BRK,
    PR_SET_MM_START_CODE,
    PR_SET_MM_START_STACK,
    PR_SET_THP_DISABLE,
    PR_THP_DISABLE_EXCEPT_ADVISED,
)
from ...abi.vmflags import VM_DROPPABLE, VM_HUGETLB, VM_MAYSHARE, VM_MERGEABLE, VM_SHARED
from ...machine.archwords import A_TASK_SIZE
from ...machine.callrules import R_KSM_PROCESS, R_MDWE, R_THP_DISABLE_ADVISED
from ...machine.limitrules import R_CAP_SYS_RESOURCE, R_MMAP_MIN_ADDR
from ..account import capable, data_limit_refuses
from ..areas.mergeable import VM_SPECIAL
from ..areas.vma import vma_set_flags
from ..areas.vmaset import find_vma
from ..files.files import fget
from ..jit import kernel, ult
from ..state import (
    G_FOLLOW,
    G_HAS_RET,
    G_REC_RET,
    H_ARCH,
    H_RULES,
    MM_BRK,
    MM_FIRST,
    MM_KSM,
    MM_MDWE,
    MM_STACK_PTR,
    MM_START_BRK,
    MM_THP,
    T_MM,
    V_FLAGS,
    V_NEXT,
    V_START,
    Mem,
)
from ..why import NOT_MINE

KSM_AFTER, KSM_BEFORE = 1, 2  # values of R_KSM_PROCESS
MDWE_INHERITED, MDWE_KNOWS_NO_INHERIT = 1, 2  # values of R_MDWE


@kernel
def _set_mdwe(m: Mem, mm: int, bits: int) -> int:
    """PR_SET_MDWE: 0, EINVAL for unknown bits, EPERM to take back what was set."""
    known = MDWE_REFUSE_EXEC_GAIN
    if m[H_RULES + R_MDWE] == MDWE_KNOWS_NO_INHERIT:
        known |= MDWE_NO_INHERIT
    if m[H_RULES + R_MDWE] == 0 or bits & ~known or bits == MDWE_NO_INHERIT:
        return -EINVAL
    if m[mm + MM_MDWE] != 0 and m[mm + MM_MDWE] != bits:
        return -EPERM
    m[mm + MM_MDWE] = bits
    return 0


@kernel
def _thp_disable(m: Mem, mm: int, on: int, flags: int) -> int:
    """PR_SET_THP_DISABLE: areas keep their flags, placement stays aligned; 0 or -EINVAL."""
    if flags != 0:
        known = PR_THP_DISABLE_EXCEPT_ADVISED if m[H_RULES + R_THP_DISABLE_ADVISED] != 0 else 0
        if on == 0 or flags & ~known:
            return -EINVAL
    m[mm + MM_THP] = 0 if on == 0 else 1 | flags
    return 0


@kernel
def may_merge_pages(flags: int) -> int:
    """1 if pages of an area with these flags may be merged with equal ones (vma_ksm_compatible)."""
    return 0 if flags & (VM_SHARED | VM_MAYSHARE | VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE) else 1


@kernel
def ksm_flags(m: Mem, mm: int, flags: int, when: int) -> int:
    """`flags` of a new area, with VM_MERGEABLE if the process merges all and `when` (KSM_*) is the rule's moment."""
    if m[mm + MM_KSM] == 0 or m[H_RULES + R_KSM_PROCESS] != when or may_merge_pages(flags) == 0:
        return flags
    return flags | VM_MERGEABLE


@kernel
def _memory_merge(m: Mem, mm: int, on: int) -> int:
    """PR_SET_MEMORY_MERGE: every area that can gets the flag, or all lose it; none are joined by that. 0.

    A process that is so already is left as it is, areas that MADV_UNMERGEABLE took out, too (ksm_enable_merge_any).
    """
    if (m[mm + MM_KSM] != 0) == (on != 0):
        return 0
    m[mm + MM_KSM] = 1 if on != 0 else 0
    vma = m[mm + MM_FIRST]
    while vma != 0:
        flags = m[vma + V_FLAGS]
        if on == 0:
            vma_set_flags(m, vma, flags & ~VM_MERGEABLE)
        elif may_merge_pages(flags) != 0:
            vma_set_flags(m, vma, flags | VM_MERGEABLE)
        vma = m[vma + V_NEXT]
    return 0


@kernel
def _set_mm(m: Mem, task: int, what: int, addr: int, more: int) -> int:
    """PR_SET_MM of the break and the stack; what shows in /proc alone is accepted without being checked (NOT_MINE)."""
    if what in (PR_SET_MM_MAP, PR_SET_MM_MAP_SIZE):
        return NOT_MINE
    if more != 0 and what != PR_SET_MM_AUXV:
        return -EINVAL
    if m[G_FOLLOW] != 0 and m[G_HAS_RET] != 0 and m[G_REC_RET] == -EPERM:
        return -EPERM  # the log tells what the process may do
    if capable(m, task) == 0 or m[H_RULES + R_CAP_SYS_RESOURCE] == 0:
        return -EPERM
    if what == PR_SET_MM_EXE_FILE:
        return -EBADF if fget(m, task, addr) == 0 else NOT_MINE
    if what == PR_SET_MM_AUXV:
        return NOT_MINE
    if ult(addr, m[H_ARCH + A_TASK_SIZE]) == 0 or addr < m[H_RULES + R_MMAP_MIN_ADDR]:
        return -EINVAL
    mm = m[task + T_MM]
    if what in (PR_SET_MM_START_BRK, PR_SET_MM_BRK):
        start = addr if what == PR_SET_MM_START_BRK else m[mm + MM_START_BRK]
        brk = addr if what == PR_SET_MM_BRK else m[mm + MM_BRK]
        if start > brk or data_limit_refuses(m, task, start, brk) != 0:
            return -EINVAL
        m[mm + MM_START_BRK] = start
        m[mm + MM_BRK] = brk
        return 0
    if what == PR_SET_MM_START_STACK:
        vma = find_vma(m, mm, addr)
        listed = m[mm + MM_STACK_PTR]  # 0: a scenario without the program, which has a stack at least
        if vma == 0 and listed != 0:
            return -EFAULT
        if listed != 0 or (vma != 0 and m[vma + V_START] <= addr):
            m[mm + MM_STACK_PTR] = addr
        return 0
    return NOT_MINE if PR_SET_MM_START_CODE <= what <= PR_SET_MM_ENV_END else -EINVAL


@kernel
def sys_prctl(m: Mem, task: int, option: int, a: int, b: int, c: int, d: int) -> int:
    """prctl(option, a, b, c, d); options that concern no memory take the recorded answer, or 0."""
    mm = m[task + T_MM]
    if option in (PR_SET_MDWE, PR_GET_MDWE):
        if b | c | d or (option == PR_GET_MDWE and (a != 0 or m[H_RULES + R_MDWE] == 0)):
            return -EINVAL
        return _set_mdwe(m, mm, a) if option == PR_SET_MDWE else m[mm + MM_MDWE]
    if option == PR_SET_THP_DISABLE:
        return -EINVAL if c | d else _thp_disable(m, mm, a, b)
    if option == PR_GET_THP_DISABLE:
        return -EINVAL if a | b | c | d else m[mm + MM_THP]
    if option in (PR_SET_MEMORY_MERGE, PR_GET_MEMORY_MERGE):
        if m[H_RULES + R_KSM_PROCESS] == 0 or b | c | d:
            return -EINVAL
        if option == PR_SET_MEMORY_MERGE:
            return _memory_merge(m, mm, a)
        return -EINVAL if a != 0 else m[mm + MM_KSM]
    if option == PR_SET_MM:
        return _set_mm(m, task, a, b, c | d)
    return m[G_REC_RET] if m[G_HAS_RET] != 0 else 0
