"""remap_file_pages: emulated by mmap since 4.0, native before (linux-6.x 4.8, rfp-prot)."""

from __future__ import annotations

from ...abi.errnos import EINVAL
from ...abi.mman import MAP_FIXED, MAP_LOCKED, MAP_NONBLOCK, MAP_POPULATE, MAP_SHARED
from ...abi.vmflags import VM_ACCESS, VM_LOCKED, VM_SHARED
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.callrules import R_RFP_MULTI
from ...machine.rules import R_RFP
from ..addr import page_floor, uword
from ..areas.vmaset import find_exact
from ..files.files import file_get, file_put
from ..jit import kernel, shr, ult, wrap
from ..state import H_ARCH, H_RULES, T_MM, V_END, V_FILE, V_FLAGS, V_NEXT, V_PGOFF, V_START, Mem
from .mmap import do_mmap
from .rfpnative import rfp_native


@kernel
def _one_mapping(m: Mem, vma: int, end: int) -> int:
    """1 if from `vma` to `end` areas touch and have the same open file and flags."""
    at = vma
    while m[at + V_END] < end:
        upper = m[at + V_NEXT]
        if upper == 0 or m[upper + V_START] != m[at + V_END]:
            return 0
        if m[upper + V_FILE] != m[vma + V_FILE] or m[upper + V_FLAGS] != m[vma + V_FLAGS]:
            return 0
        at = upper
    return 1


@kernel
def _rfp_emulated(m: Mem, task: int, start: int, size: int, prot: int, pgoff: int, flags: int) -> int:
    """The emulation: an mmap of the same file over the range, with the first area's protection."""
    if prot != 0:
        return -EINVAL
    start = page_floor(m, uword(m, start))
    size = page_floor(m, uword(m, size))
    pgoff = uword(m, pgoff)
    end = uword(m, wrap(start + size))
    pages = shr(size, m[H_ARCH + A_PAGE_SHIFT])
    if ult(start, end) == 0 or ult(uword(m, wrap(pgoff + pages)), pgoff) != 0:
        return -EINVAL
    if start < 0 or end < 0:
        return -EINVAL
    vma = find_exact(m, m[task + T_MM], start)
    if vma == 0 or m[vma + V_FLAGS] & VM_SHARED == 0:
        return -EINVAL
    if m[H_RULES + R_RFP_MULTI] == 0:
        linear = ((start - m[vma + V_START]) >> m[H_ARCH + A_PAGE_SHIFT]) + m[vma + V_PGOFF]
        if end > m[vma + V_END]:
            return -EINVAL
        if linear == pgoff:
            return 0
    elif _one_mapping(m, vma, end) == 0:
        return -EINVAL
    how = (flags & MAP_NONBLOCK) | MAP_SHARED | MAP_FIXED | MAP_POPULATE
    if m[vma + V_FLAGS] & VM_LOCKED:
        how |= MAP_LOCKED
    file = file_get(m, m[vma + V_FILE])
    result = do_mmap(m, task, file, start, size, m[vma + V_FLAGS] & VM_ACCESS, how, pgoff)
    file_put(m, file)
    return 0 if result >= 0 else result


@kernel
def sys_remap_file_pages(m: Mem, task: int, start: int, size: int, prot: int, pgoff: int, flags: int) -> int:
    """remap_file_pages(start, size, prot, pgoff, flags), `pgoff` in pages: 0 or -errno."""
    if m[H_RULES + R_RFP] != 0:
        return rfp_native(m, task, start, size, prot, pgoff, flags)
    return _rfp_emulated(m, task, start, size, prot, pgoff, flags)
