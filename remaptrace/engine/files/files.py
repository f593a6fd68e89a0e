"""Descriptor tables and open file descriptions (fs/file.c, fs/file_table.c).

A descriptor names an open file description (struct file, O_*), which names an inode (I_*). Two `open`
calls make two descriptions of one inode; `dup` and `fork` share one. Which description an area came
from decides whether areas merge, so the identity matters and not only the inode.
"""

from __future__ import annotations

from ..jit import kernel
from ..state import (
    FD_CAP,
    FD_CLOEXEC,
    FD_TABLE,
    FD_USERS,
    FD_WORDS,
    G_NEXT_ID,
    I_REFS,
    O_ID,
    O_INODE,
    O_MODE,
    O_REFS,
    O_WORDS,
    T_FILES,
    Mem,
    kalloc,
    kfree,
)
from .inodes import inode_put

FMODE_READ = 1
FMODE_WRITE = 2
_FIRST_CAP = 64
_MAX_FD = 1 << 20  # fs.nr_open: no descriptor beyond


@kernel
def file_new(m: Mem, inode: int, mode: int) -> int:
    """A new open file description of `inode`, owned by the caller (one reference); 0: arena full.

    `mode` has FMODE_READ and FMODE_WRITE. The description takes its own reference to the inode.
    """
    o = kalloc(m, O_WORDS)
    if o == 0:
        return 0
    m[G_NEXT_ID] += 1
    m[o + O_ID] = m[G_NEXT_ID]
    m[o + O_INODE] = inode
    m[o + O_MODE] = mode
    m[o + O_REFS] = 1
    m[inode + I_REFS] += 1
    return o


@kernel
def file_get(m: Mem, o: int) -> int:
    """Take a reference to description `o` (0 is allowed); `o`."""
    if o != 0:
        m[o + O_REFS] += 1
    return o


@kernel
def file_put(m: Mem, o: int) -> int:
    """Drop a reference to description `o` (0 is allowed); the last one drops the inode's."""
    if o == 0:
        return 0
    m[o + O_REFS] -= 1
    if m[o + O_REFS] == 0:
        inode_put(m, m[o + O_INODE])
        kfree(m, o, O_WORDS)
    return 0


@kernel
def files_new(m: Mem) -> int:
    """An empty descriptor table with one user."""
    files = kalloc(m, FD_WORDS)
    m[files + FD_USERS] = 1
    m[files + FD_CAP] = _FIRST_CAP
    m[files + FD_TABLE] = kalloc(m, _FIRST_CAP)
    m[files + FD_CLOEXEC] = kalloc(m, _FIRST_CAP)
    return files


@kernel
def files_copy(m: Mem, old: int) -> int:
    """A copy of table `old` as fork makes it: the same descriptions under the same numbers."""
    files = kalloc(m, FD_WORDS)
    cap = m[old + FD_CAP]
    m[files + FD_USERS] = 1
    m[files + FD_CAP] = cap
    table = kalloc(m, cap)
    cloexec = kalloc(m, cap)
    m[files + FD_TABLE] = table
    m[files + FD_CLOEXEC] = cloexec
    for fd in range(cap):
        m[table + fd] = file_get(m, m[m[old + FD_TABLE] + fd])
        m[cloexec + fd] = m[m[old + FD_CLOEXEC] + fd]
    return files


@kernel
def files_put(m: Mem, files: int) -> int:
    """Drop a user of a table; the last one closes every descriptor."""
    m[files + FD_USERS] -= 1
    if m[files + FD_USERS] > 0:
        return 0
    cap = m[files + FD_CAP]
    for fd in range(cap):
        file_put(m, m[m[files + FD_TABLE] + fd])
    kfree(m, m[files + FD_TABLE], cap)
    kfree(m, m[files + FD_CLOEXEC], cap)
    kfree(m, files, FD_WORDS)
    return 0


@kernel
def _grow(m: Mem, files: int, fd: int) -> int:
    """Make room for descriptor `fd`; 0: it is beyond every limit."""
    old = m[files + FD_CAP]
    if fd >= _MAX_FD:
        return 0
    cap = old
    while cap <= fd:
        cap *= 2
    table = kalloc(m, cap)
    cloexec = kalloc(m, cap)
    if table == 0 or cloexec == 0:
        return 0
    for i in range(old):
        m[table + i] = m[m[files + FD_TABLE] + i]
        m[cloexec + i] = m[m[files + FD_CLOEXEC] + i]
    kfree(m, m[files + FD_TABLE], old)
    kfree(m, m[files + FD_CLOEXEC], old)
    m[files + FD_TABLE] = table
    m[files + FD_CLOEXEC] = cloexec
    m[files + FD_CAP] = cap
    return 1


@kernel
def fd_lookup(m: Mem, files: int, fd: int) -> int:
    """The description behind descriptor `fd`, 0 if it is closed. No reference is taken."""
    if fd < 0 or fd >= m[files + FD_CAP]:
        return 0
    return m[m[files + FD_TABLE] + fd]


@kernel
def fget(m: Mem, task: int, fd: int) -> int:
    """The description behind `fd` of `task`, 0 if it is closed. No reference is taken."""
    return fd_lookup(m, m[task + T_FILES], fd)


@kernel
def fd_close(m: Mem, files: int, fd: int) -> int:
    """Close descriptor `fd`; 0 if it was closed already, else 1."""
    o = fd_lookup(m, files, fd)
    if o == 0:
        return 0
    m[m[files + FD_TABLE] + fd] = 0
    m[m[files + FD_CLOEXEC] + fd] = 0
    file_put(m, o)
    return 1


@kernel
def fd_install(m: Mem, files: int, fd: int, o: int, cloexec: int) -> int:
    """Put description `o` (the caller's reference goes with it) under `fd`, closing what was there.

    Returns `fd`, or -1 with the reference dropped if there can be no such descriptor.
    """
    if fd < 0 or (fd >= m[files + FD_CAP] and _grow(m, files, fd) == 0):
        file_put(m, o)
        return -1
    fd_close(m, files, fd)
    m[m[files + FD_TABLE] + fd] = o
    m[m[files + FD_CLOEXEC] + fd] = cloexec
    return fd


@kernel
def fd_unused(m: Mem, files: int, lowest: int) -> int:
    """The lowest closed descriptor that is at least `lowest`."""
    fd = lowest
    while fd_lookup(m, files, fd) != 0:
        fd += 1
    return fd


@kernel
def fd_close_range(m: Mem, files: int, first: int, last: int, only_cloexec: int) -> int:
    """Close descriptors first..last (as far as there are any), or only those with close-on-exec."""
    end = m[files + FD_CAP]
    if last + 1 < end and last >= 0:
        end = last + 1
    for fd in range(first, end):
        if m[m[files + FD_TABLE] + fd] != 0 and (only_cloexec == 0 or m[m[files + FD_CLOEXEC] + fd] != 0):
            fd_close(m, files, fd)
    return 0
