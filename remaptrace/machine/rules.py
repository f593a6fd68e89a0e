"""Every rule in which kernels differ, as a numbered parameter.

A kernel is a value for each rule; presets are YAML files with `base:` and overrides. The engine
reads ``m[H_RULES + R_X]`` and never asks for a version. To add a rule: one line here, in `callrules` or in
`limitrules`, a value in the presets where it differs, one use in the engine. Section numbers are those of
docs/kernel: linux-2.6.21, linux-6.x, linux-more and rfp-prot.
"""

from __future__ import annotations

from . import callrules  # noqa: F401 (registered first)
from .ruletable import N_RULES, RULES, Rule, choice, rule

__all__ = ["N_RULES", "RULES", "Rule"]

# -- strategies
R_SEARCH = choice(
    "address_search",
    ("highest_gap", "free_area_cache"),
    "highest_gap",
    "how a free range is found: augmented tree, or free_area_cache and cached_hole_size (2.6, 1.3 to 1.6)",
)
R_RFP = choice(
    "remap_file_pages",
    ("emulated", "populate", "fault"),
    "emulated",
    "emulated by mmap (4.0), native through populate (2.6.21), native through faults (2.6.23)",
)
R_RFP_PROT = choice(
    "rfp_protections",
    ("none", "posted", "intended"),
    "none",
    "MAP_CHGPROT: unknown, as posted in March 2007 with its traps, as meant",
)

# -- mmap
R_FIXED_KEEPS_OLD = rule(
    "fixed_failure_keeps_old", "bool", 1, "a late failure of MAP_FIXED leaves the old mapping (6.12)"
)
R_LIMIT_BEFORE_UNMAP = rule(
    "limit_before_unmap", "bool", 1, "mmap checks RLIMIT_AS before it unmaps the old range (3.x)"
)
R_HINT_MIN = rule(
    "hint_raised_to_min",
    "bool",
    1,
    "a hint is rounded down and raised to mmap_min_addr (2.6.23); else rounded up",
)
R_FILE_SIZE_CHECK = rule(
    "mmap_checks_file_offset", "bool", 1, "offset + length beyond the largest file: EOVERFLOW (4.17)"
)
R_SEALED_READ = rule(
    "sealed_shared_read",
    "bool",
    1,
    "a write-sealed memfd may be mapped shared read-only (6.7, 6.1.y); else EPERM",
)
R_SHARED_ANON_PGOFF = rule(
    "shared_anonymous_keeps_pgoff", "bool", 0, "shared anonymous memory keeps the caller's page offset (2.6)"
)
R_FILE_GROWSDOWN_EARLY = rule(
    "file_growsdown_checked_early", "bool", 1, "MAP_GROWSDOWN of a file is refused before the unmap (3.x)"
)
R_THP_ALIGN_FILE = rule(
    "thp_align_files",
    "bool",
    1,
    "mappings of disk files are aligned to huge pages (ext4 thp_get_unmapped_area)",
)
R_NOREPLACE = rule("map_fixed_noreplace", "bool", 1, "MAP_FIXED_NOREPLACE is known (4.17)")
R_SHARED_VALIDATE = rule("map_shared_validate", "bool", 1, "MAP_SHARED_VALIDATE is known (4.15)")
R_DROPPABLE = rule("map_droppable", "bool", 1, "MAP_DROPPABLE is known (6.11)")
R_MEMFD_EXEC = rule("memfd_exec", "bool", 1, "MFD_EXEC, MFD_NOEXEC_SEAL and F_SEAL_EXEC are known (6.3)")
R_HUGETLB_GENERIC = rule(
    "hugetlb_generic_search",
    "bool",
    1,
    "huge pages are placed by the common search (6.13): hint rounded up, MAP_32BIT heard; else down, not",
)
R_FORK_HUGETLB = rule(
    "fork_copies_hugetlb",
    "bool",
    0,
    "fork copies the page tables of shared huge pages, too (before 6.0); else the child faults",
)
R_HUGETLB_RESTORE = rule(
    "hugetlb_dontneed_reserves",
    "bool",
    1,
    "a page that its owner drops (MADV_DONTNEED) is reserved for it again (6.9)",
)
R_THP_ALIGN = choice(
    "thp_align",
    ("never", "any_length", "multiples", "multiples_no_hint"),
    "multiples_no_hint",
    "which private anonymous requests are aligned to a huge page (6.7, 6.12, 6.13)",
)
R_THP_ALIGN_TOP = rule(
    "thp_align_from_top",
    "bool",
    1,
    "an aligned search from the top keeps to the top of a gap that ends aligned (6.8); else 2 MiB stay free",
)
R_STACK_NOHUGE = rule("map_stack_nohugepage", "bool", 1, "MAP_STACK sets nohugepage (6.7)")
R_NORESERVE_FLAG = rule("noreserve_flag", "bool", 1, "MAP_NORESERVE is kept as a VMA flag")
R_POPULATE_PRIVATE = rule("populate_private", "bool", 1, "MAP_POPULATE works on private mappings (2.6.23)")

# -- merging
R_MERGE_FAULTED_UNFAULTED = rule(
    "merge_faulted_into_unfaulted", "bool", 1, "a faulted piece joins an unfaulted neighbour (6.16)"
)
R_MERGE_ANON_VMA_STRICT_FORK = rule(
    "merge_refuses_fork_child",
    "bool",
    1,
    "an anon_vma chain with more than one entry does not merge with none",
)
R_FORK_KEEPS_AV = rule(
    "fork_shares_anon_vma",
    "bool",
    0,
    "a child's areas keep the parent's anon_vmas, so that pieces of one area join again (before 2.6.34)",
)
R_MERGE_LEFT_FIRST = rule(
    "merge_prefers_left",
    "bool",
    1,
    "three-way with clashing anon_vmas joins left (until 6.0, and again after 6.1, by 6.12); else right",
)
R_CLOSE_HOOK_BLOCKS = rule(
    "close_hook_blocks_merge", "bool", 0, "an area with a close hook takes no part in merges (before 6.4)"
)
R_STICKY_GUARD = rule("sticky_guard_flag", "bool", 1, "VM_MAYBE_GUARD exists and survives merges (6.18.44)")
R_ACCOUNT_STICKY = rule(
    "account_sticky", "bool", 0, "VM_ACCOUNT stays when write is removed from an unfaulted area (6.1)"
)

# -- brk
R_BRK_FROM_END_CODE = rule(
    "brk_from_end_code", "bool", 0, "the break may fall to the code, RLIMIT_DATA counts from the data (2.6)"
)

# -- protection keys
R_PKEYS = rule(
    "pkeys",
    "int",
    0,
    "protection keys of the processor: 0 none, 16 x86; a recorded key shows that it had some",
    least=0,
    most=32,
)

# -- names of anonymous areas
R_ANON_NAME_CONFIG = rule(
    "anon_vma_name",
    "bool",
    0,
    "CONFIG_ANON_VMA_NAME: prctl(PR_SET_VMA) names anonymous areas; a recorded success shows that it was set",
)
R_ANON_NAMES = choice(
    "anon_names",
    ("none", "private", "shmem"),
    "shmem",
    "which areas PR_SET_VMA_ANON_NAME may name (5.17, 6.2)",
)

# -- special mappings
R_ANON_INODE_NOEXEC = rule(
    "anon_inode_noexec",
    "bool",
    1,
    "mappings of perf, io_uring, bpf, kvm and sockets may not be made executable (6.16)",
)
R_PERF_RING_PFN = rule("perf_ring_pfn", "bool", 1, "a perf ring's pages are there at mmap: pf io (6.14)")
R_URING_CHOOSES = rule(
    "io_uring_chooses_address", "bool", 1, "rings of io_uring may not be mapped at an asked address (6.4)"
)
R_URING_PFN = rule(
    "io_uring_pfn", "bool", 0, "rings of io_uring are mapped as page frames: pf io (before 6.10)"
)
R_URING_MASK = rule(
    "io_uring_masks_offset",
    "bool",
    1,
    "an offset names a ring of io_uring by its upper bits (6.4); else exactly",
)
R_FPUT_LATE = rule(
    "files_put_late",
    "bool",
    1,
    "a file whose last mapping is replaced goes when the call returns (fput, 3.6)",
)
R_SECRETMEM = rule("secretmem", "bool", 1, "memfd_secret works (on by default since 6.5); else ENOSYS")
R_SECRETMEM_LOCKED = rule("secretmem_locked", "bool", 1, "mappings of memfd_secret have lo (until 7.1)")
R_AIO_DONTCOPY = rule("aio_dontcopy", "bool", 0, "rings of aio have dc (7.x)")
R_DOFORK = choice(
    "dofork_refused_on",
    ("io", "special"),
    "io",
    "areas that MADV_DOFORK refuses: io, or de, pf and mm too (7.x)",
)
R_VVAR_MIXED = rule("vvar_mixed", "bool", 0, "[vvar] is mm, not pf (7.x)")
R_POSSIBLE_CPUS = rule(
    "possible_cpus",
    "int",
    1,
    "possible processors: an aio ring has room for at least eight events each",
    least=1,
)

# -- faults
R_PER_VMA_PTES_UPGRADE = choice(
    "mprotect_upgrades_ptes",
    ("none", "dirty", "exclusive"),
    "exclusive",
    "mprotect makes PTEs of exclusive private pages writable again: dirty ones (6.1), all (6.2); those of a split huge"
    " page are not dirty in 6.1",
)
UPGRADE_NONE, UPGRADE_DIRTY, UPGRADE_EXCLUSIVE = 0, 1, 2
R_FOLIO_MAP = rule("map_whole_folio", "bool", 1, "a file fault maps the whole large folio (6.18)")
R_PT_RECLAIM = rule("pt_reclaim", "bool", 1, "DONTNEED of a whole table frees it (6.14)")
R_COW_PREPARES_FIRST = rule(
    "cow_prepares_first",
    "bool",
    1,
    "a private write fault makes the anon_vma before it meets end of file (3.15)",
)
R_HUGE_ZERO_WP = rule(
    "huge_zero_write_whole",
    "bool",
    1,
    "a write to the huge zero page allocates a huge page (6.13); else splits",
)
R_POPULATE_SHARED_WRITE = rule(
    "populate_dirties_shared", "bool", 0, "mlock and populate fault shared writable pages by writes (2.6)"
)
R_MAKE_PRESENT = rule(
    "make_pages_present",
    "bool",
    0,
    "populate reports EFAULT, or -1 (EPERM) after some pages; needs rights (2.6)",
)
R_MINCORE_ANON = rule(
    "mincore_sees_ptes", "bool", 1, "mincore knows anonymous memory and file PTEs (2.6.21); before, ENOMEM"
)
R_PIN_UNSHARES = rule(
    "pin_unshares", "bool", 1, "process_vm_readv copies private pages that a fork shares (5.19, GUP FOLL_PIN)"
)
R_WRITE_NOTIFY = rule("write_notify", "bool", 1, "clean shared file pages are write-protected (2.6.19)")

# -- shown in /proc
R_HEAP_NAME_STRICT = rule(
    "heap_name_strict", "bool", 1, "[heap] needs start < brk and end > start_brk (6.6); else <= and >="
)
R_LF_NAMED = rule("lockonfault_named", "bool", 1, "smaps prints lf; before, ??")
R_MAPS_ANON_PGOFF = rule(
    "maps_shows_anonymous_pgoff", "bool", 0, "the offset column of private anonymous areas is pgoff (2.6)"
)

# -- sizes, for reports of memory. Counted from struct vm_area_struct of each kernel with NUMA and userfaultfd,
#    together with its lock where that is apart; 192 is what slabinfo of 6.18.44 says.
R_VMA_BYTES = rule("vma_bytes", "int", 192, "bytes of one VMA record, 64-bit")
R_VMA_BYTES_32 = rule("vma_bytes_32", "int", 80, "bytes of one VMA record, 32-bit")
