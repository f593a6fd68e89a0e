"""Signals, their codes, kinds of access, and the bits of a recorded page fault."""

from __future__ import annotations

SIGSEGV, SIGBUS = 11, 7
SIGNALS: dict[str, int] = {"SIGBUS": SIGBUS, "SIGSEGV": SIGSEGV, "SIGKILL": 9, "SIGILL": 4, "SIGTRAP": 5}
SIGCODES: dict[str, int] = {
    "SEGV_MAPERR": 1,
    "SEGV_ACCERR": 2,
    "SEGV_BNDERR": 3,
    "SEGV_PKUERR": 4,
    "BUS_ADRALN": 1,
    "BUS_ADRERR": 2,
    "BUS_OBJERR": 3,
    "BUS_MCEERR_AR": 4,
    "BUS_MCEERR_AO": 5,
    "SI_KERNEL": 128,
    "SI_USER": 0,
}

SEGV_MAPERR, SEGV_ACCERR, SEGV_PKUERR, BUS_ADRERR, BUS_MCEERR_AR, SI_KERNEL = 1, 2, 4, 2, 4, 128

ACC_READ, ACC_WRITE, ACC_EXEC = 0, 1, 2
"""What an access wants."""

# error code of a page fault as x86 pushes it, which recordings carry (arch/x86/include/asm/trap_pf.h)
PF_PROT, PF_WRITE, PF_USER, PF_RSVD, PF_FETCH, PF_PK = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
PF_KIND = PF_PROT | PF_WRITE | PF_USER | PF_FETCH
PF_UNSURE, PF_UNKNOWN = 0x100, 0x200
"""Ours: whether a page was there was not recorded; nor what kind of access it was."""
"""The bits that say what kind of access faulted, and on what."""
