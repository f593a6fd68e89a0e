"""The architecture's numbered parameters, read by the engine as ``m[H_ARCH + A_X]``.

Geometry, address-space layout and the words of PTEs. Filled from presets/arches/*.yaml.
"""

from __future__ import annotations

A_PAGE_SHIFT = 0
A_WORD_BITS = 1  # 32 or 64
A_TASK_SIZE = 2
A_LEVELS = 3  # page-table levels
A_INDEX_BITS = 4  # + level (0 = leaf): bits of index at that level; 5 words
A_PTE_BYTES = 9
A_UNMAPPED_BASE = 10  # TASK_UNMAPPED_BASE, the bottom-up start
A_MMAP_BASE = 11  # top-down start for the default stack limit, without randomisation
A_TOPDOWN = 12  # 1: top-down is the default layout
A_STACK_TOP = 13
A_MIN_GAP = 14
A_MAX_GAP = 15
A_NX = 16  # 1: the machine refuses instruction fetches
A_WRITE_IMPLIES_READ = 17
A_STACK_SLACK = 18  # bytes below sp that still grow the stack (2.6), -1: no such test
A_FILE_MAX_BITS = 19
A_HUGE_SHIFT = 20  # PMD size, 0: no huge pages
A_HAS_32BIT = 21  # MAP_32BIT
A_CHGPROT = 22  # value of MAP_CHGPROT
A_ELF_DYN_BASE = 23
A_PROTMAP = 32  # 16 words: protection_map, private 0..7, shared 8..15, index r + 2w + 4x
A_PTE = 64  # from here: the description of PTE words, named in the module that reads them
