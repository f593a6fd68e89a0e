"""The kernel's own spelling of its numbers, as strace prints them: ``PROT_READ``, ``O_CLOEXEC``.

`names` holds what scenarios use; here stand the same numbers with their prefixes, and the families that only
recorded text has (open flags, clone flags, fcntl commands, signals, memory policies). Generic ABI numbers.
"""

from __future__ import annotations

from ..abi import mman as names
from ..abi import sysv
from ..abi.fcntl import (
    CLOSE_RANGE_CLOEXEC,
    CLOSE_RANGE_UNSHARE,
    FCNTL,
    FD_CLOEXEC,
    MFD_ALLOW_SEALING,
    MFD_CLOEXEC,
    MFD_HUGETLB,
    MFD_NOEXEC_SEAL,
    OPEN_FLAGS,
)
from ..abi.prctl import PRCTL
from ..abi.signals import SIGCODES

CLONE: dict[str, int] = {
    "NEWTIME": 0x80,
    "VM": 0x100,
    "FS": 0x200,
    "FILES": 0x400,
    "SIGHAND": 0x800,
    "PIDFD": 0x1000,
    "PTRACE": 0x2000,
    "VFORK": 0x4000,
    "PARENT": 0x8000,
    "THREAD": 0x10000,
    "NEWNS": 0x20000,
    "SYSVSEM": 0x40000,
    "SETTLS": 0x80000,
    "PARENT_SETTID": 0x100000,
    "CHILD_CLEARTID": 0x200000,
    "DETACHED": 0x400000,
    "UNTRACED": 0x800000,
    "CHILD_SETTID": 0x1000000,
    "NEWCGROUP": 0x2000000,
    "NEWUTS": 0x4000000,
    "NEWIPC": 0x8000000,
    "NEWUSER": 0x10000000,
    "NEWPID": 0x20000000,
    "NEWNET": 0x40000000,
    "IO": 0x80000000,
    "CLEAR_SIGHAND": 0x100000000,
    "INTO_CGROUP": 0x200000000,
}

_SIGNAL_NAMES = """
HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG
XCPU XFSZ VTALRM PROF WINCH IO PWR SYS
"""  # from 1 on, x86 and the generic ABI

MPOL: dict[str, int] = {
    "DEFAULT": 0,
    "PREFERRED": 1,
    "BIND": 2,
    "INTERLEAVE": 3,
    "LOCAL": 4,
    "PREFERRED_MANY": 5,
    "WEIGHTED_INTERLEAVE": 6,
    "F_NUMA_BALANCING": 1 << 13,
    "F_RELATIVE_NODES": 1 << 14,
    "F_STATIC_NODES": 1 << 15,
}

_OTHERS: dict[str, int] = {
    "NULL": 0,
    "AT_FDCWD": -100,
    "AT_EMPTY_PATH": 0x1000,
    "FD_CLOEXEC": FD_CLOEXEC,
    "MAP_FILE": 0,
    "MAP_ANON": names.MAP_ANONYMOUS,
    **{
        name: value
        for name, value in vars(sysv).items()
        if name.startswith(("IPC_", "SHM_LOCK", "SHM_UNLOCK"))
    },
    "IPC_INFO": 3,
    "SHM_STAT": 13,
    "SHM_INFO": 14,
    "SHM_STAT_ANY": 15,
    "SHM_DEST": 0o1000,
    "SHM_LOCKED": 0o2000,
    "SHM_HUGETLB": sysv.SHM_HUGETLB,
    "SHM_NORESERVE": sysv.SHM_NORESERVE,
    "MLOCK_ONFAULT": names.MLOCK_ONFAULT,
    "MFD_CLOEXEC": MFD_CLOEXEC,
    "MFD_ALLOW_SEALING": MFD_ALLOW_SEALING,
    "MFD_HUGETLB": MFD_HUGETLB,
    "MFD_NOEXEC_SEAL": MFD_NOEXEC_SEAL,
    "MFD_EXEC": 16,
    "CLOSE_RANGE_UNSHARE": CLOSE_RANGE_UNSHARE,
    "CLOSE_RANGE_CLOEXEC": CLOSE_RANGE_CLOEXEC,
    "FALLOC_FL_UNSHARE_RANGE": 64,
    "UFFD_USER_MODE_ONLY": names.UFFD_USER_MODE_ONLY,
    "PER_LINUX": 0,
    "PER_LINUX_32BIT": 0x0800000,
    "PER_LINUX32": 8,
    "PER_LINUX32_3GB": 0x8000008,
    "PER_SVR4": 0x4100001,
    "ADDR_LIMIT_32BIT": 0x0800000,
    "ADDR_LIMIT_3GB": 0x8000000,
    "FDPIC_FUNCPTRS": 0x0080000,
    "SHORT_INODE": 0x1000000,
    "WHOLE_SECONDS": 0x2000000,
    "STICKY_TIMEOUTS": 0x4000000,
    "UNAME26": 0x0020000,
    "PKEY_DISABLE_ACCESS": names.PKEY_DISABLE_ACCESS,
    "PKEY_DISABLE_WRITE": names.PKEY_DISABLE_WRITE,
    "PR_SET_VMA_ANON_NAME": 0,
    **{f"UFFD_FEATURE_{name.upper()}": bit for name, bit in names.UFFD_FEATURES.items()},
    **{
        f"UFFDIO_{call}_MODE_{word.upper()}": bit
        for call, modes in (
            ("REGISTER", names.UFFD_MODES),
            ("COPY", names.UFFD_COPY_MODES),
            ("CONTINUE", names.UFFD_COPY_MODES),
            ("WRITEPROTECT", names.UFFD_WP_MODES),
            ("ZEROPAGE", names.UFFD_WAKE_MODES),
        )
        for word, bit in modes.items()
    },
    "PR_THP_DISABLE_EXCEPT_ADVISED": 2,
    "PR_SET_MM_START_CODE": 1,
    "PR_SET_MM_END_CODE": 2,
    "PR_SET_MM_START_DATA": 3,
    "PR_SET_MM_END_DATA": 4,
    "PR_SET_MM_START_STACK": 5,
    "PR_SET_MM_START_BRK": 6,
    "PR_SET_MM_BRK": 7,
    "PR_SET_MM_ARG_START": 8,
    "PR_SET_MM_ARG_END": 9,
    "PR_SET_MM_ENV_START": 10,
    "PR_SET_MM_ENV_END": 11,
    "PR_SET_MM_AUXV": 12,
    "PR_SET_MM_EXE_FILE": 13,
    "PR_SET_MM_MAP": 14,
    "PR_SET_MM_MAP_SIZE": 15,
    "MPOL_DEFAULT": 0,
    "MPOL_PREFERRED": 1,
    "MPOL_BIND": 2,
    "MPOL_INTERLEAVE": 3,
    "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5,
    "MPOL_WEIGHTED_INTERLEAVE": 6,
    "MPOL_F_STATIC_NODES": 0x8000,
    "MPOL_F_RELATIVE_NODES": 0x4000,
    "MPOL_F_NUMA_BALANCING": 0x2000,
    "MPOL_MF_STRICT": 1,
    "MPOL_MF_MOVE": 2,
    "MPOL_MF_MOVE_ALL": 4,
    "PR_MDWE_REFUSE_EXEC_GAIN": 1,
    "PR_MDWE_NO_INHERIT": 2,
    "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11,
    "RLIMIT_MSGQUEUE": 12,
    "RLIMIT_NICE": 13,
    "RLIMIT_RTPRIO": 14,
    "RLIMIT_RTTIME": 15,
    "RLIM_INFINITY": names.RLIM_INFINITY,
    "RLIM64_INFINITY": names.RLIM_INFINITY,
    "SI_USER": 0,
    "SI_KERNEL": 0x80,
    "SI_QUEUE": -1,
    "SI_TIMER": -2,
    "SI_MESGQ": -3,
    "SI_ASYNCIO": -4,
    "SI_SIGIO": -5,
    "SI_TKILL": -6,
    "SEGV_ACCADI": 5,
    "SEGV_ADIDERR": 6,
    "SEGV_ADIPERR": 7,
    "SEGV_MTEAERR": 8,
    "SEGV_MTESERR": 9,
    "SEGV_CPERR": 10,
}

SHIFTS: dict[str, int] = {"MAP_HUGE_SHIFT": 26, "MFD_HUGE_SHIFT": 26, "SHM_HUGE_SHIFT": 26}
"""Names that stand right of ``<<``."""


def _prefixed(prefix: str, table: dict[str, int]) -> dict[str, int]:
    return {prefix + name.upper(): value for name, value in table.items()}


def _signals() -> dict[str, int]:
    table = {f"SIG{name}": number for number, name in enumerate(_SIGNAL_NAMES.split(), 1)}
    table |= {f"SIGRT_{i}": 32 + i for i in range(33)}
    return table | {"SIGRTMIN": 32, "SIGPOLL": 29, "SIGIOT": 6, "SIGCLD": 17}


SIGNALS: dict[str, int] = _signals()

LEFT_OUT = ("PROT_BTI", "PROT_MTE")
"""Protections of arm64 that events do not hold, which is said where a log has one."""

SYMBOLS: dict[str, int] = {
    **_prefixed("PROT_", names.PROT),
    **dict.fromkeys(LEFT_OUT, 0),
    **_prefixed("MAP_", names.MAP),
    **_prefixed("MADV_", names.ADVICE),
    **_prefixed("MREMAP_", names.MREMAP),
    **_prefixed("MS_", names.MS),
    **_prefixed("MCL_", names.MCL),
    **_prefixed("SHM_", names.SHM),
    **_prefixed("F_SEAL_", names.SEALS),
    **_prefixed("FALLOC_FL_", names.FALLOC),
    **_prefixed("RLIMIT_", names.RLIMITS),
    **_prefixed("", names.PERSONALITIES),
    **_prefixed("CLONE_", CLONE),
    **_prefixed("O_", OPEN_FLAGS),
    **_prefixed("F_", FCNTL),
    **_prefixed("PR_", PRCTL),
    **_prefixed("MPOL_", MPOL),
    **SIGCODES,
    **SIGNALS,
    **_OTHERS,
}
"""Every name that an argument of a call we read may have."""
