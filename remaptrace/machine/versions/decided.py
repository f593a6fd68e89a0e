"""Rules by preset that a running kernel decided: another value contradicts an answer (tools/decided.py)."""

from __future__ import annotations

DECIDED: dict[str, frozenset[str]] = {
    kernel: frozenset(names.split())
    for kernel, names in {
        "linux-6.1": """
            account_sticky address_search advise_syscalls all_capabilities anon_inode_noexec
            brk_from_end_code close_hook_blocks_merge collapse_read_only cow_prepares_first
            dofork_refused_on dontunmap_unlocks file_growsdown_checked_early files_put_late
            fixed_failure_keeps_old fork_shares_anon_vma guard_regions heap_name_strict hint_raised_to_min
            home_node huge_zero_write_whole hugetlb_dontneed_reserves hugetlb_generic_search hugetlbfs
            io_uring_chooses_address io_uring_masks_offset io_uring_pfn ksm ksm_by_process
            lockonfault_named madv_checks_advice_first madv_cold madv_collapse madv_dontneed_locked
            madv_flags madv_free madv_populate madv_remove_loops madv_remove_needs_maywrite
            madv_willneed_anonymous make_pages_present map_droppable map_fixed_noreplace
            map_shared_validate map_stack_nohugepage map_whole_folio maps_shows_anonymous_pgoff mdwe
            merge_faulted_into_unfaulted merge_prefers_left merge_refuses_fork_child mincore_sees_ptes
            mlock2 mlock_fills_each_area mlock_passes_errors mmap_checks_file_offset mprotect_upgrades_ptes
            mremap_checks_first mremap_dontunmap mremap_early_map_count mremap_growth_merges
            mremap_needs_area mseal msync_whole_file noreserve_flag numa perf_ring_pfn
            populate_continues_behind_holes populate_private pt_reclaim remap_file_pages rfp_spans_areas
            rlimit_data sealed_shared_read secretmem shared_anonymous_keeps_pgoff split_maps_zero_pages
            sysvipc thp_align thp_align_files thp_align_from_top thp_built thp_disable_except_advised
            trim_needs_no_map_count uffd_unprotect_writable userfaultfd wipeonfork write_notify
        """,
        "linux-6.12": """
            account_sticky address_search advise_syscalls all_capabilities anon_inode_noexec
            brk_from_end_code close_hook_blocks_merge collapse_read_only cow_prepares_first
            dofork_refused_on dontunmap_unlocks file_growsdown_checked_early fixed_failure_keeps_old
            fork_shares_anon_vma guard_regions heap_name_strict hint_raised_to_min home_node
            huge_zero_write_whole hugetlb_dontneed_reserves hugetlb_generic_search hugetlbfs
            io_uring_masks_offset io_uring_pfn ksm ksm_by_process lockonfault_named
            madv_checks_advice_first madv_cold madv_collapse madv_dontneed_locked madv_flags madv_free
            madv_populate madv_remove_loops madv_remove_needs_maywrite madv_willneed_anonymous
            map_droppable map_fixed_noreplace map_shared_validate map_stack_nohugepage map_whole_folio
            maps_shows_anonymous_pgoff mdwe merge_faulted_into_unfaulted merge_prefers_left
            merge_refuses_fork_child mincore_sees_ptes mlock2 mlock_fills_each_area mlock_passes_errors
            mmap_checks_file_offset moved_zero_file_takes_pgoff mprotect_upgrades_ptes mremap_checks_first
            mremap_dontunmap mremap_growth_merges mremap_needs_area mseal msync_whole_file noreserve_flag
            numa perf_ring_pfn populate_continues_behind_holes populate_private pt_reclaim remap_file_pages
            rfp_spans_areas rlimit_data sealed_shared_read secretmem secretmem_locked
            shared_anonymous_keeps_pgoff split_maps_zero_pages sysvipc thp_align thp_align_files thp_built
            thp_disable_except_advised uffd_unprotect_writable userfaultfd wipeonfork write_notify
        """,
        "linux-6.18": """
            account_sticky address_search advise_syscalls all_capabilities anon_inode_noexec
            brk_from_end_code close_hook_blocks_merge collapse_read_only cow_prepares_first
            dofork_refused_on dontunmap_joins_source dontunmap_unlocks file_growsdown_checked_early
            fixed_failure_keeps_old fork_shares_anon_vma gigantic_pages guard_regions heap_name_strict
            hint_raised_to_min home_node huge_zero_write_whole hugetlbfs io_uring_chooses_address
            io_uring_pfn ksm ksm_by_process lockonfault_named madv_checks_advice_first madv_cold
            madv_collapse madv_dontneed_locked madv_flags madv_free madv_populate madv_remove_loops
            madv_remove_needs_maywrite madv_willneed_anonymous make_pages_present map_droppable
            map_fixed_noreplace map_shared_validate map_stack_nohugepage map_whole_folio
            maps_shows_anonymous_pgoff mdwe merge_faulted_into_unfaulted merge_prefers_left
            mincore_sees_ptes mlock2 mlock_fills_each_area mlock_passes_errors mmap_checks_file_offset
            moved_zero_file_takes_pgoff mprotect_fills_locked mprotect_upgrades_ptes mremap_checks_first
            mremap_dontunmap mremap_early_map_count mremap_growth_merges mremap_moves_several mseal
            msync_whole_file noreserve_flag numa perf_ring_pfn pkey_calls populate_continues_behind_holes
            populate_private pt_reclaim remap_file_pages rfp_spans_areas rlimit_data sealed_shared_read
            secretmem secretmem_locked shared_anonymous_keeps_pgoff split_maps_zero_pages sticky_guard_flag
            sysvipc thp_align thp_align_files thp_align_from_top thp_built thp_disable_except_advised
            trim_needs_no_map_count uffd_unprotect_writable uffd_unregisters_own userfaultfd wipeonfork
            write_notify
        """,
        "linux-7.2": """
            account_sticky address_search advise_syscalls all_capabilities file_growsdown_checked_early
            guard_regions heap_name_strict legacy_va_layout lockonfault_named madv_checks_advice_first
            madv_cold madv_dontneed_locked madv_flags madv_free madv_populate madv_remove_loops
            madv_willneed_anonymous make_pages_present map_droppable map_fixed_noreplace
            map_shared_validate map_stack_nohugepage maps_shows_anonymous_pgoff
            merge_faulted_into_unfaulted mincore_sees_ptes mlock2 mlock_fills_each_area mlock_passes_errors
            mmap_checks_file_offset mprotect_upgrades_ptes mremap_checks_first mremap_dontunmap
            mremap_moves_several noreserve_flag populate_continues_behind_holes populate_private
            remap_file_pages rfp_spans_areas sealed_shared_read sticky_guard_flag thp_align thp_built
            wipeonfork
        """,
        "linux-2.6.20": """
            account_sticky address_search advise_syscalls all_capabilities hint_raised_to_min
            legacy_va_layout map_droppable maps_empty_after_setuid maps_shows_anonymous_pgoff
            mincore_sees_ptes mremap_checks_first mremap_needs_area noreserve_flag populate_dirties_shared
            remap_file_pages write_notify
        """,
    }.items()
}
"""Yes/no and choice rules; the values themselves are those of the preset."""
