"""remap_file_pages of 2.6, without and with per-PTE protections (linux-2.6.21 4.1 and 4.7; rfp-prot 2).

The RFP series stands on the fault engine: with MAP_CHGPROT a page also has its own protection, kept in
its PTE, and the area is marked VM_MANYPROTS. Its traps are rules of their own.
"""

from __future__ import annotations

from ...abi.errnos import EINVAL, ENOMEM, EOVERFLOW, EPERM
from ...abi.mman import MAP_NONBLOCK, RFP_CHGPROT
from ...abi.signals import ACC_READ
from ...abi.vmflags import VM_ACCESS, VM_MANYPROTS, VM_NONLINEAR, VM_SHARED
from ...machine.archwords import (
    A_CHGPROT,
    A_FILE_MAX_BITS,
    A_PAGE_SHIFT,
    A_PROTMAP,
    A_WORD_BITS,
)
from ...machine.callrules import R_RFP_CHECKS_FIRST, R_RFP_LOST_FLAG, R_RFP_PRIVATE, R_RFP_SHMEM_ONLY
from ...machine.rules import R_RFP, R_RFP_PROT
from ..addr import page_floor, uword
from ..areas.vma import vma_set_flags
from ..areas.vmaset import find_vma
from ..faults.nonlinear import RFP_POPULATE, can_nonlinear, install_file_pte, populate_pages
from ..faults.populate import POP_RFP, populate_range
from ..faults.vmfault import VMF_OOM, do_swap_page, linear_index
from ..jit import kernel, ult
from ..pages.pgwalk import pte_ensure
from ..pages.pte import mk_file_pte_prot, pte_modify_prot, pte_present, pte_swap
from ..state import H_ARCH, H_RULES, OPS_FILE, T_MM, V_END, V_FLAGS, V_OPS, V_PROT, V_START, Mem


@kernel
def _too_far(m: Mem, pgoff: int, pages: int) -> int:
    """1 if a file PTE cannot hold the range; ">=" and, on 32 bits, without a test for wrapping (V-GEN-1)."""
    bits = m[H_ARCH + A_FILE_MAX_BITS]
    if bits >= m[H_ARCH + A_WORD_BITS]:
        return 0
    return 1 if ult(uword(m, pgoff + pages), 1 << bits) == 0 else 0


@kernel
def _rfp_populate(m: Mem, mm: int, start: int, size: int, end: int, pgoff: int, flags: int) -> int:
    """The call in engine P; `end` is the sum of the unrounded arguments."""
    vma = find_vma(m, mm, start)
    if vma == 0 or m[vma + V_FLAGS] & VM_SHARED == 0 or can_nonlinear(m, vma) == 0:
        return -EINVAL
    if ult(start, end) == 0 or start < m[vma + V_START] or ult(m[vma + V_END], end) != 0:
        return -EINVAL
    if pgoff != linear_index(m, vma, start):
        vma_set_flags(m, vma, m[vma + V_FLAGS] | VM_NONLINEAR)
    pages = size >> m[H_ARCH + A_PAGE_SHIFT]
    return populate_pages(m, mm, vma, start, pages, pgoff, 1 if flags & MAP_NONBLOCK else 0)


# ---- engine F, with and without per-PTE protections ------------------------------------------


@kernel
def _may_chgprot(m: Mem, vma: int, prot: int) -> int:
    """0 if the area may hand out `prot` page by page; -EPERM, or -EINVAL by the rules of our own."""
    if prot & VM_ACCESS & ~(m[vma + V_FLAGS] >> 4):
        return -EPERM
    if m[H_RULES + R_RFP_SHMEM_ONLY] != 0 and m[vma + V_OPS] == OPS_FILE:
        return -EINVAL
    return 0


@kernel
def _mark(m: Mem, vma: int, start: int, pgoff: int, chgprot: int) -> int:
    """Make the area non-linear, and of many protections: 1 done, 0 nothing to do at all, -errno."""
    flags = m[vma + V_FLAGS]
    many = VM_MANYPROTS if chgprot != 0 else 0
    if flags & VM_NONLINEAR:
        # trap T1: an area that is non-linear already never gets the mark (P07-GEN-2)
        if many & ~flags and m[H_RULES + R_RFP_LOST_FLAG] == 0:
            vma_set_flags(m, vma, flags | many)
        return 1
    if pgoff == linear_index(m, vma, start) and chgprot == 0:
        return 0
    if flags & VM_SHARED == 0:
        return -EINVAL
    vma_set_flags(m, vma, flags | VM_NONLINEAR | many)
    return 1


@kernel
def _protect_private(m: Mem, mm: int, vma: int, start: int, pages: int, pgoff: int, prot: int) -> int:
    """Hypothetical: take all access from pages of a private area, or give the area's back; the pages stay.

    Other protections are EINVAL: in a private area "not writable" already means "copy at the next write".
    """
    if pgoff != linear_index(m, vma, start) or prot not in (0, m[vma + V_FLAGS] & VM_ACCESS):
        return -EINVAL
    vma_set_flags(m, vma, m[vma + V_FLAGS] | VM_MANYPROTS)
    pgprot = m[H_ARCH + A_PROTMAP + prot]
    for i in range(pages):
        addr = start + (i << m[H_ARCH + A_PAGE_SHIFT])
        p = pte_ensure(m, mm, addr)
        if p == 0:
            return -ENOMEM
        if pte_swap(m, m[p]) != 0 and do_swap_page(m, mm, vma, addr, ACC_READ, p) == VMF_OOM:
            return -ENOMEM
        w = m[p]
        if pte_present(m, w) != 0:
            m[p] = pte_modify_prot(m, w, pgprot)
        else:
            m[p] = mk_file_pte_prot(m, pgoff + i, pgprot) if prot == 0 else 0
    return 0


@kernel
def _rfp_fault(
    m: Mem, task: int, start: int, size: int, end: int, prot: int, pgoff: int, chgprot: int, flags: int
) -> int:
    """The call in engine F (2.6.23) and in the RFP series."""
    mm = m[task + T_MM]
    vma = find_vma(m, mm, start)
    if vma == 0:
        return -EINVAL
    shared = m[vma + V_FLAGS] & VM_SHARED
    pages = size >> m[H_ARCH + A_PAGE_SHIFT]
    private = 1 if chgprot != 0 and shared == 0 and m[H_RULES + R_RFP_PRIVATE] != 0 else 0
    if m[H_RULES + R_RFP_PROT] == 0 and shared == 0:
        return -EINVAL
    if private == 0 and can_nonlinear(m, vma) == 0:
        return -EINVAL
    if ult(start, end) == 0 or start < m[vma + V_START] or ult(m[vma + V_END], end) != 0:
        return -EINVAL
    if chgprot != 0:
        error = _may_chgprot(m, vma, prot)
        if error != 0:
            if m[H_RULES + R_RFP_CHECKS_FIRST] == 0:
                _mark(m, vma, start, pgoff, chgprot)
            return error
    if private != 0:
        return _protect_private(m, mm, vma, start, pages, pgoff, prot & VM_ACCESS)
    marked = _mark(m, vma, start, pgoff, chgprot)
    if marked <= 0:
        return marked
    pgprot = m[H_ARCH + A_PROTMAP + m[vma + V_PROT]]
    if chgprot != 0:
        pgprot = m[H_ARCH + A_PROTMAP + (prot & VM_ACCESS) + 8]
    for i in range(pages):
        addr = start + (i << m[H_ARCH + A_PAGE_SHIFT])
        if install_file_pte(m, mm, addr, pgoff + i, pgprot) != 0:
            return -ENOMEM
    if flags & MAP_NONBLOCK == 0:
        populate_range(m, task, start, start + size, POP_RFP)
    return 0


@kernel
def rfp_native(m: Mem, task: int, addr: int, size: int, prot: int, pgoff: int, flags: int) -> int:
    """remap_file_pages of 2.6: 0 or -errno. Arguments as the call has them: bytes, bytes, pages."""
    protections = m[H_RULES + R_RFP_PROT]
    chgprot = flags & (m[H_ARCH + A_CHGPROT] | RFP_CHGPROT) if protections != 0 else 0
    if prot != 0 and chgprot == 0:
        return -EINVAL
    addr = uword(m, addr)
    size = uword(m, size)
    pgoff = uword(m, pgoff)
    end = uword(m, addr + size)
    start = page_floor(m, addr)
    size = page_floor(m, size)
    if ult(start, uword(m, start + size)) == 0:
        return -EINVAL
    private = 1 if chgprot != 0 and m[H_RULES + R_RFP_PRIVATE] != 0 else 0
    if private == 0 and _too_far(m, pgoff, size >> m[H_ARCH + A_PAGE_SHIFT]) != 0:
        return -EOVERFLOW if protections != 0 else -EINVAL
    if m[H_RULES + R_RFP] == RFP_POPULATE:
        return _rfp_populate(m, m[task + T_MM], start, size, end, pgoff, flags)
    return _rfp_fault(m, task, start, size, end, prot, pgoff, chgprot, flags)
