"""PTE words: made, changed and read for any architecture from the words in ``m[H_ARCH + P_*]``.

A PTE is an int64 bit pattern. The empty PTE is 0 in the engine, whatever the machine stores
(`pte_shown` gives the machine's word). The order in which the fault path asks is that of Linux:
present, none, file, else swap; so an encoding that sets a present bit by accident is misread here
as there. A *protection* is the word that is or-ed into a PTE (pgprot); a *protection index* is
r + 2w + 4x + 8 shared, the place in protection_map. Source: pte-layouts 3.
"""

from __future__ import annotations

from ...machine.archwords import (
    A_PROTMAP,
    P_DERIVE_1,
    P_DERIVE_2,
    P_DERIVED,
    P_DIRTY,
    P_EMPTY,
    P_FILE,
    P_FILE_CONST,
    P_FILE_IN,
    P_FILE_OR,
    P_FILE_OUT,
    P_FPROT_BACK,
    P_FPROT_BASE,
    P_FPROT_CASE,
    P_FPROT_COPY,
    P_FPROT_MOVE,
    P_GUARD,
    P_HIDDEN,
    P_INVERT,
    P_KEEP,
    P_KEXEC,
    P_KREAD,
    P_KWRITE,
    P_MAKE,
    P_MKWRITE_CLEAR,
    P_MKWRITE_SET,
    P_NEWPAGE,
    P_NEWPROT,
    P_NONE,
    P_PFN_MASK,
    P_PFN_SHIFT,
    P_PGPROT_BASE,
    P_PGPROT_MASK,
    P_PRESENT,
    P_PRESENT_1,
    P_PRESENT_2,
    P_READ,
    P_RIGHT_R,
    P_RIGHT_W,
    P_RIGHT_X,
    P_SWAP_CONST,
    P_SWAP_OFFSET,
    P_SWAP_TYPE,
    P_SWAP_XOR,
    P_UFFD_WP,
    P_VALID,
    P_WORD,
    P_YOUNG,
)
from ..jit import kernel, wrap
from ..state import H_ARCH, Mem

MARKER_UFFD_WP, MARKER_POISON = 1, 2  # bits of a marker; a guard is 4

# ---- reading ---------------------------------------------------------------------------------

PTE_PKEY_SHIFT = 59  # _PAGE_PKEY_BIT0..3


@kernel
def pte_none(m: Mem, w: int) -> int:
    """1 if nothing is mapped and nothing remembered."""
    return 1 if w == 0 else 0


@kernel
def pte_present(m: Mem, w: int) -> int:
    """1 if the PTE holds a frame; PROT_NONE pages count (pte_present of Linux)."""
    if (w & m[H_ARCH + P_PRESENT]) != 0:
        return 1
    if w == 0:
        return 0
    if (w & m[H_ARCH + P_PRESENT_1]) == m[H_ARCH + P_PRESENT_1 + 1]:
        return 1
    if (w & m[H_ARCH + P_PRESENT_2]) == m[H_ARCH + P_PRESENT_2 + 1]:
        return 1
    return 0


@kernel
def pte_file(m: Mem, w: int) -> int:
    """1 if the word, known not to be present, holds a file page number (2.6)."""
    return 1 if (w & m[H_ARCH + P_FILE]) == m[H_ARCH + P_FILE + 1] else 0


@kernel
def pte_guard(m: Mem, w: int) -> int:
    """1 if the PTE is a guard marker (MADV_GUARD_INSTALL)."""
    return 1 if w != 0 and w == m[H_ARCH + P_GUARD] else 0


@kernel
def pte_marker(m: Mem, w: int) -> int:
    """1 if the word, known not to be present, is a marker: of a guard, of poison, of write protection."""
    guard = m[H_ARCH + P_GUARD]
    return 1 if guard != 0 and w != 0 and pte_swap_type(m, w) == pte_swap_type(m, guard) else 0


@kernel
def mk_pte_marker(m: Mem, bits: int) -> int:
    """A marker with these PTE_MARKER_* bits (include/linux/swapops.h); 0 where the machine has none."""
    guard = m[H_ARCH + P_GUARD]
    return mk_swap_pte_type(m, pte_swap_type(m, guard), bits) if guard != 0 else 0


@kernel
def pte_poison(m: Mem, w: int) -> int:
    """1 if the PTE is a poison marker (UFFDIO_POISON)."""
    return 1 if w != 0 and w == mk_pte_marker(m, MARKER_POISON) else 0


@kernel
def pte_uffd_wp(m: Mem, w: int) -> int:
    """1 if userfaultfd write-protects the present page, or will the absent one (a marker)."""
    if pte_present(m, w) != 0:
        return 1 if (w & m[H_ARCH + P_UFFD_WP]) != 0 else 0
    return 1 if w != 0 and w == mk_pte_marker(m, MARKER_UFFD_WP) else 0


@kernel
def pte_mkuffd_wp(m: Mem, w: int) -> int:
    """The present PTE write-protected for userfaultfd."""
    return pte_wrprotect(m, w) | m[H_ARCH + P_UFFD_WP]


@kernel
def pte_clear_uffd_wp(m: Mem, w: int) -> int:
    """The present PTE without userfaultfd's mark; its write bit stays as it is."""
    return w & ~m[H_ARCH + P_UFFD_WP]


@kernel
def pte_swap(m: Mem, w: int) -> int:
    """1 if the PTE names a swap slot."""
    if w == 0 or pte_present(m, w) != 0 or pte_file(m, w) != 0 or pte_marker(m, w) != 0:
        return 0
    return 1


@kernel
def pte_allows(m: Mem, w: int, access: int) -> int:
    """1 if the MMU lets user code make this access (ACC_READ 0, ACC_WRITE 1, ACC_EXEC 2)."""
    i = H_ARCH + P_READ + 2 * access
    return 1 if (w & m[i]) == m[i + 1] else 0


@kernel
def pte_rights(m: Mem, w: int) -> int:
    """r + 2w + 4x that a present PTE gives once it is young and dirty."""
    rights = 0
    if (w & m[H_ARCH + P_RIGHT_R]) == m[H_ARCH + P_RIGHT_R + 1]:
        rights = 1
    if (w & m[H_ARCH + P_RIGHT_W]) == m[H_ARCH + P_RIGHT_W + 1]:
        rights |= 2
    if (w & m[H_ARCH + P_RIGHT_X]) == m[H_ARCH + P_RIGHT_X + 1]:
        rights |= 4
    return rights


@kernel
def pte_user(m: Mem, w: int) -> int:
    """1 if user code may read: pte_read of the headers, "user bit set" on x86."""
    return 1 if (w & m[H_ARCH + P_KREAD]) == m[H_ARCH + P_KREAD + 1] else 0


@kernel
def pte_write(m: Mem, w: int) -> int:
    """1 if the write bit says yes: pte_write of the headers (the RW bit alone on x86)."""
    return 1 if (w & m[H_ARCH + P_KWRITE]) == m[H_ARCH + P_KWRITE + 1] else 0


@kernel
def pte_exec(m: Mem, w: int) -> int:
    """1 if instructions may be fetched: pte_exec of the headers ("no NX bit" on x86)."""
    return 1 if (w & m[H_ARCH + P_KEXEC]) == m[H_ARCH + P_KEXEC + 1] else 0


@kernel
def pte_protnone(m: Mem, w: int) -> int:
    """1 if the page is present without any access."""
    return 1 if (w & m[H_ARCH + P_NONE]) == m[H_ARCH + P_NONE + 1] else 0


@kernel
def pte_dirty(m: Mem, w: int) -> int:
    """1 if the dirty bit is set."""
    return 1 if (w & m[H_ARCH + P_DIRTY]) != 0 else 0


@kernel
def pte_young(m: Mem, w: int) -> int:
    """1 if the accessed bit is set."""
    return 1 if (w & m[H_ARCH + P_YOUNG]) != 0 else 0


@kernel
def pte_pfn(m: Mem, w: int) -> int:
    """Frame number of a present PTE."""
    if (w & m[H_ARCH + P_VALID]) == 0:
        w ^= m[H_ARCH + P_INVERT]
    return (w >> m[H_ARCH + P_PFN_SHIFT]) & m[H_ARCH + P_PFN_MASK]


# ---- making and changing present words -------------------------------------------------------


@kernel
def _derive(m: Mem, w: int) -> int:
    """Set the bits that follow from others, such as arm64's RDONLY = not (WRITE and DIRTY)."""
    for rule in range(H_ARCH + P_DERIVE_1, H_ARCH + P_DERIVE_2 + 1, 3):
        target = m[rule + 1]
        if (w & m[rule]) == m[rule]:
            w = (w & ~target) | m[rule + 2]
        else:
            w = (w & ~target) | (target ^ m[rule + 2])
    return w


@kernel
def mk_pte_prot(m: Mem, pfn: int, pgprot: int) -> int:
    """A PTE for frame `pfn` with protection word `pgprot` (mk_pte of Linux)."""
    w = wrap((pfn & m[H_ARCH + P_PFN_MASK]) << m[H_ARCH + P_PFN_SHIFT])
    if m[H_ARCH + P_INVERT] != 0 and pgprot != 0 and (pgprot & m[H_ARCH + P_VALID]) == 0:
        w ^= m[H_ARCH + P_INVERT]
    w |= pgprot | m[H_ARCH + P_MAKE]
    return _derive(m, w) if m[H_ARCH + P_DERIVED] != 0 else w


@kernel
def vm_page_prot(m: Mem, prot_index: int) -> int:
    """The protection word of V_PROT: protection_map, and the protection key in bits 59 to 62 (x86)."""
    return m[H_ARCH + A_PROTMAP + (prot_index & 15)] | (prot_index >> 4) << PTE_PKEY_SHIFT


@kernel
def mk_pte(m: Mem, pfn: int, prot_index: int) -> int:
    """A PTE for frame `pfn` with the protection of V_PROT `prot_index`."""
    return mk_pte_prot(m, pfn, vm_page_prot(m, prot_index))


@kernel
def pte_modify_prot(m: Mem, w: int, pgprot: int) -> int:
    """The present PTE with another protection word; frame, accessed and dirty stay."""
    invert = m[H_ARCH + P_INVERT]
    if invert != 0:
        valid = m[H_ARCH + P_VALID]
        if (w & valid) == 0:
            w ^= invert
        if pgprot != 0 and (pgprot & valid) == 0:
            w ^= invert
    w = (w & m[H_ARCH + P_KEEP]) | pgprot
    return _derive(m, w) if m[H_ARCH + P_DERIVED] != 0 else w


@kernel
def pte_modify(m: Mem, w: int, prot_index: int) -> int:
    """The present PTE with the protection of V_PROT `prot_index`; frame, accessed and dirty stay."""
    return pte_modify_prot(m, w, vm_page_prot(m, prot_index))


@kernel
def pte_mkwrite(m: Mem, w: int) -> int:
    """The PTE with its write bit set."""
    w = (w & ~m[H_ARCH + P_MKWRITE_CLEAR]) | m[H_ARCH + P_MKWRITE_SET]
    return _derive(m, w) if m[H_ARCH + P_DERIVED] != 0 else w


@kernel
def pte_wrprotect(m: Mem, w: int) -> int:
    """The PTE without its write bit."""
    w = (w & ~m[H_ARCH + P_MKWRITE_SET]) | m[H_ARCH + P_MKWRITE_CLEAR]
    return _derive(m, w) if m[H_ARCH + P_DERIVED] != 0 else w


@kernel
def pte_mkdirty(m: Mem, w: int) -> int:
    """The PTE with its dirty bit set."""
    w |= m[H_ARCH + P_DIRTY]
    return _derive(m, w) if m[H_ARCH + P_DERIVED] != 0 else w


@kernel
def pte_mkclean(m: Mem, w: int) -> int:
    """The PTE without its dirty bit."""
    w &= ~m[H_ARCH + P_DIRTY]
    return _derive(m, w) if m[H_ARCH + P_DERIVED] != 0 else w


@kernel
def pte_mkyoung(m: Mem, w: int) -> int:
    """The PTE with its accessed bit set."""
    w |= m[H_ARCH + P_YOUNG]
    return _derive(m, w) if m[H_ARCH + P_DERIVED] != 0 else w


@kernel
def pte_mkold(m: Mem, w: int) -> int:
    """The PTE without its accessed bit."""
    w &= ~m[H_ARCH + P_YOUNG]
    return _derive(m, w) if m[H_ARCH + P_DERIVED] != 0 else w


# ---- file PTEs (2.6): offset, and with RFP the protection ------------------------------------


@kernel
def _slices(m: Mem, first: int, count: int, x: int) -> int:
    """The slices of `x` described at `first`, put together."""
    w = 0
    for s in range(first, first + 3 * count, 3):
        w |= wrap(((x >> m[s]) & m[s + 1]) << m[s + 2])
    return w


@kernel
def mk_file_pte_prot(m: Mem, pgoff: int, pgprot: int) -> int:
    """The absent PTE that remembers file page `pgoff` and, with RFP, the protection word."""
    w = _slices(m, H_ARCH + P_FILE_IN, 4, pgoff)
    prot = pgprot & m[H_ARCH + P_FPROT_COPY]
    for pair in range(H_ARCH + P_FPROT_MOVE, H_ARCH + P_FPROT_MOVE + 6, 2):
        if (pgprot & m[pair]) != 0:
            prot |= m[pair + 1]
    w = w | prot if m[H_ARCH + P_FILE_OR] != 0 else wrap(w + prot)
    return wrap(w + m[H_ARCH + P_FILE_CONST]) & m[H_ARCH + P_WORD]


@kernel
def mk_file_pte(m: Mem, pgoff: int, prot_index: int) -> int:
    """The absent PTE that remembers file page `pgoff` and, with RFP, protection_map[prot_index]."""
    return mk_file_pte_prot(m, pgoff, m[H_ARCH + A_PROTMAP + prot_index])


@kernel
def pte_to_pgoff(m: Mem, w: int) -> int:
    """The file page that a file PTE names, as the kernel reads it back."""
    return _slices(m, H_ARCH + P_FILE_OUT, 4, w)


@kernel
def file_pte_prot(m: Mem, w: int) -> int:
    """The protection word that a file PTE gives back (pte_file_to_pgprot of the RFP series)."""
    prot = m[H_ARCH + P_FPROT_BASE] | (w & m[H_ARCH + P_FPROT_BACK])
    for case in range(H_ARCH + P_FPROT_CASE, H_ARCH + P_FPROT_CASE + 9, 3):
        prot |= m[case + 1] if (w & m[case]) != 0 else m[case + 2]
    return prot


@kernel
def pte_to_pgprot(m: Mem, w: int) -> int:
    """The protection of a present PTE as the RFP series reads it (RW and PROTNONE on x86)."""
    return m[H_ARCH + P_PGPROT_BASE] | (w & m[H_ARCH + P_PGPROT_MASK])


# ---- swap PTEs and guard markers -------------------------------------------------------------


@kernel
def mk_swap_pte_type(m: Mem, kind: int, offset: int) -> int:
    """The absent PTE for page `offset` of swap area `kind`."""
    w = _slices(m, H_ARCH + P_SWAP_TYPE, 2, kind) | _slices(m, H_ARCH + P_SWAP_OFFSET, 2, offset)
    return ((w ^ m[H_ARCH + P_SWAP_XOR]) | m[H_ARCH + P_SWAP_CONST]) & m[H_ARCH + P_WORD]


@kernel
def _unslice(m: Mem, first: int, w: int) -> int:
    """The inverse of `_slices` for two slices."""
    x = 0
    for s in range(first, first + 6, 3):
        x |= ((w >> m[s + 2]) & m[s + 1]) << m[s]
    return x


@kernel
def pte_swap_type(m: Mem, w: int) -> int:
    """The swap area that a swap PTE names."""
    return _unslice(m, H_ARCH + P_SWAP_TYPE, w ^ m[H_ARCH + P_SWAP_XOR])


@kernel
def pte_swap_offset(m: Mem, w: int) -> int:
    """The page of the swap area that a swap PTE names."""
    return _unslice(m, H_ARCH + P_SWAP_OFFSET, w ^ m[H_ARCH + P_SWAP_XOR])


@kernel
def mk_swap_pte(m: Mem, offset: int) -> int:
    """The absent PTE for page `offset` of the first swap area (offset 0 is the area's header)."""
    return mk_swap_pte_type(m, 0, offset)


@kernel
def mk_guard_pte(m: Mem) -> int:
    """The guard marker: swap type 31, marker bit 2 (include/linux/swapops.h)."""
    return m[H_ARCH + P_GUARD]


# ---- what a person sees ----------------------------------------------------------------------


@kernel
def pte_shown(m: Mem, w: int) -> int:
    """The word as the machine keeps it in memory: UML's marks added, engine-only bits removed."""
    if w == 0:
        return m[H_ARCH + P_EMPTY]
    if pte_present(m, w) == 0:
        return w | m[H_ARCH + P_NEWPAGE]
    return (w & ~m[H_ARCH + P_HIDDEN]) | m[H_ARCH + P_NEWPAGE] | m[H_ARCH + P_NEWPROT]
