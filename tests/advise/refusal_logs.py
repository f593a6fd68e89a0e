"""Logs of refused calls that more than one test looks at, and those whose cause no log prints."""

from __future__ import annotations

A = 0x7F0000100000
EXEC = 'execve("./p", ["./p"], 0x7ffd0 /* 9 vars */) = 0\n'
ANON = "MAP_PRIVATE|MAP_ANONYMOUS"
RW = "PROT_READ|PROT_WRITE"


def mmap(
    size: int, ret: str, prot: str = RW, flags: str = ANON, fd: int = -1, addr: str = "NULL", n: int = 0
) -> str:
    answer = f"{A + n * 0x1000000:#x}" if ret == "ok" else f"-1 {ret} (refused)"
    return f"mmap({addr}, {size}, {prot}, {flags}, {fd}, 0) = {answer}\n"


def call(text: str, errno: str) -> str:
    return f"{text} = -1 {errno} (refused)\n"


def memfd(*seals: str) -> str:
    return 'memfd_create("m", MFD_ALLOW_SEALING) = 3\nftruncate(3, 65536) = 0\n' + "".join(
        f"fcntl(3, F_ADD_SEALS, {seal}) = 0\n" for seal in seals
    )


FILE = 'openat(AT_FDCWD, "/srv/data", O_RDWR) = 3\nfstat(3, {st_mode=S_IFREG|0644, st_size=65536, ...}) = 0\n'
ONLY = (
    'openat(AT_FDCWD, "/srv/data", O_RDONLY) = 3\nfstat(3, {st_mode=S_IFREG|0644, st_size=65536, ...}) = 0\n'
)
MAPPED = mmap(65536, "ok")
NONE = mmap(65536, "ok", "PROT_NONE")
FORBIDDEN = ("a security module (SELinux, AppArmor, Smack)", "a seccomp filter")

NOEXEC = (
    "the file's mount does not allow execution (noexec)",
    "a security module (SELinux, AppArmor, Smack)",
    "a seccomp filter, such as MemoryDenyWriteExecute= of systemd",
    "PaX",
)
NO_BREAK = ("another system that runs programs of Linux (WSL 1, SmartOS, FreeBSD)", "a seccomp filter")
OTHER_SYSTEM = NO_BREAK[0]
FOREIGN = (
    "a seccomp filter that answers so",
    OTHER_SYSTEM,
    "the mmap method of a file or device, if it is one's",
)
UNTOLD: list[tuple[str, str, str, tuple[str, ...]]] = [
    ("a shared file that may not be executed",
     FILE + mmap(4096, "EPERM", RW + "|PROT_EXEC", "MAP_SHARED", 3), "WHY_NOEXEC_TAKEN", NOEXEC),
    ("a file that may not be executed",
     FILE + mmap(4096, "EPERM", "PROT_READ|PROT_EXEC", "MAP_PRIVATE", 3), "WHY_NOEXEC_TAKEN", NOEXEC),
    ("a new address that is not printed",
     MAPPED + call(f"mremap({A:#x}, 4096, 4096, MREMAP_MAYMOVE|MREMAP_DONTUNMAP)", "EINVAL"), "WHY_UNTOLD",
     ("the new address, which strace does not print beside MREMAP_DONTUNMAP alone: not on a page, within the old range,"
      " or beyond the address space", "an area that may not grow, of a device or a ring")),
    ("an error of brk", "brk(NULL) = 0x560000000000\n" + call("brk(0x560000010000)", "EAGAIN"), "WHY_NO_BREAK",
     NO_BREAK),
    ("an unnamed error of brk", "brk(NULL) = 0x560000000000\nbrk(0x560000010000) = -1\n", "WHY_NO_BREAK", NO_BREAK),
    ("a memfd that may not be written", 'memfd_create("m", MFD_ALLOW_SEALING) = 3\nftruncate(3, 65536) = 0\n'
     + mmap(4096, "EPERM", RW, "MAP_SHARED", 3), "WHY_SEAL_TAKEN",
     ("the file is sealed against writing, if it is a memfd", *FORBIDDEN)),
    ("a memfd that nobody may seal", 'memfd_create("m", 0) = 3\nftruncate(3, 65536) = 0\n'
     + mmap(4096, "EPERM", RW, "MAP_SHARED", 3), "WHY_FORBIDDEN", FORBIDDEN[::-1]),
    ("a huge page, as far as one refusal tells", mmap(2 << 20, "ENOMEM", RW, ANON + "|MAP_HUGETLB"), "WHY_HUGE_POOL",
     ("no huge page was free (vm.nr_hugepages), which it asked for", "a hugetlb limit of the cgroup",
      "RLIMIT_AS (ulimit -v)")),
    ("below the lowest address, as far as one refusal tells", mmap(4096, "EPERM", RW, ANON + "|MAP_FIXED"),
     "WHY_LOW_ADDRESS", ("below vm.mmap_min_addr only CAP_SYS_RAWIO may map, which the process had not",
                         "a security module (mmap_zero of SELinux)", "a seccomp filter")),
    ("an error that no call returns", MAPPED + call(f"munmap({A:#x}, 4096)", "EUCLEAN"), "WHY_FOREIGN", FOREIGN),
    ("an error that anonymous memory has none of", mmap(4096, "EOPNOTSUPP", RW, ANON + "|MAP_LOCKED"), "WHY_FOREIGN",
     FOREIGN),
    ("huge pages of a size that the machine has not",
     mmap(1 << 30, "EINVAL", RW, ANON + "|MAP_HUGETLB|30<<MAP_HUGE_SHIFT"), "WHY_NO_SUCH_HUGE",
     ("the machine has no huge pages of that size (hugepagesz=), or a kernel without CONFIG_HUGETLBFS",)),
    ("part of a device", 'openat(AT_FDCWD, "/dev/dax0.0", O_RDWR) = 3\n'
     + mmap(2 << 20, "ok", RW, "MAP_SHARED", 3) + call(f"munmap({A:#x}, 4096)", "EINVAL"), "WHY_REFUSED",
     ("the device allows no split of its area there, as huge pages of persistent memory do not",)),
    ("huge pages without a right", call("shmget(IPC_PRIVATE, 2097152, IPC_CREAT|SHM_HUGETLB|0600)", "EPERM"),
     "WHY_FORBIDDEN", ("SHM_HUGETLB without CAP_IPC_LOCK or vm.hugetlb_shm_group", "a seccomp filter")),
]  # fmt: skip
"""Name, log, the reason for the last call, what it can come from."""
