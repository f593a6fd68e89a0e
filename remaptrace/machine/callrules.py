"""Rules of single calls: which exist, and what each does otherwise in one kernel than in another."""

from __future__ import annotations

from . import limitrules  # noqa: F401 (registered first)
from .ruletable import choice, rule

# -- guard regions
R_GUARD = choice("guard_regions", ("none", "anonymous", "all"), "all", "MADV_GUARD_INSTALL (6.13, 6.15)")

# -- calls that exist
R_MSEAL = rule("mseal", "bool", 1, "mseal exists (6.10)")
R_SEAL_ZERO = rule(
    "sealed_zero_file_kept", "bool", 1, "advice that discards spares sealed private /dev/zero, too (6.17)"
)
R_MLOCK2 = rule("mlock2", "bool", 1, "mlock2 and MLOCK_ONFAULT exist (4.4)")
R_MADV_FREE = rule("madv_free", "bool", 1, "MADV_FREE (4.5)")
R_WIPEONFORK = rule("wipeonfork", "bool", 1, "MADV_WIPEONFORK; mremap old_len 0 on private EINVAL (4.14)")
R_COLD = rule("madv_cold", "bool", 1, "MADV_COLD, MADV_PAGEOUT (5.4)")
R_POPULATE_ADVICE = rule("madv_populate", "bool", 1, "MADV_POPULATE_READ and _WRITE (5.14)")
R_POPULATE_HOLES = rule(
    "populate_continues_behind_holes", "bool", 0, "MADV_POPULATE goes on behind a hole (6.1)"
)
R_DONTNEED_LOCKED = rule("madv_dontneed_locked", "bool", 1, "MADV_DONTNEED_LOCKED (5.18)")
R_COLLAPSE = rule("madv_collapse", "bool", 1, "MADV_COLLAPSE (6.1)")
R_MADV_FLAGS = rule(
    "madv_flags", "bool", 1, "MERGEABLE, HUGEPAGE, DONTDUMP and their opposites (2.6.32, 2.6.38, 3.4)"
)
R_MADV_CHECK_FIRST = rule(
    "madv_checks_advice_first",
    "bool",
    1,
    "unknown advice is EINVAL even for an empty range; else where an area is",
)
R_WILLNEED_ANON = rule(
    "madv_willneed_anonymous", "bool", 1, "WILLNEED works on anonymous memory (3.9); else EBADF"
)
R_REMOVE_MAYWRITE = rule(
    "madv_remove_needs_maywrite",
    "bool",
    1,
    "REMOVE asks for the right to write (6.7, 6.1.y); else for PROT_WRITE",
)
R_REMOVE_LOOPS = rule(
    "madv_remove_loops", "bool", 0, "MADV_REMOVE of a whole area and more never returns (observed on 2.6.20)"
)
R_MLOCK_26 = rule(
    "mlock_passes_errors", "bool", 0, "mlock returns populate's own errors, EAGAIN at the map limit (2.6)"
)
R_MLOCK_FILLS_EACH = rule(
    "mlock_fills_each_area",
    "bool",
    0,
    "mlock flags and fills area by area, stops at the first error and leaves locked areas alone (before 2.6.38)",
)
R_MPROTECT_FILLS_LOCKED = rule(
    "mprotect_fills_locked", "bool", 1, "mprotect to writable copies the pages of locked private memory (4.2)"
)
R_MSYNC_WHOLE_FILE = rule("msync_whole_file", "bool", 0, "MS_SYNC writes the whole file (before 3.16)")
R_RFP_MULTI = rule(
    "rfp_spans_areas", "bool", 1, "emulated remap_file_pages may span areas, a linear request acts (4.5)"
)

# -- userfaultfd
R_UFFD = rule("userfaultfd", "bool", 1, "userfaultfd exists (4.3)")
R_UFFD_FEATURES = rule("userfaultfd_features", "int", 0x1FFFF, "UFFD_FEATURE_* that UFFDIO_API knows")
R_UFFD_WP_UNDO = rule(
    "uffd_unprotect_writable",
    "bool",
    1,
    "lifting a write protection gives the write bit back (6.2); else a fault does",
)
R_UFFD_PREPARES = rule(
    "uffd_copy_prepares",
    "bool",
    1,
    "UFFDIO_COPY and others make the anon_vma before they look (6.9); else behind it",
)
R_UFFD_UNREGISTERS_OWN = rule(
    "uffd_unregisters_own", "bool", 1, "what another descriptor registered is not unregistered (6.17): EINVAL"
)
R_UFFD_DROPPABLE = rule(
    "uffd_registers_droppable", "bool", 0, "droppable memory can be registered (until 6.16)"
)
R_MEMORY_FAILURE = rule(
    "memory_failure", "bool", 0, "CONFIG_MEMORY_FAILURE: poison is BUS_MCEERR_AR; else BUS_ADRERR"
)

# -- NUMA
R_NODES = rule(
    "nodes", "int", 1, "NUMA nodes that are online and have memory, numbered from 0", least=1, most=1024
)
R_MEMPOLICY_MODES = rule(
    "mempolicy_modes",
    "int",
    7,
    "modes that mbind knows: 5 with LOCAL, 6 PREFERRED_MANY (5.15), 7 WEIGHTED (6.9)",
)
R_NUMA_BALANCING_MODE = rule("numa_balancing_mode", "bool", 1, "MPOL_F_NUMA_BALANCING is known (5.12)")
R_HOME_NODE = rule("home_node", "bool", 1, "set_mempolicy_home_node exists (5.17)")

# -- huge pages by request and by process
R_COLLAPSE_READ_ONLY = rule(
    "collapse_read_only", "bool", 1, "MADV_COLLAPSE works without a single writable PTE (6.18); else EINVAL"
)
R_SPLIT_MAPS_ZERO = rule(
    "split_maps_zero_pages",
    "bool",
    1,
    "splitting a huge page maps the zero page where it is all zeros (6.12)",
)
R_THP_DISABLE_ADVISED = rule(
    "thp_disable_except_advised", "bool", 1, "PR_SET_THP_DISABLE knows PR_THP_DISABLE_EXCEPT_ADVISED (6.18)"
)
R_KSM_PROCESS = choice(
    "ksm_by_process",
    ("none", "after_merge", "before_merge"),
    "before_merge",
    "PR_SET_MEMORY_MERGE (6.4): a new mapping gets the flag after it may have joined, or before (6.17)",
)
R_MDWE = choice(
    "mdwe", ("none", "inherited", "no_inherit"), "no_inherit", "PR_SET_MDWE (6.3), with NO_INHERIT (6.6)"
)

# -- mremap
R_MREMAP_LOOKUP_FIRST = rule(
    "mremap_needs_area", "bool", 1, "EFAULT without an area at the old address, whatever is asked (3.x)"
)
R_MREMAP_GROW_MERGES = rule("mremap_growth_merges", "bool", 1, "growth in place joins the next area (6.0)")
R_MREMAP_CHARGE_EFAULT = rule(
    "mremap_charge_efault", "bool", 0, "a refused charge is EFAULT, EAGAIN if locked (2.6); else ENOMEM"
)
R_MREMAP_CHARGES_FIRST = rule(
    "mremap_charges_first", "bool", 0, "growth is charged before room is looked for (before 5.11)"
)
R_MREMAP_OVERLAP_OLD = rule(
    "mremap_empty_range_overlaps",
    "bool",
    0,
    "the target may not hold the old address even where the old length is 0 (before 4.3)",
)
R_ZERO_FILE_PGOFF = rule(
    "moved_zero_file_takes_pgoff",
    "bool",
    1,
    "unfaulted private /dev/zero takes the page offset of its new address as anonymous memory does (4.3)",
)
R_DONTUNMAP_JOINS = choice(
    "dontunmap_joins_source",
    ("never", "others_only", "source"),
    "source",
    "MREMAP_DONTUNMAP's copy beside its source: joins nobody, joins other neighbours only, joins the source"
    " (asked of the updates 6.1.176, 6.1.192, 6.12.117, 6.18.44, 7.2.13)",
)
R_DONTUNMAP_UNLOCKS = choice(
    "dontunmap_unlocks",
    ("area", "range"),
    "area",
    "MREMAP_DONTUNMAP of a part takes the lock from the whole source, or from the part, which splits"
    " (asked of the updates 6.1.192, 6.18.44, 7.2.13)",
)
R_DONTUNMAP = choice("mremap_dontunmap", ("none", "anonymous", "all"), "all", "MREMAP_DONTUNMAP (5.7, 5.13)")
R_MREMAP_MULTI = rule("mremap_moves_several", "bool", 1, "a move may span VMAs (6.17)")
R_MREMAP_CHECK_FIRST = rule(
    "mremap_checks_first",
    "bool",
    1,
    "parameters are checked before the VMA, and before the target is unmapped (6.17)",
)
R_MREMAP_EARLY_COUNT = rule(
    "mremap_early_map_count", "bool", 1, "FIXED and DONTUNMAP check map_count early (5.15)"
)

# -- System V segments and files
R_SHMDT_SAME_FILE = rule(
    "shmdt_same_attach", "bool", 1, "shmdt goes on only with pieces of the attach that it met first (3.19)"
)
R_FALLOCATE_FLAGS = choice(
    "fallocate_modes",
    ("flags", "exclusive", "write_zeroes"),
    "write_zeroes",
    "COLLAPSE, INSERT or UNSHARE with another flag: EINVAL, or EOPNOTSUPP as any mix (6.12), WRITE_ZEROES (6.17)",
)
FALLOCATE_WRITE_ZEROES = 2

# -- protections in file PTEs: traps of the posted series, each a rule, and two rules of our own
R_RFP_LOST_FLAG = rule(
    "rfp_lost_flag",
    "bool",
    0,
    "T1: MAP_CHGPROT on an area that is non-linear already does not mark it (posted)",
)
R_RFP_ABSENT_UNCHECKED = rule(
    "rfp_absent_unchecked",
    "bool",
    0,
    "T2: faults on absent pages are not checked, and writes make the PTE writable (posted)",
)
R_RFP_MPROTECT_FIRST = rule(
    "rfp_mprotect_checks_first_only",
    "bool",
    0,
    "T4: mprotect refuses only if the first area has many protections (posted); else if any has",
)
R_RFP_SAVES_ALL = rule(
    "rfp_saves_every_page",
    "bool",
    0,
    "the saver's comparison is never equal: every page leaves a file PTE (posted)",
)
R_RFP_CHECKS_FIRST = rule(
    "rfp_checks_before_change", "bool", 1, "EPERM changes nothing (the fix of 2007-04-01)"
)
R_RFP_EXEC_AS_READ = rule(
    "rfp_exec_as_read", "bool", 0, "fault handlers pass an instruction fetch as a read (posted)"
)
R_RFP_SHMEM_ONLY = rule(
    "rfp_shmem_only",
    "bool",
    0,
    "a rule of our own: MAP_CHGPROT outside shmem is EINVAL, as the cover letter suggests",
)
R_RFP_PRIVATE = rule(
    "rfp_private", "bool", 0, "a rule of our own: MAP_CHGPROT on private areas changes protections in place"
)
R_MKCLEAN_NONLINEAR = rule(
    "mkclean_nonlinear",
    "bool",
    0,
    "writeback write-protects pages of non-linear areas too (per-PTE protections, rfp-prot 5); 2.6 passes them over",
)

# -- what a kernel was built with: every kernel has it unless its .config says otherwise
R_HUGETLBFS = rule("hugetlbfs", "bool", 1, "CONFIG_HUGETLBFS: MAP_HUGETLB, SHM_HUGETLB and MFD_HUGETLB")
R_MEMFD_CREATE = rule("memfd_create", "bool", 1, "CONFIG_MEMFD_CREATE; else ENOSYS")
R_KSM = rule("ksm", "bool", 1, "CONFIG_KSM: MADV_MERGEABLE and UNMERGEABLE; else EINVAL")
R_THP = rule(
    "thp_built", "bool", 1, "CONFIG_TRANSPARENT_HUGEPAGE: MADV_HUGEPAGE, NOHUGEPAGE and COLLAPSE; else EINVAL"
)
R_NUMA = rule("numa", "bool", 1, "CONFIG_NUMA: mbind, set_mempolicy and home nodes; else ENOSYS")
R_SYSVIPC = rule("sysvipc", "bool", 1, "CONFIG_SYSVIPC: shmget and others; else ENOSYS")
R_AIO = rule("aio", "bool", 1, "CONFIG_AIO: io_setup and io_destroy; else ENOSYS")
R_ADVISE_CALLS = rule("advise_syscalls", "bool", 1, "CONFIG_ADVISE_SYSCALLS: madvise; else ENOSYS")
R_PKEY_CALLS = rule("pkey_calls", "bool", 1, "CONFIG_ARCH_HAS_PKEYS: pkey_alloc and others; else ENOSYS")
R_COMPAT_BRK = rule(
    "compat_brk", "bool", 0, "CONFIG_COMPAT_BRK: the break may fall to the end of the data; else to its start"
)
