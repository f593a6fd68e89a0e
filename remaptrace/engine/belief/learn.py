"""What a recorded page fault tells besides its access.

A log of page faults does not show everything that decides whether a page is mapped when a program touches
it. Four things stay unseen, and the error code of a later fault proves each of them:

* faults that system calls took on the program's behalf (copies to and from user memory), or pages of a
  large folio that one fault mapped: the fault says *present*, here the page is absent;
* the state of the page cache from before the log: fault-around leaves out pages that are being read or
  carry the mark of readahead, and reclaim unmaps file pages: the fault says *absent*, here a page of a
  file is mapped;
* writeback, which write-protects clean pages of shared files: a write faults on a page that is writable here;
* forks, in a recording that shows no births at all but processes that came out of nowhere: they write-protect the
  private pages of the parent.

Where the log is followed, such a fault first brings the page to the proven state (RSF_ASSUMED, counted in
G_LEARNT). Private pages are never taken away: that would hide a wrong rule. Only of assumed areas nobody knows
whether they are private, and of the page where .bss begins whether exec cleared the rest of it: if the segment ends
with the page there is no rest (fs/binfmt_elf.c:padzero), which maps do not show.
"""

from __future__ import annotations

from ...abi.signals import ACC_READ, PF_PROT, PF_WRITE
from ...abi.vmflags import VM_SHARED, VM_WRITE
from ..areas.vmaset import find_exact
from ..faults.fault import handle_access, pte_of
from ..jit import kernel
from ..marks import MARK_ASSUMED
from ..pages.frames import frame
from ..pages.pgwalk import pte_lookup
from ..pages.pte import pte_mkclean, pte_pfn, pte_present, pte_wrprotect
from ..ranges.pgtable import ZAP_DONTNEED, zap_pte
from ..state import (
    F_FLAGS,
    FF_ANON,
    FF_CLEARED,
    FF_ZERO,
    G_LEARNT,
    G_MAJFLT,
    G_MINFLT,
    G_NO_FORKS,
    OPS_FILE,
    T_MM,
    V_FLAGS,
    V_MARK,
    V_OPS,
    Mem,
)


@kernel
def _forget_file_page(m: Mem, mm: int, vma: int, addr: int) -> int:
    """Unmap the page at `addr` if it is one of a file, or may be; 1 if done."""
    p = pte_lookup(m, mm, addr)
    if p == 0 or pte_present(m, m[p]) == 0:
        return 0
    flags = m[frame(m, pte_pfn(m, m[p])) + F_FLAGS]
    if m[vma + V_MARK] != MARK_ASSUMED and flags & FF_CLEARED == 0 and flags & (FF_ANON | FF_ZERO):
        return 0
    return zap_pte(m, mm, p, ZAP_DONTNEED)


@kernel
def _clean_shared_page(m: Mem, mm: int, vma: int, addr: int) -> int:
    """Write-protect the page at `addr` as writeback does, if its area tracks dirty pages; 1 if done."""
    p = pte_of(m, mm, addr)
    if p == 0 or m[vma + V_FLAGS] & VM_SHARED == 0 or m[vma + V_OPS] != OPS_FILE:
        return 0
    m[p] = pte_mkclean(m, pte_wrprotect(m, m[p]))
    return 1


@kernel
def _share_private_page(m: Mem, mm: int, vma: int, addr: int) -> int:
    """Write-protect the private page at `addr` as fork does (mm/memory.c:copy_present_pte); 1 if done."""
    p = pte_of(m, mm, addr)
    if p == 0 or m[vma + V_FLAGS] & (VM_SHARED | VM_WRITE) != VM_WRITE:
        return 0
    m[p] = pte_wrprotect(m, m[p])
    return 1


@kernel
def _touch_in_kernel(m: Mem, task: int, addr: int) -> int:
    """Take the fault at `addr` that a system call must have taken; it belongs to no event. 1."""
    minor = m[G_MINFLT]
    major = m[G_MAJFLT]
    handle_access(m, task, addr, ACC_READ, 1, 0)
    m[G_MINFLT] = minor
    m[G_MAJFLT] = major
    return 1


@kernel
def learn_from_fault(m: Mem, task: int, addr: int, recorded: int, simulated: int) -> int:
    """Bring the page at `addr` to the state that error code `recorded` proves; 1 if anything changed.

    `simulated` is the error code of the fault as this machine would take it now, -1 if it takes none.
    """
    mm = m[task + T_MM]
    vma = find_exact(m, mm, addr)
    if vma == 0:
        return 0
    done = 0
    if recorded & PF_PROT == 0:
        done = _forget_file_page(m, mm, vma, addr)
    elif simulated < 0:
        if recorded & PF_WRITE:
            done = _clean_shared_page(m, mm, vma, addr)
            if done == 0 and m[G_NO_FORKS] != 0:
                done = _share_private_page(m, mm, vma, addr)
    elif simulated & PF_PROT == 0:
        done = _touch_in_kernel(m, task, addr)
    m[G_LEARNT] += done
    return done
