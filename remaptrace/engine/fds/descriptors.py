"""The calls on descriptors and files that decide what a mapping maps: open, dup, memfd_create, ftruncate, ...

A recorded log gives descriptors the numbers that the real kernel chose; without a recorded result the lowest
closed number is taken, as Linux does. What a file system answers (ENOENT, EACCES) is not modelled: a recorded
failure of `open` is taken over.
"""

from __future__ import annotations

from ...abi.errnos import EACCES, EBADF, EINVAL, ENODEV, ENOSYS, ENXIO
from ...abi.fcntl import (
    CLOSE_RANGE_CLOEXEC,
    CLOSE_RANGE_UNSHARE,
    F_SEAL_EXEC,
    F_SEAL_SEAL,
    MFD_ALLOW_SEALING,
    MFD_CLOEXEC,
    MFD_EXEC,
    MFD_HUGETLB,
    MFD_NOEXEC_SEAL,
    O_CLOEXEC,
    O_CREAT,
    O_EXCL,
)
from ...abi.kinds import FILE_HUGETLB, FILE_REGULAR, FILE_SHMEM, FILE_UNMAPPABLE, FILE_ZERO
from ...abi.mman import HUGE_DEFAULT, HUGE_SIZE_SHIFT
from ...abi.special import FILE_SECRET
from ...machine.callrules import R_HUGETLBFS, R_MEMFD_CREATE
from ...machine.limitrules import R_MEMFD_NOEXEC
from ...machine.rules import R_MEMFD_EXEC, R_SECRETMEM
from ..files.files import (
    FMODE_READ,
    FMODE_WRITE,
    fd_close,
    fd_close_range,
    fd_install,
    fd_lookup,
    fd_unused,
    fget,
    file_get,
    file_new,
    files_copy,
    files_put,
)
from ..files.inodes import inode_get, inode_new, inode_put
from ..files.pagecache import file_pages
from ..files.special import UNKNOWN_SIZE, file_noexec, is_special, no_offsets, ops_of_special
from ..jit import kernel
from ..state import (
    FD_CLOEXEC,
    FD_USERS,
    G_EVENT,
    G_FILES_MADE,
    G_HAS_RET,
    G_NPATHS,
    G_PATHS,
    G_REC_RET,
    H_RULES,
    I_BORN,
    I_CACHED,
    I_ENTRIES,
    I_FILLED,
    I_FILLK,
    I_FOLIO,
    I_KIND,
    I_LINKS,
    I_NAME,
    I_SEALS,
    I_TYPE,
    I_UNSURE,
    O_INODE,
    OPS_DEVICE,
    OPS_FILE,
    OPS_HUGETLB,
    OPS_SHMEM,
    OPS_ZERO,
    T_FILES,
    TYPE_UNMAPPABLE,
    Mem,
)
from .hugefiles import huge_shift, hugefile_new

_MFD_KNOWN = 0x1F  # CLOEXEC, ALLOW_SEALING, HUGETLB, NOEXEC_SEAL, EXEC
_MFD_SIZES = 0x3F << HUGE_SIZE_SHIFT


# FILE_* of trace.events


@kernel
def _type_of(file_type: int) -> int:
    """The mapping operations of a FILE_* type."""
    if file_type == FILE_REGULAR:
        return OPS_FILE
    if file_type == FILE_SHMEM:
        return OPS_SHMEM
    if file_type == FILE_ZERO:
        return OPS_ZERO
    if file_type == FILE_UNMAPPABLE:
        return TYPE_UNMAPPABLE
    if file_type == FILE_HUGETLB:
        return OPS_HUGETLB
    return ops_of_special(file_type) if is_special(file_type) != 0 else OPS_DEVICE


@kernel
def path_inode(m: Mem, path: int, file_type: int, fresh: int) -> int:
    """The inode of a recorded path (a string number), made when first met or when `fresh` is 1.

    One path is one file, until a log shows that it was made anew (O_EXCL). Its size is unknown and its
    pages are taken to be in the page cache. The caller gets a reference; the table of paths keeps another.
    """
    kind = _type_of(file_type)
    special = is_special(file_type)  # each descriptor that is made has an object of its own
    known = 0
    if 0 < path < m[G_NPATHS]:
        known = m[m[G_PATHS] + path]
    if known != 0 and fresh == 0 and special == 0 and m[known + I_TYPE] == kind:
        return inode_get(m, known)
    inode = inode_new(m, kind, UNKNOWN_SIZE)
    if inode == 0:
        return 0
    m[inode + I_NAME] = path
    m[inode + I_BORN] = m[G_EVENT]
    m[inode + I_CACHED] = 1 if kind == OPS_FILE else 0
    m[inode + I_UNSURE] = 1
    m[inode + I_LINKS] = 1
    m[inode + I_KIND] = file_type if special != 0 else 0
    if 0 < path < m[G_NPATHS]:
        m[m[G_PATHS] + path] = inode_get(m, inode)
        inode_put(m, known)
    return inode


@kernel
def _file_of(m: Mem, inode: int, mode: int) -> int:
    """A description that takes over the caller's reference to `inode`."""
    o = file_new(m, inode, mode)
    inode_put(m, inode)
    if o != 0:
        file_noexec(m, o)
    return o


@kernel
def _new_fd(m: Mem, task: int, o: int, cloexec: int, wanted: int) -> int:
    """Install `o` under `wanted`, or where the log says, or under the lowest closed number."""
    fd = wanted
    if fd < 0 and m[G_HAS_RET] != 0:
        fd = m[G_REC_RET]
    if fd < 0:
        fd = fd_unused(m, m[task + T_FILES], 0)
    if fd_install(m, m[task + T_FILES], fd, o, cloexec) < 0:
        return -EBADF
    return fd


@kernel
def sys_open(m: Mem, task: int, path: int, flags: int, file_type: int) -> int:
    """open of a recorded path: a new description; the descriptor, or the recorded error."""
    if m[G_HAS_RET] != 0 and m[G_REC_RET] < 0:
        return m[G_REC_RET]
    mode = flags & 3
    fmode = FMODE_READ | FMODE_WRITE
    if is_special(file_type) != 0:  # open for both, whatever flags the call that made it shows
        mode = 2
    if mode == 0:
        fmode = FMODE_READ
    elif mode == 1:
        fmode = FMODE_WRITE
    fresh = 1 if (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) else 0
    o = _file_of(m, path_inode(m, path, file_type, fresh), fmode)
    return _new_fd(m, task, o, 1 if flags & O_CLOEXEC else 0, -1)


@kernel
def known_fd(m: Mem, task: int, fd: int, path: int, file_type: int, mode: int) -> int:
    """The log names the file behind `fd`: believe it if the descriptor is closed or of another file."""
    o = fget(m, task, fd)
    if o != 0 and m[m[o + O_INODE] + I_NAME] == path and path != 0:
        return 0
    fmode = mode if mode != 0 else FMODE_READ | FMODE_WRITE
    fd_install(m, m[task + T_FILES], fd, _file_of(m, path_inode(m, path, file_type, 0), fmode), 0)
    return 0


@kernel
def sys_close(m: Mem, task: int, fd: int) -> int:
    """close; EBADF. A recorded success on a descriptor that the log never opened is a success."""
    if fd_close(m, m[task + T_FILES], fd) == 0:
        return m[G_REC_RET] if m[G_HAS_RET] != 0 else -EBADF
    return 0


@kernel
def sys_dup(m: Mem, task: int, fd: int, new_fd: int, cloexec: int) -> int:
    """dup, dup2, dup3, F_DUPFD: another descriptor of the same description; EBADF."""
    if m[G_HAS_RET] != 0 and m[G_REC_RET] < 0:
        return m[G_REC_RET]
    o = fget(m, task, fd)
    if o == 0:
        if m[G_HAS_RET] == 0:
            return -EBADF
        o = _file_of(m, inode_new(m, TYPE_UNMAPPABLE, 0), FMODE_READ | FMODE_WRITE)
        if fd_install(m, m[task + T_FILES], fd, o, 0) < 0:
            return -EBADF  # no process can have that descriptor
    if fd == new_fd:
        return fd
    return _new_fd(m, task, file_get(m, o), cloexec, new_fd)


@kernel
def sys_setfd(m: Mem, task: int, fd: int, cloexec: int) -> int:
    """fcntl(F_SETFD): mark a descriptor to be closed by execve, or not; EBADF, see `sys_close`."""
    if fget(m, task, fd) == 0:
        return m[G_REC_RET] if m[G_HAS_RET] != 0 else -EBADF
    m[m[m[task + T_FILES] + FD_CLOEXEC] + fd] = cloexec
    return 0


@kernel
def anonymous_fd(m: Mem, task: int, cloexec: int) -> int:
    """A descriptor of no file, which cannot be mapped: pidfd_open, userfaultfd."""
    if m[G_HAS_RET] != 0 and m[G_REC_RET] < 0:
        return m[G_REC_RET]
    o = _file_of(m, inode_new(m, TYPE_UNMAPPABLE, 0), FMODE_READ | FMODE_WRITE)
    return _new_fd(m, task, o, cloexec, -1)


@kernel
def descriptor_of(m: Mem, task: int, inode: int, mode: int, cloexec: int, wanted: int) -> int:
    """A descriptor of a new description of `inode`, whose reference goes with it; `wanted` -1: the kernel's choice."""
    return _new_fd(m, task, _file_of(m, inode, mode), cloexec, wanted)


@kernel
def sys_close_range(m: Mem, task: int, first: int, last: int, flags: int) -> int:
    """close_range; EINVAL. With CLOSE_RANGE_CLOEXEC descriptors are only marked."""
    if first < 0 or (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) or (0 <= last < first):
        return -EINVAL
    files = m[task + T_FILES]
    if flags & CLOSE_RANGE_UNSHARE and m[files + FD_USERS] > 1:
        m[task + T_FILES] = files_copy(m, files)
        files_put(m, files)
        files = m[task + T_FILES]
    if flags & CLOSE_RANGE_CLOEXEC:
        fd = first
        while fd_lookup(m, files, fd) != 0 or fd == first:
            if (last >= 0 and fd > last) or fd_lookup(m, files, fd) == 0:
                break
            m[m[files + FD_CLOEXEC] + fd] = 1
            fd += 1
        return 0
    return fd_close_range(m, files, first, last, 0)


@kernel
def _checked_flags(m: Mem, flags: int) -> int:
    """The flags of memfd_create with what vm.memfd_noexec adds, or -errno (mm/memfd.c check_sysctl_memfd_noexec)."""
    if m[H_RULES + R_MEMFD_CREATE] == 0:
        return -ENOSYS
    known = _MFD_KNOWN
    if m[H_RULES + R_MEMFD_EXEC] == 0:
        known &= ~(MFD_NOEXEC_SEAL | MFD_EXEC)
    if flags & ~known and flags & ~(known | _MFD_SIZES) | (flags & MFD_HUGETLB == 0):
        return -EINVAL
    if m[H_RULES + R_MEMFD_EXEC] == 0:
        return flags
    if flags & MFD_EXEC and flags & MFD_NOEXEC_SEAL:
        return -EINVAL
    if flags & (MFD_EXEC | MFD_NOEXEC_SEAL) == 0 and m[H_RULES + R_MEMFD_NOEXEC] != 0:
        flags |= MFD_NOEXEC_SEAL
    if m[H_RULES + R_MEMFD_NOEXEC] == 2 and flags & MFD_NOEXEC_SEAL == 0:
        return -EACCES
    return flags


@kernel
def _first_seals(flags: int) -> int:
    """The seals that a memfd begins with."""
    if flags & MFD_NOEXEC_SEAL:
        return F_SEAL_EXEC
    return 0 if flags & MFD_ALLOW_SEALING else F_SEAL_SEAL


@kernel
def sys_memfd_create(m: Mem, task: int, name: int, flags: int) -> int:
    """memfd_create: an empty shmem file; sealed against seals unless the flags allow them."""
    if m[G_HAS_RET] != 0 and m[G_REC_RET] < 0:
        return m[G_REC_RET]
    flags = _checked_flags(m, flags)
    if flags < 0:
        return flags
    if flags & MFD_HUGETLB:
        if m[H_RULES + R_HUGETLBFS] == 0:
            return -ENOSYS
        shift = huge_shift(m, flags)
        if shift == 0:
            return -ENODEV
        inode = hugefile_new(m, shift, 0, name)
    else:
        inode = inode_new(m, OPS_SHMEM, 0)
    m[inode + I_NAME] = name
    m[inode + I_SEALS] = _first_seals(flags)
    o = _file_of(m, inode, FMODE_READ | FMODE_WRITE)
    return _new_fd(m, task, o, 1 if flags & MFD_CLOEXEC else 0, -1)


@kernel
def make_file(m: Mem, task: int, fd: int, size: int, fill: int, disk: int, name: int, folio: int) -> int:
    """The scenario steps memfd and diskfile: a file of `size` bytes.

    With `fill` it is written: every byte of page p of the k-th file made is (p + 1 + 32k) mod 256, and every
    page is in the page cache, in folios of `folio` pages (a power of two; 0 or 1: single pages). Without,
    it is one hole. Below 0, `folio` is ~flags of memfd_create, whose errors it has.
    """
    seals = 0
    if folio < 0:
        flags = _checked_flags(m, ~folio)
        if flags < 0:
            return flags
        seals = _first_seals(flags)
        folio = 1
    if disk > 1:  # of huge pages: HUGE_DEFAULT, or log2 of their size
        shift = huge_shift(m, 0 if disk == HUGE_DEFAULT else disk << HUGE_SIZE_SHIFT)
        if shift == 0:
            return -ENODEV
        inode = hugefile_new(m, shift, size, name)
        fd_install(m, m[task + T_FILES], fd, _file_of(m, inode, FMODE_READ | FMODE_WRITE), 0)
        return 0
    inode = inode_new(m, OPS_FILE if disk != 0 else OPS_SHMEM, size)
    m[inode + I_NAME] = name
    if fill != 0:
        m[inode + I_FILLK] = (m[G_FILES_MADE] << 5) + 1
        m[inode + I_FILLED] = file_pages(m, inode)
    m[inode + I_FOLIO] = folio
    m[inode + I_SEALS] = seals
    m[G_FILES_MADE] += 1
    o = _file_of(m, inode, FMODE_READ | FMODE_WRITE)
    fd_install(m, m[task + T_FILES], fd, o, 0)
    return 0


@kernel
def special_file(m: Mem, task: int, fd: int, file_type: int, size: int, name: int, entries: int) -> int:
    """The scenario step special_file: a descriptor of a special object of `size` bytes (0: whatever is asked);
    `entries` of an io_uring.

    ENOSYS for secret memory where the kernel has none.
    """
    if file_type == FILE_SECRET and m[H_RULES + R_SECRETMEM] == 0:
        return -ENOSYS
    inode = inode_new(m, _type_of(file_type), size if size != 0 or file_type == FILE_SECRET else UNKNOWN_SIZE)
    m[inode + I_NAME] = name
    m[inode + I_ENTRIES] = entries
    m[inode + I_KIND] = file_type if is_special(file_type) != 0 else 0
    fd_install(m, m[task + T_FILES], fd, _file_of(m, inode, FMODE_READ | FMODE_WRITE), 0)
    return 0


@kernel
def reopen(m: Mem, task: int, fd: int, new_fd: int, mode: int) -> int:
    """The scenario step reopen: another description of the same inode; `mode` has FMODE_*; EBADF, ENXIO.

    Objects without a path are not opened by /proc/self/fd (no_open, fs/inode.c).
    """
    o = fget(m, task, fd)
    if o == 0:
        return -EBADF
    if no_offsets(m, m[o + O_INODE]) != 0:
        return -ENXIO
    fd_install(m, m[task + T_FILES], new_fd, file_new(m, m[o + O_INODE], mode), 0)
    return 0
