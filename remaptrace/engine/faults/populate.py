"""Faulting pages in on behalf of a call (mm/gup.c: populate_vma_page_range, __mm_populate, faultin_page_range).

Faults taken count as faults of the calling process.
"""

from __future__ import annotations

from ...abi.errnos import EFAULT, EHWPOISON, EINVAL, ENOMEM
from ...abi.signals import ACC_READ, ACC_WRITE
from ...abi.special import FILE_SECRET
from ...abi.vmflags import (
    VM_ACCESS,
    VM_HUGETLB,
    VM_IO,
    VM_LOCKONFAULT,
    VM_MAYREAD,
    VM_PFNMAP,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
)
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.callrules import R_POPULATE_HOLES
from ...machine.rules import R_MAKE_PRESENT, R_PIN_UNSHARES, R_POPULATE_SHARED_WRITE
from ..areas.pkeys import pkey_denies
from ..areas.vmaset import find_vma
from ..files.special import kind_of
from ..jit import kernel
from ..pages.frames import frame
from ..pages.pgwalk import pmd_lookup, pte_lookup
from ..pages.pte import pte_pfn, pte_present, pte_protnone, pte_write
from ..pages.thp import huge_reuse, huge_split
from ..state import (
    F_FLAGS,
    FF_ANON,
    FF_EXCLUSIVE,
    FF_ZERO,
    H_ARCH,
    H_RULES,
    T_MM,
    V_END,
    V_FLAGS,
    V_START,
    Mem,
)
from .fault import count_fault, handle_mm_fault, pte_of
from .userbytes import user_untold
from .vmfault import VMF_MAJOR, VMF_MINOR, VMF_OOM, VMF_POISON, VMF_WAIT, unshare_page

POP_MLOCK = 0  # mlock, and mprotect that makes a locked area writable: the first error stops it
POP_MMAP = 1  # MAP_POPULATE, MAP_LOCKED, brk, mremap: errors are forgotten
POP_READ = 2  # MADV_POPULATE_READ
POP_WRITE = 3  # MADV_POPULATE_WRITE
POP_RFP = 4  # remap_file_pages that faults its pages in (2.6.23): errors are forgotten


@kernel
def fault_in(m: Mem, task: int, vma: int, addr: int, access: int) -> int:
    """Make the page at `addr` present for `access` as get_user_pages does; 0, -EFAULT, -EHWPOISON or -ENOMEM."""
    mm = m[task + T_MM]
    for _ in range(4):
        p = pte_of(m, mm, addr)
        w = m[p] if p != 0 else 0
        if (
            pte_present(m, w) != 0
            and pte_protnone(m, w) == 0
            and (access != ACC_WRITE or pte_write(m, w) != 0)
        ):
            return 0
        code = handle_mm_fault(m, mm, vma, addr, access)
        if code == VMF_WAIT:  # the call sleeps until another thread provides the page
            return 0
        if code == VMF_POISON:
            return -EHWPOISON
        if code not in (VMF_MINOR, VMF_MAJOR):
            return -ENOMEM if code == VMF_OOM else -EFAULT
        count_fault(m, task, code)
    return 0


@kernel
def _unshare(m: Mem, task: int, vma: int, addr: int) -> int:
    """A pin for reading takes no private page that another process has, too (gup_must_unshare): 0 or -ENOMEM."""
    mm = m[task + T_MM]
    p = pte_of(m, mm, addr)
    if p == 0 or m[vma + V_FLAGS] & VM_HUGETLB:
        return 0
    page = m[frame(m, pte_pfn(m, m[p])) + F_FLAGS]
    if page & (FF_ANON | FF_EXCLUSIVE | FF_ZERO) != FF_ANON:
        return 0
    count_fault(m, task, VMF_MINOR)
    if pte_lookup(m, mm, addr) == 0:
        if huge_reuse(m, pte_pfn(m, m[p])) != 0:
            return 0
        if huge_split(m, mm, pmd_lookup(m, mm, addr)) == 0:
            return -ENOMEM
        p = pte_lookup(m, mm, addr)
    return 0 if unshare_page(m, mm, vma, addr, p) == VMF_MINOR else -ENOMEM


@kernel
def process_vm(m: Mem, task: int, start: int, length: int, write: int) -> int:
    """process_vm_readv or _writev on the caller's own bytes [start, start + length): bytes moved, or -EFAULT.

    Pages are faulted in like a program's own, up to the first that cannot be (process_vm_rw_single_vec). What is
    written there is not told, so the bytes are unknown from then on.
    """
    if length <= 0:
        return 0 if length == 0 else -EINVAL
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    access = ACC_WRITE if write != 0 else ACC_READ
    need = VM_WRITE if write != 0 else VM_READ
    at = start
    while at - start < length:
        vma = find_vma(m, m[task + T_MM], at)
        if vma == 0 or m[vma + V_START] > at or m[vma + V_FLAGS] & (VM_IO | VM_PFNMAP):
            break
        if kind_of(m, vma) == FILE_SECRET:  # get_user_pages has none of it (mm/gup.c check_vma_flags)
            break
        if m[vma + V_FLAGS] & need == 0 or fault_in(m, task, vma, at & -page, access) != 0:
            break
        if write == 0 and m[H_RULES + R_PIN_UNSHARES] != 0 and _unshare(m, task, vma, at & -page) != 0:
            break
        if write != 0:
            user_untold(m, m[task + T_MM], at, min((at & -page) + page, start + length))
        at = (at & -page) + page
    done = min(at - start, length)
    return done if done > 0 else -EFAULT


@kernel
def _populate_area(m: Mem, task: int, vma: int, start: int, end: int, access: int) -> int:
    """Fault in [start, end) of one area; the first error ends it. Returns 0 or the error."""
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    addr = start
    while addr < end:
        error = fault_in(m, task, vma, addr, access)
        if error != 0:
            if m[H_RULES + R_MAKE_PRESENT] != 0 and addr > start:
                return -1
            return error
        addr += page
    return 0


@kernel
def _access_for(m: Mem, flags: int, how: int) -> int:
    """The access by which an area with these flags is populated, or -errno if it may not be."""
    if how in (POP_READ, POP_WRITE):
        if flags & (VM_IO | VM_PFNMAP):
            return -EINVAL
        if how == POP_WRITE:
            return ACC_WRITE if flags & VM_WRITE else -EINVAL
        return ACC_READ if flags & VM_READ else -EINVAL
    if m[H_RULES + R_POPULATE_SHARED_WRITE] != 0:
        access = ACC_WRITE if flags & VM_WRITE else ACC_READ
    else:
        access = ACC_WRITE if flags & (VM_WRITE | VM_SHARED) == VM_WRITE else ACC_READ
    if m[H_RULES + R_MAKE_PRESENT] != 0:
        return access if access == ACC_WRITE or flags & VM_READ else -EFAULT
    if flags & VM_ACCESS == 0 or flags & (VM_READ | VM_MAYREAD) == 0:
        return -EFAULT
    return access


@kernel
def populate_range(m: Mem, task: int, start: int, end: int, how: int) -> int:
    """Fault in the pages of [start, end), page aligned; `how` is one of POP_*.

    Returns 0, or the error as populating finds it: -ENOMEM for a hole (MADV_POPULATE) or no memory,
    -EFAULT for a page that cannot be had or an area without access, and (MADV_POPULATE only) -EHWPOISON for a
    poisoned page, -EINVAL for a protection that forbids it; with the 2.6 rules also -1 after some pages.
    Pages before the error stay.
    mlock reports EFAULT as ENOMEM and ENOMEM as EAGAIN: that is the caller's business.
    """
    mm = m[task + T_MM]
    advice = 1 if how in (POP_READ, POP_WRITE) else 0
    holes = 0
    addr = start
    while addr < end:
        vma = find_vma(m, mm, addr)
        if vma == 0 or m[vma + V_START] > addr:
            if advice != 0 and m[H_RULES + R_POPULATE_HOLES] == 0:
                return -ENOMEM
            holes = 1
            if vma == 0 or m[vma + V_START] >= end:
                break
            addr = m[vma + V_START]
        limit = min(m[vma + V_END], end)
        flags = m[vma + V_FLAGS]
        error = 0
        if kind_of(m, vma) == FILE_SECRET:  # its pages cannot be pinned
            error = -EINVAL if advice != 0 else -EFAULT
        elif advice != 0 or flags & (VM_IO | VM_PFNMAP | VM_LOCKONFAULT) == 0:
            error = _access_for(m, flags, how)
            if error >= 0 and pkey_denies(m, task, addr, error) != 0:  # check_vma_flags
                error = -EINVAL if advice != 0 else -EFAULT
            if error >= 0:
                error = _populate_area(m, task, vma, addr, limit, error)
                if error == -EHWPOISON and advice == 0:  # only madvise asks for it (FOLL_HWPOISON)
                    error = -EFAULT
        if error != 0 and how not in (POP_MMAP, POP_RFP):
            return error
        addr = limit
    return -ENOMEM if advice != 0 and holes != 0 else 0
