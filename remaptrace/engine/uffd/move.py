"""UFFDIO_MOVE: pages of private memory change their address (mm/userfaultfd.c: move_pages)."""

from __future__ import annotations

from ...abi.errnos import (
    EBUSY,
    EEXIST,
    EFAULT,
    EINVAL,
    ENOENT,
    ENOMEM,
)
from ...abi.vmflags import (
    VM_ACCESS,
    VM_LOCKED,
    VM_SHARED,
    VM_WRITE,
)
from ...machine.archwords import A_PAGE_SHIFT
from ..areas.anonvma import anon_vma_prepare
from ..areas.vma import vma_is_anonymous
from ..areas.vmaset import find_exact
from ..faults.vmfault import linear_index
from ..jit import kernel
from ..pages.frames import frame, zero_frame
from ..pages.pgwalk import (
    HUGE_ENTRY,
    pmd_lookup,
    pte_ensure,
    pte_lookup,
)
from ..pages.pte import (
    mk_pte,
    pte_marker,
    pte_mkdirty,
    pte_mkwrite,
    pte_mkyoung,
    pte_pfn,
    pte_present,
)
from ..pages.thp import huge_split
from ..state import (
    F_FLAGS,
    F_INDEX,
    FF_EXCLUSIVE,
    FF_ZERO,
    H_ARCH,
    V_END,
    V_FLAGS,
    V_PROT,
    V_UFFD,
    Mem,
)
from .fill import bad_range

_SRC_HOLES = 2


@kernel
def uffd_move(m: Mem, mm: int, uffd: int, dst: int, src: int, length: int, mode: int) -> int:
    """UFFDIO_MOVE: pages of private memory change their address (move_pages)."""
    if bad_range(m, dst, length) != 0 or bad_range(m, src, length) != 0 or mode & ~3:
        return -EINVAL
    to = find_exact(m, mm, dst)
    if to == 0:
        return -ENOENT
    if m[to + V_FLAGS] & VM_SHARED == 0 and anon_vma_prepare(m, mm, to) < 0:
        return -ENOMEM
    vma = find_exact(m, mm, src)
    if vma == 0:
        return -ENOENT
    flags = m[vma + V_FLAGS]
    if (flags | m[to + V_FLAGS]) & VM_SHARED or src + length > m[vma + V_END] or dst + length > m[to + V_END]:
        return -EINVAL
    if (flags ^ m[to + V_FLAGS]) & (VM_ACCESS | VM_LOCKED) or flags & VM_WRITE == 0:
        return -EINVAL
    if m[to + V_UFFD] != uffd or vma_is_anonymous(m, vma) == 0 or vma_is_anonymous(m, to) == 0:
        return -EINVAL
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    done = 0
    while done < length:
        error = _move_page(m, mm, to, dst + done, src + done, mode & _SRC_HOLES)
        if error != 0:
            return error if done == 0 else -11
        done += page
    return 0


@kernel
def _move_page(m: Mem, mm: int, to: int, dst: int, src: int, holes: int) -> int:
    """Move one page: 0 or -errno (move_pages_ptes)."""
    slot = pmd_lookup(m, mm, src)
    if slot != 0 and m[slot] == HUGE_ENTRY and huge_split(m, mm, slot) == 0:
        return -ENOMEM
    p = pte_ensure(m, mm, dst)
    if p == 0 or m[p] != 0:
        return -EEXIST
    q = pte_lookup(m, mm, src)
    if q == 0 or m[q] == 0:
        return 0 if holes != 0 else -ENOENT
    w = m[q]
    if pte_present(m, w) == 0:
        if pte_marker(m, w) != 0:
            return -EFAULT
        m[p] = w
    else:
        f = frame(m, pte_pfn(m, w))
        if m[f + F_FLAGS] & FF_ZERO:
            m[p] = pte_mkyoung(m, mk_pte(m, zero_frame(m), m[to + V_PROT]))
        elif m[f + F_FLAGS] & FF_EXCLUSIVE == 0:
            return -EBUSY
        else:
            m[f + F_INDEX] = linear_index(m, to, dst)
            m[p] = pte_mkwrite(m, pte_mkdirty(m, mk_pte(m, pte_pfn(m, w), m[to + V_PROT])))
    m[q] = 0
    return 0
