"""What single calls are refused for by rules of their own: by call and errno, and advice by the kernels with it."""

from __future__ import annotations

from ..abi.errnos import EFAULT, EINVAL, EIO, ENOENT, ENOMEM, ENOSPC, EPERM
from ..abi.kinds import (
    K_MINCORE,
    K_MPROTECT,
    K_MSYNC,
    K_MUNMAP,
    K_PKEY_ALLOC,
    K_SHMAT,
    K_SHMGET,
    K_UFFD_REGISTER,
)
from ..abi.mman import ADVICE
from ..abi.rows import RSF_ASSUMED
from ..engine.why import (
    WHY_FOREIGN,
    WHY_HUGE_POOL,
    WHY_LOW_ADDRESS,
    WHY_NO_BREAK,
    WHY_NO_SUCH_HUGE,
    WHY_NOEXEC_TAKEN,
    WHY_SEAL_TAKEN,
    WHY_UNTOLD,
)
from ..result.result import Result

SEGMENTS = "ipcs -l and ipcs -m"
_OF_DEVICE = ("the device allows no split of its area there, as huge pages of persistent memory do not",)
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
    (K_SHMGET, EPERM): (
        ("SHM_HUGETLB without CAP_IPC_LOCK or vm.hugetlb_shm_group", "a seccomp filter"),
        "CapEff and Groups of /proc/PID/status",
    ),
    (K_MUNMAP, EINVAL): (_OF_DEVICE, ""),
    (K_MPROTECT, EINVAL): (_OF_DEVICE, ""),
    (K_UFFD_REGISTER, ENOMEM): (
        ("vm.max_map_count was met", "memory was short, of the machine or of its cgroup"),
        "",
    ),
    (K_MINCORE, EFAULT): (("the vector for the answer was not writable memory",), ""),
    (K_MSYNC, EIO): (("the pages could not be written back to their file",), "the kernel log"),
}
"""Call and errno: what ipc/shm.c, mm/mincore.c, mm/msync.c and mm/mprotect.c refuse so, and what decides."""
_MODULE = "a security module (SELinux, AppArmor, Smack)"
_OTHER_SYSTEM = "another system that runs programs of Linux (WSL 1, SmartOS, FreeBSD)"
BY_WHY: dict[int, tuple[tuple[str, ...], str]] = {
    WHY_NOEXEC_TAKEN: (
        (
            "the file's mount does not allow execution (noexec)",
            _MODULE,
            "a seccomp filter, such as MemoryDenyWriteExecute= of systemd",
            "PaX",
        ),
        "/proc/PID/mountinfo and the audit log",
    ),
    WHY_SEAL_TAKEN: (
        ("the file is sealed against writing, if it is a memfd", _MODULE, "a seccomp filter"),
        "Seccomp of /proc/PID/status and the audit log",
    ),
    WHY_UNTOLD: (
        (
            "the new address, which strace does not print beside MREMAP_DONTUNMAP alone: not on a page, within the old"
            " range, or beyond the address space",
            "an area that may not grow, of a device or a ring",
        ),
        "",
    ),
    WHY_FOREIGN: (
        (
            "a seccomp filter that answers so",
            _OTHER_SYSTEM,
            "the mmap method of a file or device, if it is one's",
        ),
        "uname -a of that machine",
    ),
    WHY_NO_SUCH_HUGE: (
        ("the machine has no huge pages of that size (hugepagesz=), or a kernel without CONFIG_HUGETLBFS",),
        "",
    ),
    WHY_NO_BREAK: (
        (_OTHER_SYSTEM, "a seccomp filter"),
        "uname -a of that machine",
    ),
}
"""Where the kind of the refusal says it all: what it can come from, and what decides."""
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
BELIEVED: dict[int, tuple[tuple[str, ...], str]] = {
    WHY_LOW_ADDRESS: (
        ("a security module (mmap_zero of SELinux)", "a seccomp filter"),
        "CapEff and Seccomp of /proc/PID/status",
    ),
    WHY_HUGE_POOL: (
        ("a hugetlb limit of the cgroup", "RLIMIT_AS (ulimit -v)"),
        "HugePages_Free of /proc/meminfo and hugetlb.*.rsvd.max of the cgroup",
    ),
}
"""Reasons that a replay takes for its state because of a recorded refusal alone: what else it may be, what decides."""


def rests_on_belief(result: Result, event: int, why: int) -> bool:
    """Whether the state has the reason of a refusal only because this one, or one like it before, was recorded."""
    if why not in BELIEVED:
        return False
    return event >= first_believed(result, why)


def first_believed(result: Result, why: int) -> int:
    """The first event at which a replay took a reason of BELIEVED from the recording; behind the last one: never."""
    columns = result.columns
    taken = (columns["why"] == why) & (columns["flags"] & RSF_ASSUMED != 0)
    return int(taken.argmax()) if taken.any() else len(taken)


OLD_ADVICE = tuple(ADVICE[name] for name in ("willneed", "dontneed", "remove"))
BUILT = {
    ADVICE["mergeable"]: "CONFIG_KSM",
    ADVICE["unmergeable"]: "CONFIG_KSM",
    ADVICE["hugepage"]: "CONFIG_TRANSPARENT_HUGEPAGE",
    ADVICE["nohugepage"]: "CONFIG_TRANSPARENT_HUGEPAGE",
}
