"""The catalogue of defects in PTE words and in the posted RFP series, for ``remaptrace explain``.

Names are those of pte-layouts 6: V in unpatched kernels, P07 in the series of March
2007, P05 in that of August 2005.
"""

from __future__ import annotations

DEFECTS: dict[str, str] = {
    "V-GEN-1": (
        "32-bit kernels of 2.6.21 do not test whether page offset + page count wraps; a request near 2^32 passes "
        "the range check and its high bits are cut when the file PTE is written. Reproduced."
    ),
    "V-X64-1": (
        "x86_64 declares 46 bits of file offset in a PTE, but 34 come back: page 2^34 + 1 is page 1 when it is "
        "faulted in. Reproduced; the intended preset declares the 34 bits it has."
    ),
    "V-UM-1": (
        "User-mode Linux of 2.6: an odd swap type sets the PROTNONE bit, so the swap entry tests as present. The "
        "simulated machine has one swap area, of type 0, and never meets it; the PTE words have it."
    ),
    "V-SH-1": (
        "SuperH: bits 7 and 8 of a file offset fall on PRESENT and PROTNONE, so such a file PTE is taken for a "
        "page. The word is made so; a replay that would store it says 'not modelled' and leaves the PTE empty."
    ),
    "V-M32R-1": (
        "M32R in 2.6.21: the mask 0xef drops bit 4 of a file offset and puts bit 7 on PROTNONE (0x7f from "
        "2.6.24). The word is made so; a replay that would store a present one says 'not modelled'."
    ),
    "V-SUN3-1": ("Sun 3: 28 bits of file offset are declared, 19 are read back. Reproduced."),
    "V-8XX-1": (
        "PowerPC 8xx: the TLB-miss code may set the accessed bit even in an absent PTE, which changes a file "
        "offset. Depends on the hardware; documented, not modelled."
    ),
    "V-SPARC-1": (
        "SPARC reference MMU: a PROT_NONE page is not present, and if it was dirty it looks like a file PTE. The "
        "words are so; a replay treats such a page as present, because where the kernel's confusion leads is not "
        "known."
    ),
    "P07-GEN-1": (
        "When a page of a non-linear area is unmapped, the posted series compares two of its protection bits with "
        "the whole page protection of the area. They are never equal, so every page leaves a file PTE. Harmless. "
        "Rule rfp_saves_every_page."
    ),
    "P07-GEN-2": (
        "The same as trap T1: an area that is non-linear already is never marked VM_MANYPROTS. Rule "
        "rfp_lost_flag."
    ),
    "P07-GEN-3": (
        "The core of the series uses pte_exec, which mips, parisc, s390, sparc32 and xtensa lack in 2.6.21: the "
        "series does not build there. They are simulated as dummies and marked so in 'remaptrace arches'."
    ),
    "P07-X86-1": (
        "The same as trap T3: NX is not stored in file PTEs of i386 PAE and x86_64, so a page that was absent can "
        "be executed."
    ),
    "P07-I386-1": (
        "i386: a bit number in the patch says 6 for PROTNONE where the mask says bit 7; unused, no effect."
    ),
    "P07-UM-1": ("User-mode Linux: a comment lists the taken bits without bit 8; no effect."),
    "P07-UM-2": ("User-mode Linux: missing parentheses in a macro; no effect."),
    "P07-DOC-1": (
        "The series' text on the loss of file range is of an older layout: i386 falls to 512 GiB, not 1 TiB."
    ),
    "P05-I386-1": (
        "The series of 2005 keeps PROT_NONE of i386, x86_64 and UML in the real PROTNONE bit: such a file PTE "
        "tests as present. The word is made so; a replay that would store it says 'not modelled'."
    ),
    "P05-UM-1": ("The 2005 patch for 64-bit UML does not compile; no effect on words."),
    "P05-PPC-1": (
        "The first 2005 patch for PowerPC used the layout of 6xx everywhere; corrected in the next part."
    ),
    "P05-PPC-2": (
        "PowerPC in 2005: the protection that comes back from a file PTE lacks PRESENT, so the page is taken for "
        "a swap entry that does not exist, and the process is killed (OOM). Reproduced."
    ),
    "P05-PPC-3": ("The 2005 patch for 40x and 8xx does not compile; no effect on words."),
    "P05-PPC-4": ("Freescale Book-E falls into the branch of 6xx in the 2005 patch; not described further."),
    "P05-S390-1": (
        "s390 in 2005: PROT_NONE comes back without INVALID, as a valid page that may be read and written. "
        "Reproduced."
    ),
    "P05-S390-2": (
        "The 2005 patch for s390 cannot be carried over to 2.6.21: its file type is the none type there."
    ),
    "P05-SPARC-1": (
        "sparc64 in 2005: the rights are or-ed into the two lowest bits of the offset and never come back; pages "
        "come back without access and from other places of the file. Reproduced."
    ),
    "P05-IA64-1": (
        "ia64 in 2005: the offset is added unshifted and read back from bit 3; nothing round-trips, and odd "
        "offsets test as present. Reproduced in the words; present ones are 'not modelled'."
    ),
}
