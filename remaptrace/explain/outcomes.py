"""Outcomes of an access, and the traps of the per-PTE series."""

from __future__ import annotations

OUTCOMES: dict[str, str] = {
    ("ok"): (
        "The access was done. 'minor' counts the page faults it took that needed no input or output, "
        "'major' those that read a page from a file or from swap."
    ),
    ("SIGSEGV/SEGV_MAPERR"): (
        "No VMA holds the address (and no stack may grow over it): SIGSEGV with si_code 1."
    ),
    ("SIGSEGV/SEGV_ACCERR"): (
        "A VMA holds the address, but its protection, or the page's own protection in its PTE, does not "
        "allow the access; or the page is a guard marker: SIGSEGV with si_code 2."
    ),
    "SIGSEGV/SEGV_PKUERR": "The area's protection key, by the thread's own rights (PKRU), does not allow the access: "
    "SIGSEGV with si_code 4.",
    "SIGBUS/BUS_ADRERR": "The page lies behind the end of the file or object that the VMA maps: SIGBUS.",
    "SIGSEGV/SI_KERNEL": "The address is not canonical on this architecture: the processor reports a general "
    "protection fault without an address.",
    ("LIVELOCK"): (
        "The same fault repeats for ever: the kernel finds nothing to refuse, the processor keeps refusing. "
        "A real task would burn its processor until killed; the replay stops the task. See T2."
    ),
    ("BUG"): (
        "The kernel stops itself at a BUG() check: on architectures without support for per-PTE protections "
        "that meet a PTE which the generic code wrote.  See T5."
    ),
    "OOM": "The fault handler takes the unknown refusal code for 'out of memory' and kills the task. See T5.",
    ("SIGSEGV/SEGV_ACCERR (spurious)"): (
        "The program was allowed to write, but the page was write-protected because it is clean (dirty "
        "tracking of files with write-back, since 2.6.19). With per-PTE protections the fault handler "
        "cannot tell this from a protection that was asked for, and refuses. shmem has no dirty tracking."
    ),
    "WAITS": "A userfaultfd is told of the fault, and the thread sleeps until the page is provided.",
    "SIGBUS/BUS_MCEERR_AR": "The page was poisoned through userfaultfd (UFFDIO_POISON): SIGBUS.",
    "UNDELIVERED": "The PTE refuses the access and the architecture's handler does not deliver the signal.",
}

TRAPS: dict[str, str] = {
    ("T1"): (
        "Lost flag. In the posted series remap_file_pages marks a VMA as having many protections only when "
        "the VMA was not non-linear yet. After a plain remap_file_pages a later MAP_CHGPROT call writes "
        "protections into the PTEs, but faults go by the VMA's protection: the requested one is lost. "
        "Kernel: linux-2.6.21-rfp; linux-2.6.21-rfp-intended sets the flag in either case."
    ),
    ("T2"): (
        "Write fault on an absent read-only page. The access kind is not checked when a file PTE is "
        "installed; in a VMA mapped writable a write makes the PTE writable although the page was remapped "
        "read-only. If the page was remapped PROT_NONE the PTE ends with the none bit and the write bit, "
        "and the fault repeats for ever (LIVELOCK). The intended preset refuses every access that the "
        "page's protection does not allow."
    ),
    ("T3"): (
        "Exec is not kept. On i386, x86_64 and um a file PTE keeps 'write' and 'none' only: NX is lost, "
        "every readable page can be executed after remapping. The intended preset keeps exec where the PTE "
        "has a bit for it."
    ),
    ("T4"): (
        "mprotect is refused only at the first VMA. A range that starts in an ordinary VMA and runs into "
        "one with many protections is not refused with EACCES; present PTEs change, file PTEs do not. The "
        "intended preset refuses the whole range before anything changes."
    ),
    ("T5"): (
        "Architectures without support compile with dummy macros: the protection is dropped from the file "
        "PTE and their fault handlers do not know the new refusal. What follows differs by architecture: "
        "BUG, an out-of-memory kill, an endless refault, a read that slips through."
    ),
}
