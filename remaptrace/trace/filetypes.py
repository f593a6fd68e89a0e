"""What kind of file stands behind a path, as far as its name tells."""

from __future__ import annotations

from ..abi import kinds as ev
from ..abi.special import special_type

_UNMAPPABLE_DEVICES = (
    "/dev/null",
    "/dev/tty",
    "/dev/pts/",
    "/dev/ptmx",
    "/dev/random",
    "/dev/urandom",
    "/dev/full",
)


def file_type(path: str, *, shown: bool) -> int:
    """FILE_* of a path: by what the kernel calls it (``shown``) or by where it is.

    Without ``shown`` a relative path is taken for a regular file.
    """
    special = special_type(path)
    if special:
        return special
    if path.startswith(("/memfd:", "/dev/shm/", "/SYSV", "/anon_hugepage")):
        return ev.FILE_SHMEM
    if path.startswith("/dev/hugepages/"):  # where systemd mounts hugetlbfs
        return ev.FILE_HUGETLB
    if path == "/dev/zero":
        return ev.FILE_ZERO
    if path.startswith(_UNMAPPABLE_DEVICES):
        return ev.FILE_UNMAPPABLE
    if path.startswith("/dev/"):
        return ev.FILE_DEVICE
    if path.startswith("/proc/"):
        return ev.FILE_UNMAPPABLE
    if shown and not path.startswith("/"):
        return ev.FILE_UNMAPPABLE
    return ev.FILE_REGULAR
