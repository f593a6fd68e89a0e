"""What the simulation leaves out, by call: the list behind `remaptrace kernels --not-modelled`."""

from __future__ import annotations

NOT_MODELLED: tuple[tuple[str, str], ...] = (
    ("arch_prctl(ARCH_MAP_VDSO_*)", "maps a vdso; named in the report"),
    ("arch_prctl(ARCH_SHSTK_ENABLE)", "makes a shadow stack; named"),
    ("subpage_prot, vm86, uselib", "named"),
    ("fallocate", "modes of disk file systems other than allocation and PUNCH_HOLE; named"),
    (
        "fallocate of shmem",
        "pages that it makes are holes to userfaultfd: COPY over them is EEXIST in the kernel",
    ),
    (
        "io_destroy",
        "of a ring of which a part was moved or replaced: which context its bytes name is not simulated",
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
    ("madvise(MADV_HWPOISON, MADV_SOFT_OFFLINE)", "EINVAL here"),
    ("map_shadow_stack", "named"),
    (
        "mbind, move_pages, migrate_pages",
        "where pages lie and move is not simulated, nor the faults of migration",
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
