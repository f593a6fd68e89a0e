"""Linux error numbers that memory calls return, as the engine returns them: negated by the caller.

The numbers are those of asm-generic/errno-base.h and errno.h; the few architectures that differ
(alpha, mips, parisc, sparc) differ only above EDOM, and no call here distinguishes them.
"""

from __future__ import annotations

EPERM = 1
ENOENT = 2
EINTR = 4
EIO = 5
ENXIO = 6
EBADF = 9
ECHILD = 10
EAGAIN = 11
ENOMEM = 12
EACCES = 13
EFAULT = 14
EBUSY = 16
EEXIST = 17
ENODEV = 19
EINVAL = 22
ENFILE = 23
EMFILE = 24
ETXTBSY = 26
EFBIG = 27
ENOSPC = 28
EIDRM = 43
ENOSYS = 38
EOVERFLOW = 75
EOPNOTSUPP = 95

ERRNO_NAMES: dict[int, str] = {
    number: name
    for name, number in sorted(globals().items())
    if name.startswith("E") and name.isupper() and isinstance(number, int)
}
"""Number to name, for reports."""
