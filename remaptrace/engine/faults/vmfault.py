"""What a page fault does to one PTE of private memory (mm/memory.c: handle_pte_fault and below).

Results are the codes of 2.6, where they were numbers: OOM 0, SIGBUS 1, MINOR 2, MAJOR 3, and SIGSEGV 4
(guard markers; refused by a PTE). File pages are `remaptrace.engine.faults.fileread`.
"""

from __future__ import annotations

from ...abi.signals import ACC_WRITE
from ...abi.vmflags import VM_MAYSHARE, VM_SHARED, VM_WRITE
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.limitrules import R_SWAP_PAGES
from ..areas.anonvma import anon_vma_prepare
from ..jit import kernel
from ..pages.frames import bytes_copy, frame, frame_anon, frame_map, zero_frame
from ..pages.pte import (
    mk_pte,
    pte_mkdirty,
    pte_mkuffd_wp,
    pte_mkwrite,
    pte_mkyoung,
    pte_pfn,
    pte_swap_offset,
    pte_uffd_wp,
)
from ..pages.swap import (
    S_COUNT,
    S_FRAME,
    page_unmap,
    slot_words,
    swap_cache_drop,
    swap_put,
    swap_read,
)
from ..state import (
    F_FLAGS,
    F_INDEX,
    F_MAPCOUNT,
    F_OWNER,
    F_REFS,
    F_SLOT,
    FF_ANON,
    FF_DIRTY,
    FF_EXCLUSIVE,
    FF_LAZYFREE,
    FF_SWAPCACHE,
    FF_ZERO,
    G_SWAP_USED,
    H_ARCH,
    H_RULES,
    MM_RSS,
    V_FLAGS,
    V_PGOFF,
    V_PROT,
    V_START,
    Mem,
)

VMF_OOM = 0
VMF_SIGBUS = 1
VMF_MINOR = 2
VMF_MAJOR = 3
VMF_SIGSEGV = 4
VMF_REFUSED = 5  # the PTE of an area with many protections forbids the access
VMF_WAIT = 7  # the thread sleeps until a userfaultfd provides the page
VMF_POISON = 8  # SIGBUS: the page was poisoned
VMF_SPURIOUS = 6  # ... because writeback took its write bit


@kernel
def linear_index(m: Mem, vma: int, addr: int) -> int:
    """linear_page_index: the page of the object (or of anonymous space) that belongs at `addr`."""
    return m[vma + V_PGOFF] + ((addr - m[vma + V_START]) >> m[H_ARCH + A_PAGE_SHIFT])


@kernel
def written(m: Mem, w: int, flags: int) -> int:
    """The PTE after a write: dirty and young, writable if the area is (maybe_mkwrite)."""
    w = pte_mkyoung(m, pte_mkdirty(m, w))
    return pte_mkwrite(m, w) if flags & VM_WRITE else w


@kernel
def anon_page(m: Mem, mm: int, vma: int, addr: int) -> int:
    """A new private page for `addr` of `vma`, which has an anon_vma then; 0: no memory (vmf_anon_prepare)."""
    anon_vma_prepare(m, mm, vma)
    return frame_anon(m, mm, linear_index(m, vma, addr))


@kernel
def do_anonymous_page(m: Mem, mm: int, vma: int, addr: int, access: int, p: int) -> int:
    """First touch of private anonymous memory: the zero page for a read, a new page for a write."""
    marked = pte_uffd_wp(m, m[p])
    if access != ACC_WRITE:
        m[p] = pte_mkyoung(m, mk_pte(m, zero_frame(m), m[vma + V_PROT]))
        if marked != 0:
            m[p] = pte_mkuffd_wp(m, m[p])
        return VMF_MINOR
    pfn = anon_page(m, mm, vma, addr)
    if pfn == 0:
        return VMF_OOM
    m[p] = written(m, mk_pte(m, pfn, m[vma + V_PROT]), m[vma + V_FLAGS])
    if marked != 0:
        m[p] = pte_mkuffd_wp(m, m[p])
    m[mm + MM_RSS] += 1
    return VMF_MINOR


@kernel
def _may_reuse(m: Mem, pfn: int) -> int:
    """1 if the anonymous page `pfn` belongs to the faulting PTE alone (wp_can_reuse_anon_folio)."""
    f = frame(m, pfn)
    if m[f + F_FLAGS] & FF_EXCLUSIVE or m[f + F_REFS] == 1:
        return 1
    if (
        m[f + F_FLAGS] & FF_SWAPCACHE
        and m[f + F_MAPCOUNT] == 1
        and m[f + F_REFS] == 2
        and swap_users(m, pfn) == 0
    ):
        swap_cache_drop(m, pfn)
        return 1
    return 0


@kernel
def swap_users(m: Mem, pfn: int) -> int:
    """PTEs that name the swap slot of `pfn`, which is in the swap cache."""
    return m[slot_words(m, m[frame(m, pfn) + F_SLOT] - 1) + S_COUNT]


@kernel
def do_wp_page(m: Mem, mm: int, vma: int, addr: int, p: int) -> int:
    """A write to a present, write-protected PTE: make it writable, or copy the page."""
    w = m[p]
    flags = m[vma + V_FLAGS]
    pfn = pte_pfn(m, w)
    f = frame(m, pfn)
    page = m[f + F_FLAGS]
    if flags & (VM_SHARED | VM_MAYSHARE):
        m[f + F_FLAGS] = page | FF_DIRTY
        m[p] = written(m, w, flags)
        return VMF_MINOR
    if page & FF_ANON and _may_reuse(m, pfn) != 0:
        m[f + F_FLAGS] |= FF_EXCLUSIVE
        m[p] = written(m, w, flags)
        return VMF_MINOR
    new = anon_page(m, mm, vma, addr)
    if new == 0:
        return VMF_OOM
    if page & FF_ZERO:
        m[mm + MM_RSS] += 1
    else:
        bytes_copy(m, new, pfn)
        page_unmap(m, pfn)
    m[p] = written(m, mk_pte(m, new, m[vma + V_PROT]), flags)
    return VMF_MINOR


@kernel
def unshare_page(m: Mem, mm: int, vma: int, addr: int, p: int) -> int:
    """Give the present private PTE a page of its own, still write-protected (do_wp_page, FAULT_FLAG_UNSHARE).

    VMF_MINOR, or VMF_OOM.
    """
    w = m[p]
    pfn = pte_pfn(m, w)
    if _may_reuse(m, pfn) != 0:
        m[frame(m, pfn) + F_FLAGS] |= FF_EXCLUSIVE
        return VMF_MINOR
    new = anon_page(m, mm, vma, addr)
    if new == 0:
        return VMF_OOM
    bytes_copy(m, new, pfn)
    page_unmap(m, pfn)
    m[p] = pte_mkyoung(m, mk_pte(m, new, m[vma + V_PROT]))
    if pte_uffd_wp(m, w) != 0:
        m[p] = pte_mkuffd_wp(m, m[p])
    return VMF_MINOR


@kernel
def do_swap_page(m: Mem, mm: int, vma: int, addr: int, access: int, p: int) -> int:
    """A fault on a swap PTE: MAJOR if the disk is read, MINOR if the page is still in the swap cache.

    A write gets the page at once if nobody else names the slot, else a copy in the same fault.
    """
    slot = pte_swap_offset(m, m[p])
    code = VMF_MINOR if m[slot_words(m, slot) + S_FRAME] != 0 else VMF_MAJOR
    pfn = swap_read(m, slot)
    if pfn == 0:
        return VMF_OOM
    f = frame(m, pfn)
    frame_map(m, pfn)
    m[f + F_FLAGS] = (m[f + F_FLAGS] | FF_ANON) & ~(FF_EXCLUSIVE | FF_LAZYFREE)
    m[f + F_INDEX] = linear_index(m, vma, addr)
    m[f + F_OWNER] = mm
    m[mm + MM_RSS] += 1
    m[p] = pte_mkyoung(m, mk_pte(m, pfn, m[vma + V_PROT]))
    swap_put(m, slot)
    alone = 1 if m[f + F_MAPCOUNT] == 1 and m[slot_words(m, slot) + S_COUNT] == 0 else 0
    if alone != 0:
        m[f + F_FLAGS] |= FF_EXCLUSIVE
        if 2 * m[G_SWAP_USED] > m[H_RULES + R_SWAP_PAGES]:
            swap_cache_drop(m, pfn)
    if access != ACC_WRITE:
        return code
    if alone != 0:
        m[p] = written(m, m[p], m[vma + V_FLAGS])
        return code
    return code if do_wp_page(m, mm, vma, addr, p) != VMF_OOM else VMF_OOM
