"""Pages of a file at any place of one VMA: file PTEs and the pages installed over them (2.6, mm/fremap.c).

Two engines (linux-2.6.21 4): *populate* (2.6.20 to 2.6.22) installs pages in the call and at the fault;
*fault* (the -mm line, 2.6.23) writes file PTEs and lets faults resolve them. Here is what both are made
of; the system call is `rfpnative`, the faults are `nlfault`.
"""

from __future__ import annotations

from ...abi.errnos import EINVAL, ENOMEM
from ...abi.rows import RSF_UNMODELLED
from ...abi.vmflags import VM_NONLINEAR
from ...machine.archwords import A_PAGE_SHIFT, A_PROTMAP
from ...machine.rules import R_RFP
from ..addr import uword
from ..files.pagecache import cache_find, cache_has, file_pages
from ..jit import kernel, ult
from ..pages.frames import frame_map
from ..pages.pgwalk import pte_ensure
from ..pages.pte import mk_file_pte_prot, mk_pte, pte_mkyoung, pte_present
from ..ranges.pgtable import ZAP_UNMAP, zap_pte
from ..ranges.reclaim import try_to_free_pages
from ..state import (
    G_RSFLAGS,
    H_ARCH,
    H_RULES,
    MM_RSS,
    OPS_FILE,
    OPS_SHM,
    OPS_SHMEM,
    V_FLAGS,
    V_INODE,
    V_OPS,
    V_PROT,
    Mem,
)
from .fileread import read_page
from .vmfault import VMF_OOM, VMF_SIGBUS

RFP_POPULATE = 1  # R_RFP
RFP_FAULT = 2


@kernel
def can_nonlinear(m: Mem, vma: int) -> int:
    """1 if the area's object takes part: files and tmpfs; SysV segments only in the fault engine."""
    ops = m[vma + V_OPS]
    if ops in (OPS_FILE, OPS_SHMEM):
        return 1
    return 1 if ops == OPS_SHM and m[H_RULES + R_RFP] == RFP_FAULT else 0


@kernel
def _empty_slot(m: Mem, mm: int, addr: int) -> int:
    """The PTE of `addr` with nothing in it; 0: arena full."""
    p = pte_ensure(m, mm, addr)
    if p != 0 and m[p] != 0:
        zap_pte(m, mm, p, ZAP_UNMAP)
        m[p] = 0
    return p


@kernel
def install_page(m: Mem, mm: int, vma: int, addr: int, pfn: int) -> int:
    """Map page-cache frame `pfn` at `addr` with the area's protection, clean; 0, or -ENOMEM."""
    p = _empty_slot(m, mm, addr)
    if p == 0:
        return -ENOMEM
    m[p] = pte_mkyoung(m, mk_pte(m, pfn, m[vma + V_PROT]))
    m[mm + MM_RSS] += 1
    frame_map(m, pfn)
    return 0


@kernel
def install_file_pte(m: Mem, mm: int, addr: int, pgoff: int, pgprot: int) -> int:
    """Drop what is at `addr` and remember file page `pgoff` there; 0, or -ENOMEM."""
    p = _empty_slot(m, mm, addr)
    if p == 0:
        return -ENOMEM
    w = mk_file_pte_prot(m, pgoff, pgprot)
    if pte_present(m, w) != 0:
        # V-SH-1, V-M32R-1, P05-I386-1, P05-IA64-1: the kernel would take it for some frame
        m[G_RSFLAGS] |= RSF_UNMODELLED
        w = 0
    m[p] = w
    return 0


@kernel
def populate_page(m: Mem, mm: int, vma: int, addr: int, pgoff: int) -> int:
    """Read file page `pgoff` and install it at `addr`: 0, -EINVAL past the end, -ENOMEM."""
    inode = m[vma + V_INODE]
    code = read_page(m, inode, pgoff)
    while code == VMF_OOM and try_to_free_pages(m) > 0:
        code = read_page(m, inode, pgoff)
    if code == VMF_SIGBUS:
        return -EINVAL
    pfn = cache_find(m, inode, pgoff) if code != VMF_OOM else 0
    return install_page(m, mm, vma, addr, pfn) if pfn != 0 else -ENOMEM


@kernel
def populate_pages(m: Mem, mm: int, vma: int, start: int, pages: int, pgoff: int, nonblock: int) -> int:
    """filemap_populate and shmem_populate: install `pages` file pages from `pgoff` on; counts no faults."""
    inode = m[vma + V_INODE]
    shift = m[H_ARCH + A_PAGE_SHIFT]
    if ult(file_pages(m, inode), uword(m, pgoff + pages)) != 0 or ult(pgoff, file_pages(m, inode)) == 0:
        return -EINVAL
    for i in range(pages):
        addr = start + (i << shift)
        error = 0
        if nonblock == 0 or cache_has(m, inode, pgoff + i) != 0:
            error = populate_page(m, mm, vma, addr, pgoff + i)
        elif m[vma + V_FLAGS] & VM_NONLINEAR:
            error = install_file_pte(m, mm, addr, pgoff + i, m[H_ARCH + A_PROTMAP + m[vma + V_PROT]])
        if error != 0:
            return error
    return 0
