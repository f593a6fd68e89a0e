"""What the simulation leaves out, by call: the list behind `remaptrace kernels --not-modelled`."""

from __future__ import annotations

NOT_MODELLED: tuple[tuple[str, str], ...] = (
    ("arch_prctl(ARCH_MAP_VDSO_*)", "maps a vdso; named in the report"),
    ("arch_prctl(ARCH_SHSTK_ENABLE)", "makes a shadow stack; named"),
    ("subpage_prot, vm86, vm86old, uselib", "named"),
    ("fallocate", "modes of disk file systems other than allocation and PUNCH_HOLE; pipes, sockets; named"),
    (
        "fallocate of shmem",
        "more than 16 MiB at once stays a hole until it is touched: to mincore and userfaultfd",
    ),
    (
        "brk with CONFIG_COMPAT_BRK",
        "lists of areas do not tell the end of the data: the end of the program's first code stands for it",
    ),
    (
        "fork of User-mode Linux (um-x86_64)",
        "areas of MADV_DONTFORK stay mapped in the child's host pages there; not simulated",
    ),
    (
        "io_destroy",
        "of rings that were there before the log began: which number their contexts have is not told",
    ),
    (
        "io_uring_register",
        "rings of buffers are believed where a log maps them; sizes with SQE128, CQE32 are not told",
    ),
    (
        "int 0x80 and x32 calls in a 64-bit process",
        "are followed where the log says; the search below 4 GiB is not simulated",
    ),
    (
        "ioctl(PERF_EVENT_IOC_SET_OUTPUT)",
        "a mapping that it refuses is taken from the log; the AUX ring is refused",
    ),
    (
        "ioctl(UFFDIO_*)",
        "where the log shows only a pointer (ftrace, perf; WRITEPROTECT of older strace): named",
    ),
    (
        "madvise(MADV_COLLAPSE) of disk files",
        "CONFIG_READ_ONLY_THP_FOR_FS; named, refused where a .config says that it is not set",
    ),
    (
        "madvise(MADV_COLLAPSE) of shared memory",
        "later unmapping of a part parts the huge page; not simulated",
    ),
    (
        "madvise(MADV_FREE, MADV_COLD, MADV_PAGEOUT)",
        "a huge page whose mapping was parted before stays one folio: that these split it shows no zero pages here",
    ),
    (
        "madvise(MADV_GUARD_INSTALL) over pages that userfaultfd protects",
        "the kernel tries to for ever over their markers: the guard is installed, and named",
    ),
    ("madvise(MADV_HWPOISON, MADV_SOFT_OFFLINE)", "EINVAL here"),
    ("map_shadow_stack", "named"),
    (
        "mbind, move_pages, migrate_pages",
        "where pages lie and move is not simulated, nor the faults of migration",
    ),
    ("mmap of more than 1 GiB of a ring", "its pages are not mapped at once; named"),
    (
        "mmap(MAP_HUGETLB | MAP_POPULATE) of a private area, Linux 6.1",
        "which huge pages are present behind it differs from what 6.1 answers; not simulated",
    ),
    ("mmap(MAP_HUGETLB) of 1 GiB", "the pool is empty: a reservation is ENOMEM, a touch SIGBUS"),
    (
        "mmap of huge pages in shmem (huge=, shmem_enabled)",
        "shared memory has small pages, MADV_COLLAPSE apart",
    ),
    (
        "prctl(PR_SET_MM)",
        "START_BRK, BRK, START_STACK are modelled; code, data, arguments, AUXV, MAP, EXE_FILE are named",
    ),
    ("prctl(PR_SET_SHADOW_STACK_STATUS)", "named"),
    ("process_mrelease", "named"),
    (
        "old_mmap, ipc, process_madvise, setrlimit, prlimit64",
        "their arguments are behind pointers, which ftrace and perf do not show: named there",
    ),
    ("modify_ldt", "where it maps a table; named in ftrace and perf"),
    (
        "recvmsg(SCM_RIGHTS)",
        "which file arrives is not told: a userfaultfd is known by its registrations, files by -y or as assumed",
    ),
    (
        "remap_file_pages of 2007 on architectures with defects in their PTEs",
        "a word that would test as present is not stored; named",
    ),
    ("set_mempolicy_home_node", "named in ftrace and perf"),
    (
        "process_vm_readv, process_vm_writev",
        "readv has no effect in logs; writev is named where the log shows only pointers (ftrace, perf)",
    ),
    (
        "userfaultfd events",
        "a call does not wait until its event was read; the descriptor that an EVENT_FORK hands out is not told",
    ),
    ("userfaultfd without SIGBUS", "a fault WAITS; which ioctl of another thread answers it is not told"),
)
"""(call, what is left out and what happens instead); "named": counted as not modelled in every report."""
