"""Every rule in which kernels differ, as a numbered parameter.

A kernel is a value for each rule; presets are YAML files with `base:` and overrides. The engine
reads ``m[H_RULES + R_X]`` and never asks for a version. To add a rule: one line here, a value in
the presets where it differs, one use in the engine. Section numbers are those of docs/kernel:
linux-2.6.21, linux-6.x, linux-more and rfp-prot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Rule:
    """One rule: its number in the engine's array, name in YAML, kind and default."""

    index: int
    name: str
    kind: Literal["bool", "int", "enum"]
    default: int
    doc: str
    choices: tuple[str, ...] = ()


RULES: dict[str, Rule] = {}
N_RULES = 320
"""Words that the engine sets aside for them."""


def _rule(name: str, kind: Literal["bool", "int"], default: int, doc: str) -> int:
    RULES[name] = Rule(len(RULES), name, kind, default, doc)
    return RULES[name].index


def _choice(name: str, choices: tuple[str, ...], default: str, doc: str) -> int:
    RULES[name] = Rule(len(RULES), name, "enum", choices.index(default), doc, choices)
    return RULES[name].index


# -- limits and sysctls (values in pages unless the name says otherwise)
R_MAX_MAP_COUNT = _rule("max_map_count", "int", 65530, "vm.max_map_count")
R_OVERCOMMIT = _rule("overcommit_memory", "int", 0, "vm.overcommit_memory: 0 guess, 1 always, 2 never")
R_OVERCOMMIT_RATIO = _rule("overcommit_ratio", "int", 50, "vm.overcommit_ratio, per cent")
R_RAM_PAGES = _rule("ram_pages", "int", 6291456, "RAM in pages")
R_SWAP_PAGES = _rule("swap_pages", "int", 0, "swap in pages")
R_MMAP_MIN_ADDR = _rule("mmap_min_addr", "int", 65536, "lowest address that a search or hint yields, bytes")
R_DAC_MMAP_MIN_ADDR = _rule(
    "dac_mmap_min_addr", "int", 4096, "vm.mmap_min_addr: mappings below it need CAP_SYS_RAWIO, bytes"
)
R_STACK_GUARD_GAP = _rule("stack_guard_gap", "int", 256, "pages kept free below a GROWSDOWN area; 0: no rule")
R_FAULT_AROUND = _rule("fault_around_bytes", "int", 65536, "window of a file read fault; one page: none")
R_RLIMIT_STACK = _rule("rlimit_stack", "int", 8388608, "initial soft limit, bytes; -1: none")
R_RLIMIT_MEMLOCK = _rule("rlimit_memlock", "int", 8388608, "initial soft limit, bytes; -1: none")
R_LEGACY_LAYOUT = _rule("legacy_va_layout", "bool", 0, "vm.legacy_va_layout: bottom-up")
R_UNLIMITED_LEGACY = _rule(
    "unlimited_stack_is_legacy", "bool", 0, "RLIMIT_STACK unlimited at exec: bottom-up layout (2.6)"
)
R_THP_MODE = _rule("thp_enabled", "int", 1, "transparent huge pages: 0 never, 1 madvise, 2 always")
R_NR_HUGEPAGES = _rule("nr_hugepages", "int", 0, "vm.nr_hugepages: pages in the pool of hugetlb, huge pages")
R_NR_OVERCOMMIT_HUGE = _rule(
    "nr_overcommit_hugepages", "int", 0, "vm.nr_overcommit_hugepages: pages the pool may grow by, huge pages"
)
R_GIGANTIC_PAGES = _rule(
    "gigantic_pages", "bool", 1, "the processor has pages of 1 GiB: their pool is known, and empty"
)
R_EXEC_STACK_PAGES = _rule(
    "exec_stack_pages",
    "int",
    33,
    "pages of the stack behind exec; what a program of unlisted areas has at least",
)
R_MAPS_EMPTY = _rule(
    "maps_empty_after_setuid",
    "bool",
    0,
    "a process that gave up root finds its own /proc maps file empty (observed on 2.6.20)",
)
R_ALL_CAPS = _rule("all_capabilities", "bool", 1, "processes start with all capabilities")
R_DATA_LIMIT = _choice(
    "rlimit_data", ("brk", "private_writable"), "private_writable", "what RLIMIT_DATA limits (4.7)"
)
R_OVERCOMMIT_GUESS = _choice(
    "overcommit_guess",
    ("request", "free"),
    "request",
    "mode 0 refuses a request larger than RAM and swap, or than what is free (before 4.20)",
)
R_MAP_COUNT_SLACK = _rule(
    "trim_needs_no_map_count",
    "bool",
    1,
    "munmap may split one edge at the limit (2.6.24); only holes need room",
)

# -- strategies
R_SEARCH = _choice(
    "address_search",
    ("highest_gap", "free_area_cache"),
    "highest_gap",
    "how a free range is found: augmented tree, or free_area_cache and cached_hole_size (2.6, 1.3 to 1.6)",
)
R_RFP = _choice(
    "remap_file_pages",
    ("emulated", "populate", "fault"),
    "emulated",
    "emulated by mmap (4.0), native through populate (2.6.21), native through faults (2.6.23)",
)
R_RFP_PROT = _choice(
    "rfp_protections",
    ("none", "posted", "intended"),
    "none",
    "MAP_CHGPROT: unknown, as posted in March 2007 with its traps, as meant",
)

# -- mmap
R_FIXED_KEEPS_OLD = _rule(
    "fixed_failure_keeps_old", "bool", 1, "a late failure of MAP_FIXED leaves the old mapping (6.12)"
)
R_LIMIT_BEFORE_UNMAP = _rule(
    "limit_before_unmap", "bool", 1, "mmap checks RLIMIT_AS before it unmaps the old range (3.x)"
)
R_HINT_MIN = _rule(
    "hint_raised_to_min",
    "bool",
    1,
    "a hint is rounded down and raised to mmap_min_addr (2.6.23); else rounded up",
)
R_FILE_SIZE_CHECK = _rule(
    "mmap_checks_file_offset", "bool", 1, "offset + length beyond the largest file: EOVERFLOW (4.17)"
)
R_SEALED_READ = _rule(
    "sealed_shared_read",
    "bool",
    1,
    "a write-sealed memfd may be mapped shared read-only (6.7, 6.1.y); else EPERM",
)
R_SHARED_ANON_PGOFF = _rule(
    "shared_anonymous_keeps_pgoff", "bool", 0, "shared anonymous memory keeps the caller's page offset (2.6)"
)
R_FILE_GROWSDOWN_EARLY = _rule(
    "file_growsdown_checked_early", "bool", 1, "MAP_GROWSDOWN of a file is refused before the unmap (3.x)"
)
R_THP_ALIGN_FILE = _rule(
    "thp_align_files",
    "bool",
    1,
    "mappings of disk files are aligned to huge pages (ext4 thp_get_unmapped_area)",
)
R_NOREPLACE = _rule("map_fixed_noreplace", "bool", 1, "MAP_FIXED_NOREPLACE is known (4.17)")
R_SHARED_VALIDATE = _rule("map_shared_validate", "bool", 1, "MAP_SHARED_VALIDATE is known (4.15)")
R_DROPPABLE = _rule("map_droppable", "bool", 1, "MAP_DROPPABLE is known (6.11)")
R_HUGETLB_GENERIC = _rule(
    "hugetlb_generic_search",
    "bool",
    1,
    "huge pages are placed by the common search (6.13): hint rounded up, MAP_32BIT heard; else down, not",
)
R_HUGETLB_RESTORE = _rule(
    "hugetlb_dontneed_reserves",
    "bool",
    1,
    "a page that its owner drops (MADV_DONTNEED) is reserved for it again (6.9)",
)
R_THP_ALIGN = _choice(
    "thp_align",
    ("never", "any_length", "multiples", "multiples_no_hint"),
    "multiples_no_hint",
    "which private anonymous requests are aligned to a huge page (6.7, 6.12, 6.13)",
)
R_STACK_NOHUGE = _rule("map_stack_nohugepage", "bool", 1, "MAP_STACK sets nohugepage (6.7)")
R_NORESERVE_FLAG = _rule("noreserve_flag", "bool", 1, "MAP_NORESERVE is kept as a VMA flag")
R_POPULATE_PRIVATE = _rule("populate_private", "bool", 1, "MAP_POPULATE works on private mappings (2.6.23)")

# -- merging
R_MERGE_FAULTED_UNFAULTED = _rule(
    "merge_faulted_into_unfaulted", "bool", 1, "a faulted piece joins an unfaulted neighbour (6.16)"
)
R_MERGE_ANON_VMA_STRICT_FORK = _rule(
    "merge_refuses_fork_child",
    "bool",
    1,
    "an anon_vma chain with more than one entry does not merge with none",
)
R_FORK_KEEPS_AV = _rule(
    "fork_shares_anon_vma",
    "bool",
    0,
    "a child's areas keep the parent's anon_vmas, so that pieces of one area join again (before 2.6.34)",
)
R_MERGE_LEFT_FIRST = _rule(
    "merge_prefers_left", "bool", 1, "three-way with clashing anon_vmas joins left (6.12); else right"
)
R_CLOSE_HOOK_BLOCKS = _rule(
    "close_hook_blocks_merge", "bool", 0, "an area with a close hook takes no part in merges (before 6.4)"
)
R_STICKY_GUARD = _rule("sticky_guard_flag", "bool", 1, "VM_MAYBE_GUARD exists and survives merges (6.18.44)")
R_ACCOUNT_STICKY = _rule(
    "account_sticky", "bool", 0, "VM_ACCOUNT stays when write is removed from an unfaulted area (6.1)"
)

# -- brk
R_BRK_FROM_END_CODE = _rule(
    "brk_from_end_code", "bool", 0, "the break may fall to the code, RLIMIT_DATA counts from the data (2.6)"
)

# -- protection keys
R_PKEYS = _rule(
    "pkeys",
    "int",
    0,
    "protection keys of the processor: 0 none, 16 x86; a recorded key shows that it had some",
)

# -- names of anonymous areas
R_ANON_NAME_CONFIG = _rule(
    "anon_vma_name",
    "bool",
    0,
    "CONFIG_ANON_VMA_NAME: prctl(PR_SET_VMA) names anonymous areas; a recorded success shows that it was set",
)
R_ANON_NAMES = _choice(
    "anon_names",
    ("none", "private", "shmem"),
    "shmem",
    "which areas PR_SET_VMA_ANON_NAME may name (5.17, 6.2)",
)

# -- guard regions
R_GUARD = _choice("guard_regions", ("none", "anonymous", "all"), "all", "MADV_GUARD_INSTALL (6.13, 6.15)")

# -- calls that exist
R_MSEAL = _rule("mseal", "bool", 1, "mseal exists (6.10)")
R_MLOCK2 = _rule("mlock2", "bool", 1, "mlock2 and MLOCK_ONFAULT exist (4.4)")
R_MADV_FREE = _rule("madv_free", "bool", 1, "MADV_FREE (4.5)")
R_WIPEONFORK = _rule("wipeonfork", "bool", 1, "MADV_WIPEONFORK; mremap old_len 0 on private EINVAL (4.14)")
R_COLD = _rule("madv_cold", "bool", 1, "MADV_COLD, MADV_PAGEOUT (5.4)")
R_POPULATE_ADVICE = _rule("madv_populate", "bool", 1, "MADV_POPULATE_READ and _WRITE (5.14)")
R_POPULATE_HOLES = _rule(
    "populate_continues_behind_holes", "bool", 0, "MADV_POPULATE goes on behind a hole (6.1)"
)
R_DONTNEED_LOCKED = _rule("madv_dontneed_locked", "bool", 1, "MADV_DONTNEED_LOCKED (5.18)")
R_COLLAPSE = _rule("madv_collapse", "bool", 1, "MADV_COLLAPSE (6.1)")

R_MADV_FLAGS = _rule(
    "madv_flags", "bool", 1, "MERGEABLE, HUGEPAGE, DONTDUMP and their opposites (2.6.32, 2.6.38, 3.4)"
)
R_MADV_CHECK_FIRST = _rule(
    "madv_checks_advice_first",
    "bool",
    1,
    "unknown advice is EINVAL even for an empty range; else where an area is",
)
R_WILLNEED_ANON = _rule(
    "madv_willneed_anonymous", "bool", 1, "WILLNEED works on anonymous memory (3.9); else EBADF"
)
R_REMOVE_MAYWRITE = _rule(
    "madv_remove_needs_maywrite",
    "bool",
    1,
    "REMOVE asks for the right to write (6.7, 6.1.y); else for PROT_WRITE",
)
R_REMOVE_LOOPS = _rule(
    "madv_remove_loops", "bool", 0, "MADV_REMOVE of a whole area and more never returns (observed on 2.6.20)"
)
R_MLOCK_26 = _rule(
    "mlock_passes_errors", "bool", 0, "mlock returns populate's own errors, EAGAIN at the map limit (2.6)"
)
R_MLOCK_FILLS_EACH = _rule(
    "mlock_fills_each_area",
    "bool",
    0,
    "mlock flags and fills area by area, stops at the first error and leaves locked areas alone (before 2.6.38)",
)
R_MPROTECT_FILLS_LOCKED = _rule(
    "mprotect_fills_locked", "bool", 1, "mprotect to writable copies the pages of locked private memory (4.2)"
)
R_MSYNC_WHOLE_FILE = _rule("msync_whole_file", "bool", 0, "MS_SYNC writes the whole file (before 3.16)")
R_RFP_MULTI = _rule(
    "rfp_spans_areas", "bool", 1, "emulated remap_file_pages may span areas, a linear request acts (4.5)"
)

# -- userfaultfd
R_UFFD = _rule("userfaultfd", "bool", 1, "userfaultfd exists (4.3)")
R_UNPRIVILEGED_UFFD = _rule(
    "unprivileged_userfaultfd",
    "bool",
    0,
    "vm.unprivileged_userfaultfd: without rights for faults of the kernel, too",
)
R_UFFD_FEATURES = _rule("userfaultfd_features", "int", 0x1FFFF, "UFFD_FEATURE_* that UFFDIO_API knows")
R_UFFD_WP_UNDO = _rule(
    "uffd_unprotect_writable",
    "bool",
    1,
    "lifting a write protection gives the write bit back (6.2); else a fault does",
)
R_UFFD_PREPARES = _rule(
    "uffd_copy_prepares",
    "bool",
    1,
    "UFFDIO_COPY and others make the anon_vma before they look (6.9); else behind it",
)
R_MEMORY_FAILURE = _rule(
    "memory_failure", "bool", 0, "CONFIG_MEMORY_FAILURE: poison is BUS_MCEERR_AR; else BUS_ADRERR"
)

# -- NUMA
R_NODES = _rule("nodes", "int", 1, "NUMA nodes that are online and have memory, numbered from 0")
R_MEMPOLICY_MODES = _rule(
    "mempolicy_modes",
    "int",
    7,
    "modes that mbind knows: 5 with LOCAL, 6 PREFERRED_MANY (5.15), 7 WEIGHTED (6.9)",
)
R_NUMA_BALANCING_MODE = _rule("numa_balancing_mode", "bool", 1, "MPOL_F_NUMA_BALANCING is known (5.12)")
R_HOME_NODE = _rule("home_node", "bool", 1, "set_mempolicy_home_node exists (5.17)")

# -- huge pages by request and by process
R_COLLAPSE_READ_ONLY = _rule(
    "collapse_read_only", "bool", 1, "MADV_COLLAPSE works without a single writable PTE (6.18); else EINVAL"
)
R_SPLIT_MAPS_ZERO = _rule(
    "split_maps_zero_pages",
    "bool",
    1,
    "splitting a huge page maps the zero page where it is all zeros (6.12)",
)
R_THP_DISABLE_ADVISED = _rule(
    "thp_disable_except_advised", "bool", 1, "PR_SET_THP_DISABLE knows PR_THP_DISABLE_EXCEPT_ADVISED (6.18)"
)
R_KSM_PROCESS = _choice(
    "ksm_by_process",
    ("none", "after_merge", "before_merge"),
    "before_merge",
    "PR_SET_MEMORY_MERGE (6.4): a new mapping gets the flag after it may have joined, or before (6.17)",
)
R_MDWE = _choice(
    "mdwe", ("none", "inherited", "no_inherit"), "no_inherit", "PR_SET_MDWE (6.3), with NO_INHERIT (6.6)"
)

# -- mremap
R_MREMAP_LOOKUP_FIRST = _rule(
    "mremap_needs_area", "bool", 1, "EFAULT without an area at the old address, whatever is asked (3.x)"
)
R_MREMAP_GROW_MERGES = _rule("mremap_growth_merges", "bool", 1, "growth in place joins the next area (6.0)")
R_MREMAP_CHARGE_EFAULT = _rule(
    "mremap_charge_efault", "bool", 0, "a refused charge is EFAULT, EAGAIN if locked (2.6); else ENOMEM"
)
R_MREMAP_CHARGES_FIRST = _rule(
    "mremap_charges_first", "bool", 0, "growth is charged before room is looked for (before 5.11)"
)
R_MREMAP_OVERLAP_OLD = _rule(
    "mremap_empty_range_overlaps",
    "bool",
    0,
    "the target may not hold the old address even where the old length is 0 (before 4.3)",
)
R_ZERO_FILE_PGOFF = _rule(
    "moved_zero_file_takes_pgoff",
    "bool",
    1,
    "unfaulted private /dev/zero takes the page offset of its new address as anonymous memory does (4.3)",
)
R_DONTUNMAP_JOINS = _choice(
    "dontunmap_joins_source",
    ("never", "others_only", "source"),
    "source",
    "MREMAP_DONTUNMAP's copy beside its source: joins nobody, joins other neighbours only, joins the source"
    " (asked of the updates 6.1.176, 6.1.192, 6.12.117, 6.18.44, 7.2.13)",
)
R_DONTUNMAP_UNLOCKS = _choice(
    "dontunmap_unlocks",
    ("area", "range"),
    "area",
    "MREMAP_DONTUNMAP of a part takes the lock from the whole source, or from the part, which splits"
    " (asked of the updates 6.1.192, 6.18.44, 7.2.13)",
)
R_DONTUNMAP = _choice("mremap_dontunmap", ("none", "anonymous", "all"), "all", "MREMAP_DONTUNMAP (5.7, 5.13)")
R_MREMAP_MULTI = _rule("mremap_moves_several", "bool", 1, "a move may span VMAs (6.17)")
R_MREMAP_CHECK_FIRST = _rule(
    "mremap_checks_first",
    "bool",
    1,
    "parameters are checked before the VMA, and before the target is unmapped (6.17)",
)
R_MREMAP_EARLY_COUNT = _rule(
    "mremap_early_map_count", "bool", 1, "FIXED and DONTUNMAP check map_count early (5.15)"
)

# -- System V segments and files
R_SHMDT_SAME_FILE = _rule(
    "shmdt_same_attach", "bool", 1, "shmdt goes on only with pieces of the attach that it met first (3.19)"
)
R_FALLOCATE_FLAGS = _choice(
    "fallocate_modes",
    ("flags", "exclusive"),
    "exclusive",
    "COLLAPSE, INSERT or UNSHARE with another flag: EINVAL, or EOPNOTSUPP as any mix (6.12)",
)

# -- special mappings
R_ANON_INODE_NOEXEC = _rule(
    "anon_inode_noexec",
    "bool",
    1,
    "mappings of perf, io_uring, bpf, kvm and sockets may not be made executable (6.16)",
)
R_PERF_RING_PFN = _rule("perf_ring_pfn", "bool", 1, "a perf ring's pages are there at mmap: pf io (6.14)")
R_URING_CHOOSES = _rule(
    "io_uring_chooses_address", "bool", 1, "rings of io_uring may not be mapped at an asked address (6.4)"
)
R_URING_PFN = _rule(
    "io_uring_pfn", "bool", 0, "rings of io_uring are mapped as page frames: pf io (before 6.10)"
)
R_SECRETMEM = _rule("secretmem", "bool", 1, "memfd_secret works (on by default since 6.5); else ENOSYS")
R_SECRETMEM_LOCKED = _rule("secretmem_locked", "bool", 1, "mappings of memfd_secret have lo (until 7.1)")
R_AIO_DONTCOPY = _rule("aio_dontcopy", "bool", 0, "rings of aio have dc (7.x)")
R_DOFORK = _choice(
    "dofork_refused_on",
    ("io", "special"),
    "io",
    "areas that MADV_DOFORK refuses: io, or de, pf and mm too (7.x)",
)
R_VVAR_MIXED = _rule("vvar_mixed", "bool", 0, "[vvar] is mm, not pf (7.x)")
R_POSSIBLE_CPUS = _rule(
    "possible_cpus", "int", 1, "possible processors: an aio ring has room for at least eight events each"
)

# -- faults
R_PER_VMA_PTES_UPGRADE = _rule(
    "mprotect_upgrades_ptes", "bool", 1, "mprotect makes exclusive dirty PTEs writable again (6.1)"
)
R_FOLIO_MAP = _rule("map_whole_folio", "bool", 1, "a file fault maps the whole large folio (6.18)")
R_PT_RECLAIM = _rule("pt_reclaim", "bool", 1, "DONTNEED of a whole table frees it (6.14)")
R_COW_PREPARES_FIRST = _rule(
    "cow_prepares_first",
    "bool",
    1,
    "a private write fault makes the anon_vma before it meets end of file (3.15)",
)
R_HUGE_ZERO_WP = _rule(
    "huge_zero_write_whole",
    "bool",
    1,
    "a write to the huge zero page allocates a huge page (6.13); else splits",
)
R_POPULATE_SHARED_WRITE = _rule(
    "populate_dirties_shared", "bool", 0, "mlock and populate fault shared writable pages by writes (2.6)"
)
R_MAKE_PRESENT = _rule(
    "make_pages_present",
    "bool",
    0,
    "populate reports EFAULT, or -1 (EPERM) after some pages; needs rights (2.6)",
)
R_MINCORE_ANON = _rule(
    "mincore_sees_ptes", "bool", 1, "mincore knows anonymous memory and file PTEs (2.6.21); before, ENOMEM"
)
R_WRITE_NOTIFY = _rule("write_notify", "bool", 1, "clean shared file pages are write-protected (2.6.19)")

# -- shown in /proc
R_HEAP_NAME_STRICT = _rule(
    "heap_name_strict", "bool", 1, "[heap] needs start < brk and end > start_brk (6.6); else <= and >="
)
R_LF_NAMED = _rule("lockonfault_named", "bool", 1, "smaps prints lf; before, ??")
R_MAPS_ANON_PGOFF = _rule(
    "maps_shows_anonymous_pgoff", "bool", 0, "the offset column of private anonymous areas is pgoff (2.6)"
)

# -- sizes, for reports of memory. Counted from struct vm_area_struct of each kernel with NUMA and userfaultfd,
#    together with its lock where that is apart; 192 is what slabinfo of 6.18.44 says.
R_VMA_BYTES = _rule("vma_bytes", "int", 192, "bytes of one VMA record, 64-bit")
R_VMA_BYTES_32 = _rule("vma_bytes_32", "int", 80, "bytes of one VMA record, 32-bit")
# Add further rules below their subject; numbers are positions and are never stored.

# -- protections in file PTEs: traps of the posted series, each a rule, and two rules of our own
R_RFP_LOST_FLAG = _rule(
    "rfp_lost_flag",
    "bool",
    0,
    "T1: MAP_CHGPROT on an area that is non-linear already does not mark it (posted)",
)
R_RFP_ABSENT_UNCHECKED = _rule(
    "rfp_absent_unchecked",
    "bool",
    0,
    "T2: faults on absent pages are not checked, and writes make the PTE writable (posted)",
)
R_RFP_MPROTECT_FIRST = _rule(
    "rfp_mprotect_checks_first_only",
    "bool",
    0,
    "T4: mprotect refuses only if the first area has many protections (posted); else if any has",
)
R_RFP_SAVES_ALL = _rule(
    "rfp_saves_every_page",
    "bool",
    0,
    "the saver's comparison is never equal: every page leaves a file PTE (posted)",
)
R_RFP_CHECKS_FIRST = _rule(
    "rfp_checks_before_change", "bool", 1, "EPERM changes nothing (the fix of 2007-04-01)"
)
R_RFP_EXEC_AS_READ = _rule(
    "rfp_exec_as_read", "bool", 0, "fault handlers pass an instruction fetch as a read (posted)"
)
R_RFP_SHMEM_ONLY = _rule(
    "rfp_shmem_only",
    "bool",
    0,
    "a rule of our own: MAP_CHGPROT outside shmem is EINVAL, as the cover letter suggests",
)
R_RFP_PRIVATE = _rule(
    "rfp_private", "bool", 0, "a rule of our own: MAP_CHGPROT on private areas changes protections in place"
)
R_MKCLEAN_NONLINEAR = _rule(
    "mkclean_nonlinear",
    "bool",
    0,
    "writeback write-protects pages of non-linear areas too (per-PTE protections, rfp-prot 5); 2.6 passes them over",
)
