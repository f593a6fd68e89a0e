"""Accesses of a program: single touches with their byte, touches of a range, recorded page faults."""

from __future__ import annotations

from ...abi.kinds import EVF_IN_KERNEL
from ...abi.mman import UFFD_FEATURES
from ...abi.outcomes import (
    OUT_ACCERR,
    OUT_BUSERR,
    OUT_KERNELSEGV,
    OUT_MAPERR,
    OUT_OK,
    OUT_PKUERR,
    OUT_POISON,
    OUT_WAITS,
)
from ...abi.rows import RSF_ASSUMED, RSF_KIND
from ...abi.signals import (
    ACC_EXEC,
    ACC_READ,
    ACC_WRITE,
    BUS_MCEERR_AR,
    PF_FETCH,
    PF_KIND,
    PF_PROT,
    PF_UNKNOWN,
    PF_UNSURE,
    PF_USER,
    PF_WRITE,
    SEGV_MAPERR,
    SEGV_PKUERR,
    SI_KERNEL,
    SIGBUS,
    SIGSEGV,
)
from ...abi.vmflags import VM_ACCESS, VM_EXEC, VM_PKEY, VM_READ, VM_SHARED, VM_WRITE
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.rules import R_PKEYS
from ..areas.anonvma import anon_vma_prepare
from ..areas.vmaset import find_exact
from ..belief.assume import assume_length, assume_page, may_assume
from ..belief.learn import learn_from_fault
from ..faults.fault import error_code as fault_error_code
from ..faults.fault import handle_access, hits
from ..faults.userbytes import user_load, user_store, user_unknown
from ..jit import kernel
from ..pages.pgwalk import pte_lookup
from ..pages.pte import pte_guard
from ..state import (
    G_ALONE,
    G_EVFLAGS,
    G_FOLLOW,
    G_HAS_RET,
    G_REC_RET,
    G_RSFLAGS,
    G_VALUE,
    H_ARCH,
    H_RULES,
    T_MM,
    U_FEATURES,
    V_FLAGS,
    V_INODE,
    V_UFFD,
    Mem,
)

_SIGBUS_OR_POISON = UFFD_FEATURES["sigbus"] | UFFD_FEATURES["poison"]
_MOST_PAGES = 1 << 46
"""More pages than any address space has, and with pages of 64 KiB still bytes of a signed word."""


@kernel
def touch(m: Mem, task: int, access: int, addr: int, value: int, pages: int, sp: int) -> int:
    """Access one byte at `addr`, or the first byte at the same place of each of `pages` pages; an OUT_*.

    A range stops at the first access that fails. `sp` is the stack pointer, 0 if unknown. Faults are
    counted in G_MINFLT and G_MAJFLT, the byte read is left in G_VALUE.
    """
    in_kernel = 1 if m[G_EVFLAGS] & EVF_IN_KERNEL else 0
    mm = m[task + T_MM]
    shift = m[H_ARCH + A_PAGE_SHIFT]
    size = (min(pages, _MOST_PAGES) if pages > 1 else 1) << shift
    outcome = OUT_OK
    keyed = m[H_RULES + R_PKEYS]
    at = addr
    while at - addr < size:
        done = 0 if keyed != 0 else hits(m, mm, at, (size - (at - addr)) >> shift, access)
        if done == 0:
            outcome = handle_access(m, task, at, access, in_kernel, sp)
            if outcome != OUT_OK:
                break
            done = 1
        if access == ACC_WRITE and value >= 0:
            for i in range(done):
                user_store(m, mm, at + (i << shift), value & 0xFF)
        elif access == ACC_WRITE:
            user_unknown(m, mm, at)
        at += done << shift
    if access != ACC_WRITE and at != addr:
        m[G_VALUE] = user_load(m, mm, at - (1 << shift))
    return outcome


@kernel
def recorded_fault(m: Mem, task: int, addr: int, error_code: int) -> int:
    """A page fault that a recorder saw, as the access that caused it; an OUT_*.

    In a process whose initial areas are not known a fault on nothing that no signal follows proves an area;
    the driver tells by EVF_HAS_RET, or by the signal in `ret`. G_VALUE is left with the
    error code of the fault that the machine takes for this access, or -1 if it takes none (a *hit*).
    """
    access = ACC_READ
    wanted = VM_READ
    if error_code & PF_UNKNOWN:
        return _fault_of_unknown_kind(m, task, addr)
    if error_code & PF_FETCH:
        access = ACC_EXEC
        wanted = VM_READ | VM_EXEC
    elif error_code & PF_WRITE:
        access = ACC_WRITE
        wanted = VM_READ | VM_WRITE
    if may_assume(m, task) != 0:
        assume_page(m, task, addr, wanted)
    mm = m[task + T_MM]
    if m[G_FOLLOW] != 0:
        assume_length(m, task, addr, m[G_REC_RET] if m[G_HAS_RET] == 0 else 0)
    code = fault_error_code(m, mm, addr, access)
    if error_code & PF_UNSURE and code >= 0:
        error_code |= code & PF_PROT
    if m[G_FOLLOW] != 0 and code != error_code & PF_KIND:
        if learn_from_fault(m, task, addr, error_code, code) != 0:
            m[G_RSFLAGS] |= RSF_ASSUMED
            code = fault_error_code(m, mm, addr, access)
    m[G_VALUE] = code
    outcome = handle_access(m, task, addr, access, 0, 0)
    if access == ACC_WRITE:
        user_unknown(m, mm, addr)
    # a thread that slept for a userfaultfd went on: the page comes by an ioctl of the log
    return OUT_OK if outcome == OUT_WAITS else outcome


@kernel
def _fault_of_unknown_kind(m: Mem, task: int, addr: int) -> int:
    """A page fault of which only the address was recorded; an OUT_*. What it is taken for is not known (RSF_KIND).

    Where a read would take none it was a write, or a fetch. On a page that is not there it may have been either: the
    page is treated as read, for a write that came later would show as another fault or as none, and both are right;
    the area as written, for the first touch of private memory nearly always is a write, and what joins the area later
    depends on it (mm/vma.c:is_mergeable_anon_vma). Pages around it are not mapped, as a read would: those whose faults
    were recorded later were not there, of the others nobody knows.
    """
    m[G_RSFLAGS] |= RSF_KIND
    if may_assume(m, task) != 0:
        assume_page(m, task, addr, VM_READ)
    mm = m[task + T_MM]
    if m[G_FOLLOW] != 0:
        assume_length(m, task, addr, m[G_REC_RET] if m[G_HAS_RET] == 0 else 0)
    access = ACC_READ
    code = fault_error_code(m, mm, addr, access)
    if code < 0:
        if may_assume(m, task) != 0:  # an area that was assumed to be read only
            assume_page(m, task, addr, VM_READ | VM_WRITE)
        access = ACC_WRITE
        code = fault_error_code(m, mm, addr, access)
    if code < 0:
        area = find_exact(m, mm, addr)
        if area != 0 and m[area + V_FLAGS] & VM_EXEC:
            access = ACC_EXEC
            code = fault_error_code(m, mm, addr, access)
    if code < 0 and m[G_FOLLOW] != 0:
        if learn_from_fault(m, task, addr, PF_USER, code) != 0:
            m[G_RSFLAGS] |= RSF_ASSUMED
            access = ACC_READ
            code = fault_error_code(m, mm, addr, access)
    if code < 0:
        access = ACC_READ  # nothing faults here
    m[G_VALUE] = code
    m[G_ALONE] = 1
    outcome = handle_access(m, task, addr, access, 0, 0)
    m[G_ALONE] = 0
    vma = find_exact(m, mm, addr)
    if outcome == OUT_OK and vma != 0 and m[vma + V_INODE] == 0:
        if m[vma + V_FLAGS] & (VM_WRITE | VM_SHARED) == VM_WRITE:
            anon_vma_prepare(m, mm, vma)
    return outcome


@kernel
def signal_fits(m: Mem, task: int, signo: int, code: int, addr: int) -> int:
    """Whether some access to `addr` raises the recorded signal now: the outcome it would have, else OUT_OK.

    A log without page faults shows only the signal. SEGV_MAPERR fits where nothing is mapped or a guard
    marker stands, SEGV_ACCERR where some access is not granted, SEGV_PKUERR on areas with a key of their own, SIGBUS
    on areas of files and on registered ones.
    """
    vma = find_exact(m, m[task + T_MM], addr)
    if signo == SIGSEGV and code == SI_KERNEL:  # no address is told
        return OUT_KERNELSEGV
    if signo == SIGSEGV:
        if vma == 0:
            return OUT_MAPERR
        p = pte_lookup(m, m[task + T_MM], addr)
        if code == SEGV_MAPERR and p != 0 and pte_guard(m, m[p]) != 0:
            return OUT_MAPERR
        if code == SEGV_PKUERR:  # which rights the thread's register had, no log tells
            return OUT_PKUERR if m[vma + V_FLAGS] & VM_PKEY else OUT_OK
        return OUT_ACCERR if m[vma + V_FLAGS] & VM_ACCESS != VM_ACCESS else OUT_OK
    if signo == SIGBUS and vma != 0 and m[vma + V_INODE] != 0:
        return OUT_POISON if code == BUS_MCEERR_AR else OUT_BUSERR
    if signo == SIGBUS and vma != 0 and m[vma + V_UFFD] != 0:
        if code == BUS_MCEERR_AR:
            return OUT_POISON
        return OUT_BUSERR if m[m[vma + V_UFFD] + U_FEATURES] & _SIGBUS_OR_POISON else OUT_OK
    return OUT_OK
