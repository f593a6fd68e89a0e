"""The tree of the pages of an inode: 64-way nodes, as high as the highest index needs; entries: see `pagecache`."""

from __future__ import annotations

from ..jit import kernel
from ..state import I_CACHEROOT, I_HEIGHT, Mem, kalloc, kfree

_BITS = 6
_FAN = 1 << _BITS


@kernel
def cache_entry(m: Mem, inode: int, index: int) -> int:
    """The arena index of the tree's entry for page `index`, 0 if there is none."""
    height = m[inode + I_HEIGHT]
    if height == 0 or (index >> (_BITS * height)) != 0:
        return 0
    node = m[inode + I_CACHEROOT]
    shift = _BITS * (height - 1)
    while shift > 0:
        node = m[node + ((index >> shift) & (_FAN - 1))]
        if node == 0:
            return 0
        shift -= _BITS
    return node + (index & (_FAN - 1))


@kernel
def cache_entry_make(m: Mem, inode: int, index: int) -> int:
    """As `cache_entry`, making what is missing; 0 only when the arena is full."""
    height = m[inode + I_HEIGHT]
    while height == 0 or (index >> (_BITS * height)) != 0:
        root = kalloc(m, _FAN)
        if root == 0:
            return 0
        m[root] = m[inode + I_CACHEROOT]
        m[inode + I_CACHEROOT] = root
        height += 1
        m[inode + I_HEIGHT] = height
    node = m[inode + I_CACHEROOT]
    shift = _BITS * (height - 1)
    while shift > 0:
        slot = node + ((index >> shift) & (_FAN - 1))
        node = m[slot]
        if node == 0:
            node = kalloc(m, _FAN)
            if node == 0:
                return 0
            m[slot] = node
        shift -= _BITS
    return node + (index & (_FAN - 1))


@kernel
def cache_free_tree(m: Mem, inode: int) -> int:
    """Give back every node of a tree whose pages are gone."""
    while m[inode + I_CACHEROOT] != 0:
        slot = inode + I_CACHEROOT
        level = m[inode + I_HEIGHT]
        i = 0
        while level > 1 and i < _FAN:
            if m[m[slot] + i] != 0:
                slot = m[slot] + i
                level -= 1
                i = 0
            else:
                i += 1
        kfree(m, m[slot], _FAN)
        m[slot] = 0
    m[inode + I_HEIGHT] = 0
    return 0


@kernel
def cache_next(m: Mem, inode: int, index: int) -> int:
    """The first index >= `index` whose tree entry is not 0, or -1."""
    while index >= 0:
        height = m[inode + I_HEIGHT]
        if height == 0 or (index >> (_BITS * height)) != 0:
            return -1
        node = m[inode + I_CACHEROOT]
        shift = _BITS * (height - 1)
        while shift > 0 and m[node + ((index >> shift) & (_FAN - 1))] != 0:
            node = m[node + ((index >> shift) & (_FAN - 1))]
            shift -= _BITS
        if shift == 0 and m[node + (index & (_FAN - 1))] != 0:
            return index
        index = ((index >> shift) + 1) << shift
    return -1
