"""VMA objects (struct vm_area_struct): making, copying, dropping, their flags and page protection.

A VMA owns one reference to its open file description (V_FILE) and stands in the list of the VMAs
of its inode (I_VMAS through V_INEXT, the i_mmap tree of the kernel). Whether it is linked in an
address space is the business of `vmaset`.
"""

from __future__ import annotations

from ...abi.special import FILE_PERF
from ...abi.vmflags import PKEY_SHIFT, VM_ACCESS, VM_PKEY, VM_SHARED, VM_UFFD_WP, VM_WRITE
from ...machine.rules import R_WRITE_NOTIFY
from ..files.files import file_get, file_put
from ..files.hugepool import resv_close, resv_get
from ..files.shmseg import shm_close
from ..files.special import kind_of
from ..jit import apart, kernel
from ..state import (
    G_EVENT,
    G_NEXT_AV,
    H_RULES,
    I_VMAS,
    OPS_ANON,
    OPS_DEVICE,
    OPS_FILE,
    OPS_HUGETLB,
    OPS_SHM,
    OPS_ZERO,
    V_AV,
    V_AVMULTI,
    V_BORN,
    V_END,
    V_FILE,
    V_FLAGS,
    V_INEXT,
    V_INODE,
    V_IPREV,
    V_MM,
    V_NEXT,
    V_OPS,
    V_PGOFF,
    V_PROT,
    V_RESV,
    V_START,
    V_WORDS,
    Mem,
    kalloc,
    kfree,
)
from .changelog import note_vma


@kernel
def _link_inode(m: Mem, vma: int) -> int:
    """Put `vma` at the head of its inode's list of VMAs."""
    inode = m[vma + V_INODE]
    if inode == 0:
        return 0
    head = m[inode + I_VMAS]
    m[vma + V_INEXT] = head
    m[vma + V_IPREV] = 0
    if head != 0:
        m[head + V_IPREV] = vma
    m[inode + I_VMAS] = vma
    return 0


@kernel
def _unlink_inode(m: Mem, vma: int) -> int:
    """Take `vma` out of its inode's list of VMAs."""
    inode = m[vma + V_INODE]
    if inode == 0:
        return 0
    after = m[vma + V_INEXT]
    before = m[vma + V_IPREV]
    if before != 0:
        m[before + V_INEXT] = after
    else:
        m[inode + I_VMAS] = after
    if after != 0:
        m[after + V_IPREV] = before
    return 0


@kernel
def vma_wants_writenotify(m: Mem, vma: int, flags: int) -> int:
    """1 if a page of a shared writable mapping is mapped read-only: its object wants to know, or userfaultfd."""
    if flags & (VM_SHARED | VM_WRITE) != (VM_SHARED | VM_WRITE):
        return 0
    return 1 if flags & VM_UFFD_WP else object_wants_writenotify(m, vma, flags)


@kernel
def object_wants_writenotify(m: Mem, vma: int, flags: int) -> int:
    """1 if the object wants to know of the first write to a page (dirty accounting, vm_ops_needs_writenotify).

    A perf ring (page_mkwrite, of page frames pfn_mkwrite); since 2.6.19 files of disk file systems, not shmem and SysV
    (linux-6.x 5.2, linux-2.6.21 5.6).
    """
    if flags & (VM_SHARED | VM_WRITE) != (VM_SHARED | VM_WRITE):
        return 0
    if m[vma + V_OPS] == OPS_DEVICE and kind_of(m, vma) == FILE_PERF:
        return 1
    if m[vma + V_OPS] != OPS_FILE:
        return 0
    return m[H_RULES + R_WRITE_NOTIFY]


@kernel
def vma_set_page_prot(m: Mem, vma: int) -> int:
    """Store V_PROT: the index of the protection map, without "shared" where writes are notified, and the key."""
    flags = m[vma + V_FLAGS]
    prot = flags & VM_ACCESS
    if flags & VM_SHARED and vma_wants_writenotify(m, vma, flags) == 0:
        prot |= 8
    m[vma + V_PROT] = prot | ((flags & VM_PKEY) >> PKEY_SHIFT) << 4
    return 0


@kernel
def vma_set_flags(m: Mem, vma: int, flags: int) -> int:
    """Store V_FLAGS and the page protection that follows from them (vm_flags_reset)."""
    m[vma + V_FLAGS] = flags
    note_vma(m, vma)
    vma_set_page_prot(m, vma)
    return 0


@kernel
def vma_is_anonymous(m: Mem, vma: int) -> int:
    """1 if `vma` is private anonymous memory, private /dev/zero included (no vm_ops)."""
    return 1 if m[vma + V_OPS] in (OPS_ANON, OPS_ZERO) else 0


@kernel
def vma_alloc(
    m: Mem, mm: int, start: int, end: int, flags: int, pgoff: int, file: int, inode: int, ops: int
) -> int:
    """A new VMA, not linked in `mm`; takes a reference to `file`. 0 if the arena is full."""
    vma = kalloc(m, V_WORDS)
    if vma == 0:
        return 0
    m[vma + V_START] = start
    m[vma + V_END] = end
    m[vma + V_PGOFF] = pgoff
    m[vma + V_FILE] = file_get(m, file)
    m[vma + V_INODE] = inode
    m[vma + V_OPS] = ops
    m[vma + V_MM] = mm
    m[vma + V_BORN] = m[G_EVENT]
    vma_set_flags(m, vma, flags)
    _link_inode(m, vma)
    return vma


@kernel
def vma_dup(m: Mem, vma: int) -> int:
    """An unlinked copy of `vma` with its own references (vm_area_dup); 0 if the arena is full."""
    copy = kalloc(m, V_WORDS)
    if copy == 0:
        return 0
    for i in range(V_NEXT):  # what links it stays zero
        m[copy + i] = m[vma + i]
    for i in range(V_AV, V_WORDS):
        m[copy + i] = m[vma + i]
    if m[copy + V_FILE] != 0 or m[copy + V_INODE] != 0:
        _hold_object(m, copy)
    return copy


@apart
def _hold_object(m: Mem, vma: int) -> int:
    """The references of a copied VMA to what backs it."""
    if m[vma + V_OPS] == OPS_HUGETLB:
        resv_get(m, m[vma + V_RESV])
    file_get(m, m[vma + V_FILE])
    return _link_inode(m, vma)


@kernel
def vma_free(m: Mem, vma: int) -> int:
    """Drop the references of an unlinked VMA and give it back (remove_vma)."""
    if m[vma + V_FILE] != 0 or m[vma + V_INODE] != 0:
        _drop_object(m, vma)
    kfree(m, vma, V_WORDS)
    return 0


@apart
def _drop_object(m: Mem, vma: int) -> int:
    """Drop the references of a VMA to what backs it."""
    _unlink_inode(m, vma)
    if m[vma + V_OPS] == OPS_HUGETLB:
        resv_close(m, vma)
    if m[vma + V_OPS] in (OPS_SHM, OPS_HUGETLB):  # SHM_HUGETLB too: no other object has a segment
        shm_close(m, m[vma + V_INODE])
    return file_put(m, m[vma + V_FILE])


@kernel
def anon_vma_new(m: Mem, vma: int) -> int:
    """Give `vma` a fresh anon_vma with a single-entry chain."""
    m[G_NEXT_AV] += 1
    m[vma + V_AV] = m[G_NEXT_AV]
    m[vma + V_AVMULTI] = 0
    note_vma(m, vma)
    return 0
