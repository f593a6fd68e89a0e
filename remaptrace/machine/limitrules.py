"""Rules that are numbers of a machine: limits, sysctls, sizes of RAM and swap, in pages unless the name says otherwise.

Their numbers stand in stored traces (the argument of a sysctl event): new rules go to the end.
"""

from __future__ import annotations

from .ruletable import choice, rule

_INT_MAX = (1 << 31) - 1

R_MAX_MAP_COUNT = rule(
    "max_map_count", "int", 65530, "vm.max_map_count: the most VMAs of a process", least=0, most=_INT_MAX
)
R_OVERCOMMIT = rule(
    "overcommit_memory", "int", 0, "vm.overcommit_memory: 0 guess, 1 always, 2 never", least=0, most=2
)
R_OVERCOMMIT_RATIO = rule(
    "overcommit_ratio", "int", 50, "vm.overcommit_ratio, per cent", least=0, most=_INT_MAX
)
R_RAM_PAGES = rule("ram_pages", "int", 6291456, "RAM in pages", least=0)
R_SWAP_PAGES = rule("swap_pages", "int", 0, "swap in pages", least=0)
R_MMAP_MIN_ADDR = rule(
    "mmap_min_addr", "int", 65536, "lowest address that a search or hint yields, bytes", least=0
)
R_DAC_MMAP_MIN_ADDR = rule(
    "dac_mmap_min_addr", "int", 4096, "vm.mmap_min_addr: mappings below it need CAP_SYS_RAWIO, bytes", least=0
)
R_STACK_GUARD_GAP = rule(
    "stack_guard_gap", "int", 256, "pages kept free below a GROWSDOWN area; 0: no rule", least=0
)
R_FAULT_AROUND = rule(
    "fault_around_bytes", "int", 65536, "window of a file read fault; one page: none", least=0
)
R_RLIMIT_STACK = rule("rlimit_stack", "int", 8388608, "initial soft limit, bytes; -1: none")
R_RLIMIT_MEMLOCK = rule("rlimit_memlock", "int", 8388608, "initial soft limit, bytes; -1: none")
R_LEGACY_LAYOUT = rule("legacy_va_layout", "bool", 0, "vm.legacy_va_layout: bottom-up")
R_UNLIMITED_LEGACY = rule(
    "unlimited_stack_is_legacy", "bool", 0, "RLIMIT_STACK unlimited at exec: bottom-up layout (2.6)"
)
R_THP_MODE = rule(
    "thp_enabled", "int", 1, "transparent huge pages: 0 never, 1 madvise, 2 always", least=0, most=2
)
R_NR_HUGEPAGES = rule(
    "nr_hugepages", "int", 0, "vm.nr_hugepages: pages in the pool of hugetlb, huge pages", least=0
)
R_NR_OVERCOMMIT_HUGE = rule(
    "nr_overcommit_hugepages",
    "int",
    0,
    "vm.nr_overcommit_hugepages: pages the pool may grow by, huge pages",
    least=0,
)
R_GIGANTIC_PAGES = rule(
    "gigantic_pages", "bool", 1, "the processor has pages of 1 GiB: their pool is known, and empty"
)
R_EXEC_STACK_PAGES = rule(
    "exec_stack_pages",
    "int",
    33,
    "pages of the stack behind exec; what a program of unlisted areas has at least",
    least=0,
)
R_MAPS_EMPTY = rule(
    "maps_empty_after_setuid",
    "bool",
    0,
    "a process that gave up root finds its own /proc maps file empty (observed on 2.6.20)",
)
R_ALL_CAPS = rule("all_capabilities", "bool", 1, "processes start with all capabilities")
R_DATA_LIMIT = choice(
    "rlimit_data", ("brk", "private_writable"), "private_writable", "what RLIMIT_DATA limits (4.7)"
)
R_OVERCOMMIT_GUESS = choice(
    "overcommit_guess",
    ("request", "free"),
    "request",
    "mode 0 refuses a request larger than RAM and swap, or than what is free (before 4.20)",
)
R_MAP_COUNT_SLACK = rule(
    "trim_needs_no_map_count",
    "bool",
    1,
    "munmap may split one edge at the limit (2.6.24); only holes need room",
)
R_UNPRIVILEGED_UFFD = rule(
    "unprivileged_userfaultfd",
    "bool",
    0,
    "vm.unprivileged_userfaultfd: without rights for faults of the kernel, too",
)
R_THP_SHMEM = choice(
    "thp_shmem_enabled",
    ("never", "advise", "always", "within_size", "deny", "force"),
    "never",
    "transparent huge pages of shared anonymous memory and memfds (shmem_enabled); but for never and deny it aligns",
)
R_CAP_SYS_RESOURCE = rule(
    "cap_sys_resource", "bool", 1, "of all capabilities, CAP_SYS_RESOURCE: without it PR_SET_MM is EPERM"
)
R_RLIMIT_AS = rule("rlimit_as", "int", -1, "RLIMIT_AS, initial soft limit, bytes; -1: none")
R_DATA_BYTES = rule(
    "data_limit",
    "int",
    -1,
    "RLIMIT_DATA, initial soft limit, bytes; -1: none (also as --set rlimit_data=SIZE)",
)
R_OVERCOMMIT_KB = rule(
    "overcommit_kbytes",
    "int",
    0,
    "vm.overcommit_kbytes, KiB: in place of the ratio, unless 0 (3.14)",
    least=0,
)
R_ADMIN_RESERVE_KB = rule("admin_reserve_kbytes", "int", 8192, "vm.admin_reserve_kbytes, KiB (3.10)", least=0)
R_USER_RESERVE_KB = rule("user_reserve_kbytes", "int", 131072, "vm.user_reserve_kbytes, KiB (3.10)", least=0)
R_SHMMAX = rule("shmmax", "int", -1, "kernel.shmmax: largest System V segment, bytes; -1: none (2.6: 32 MiB)")
R_SHMALL = rule("shmall", "int", -1, "kernel.shmall: System V segments in all, pages; -1: none")
R_SHMMNI = rule("shmmni", "int", 4096, "kernel.shmmni: most System V segments", least=0, most=1 << 24)
R_MEMFD_NOEXEC = rule(
    "memfd_noexec",
    "int",
    0,
    "vm.memfd_noexec: 2 refuses memfd_create without MFD_NOEXEC_SEAL (6.3)",
    least=0,
    most=2,
)
R_RANDOMIZE = rule(
    "randomize_va_space",
    "int",
    2,
    "kernel.randomize_va_space: 2 also the heap, which CONFIG_COMPAT_BRK asks for",
    least=0,
    most=_INT_MAX,
)
R_SOFT_DIRTY = rule(
    "mem_soft_dirty",
    "bool",
    0,
    "CONFIG_MEM_SOFT_DIRTY: smaps shows sd on every area, which keeps none apart (3.11)",
)
R_SEAL_SYSTEM = rule(
    "seal_system_mappings",
    "bool",
    0,
    "CONFIG_MSEAL_SYSTEM_MAPPINGS: [vdso] and [vvar] are sealed from exec on (6.15)",
)
R_READ_ONLY_THP = choice(
    "read_only_thp",
    ("not_told", "no", "yes"),
    "not_told",
    "CONFIG_READ_ONLY_THP_FOR_FS: without it MADV_COLLAPSE of disk files is EINVAL, with it it is not modelled (6.1)",
)
R_STACK_NEEDS_THP = rule(
    "map_stack_needs_thp",
    "bool",
    1,
    "MAP_STACK sets nohugepage only where CONFIG_TRANSPARENT_HUGEPAGE is set (6.15, 6.14.9, 6.12.31)",
)
