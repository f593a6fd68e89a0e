"""The ioctls of userfaultfd that fill pages: COPY, ZEROPAGE, CONTINUE, POISON (mm/userfaultfd.c)."""

from __future__ import annotations

from ...abi.errnos import (
    EEXIST,
    EFAULT,
    EINVAL,
    ENOENT,
    ENOMEM,
    ESRCH,
)
from ...abi.kinds import (
    K_UFFD_CONTINUE,
    K_UFFD_COPY,
    K_UFFD_POISON,
)
from ...abi.outcomes import OUT_OK
from ...abi.signals import ACC_READ
from ...abi.vmflags import (
    VM_HUGETLB,
    VM_MAYSHARE,
    VM_SHARED,
    VM_UFFD_WP,
    VM_WRITE,
)
from ...machine.archwords import A_HUGE_SHIFT, A_INDEX_BITS, A_PAGE_SHIFT, A_TASK_SIZE
from ...machine.callrules import R_UFFD_PREPARES
from ...machine.limitrules import R_MMAP_MIN_ADDR
from ..addr import page_offset
from ..areas.anonvma import anon_vma_prepare
from ..areas.vma import vma_is_anonymous
from ..areas.vmaset import find_exact
from ..faults.fault import handle_access
from ..faults.hugetlbfault import huge_install, vma_hugepage_alloc
from ..faults.userbytes import user_load
from ..faults.vmfault import linear_index
from ..files.hugepool import hugefile_shift, hugepage_put
from ..files.pagecache import cache_alloc, cache_find, cache_has, file_pages, hugefile_find, hugefile_insert
from ..files.special import kind_of
from ..jit import kernel
from ..pages.frames import (
    UNTOLD_BYTE,
    bytes_copy,
    bytes_fill,
    bytes_window,
    frame,
    frame_anon,
    frame_map,
    zero_frame,
)
from ..pages.pgwalk import (
    HUGE_ENTRY,
    pmd_ensure,
    pmd_lookup,
    pmd_word,
    pte_ensure,
    pte_lookup,
)
from ..pages.pte import (
    MARKER_POISON,
    mk_pte,
    mk_pte_marker,
    pte_marker,
    pte_mkdirty,
    pte_mkuffd_wp,
    pte_mkwrite,
    pte_mkyoung,
    pte_pfn,
    pte_present,
)
from ..ranges.hugetlb import huge_index
from ..state import (
    F_FLAGS,
    F_REFS,
    FF_DIRTY,
    FF_UPTODATE,
    H_ARCH,
    H_RULES,
    I_SIZE,
    MM_RSS,
    MM_STACK_PTR,
    MM_START_BRK,
    OPS_SHMEM,
    T_MM,
    V_END,
    V_FLAGS,
    V_INODE,
    V_OPS,
    V_PROT,
    V_UFFD,
    Mem,
)

_DONTWAKE, _COPY_WP = 1, 2

UNTOLD = -(1 << 20)  # _source: no -errno, the page may exist but nobody told its bytes


@kernel
def bad_range(m: Mem, start: int, length: int) -> int:
    """1 if the range is not whole pages of user space (validate_range)."""
    top = m[H_ARCH + A_TASK_SIZE]
    if page_offset(m, start) != 0 or page_offset(m, length) != 0 or length <= 0:
        return 1
    return 1 if start < 0 or start >= top or length > top - start else 0


# ---- filling ---------------------------------------------------------------------------------


@kernel
def _target(m: Mem, mm: int, start: int, end: int) -> int:
    """The registered area that holds [start, end), or -errno; a private one gets its anon_vma first.

    uffd_lock_vma, validate_dst_vma: a call that fails with ENOENT leaves the anon_vma behind.
    """
    vma = find_exact(m, mm, start)
    if vma == 0:
        return -ENOENT
    prepare = 1 if m[vma + V_FLAGS] & VM_SHARED == 0 else 0
    if prepare != 0 and m[H_RULES + R_UFFD_PREPARES] != 0 and anon_vma_prepare(m, mm, vma) < 0:
        return -ENOMEM
    if end > m[vma + V_END] or m[vma + V_UFFD] == 0:
        return -ENOENT
    if prepare != 0 and anon_vma_prepare(m, mm, vma) < 0:
        return -ENOMEM
    return vma


@kernel
def _install(m: Mem, mm: int, vma: int, p: int, pfn: int, writable: int, wp: int) -> int:
    """Map frame `pfn` at the PTE `p`: dirty, writable if it may be (mfill_atomic_install_pte)."""
    w = pte_mkyoung(m, pte_mkdirty(m, mk_pte(m, pfn, m[vma + V_PROT])))
    if writable != 0 and m[vma + V_FLAGS] & VM_WRITE:
        w = pte_mkwrite(m, w)
    m[p] = pte_mkuffd_wp(m, w) if wp != 0 else w
    m[mm + MM_RSS] += 1
    return 0


@kernel
def _source(m: Mem, task: int, src: int) -> int:
    """Read the page's worth of bytes at `src` as the kernel does (copy_from_user): 0, UNTOLD or -EFAULT.

    Pages are faulted in; a registered one that is missing there is an error where its descriptor asks for SIGBUS.
    """
    mm = m[task + T_MM]
    last = src + (1 << m[H_ARCH + A_PAGE_SHIFT]) - 1
    low = 1 if src < m[H_RULES + R_MMAP_MIN_ADDR] else 0
    if low == 0 and find_exact(m, mm, src) == 0 and m[mm + MM_STACK_PTR] | m[mm + MM_START_BRK] == 0:
        return UNTOLD  # a scenario need not list the program that holds the buffer
    if handle_access(m, task, src, ACC_READ, 1, 0) != OUT_OK:
        return -EFAULT
    if page_offset(m, src) != 0 and handle_access(m, task, last, ACC_READ, 1, 0) != OUT_OK:
        return -EFAULT
    return 0


@kernel
def _contents(m: Mem, task: int, pfn: int, source: int, src: int) -> int:
    """Give the fresh zeroed frame `pfn` the bytes at `src`, which `_source` has looked at."""
    mm = m[task + T_MM]
    size = 1 << m[H_ARCH + A_PAGE_SHIFT]
    if source == UNTOLD:
        return bytes_fill(m, pfn, 0, size, UNTOLD_BYTE)
    p = pte_lookup(m, mm, src) if page_offset(m, src) == 0 else 0
    if p != 0:
        return bytes_copy(m, pfn, pte_pfn(m, m[p]))
    for i in range(size):  # of a huge page, or of two pages
        value = user_load(m, mm, src + i)
        if value != 0:
            bytes_fill(m, pfn, i, i + 1, value)
    return 0


@kernel
def _beyond_end(m: Mem, vma: int, addr: int) -> int:
    """1 if the page lies behind the end of the area's object (mfill_file_over_size); private ones have one, too."""
    inode = m[vma + V_INODE]
    return 1 if inode != 0 and linear_index(m, vma, addr) >= file_pages(m, inode) else 0


@kernel
def _private_page(
    m: Mem, task: int, mm: int, vma: int, addr: int, p: int, src: int, zero: int, wp: int
) -> int:
    """Fill one page of private memory: 0 or -errno."""
    if zero != 0:
        if _beyond_end(m, vma, addr) != 0:
            return -EFAULT
        if m[p] != 0:
            return -EEXIST
        m[p] = pte_mkyoung(m, mk_pte(m, zero_frame(m), m[vma + V_PROT]))
        return 0
    source = _source(m, task, src)
    if source < 0 and source != UNTOLD:
        return source
    if _beyond_end(m, vma, addr) != 0:
        return -EFAULT
    if m[p] != 0 and (pte_present(m, m[p]) != 0 or pte_marker(m, m[p]) == 0):
        return -EEXIST
    pfn = frame_anon(m, mm, linear_index(m, vma, addr))
    if pfn == 0:
        return -ENOMEM
    _contents(m, task, pfn, source, src)
    return _install(m, mm, vma, p, pfn, 1, wp)


@kernel
def _shared_page(
    m: Mem, task: int, mm: int, vma: int, addr: int, p: int, src: int, zero: int, wp: int
) -> int:
    """Fill one page of an object in shmem that it does not have yet, and map it: 0 or -errno."""
    inode = m[vma + V_INODE]
    index = linear_index(m, vma, addr)
    source = 0 if zero != 0 else _source(m, task, src)
    if source < 0 and source != UNTOLD:
        return source
    if index >= file_pages(m, inode):
        return -EFAULT
    if cache_has(m, inode, index) != 0 or (m[p] != 0 and pte_present(m, m[p]) != 0):
        return -EEXIST
    pfn = cache_alloc(m, inode, index)
    if pfn == 0:
        return -ENOMEM
    if zero == 0:
        _contents(m, task, pfn, source, src)
    m[frame(m, pfn) + F_FLAGS] |= FF_DIRTY
    frame_map(m, pfn)
    return _install(m, mm, vma, p, pfn, 1, wp)


@kernel
def _continue_page(m: Mem, mm: int, vma: int, addr: int, p: int, wp: int) -> int:
    """Map the page that the object has: 0 or -errno (mfill_atomic_pte_continue, shmem_get_folio_gfp)."""
    if _beyond_end(m, vma, addr) != 0:
        return -EINVAL
    pfn = cache_find(m, m[vma + V_INODE], linear_index(m, vma, addr))
    if pfn == 0:
        return -EFAULT
    if m[p] != 0 and (pte_present(m, m[p]) != 0 or pte_marker(m, m[p]) == 0):
        return -EEXIST
    m[frame(m, pfn) + F_FLAGS] |= FF_UPTODATE
    frame_map(m, pfn)
    return _install(m, mm, vma, p, pfn, 1 if m[vma + V_FLAGS] & VM_SHARED else 0, wp)


@kernel
def _into_huge(m: Mem, task: int, head: int, at: int, src: int) -> int:
    """Give the page at offset `at` of the zeroed huge page `head` the bytes at `src`: 0 or -EFAULT."""
    source = _source(m, task, src)
    if source < 0 and source != UNTOLD:
        return source
    mm = m[task + T_MM]
    size = 1 << m[H_ARCH + A_PAGE_SHIFT]
    p = pte_lookup(m, mm, src)
    slot = pmd_lookup(m, mm, src)
    if source == UNTOLD or page_offset(m, src) != 0:
        return bytes_fill(m, head, at, at + size, UNTOLD_BYTE)
    if p != 0:
        return bytes_window(m, head, at, pte_pfn(m, m[p]), 0, size)
    if slot != 0 and m[slot] == HUGE_ENTRY:
        within = src & ((1 << m[H_ARCH + A_HUGE_SHIFT]) - 1)
        return bytes_window(m, head, at, pte_pfn(m, m[pmd_word(m, slot)]), within, within + size)
    return 0


@kernel
def _huge_contents(m: Mem, task: int, head: int, src: int) -> int:
    """Copy the pages at `src` into the huge page `head`: 0 or -EFAULT."""
    shift = m[H_ARCH + A_PAGE_SHIFT]
    for i in range(1 << m[H_ARCH + A_INDEX_BITS]):
        error = _into_huge(m, task, head, i << shift, src + (i << shift))
        if error != 0:
            return error
    return 0


@kernel
def _huge_page(m: Mem, task: int, mm: int, vma: int, kind: int, addr: int, src: int, wp: int) -> int:
    """One page of COPY, CONTINUE or POISON in a hugetlb area: 0 or -errno (hugetlb_mfill_atomic_pte)."""
    inode = m[vma + V_INODE]
    flags = m[vma + V_FLAGS]
    index = huge_index(m, vma, addr)
    slot = pmd_ensure(m, mm, addr)
    if slot == 0:
        return -ENOMEM
    word = pmd_word(m, slot)
    there = 1 if m[slot] == HUGE_ENTRY else 0
    if kind == K_UFFD_POISON:
        if there != 0:
            return -EEXIST
        m[slot] = HUGE_ENTRY
        m[word] = mk_pte_marker(m, MARKER_POISON)
        return 0
    present = 1 if there != 0 and pte_present(m, m[word]) != 0 else 0
    head = hugefile_find(m, inode, index)
    if kind == K_UFFD_CONTINUE:
        if head == 0:
            return -EFAULT
        if present != 0:
            return -EEXIST
        writable = 1 if flags & VM_SHARED else 0
        return huge_install(m, mm, vma, slot, head, 0, writable, wp)
    if present != 0 or (flags & VM_MAYSHARE and head != 0):
        return -EEXIST
    if flags & VM_MAYSHARE and index >= m[inode + I_SIZE] >> m[H_ARCH + A_HUGE_SHIFT]:
        return -EFAULT
    head = vma_hugepage_alloc(m, vma, index, 0)
    if head == 0:
        return -ENOMEM
    error = _huge_contents(m, task, head, src)
    if error == 0 and flags & VM_MAYSHARE and hugefile_insert(m, inode, index, head) == 0:
        error = -ENOMEM
    if error != 0:
        m[frame(m, head) + F_REFS] += 1
        hugepage_put(m, head)
        return error
    return huge_install(m, mm, vma, slot, head, 0 if flags & VM_MAYSHARE else 1, 1, wp)


@kernel
def _fill_huge(
    m: Mem, task: int, mm: int, vma: int, kind: int, dst: int, src: int, length: int, wp: int
) -> int:
    """COPY, CONTINUE and POISON in a hugetlb area (mfill_atomic_hugetlb): 0 or -errno; no ZEROPAGE there."""
    size = 1 << hugefile_shift(m, m[vma + V_INODE])
    if kind not in (K_UFFD_COPY, K_UFFD_CONTINUE, K_UFFD_POISON) or (dst | length) & (size - 1):
        return -EINVAL
    if size != 1 << m[H_ARCH + A_HUGE_SHIFT]:
        return -ENOMEM  # pages of 1 GiB: their pool is empty
    done = 0
    while done < length:
        error = _huge_page(m, task, mm, vma, kind, dst + done, src + done, wp)
        if error != 0:
            return error if done == 0 else -11  # EAGAIN: the caller sees how far it came
        done += size
    return 0


@kernel
def uffd_fill(m: Mem, task: int, mm: int, kind: int, dst: int, src: int, length: int, mode: int) -> int:
    """COPY, ZEROPAGE, CONTINUE and POISON page by page (mfill_atomic): 0 or -errno.

    `mm` is filled, 0 if it has gone; COPY reads what `task` has at `src`.
    """
    known = _DONTWAKE | (_COPY_WP if kind in (K_UFFD_COPY, K_UFFD_CONTINUE) else 0)
    if bad_range(m, dst, length) != 0 or mode & ~known:
        return -EINVAL
    if kind == K_UFFD_COPY and bad_range(m, src - page_offset(m, src), length) != 0:
        return -EINVAL
    if mm == 0:
        return -ESRCH
    vma = _target(m, mm, dst, dst + length)
    if vma < 0:
        return vma
    wp = mode & _COPY_WP
    flags = m[vma + V_FLAGS]
    if wp != 0 and flags & VM_UFFD_WP == 0:
        return -EINVAL
    shmem = (
        1 if m[vma + V_OPS] == OPS_SHMEM and kind_of(m, vma) == 0 else 0
    )  # a segment is none (vma_is_shmem)
    if flags & VM_HUGETLB:
        return _fill_huge(m, task, mm, vma, kind, dst, src, length, wp)
    if (shmem == 0 and vma_is_anonymous(m, vma) == 0) or (kind == K_UFFD_CONTINUE and shmem == 0):
        return -EINVAL
    page = 1 << m[H_ARCH + A_PAGE_SHIFT]
    done = 0
    while done < length:
        addr = dst + done
        p = pte_ensure(m, mm, addr)
        error = -EEXIST if p == 0 else 0  # a huge page is mapped there
        if p != 0:
            if kind == K_UFFD_POISON:
                error = -EEXIST if m[p] != 0 else 0
                if _beyond_end(m, vma, addr) != 0:
                    error = -EFAULT
                if error == 0:
                    m[p] = mk_pte_marker(m, MARKER_POISON)
            elif kind == K_UFFD_CONTINUE:
                error = _continue_page(m, mm, vma, addr, p, wp)
            elif flags & VM_SHARED:
                error = _shared_page(m, task, mm, vma, addr, p, src + done, 1 - (kind == K_UFFD_COPY), wp)
            else:
                error = _private_page(m, task, mm, vma, addr, p, src + done, 1 - (kind == K_UFFD_COPY), wp)
        if error != 0:
            return error if done == 0 else -11  # EAGAIN: the caller sees how far it came
        done += page
    return 0
