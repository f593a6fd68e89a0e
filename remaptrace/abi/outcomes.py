"""Outcomes of an access, as numbers in the engine and as words in reports."""

from __future__ import annotations

OUT_NONE = 0  # not an access
OUT_OK = 1
OUT_MAPERR = 2  # SIGSEGV/SEGV_MAPERR
OUT_ACCERR = 3  # SIGSEGV/SEGV_ACCERR
OUT_BUSERR = 4  # SIGBUS/BUS_ADRERR
OUT_LIVELOCK = 5
OUT_BUG = 6
OUT_OOM = 7
OUT_KERNELSEGV = 8  # SIGSEGV/SI_KERNEL: non-canonical address
OUT_SPURIOUS = 9  # SIGSEGV/SEGV_ACCERR that the program did not ask for (dirty tracking clash)
OUT_UNDELIVERED = 10  # refused by the PTE, and the architecture does not deliver the signal
OUT_WAITS = 11  # the thread sleeps until a userfaultfd provides the page
OUT_POISON = 12  # SIGBUS/BUS_MCEERR_AR: poisoned through userfaultfd
OUT_PKUERR = 13  # SIGSEGV/SEGV_PKUERR: denied by the protection key

NAMES: tuple[str, ...] = (
    "",
    "ok",
    "SIGSEGV/SEGV_MAPERR",
    "SIGSEGV/SEGV_ACCERR",
    "SIGBUS/BUS_ADRERR",
    "LIVELOCK",
    "BUG",
    "OOM",
    "SIGSEGV/SI_KERNEL",
    "SIGSEGV/SEGV_ACCERR (spurious)",
    "UNDELIVERED",
    "WAITS",
    "SIGBUS/BUS_MCEERR_AR",
    "SIGSEGV/SEGV_PKUERR",
)
