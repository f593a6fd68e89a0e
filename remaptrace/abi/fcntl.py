"""Numbers of calls on descriptors (include/uapi/asm-generic/fcntl.h, linux/fcntl.h, close_range.h, memfd.h)."""

from __future__ import annotations

O_ACCMODE, O_CREAT, O_EXCL, O_CLOEXEC = 0o3, 0o100, 0o200, 0o2000000
FD_CLOEXEC = 1
MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB, MFD_NOEXEC_SEAL = 1, 2, 4, 8
CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC = 2, 4
F_DUPFD, F_SETFD, F_DUPFD_CLOEXEC, F_ADD_SEALS = 0, 2, 1030, 1033
F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_EXEC = 1, 2, 4, 8, 16, 32
FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_COLLAPSE_RANGE = 1, 2, 8
FALLOC_ZERO_RANGE, FALLOC_INSERT_RANGE, FALLOC_UNSHARE_RANGE = 16, 32, 64
FALLOC_MODES = (
    FALLOC_PUNCH_HOLE | FALLOC_COLLAPSE_RANGE | FALLOC_ZERO_RANGE | FALLOC_INSERT_RANGE | FALLOC_UNSHARE_RANGE
)

OPEN_FLAGS: dict[str, int] = {
    "RDONLY": 0,
    "WRONLY": 1,
    "RDWR": 2,
    "ACCMODE": 3,
    "CREAT": 0o100,
    "EXCL": 0o200,
    "NOCTTY": 0o400,
    "TRUNC": 0o1000,
    "APPEND": 0o2000,
    "NONBLOCK": 0o4000,
    "NDELAY": 0o4000,
    "DSYNC": 0o10000,
    "DIRECT": 0o40000,
    "LARGEFILE": 0o100000,
    "DIRECTORY": 0o200000,
    "NOFOLLOW": 0o400000,
    "NOATIME": 0o1000000,
    "CLOEXEC": O_CLOEXEC,
    "SYNC": 0o4010000,
    "PATH": 0o10000000,
    "TMPFILE": 0o20200000,
}
"""Flags of open by their names without O_."""

FCNTL: dict[str, int] = {
    name: number
    for number, name in enumerate(
        "DUPFD GETFD SETFD GETFL SETFL GETLK SETLK SETLKW SETOWN GETOWN SETSIG GETSIG GETLK64 SETLK64 SETLKW64"
        " SETOWN_EX GETOWN_EX GETOWNER_UIDS".split()
    )
} | {
    "SETLEASE": 1024,
    "GETLEASE": 1025,
    "NOTIFY": 1026,
    "DUPFD_QUERY": 1027,
    "CANCELLK": 1029,
    "DUPFD_CLOEXEC": 1030,
    "SETPIPE_SZ": 1031,
    "GETPIPE_SZ": 1032,
    "ADD_SEALS": 1033,
    "GET_SEALS": 1034,
    "GET_RW_HINT": 1035,
    "SET_RW_HINT": 1036,
    "GET_FILE_RW_HINT": 1037,
    "SET_FILE_RW_HINT": 1038,
    "OFD_GETLK": 36,
    "OFD_SETLK": 37,
    "OFD_SETLKW": 38,
}
"""Commands of fcntl by their names without F_; the names with 64 are those of 32-bit programs."""
