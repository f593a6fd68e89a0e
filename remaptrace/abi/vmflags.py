"""VMA flag bits and the two-letter names of /proc/PID/smaps.

Values are those of 6.18 (include/linux/mm.h); flags that only other kernels have live above
bit 40, in the order in which smaps of their kernel lists them. VMFLAG_NAMES is in bit order, which
is the order of the VmFlags line.
"""

from __future__ import annotations

VM_READ = 0x1
VM_WRITE = 0x2
VM_EXEC = 0x4
VM_SHARED = 0x8
VM_MAYREAD = 0x10
VM_MAYWRITE = 0x20
VM_MAYEXEC = 0x40
VM_MAYSHARE = 0x80
VM_GROWSDOWN = 0x100
VM_UFFD_MISSING = 0x200
VM_PFNMAP = 0x400
VM_MAYBE_GUARD = 0x800
VM_UFFD_WP = 0x1000
VM_LOCKED = 0x2000
VM_IO = 0x4000
VM_SEQ_READ = 0x8000
VM_RAND_READ = 0x10000
VM_DONTCOPY = 0x20000
VM_DONTEXPAND = 0x40000
VM_LOCKONFAULT = 0x80000
VM_ACCOUNT = 0x100000
VM_NORESERVE = 0x200000
VM_HUGETLB = 0x400000
VM_SYNC = 0x800000
VM_WIPEONFORK = 0x2000000
VM_DONTDUMP = 0x4000000
VM_SOFTDIRTY = 0x8000000
VM_MIXEDMAP = 0x10000000
VM_HUGEPAGE = 0x20000000
VM_NOHUGEPAGE = 0x40000000
VM_MERGEABLE = 0x80000000
PKEY_SHIFT = 32  # VM_PKEY_BIT0..3: four bits with the number of a protection key
VM_PKEY = 0xF << PKEY_SHIFT
VM_DROPPABLE = 1 << 40
VM_SEALED = 1 << 42
VM_NONLINEAR = 1 << 44  # 2.6: 0x00800000
VM_MANYPROTS = 1 << 45  # RFP series: 0x01000000
VM_DENYWRITE = 1 << 46  # 2.6: 0x800
VM_EXECUTABLE = 1 << 47  # 2.6: 0x1000
VM_RESERVED = 1 << 48  # 2.6: 0x80000

VM_UFFD_MINOR = 1 << 41
VM_UFFD = VM_UFFD_MISSING | VM_UFFD_WP | VM_UFFD_MINOR  # __VM_UFFD_FLAGS

VM_ACCESS = VM_READ | VM_WRITE | VM_EXEC

VMFLAG_NAMES: tuple[tuple[int, str], ...] = (
    (VM_READ, "rd"),
    (VM_WRITE, "wr"),
    (VM_EXEC, "ex"),
    (VM_SHARED, "sh"),
    (VM_MAYREAD, "mr"),
    (VM_MAYWRITE, "mw"),
    (VM_MAYEXEC, "me"),
    (VM_MAYSHARE, "ms"),
    (VM_GROWSDOWN, "gd"),
    (VM_UFFD_MISSING, "um"),
    (VM_PFNMAP, "pf"),
    (VM_MAYBE_GUARD, "gu"),
    (VM_UFFD_WP, "uw"),
    (VM_LOCKED, "lo"),
    (VM_IO, "io"),
    (VM_SEQ_READ, "sr"),
    (VM_RAND_READ, "rr"),
    (VM_DONTCOPY, "dc"),
    (VM_DONTEXPAND, "de"),
    (VM_LOCKONFAULT, "lf"),
    (VM_ACCOUNT, "ac"),
    (VM_NORESERVE, "nr"),
    (VM_HUGETLB, "ht"),
    (VM_SYNC, "sf"),
    (VM_WIPEONFORK, "wf"),
    (VM_DONTDUMP, "dd"),
    (VM_SOFTDIRTY, "sd"),
    (VM_MIXEDMAP, "mm"),
    (VM_HUGEPAGE, "hg"),
    (VM_NOHUGEPAGE, "nh"),
    (VM_MERGEABLE, "mg"),
    (VM_DROPPABLE, "dp"),
    (VM_UFFD_MINOR, "ui"),
    (VM_SEALED, "sl"),
    (VM_NONLINEAR, "nl"),
    (VM_MANYPROTS, "mp"),
)


def pkey_of(flags: int) -> int:
    """The protection key of an area."""
    return (flags & VM_PKEY) >> PKEY_SHIFT


PERMS_TOLD, PERMS_FLAGS_SHIFT = 1 << 4, 8
"""In `vm_perms` of an area that was there before: its flags are told, above the four permissions."""
_BITS = {word: bit for bit, word in VMFLAG_NAMES}


def bits_of_words(text: str) -> int:
    """The flags of a VmFlags line; words of other architectures and kernels are passed over."""
    return sum({_BITS.get(word, 0) for word in text.split()})
