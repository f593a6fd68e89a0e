"""An access by a program: the MMU's check, the page fault, and what becomes of it (arch fault.c, mm/memory.c).

`handle_access` is the processor and do_page_fault: it asks the PTE, and while the PTE refuses, it takes
a fault and asks again. A fault that changes nothing is found out after a few rounds (LIVELOCK).
"""

from __future__ import annotations

from ...abi.outcomes import (
    OUT_ACCERR,
    OUT_BUSERR,
    OUT_KERNELSEGV,
    OUT_LIVELOCK,
    OUT_MAPERR,
    OUT_OK,
    OUT_OOM,
    OUT_PKUERR,
    OUT_POISON,
    OUT_SPURIOUS,
    OUT_WAITS,
)
from ...abi.signals import ACC_EXEC, ACC_WRITE, PF_FETCH, PF_PROT, PF_USER, PF_WRITE
from ...abi.vmflags import (
    VM_ACCESS,
    VM_GROWSDOWN,
    VM_HUGETLB,
    VM_MANYPROTS,
    VM_SHARED,
    VM_UFFD_MINOR,
    VM_UFFD_WP,
    VM_WRITE,
)
from ...machine.archwords import (
    A_CANONICAL_BITS,
    A_HUGE_SHIFT,
    A_INDEX_BITS,
    A_NX,
    A_RFP_REACTION,
    A_STACK_SLACK,
    A_TASK_SIZE,
    A_WRITE_IMPLIES_READ,
    P_DERIVED,
    P_DIRTY,
    P_PRESENT,
    P_READ,
    P_YOUNG,
)
from ...machine.callrules import R_MEMORY_FAILURE
from ...machine.rules import R_COW_PREPARES_FIRST, R_PKEYS
from ..areas.anonvma import anon_vma_prepare
from ..areas.pkeys import pkey_denies
from ..areas.stack import expand_stack
from ..areas.vmaset import find_vma
from ..files.pagecache import cache_has, cache_swapped, file_pages
from ..jit import kernel, ult
from ..pages.pgwalk import HUGE_ENTRY, pmd_lookup, pmd_word, pte_ensure, pte_index, pte_lookup
from ..pages.pte import (
    pte_allows,
    pte_clear_uffd_wp,
    pte_file,
    pte_guard,
    pte_mkdirty,
    pte_mkyoung,
    pte_poison,
    pte_present,
    pte_protnone,
    pte_uffd_wp,
    pte_write,
)
from ..ranges.reclaim import try_to_free_pages
from ..state import (
    G_MAJFLT,
    G_MINFLT,
    G_NEW_TABLE,
    H_ARCH,
    H_RULES,
    MM_MAJFLT,
    MM_MINFLT,
    P_MAJFLT,
    P_MINFLT,
    T_MM,
    T_PROC,
    V_FLAGS,
    V_INODE,
    V_START,
    V_UFFD,
    Mem,
)
from .fileread import do_fault, fault_around
from .hugefault import huge_fault, vma_is_anonymous
from .hugetlbfault import hugetlb_fault
from .nlfault import do_file_page, many_protections, pte_refuses, was_cleaned
from .special import premapped, special_refuses
from .uffdfault import handle_userfault, minor, missing, write_protected
from .vmfault import (
    VMF_MAJOR,
    VMF_MINOR,
    VMF_OOM,
    VMF_POISON,
    VMF_REFUSED,
    VMF_SIGBUS,
    VMF_SIGSEGV,
    VMF_SPURIOUS,
    VMF_WAIT,
    do_anonymous_page,
    do_swap_page,
    do_wp_page,
    linear_index,
)

_ROUNDS = 8  # faults of one access before it counts as endless; the longest real chain has 3


@kernel
def uffd_missing(m: Mem, mm: int, vma: int, addr: int, access: int, p: int) -> int:
    """What userfaultfd makes of a fault on an absent page of a registered area; VMF_OOM: it is none of its.

    A fault on a page of an object has done by then what comes before the object is asked: it maps pages around
    (do_read_fault), or gives a private area its anon_vma (do_cow_fault).
    """
    if vma_is_anonymous(m, vma) != 0:
        if missing(m, vma) == 0:
            return VMF_OOM
        if access == ACC_WRITE:
            anon_vma_prepare(m, mm, vma)
        return handle_userfault(m, vma)
    inode = m[vma + V_INODE]
    if inode == 0:
        return VMF_OOM
    index = linear_index(m, vma, addr)
    if index >= file_pages(m, inode) or cache_swapped(m, inode, index) != 0:
        return VMF_OOM
    here = cache_has(m, inode, index)
    if (here == 0 and missing(m, vma) != 0) or (here != 0 and minor(m, vma) != 0):
        flags = m[vma + V_FLAGS]
        if access != ACC_WRITE and flags & (VM_UFFD_WP | VM_UFFD_MINOR) == 0:
            fault_around(m, mm, vma, addr, p)
        elif access == ACC_WRITE and flags & VM_SHARED == 0 and m[H_RULES + R_COW_PREPARES_FIRST] != 0:
            anon_vma_prepare(m, mm, vma)
        return handle_userfault(m, vma)
    return VMF_OOM


@kernel
def handle_pte_fault(m: Mem, mm: int, vma: int, addr: int, access: int, p: int) -> int:
    """The fault on the PTE at `p`, by what it holds; a VMF_* code."""
    w = m[p]
    if m[vma + V_FLAGS] & VM_MANYPROTS and pte_refuses(m, vma, w, access) != 0:
        return VMF_SPURIOUS if was_cleaned(m, w, access) != 0 else VMF_REFUSED
    if special_refuses(m, vma, addr, access, w) != 0:
        return VMF_SIGBUS
    uffd = m[vma + V_UFFD]
    if w != 0 and pte_present(m, w) == 0:
        if pte_poison(m, w) != 0:
            return VMF_POISON
        if pte_uffd_wp(m, w) != 0:
            if (
                m[vma + V_FLAGS] & VM_UFFD_WP == 0
            ):  # a fault of its own takes the marker away (pte_marker_clear)
                m[p] = 0
                return VMF_MINOR
            w = 0
    if w == 0:
        if uffd != 0:
            code = uffd_missing(m, mm, vma, addr, access, p)
            if code != VMF_OOM:
                return code
        if vma_is_anonymous(m, vma) != 0:
            return do_anonymous_page(m, mm, vma, addr, access, p)
        return do_fault(m, mm, vma, addr, access, p)
    if pte_present(m, w) != 0:
        if access == ACC_WRITE:
            if pte_write(m, w) == 0:
                guarded = write_protected(m, vma, w) if uffd != 0 else 0
                if guarded == 1:
                    return handle_userfault(m, vma)
                if guarded == 2:
                    m[p] = pte_clear_uffd_wp(m, w)
                return do_wp_page(m, mm, vma, addr, p)
            w = pte_mkdirty(m, w)
        m[p] = pte_mkyoung(m, w)
        return VMF_MINOR
    if pte_guard(m, w) != 0:
        return VMF_SIGSEGV
    if pte_file(m, w) != 0:
        return do_file_page(m, mm, vma, addr, access, p)
    return do_swap_page(m, mm, vma, addr, access, p)


@kernel
def handle_mm_fault(m: Mem, mm: int, vma: int, addr: int, access: int) -> int:
    """A fault at `addr` inside `vma`, whose flags allow the access; a VMF_* code."""
    if m[vma + V_FLAGS] & VM_HUGETLB:
        return hugetlb_fault(m, mm, vma, addr, access)
    p = pte_lookup(m, mm, addr)
    m[G_NEW_TABLE] = 1 if p == 0 else 0
    if p == 0:
        code = huge_fault(m, mm, vma, addr, access)
        if code >= 0:
            return code
        p = pte_ensure(m, mm, addr)
        if p == 0:
            return VMF_OOM
    code = handle_pte_fault(m, mm, vma, addr, access, p)
    while code == VMF_OOM and try_to_free_pages(m) > 0:
        code = handle_pte_fault(m, mm, vma, addr, access, p)
    return code


@kernel
def count_fault(m: Mem, task: int, code: int) -> int:
    """Account a fault that was resolved, MINOR or MAJOR, to event, address space and process."""
    if code == VMF_MAJOR:
        m[G_MAJFLT] += 1
        m[m[task + T_MM] + MM_MAJFLT] += 1
        m[m[task + T_PROC] + P_MAJFLT] += 1
    else:
        m[G_MINFLT] += 1
        m[m[task + T_MM] + MM_MINFLT] += 1
        m[m[task + T_PROC] + P_MINFLT] += 1
    return 0


@kernel
def pte_of(m: Mem, mm: int, addr: int) -> int:
    """The arena index of the word that maps `addr`, a PTE or a huge page's; 0: no table."""
    p = pte_lookup(m, mm, addr)
    if p != 0 or m[H_ARCH + A_HUGE_SHIFT] == 0:
        return p
    slot = pmd_lookup(m, mm, addr)
    return pmd_word(m, slot) if slot != 0 and m[slot] == HUGE_ENTRY else 0


@kernel
def _mmu(m: Mem, mm: int, addr: int, access: int) -> int:
    """1 if the MMU lets the access through, which marks the page accessed and dirty; else 0."""
    p = pte_of(m, mm, addr)
    if p == 0:
        return 0
    w = m[p]
    if pte_present(m, w) == 0 or pte_allows(m, w, access) == 0:
        return 0
    w = pte_mkyoung(m, w)
    m[p] = pte_mkdirty(m, w) if access == ACC_WRITE else w
    return 1


@kernel
def hits(m: Mem, mm: int, addr: int, pages: int, access: int) -> int:
    """How many of `pages` pages from `addr` on, under one leaf table, the MMU lets through; marks them.

    This is `_mmu` for a run of pages, a tight loop: it stops at the first page that needs a second look
    (absent, refused, or present by a rule of its own), and where the leaf table ends.
    """
    p = pte_lookup(m, mm, addr)
    if p == 0:
        return 0
    last = p + min(pages, (1 << m[H_ARCH + A_INDEX_BITS]) - pte_index(m, addr))
    valid = m[H_ARCH + P_PRESENT]
    mask = m[H_ARCH + P_READ + 2 * access]
    value = m[H_ARCH + P_READ + 2 * access + 1]
    marks = m[H_ARCH + P_YOUNG]
    if access == ACC_WRITE:
        marks |= m[H_ARCH + P_DIRTY]
    slow = m[H_ARCH + P_DERIVED]
    q = p
    while q < last:
        w = m[q]
        if (w & valid) == 0 or (w & mask) != value:
            break
        if (w & marks) != marks:
            if slow != 0:
                break
            m[q] = w | marks
        q += 1
    return q - p


@kernel
def error_code(m: Mem, mm: int, addr: int, access: int) -> int:
    """The error code (PF_* bits of x86) of the fault that this access by a program takes now; -1: none."""
    p = pte_of(m, mm, addr) if ult(addr, m[H_ARCH + A_TASK_SIZE]) else 0
    w = m[p] if p != 0 else 0
    code = PF_USER
    if pte_present(m, w) != 0:
        if pte_allows(m, w, access) != 0:
            return -1
        if pte_protnone(m, w) == 0:
            code |= PF_PROT
    elif not ult(addr, m[H_ARCH + A_TASK_SIZE]):
        code |= PF_PROT
    if access == ACC_WRITE:
        code |= PF_WRITE
    elif access == ACC_EXEC and m[H_ARCH + A_NX] != 0:
        code |= PF_FETCH
    return code


@kernel
def _refused(m: Mem, mm: int, vma: int, addr: int, access: int) -> int:
    """1 if the area's flags (and a present PTE) forbid the access: access_error of do_page_fault."""
    flags = m[vma + V_FLAGS]
    if access == ACC_WRITE:
        return 1 if flags & VM_WRITE == 0 else 0
    if flags & VM_ACCESS == 0:
        return 1
    if m[H_ARCH + A_WRITE_IMPLIES_READ] == 0:
        return 1 if flags & VM_ACCESS == VM_WRITE else 0
    p = pte_of(m, mm, addr)
    return 1 if p != 0 and pte_present(m, m[p]) != 0 and pte_protnone(m, m[p]) == 0 else 0


@kernel
def _area(m: Mem, task: int, addr: int, in_kernel: int, sp: int) -> int:
    """The area for a fault at `addr`, grown down to it if it is a stack; 0: there is none."""
    mm = m[task + T_MM]
    vma = find_vma(m, mm, addr)
    if vma == 0 or m[vma + V_START] <= addr:
        return vma
    if m[vma + V_FLAGS] & VM_GROWSDOWN == 0:
        return 0
    slack = m[H_ARCH + A_STACK_SLACK]
    if slack >= 0 and in_kernel == 0 and sp != 0 and addr + slack < sp:
        return 0
    return vma if expand_stack(m, task, mm, vma, addr) == 0 else 0


@kernel
def _page_fault(m: Mem, task: int, addr: int, access: int, in_kernel: int, sp: int) -> int:
    """do_page_fault, again and again until the MMU is content; an OUT_*."""
    mm = m[task + T_MM]
    for _ in range(_ROUNDS):
        vma = _area(m, task, addr, in_kernel, sp)
        if vma == 0:
            return OUT_MAPERR
        if premapped(m, mm, vma, addr) != 0 and _mmu(m, mm, addr, access) != 0:
            return OUT_OK
        if many_protections(m, vma) == 0 and _refused(m, mm, vma, addr, access) != 0:
            return OUT_ACCERR
        code = handle_mm_fault(m, mm, vma, addr, access)
        if code in (VMF_MINOR, VMF_MAJOR):
            count_fault(m, task, code)
        elif code == VMF_SIGBUS:
            return OUT_BUSERR
        elif code == VMF_WAIT:
            return OUT_WAITS
        elif code == VMF_POISON:
            return OUT_POISON if m[H_RULES + R_MEMORY_FAILURE] != 0 else OUT_BUSERR
        elif code == VMF_SIGSEGV:
            return OUT_MAPERR
        elif code == VMF_REFUSED:
            return m[H_ARCH + A_RFP_REACTION]  # SEGV_ACCERR where the handler knows the code
        elif code == VMF_SPURIOUS:
            return OUT_SPURIOUS
        else:
            return OUT_OOM
        if _mmu(m, mm, addr, access) != 0:
            return OUT_OK
    return OUT_LIVELOCK


@kernel
def handle_access(m: Mem, task: int, addr: int, access: int, in_kernel: int, sp: int) -> int:
    """One access (ACC_*) to the byte at `addr`; an OUT_*.

    Faults taken are added to G_MINFLT and G_MAJFLT, and to the counters of address space and process.
    `in_kernel`: made by a system call on the program's behalf. `sp`: the stack pointer, 0 if unknown.
    """
    if not ult(addr, m[H_ARCH + A_TASK_SIZE]):
        bits = m[H_ARCH + A_CANONICAL_BITS]
        if bits != 0 and in_kernel == 0 and (addr >> (bits - 1)) != 0 and (addr >> (bits - 1)) != -1:
            return OUT_KERNELSEGV
        return OUT_MAPERR
    if m[H_RULES + R_PKEYS] != 0 and pkey_denies(m, task, addr, access) != 0:
        return OUT_PKUERR
    if _mmu(m, m[task + T_MM], addr, access) != 0:
        return OUT_OK
    return _page_fault(m, task, addr, access, in_kernel, sp)
