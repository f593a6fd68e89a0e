"""What single calls are refused for by rules of their own: by call and errno, and advice by the kernels with it."""

from __future__ import annotations

from ..abi.errnos import EFAULT, EINVAL, EIO, ENOENT, ENOMEM, ENOSPC
from ..abi.kinds import K_MINCORE, K_MSYNC, K_PKEY_ALLOC, K_SHMAT, K_SHMGET
from ..abi.mman import ADVICE

SEGMENTS = "ipcs -l and ipcs -m"
BY_CALL: dict[tuple[int, int], tuple[tuple[str, ...], str]] = {
    (K_SHMGET, ENOSPC): (
        ("kernel.shmmni segments were there, or kernel.shmall pages of them, of all processes",),
        SEGMENTS,
    ),
    (K_SHMGET, EINVAL): (("kernel.shmmax is less", "a segment of that key that is smaller"), SEGMENTS),
    (K_SHMGET, ENOENT): (("no segment had that key",), ""),
    (K_SHMAT, ENOMEM): (
        (
            "RLIMIT_AS (ulimit -v), by the size of a segment that the log does not show",
            "vm.max_map_count was met",
        ),
        "/proc/PID/limits and ipcs -m",
    ),
    (K_PKEY_ALLOC, ENOSPC): (
        ("a processor or a kernel without protection keys", "every key was taken: x86 has 15"),
        "pku of /proc/cpuinfo",
    ),
    (K_MINCORE, EFAULT): (("the vector for the answer was not writable memory",), ""),
    (K_MSYNC, EIO): (("the pages could not be written back to their file",), "the kernel log"),
}
"""Call and errno: what ipc/shm.c, mm/mincore.c, mm/msync.c and mm/mprotect.c refuse so, and what decides."""
SINCE = {
    ADVICE[name]: since
    for since, names in (
        ("4.5", ("free",)),
        ("4.14", ("wipeonfork", "keeponfork")),
        ("5.4", ("cold", "pageout")),
        ("5.14", ("populate_read", "populate_write")),
        ("5.18", ("dontneed_locked",)),
        ("6.13", ("guard_install", "guard_remove")),
    )
    for name in names
}
"""Advice that not every kernel knows, and the first that does."""
OLD_ADVICE = tuple(ADVICE[name] for name in ("willneed", "dontneed", "remove"))
BUILT = {
    ADVICE["mergeable"]: "CONFIG_KSM",
    ADVICE["unmergeable"]: "CONFIG_KSM",
    ADVICE["hugepage"]: "CONFIG_TRANSPARENT_HUGEPAGE",
    ADVICE["nohugepage"]: "CONFIG_TRANSPARENT_HUGEPAGE",
}
