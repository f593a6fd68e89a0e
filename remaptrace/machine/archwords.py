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
A_DATA_EXEC = 24  # 1: the heap may be executed (VM_DATA_DEFAULT_FLAGS has VM_EXEC)
A_WORD_MASK = 27  # the bits of a word
A_CANONICAL_BITS = 28  # bits of a virtual address that others must repeat; 0: any address may be tried
A_PROTMAP = 32  # 16 words: protection_map, private 0..7, shared 8..15, index r + 2w + 4x
A_LEVEL_SHIFT = 48  # + level (0 = leaf): log2 of the bytes that an entry at that level spans; 6 words
A_PTE = 64  # from here: the description of PTE words, named in the module that reads them

# ---- PTE words (read by engine/pte.py) -------------------------------------------------------
# A test is a pair (mask, value): (word & mask) == value. A slice is a triple (right shift, mask,
# left shift): ((x >> right) & mask) << left. An absent test is (0, 1), an absent slice (0, 0, 0).
P_PRESENT = A_PTE + 0  # present if any of these bits is set ...
P_PRESENT_1 = A_PTE + 1  # ... or this test holds (2 words) ...
P_PRESENT_2 = A_PTE + 3  # ... or this one
P_FILE = A_PTE + 5  # test: not present and holds a file offset
P_READ = A_PTE + 7  # tests: what the MMU lets a user do, in the order of ACC_READ, _WRITE, _EXEC
P_WRITE = A_PTE + 9
P_EXEC = A_PTE + 11
P_RIGHT_R = A_PTE + 13  # tests: rights once accessed and dirty are set; differ from P_READ on UML
P_RIGHT_W = A_PTE + 15
P_RIGHT_X = A_PTE + 17
P_KREAD = A_PTE + 19  # tests: pte_read, pte_write, pte_exec of the kernel's headers
P_KWRITE = A_PTE + 21
P_KEXEC = A_PTE + 23
P_NONE = A_PTE + 25  # test: present without access (PROT_NONE)
P_MKWRITE_SET = A_PTE + 27
P_MKWRITE_CLEAR = A_PTE + 28
P_DIRTY = A_PTE + 29
P_YOUNG = A_PTE + 30
P_DERIVED = A_PTE + 31  # 1: bits that follow from other bits
P_DERIVE_1 = A_PTE + 32  # (condition bits, target bits, value of the target if all are set)
P_DERIVE_2 = A_PTE + 35
P_PFN_SHIFT = A_PTE + 38
P_PFN_MASK = A_PTE + 39  # of the frame number, after the shift
P_MAKE = A_PTE + 40  # bits that making a PTE adds to the protection
P_KEEP = A_PTE + 41  # bits that pte_modify keeps
P_INVERT = A_PTE + 42  # frame bits stored inverted while P_VALID is clear; 0: never
P_VALID = A_PTE + 43
P_GUARD = A_PTE + 44  # the guard marker's word, 0: none
P_WORD = A_PTE + 45  # all bits of a word
P_HIDDEN = A_PTE + 46  # bits that the engine keeps here but the machine elsewhere (storage key)
P_EMPTY = A_PTE + 47  # the empty word as the machine shows it; the engine keeps 0
P_NEWPAGE = A_PTE + 48  # UML: set_pte adds it; 0 elsewhere
P_NEWPROT = A_PTE + 49  # UML: set_pte adds it to present words
# file PTE: word = (slices of pgoff, then the protection, added or or-ed) + constant
P_FILE_CONST = A_PTE + 50
P_FILE_OR = A_PTE + 51  # 1: the protection is or-ed, 0: added
P_FILE_IN = A_PTE + 52  # 4 slices pgoff -> word
P_FILE_OUT = A_PTE + 64  # 4 slices word -> pgoff
P_FPROT_COPY = A_PTE + 76  # protection bits kept at their place
P_FPROT_MOVE = A_PTE + 77  # 3 pairs (bit of the protection, bit of the word)
P_FPROT_BASE = A_PTE + 83  # decoding: always set
P_FPROT_BACK = A_PTE + 84  # decoding: copied from the word
P_FPROT_CASE = A_PTE + 85  # 3 triples (bit of the word, set if 1, set if 0)
P_PGPROT_MASK = A_PTE + 94  # protection of a present PTE as the RFP series reads it
P_PGPROT_BASE = A_PTE + 95
P_SWAP_CONST = A_PTE + 96
P_SWAP_XOR = A_PTE + 97
P_SWAP_TYPE = A_PTE + 98  # 2 slices type -> word
P_SWAP_OFFSET = A_PTE + 104  # 2 slices offset -> word
# ---- per-PTE protections on this architecture ------------------------------------------------
A_RFP_SUPPORT = A_PTE + 112  # RFP_*
A_RFP_REACTION = A_PTE + 113  # OUT_* of a refusal that the fault handler does not know
A_RFP_BUILDS = A_PTE + 114  # 0: the series does not build here; simulated as a dummy
A_UML = A_PTE + 115  # 1: User-mode Linux: accessed and dirty in software, host pages behind
A_P000 = A_PTE + 116  # the compile-time PROT_NONE protection of the dummies
P_CLEANED = (
    A_PTE + 117
)  # engine-only bit: writeback took the write bit (areas with many protections); 0: no bit
P_UFFD_WP = A_PTE + 118  # the bit of a page that userfaultfd write-protects, 0: the machine has none
A_USED = A_PTE + 119
N_ARCH = 512
"""Words that the engine sets aside for them."""

RFP_PLAIN, RFP_NATIVE, RFP_DUMMY = 0, 1, 2
