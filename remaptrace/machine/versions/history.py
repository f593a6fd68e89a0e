"""Since which version a rule has which value: mainline, and what stable updates took over.

Rules that are not listed take their value from the presets on both sides; where these differ, the version of
the change is not known, and a kernel between them has the older value, named as undecided. Versions are those
that machine.rules and docs/kernel (linux-6.x 7, linux-more 11 and 13) name.
"""

from __future__ import annotations

from ...lateclasses import dataclass

Version = tuple[int, int, int]

CHANGES: dict[str, tuple[tuple[tuple[int, int], str], ...]] = {
    "mprotect_fills_locked": (((4, 0), "no"), ((4, 2), "yes")),
    "mremap_empty_range_overlaps": (((4, 0), "yes"), ((4, 3), "no")),
    "moved_zero_file_takes_pgoff": (((4, 0), "no"), ((4, 3), "yes")),
    "userfaultfd": (((4, 0), "no"), ((4, 3), "yes")),
    "mlock2": (((4, 0), "no"), ((4, 4), "yes")),
    "madv_free": (((4, 0), "no"), ((4, 5), "yes")),
    "rfp_spans_areas": (((4, 0), "no"), ((4, 5), "yes")),
    "rlimit_data": (((4, 0), "brk"), ((4, 7), "private_writable")),
    "wipeonfork": (((4, 0), "no"), ((4, 14), "yes")),
    "map_shared_validate": (((4, 0), "no"), ((4, 15), "yes")),
    "map_fixed_noreplace": (((4, 0), "no"), ((4, 17), "yes")),
    "mmap_checks_file_offset": (((4, 0), "no"), ((4, 17), "yes")),
    "madv_cold": (((4, 0), "no"), ((5, 4), "yes")),
    "mremap_dontunmap": (((4, 0), "none"), ((5, 7), "anonymous"), ((5, 13), "all")),
    "mremap_charges_first": (((4, 0), "yes"), ((5, 11), "no")),
    "numa_balancing_mode": (((4, 0), "no"), ((5, 12), "yes")),
    "madv_populate": (((4, 0), "no"), ((5, 14), "yes")),
    "mempolicy_modes": (((4, 0), "5"), ((5, 15), "6"), ((6, 9), "7")),
    "anon_names": (((4, 0), "none"), ((5, 17), "private"), ((6, 2), "shmem")),
    "home_node": (((4, 0), "no"), ((5, 17), "yes")),
    "madv_dontneed_locked": (((4, 0), "no"), ((5, 18), "yes")),
    "pin_unshares": (((4, 0), "no"), ((5, 19), "yes")),
    "fork_copies_hugetlb": (((4, 0), "yes"), ((6, 0), "no")),
    "mremap_growth_merges": (((4, 0), "no"), ((6, 0), "yes")),
    "madv_collapse": (((4, 0), "no"), ((6, 1), "yes")),
    "mprotect_upgrades_ptes": (((4, 0), "none"), ((6, 1), "dirty"), ((6, 2), "exclusive")),
    "uffd_unprotect_writable": (((4, 0), "no"), ((6, 2), "yes")),
    "mdwe": (((4, 0), "none"), ((6, 3), "inherited"), ((6, 6), "no_inherit")),
    "ksm_by_process": (((4, 0), "none"), ((6, 4), "after_merge"), ((6, 17), "before_merge")),
    "memfd_exec": (((4, 0), "no"), ((6, 3), "yes")),
    "close_hook_blocks_merge": (((4, 0), "yes"), ((6, 4), "no")),
    "io_uring_masks_offset": (((4, 0), "no"), ((6, 4), "yes")),
    "io_uring_chooses_address": (((4, 0), "no"), ((6, 4), "yes")),
    "secretmem": (((4, 0), "no"), ((6, 5), "yes")),
    "sealed_shared_read": (((4, 0), "no"), ((6, 7), "yes")),
    "madv_remove_needs_maywrite": (((4, 0), "no"), ((6, 7), "yes")),
    "map_stack_nohugepage": (((4, 0), "no"), ((6, 7), "yes")),
    "thp_align": (
        ((4, 0), "never"),
        ((6, 7), "any_length"),
        ((6, 12), "multiples"),
        ((6, 13), "multiples_no_hint"),
    ),
    "thp_align_from_top": (((4, 0), "no"), ((6, 8), "yes")),
    "hugetlb_dontneed_reserves": (((4, 0), "no"), ((6, 9), "yes")),
    "mseal": (((4, 0), "no"), ((6, 10), "yes")),
    "io_uring_pfn": (((4, 0), "yes"), ((6, 10), "no")),
    "map_droppable": (((4, 0), "no"), ((6, 11), "yes")),
    "fixed_failure_keeps_old": (((4, 0), "no"), ((6, 12), "yes")),
    "fallocate_modes": (((4, 0), "flags"), ((6, 12), "exclusive"), ((6, 17), "write_zeroes")),
    "split_maps_zero_pages": (((4, 0), "no"), ((6, 12), "yes")),
    "hugetlb_generic_search": (((4, 0), "no"), ((6, 13), "yes")),
    "huge_zero_write_whole": (((4, 0), "no"), ((6, 13), "yes")),
    "guard_regions": (((4, 0), "none"), ((6, 13), "anonymous"), ((6, 15), "all")),
    "perf_ring_pfn": (((4, 0), "no"), ((6, 14), "yes")),
    "pt_reclaim": (((4, 0), "no"), ((6, 14), "yes")),
    "map_stack_needs_thp": (((4, 0), "no"), ((6, 15), "yes")),
    "anon_inode_noexec": (((4, 0), "no"), ((6, 16), "yes")),
    "merge_faulted_into_unfaulted": (((4, 0), "no"), ((6, 16), "yes")),
    "mremap_moves_several": (((4, 0), "no"), ((6, 17), "yes")),
    "mremap_checks_first": (((4, 0), "no"), ((6, 17), "yes")),
    "uffd_registers_droppable": (((4, 0), "yes"), ((6, 17), "no")),
    "uffd_unregisters_own": (((4, 0), "no"), ((6, 17), "yes")),
    "sealed_zero_file_kept": (((4, 0), "no"), ((6, 17), "yes")),
    "map_whole_folio": (((4, 0), "no"), ((6, 18), "yes")),
    "collapse_read_only": (((4, 0), "no"), ((6, 18), "yes")),
    "thp_disable_except_advised": (((4, 0), "no"), ((6, 18), "yes")),
    "sticky_guard_flag": (((4, 0), "no"), ((7, 0), "yes")),
    "dontunmap_joins_source": (((4, 0), "source"), ((7, 2), "others_only")),
    "dontunmap_unlocks": (((4, 0), "area"), ((7, 2), "range")),
}
"""rule: (first mainline version, value) in order, from 4.0 on."""


@dataclass(frozen=True)
class Update:
    """A rule that changed inside a stable series: absent through one update, there from another.

    Between the two nobody asked; `absent` -1 says that no update without it is known, `present` None that it
    is not known since when the series has it.
    """

    rule: str
    series: tuple[int, int]
    absent: int
    present: int | None
    before: str
    after: str


UPDATES: tuple[Update, ...] = (
    Update("dontunmap_joins_source", (6, 1), 176, 192, "source", "never"),
    Update("dontunmap_unlocks", (6, 1), -1, 192, "area", "range"),
    Update("io_uring_chooses_address", (6, 1), -1, 176, "no", "yes"),
    Update("io_uring_pfn", (6, 1), -1, 176, "yes", "no"),
    Update("sealed_shared_read", (6, 1), -1, 192, "no", "yes"),
    Update("madv_remove_needs_maywrite", (6, 1), -1, 192, "no", "yes"),
    Update("sealed_shared_read", (6, 6), -1, None, "no", "yes"),
    Update("madv_remove_needs_maywrite", (6, 6), -1, None, "no", "yes"),
    Update("thp_align_from_top", (6, 7), -1, None, "no", "yes"),
    Update("thp_align", (6, 11), 0, 11, "any_length", "multiples"),
    Update("thp_align", (6, 12), 0, 117, "multiples", "multiples_no_hint"),
    Update("secretmem_locked", (6, 12), 95, 117, "yes", "no"),
    Update("map_stack_needs_thp", (6, 12), 30, 31, "no", "yes"),
    Update("map_stack_needs_thp", (6, 14), 8, 9, "no", "yes"),
    Update("dontunmap_joins_source", (6, 12), -1, 117, "source", "others_only"),
    Update("dontunmap_unlocks", (6, 12), -1, 117, "area", "range"),
    Update("sticky_guard_flag", (6, 18), 26, 44, "no", "yes"),
    Update("dontunmap_joins_source", (7, 2), -1, 13, "source", "others_only"),
    Update("dontunmap_unlocks", (7, 2), -1, 13, "area", "range"),
)

UNDATED: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "dontunmap_joins_source": ((7, 0), (7, 2)),
    "dontunmap_unlocks": ((7, 0), (7, 2)),
}
"""Rules of `CHANGES` whose last change lies somewhere between two versions that were looked at."""

ASKED: dict[str, int] = {"linux-6.1": 192, "linux-6.12": 117, "linux-6.18": 44, "linux-7.2": 13}
"""preset: the update of that series which answered programs; every other preset was read in its source."""

LAST_MINOR = {4: 20, 5: 19, 6: 19}
"""major: the last release of it; what lies behind was never released."""

OLDEST: Version = (4, 0, 0)
"""Before it the rules changed at versions that are not known: only the presets stand."""
