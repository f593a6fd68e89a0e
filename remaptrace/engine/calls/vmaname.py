"""prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME): names of anonymous areas (mm/madvise.c, kernel/sys.c; 5.17, shmem 6.2).

A name is an attribute of merging, compared by content: equal names join, different ones never. It is the number of
a string, see `abi.vmanames`. Needs CONFIG_ANON_VMA_NAME, without which everything is EINVAL.
"""

from __future__ import annotations

from ...abi.errnos import EAGAIN, EBADF, EFAULT, EINVAL, ENOMEM
from ...machine.rules import R_ANON_NAME_CONFIG, R_ANON_NAMES
from ..addr import range_end, range_refused, uword
from ..areas.merge import vma_modify_attribute
from ..areas.vmaset import find_vma
from ..jit import kernel
from ..marks import NAME_VMA, NAME_VMA_UNREADABLE
from ..state import (
    G_STRKINDS,
    H_RULES,
    I_KIND,
    I_LINKS,
    OPS_SHMEM,
    T_MM,
    V_ANAME,
    V_END,
    V_FILE,
    V_INODE,
    V_NEXT,
    V_OPS,
    V_START,
    Mem,
)
from ..why import WHY_HOLE, refuse

NAMES_SHMEM = 2  # value of R_ANON_NAMES: shared anonymous memory and memfds too


@kernel
def _may_be_named(m: Mem, vma: int) -> int:
    """1 for private anonymous memory, and for shmem without a link in a file system (vma_is_anon_shmem)."""
    if m[vma + V_FILE] == 0:
        return 1
    if m[vma + V_OPS] != OPS_SHMEM or m[H_RULES + R_ANON_NAMES] < NAMES_SHMEM:
        return 0
    inode = m[vma + V_INODE]
    return 1 if m[inode + I_LINKS] == 0 and m[inode + I_KIND] == 0 else 0


@kernel
def sys_set_vma_name(m: Mem, task: int, addr: int, length: int, name: int) -> int:
    """Name the mapped parts of [addr, addr + length); `name` is the number of a string, 0 takes names off.

    0; EINVAL, EFAULT; ENOMEM if there was a hole; EBADF at a file mapping, areas before it stay named.
    """
    if m[H_RULES + R_ANON_NAMES] == 0 or m[H_RULES + R_ANON_NAME_CONFIG] == 0:
        return -EINVAL
    kind = m[m[G_STRKINDS] + name] if name != 0 else NAME_VMA
    if kind != NAME_VMA:
        return -EFAULT if kind == NAME_VMA_UNREADABLE else -EINVAL
    start = uword(m, addr)
    given = uword(m, length)
    if range_refused(m, start, given) != 0:
        return -EINVAL
    end = range_end(m, start, given)
    if end == start:
        return 0
    if start < 0:
        return refuse(m, WHY_HOLE, ENOMEM)
    mm = m[task + T_MM]
    hole = 0
    vma = find_vma(m, mm, start)
    while start < end:
        if vma == 0:
            return refuse(m, WHY_HOLE, ENOMEM)
        if start < m[vma + V_START]:
            hole = 1
            start = m[vma + V_START]
            if start >= end:
                break
        if _may_be_named(m, vma) == 0:
            return -EBADF
        stop = min(m[vma + V_END], end)
        vma = vma_modify_attribute(m, mm, vma, start, stop, V_ANAME, name)
        if vma < 0:
            return -EAGAIN if vma == -ENOMEM else vma
        start = stop
        if m[vma + V_END] <= start:
            vma = m[vma + V_NEXT]
    return refuse(m, WHY_HOLE, ENOMEM) if hole != 0 else 0
