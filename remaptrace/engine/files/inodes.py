"""Inodes: made, shared by reference, freed with their pages."""

from __future__ import annotations

from ..jit import kernel
from ..state import (
    G_COMMITTED,
    G_INODE_LIST,
    G_NEXT_ID,
    G_UFFD_CLOSED,
    I_CACHED,
    I_CHARGED,
    I_FILLED,
    I_ID,
    I_NEXT,
    I_REFS,
    I_RESV,
    I_SIZE,
    I_TYPE,
    I_WORDS,
    OPS_HUGETLB,
    TYPE_UFFD,
    Mem,
    kalloc,
    kfree,
)
from .cachetree import cache_free_tree
from .hugepool import pool_unreserve, region_del
from .pagecache import cache_drop, hugefile_drop


@kernel
def inode_new(m: Mem, kind: int, size: int) -> int:
    """A new object of type `kind` (OPS_* or TYPE_UNMAPPABLE), `size` bytes long; the caller owns a reference."""
    inode = kalloc(m, I_WORDS)
    if inode == 0:
        return 0
    m[G_NEXT_ID] += 1
    m[inode + I_ID] = m[G_NEXT_ID]
    m[inode + I_TYPE] = kind
    m[inode + I_SIZE] = size
    m[inode + I_REFS] = 1
    m[inode + I_NEXT] = m[G_INODE_LIST]
    m[G_INODE_LIST] = inode
    return inode


@kernel
def inode_get(m: Mem, inode: int) -> int:
    """Take a reference to `inode` (0 is allowed); `inode`."""
    if inode != 0:
        m[inode + I_REFS] += 1
    return inode


@kernel
def inode_put(m: Mem, inode: int) -> int:
    """Drop a reference to `inode` (0 is allowed); the last one frees it with all its pages."""
    if inode == 0:
        return 0
    m[inode + I_REFS] -= 1
    if m[inode + I_REFS] > 0:
        return 0
    if m[inode + I_TYPE] == TYPE_UFFD:  # first it is taken off its areas, see uffd.uffd.uffd_release
        m[G_UFFD_CLOSED] = 1
        return 0
    m[G_COMMITTED] -= m[inode + I_CHARGED]
    m[inode + I_FILLED] = 0
    m[inode + I_CACHED] = 0
    if m[inode + I_TYPE] == OPS_HUGETLB:
        freed = hugefile_drop(m, inode, 0, -1, 1)
        pool_unreserve(m, region_del(m, inode + I_RESV, 0, 1 << 62) - freed)
    else:
        cache_drop(m, inode, 0, -1)
    cache_free_tree(m, inode)
    p = G_INODE_LIST
    while m[p] != inode:
        p = m[p] + I_NEXT
    m[p] = m[inode + I_NEXT]
    kfree(m, inode, I_WORDS)
    return 0
