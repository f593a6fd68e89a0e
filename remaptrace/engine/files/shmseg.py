"""SysV shared memory segments: the table of them and their end (ipc/shm.c)."""

from __future__ import annotations

from ..jit import kernel
from ..state import G_SHM_LIST, I_SHMID, I_VMAS, Mem, kalloc, kfree
from .inodes import inode_put

SHM_ID = 0
SHM_KEY = 1  # 0: private, or marked for removal
SHM_INODE = 2  # owns a reference
SHM_SIZE = 3  # bytes, as asked
SHM_DEST = 4  # 1: goes with the last detach
SHM_NEXT = 5
SHM_HELD = 6  # 1: shmat is at work, which counts as an attach (do_shmat)
SHM_WORDS = 8


@kernel
def shm_new(m: Mem, ident: int, key: int, inode: int, size: int) -> int:
    """A segment that takes over the caller's reference to `inode`; 0: arena full."""
    seg = kalloc(m, SHM_WORDS)
    if seg == 0:
        return 0
    m[seg + SHM_ID] = ident
    m[seg + SHM_KEY] = key
    m[seg + SHM_INODE] = inode
    m[seg + SHM_SIZE] = size
    m[seg + SHM_NEXT] = m[G_SHM_LIST]
    m[G_SHM_LIST] = seg
    m[inode + I_SHMID] = seg
    return seg


@kernel
def shm_by_id(m: Mem, ident: int) -> int:
    """The segment with this identifier, 0 if there is none."""
    seg = m[G_SHM_LIST]
    while seg != 0 and m[seg + SHM_ID] != ident:
        seg = m[seg + SHM_NEXT]
    return seg


@kernel
def shm_by_key(m: Mem, key: int) -> int:
    """The segment under a key other than IPC_PRIVATE, 0 if there is none."""
    seg = m[G_SHM_LIST]
    while seg != 0 and m[seg + SHM_KEY] != key:
        seg = m[seg + SHM_NEXT]
    return seg


@kernel
def shm_destroy(m: Mem, seg: int) -> int:
    """Remove a segment that nobody has attached."""
    at = G_SHM_LIST
    while m[at] != seg:
        at = m[at] + SHM_NEXT
    m[at] = m[seg + SHM_NEXT]
    inode = m[seg + SHM_INODE]
    m[inode + I_SHMID] = 0
    inode_put(m, inode)
    kfree(m, seg, SHM_WORDS)
    return 0


@kernel
def shm_close(m: Mem, inode: int) -> int:
    """An area of the segment behind `inode` has gone (shm_close): the last one may end the segment."""
    seg = m[inode + I_SHMID]
    if seg != 0 and m[seg + SHM_DEST] != 0 and m[seg + SHM_HELD] == 0 and m[inode + I_VMAS] == 0:
        shm_destroy(m, seg)
    return 0
