"""Names of the kernel's numbers: protections, flags, advice, resources.

The numbers are those of the generic ABI (include/uapi/asm-generic, x86), which the event table
uses whatever the architecture. Shared by every reader and writer.
"""

from __future__ import annotations

from .fcntl import (
    F_SEAL_EXEC,
    F_SEAL_FUTURE_WRITE,
    F_SEAL_GROW,
    F_SEAL_SEAL,
    F_SEAL_SHRINK,
    F_SEAL_WRITE,
)
from .sysv import SHM_EXEC, SHM_RDONLY, SHM_REMAP, SHM_RND

PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC, PROT_SEM = 0, 1, 2, 4, 8
PROT_GROWSDOWN, PROT_GROWSUP = 0x0100_0000, 0x0200_0000
PROT: dict[str, int] = {
    "none": 0,
    "read": PROT_READ,
    "write": PROT_WRITE,
    "exec": PROT_EXEC,
    "sem": PROT_SEM,
    "growsdown": PROT_GROWSDOWN,
    "growsup": PROT_GROWSUP,
}

MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE, MAP_DROPPABLE = 1, 2, 3, 8
MAP_TYPE = 0x0F
MAP_FIXED, MAP_ANONYMOUS, MAP_32BIT, MAP_GROWSDOWN = 0x10, 0x20, 0x40, 0x100
MAP_LOCKED, MAP_NORESERVE, MAP_POPULATE, MAP_NONBLOCK = 0x2000, 0x4000, 0x8000, 0x10000
MAP_STACK, MAP_HUGETLB, MAP_SYNC, MAP_FIXED_NOREPLACE = 0x20000, 0x40000, 0x80000, 0x100000
MAP_TYPES: dict[str, int] = {
    "shared": MAP_SHARED,
    "private": MAP_PRIVATE,
    "shared_validate": MAP_SHARED_VALIDATE,
    "droppable": MAP_DROPPABLE,
}
MAP: dict[str, int] = {
    **MAP_TYPES,
    "fixed": MAP_FIXED,
    "anonymous": MAP_ANONYMOUS,
    "32bit": MAP_32BIT,
    "growsdown": MAP_GROWSDOWN,
    "denywrite": 0x800,
    "executable": 0x1000,
    "locked": MAP_LOCKED,
    "noreserve": MAP_NORESERVE,
    "populate": MAP_POPULATE,
    "nonblock": MAP_NONBLOCK,
    "stack": MAP_STACK,
    "hugetlb": MAP_HUGETLB,
    "sync": MAP_SYNC,
    "fixed_noreplace": MAP_FIXED_NOREPLACE,
    "uninitialized": 0x4000000,
}

RFP_CHGPROT = 1 << 40
"""MAP_CHGPROT asked for by name; the engine takes it like the architecture's own value (A_CHGPROT)."""
RFP: dict[str, int] = {"nonblock": MAP_NONBLOCK, "chgprot": RFP_CHGPROT}

MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED = 0, 1, 2, 3, 4
MADV_FREE, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK = 8, 9, 10, 11
MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HUGEPAGE, MADV_NOHUGEPAGE = 12, 13, 14, 15
MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK, MADV_KEEPONFORK = 16, 17, 18, 19
MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE = 20, 21, 22, 23
MADV_DONTNEED_LOCKED, MADV_COLLAPSE = 24, 25
MADV_GUARD_INSTALL, MADV_GUARD_REMOVE = 102, 103
MS_ASYNC, MS_INVALIDATE, MS_SYNC = 1, 2, 4

OVERCOMMIT_GUESS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER = 0, 1, 2
"""vm.overcommit_memory; NEVER: what all processes have is counted against one limit."""

MLOCK_ONFAULT = 1
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_DONTUNMAP = 1, 2, 4

MREMAP: dict[str, int] = {"maymove": MREMAP_MAYMOVE, "fixed": MREMAP_FIXED, "dontunmap": MREMAP_DONTUNMAP}
MS: dict[str, int] = {"async": MS_ASYNC, "invalidate": MS_INVALIDATE, "sync": MS_SYNC}
MLOCK2: dict[str, int] = {"onfault": MLOCK_ONFAULT}
MCL: dict[str, int] = {"current": MCL_CURRENT, "future": MCL_FUTURE, "onfault": MCL_ONFAULT}
SHM: dict[str, int] = {"rdonly": SHM_RDONLY, "rnd": SHM_RND, "remap": SHM_REMAP, "exec": SHM_EXEC}
SEALS: dict[str, int] = {
    "seal": F_SEAL_SEAL,
    "shrink": F_SEAL_SHRINK,
    "grow": F_SEAL_GROW,
    "write": F_SEAL_WRITE,
    "future_write": F_SEAL_FUTURE_WRITE,
    "exec": F_SEAL_EXEC,
}
FALLOC: dict[str, int] = {
    "keep_size": 1,
    "punch_hole": 2,
    "collapse_range": 8,
    "zero_range": 16,
    "insert_range": 32,
}

ADVICE: dict[str, int] = {
    "normal": MADV_NORMAL,
    "random": MADV_RANDOM,
    "sequential": MADV_SEQUENTIAL,
    "willneed": MADV_WILLNEED,
    "dontneed": MADV_DONTNEED,
    "free": MADV_FREE,
    "remove": MADV_REMOVE,
    "dontfork": MADV_DONTFORK,
    "dofork": MADV_DOFORK,
    "mergeable": MADV_MERGEABLE,
    "unmergeable": MADV_UNMERGEABLE,
    "hugepage": MADV_HUGEPAGE,
    "nohugepage": MADV_NOHUGEPAGE,
    "dontdump": MADV_DONTDUMP,
    "dodump": MADV_DODUMP,
    "wipeonfork": MADV_WIPEONFORK,
    "keeponfork": MADV_KEEPONFORK,
    "cold": MADV_COLD,
    "pageout": MADV_PAGEOUT,
    "populate_read": MADV_POPULATE_READ,
    "populate_write": MADV_POPULATE_WRITE,
    "dontneed_locked": MADV_DONTNEED_LOCKED,
    "collapse": MADV_COLLAPSE,
    "hwpoison": 100,
    "soft_offline": 101,
    "guard_install": MADV_GUARD_INSTALL,
    "guard_remove": MADV_GUARD_REMOVE,
}

RLIM_DATA, RLIM_STACK, RLIM_MEMLOCK, RLIM_AS = 2, 3, 8, 9
RLIM_INFINITY = -1
RLIMITS: dict[str, int] = {
    "cpu": 0,
    "fsize": 1,
    "data": RLIM_DATA,
    "stack": RLIM_STACK,
    "core": 4,
    "rss": 5,
    "nproc": 6,
    "nofile": 7,
    "memlock": RLIM_MEMLOCK,
    "as": RLIM_AS,
}

THP_WORDS: dict[str, int] = {
    **{"never": 0, "madvise": 1, "advise": 1, "always": 2},
    **{"within_size": 3, "deny": 4, "force": 5},
}
"""Words of transparent_hugepage/enabled (the first three) and shmem_enabled (all but madvise)."""

PKEY_DISABLE_ACCESS, PKEY_DISABLE_WRITE = 1, 2
PKEY_RIGHTS: dict[str, int] = {
    "disable_access": PKEY_DISABLE_ACCESS,
    "disable_write": PKEY_DISABLE_WRITE,
    "disable_execute": 4,
    "PKEY_DISABLE_ACCESS": PKEY_DISABLE_ACCESS,
    "PKEY_DISABLE_WRITE": PKEY_DISABLE_WRITE,
    "PKEY_DISABLE_EXECUTE": 4,
    "PKEY_DISABLE_READ": 8,
}

HUGE_SIZE_SHIFT = 26
"""Where flags of mmap, memfd_create and shmget have log2 of a page size."""
HUGE_DEFAULT = 2
"""In place of that number in a scenario's event: the machine's default size."""
MFD: dict[str, int] = {"cloexec": 1, "allow_sealing": 2, "hugetlb": 4, "noexec_seal": 8, "exec": 16}

MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE = 0, 1, 2, 3
MPOL_LOCAL, MPOL_PREFERRED_MANY, MPOL_WEIGHTED_INTERLEAVE = 4, 5, 6
MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES, MPOL_F_NUMA_BALANCING = 0x8000, 0x4000, 0x2000
MPOL_MF_STRICT, MPOL_MF_MOVE, MPOL_MF_MOVE_ALL = 1, 2, 4
MPOL: dict[str, int] = {
    "default": MPOL_DEFAULT,
    "preferred": MPOL_PREFERRED,
    "bind": MPOL_BIND,
    "interleave": MPOL_INTERLEAVE,
    "local": MPOL_LOCAL,
    "preferred_many": MPOL_PREFERRED_MANY,
    "weighted_interleave": MPOL_WEIGHTED_INTERLEAVE,
    "static_nodes": MPOL_F_STATIC_NODES,
    "relative_nodes": MPOL_F_RELATIVE_NODES,
    "numa_balancing": MPOL_F_NUMA_BALANCING,
    "f_static_nodes": MPOL_F_STATIC_NODES,
    "f_relative_nodes": MPOL_F_RELATIVE_NODES,
    "f_numa_balancing": MPOL_F_NUMA_BALANCING,
}
MPOL_MF: dict[str, int] = {"strict": MPOL_MF_STRICT, "move": MPOL_MF_MOVE, "move_all": MPOL_MF_MOVE_ALL}

UFFD_USER_MODE_ONLY = 1
UFFD: dict[str, int] = {
    "user_mode_only": UFFD_USER_MODE_ONLY,
    "UFFD_USER_MODE_ONLY": UFFD_USER_MODE_ONLY,
    "O_CLOEXEC": 0o2000000,
    "O_NONBLOCK": 0o4000,
}
UFFD_FEATURES: dict[str, int] = {
    "pagefault_flag_wp": 1 << 0,
    "event_fork": 1 << 1,
    "event_remap": 1 << 2,
    "event_remove": 1 << 3,
    "missing_hugetlbfs": 1 << 4,
    "missing_shmem": 1 << 5,
    "event_unmap": 1 << 6,
    "sigbus": 1 << 7,
    "thread_id": 1 << 8,
    "minor_hugetlbfs": 1 << 9,
    "minor_shmem": 1 << 10,
    "exact_address": 1 << 11,
    "wp_hugetlbfs_shmem": 1 << 12,
    "wp_unpopulated": 1 << 13,
    "poison": 1 << 14,
    "wp_async": 1 << 15,
    "move": 1 << 16,
}
UFFD_MODES: dict[str, int] = {"missing": 1, "wp": 2, "minor": 4}  # of UFFDIO_REGISTER
UFFD_COPY_MODES: dict[str, int] = {"dontwake": 1, "wp": 2}
UFFD_WP_MODES: dict[str, int] = {"wp": 1, "dontwake": 2}
UFFD_WAKE_MODES: dict[str, int] = {"dontwake": 1}  # of ZEROPAGE, CONTINUE (which has wp too), POISON
UFFD_MOVE_MODES: dict[str, int] = {"dontwake": 1, "allow_src_holes": 2}

PERSONALITIES: dict[str, int] = {
    "per_linux": 0,
    "per_linux32": 8,
    "addr_no_randomize": 0x0040000,
    "mmap_page_zero": 0x0100000,
    "addr_compat_layout": 0x0200000,
    "read_implies_exec": 0x0400000,
    "addr_limit_32bit": 0x0800000,
    "addr_limit_3gb": 0x8000000,
}

READ_IMPLIES_EXEC, ADDR_COMPAT_LAYOUT = 0x0400000, 0x0200000  # of personality

CLONE_VM, CLONE_FILES, CLONE_PIDFD, CLONE_VFORK, CLONE_THREAD = 0x100, 0x400, 0x1000, 0x4000, 0x10000
THREAD_FLAGS = 0x3D0F00  # what pthread_create of glibc passes


def flag_words(value: int, table: dict[str, int]) -> list[str | int]:
    """`value` as names of single bits of `table`, and one number for the bits without a name."""
    words: list[str | int] = []
    for name, bit in table.items():
        if bit and value & bit == bit:
            words.append(name)
            value &= ~bit
    if value:
        words.append(value)
    return words


def mode_words(value: int, table: dict[str, int]) -> list[str | int]:
    """A NUMA policy as a scenario writes it: the mode first, then the bits."""
    mode = value & 0xFF
    bits = {name: bit for name, bit in table.items() if bit > 0xFF}
    return [
        {number: name for name, number in table.items()}.get(mode, mode),
        *flag_words(value & ~0xFF, bits),
    ]


def map_words(value: int) -> list[str | int]:
    """mmap flags as a scenario writes them: the type first, then the bits."""
    kind = value & MAP_TYPE
    words: list[str | int] = [{number: name for name, number in MAP_TYPES.items()}.get(kind, kind)]
    bits = {name: bit for name, bit in MAP.items() if bit > MAP_TYPE}
    return words + flag_words(value & ~MAP_TYPE, bits)


def prot_word(value: int) -> str | int:
    """A protection as a scenario writes it: letters, ``none``, or the number if it has other bits."""
    if value == 0:
        return "none"
    if value & ~7:
        return value
    return "".join(letter for letter, bit in (("r", 1), ("w", 2), ("x", 4)) if value & bit)
