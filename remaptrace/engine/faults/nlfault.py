"""Faults in areas with file PTEs, and the checks of areas with many protections (linux-2.6.21 4.5; rfp-prot 3).

In a VM_MANYPROTS area the architecture's handler does not look at the area's flags; the core asks the
PTE instead. As posted it does not ask on an absent page (trap T2), so a write there is let through and
the PTE made writable, whatever protection was saved; on a page saved without any access that gives a
PTE which the processor refuses and the check accepts, for ever.
"""

from __future__ import annotations

from ...abi.errnos import ENOMEM
from ...abi.signals import ACC_EXEC, ACC_READ, ACC_WRITE
from ...abi.vmflags import VM_MANYPROTS, VM_NONLINEAR, VM_SHARED, VM_WRITE
from ...machine.archwords import A_PROTMAP, A_RFP_SUPPORT, P_CLEANED, RFP_DUMMY, RFP_NATIVE
from ...machine.callrules import R_RFP_ABSENT_UNCHECKED, R_RFP_EXEC_AS_READ
from ...machine.rules import R_RFP, R_RFP_PROT
from ..files.pagecache import cache_find
from ..jit import kernel
from ..pages.frames import frame, frame_map
from ..pages.pte import (
    file_pte_prot,
    mk_pte_prot,
    pte_exec,
    pte_file,
    pte_mkdirty,
    pte_mkwrite,
    pte_mkyoung,
    pte_present,
    pte_protnone,
    pte_rights,
    pte_to_pgoff,
    pte_user,
    pte_write,
)
from ..state import (
    F_FLAGS,
    FF_DIRTY,
    H_ARCH,
    H_RULES,
    MM_RSS,
    V_FLAGS,
    V_INODE,
    V_PROT,
    Mem,
)
from .fileread import read_page
from .nonlinear import RFP_POPULATE, populate_page
from .vmfault import VMF_MAJOR, VMF_MINOR, VMF_OOM, VMF_SIGBUS


@kernel
def many_protections(m: Mem, vma: int) -> int:
    """1 if the fault handler leaves the check of an access in `vma` to the PTE (a ported architecture)."""
    if m[vma + V_FLAGS] & VM_MANYPROTS == 0:
        return 0
    return 1 if m[H_ARCH + A_RFP_SUPPORT] == RFP_NATIVE else 0


@kernel
def _area_refuses(m: Mem, vma: int, access: int) -> int:
    """1 if the area's own page protection forbids the access (absent page that remembers nothing)."""
    flags = m[vma + V_FLAGS]
    rights = pte_rights(m, mk_pte_prot(m, 0, m[H_ARCH + A_PROTMAP + m[vma + V_PROT]]))
    if flags & VM_WRITE:  # a private or notified area is mapped read-only until the first write
        rights |= 2
    return 1 - ((rights >> access) & 1)


@kernel
def pte_refuses(m: Mem, vma: int, w: int, access: int) -> int:
    """1 if the PTE of a VM_MANYPROTS area forbids the access (the series' check in handle_pte_fault)."""
    posted = m[H_RULES + R_RFP_ABSENT_UNCHECKED]
    if access == ACC_EXEC and m[H_RULES + R_RFP_EXEC_AS_READ] != 0:
        access = ACC_READ
    present = pte_present(m, w)
    if m[vma + V_FLAGS] & VM_SHARED == 0:
        # hypothetical private areas: a page has no access at all, or the area's protection
        if present != 0:
            return 1 if pte_protnone(m, w) != 0 else _area_refuses(m, vma, access)
        return 1 if w != 0 and pte_file(m, w) != 0 else _area_refuses(m, vma, access)
    if present == 0:
        if w == 0 or pte_file(m, w) == 0:
            return _area_refuses(m, vma, access)
        return 0 if posted != 0 else 1 - ((pte_rights(m, file_pte_prot(m, w)) >> access) & 1)
    if posted == 0:
        return 1 - ((pte_rights(m, w) >> access) & 1)
    if access == ACC_WRITE:
        return 1 - pte_write(m, w)
    return 1 - (pte_user(m, w) if access == ACC_READ else pte_exec(m, w))


@kernel
def was_cleaned(m: Mem, w: int, access: int) -> int:
    """1 if the write is refused only because writeback took the write bit from the PTE (rfp-prot 5)."""
    return 1 if access == ACC_WRITE and (w & m[H_ARCH + P_CLEANED]) != 0 else 0


@kernel
def _install_saved(m: Mem, mm: int, vma: int, access: int, p: int, pfn: int) -> int:
    """Map frame `pfn` at the file PTE `p`, with the saved protection if the area has many; MINOR or OOM."""
    flags = m[vma + V_FLAGS]
    many = 1 if flags & VM_MANYPROTS and m[H_RULES + R_RFP_PROT] != 0 else 0
    pgprot = file_pte_prot(m, m[p]) if many != 0 else m[H_ARCH + A_PROTMAP + m[vma + V_PROT]]
    w = pte_mkyoung(m, mk_pte_prot(m, pfn, pgprot))
    if pte_present(m, w) == 0:
        return (
            VMF_OOM  # P000 of sparc is 0, ppc of 2005 loses PRESENT: read back as a swap entry that is none
        )
    if access == ACC_WRITE:
        w = pte_mkdirty(m, w)
        # trap T2: only the area is asked, so a page saved read-only, or without access, becomes writable
        widen = 1 if m[H_RULES + R_RFP_ABSENT_UNCHECKED] != 0 else 0
        if m[H_ARCH + A_RFP_SUPPORT] == RFP_DUMMY:
            widen = 0
        if flags & VM_WRITE and (many == 0 or widen != 0):
            w = pte_mkwrite(m, w)
        m[frame(m, pfn) + F_FLAGS] |= FF_DIRTY
    m[p] = w
    m[mm + MM_RSS] += 1
    frame_map(m, pfn)
    return VMF_MINOR


@kernel
def do_file_page(m: Mem, mm: int, vma: int, addr: int, access: int, p: int) -> int:
    """A fault on the file PTE at `p`; a VMF_* code.

    Engine P populates one page whatever the access, always a major fault; engine F maps it as a fault
    on a linear page would, major only if it had to be read.
    """
    if m[vma + V_FLAGS] & VM_NONLINEAR == 0:
        return VMF_OOM  # a bad PTE: print_bad_pte, and the process is killed
    pgoff = pte_to_pgoff(m, m[p])
    if m[H_RULES + R_RFP] == RFP_POPULATE:
        error = populate_page(m, mm, vma, addr, pgoff)
        if error == 0:
            return VMF_MAJOR
        return VMF_OOM if error == -ENOMEM else VMF_SIGBUS
    code = read_page(m, m[vma + V_INODE], pgoff)
    if code not in (VMF_MINOR, VMF_MAJOR):
        return code
    pfn = cache_find(m, m[vma + V_INODE], pgoff)
    if pfn == 0:
        return VMF_OOM
    return code if _install_saved(m, mm, vma, access, p, pfn) != VMF_OOM else VMF_OOM
