"""mseal: areas that may no longer change (mm/mseal.c; linux-6.x 4.7)."""

from __future__ import annotations

from ...abi.errnos import EINVAL, ENOMEM, ENOSYS
from ...abi.vmflags import VM_SEALED
from ...machine.callrules import R_MSEAL
from ..addr import range_end, range_refused, uword
from ..areas.merge import vma_modify_flags
from ..areas.space import range_has_hole
from ..areas.vmaset import find_vma
from ..jit import kernel
from ..state import H_RULES, T_MM, V_END, V_FLAGS, V_NEXT, Mem
from ..why import WHY_HOLE, refuse


@kernel
def sys_mseal(m: Mem, task: int, addr: int, length: int, flags: int) -> int:
    """mseal(addr, length, flags): 0 or -errno. A hole is found before anything is sealed."""
    if m[H_RULES + R_MSEAL] == 0:
        return -ENOSYS
    start = uword(m, addr)
    given = uword(m, length)
    if flags != 0 or range_refused(m, start, given) != 0:
        return -EINVAL
    end = range_end(m, start, given)
    if end == start:
        return 0
    mm = m[task + T_MM]
    if start < 0 or range_has_hole(m, mm, start, end) != 0:
        return refuse(m, WHY_HOLE, ENOMEM)
    at = start
    vma = find_vma(m, mm, at)
    while at < end:
        stop = min(m[vma + V_END], end)
        if m[vma + V_FLAGS] & VM_SEALED == 0:
            vma = vma_modify_flags(m, mm, vma, at, stop, m[vma + V_FLAGS] | VM_SEALED)
            if vma < 0:
                return vma
        at = stop
        if m[vma + V_END] <= at:
            vma = m[vma + V_NEXT]
    return 0
